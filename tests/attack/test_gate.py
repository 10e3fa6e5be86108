# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger over its limit sends is dropped by the kernel: it wakes nobody and takes no one's room; what it is owed still comes."""
import contextlib
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from attack import CALLEE, KNOWN, SHIPPED, House, message, said, stranger
from margrave import Peer, free_port, header, status

FLOOD = 3000


@pytest.fixture(scope="module", name="gated")
def needs_gate(tmp_path_factory):
    """The kernel takes the filter here."""
    with House(tmp_path_factory.mktemp("probe")) as house:
        off = said(house, r"ev=gate_off|kernel_gate")
    rights = int(re.search(r"(?m)^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(encoding="ascii"))[1], 16)
    if off and not rights >> 39 & 1:
        pytest.skip("the kernel's filter is for CAP_BPF")
    assert not off


def flood(house: House, s: socket.socket, n: int = FLOOD) -> None:
    """OPTIONS without a pause, but for one in which a worker that had no CPU just then finds the first of them; what comes back is nobody's affair."""
    for i in range(n):
        if i == 100:
            time.sleep(0.1)
        s.sendto(message("OPTIONS", f"sip:127.0.0.1:{house.port}", *s.getsockname(), Call_ID=f"{i}@flood"), house.address)


@contextlib.contextmanager
def mallory(n: int):
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
        s.bind((stranger(n, "127.68"), 0))
        yield s


def received(house: House) -> int:
    return house.metric("tp_received_udp_total")


def test_the_kernel_drops_a_flood(gated, tmp_path):
    """Each datagram is counted once: it came to us or the kernel dropped it, and that is no lack of room."""
    with House(tmp_path, workers=2) as house, mallory(1) as s:
        flood(house, s)
        house.wait_metric("shield_throttled_kernel_total", lambda n: n + received(house) == FLOOD, 5)
        assert received(house) < FLOOD / 2
        assert house.metric("shield_throttled_source_total") >= FLOOD - 60 - 20 * 5
        flood(house, s, 200)  # the socket tells of its drops with what comes next
        with Peer(KNOWN) as friend:
            friend.send(message("OPTIONS", f"sip:127.0.0.1:{house.port}", friend.host, friend.port), house.address)
            assert status(friend.receive(2)) == 200
        assert house.metric("tp_kernel_drops_total") == 0
    assert said(house, r"ev=flood .*why=rate .*act=throttle")


def test_the_log_tells_of_all(gated, tmp_path):
    with House(tmp_path) as house, mallory(1) as s:
        flood(house, s)
        house.wait_metric("shield_throttled_kernel_total", lambda n: n > FLOOD / 2, 5)
        until = time.monotonic() + 25
        while sum(int(n) for n in re.findall(r"ev=flood .*why=rate .*n=(\d+)", house.log_text())) < FLOOD / 2:
            assert time.monotonic() < until, house.log_text()
            time.sleep(0.5)


def test_switched_off(gated, tmp_path):
    modules = SHIPPED.replace('"shield";', '"shield"; kernel = false;')
    with House(tmp_path, modules=modules) as house, mallory(1) as s:
        flood(house, s, 1000)
        house.wait_metric("tp_received_udp_total", lambda n: n + house.metric("tp_kernel_drops_total") == 1000, 5)
        assert house.metric("shield_throttled_kernel_total") == 0


def test_the_bucket_is_the_same(gated, tmp_path):
    """By the filter or without it, a stranger is let in 60 times at once and 20 times a second."""
    with House(tmp_path) as house, mallory(1) as s:
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            flood(house, s, 20)
            time.sleep(0.005)
        lasted = time.monotonic() - begin
        let_in = house.metric("sip_requests_total")
        print(f"{let_in} in {lasted:.2f} s")
        assert 60 + 20 * (lasted - 0.5) <= let_in <= 61 + 20 * (lasted + 0.1)


def test_others_are_not_meant(gated, tmp_path):
    """The neighbour in the next address, and who is known, beside a flood."""
    with House(tmp_path) as house, mallory(1) as s, mallory(2) as neighbour, Peer(KNOWN) as friend:
        neighbour.settimeout(1)
        for i in range(30):
            flood(house, s, 100)
            neighbour.sendto(message("OPTIONS", f"sip:127.0.0.1:{house.port}", *neighbour.getsockname(), Call_ID=f"{i}@neighbour"), house.address)
            friend.send(message("OPTIONS", f"sip:127.0.0.1:{house.port}", friend.host, friend.port, Call_ID=f"{i}@friend"), house.address)
            assert status(friend.receive(1)) == 200
            if i < 20:  # so many answers does he get at once
                assert neighbour.recv(2000).startswith(b"SIP/2.0 200 ")


def test_what_is_owed_comes(gated, tmp_path):
    """Who is called may answer, though it has just sent too much; at once, not with the next retransmission."""
    with House(tmp_path) as house, Peer(KNOWN) as friend, Peer(stranger(1, "127.68")) as callee:
        for i in range(5):
            flood(house, callee.socket, 300)
            while callee.receive(0.01):
                pass
            flood(house, callee.socket, 5)
            friend.send(message("MESSAGE", f"sip:x@{callee.host}:{callee.port}", friend.host, friend.port, Call_ID=f"{i}@owed"), house.address)
            while not (got := callee.receive(1) or "").startswith("MESSAGE"):
                assert got, "the request did not come"
            lines = [line for line in got.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
            callee.send("\r\n".join(["SIP/2.0 200 OK", *lines, f"To: {header(got, 'To')[0]};tag=c", "Content-Length: 0", "", ""]), house.address)
            assert status(friend.receive(0.4)) == 200, i


def test_after_a_death_and_a_reload(gated, tmp_path):
    """The table is the warden's: the next process goes on with it; a listener that comes with a reload has the filter too."""
    with House(tmp_path) as house, mallory(1) as s:
        flood(house, s)
        house.wait_metric("shield_throttled_kernel_total", lambda n: n > 0, 5)
        after = len(house.log_text())
        os.kill(house.child(), signal.SIGKILL)
        house.wait_log(r"ev=running ", after=after)
        flood(house, s)
        house.wait_metric("shield_throttled_kernel_total", lambda n: 0 < n <= FLOOD, 5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((CALLEE, 0))
            other = probe.getsockname()
        house.write(house.text().replace(f'"udp:127.0.0.1:{house.port}"', f'"udp:127.0.0.1:{house.port}", "udp:{other[0]}:{other[1]}"'))
        house.reload()
        before = house.metric("shield_throttled_kernel_total")
        for i in range(FLOOD):
            s.sendto(message("OPTIONS", "sip:%s:%d" % other, *s.getsockname(), Call_ID=f"{i}@other"), other)
        house.wait_metric("shield_throttled_kernel_total", lambda n: n > before + FLOOD / 2, 5)


def test_who_is_denied(gated, tmp_path):
    """Of a denied address hardly a datagram comes to us; what a reload allows is heard at once."""
    denied = SHIPPED.replace("rules = (", 'rules = ( { prefixes = ( "127.68.0.2" ); action = "deny"; },')
    with House(tmp_path, modules=denied) as house, mallory(1) as s, mallory(2) as neighbour:
        flood(house, s)
        house.wait_metric("acl_denied_kernel_total", lambda n: n > FLOOD / 2, 5)
        house.wait_metric("acl_denied_total", lambda n: n == FLOOD, 5)
        assert house.metric("shield_throttled_kernel_total") == 0 and house.metric("sip_requests_total") == 0
        neighbour.settimeout(2)
        flood(house, neighbour, 1)
        assert neighbour.recv(2000).startswith(b"SIP/2.0 200 ")
        house.modules = SHIPPED
        house.write(house.text())
        house.reload()
        s.settimeout(2)
        flood(house, s, 1)
        assert s.recv(2000).startswith(b"SIP/2.0 200 ")


def test_two_listeners(gated, tmp_path):
    """Who goes from one to the other is shut out of both, and the log names who it was."""
    with House(tmp_path, workers=2) as house, mallory(1) as before, mallory(2) as s:
        other = free_port()
        house.write(house.text().replace(f'"udp:127.0.0.1:{house.port}"', f'"udp:127.0.0.1:{house.port}", "udp:127.0.0.1:{other}"'))
        house.reload()
        flood(house, before, 100)
        house.wait_log(r"ev=flood src=127\.68\.0\.2", seconds=5)
        time.sleep(3)
        for i in range(FLOOD):
            s.sendto(message("OPTIONS", f"sip:127.0.0.1:{house.port}", *s.getsockname(), Call_ID=f"{i}@two"), ("127.0.0.1", (house.port, other)[i % 2]))
        house.wait_metric("shield_throttled_kernel_total", lambda n: n > FLOOD / 2, 5)
        found = house.wait_log(r"ev=flood src=(\S+):\d+ .*why=rate .*n=\d{4}", seconds=15)
        assert found[1] == "127.68.0.3", found[0]
