# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything at once under sanitizers: calls by UDP, TCP and TLS, mutated messages from those we know and from strangers, and reloads. 30 s each for a
commit, ten minutes with MARGRAVE_FULL=1. Afterwards nothing is left in any table."""
import contextlib
import os
import random
import re
import socket
import threading
import time

import pytest
from attack import CALLEE, ROOT, SHIPPED, House, build_of, connect, message, size, stranger
from test_overload import Callee

SECONDS = size(30, 600)
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "FOO")


def seeds() -> list[bytes]:
    files = sorted((ROOT / "tests/torture").glob("*.dat")) + sorted(f for f in (ROOT / "tests/fuzz/corpus/message").iterdir() if f.is_file())
    return [file.read_bytes() for file in files]


class Mutator(threading.Thread):
    """Sends what was right once: as it is, with bytes changed, cut, doubled, spliced, and sent to somebody who answers."""

    def __init__(self, house: House, source: str, targets: list[tuple[str, int]], stream: bool, rate: float, seed: int):
        super().__init__(daemon=True)
        self.house, self.source, self.targets, self.stream, self.rate = house, source, targets, stream, rate
        self.random = random.Random(seed)
        self.seeds, self.ended, self.sent = seeds(), threading.Event(), 0
        self.fault = None
        self.calls = [f"call{seed}-{i}" for i in range(20)]

    def fresh(self, host: str, port: int) -> bytes:
        """A good request of a few calls, so that requests meet their transactions."""
        some, method = self.random, self.random.choice(METHODS)
        uri = "sip:x@%s:%d" % some.choice(self.targets) if some.random() < 0.9 else f"sip:127.0.0.1:{self.house.port}"
        call, kind = some.choice(self.calls), "TCP" if self.stream else "UDP"
        branch = "z9hG4bK" + call + ("" if method in ("ACK", "CANCEL", "INVITE") else method) + str(some.randrange(40))
        return message(method, uri, host, port, kind, Call_ID=call, From=f"<sip:a@{host}>;tag=1", Via=f"SIP/2.0/{kind} {host}:{port};branch={branch};rport",
                       CSeq=f"{some.randrange(1, 5)} {method}", To=f"<{uri}>" + some.choice(("", "", ";tag=c")))

    def mutate(self, data: bytes) -> bytes:
        some, out = self.random, bytearray(data)
        for _ in range(some.choice((0, 0, 1, 1, 2, 4, 16))):
            at = some.randrange(len(out) or 1)
            how = some.randrange(6)
            if how == 0 and out:
                out[at:at + 1] = bytes([some.randrange(256)])
            elif how == 1:
                out[at:at] = some.choice((b"\r\n", b",", b";", b"\"", b"<", b"%00", b"\0", b" ", b":", b"@", b"[", b"9" * 12, b"\xff"))
            elif how == 2:
                del out[at:at + some.randrange(1, 20)]
            elif how == 3:
                end = min(len(out), at + some.randrange(1, 200))
                out[at:at] = out[at:end] * some.randrange(1, 4)
            elif how == 4:
                other = some.choice(self.seeds)
                cut = some.randrange(len(other) or 1)
                out[at:] = other[cut:]
            else:
                lines = bytes(out).split(b"\r\n")
                some.shuffle(lines)
                out = bytearray(b"\r\n".join(lines))
        return bytes(out[:60000])

    def next(self, host: str, port: int) -> bytes:
        if self.random.random() < 0.4:
            return self.mutate(self.fresh(host, port)) if self.random.random() < 0.5 else self.fresh(host, port)
        data = self.random.choice(self.seeds)
        if self.random.random() < 0.7:  # to somebody who is there
            to = "%s:%d" % self.random.choice(self.targets)
            data = re.sub(rb"(sips?:)([^@>\s;]*@)?[\w.\-]+(:\d+)?", lambda found: b"sip:" + (found[2] or b"") + to.encode(), data)
        return self.mutate(data)

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                if self.stream:
                    self.one_stream()
                else:
                    self.datagrams()
        except Exception as fault:  # pylint: disable=broad-exception-caught
            self.fault = fault  # told by end()

    def datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((self.source, 0))
            s.setblocking(False)
            for _ in range(500):
                if self.ended.wait(1 / self.rate):
                    return
                with contextlib.suppress(OSError):
                    s.sendto(self.next(*s.getsockname()), self.house.address)
                    self.sent += 1
                with contextlib.suppress(OSError):
                    while s.recv(65536):
                        pass

    def one_stream(self) -> None:
        with contextlib.suppress(OSError), connect(self.house.address, self.source, 2.0) as s:
            for _ in range(self.random.randrange(1, 10)):
                data = self.next(*s.getsockname())
                cut = self.random.randrange(len(data) + 1)
                for part in (data[:cut], data[cut:]):
                    s.sendall(part)
                    self.sent += 1
                    if self.ended.wait(0.5 / self.rate):
                        return
            s.settimeout(0.01)
            while s.recv(65536):
                pass

    def end(self) -> None:
        self.ended.set()
        self.join(20)
        assert not self.fault, self.fault


def variants(house: House) -> list[str]:
    """Configurations between which it goes to and fro."""
    text = house.text()
    return [
        text,
        text.replace("t1_ms = 100", "t1_ms = 150"),
        text.replace('{ name = "shield"; }', '{ name = "shield"; requests_per_s = 50; }'),
        text.replace('relay = "known"', f'relay = "known"; rules = ( {{ domain = "example.com"; hops = ( {{ uri = "sip:{CALLEE}:9"; }} ); }} )'),
        text + 'log = { level = "warning"; };\n',
        # behind the others: what is under way on a listener that goes away goes with it
        text.replace(f'"tls:127.0.0.1:{house.port_tls}"', f'"tls:127.0.0.1:{house.port_tls}", "udp:127.0.0.2:{house.port}"'),
        "this is no configuration",
    ]


def soak(house: House, seed: int) -> str:
    """Everything against one daemon. Returns what there was of it."""
    with contextlib.ExitStack() as stack:
        child = house.child()
        callees = [Callee(), Callee()]
        for callee in callees:
            callee.start()
            stack.callback(callee.socket.close)
        silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind((CALLEE, 0))
        targets = [callee.address for callee in callees] + [silent.getsockname()]
        loads = [house.load("udp", rate=40),
                 house.load("tcp", rate=10, transport="tcp", uac="127.33.0.3:0"),
                 house.load("tls", rate=4, transport="tls", conn="per-call", proxy=f"127.0.0.1:{house.port_tls}", uac="127.33.0.4:0", ca=house.certs.ca,
                            server_name="localhost"),
                 house.load("junk", rate=0, flood="junk", flood_rate=200, flood_sources=500)]
        mutators = [Mutator(house, "127.33.9.1", targets, False, 300, seed), Mutator(house, "127.33.9.2", targets, True, 100, seed + 1),
                    Mutator(house, stranger(5), targets, False, 30, seed + 2), Mutator(house, stranger(6), targets, True, 30, seed + 3)]
        begin, reloads, configs = time.monotonic(), 0, variants(house)
        with contextlib.ExitStack() as running:
            for load in loads:
                running.enter_context(load)
            for mutator in mutators:
                mutator.start()
                running.callback(mutator.end)
            while time.monotonic() - begin < SECONDS:
                time.sleep(0.5)
                house.write(configs[reloads % len(configs)])
                house.reload()
                reloads += 1
            house.write(configs[0])
            house.reload()
        figures = house.metrics()
        assert house.child() == child, f"it was restarted:\n{house.log_text()[-6000:]}"
        for load in loads[:3]:
            calls = load.result["calls"]
            assert calls["completed"] >= 0.999 * calls["started"] - 1 > 0, f"{calls} {load.result['causes']} {load.result['status']}"
        # Timer D is 32 s whatever T1 is (RFC 3261 table 4), and an INVITE that nobody answers takes 64*T1 before it
        for name in ("txn_live", "sip_requests", "route_requests", "chain_waiting", "txn_servers", "txn_clients"):
            house.wait_metric(name, lambda v: v == 0, 60)
        house.wait_metric("tp_connections", lambda v: v <= 2, 60)
        return (f"{sum(m.sent for m in mutators)} mutated messages, {reloads} reloads, {figures['margrave_sip_requests_total']} requests, "
                f"{figures['margrave_sip_malformed_total']} malformed, calls {[load.result['calls'] for load in loads[:3]]}, "
                f"causes {[load.result['causes'] for load in loads[:3]]}")


class Soaking(threading.Thread):
    """One build's soak, beside the other's: for the most part both wait."""

    def __init__(self, folder, certs, kind: str, seed: int):
        super().__init__()
        self.house = House(folder, certs=certs, extra="transactions = { t1_ms = 100; };\n", modules=SHIPPED)
        self.kind, self.seed, self.said, self.fault = kind, seed, "", None

    def run(self) -> None:
        try:
            self.said = soak(self.house, self.seed)
        except BaseException as fault:  # pylint: disable=broad-exception-caught
            self.fault = fault
        try:
            self.house.stop()  # tells what a sanitizer said
        except BaseException as fault:  # pylint: disable=broad-exception-caught
            self.fault = fault


@pytest.fixture(scope="module", name="soaked")
def both_builds(tmp_path_factory, certs):
    threads = {}
    before = os.environ.get("MARGRAVE_BIN")
    for seed, kind in ((1, "asan"), (11, "tsan")):
        if folder := build_of(kind):
            threads[kind] = Soaking(tmp_path_factory.mktemp(kind), certs, kind, seed)
            os.environ["MARGRAVE_BIN"] = str(folder)
            threads[kind].house.start()
    os.environ.pop("MARGRAVE_BIN", None)
    if before:
        os.environ["MARGRAVE_BIN"] = before
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join()
    return threads


@pytest.mark.parametrize("kind", ["asan", "tsan"])
def test_all_at_once(soaked, kind):
    if kind not in soaked:
        pytest.skip(f"SKIP: no {kind} build: set MARGRAVE_BIN_{kind.upper()}")
    print(f"{kind}: {soaked[kind].said}")
    if soaked[kind].fault:
        raise soaked[kind].fault
