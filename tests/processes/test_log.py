# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard error is a pipe, a terminal or a socket that nobody reads: neither process waits for it, and what was lost is told."""
import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import time
import tty

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, status
from sip_call import request as sip_request

END_S = 20


def ends(kind: str) -> tuple[int, int]:
    """What reads, and what the daemon writes to."""
    if kind == "pipe":
        return os.pipe()
    if kind == "socket":
        ours, theirs = socket.socketpair()
        return ours.detach(), theirs.detach()
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    return ours, theirs


class Heard:
    """A daemon with the other end of its standard error, which is read when we want."""

    def __init__(self, folder, kind: str):
        port = free_port()
        self.daemon = Daemon(folder, f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\n{MODULES}', workers=1)
        self.address = ("127.0.0.1", port)
        self.end, self.theirs = ends(kind)
        self.text = ""
        os.set_blocking(self.end, False)
        self.daemon.process = subprocess.Popen([bin_folder() / "margrave", "--config", self.daemon.config], stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=self.theirs, start_new_session=True)

    def read(self) -> str:
        try:
            while more := os.read(self.end, 65536):
                self.text += more.decode("latin-1")
        except BlockingIOError:
            pass
        return self.text

    def wait(self, pattern: str, after: int = 0) -> None:
        until = time.monotonic() + END_S
        while not re.search(pattern, self.read()[after:]):
            assert time.monotonic() < until, self.text
            time.sleep(0.02)

    def asks(self, peer: Peer) -> int:
        peer.send(sip_request(peer, "OPTIONS", f"sip:127.0.0.1:{self.address[1]}"), self.address)
        return status(peer.receive())

    def close(self) -> None:
        self.daemon.kill()
        os.close(self.end)
        os.close(self.theirs)


@pytest.fixture(name="heard", params=["pipe", "socket", "terminal"])
def running(tmp_path, request):
    heard = Heard(tmp_path, request.param)
    try:
        heard.wait("ev=running ")
        yield heard
    finally:
        heard.close()


def fill(theirs: int) -> None:
    """Leave no room, without a change of the description that the daemon was given."""
    try:
        own = os.open(f"/proc/self/fd/{theirs}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # a socket is not opened again
        with socket.fromfd(theirs, socket.AF_UNIX, socket.SOCK_STREAM) as s:
            try:
                while s.send(b"x", socket.MSG_DONTWAIT):
                    pass
            except BlockingIOError:
                return
    try:
        while os.write(own, b"x"):
            pass
    except BlockingIOError:
        os.close(own)


def test_a_reader_that_stands_still(heard):
    with Peer() as peer:
        assert heard.asks(peer) == 200
        assert not fcntl.fcntl(heard.theirs, fcntl.F_GETFL) & os.O_NONBLOCK  # what it shares with us stays as it is
        fill(heard.theirs)
        generation = heard.daemon.metrics()["margrave_generation"]
        heard.daemon.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + END_S
        while heard.daemon.metrics()["margrave_generation"] == generation:  # both processes have said that they did
            assert time.monotonic() < until
            time.sleep(0.02)
        for _ in range(20):
            peer.send(b"OPTIONS sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n", heard.address)
            assert heard.asks(peer) == 200
        lost = heard.daemon.metrics()["margrave_log_lost_total"]
        assert lost > 0
        child = heard.daemon.child()
        before = len(heard.read())
        # told by both, even if nothing else is to be said
        heard.wait(r"(?s)warning log ev=log_lost n=\d+\n.*warning log ev=log_lost n=\d+\n", before)
        told = [int(n) for n in re.findall(r"ev=log_lost n=(\d+)", heard.text[before:])]
        assert sum(told) >= lost
        assert heard.daemon.child() == child and "sip_process_silent" not in heard.text


def test_it_ends_all_the_same(heard):
    fill(heard.theirs)
    heard.daemon.process.send_signal(signal.SIGTERM)
    assert heard.daemon.process.wait(timeout=END_S) == 0
