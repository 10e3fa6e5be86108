# SPDX-License-Identifier: GPL-3.0-or-later
"""More than it can do: who is refused and who is not, memory that runs out, tables that are full (X-7, X-9, X-11, T-3 of tables)."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from attack import CALLEE, KNOWN, SHIPPED, House, message, said, sanitized, size, stranger
from margrave import Peer, header, status

LAB = SHIPPED.replace('"shield";', '"shield"; zones = ( { zone = "lab"; limit = false; } );').replace('relay = "known"', 'relay = "any"') + \
    'accept_risk = ( "open-relay" );\n'


# what it used decides how long it rests: on a busy machine the signal that stops it comes late
THROTTLE = """import os, signal, sys, time
pid, run, rest = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
clock = (~pid << 3) | 2
try:
    while os.getppid() > 1:
        before = time.clock_gettime(clock)
        os.kill(pid, signal.SIGCONT); time.sleep(run); os.kill(pid, signal.SIGSTOP)
        time.sleep(min(0.2, max(rest, (time.clock_gettime(clock) - before) * rest / run)))
finally:
    os.kill(pid, signal.SIGCONT)
"""


def branch(text: str) -> str:
    return re.search(r"branch=([^;\s]+)", text)[1]


class Throttled:
    """The process that carries traffic gets a small share of the time, as under a quota: it runs some milliseconds and is stopped for as long as it has to
    pay for them. A quota of a control group would be the same, but not every machine lets us have one; and mgload could not bring it to its limits otherwise."""

    def __init__(self, house: House, run_ms: float, rest_ms: float):
        self.pid = house.child()
        self.process = subprocess.Popen([sys.executable, "-c", THROTTLE, str(self.pid), str(run_ms / 1e3), str(rest_ms / 1e3)])

    def __enter__(self) -> "Throttled":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)


class Probe(threading.Thread):
    """Requests of one class by the clock, whatever becomes of them: who waited for an answer before would ask less when many are refused.
    Sent once: no retransmission hides a refusal. What is refused with an answer is found by its branch, since Timer G repeats it."""

    def __init__(self, house: House, source: str, method: str, uri: str, *lines: str, rate: float = 20, **change: str):
        super().__init__()
        self.house, self.source, self.method, self.uri, self.lines, self.rate, self.change = house, source, method, uri, lines, rate, change
        self.results: list[int] = []
        self.retry: list[int] = []
        self.waiting: set[str] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        with Peer(self.source) as peer:
            due = time.monotonic()
            while not self.ended.is_set():
                text = message(self.method, self.uri, peer.host, peer.port, "UDP", *self.lines, **self.change)
                self.waiting.add(branch(text.decode("latin-1")))
                peer.send(text, self.house.address)
                due += 1 / self.rate
                self.take(peer, due)
            self.take(peer, time.monotonic() + 1.5)
        self.results += [0] * len(self.waiting)

    def take(self, peer: Peer, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            answer = peer.receive(left)
            if answer and status(answer) != 100 and branch(answer) in self.waiting:
                self.waiting.remove(branch(answer))
                self.results.append(status(answer))
                self.retry += [int(value) for value in header(answer, "Retry-After")]

    def refused(self, *, silence: bool = True) -> float:
        """The share that got a 503, a 480 or nothing."""
        return sum(code in (480, 503) or (silence and code == 0) for code in self.results) / max(1, len(self.results))


class Callee(threading.Thread):
    """Answers everything with 200, or an INVITE with 486, at once."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((CALLEE, 0))
        self.address = self.socket.getsockname()

    def run(self) -> None:
        while True:
            try:
                text, peer = self.socket.recvfrom(65536)
            except OSError:
                return
            request = text.decode("latin-1")
            if request.startswith(("ACK", "SIP/2.0")):
                continue
            code = "486 Busy" if request.startswith("INVITE") else "200 OK"
            lines = [line + (";tag=c" if line.startswith("To:") and "tag=" not in line else "") for line in request.split("\r\n")
                     if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
            with contextlib.suppress(OSError):
                self.socket.sendto("\r\n".join([f"SIP/2.0 {code}", *lines, "Content-Length: 0", "", ""]).encode(), peer)


@pytest.fixture(name="callee")
def quick_callee():
    callee = Callee()
    callee.start()
    yield callee
    callee.socket.close()


def test_refusals_come_in_order_and_no_bye_is_lost(tmp_path, callee):
    """Calls of a trunk at several times what it can do, hundreds of calls that are up and hang up meanwhile, and one prober for each class."""
    if sanitized():
        pytest.skip("capacity under a sanitizer means nothing")
    to = "sip:x@%s:%d" % callee.address
    with House(tmp_path, workers=1, modules=LAB, extra="log = { level = \"info\"; };\n") as house:
        with Peer(KNOWN) as caller, Peer(CALLEE) as other:
            answer, routes, _ = dialog(house, caller, other)
            party = {"From": header(answer, "From")[0], "To": header(answer, "To")[0], "Call_ID": header(answer, "Call-ID")[0]}
        held = house.load("held", rate=200, calls=size(500, 2000), hold_ms=size(6000, 20000), seconds=size(3, 11), timeout_ms=20000)
        with held, contextlib.ExitStack() as stack:
            time.sleep(size(3, 11))
            stack.enter_context(Throttled(house, 1, 10))
            probes = {
                "emergency": Probe(house, KNOWN, "INVITE", to.replace("sip:x", "sip:112")),
                "trunk": Probe(house, KNOWN, "INVITE", to),
                "user": Probe(house, stranger(1), "INVITE", to),
                "refresh": Probe(house, KNOWN, "REGISTER", f"sip:{callee.address[0]}:{callee.address[1]}"),
                "register": Probe(house, stranger(2), "REGISTER", f"sip:{callee.address[0]}:{callee.address[1]}"),
                "rest": Probe(house, stranger(3), "MESSAGE", to),
                "claim": Probe(house, KNOWN, "MESSAGE", to, To=f"<{to}>;tag=invented"),
                "dialog": Probe(house, KNOWN, "PRACK", to, *routes, **party),
            }
            with house.load("over", rate=2500, seconds=size(6, 120), uac="127.33.0.2:0", timeout_ms=8000) as over:
                time.sleep(1.5)
                for probe in probes.values():
                    probe.start()
                time.sleep(size(4, 60))
                for probe in probes.values():
                    probe.ended.set()
                for probe in probes.values():
                    probe.join()
                over.wait(60)
            held.process.wait(timeout=90)
        shares = {name: probe.refused() for name, probe in probes.items()}
        calls = over.result["calls"]
        lines = said(house, r"ev=overload why=\w+ act=refuse")
        print(f"over: {calls} {over.result['causes']}; refused {({n: round(s, 2) for n, s in shares.items()})}, "
              f"{ {n: len(p.results) for n, p in probes.items()} }; {len(lines)} lines")
        assert calls["refused"] > 0.2 * calls["started"], "it was not overloaded"
        # sent once: a full socket of the kernel may lose some, as it may any datagram
        assert probes["emergency"].refused(silence=False) == 0 and probes["dialog"].refused(silence=False) == 0, shares
        assert shares["emergency"] <= 0.1 and shares["dialog"] <= 0.1, shares
        assert shares["trunk"] <= shares["user"] + 0.1 and shares["user"] <= shares["rest"] + 0.1 and shares["user"] <= shares["register"] + 0.1
        assert shares["rest"] > 0.6 and shares["claim"] > 0.6 and shares["trunk"] < 1.0, shares
        assert calls["in_time"] >= 0.5 * calls["answered"], "what is let in takes too long"
        assert "no_bye_answer" not in over.result["causes"] and "bye_status" not in over.result["causes"]
        assert lines, "it does not say that it refuses"
        retry = [value for probe in probes.values() for value in probe.retry]
        assert set(retry) <= set(range(1, 11)) and (len(retry) < 50 or len(set(retry)) >= 7), sorted(set(retry))
        held.clean()
        # and back: in five seconds whole
        with house.load("back", rate=50):
            time.sleep(3)
        with house.load("after", rate=50) as after:
            time.sleep(2)
        assert after.clean()["refused"] == 0


def dialog(house: House, caller: Peer, callee: Peer) -> tuple[str, list[str], str]:
    """Set up a call; returns the Contact's URI, the routes and the To of the caller's side."""
    uri = f"sip:bob@{callee.host}:{callee.port}"
    caller.send(message("INVITE", uri, caller.host, caller.port), house.address)
    invite = callee.receive(5)
    assert invite and invite.startswith("INVITE"), invite
    lines = [line for line in invite.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
    callee.send("\r\n".join(["SIP/2.0 200 OK", *lines, f"To: <{uri}>;tag=b", f"Contact: <{uri}>", "Content-Length: 0", "", ""]), house.address)
    while status(answer := caller.receive(5)) == 100:
        pass
    assert status(answer) == 200, answer
    return answer, [f"Route: {value}" for value in header(answer, "Record-Route")], uri


def in_dialog(method: str, answer: str, routes: list[str], uri: str, caller: Peer, cseq: int) -> bytes:
    return message(method, uri, caller.host, caller.port, "UDP", *routes, CSeq=f"{cseq} {method}", From=header(answer, "From")[0],
                   To=header(answer, "To")[0], Call_ID=header(answer, "Call-ID")[0])


def test_the_memory_ceiling_refuses_what_is_new_and_keeps_what_is(tmp_path):
    """X-11: below 90 % all, above it nothing new but emergencies; and again all when there is room."""
    with House(tmp_path) as house, Peer(KNOWN) as caller, Peer(CALLEE) as callee:
        answer, routes, uri = dialog(house, caller, callee)
        caller.send(in_dialog("ACK", answer, routes, uri, caller, 1), house.address)
        assert callee.receive(5).startswith("ACK")
        whole = house.extra
        house.extra = "overload = { memory_max_mib = 16; };\n"
        # fill it with what is under way: requests that nobody answers
        with Peer(CALLEE) as silent:
            body = "x" * 12000
            for i in range(800):
                caller.send(message("MESSAGE", f"sip:s@{silent.host}:{silent.port}", caller.host, caller.port, "UDP", "Content-Type: a/b", body=body),
                            house.address)
                if i % 20 == 19:
                    time.sleep(0.02)
            house.write(house.text())
            house.reload()
            time.sleep(2.5)
            assert house.rss() > 15 << 20
            with Peer(KNOWN) as other:
                other.send(message("INVITE", uri, other.host, other.port), house.address)
                refused = other.receive(5)
                assert status(refused) == 503 and 1 <= int(header(refused, "Retry-After")[0]) <= 10, refused
                other.send(message("INVITE", f"sip:112@{silent.host}:{silent.port}", other.host, other.port), house.address)
                while (got := silent.receive(5)) and "sip:112@" not in got:
                    pass
                assert got, "an emergency call was not let through"
            caller.send(in_dialog("BYE", answer, routes, uri, caller, 2), house.address)
            while (got := callee.receive(5)) and not got.startswith("BYE"):
                pass
            assert got, "the BYE of a call that is up was refused"
        house.wait_log(r"ev=overload why=memory act=refuse", 5)
        assert house.metric("sip_refused_memory_total") > 0
        house.extra = whole
        house.write(house.text())
        house.reload()
        time.sleep(1.5)
        with Peer(KNOWN) as other:
            other.send(message("INVITE", uri, other.host, other.port), house.address)
            while (got := callee.receive(5)) and not got.startswith("INVITE"):
                pass
            assert got


def test_transactions_run_out(tmp_path):
    """The table names itself; calls that are up go on; and when its entries have gone, so do new ones."""
    extra = "transactions = { servers_max = 1000; clients_max = 1000; t1_ms = 100; };\noverload = { transactions_percent = 100; };\n"
    with House(tmp_path, extra=extra, workers=1) as house, Peer(KNOWN) as caller, Peer(CALLEE) as callee, Peer(CALLEE) as silent:
        answer, routes, uri = dialog(house, caller, callee)
        caller.send(in_dialog("ACK", answer, routes, uri, caller, 1), house.address)
        assert callee.receive(5).startswith("ACK")
        uri_silent = f"sip:s@{silent.host}:{silent.port}"
        with Peer("127.33.0.9") as filler:
            for i in range(1300):  # half of them say that they are in a dialog
                change = {"To": f"<{uri_silent}>;tag=invented"} if i % 2 else {}
                filler.send(message("MESSAGE", uri_silent, filler.host, filler.port, **change), house.address)
                if i % 50 == 49:
                    time.sleep(0.01)
            caller.send(in_dialog("INFO", answer, routes, uri, caller, 2), house.address)
            assert (callee.receive(5) or "").startswith("INFO"), "the table has no room for a call that is up"
            assert house.metric("txn_servers") >= 800, "it was not full"
            refusals = [got for got in iter(lambda: filler.receive(0.5), None) if status(got) != 100]
            assert refusals and all(status(got) == 503 and header(got, "Retry-After") for got in refusals), refusals
        line = house.wait_log(r"ev=table_full table=server_transactions max=1000 act=refuse n=\d+", 5)
        assert line
        assert house.metric("txn_servers") <= 1001
        house.wait_metric("txn_servers", lambda v: v < 100, 20)
        caller.send(in_dialog("BYE", answer, routes, uri, caller, 3), house.address)
        while (got := callee.receive(5)) and not got.startswith("BYE"):
            pass
        assert got
        assert len(said(house, "ev=table_full")) <= 4


@pytest.mark.parametrize("trust,code", [("phones", 480), ("carrier", 503)])
def test_a_full_table_refuses_as_overload_does(tmp_path, trust, code):
    """X-7: an INVITE of a phone gets 480, because it would take us for dead; and all are told when to come again."""
    extra = "transactions = { servers_max = 1000; clients_max = 1000; };\noverload = { transactions_percent = 100; };\n"
    with House(tmp_path, extra=extra, workers=1, zone=f'trust = "{trust}";') as house, Peer(KNOWN) as filler, Peer(CALLEE) as silent:
        filler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        to = f"sip:s@{silent.host}:{silent.port}"
        until = time.monotonic() + 10
        while house.metric("txn_servers_refused_total") < 20 and time.monotonic() < until:
            for _ in range(100):
                filler.send(message("INVITE", to, filler.host, filler.port), house.address)
            time.sleep(0.01)
        refusals = [got for got in iter(lambda: filler.receive(0.5), None) if status(got) != 100]
        assert len(refusals) >= 20
        assert {(status(got), 1 <= int((header(got, "Retry-After") or ["0"])[0]) <= 10) for got in refusals} == {(code, True)}
        house.wait_log(r"ev=table_full table=server_transactions max=1000 act=refuse n=\d+", 5)


def test_connections_run_out(tmp_path):
    """The table of connections names itself, and its reserve is for the known."""
    with House(tmp_path, zone="conns_per_source = 1000;", extra="transport = { connections_max = 64; handshakes_max = 8; };\n") as house:
        held = []
        for i in range(70):
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.bind((stranger(i % 10), 0))
            with contextlib.suppress(OSError):
                s.connect(house.address)
            held.append(s)
        house.wait_log(r"ev=conn_cap .*why=full", 5)
        for i in range(10):
            with Peer(f"127.33.0.{i + 1}", tcp_to=house.address) as known:
                known.send(message("OPTIONS", f"sip:127.0.0.1:{house.port}", known.host, known.port, "TCP"))
                assert status(known.receive(5)) == 200
        for s in held:
            s.close()
        assert re.search(r"why=full", house.log_text())
