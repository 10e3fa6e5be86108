# SPDX-License-Identifier: GPL-3.0-or-later
"""Floods by UDP, from one source and from thousands, and what strangers get out of us (X-1, X-2, T-10, A-5, X-12, O-12)."""
import contextlib
import select
import socket
import time

import pytest
from attack import CALLEE, KNOWN, SHIPPED, House, connect, log_bound, message, said, sanitized, size, stranger
from margrave import Peer, header, status

KINDS = ("options", "register", "invite", "junk")
SHORT_T1 = "transactions = { t1_ms = 100; };\n"
GROWTH = 5 << 20


def settle(house: House, rate: int = 50) -> None:
    """Calls as they will be beside the flood, for longer than their transactions linger: what grows afterwards is the flood's."""
    with house.load("settle", rate=rate) as load:
        time.sleep(size(7, 40))
    load.clean()


def flood_and_judge(house: House, kind: str, sources: int, rate: int, seconds: int) -> None:
    after = len(house.log_text())
    with house.load("good", rate=50, t1_ms=500) as good:
        time.sleep(1)
        before, peak, begin = house.rss(), 0, time.monotonic()
        with house.load(f"flood-{kind}", rate=0, seconds=seconds, flood=kind, flood_rate=rate, flood_sources=sources, flood_source="127.66.0.1:0") as flood:
            while flood.process.poll() is None:
                peak = max(peak, house.rss())
                time.sleep(0.1)
        lasted = time.monotonic() - begin
        time.sleep(1.0)
        house.wait_metric("sip_queue_delay_us", lambda us: us < 50000, 5)
    sent, answered = flood.result["flood"]["sent"], flood.result["flood"]["answered"]
    calls = good.clean(0.999)
    print(f"{kind} from {sources}: {sent / lasted:.0f}/s, {answered} answered, RSS +{(peak - before) / 1048576:.2f} MiB, "
          f"{calls['completed']} of {calls['started']} calls, answer p99 {good.result['latency_ms']['answer']['p99']:.1f} ms, "
          f"log {len(house.log_text()) - after} bytes")
    assert sent > 0.5 * rate * seconds and answered <= sent
    # what a source may be answered, 20 at once and 5 a second, and never more than all strangers are heard
    assert answered <= min(sources * (20 + 5 * (lasted + 1)), 4000 + 2000 * (lasted + 1)), answered
    log_bound(house, lasted, after)
    if not sanitized():
        assert peak - before <= GROWTH, f"{(peak - before) / 1048576:.2f} MiB"


@pytest.fixture(scope="module", name="house")
def running_house(tmp_path_factory):
    with House(tmp_path_factory.mktemp("flood"), extra=SHORT_T1) as house:
        settle(house)
        yield house


@pytest.mark.parametrize("kind", KINDS)
def test_one_source(house, kind):
    flood_and_judge(house, kind, 1, size(20000, 100000), size(2, 600))
    assert house.metric("shield_throttled_source_total") > 0
    assert said(house, r"ev=flood .*act=throttle")


@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_sources(house, kind):
    """At five messages a second each."""
    flood_and_judge(house, kind, 10000, size(15000, 50000), size(2, 600))
    assert house.metric("shield_throttled_all_total") > 0
    assert house.metric("shield_sources") <= 131072


def test_more_sources_than_the_table_holds(tmp_path):
    """LRU: the table names itself once, and who is known stays so."""
    modules = SHIPPED.replace('"shield";', '"shield"; sources_max = 1024;')
    with House(tmp_path, extra=SHORT_T1, modules=modules) as house:
        flood_and_judge(house, "register", 20000, size(10000, 50000), size(3, 60))
        assert house.metric("shield_sources") <= 1024
        assert house.metric("shield_evicted_total") > 0
        assert 1 <= len(said(house, r"ev=table_full table=sources")) <= size(3, 10)


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_junk_counts_against_its_source(house, way):
    """What is no SIP, by datagrams and by connections, leaves less for the requests of its address, and takes nothing from its neighbour."""
    us, to = f"sip:127.0.0.1:{house.port}", ("127.0.0.1", house.port)
    bad, good = (stranger(n + (10 if way == "tcp" else 0), "127.67") for n in (0, 1))
    throttled, offences = house.metric("shield_throttled_source_total"), house.metric("shield_offences_total")
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s, contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as t:
        s.bind((bad, 0))
        t.bind((good, 0))
        t.settimeout(2)
        for _ in range(10):
            if way == "udp":
                s.sendto(b"\x16\x03\x01 this is no SIP\r\n\r\n", to)
            else:
                with contextlib.suppress(OSError), connect(to, bad) as c:
                    c.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    c.recv(10)
        for _ in range(40):  # with the ten, less than the 60 that a stranger may send at once
            s.sendto(message("OPTIONS", us, *s.getsockname()), to)
        t.sendto(message("OPTIONS", us, *t.getsockname()), to)
        assert t.recv(2000).startswith(b"SIP/2.0 200 ")
    house.wait_metric("shield_offences_total", lambda value: value == offences + 10, 5)
    house.wait_metric("shield_throttled_source_total", lambda value: value > throttled + 10, 5)  # the kernel's part is counted once a second


METHODS = ["OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "MESSAGE", "BYE", "CANCEL", "ACK", "PRACK", "UPDATE", "INFO", "REFER",
           "FOO", "X", "HELLO", "options", "Z9"]


def tiny(method: str, host: str, port: int, extra: str = "", uri: str = "sip:a") -> bytes:
    """As short as it can be: an answer has to be small too."""
    return (f"{method} {uri} SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK{time.monotonic_ns():x}\r\nf:sip:a;tag=1\r\nt:sip:a\r\n"
            f"i:{time.monotonic_ns():x}\r\nCSeq:1 {method}\r\n{extra}\r\n").encode()


def baits(house: House, host: str, port: int, n: int) -> bytes:
    """The n-th request that might get an answer larger than itself."""
    us = f"sip:127.0.0.1:{house.port}"
    method = METHODS[n % len(METHODS)]
    forms = [
        lambda: message(method, us, host, port),
        lambda: message(method, f"sip:9999{n}@example.com", host, port),
        lambda: tiny(method, host, port),
        lambda: tiny(method, host, port, uri=us),
        lambda: tiny(method, host, port, "Max-Forwards:0\r\n", us),
        lambda: tiny(method, host, port, "Require:a\r\nProxy-Require:b\r\n", us),
        lambda: tiny(method, host, port, "".join(f"Via:SIP/2.0/UDP {i};branch=z9hG4bK{i}\r\n" for i in range(20)), us),
        lambda: message(method, "foo:bar", host, port),
        lambda: message(method, us, host, port, To=f"<{us}>;tag=x"),
        lambda: message(method, us, host, port, CSeq="1 WRONG"),
        lambda: message(method, us, host, port, "UDP", "Content-Length: 99999"),
        lambda: message(method, us, host, port).replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1),
        lambda: message(method, us, host, port, "UDP", "Content-Type: a/b", "Content-Encoding: gzip", body="x"),
        lambda: b"\r\n\r\n",
    ]
    return forms[n // len(METHODS) % len(forms)]()


def drain(sockets, got: dict) -> None:
    for s in select.select(sockets, [], [], 0)[0]:
        with contextlib.suppress(BlockingIOError):
            while True:
                data = s.recv(65536)
                got["packets"] += 1
                got["bytes"] += len(data)


def test_no_amplification(tmp_path):
    """T-10: for a stranger at most one answer a request, at most one and a half times as large, and never again."""
    total = size(6000, 60000)
    with House(tmp_path, extra=SHORT_T1) as house, house.load("good", rate=20) as good:
        sockets, sent, got = [], {"packets": 0, "bytes": 0}, {"packets": 0, "bytes": 0}
        worst = 0.0
        for i in range(200):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((stranger(i), 0))
            s.setblocking(False)
            sockets.append(s)
        for n in range(total):
            s = sockets[n // 7 % len(sockets)]
            data = baits(house, *s.getsockname(), n)
            s.sendto(data, house.address)
            sent["packets"] += 1
            sent["bytes"] += len(data)
            if n % 50 == 49:
                drain(sockets, got)
                time.sleep(0.02)
        time.sleep(1.0)
        drain(sockets, got)
        # each alone: what one request got
        single = 0
        for n in range(len(METHODS) * 14):
            s = sockets[n % len(sockets)]
            data = baits(house, *s.getsockname(), n)
            s.sendto(data, house.address)
            one = {"packets": 0, "bytes": 0}
            time.sleep(0.015)
            drain([s], one)
            single += one["packets"]
            if one["packets"]:
                assert one["packets"] == 1, f"{one} to {data[:300]!r}"
                assert one["bytes"] <= 1.5 * len(data), f"{one} to {data[:300]!r}"
                worst = max(worst, one["bytes"] / len(data))
        again = {"packets": 0, "bytes": 0}
        time.sleep(size(3, 35))
        drain(sockets, again)
        for s in sockets:
            s.close()
    print(f"amplification: {sent['packets']} sent, {got['packets'] / sent['packets']:.2f} packets and {got['bytes'] / sent['bytes']:.2f} bytes a packet and byte, "
          f"worst {worst:.2f} of {single} looked at alone, {again['packets']} late")
    assert got["packets"] > 100 and single > 20, "nothing was answered: this shows nothing"
    assert got["packets"] <= sent["packets"] and got["bytes"] <= 1.5 * sent["bytes"]
    assert again["packets"] == 0, "something was sent again"
    good.clean()


def test_replays_to_a_stranger_are_within_his_bucket(tmp_path):
    """Where everybody may call, and that is accepted, his call is one: he gets what the callee says, and again with each retransmission. But those are requests too:
    60 at once and 20 a second, which bounds what a forged source gets."""
    modules = SHIPPED.replace('relay = "known"', 'relay = "any"') + 'accept_risk = ( "open-relay" );\n'
    with House(tmp_path, workers=1, modules=modules) as house, Peer(stranger(1)) as mallory, Peer(CALLEE) as callee:
        invite = message("INVITE", f"sip:x@{callee.host}:{callee.port}", mallory.host, mallory.port)
        begin = time.monotonic()
        mallory.send(invite, house.address)
        got = callee.receive(5)
        lines = [line for line in got.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
        callee.send("\r\n".join(["SIP/2.0 180 Ringing", *lines, f"To: {header(got, 'To')[0]};tag=c", "Content-Length: 0", "", ""]), house.address)
        while status(answer := mallory.receive(5)) == 100:
            pass
        assert status(answer) == 180
        for _ in range(size(500, 5000)):
            mallory.send(invite, house.address)
            time.sleep(0.003)
        replays = sum(1 for _ in iter(lambda: mallory.receive(0.5), None))
        most = 60 + 20 * (time.monotonic() - begin)
        print(f"{replays} replays, {most:.0f} requests may he send")
        assert 30 <= replays <= most
        house.wait_metric("shield_throttled_source_total", lambda value: value >= size(500, 5000) - most, 5)


def test_strangers_reach_nobody(tmp_path):
    """A-5, F-1: every method to a callee behind us; nothing arrives there, and nothing is kept."""
    with House(tmp_path) as house, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callee:
        callee.bind((CALLEE, 0))
        callee.settimeout(1.0)
        to = "sip:bob@%s:%d" % callee.getsockname()
        for i, method in enumerate(METHODS):
            for route in ("", f"Route: <sip:127.0.0.1:{house.port};lr>", f"Route: <{to};lr>", f"Route: <sip:127.0.0.1:{house.port};lr>, <{to};lr>"):
                for tag in ("", ";tag=guessed"):
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        s.bind((stranger(i), 0))
                        host, port = s.getsockname()
                        s.sendto(message(method, to, host, port, "UDP", *([route] if route else []), To=f"<{to}>{tag}"), house.address)
        with pytest.raises(TimeoutError):
            print(callee.recv(65536).decode())
        figures = house.metrics()
        assert figures["margrave_txn_servers"] == figures["margrave_txn_clients"] == figures["margrave_txn_live"] == figures["margrave_sip_requests"] == 0
        assert figures["margrave_txn_servers_total"] == 0


def test_methods_that_nobody_serves(tmp_path):
    """X-12: addressed to us, the 14 methods and 5 invented ones: the exact answer, without state."""
    expected = {"OPTIONS": 200, "ACK": 0, "CANCEL": 481} | dict.fromkeys(("FOO", "X", "HELLO", "options", "Z9"), 501)
    with House(tmp_path) as house:
        for method in METHODS:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((KNOWN, 0))
                s.settimeout(2.0 if expected.get(method, 1) else 0.3)
                s.sendto(message(method, f"sip:127.0.0.1:{house.port}", *s.getsockname()), house.address)
                try:
                    answer = s.recv(65536).decode()
                except TimeoutError:
                    answer = "SIP/2.0 0 "
                assert int(answer.split(" ")[1]) == expected.get(method, 405), (method, answer)
                if answer.startswith("SIP/2.0 405"):
                    assert "\r\nAllow: " in answer, answer
        assert house.metric("txn_servers_total") == 0
