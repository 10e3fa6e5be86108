# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that reach the SIP process: to it alone, or to both as by `pkill -HUP margrave` and by a service manager that tells all of a service."""
import contextlib
import os
import signal
import time

import pytest
from margrave import Daemon, Peer, status
from sip_call import Call, request

SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]


def serves(daemon: Daemon) -> bool:
    with Peer() as peer:
        peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"), daemon.address)
        return status(peer.receive()) == 200


def send_both(daemon: Daemon, signo: int, child_first: bool) -> None:
    for pid in sorted((daemon.process.pid, daemon.child()), reverse=child_first):
        os.kill(pid, signo)


@pytest.mark.parametrize("signo", SIGNALS)
def test_to_the_sip_process(daemon, signo):
    child = daemon.child()
    for _ in range(5):
        os.kill(child, signo)
        time.sleep(0.05)
        assert serves(daemon)
    assert daemon.child() == child and "ev=sip_process_died" not in daemon.log_text()


@pytest.mark.parametrize("child_first", [False, True])
def test_hup_to_both_is_a_reload(daemon, child_first):
    child, after = daemon.child(), len(daemon.log_text())
    send_both(daemon, signal.SIGHUP, child_first)
    daemon.wait_log(r"ev=reloaded", after=after)
    assert serves(daemon)
    assert daemon.child() == child and "ev=sip_process_died" not in daemon.log_text()


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("child_first", [False, True])
def test_to_both_is_a_graceful_end(daemon, signo, child_first):
    """What rings may be answered."""
    with Peer() as uac, Peer() as uas:
        call = Call(uac, uas, daemon.address).offer().ring()
        send_both(daemon, signo, child_first)
        time.sleep(0.5)
        assert daemon.process.poll() is None
        call.answer()
        daemon.process.send_signal(signo)  # the second one does not wait
        assert daemon.process.wait(timeout=10) == 0
    assert "ev=sip_process_died" not in daemon.log_text()


def test_while_it_starts(daemon):
    """From the fork on it hears none of them, nor does the warden hear them in its place."""
    os.kill(daemon.child(), signal.SIGKILL)
    until, before = time.monotonic() + 5, len(daemon.log_text())
    while time.monotonic() < until and "ev=running" not in daemon.log_text()[before:]:
        child = daemon.child()
        with contextlib.suppress(ProcessLookupError):  # it may yet be the one that died
            for signo in SIGNALS if child else []:
                os.kill(child, signo)
    daemon.wait_log(r"ev=running", after=before)
    assert serves(daemon)
    assert daemon.process.poll() is None and daemon.log_text().count("ev=sip_process_died") == 1
