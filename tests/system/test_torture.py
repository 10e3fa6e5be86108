# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of RFC 4475 and RFC 5118 against the running daemon, over UDP and TCP: what each must come to, and that it lives on.

The daemon sends everything on to one callee that answers 200, so a message that a proxy must take arrives there, and arrives unharmed. What
is answered here, and where a malformed request is met with silence, follows the rows of tests/torture/torture_test.c: answered is a request
whose Via, From, To, Call-ID and CSeq are well formed, and no other.
"""
import contextlib
import os
import re
import time

import pytest
from margrave import ROOT, Daemon, Peer, free_port, header, status
from talk import request as sip_request
from uas import Uas

MESSAGES = ROOT / "tests/torture"
ON = "on"      # sent on, and the callee's answer comes back
SILENCE = 0
WAITS = "waits"  # on a stream: it goes on before the message is whole, and the connection is closed in the end
HOME = f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}.1"  # its ports are ours: answers go to the port of the Via

# file: over UDP, over TCP, whether the connection is closed then, why
EXPECTED = {
    # RFC 4475 §3.1.1: valid
    "wsinv": (403, 403, False, "a Route to others, from a stranger and in no dialog (F-3)"),
    "intmeth": (ON, ON, False, "a method nobody knows is passed on"),
    "esc01": (ON, ON, False, ""),
    "escnull": (ON, ON, False, "a REGISTER for another domain is passed on"),
    "esc02": (ON, ON, False, ""),
    "lwsdisp": (ON, ON, False, ""),
    "longreq": (ON, ON, False, "34 Vias, long everything"),
    "dblreq": (ON, ON, True, "the second request of the datagram is no part of it; on a stream, five bytes follow that begin no message"),
    "semiuri": (ON, ON, False, ""),
    "transports": (ON, ON, False, ""),
    "mpart01": (403, 403, False, "a Route to others (F-3)"),
    "unreason": (SILENCE, SILENCE, False, "a response that answers nothing of ours"),
    "noreason": (SILENCE, SILENCE, False, "a response that answers nothing of ours"),
    # §3.1.2: invalid
    "badinv01": (SILENCE, SILENCE, False, "no well-formed Via to answer to"),
    "clerr": (400, WAITS, True, "Content-Length beyond the datagram; on a stream the rest may still come"),
    "ncl": (400, 400, True, "negative Content-Length: nothing on the stream can be found any more"),
    "scalar02": (SILENCE, SILENCE, False, "CSeq beyond 2^32"),
    "scalarlg": (SILENCE, SILENCE, False, "a response"),
    "quotbal": (SILENCE, SILENCE, False, "a To that ends nowhere"),
    "ltgtruri": (400, 400, False, "<> around the Request-URI"),
    "lwsruri": (400, 400, False, "blanks in the Request-URI"),
    "lwsstart": (400, 400, False, "blanks between the parts of the request line"),
    "trws": (400, 400, False, "blanks behind the version"),
    "escruri": (400, 400, False, "headers in the Request-URI"),
    "baddate": (ON, ON, False, "Date is none of a proxy's business"),
    "regbadct": (400, 400, False, "Contact without <> and with a ?"),
    "badaspec": (SILENCE, SILENCE, False, "a To without <> and with blanks"),
    "baddn": (SILENCE, WAITS, True, "no blank line"),
    "badvers": (505, 505, False, ""),
    "mismatch01": (400, 400, False, "method and CSeq differ"),
    "mismatch02": (400, 400, False, "method and CSeq differ"),
    "bigcode": (SILENCE, SILENCE, False, "a response"),
    # §3.2 to §3.4
    "badbranch": (400, 400, False, "nothing behind the cookie"),
    "insuf": (SILENCE, SILENCE, False, "no Call-ID, From, To"),
    "unkscm": (416, 416, False, ""),
    "novelsc": (416, 416, False, ""),
    "unksm2": (ON, ON, False, "To and From may be of any scheme"),
    "bext01": (420, 420, False, "Proxy-Require"),
    "invut": (ON, ON, False, "bodies are the callee's"),
    "regaut01": (ON, ON, False, "so is who may register"),
    "multi01": (SILENCE, SILENCE, False, "two of what there is one"),
    "mcl01": (400, 400, True, "two Content-Lengths"),
    "bcast": (SILENCE, SILENCE, False, "a response"),
    "zeromf": (200, 200, False, "who gets OPTIONS with its last hop answers it as if it were for him (§11)"),
    "cparam01": (ON, ON, False, ""),
    "cparam02": (ON, ON, False, ""),
    "regescrt": (ON, ON, False, ""),
    "sdp01": (ON, ON, False, ""),
    "inv2543": (ON, 400, True, "no branch, no tags; without a Content-Length it has no end on a stream"),
    # RFC 5118
    "ipv6-good": (ON, ON, False, ""),
    "ipv6-bad": (400, 400, False, "no brackets"),
    "port-ambiguous": (ON, ON, False, ""),
    "port-unambiguous": (ON, ON, False, ""),
    "via-received-param-with-delim": (ON, ON, False, ""),
    "via-received-param-no-delim": (ON, ON, False, ""),
    "ipv6-in-sdp": (ON, ON, False, ""),
    "mult-ip-in-header": (ON, ON, False, ""),
    "mult-ip-in-sdp": (ON, ON, False, ""),
    "ipv4-mapped-ipv6": (ON, ON, False, ""),
    "ipv6-bug-abnf-3-colons": (ON, ON, False, ""),
    "ipv6-correct-abnf-2-colons": (ON, ON, False, ""),
}


class Callee(Uas):
    """Answers whatever form a message has, by lines as they came; and only what waits for an answer."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        super().__init__()

    def answer(self, message: str) -> str | None:
        if message.startswith(("SIP/2.0", "ACK ")):
            return None
        lines = re.split(r"\r\n(?![ \t])", message.split("\r\n\r\n", 1)[0])[1:]
        via = next(line for line in lines if re.match(r"(?i)(via|v)\s*:", line))
        if via not in self.seen:  # else the proxy sends it again, because the answer took its time
            self.seen.add(via)
            self.got.append(message)
        kept = [line for line in lines if re.match(r"(?i)(via|v|from|f|to|t|call-id|i|cseq|record-route)\s*:", line)]
        return "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])


class World:
    def __init__(self, folder, stack: contextlib.ExitStack):
        self.uas = stack.enter_context(Callee())
        port = free_port()
        self.address = ("127.0.0.1", port)
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); complete_s = 2; conns_per_source = 1000; }} );\n'
            f'modules = ( {{ name = "sanity"; }}, {{ name = "acl"; }}, {{ name = "route"; rules = ( {{ domain = "*"; sources = "any"; '
            f'hops = ( {{ uri = "sip:127.0.0.1:{self.uas.port}"; }} ); }} ); }} );\naccept_risk = ( "open-relay" );\n'), workers=1))

    def probe(self, peer: Peer) -> str:
        """A request that is answered at once: what came before it has been read by then."""
        return sip_request(peer, "OPTIONS", f"sip:127.0.0.1:{self.address[1]}", Call_ID="probe")


@pytest.fixture(scope="module", name="world", params=["udp", "tcp"])
def running_world(tmp_path_factory, request):
    """A daemon for each: it would take what it has had by UDP for retransmissions."""
    with contextlib.ExitStack() as stack:
        world = World(tmp_path_factory.mktemp("torture"), stack)
        world.transport = request.param
        yield world


def message(name: str) -> bytes:
    """The bytes of the file; of the branches that many of them share, the last characters differ, or one would be a retransmission of the other."""
    data = (MESSAGES / f"{name}.dat").read_bytes()
    number = list(EXPECTED).index(name)
    return re.sub(rb"z9hG4bK(kdjuw|as3-111)", lambda found: found[0][:-3] + b"%03d" % number, data, count=1)


def test_every_message_has_a_row():
    assert {file.stem for file in MESSAGES.glob("*.dat")} == set(EXPECTED)


def via_port(data: bytes) -> int:
    """Where the message wants its answer."""
    found = re.search(rb"(?im)^(?:via|v)\s*:\s*sip\s*/\s*2\.0\s*/\s*\S+\s+(\[[^]]*\]|[^\s:;,]+)\s*(?::\s*(\d+))?", data)
    return int(found[2] or 5060) if found else 5060


def arrived(world: World, data: bytes, since: int) -> None:
    """The callee got it, with the body and the unknown headers as they were."""
    end = time.monotonic() + 5
    while len(world.uas.got) == since and time.monotonic() < end:
        time.sleep(0.01)
    got = world.uas.got[since].encode("latin-1")
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
    if length:
        body = body[:int(length[1])]
    assert got.split(b"\r\n\r\n", 1)[1] == body
    changed = re.compile(rb"(?i)(via|v|max-forwards|content-length|l|route)\s*:")
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")[1:]:
        if not changed.match(line):
            assert line in re.sub(rb"\r\n[ \t]+", b" ", got), line


def settle(world: World, peer: Peer, name: str, data: bytes, expected: int | str) -> None:
    """Read answers until the probe's has come and what is expected has."""
    since = len(world.uas.got)
    peer.send(data, world.address)
    peer.send(world.probe(peer), world.address)
    answer, probed, code = SILENCE, False, 200 if expected == ON else expected
    end = time.monotonic() + 3
    while time.monotonic() < end and not (probed and answer == code):
        came = peer.receive(1)
        if came and header(came, "Call-ID") == ["probe"]:
            probed = True
        elif status(came) >= 200:
            answer = status(came)
    assert probed
    assert answer == code, EXPECTED[name][3]
    if expected == SILENCE:
        assert peer.receive(0.05) is None
    if expected == ON:
        arrived(world, data, since)
    else:
        assert len(world.uas.got) == since


def on_a_stream(world: World, name: str, data: bytes) -> None:
    _, expected, closed, why = EXPECTED[name]
    with Peer(HOME, tcp_to=world.address) as peer:
        if not closed:
            settle(world, peer, name, data, expected)
            return
        since = len(world.uas.got)
        peer.send(data)
        answers = []
        while (answer := peer.receive(8)):
            answers.append(status(answer))
        assert answer == "", "it is still open"
        final = [code for code in answers if code >= 200]
        if expected == ON:  # closed before the callee could answer
            arrived(world, data, since)
        else:
            assert final == ([] if expected == WAITS else [expected]), why
            assert len(world.uas.got) == since


@pytest.mark.parametrize("name", EXPECTED)
def test_message(world, name):
    data = message(name)
    if world.transport == "tcp":
        on_a_stream(world, name, data)
        return
    with Peer(HOME, via_port(data)) as peer:
        settle(world, peer, name, data, EXPECTED[name][0])


def test_it_lives_on(world):
    assert world.proxy.child() and "signal" not in world.proxy.log_text()
    with Peer() as peer:
        peer.send(world.probe(peer), world.address)
        assert status(peer.receive()) == 200
