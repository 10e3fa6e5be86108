# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP process dies or hangs: it is back at once, with its keys and sockets; what killed it is kept away."""
import contextlib
import glob
import mmap
import os
import re
import signal
import socket
import struct
import time

import pytest
import talk
from margrave import MODULES, Daemon, Peer, free_port, header, status
from sip_call import Call, final, request, sanitized
from uas import Uas

SLOT, HEAD = 576, 512  # of the last-input ring: poison.h
BACK_MS = 100


def ask(daemon: Daemon, peer: Peer, seconds: float = 2.0, **change: str) -> int:
    peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}", **change), daemon.address)
    return status(peer.receive(seconds))


def kill(daemon: Daemon, signo: int) -> int:
    """Kill the SIP process; returns the byte of the log from which what follows stands."""
    after = len(daemon.log_text())
    os.kill(daemon.child(), signo)
    return after


def back(daemon: Daemon, after: int) -> None:
    daemon.wait_log(r"ev=running ", after=after)


def test_kill_9_is_hardly_seen(daemon):
    """Datagrams and connects that come while it is dead wait: the answer comes within 100 ms."""
    took = []
    with Peer() as peer:
        for _ in range(5):
            after = kill(daemon, signal.SIGKILL)
            begin = time.monotonic()
            answer = ask(daemon, peer)
            # a sanitizer makes the start so slow that what waited meanwhile looks like overload
            assert answer == 200 or (sanitized() and answer == 503)
            took.append((time.monotonic() - begin) * 1000)
            with socket.create_connection(daemon.address, timeout=2):
                pass
            back(daemon, after)
    assert sorted(took)[len(took) // 2] <= BACK_MS * (20 if sanitized() else 1), took
    assert "ev=quarantine" not in daemon.log_text()
    assert daemon.process.poll() is None
    assert daemon.log_text().count("ev=sip_process_died signal=KILL") == 5


def test_connect_while_it_is_dead(daemon):
    after = kill(daemon, signal.SIGKILL)
    with Peer(tcp_to=daemon.address) as peer:
        peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"))
        assert status(final(peer)) == 200
    back(daemon, after)


def test_calls_go_on(daemon):
    """Requests within a dialog of before pass after a kill and after a full restart: the keys are the same."""
    with Peer() as uac, Peer() as uas, Peer() as uac2, Peer() as uas2:
        first = Call(uac, uas, daemon.address).offer().answer()
        second = Call(uac2, uas2, daemon.address).offer().answer()
        back(daemon, kill(daemon, signal.SIGKILL))
        first.bye()
        assert daemon.stop() == 0
        daemon.start(wait=False)
        daemon.wait_log(r"(?s)ev=running .*ev=running .*ev=running ")
        second.bye()


def test_connections_of_before_lead_to_nobody(tmp_path):
    """The caller's connection died with the process, and a stranger's is the first of the next one: the callee's BYE goes to the caller's Contact."""
    port = free_port()
    with Daemon(tmp_path, f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n{MODULES}', workers=1) as daemon:
        address = ("127.0.0.1", port)
        with Uas("tcp") as listening, Peer(tcp_to=address) as uac, Peer() as uas:
            text = talk.request(uac, "INVITE", talk.target(uas), Contact=f"<sip:alice@127.0.0.1:{listening.port};transport=tcp>")
            uac.send(text)
            got = talk.until(uas, "INVITE")
            uas.send(talk.reply(got, 200, f"Contact: <{talk.target(uas)}>"), address)
            uac.send(talk.ack_of(uac, text, talk.until(uac, 200)))
            talk.until(uas, "ACK")
            back(daemon, kill(daemon, signal.SIGKILL))
            with Peer("127.0.0.9", tcp_to=address) as stranger:
                stranger.send(request(stranger, "OPTIONS", f"sip:127.0.0.1:{port}"))
                assert status(final(stranger)) == 200
                routes = [f"Route: {value}" for value in header(got, "Record-Route")]
                uas.send(talk.request(uas, "BYE", header(text, "Contact")[0].strip("<>"), *routes, From=header(text, "To")[0] + ";tag=uas",
                                      To=header(text, "From")[0], Call_ID=header(text, "Call-ID")[0]), address)
                assert status(final(uas, 8.0)) == 200
                assert any(message.startswith("BYE ") for message in listening.got)
                assert talk.quiet(stranger)


def ring_of(daemon: Daemon) -> str:
    for path in glob.glob(f"/proc/{daemon.process.pid}/fd/*"):
        if "last input" in os.readlink(path):
            return path
    raise AssertionError("no ring")


def head_of(daemon: Daemon, port: int) -> bytes:
    """The bytes that came from 127.0.0.1:port last, as far as they are kept."""
    with open(ring_of(daemon), "rb") as file:
        ring = file.read()
    for at in range(0, len(ring) - SLOT + 1, SLOT):
        n = struct.unpack_from("<I", ring, at + 36)[0]
        if n and struct.unpack_from("<H", ring, at + 8 + 22)[0] == port:
            return ring[at + 40:at + 40 + n]
    return b""


def pretend_busy(daemon: Daemon, port: int, parsed: bool = True) -> None:
    """As if the last message of 127.0.0.1:port were being handled right now, or, not `parsed`, were in the parser."""
    with open(ring_of(daemon), "r+b") as file, mmap.mmap(file.fileno(), 0) as ring:
        for at in range(0, len(ring) - SLOT + 1, SLOT):
            call_hash, source_port = struct.unpack_from("<Q", ring, at)[0], struct.unpack_from("<H", ring, at + 8 + 22)[0]
            if call_hash and source_port == port and (parsed or ring[at + 36]):
                struct.pack_into("<I", ring, at + 32, 1)
                if not parsed:
                    struct.pack_into("<Q", ring, at, 0)
                return
    raise AssertionError("its message is not in the ring")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("signo,kept_away", [(signal.SIGSEGV, True), (signal.SIGABRT, True), (signal.SIGBUS, True), (signal.SIGKILL, False)])
def test_poison(daemon, signo, kept_away):
    if sanitized() and signo in (signal.SIGSEGV, signal.SIGBUS):
        pytest.skip("a sanitizer makes an exit of it")
    with Peer() as peer:
        assert ask(daemon, peer, Call_ID="poison") == 200
        pretend_busy(daemon, peer.port)
        child = daemon.child()
        after = kill(daemon, signo)
        back(daemon, after)
        assert daemon.child() != child
        assert ("ev=quarantine" in daemon.log_text()[after:]) == kept_away
        assert ask(daemon, peer, 0.3 if kept_away else 2.0, Call_ID="poison") == (0 if kept_away else 200)
        assert ask(daemon, peer, Call_ID="food") == 200
        assert daemon.metrics()["margrave_sip_dropped_quarantine_total"] == (1 if kept_away else 0)
        if kept_away:  # the next child knows it too
            back(daemon, kill(daemon, signal.SIGKILL))
            assert ask(daemon, peer, 0.3, Call_ID="poison") == 0


def test_input_is_kept_as_it_came(daemon):
    """What no parser makes a message of is in the ring all the same: it was written there before."""
    with Peer() as peer, Peer(tcp_to=daemon.address) as stream:
        for junk in (b"\0" * 5, b"x" * 100, b"SIP/2.0 " + b"\xff" * 3000, os.urandom(700)):
            peer.send(junk, daemon.address)
            until = time.monotonic() + 2
            while head_of(daemon, peer.port) != junk[:HEAD] and time.monotonic() < until:
                time.sleep(0.01)
            assert head_of(daemon, peer.port) == junk[:HEAD]
        stream.send(b"INVITE sip:half")
        until = time.monotonic() + 2
        while head_of(daemon, stream.port) != b"INVITE sip:half" and time.monotonic() < until:
            time.sleep(0.01)
        assert head_of(daemon, stream.port) == b"INVITE sip:half"


@pytest.mark.skipif(os.geteuid() != 0 or sanitized(), reason="needs root; a sanitizer makes an exit of it")
@pytest.mark.parametrize("tcp", [False, True])
def test_poison_in_the_parser(daemon, tcp):
    """Death before the Call-ID is known: the same bytes of the same source are not looked at again."""
    with Peer(tcp_to=daemon.address if tcp else None) as peer, Peer() as other:
        message = request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}", Call_ID="poison")
        peer.send(message, daemon.address)
        assert status(peer.receive()) == 200
        pretend_busy(daemon, peer.port, parsed=False)
        back(daemon, kill(daemon, signal.SIGSEGV))
        assert re.search(r"ev=quarantine src=127.0.0.1:\d+ by=bytes", daemon.log_text())
        with Peer(tcp_to=daemon.address) if tcp else contextlib.nullcontext(peer) as again:
            again.send(message, daemon.address)
            assert not again.receive(0.5)  # silence, or the stream is closed
        assert ask(daemon, other, Call_ID="poison") == 200
        assert daemon.metrics()["margrave_sip_dropped_quarantine_total"] == 1


def test_no_sandbox_no_process(daemon):
    """A process that can't enter its sandbox ends at once, saying so, and does not die of having started half; the next one may."""
    folder = daemon.folder / "state/sip"
    owner = folder.stat()
    away = folder.rename(daemon.folder / "state/away")
    after = kill(daemon, signal.SIGKILL)
    daemon.wait_log(r"(?s)ev=sandbox_failed err=ENOENT.*ev=sip_process_died status=1", after=after)
    away.rename(folder)
    back(daemon, after)
    assert folder.stat().st_uid == owner.st_uid
    deaths = [line for line in daemon.log_text()[after:].splitlines() if "ev=sip_process_died" in line]
    assert "signal=KILL" in deaths[0] and all("status=1" in line for line in deaths[1:]), deaths
    with Peer() as peer:
        assert ask(daemon, peer) == 200


def test_hanging(daemon):
    """A process that says nothing is ended, even one that no longer hears signals, and another takes its place."""
    child = daemon.child()
    after = len(daemon.log_text())
    os.kill(child, signal.SIGSTOP)
    daemon.wait_log(r"ev=sip_process_silent", seconds=10, after=after)
    back(daemon, after)
    assert daemon.child() != child
    assert "ev=quarantine" not in daemon.log_text()
    with Peer() as peer:
        assert ask(daemon, peer) == 200


def test_warden_that_stood_still_blames_nobody(daemon):
    """Both stop, as when a virtual machine is paused: no one is killed for it."""
    child = daemon.child()
    for pid in (child, daemon.process.pid):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(7)
    for pid in (daemon.process.pid, child):
        os.kill(pid, signal.SIGCONT)
    time.sleep(2)
    assert daemon.child() == child and "sip_process_silent" not in daemon.log_text()
