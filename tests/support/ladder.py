# SPDX-License-Identifier: GPL-3.0-or-later
"""Call flows as ladders, one row a message, and the two sipp scenarios that are made of one; for more than two, a script for each.

A is the caller, B the callee. A row is ("A" or "B", method or status, header lines or SDP...), or ("A" or "B", "wait", milliseconds).
A status answers the request that came last from the other side, or the one that is named: ("B", "200 INVITE"). What a proxy says by
itself (100, the ACK to a refusal, the 200 to a CANCEL) stands in the ladder where both sides see it, or nowhere (100).
"""
import contextlib
import subprocess
from pathlib import Path

from margrave import Sipp, free_port

SDP = "SDP"
FRESH = "FRESH"  # an INVITE once more, outside of a dialog: with credentials, or after a redirection
ONCE = "ONCE"    # never sent again, so that sipp does not wait for what it brings before it goes on
SELF = "SELF"    # a response that only one side knows: of the proxy itself
BODY = ("v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\nm=audio 40000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\n")
URI = {"A": "sip:alice@example.com", "B": "sip:bob@example.net"}


class Side:
    """The scenario of one side, as it grows."""

    def __init__(self, me: str, hops: int):
        self.me, self.other = me, "B" if me == "A" else "A"
        self.hops = hops
        self.xml: list[str] = []
        self.index = 0  # of the next message of the scenario
        self.cseq = 0 if me == "A" else 100
        self.invite_index = 0
        self.invite_cseq = 0
        self.dialog = False
        self.saved: set[str] = set()
        self.tagged: dict[str, bool] = {}  # whether the To of the last request of a method had a tag
        self.last_seen = ""  # method of the request that came last
        self.hundred = False
        self.final = 0
        self.aim = "sip:bob@[remote_ip]:[remote_port]"  # whom it calls
        self.forked = False  # several callees ring: only the 2xx says where the dialog leads, and sipp remembers the first it hears

    def tag(self) -> str:
        return f";tag=[call_number]{self.me.lower()}[pid]"

    # ---- what is sent ----

    def _send(self, lines: list[str], extra: tuple, retrans: bool) -> None:
        body = BODY if SDP in extra else ""
        lines += [line for line in extra if line not in (SDP, FRESH, ONCE, SELF)]
        lines += ["Content-Type: application/sdp"] * bool(body) + ["Content-Length: [len]", "", body.rstrip("\n")]
        text = "\n".join(lines).rstrip("\n") + "\n\n" * (not body)
        again = ' retrans="500"' if retrans and ONCE not in extra else ""
        self.xml.append(f"<send{again}><![CDATA[\n{text}\n]]></send>")
        self.index += 1

    def request(self, method: str, extra: tuple) -> bool:
        """Send one; returns whether its To has a tag."""
        refusal = method == "ACK" and self.final >= 300
        outside = not self.dialog or FRESH in extra or refusal or method == "CANCEL"
        uri = "[next_url]" if not outside else self.aim
        branch = f"[branch-{self.index - self.invite_index}]" if refusal or method == "CANCEL" else "[branch]"
        if method in ("ACK", "CANCEL"):
            cseq = self.invite_cseq
        else:
            self.cseq += 1
            cseq = self.cseq
        tagged = not outside or refusal
        to = f"To: <{URI[self.other]}>{'[peer_tag_param]' if tagged else ''}" if self.me == "A" else "To:[$from]"
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport",
                 "Max-Forwards: 70", f"From: <{URI[self.me]}>{self.tag()}", to,
                 "Call-ID: [call_id]", f"CSeq: {cseq} {method}",
                 f"Contact: <sip:{self.me.lower()}@[local_ip]:[local_port];transport=[transport]>"]
        if not outside:
            # sipp turns the order of several Record-Routes round for a callee too
            lines += ["[routes]"] if self.me == "A" else [f"Route:[$rr{i}]" for i in range(1, self.hops + 1)]
        if method == "INVITE":
            self.invite_index, self.invite_cseq, self.final = self.index, cseq, 0
        self._send(lines, extra, retrans=method != "ACK")
        if method not in ("ACK", "CANCEL"):
            self.hundred = method == "INVITE"
        return tagged

    def response(self, status: str, method: str, extra: tuple) -> None:
        tag = "" if self.tagged[method] else self.tag()
        if method == self.last_seen:
            vias = ["[last_Via:]", "[last_Record-Route:]", "[last_From:]", f"[last_To:]{tag}", "[last_Call-ID:]", "[last_CSeq:]"]
        else:
            vias = [f"Via:[$via{i}]" for i in range(1, self.hops + 2)]
            vias += [f"Record-Route:[$rr{i}]" for i in range(1, self.hops + 1)]
            vias += ["From:[$from]", f"To: <{URI[self.me]}>{self.tag()}", "Call-ID: [call_id]", "CSeq:[$cseq]"]
        contact = [f"Contact: <sip:{self.me.lower()}@[local_ip]:[local_port];transport=[transport]>"] if status < "300" else []
        self._send([f"SIP/2.0 {status} Reason"] + vias + contact, extra, retrans=method == "INVITE" and status >= "200")
        if method in ("INVITE", "SUBSCRIBE") and status < "300":
            self.dialog = True
        if method == "INVITE":
            self.final = int(status)

    # ---- what is received ----

    def heard_request(self, method: str, tagged: bool) -> None:
        self.tagged[method] = tagged
        save = ""
        if method in ("INVITE", "SUBSCRIBE") and not self.dialog:
            rows = [f'<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="{i}" assign_to="via{i}"/>' for i in range(1, self.hops + 2)]
            rows += [f'<ereg regexp=".*" search_in="hdr" header="Record-Route:" occurrence="{i}" assign_to="rr{i}"/>'
                     for i in range(1, self.hops + 1)]
            rows += [f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{name.lower()}"/>' for name in ("CSeq", "From")]
            save = "<action>" + "".join(rows) + "</action>"
            self.saved |= {f"via{i}" for i in range(1, self.hops + 2)} | {f"rr{i}" for i in range(1, self.hops + 1)} | {"cseq", "from"}
        self.xml.append(f'<recv request="{method}" rrs="true" timeout="12000">{save}</recv>')
        self.index += 1
        if method != "ACK":
            self.last_seen = method

    def heard_response(self, status: str, method: str) -> None:
        if method == "INVITE" and self.hundred and status != "100":
            self.xml.append('<recv response="100" optional="true"></recv>')
            self.index += 1
            self.hundred = False
        rrs = ' rrs="true"' if not self.forked or (method == "INVITE" and status[0] == "2") else ""
        self.xml.append(f'<recv response="{status}"{rrs} timeout="12000"></recv>')
        self.index += 1
        if method in ("INVITE", "SUBSCRIBE") and status < "300":
            self.dialog = True
        if method == "INVITE":
            self.final = int(status)

    def wait(self, ms: int) -> None:
        self.xml.append(f'<pause milliseconds="{ms}"/>')
        self.index += 1

    def text(self, name: str) -> str:
        names = sorted(self.saved)
        refer = f'<Reference variables="{",".join(names)}"/>\n' if names else ""
        return ('<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
                f'<scenario name="{name} {self.me}">\n' + "\n".join(self.xml) + f"\n{refer}</scenario>\n")


def scenarios(name: str, ladder: list[tuple], hops: int = 1) -> dict[str, str]:
    """The two scenarios of a ladder."""
    sides = {me: Side(me, hops) for me in "AB"}
    asked = {"A": "", "B": ""}  # the request that each sent last
    for who, what, *extra in ladder:
        me, other = sides[who], sides["B" if who == "A" else "A"]
        if what == "wait":
            me.wait(extra[0])
        elif what[0].isdigit():
            status, method = (what.split() + [asked[other.me]])[:2]
            if SELF not in extra:
                me.response(status, method, tuple(extra))
            other.heard_response(status, method)
        else:
            tagged = me.request(what, tuple(extra))
            if SELF not in extra:
                other.heard_request(what, tagged)
            if what != "ACK":
                asked[who] = what
    return {me: side.text(name) for me, side in sides.items()}


def script(name: str, me: str, rows: list[tuple], aim: str = "") -> str:
    """The scenario of one of several sides, as it looks from there.

    me         "A" calls `aim`; anybody else is called.
    rows       (">", method or status, header lines or SDP...) is sent, ("<", method or status) received, ("wait", milliseconds).
    """
    side = Side("A" if me == "A" else "B", 1)
    side.aim = aim or side.aim
    side.forked = True
    asked = {">": "", "<": ""}
    for word, what, *extra in rows:
        if word == "wait":
            side.wait(what)
        elif what[0].isdigit():
            status, method = (what.split() + [asked["<" if word == ">" else ">"]])[:2]
            if word == ">":
                side.response(status, method, tuple(extra))
            else:
                side.heard_response(status, method)
        else:
            if word == ">":
                side.request(what, tuple(extra))
            else:
                side.heard_request(what, side.dialog or what == "ACK")
            if what != "ACK":
                asked[word] = what
    return side.text(f"{name} {me}")


COMMON = ("-timeout", "50s", "-timeout_error", "-trace_err", "-default_behaviors", "none")


def play_all(folder: Path, name: str, scripts: dict[str, list[tuple]], aim: str, proxy: tuple[str, int], ports: dict[str, int], calls: int = 10,
             rate: int = 20) -> None:
    """Let sipp play a caller, "A", and callees at their ports: every call must come out as each of them is told."""
    files = {me: folder / f"{name}-{me}.xml" for me in scripts}
    for me, rows in scripts.items():
        files[me].write_text(script(name, me, rows, aim), encoding="latin-1")
    with contextlib.ExitStack() as stack:
        running = {}
        for me in sorted(scripts, reverse=True):  # the caller last
            to = ["-r", str(rate), f"{proxy[0]}:{proxy[1]}"] if me == "A" else []
            port = ports.get(me) or free_port()
            running[me] = Sipp(folder, f"{name}-{me}", "-sf", str(files[me]), "-p", str(port), "-i", proxy[0], "-m", str(calls),
                               "-error_file", f"{name}-{me}.err", *COMMON, *to)
            stack.callback(running[me].end)
            if me != "A":
                _listening(port)
        _judge(folder, name, running)


def play(folder: Path, name: str, ladder: list[tuple], proxy: tuple[str, int], calls: int = 20, rate: int = 40, hops: int = 1,
         uas: tuple[str, int] | None = None) -> None:
    """Let sipp play both sides through the proxy: every call must come out as the ladder says.

    uas        Where the callee listens, when somebody has to know it beforehand.
    """
    files = {}
    for me, text in scenarios(name, ladder, hops).items():
        files[me] = folder / f"{name}-{me}.xml"
        files[me].write_text(text, encoding="latin-1")
    host, port = uas or ("127.0.0.1", free_port())
    common = ["-i", host, "-m", str(calls), *COMMON]
    callee = Sipp(folder, f"{name}-B", "-sf", str(files["B"]), "-p", str(port), "-error_file", f"{name}-B.err", *common)
    try:
        _listening(port)
        caller = Sipp(folder, f"{name}-A", "-sf", str(files["A"]), "-p", str(free_port()), "-r", str(rate),
                      "-rsa", f"{proxy[0]}:{proxy[1]}", "-error_file", f"{name}-A.err", *common, f"{host}:{port}")
        try:
            _judge(folder, name, {"A": caller, "B": callee})
        finally:
            caller.end()
    finally:
        callee.end()


def _listening(port: int) -> None:
    """Wait until somebody has the UDP port."""
    for _ in range(200):
        with open("/proc/net/udp", encoding="ascii") as table:
            if f":{port:04X} " in table.read():
                return
        subprocess.run(["sleep", "0.02"], check=True)
    raise AssertionError(f"nobody listens on {port}")


def _judge(folder: Path, name: str, running: dict[str, Sipp]) -> None:
    codes = {me: sipp.process.wait() for me, sipp in running.items()}
    if not any(codes.values()):
        return
    said = []
    for side in sorted(running):
        file = folder / f"{name}-{side}.err"
        if file.exists():
            said.append(f"---- {file.name}\n{file.read_text(errors='replace')[:3000]}")
        said.append(f"---- sipp-{name}-{side}.log\n{(folder / f'sipp-{name}-{side}.log').read_text(errors='replace')[-2500:]}")
    raise AssertionError(f"flow {name}: sipp ended with {codes}\n" + "\n".join(said))
