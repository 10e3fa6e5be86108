# SPDX-License-Identifier: GPL-3.0-or-later
"""Margrave beside other proxies: two of our own in a row, Kamailio before and behind us, requests that run in circles through both."""
import contextlib
import shutil
import subprocess

import pytest
from ladder import play
from margrave import Daemon, Peer, free_port, header
from talk import ack_of, again, hop_ack, reply, request, target, until
from test_flows import FLOWS

# One child: of two a 200 may overtake its 180.
KAMAILIO = """#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
use_dst_blocklist=off
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {{
	if (!mf_process_maxfwd_header("{hops}")) {{
		sl_send_reply("483", "Too Many Hops");
		exit;
	}}
	if (is_method("CANCEL")) {{
		if (t_check_trans()) t_relay();
		exit;
	}}
	if (has_totag()) {{
		if (!loose_route() && is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
		t_relay();
		exit;
	}}
	if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
	if (is_method("INVITE")) t_check_trans();
	{to}
	t_relay();
}}
"""


class Kamailio:
    """Kamailio in the foreground that sends all new requests to one address, or to their Request-URI."""

    def __init__(self, folder, port: int, to: int = 0):
        self.port = port
        self.log = folder / f"kamailio-{port}.log"
        config = folder / f"kamailio-{port}.cfg"
        config.write_text(KAMAILIO.format(port=port, hops=70, to=f'$du = "sip:127.0.0.1:{to}";' if to else ""), encoding="ascii")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-w", folder, "-Y", folder, "-P", folder / f"{port}.pid",
                                             "-f", config], stdout=log, stderr=log)

    def __enter__(self) -> "Kamailio":
        with Peer() as probe:
            for _ in range(100):
                probe.send(request(probe, "OPTIONS", f"sip:x@127.0.0.1:{probe.port}", Max_Forwards="0"), ("127.0.0.1", self.port))
                if probe.receive(0.1):
                    return self
        self.__exit__()
        raise AssertionError(self.log.read_text(errors="replace"))

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def margrave(folder, name: str, port: int, to: int = 0) -> Daemon:
    """A daemon that sends all new requests to one address, or to their Request-URI."""
    folder = folder / name
    folder.mkdir()
    rules = f'rules = ( {{ domain = "*"; sources = "any"; hops = ( {{ uri = "sip:127.0.0.1:{to}"; }} ); }} );' if to else 'relay = "any";'
    return Daemon(folder, (
        f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\ntransactions = {{ t1_ms = 200; }};\n'
        f'modules = ( {{ name = "sanity"; }}, {{ name = "acl"; }}, {{ name = "route"; {rules} }} );\naccept_risk = ( "open-relay" );\n'))


KINDS = ["margrave-margrave", "margrave-kamailio", "kamailio-margrave"]


@pytest.fixture(scope="module", name="chains")
def running_chains(tmp_path_factory):
    """Two proxies in a row of each kind: the address of the first of each."""
    folder = tmp_path_factory.mktemp("neighbours")
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        first = {}
        for kind in KINDS:
            if "kamailio" in kind and not shutil.which("kamailio"):
                continue
            a, b = free_port(), free_port()
            one, two = kind.split("-")
            stack.enter_context(Kamailio(folder, b) if two == "kamailio" else margrave(folder, f"{kind}-b", b))
            stack.enter_context(Kamailio(folder, a, b) if one == "kamailio" else margrave(folder, f"{kind}-a", a, b))
            first[kind] = ("127.0.0.1", a)
        yield first


ACROSS = ["3.2-call", "3.2-callee-hangs-up", "3.3-challenge", "3.7-re-invite", "3.8-no-answer", "3.9-busy", "prack", "update", "refer", "subscribe", "message"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ACROSS)
def test_flow(chains, tmp_path, kind, name):
    if kind not in chains:
        pytest.skip("no kamailio here")
    play(tmp_path, name, FLOWS[name], chains[kind], hops=2, calls=10)


@pytest.mark.parametrize("kind", KINDS)
def test_two_proxies_on_the_path(chains, kind):
    """Record-Routes of both, each taken off by its own, to either side."""
    if kind not in chains:
        pytest.skip("no kamailio here")
    with Peer() as uac, Peer() as uas:
        text = request(uac, "INVITE", target(uas))
        uac.send(text, chains[kind])
        got = until(uas, "INVITE")
        assert len(header(got, "Via")) == 3 and len(header(got, "Record-Route")) == 2
        last = ("127.0.0.1", int(header(got, "Via")[0].split(";")[0].rsplit(":", 1)[1]))
        uas.send(reply(got, 200, f"Contact: <{target(uas)}>"), last)
        answer = until(uac, 200)
        uac.send(ack_of(uac, text, answer), chains[kind])
        ack = until(uas, "ACK")
        assert not header(ack, "Route") and len(header(ack, "Via")) == 3
        back = [f"Route: {value}" for value in header(got, "Record-Route")]
        uas.send(request(uas, "INFO", target(uac, "alice"), *back, From=header(answer, "To")[0], To=header(text, "From")[0],
                         Call_ID=header(text, "Call-ID")[0]), last)
        info = until(uac, "INFO")
        assert not header(info, "Route") and len(header(info, "Via")) == 3
        uac.send(reply(info, 200), chains[kind])
        until(uas, 200)
        uac.send(again(uac, "BYE", text, answer), chains[kind])
        bye = until(uas, "BYE")
        assert not header(bye, "Route") and bye.startswith(f"BYE {target(uas)} ")
        uas.send(reply(bye, 200), last)
        until(uac, 200)


@pytest.mark.parametrize("other", ["margrave", "kamailio"])
def test_circle_through_both(tmp_path, other):
    """Each sends everything to the other: it ends by 482 when we see it again unchanged, not after 70 hops (RFC 5393 §4.2)."""
    if other == "kamailio" and not shutil.which("kamailio"):
        pytest.skip("no kamailio here")
    tmp_path.chmod(0o755)
    a, b = free_port(), free_port()
    with margrave(tmp_path, "a", a, b) as ours, (Kamailio(tmp_path, b, a) if other == "kamailio" else margrave(tmp_path, "b", b, a)), Peer() as uac:
        text = request(uac, "INVITE", "sip:bob@circle.test")
        uac.send(text, ("127.0.0.1", a))
        answer = until(uac, 482)
        uac.send(hop_ack(text, answer), ("127.0.0.1", a))
        figures = ours.metrics()
        assert figures["margrave_route_loops_total"] == 1
        assert figures["margrave_route_forwarded_total"] == 1
