# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads and deaths of the SIP process under 200 calls per second: no call is lost by the one, a few by the other, and nobody waits."""
import os
import signal
import time

import pytest
from load import Load
from margrave import MODULES, Daemon, free_port

CPS = 200
IN_HAND = 5  # messages that the process has read and not sent on when it is killed
FULL = bool(os.environ.get("MARGRAVE_FULL"))


@pytest.fixture(name="daemon")
def running(tmp_path):
    port = free_port()
    tmp_path.chmod(0o755)
    with Daemon(tmp_path, f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n{MODULES}') as daemon:
        daemon.at = f"127.0.0.1:{port}"
        yield daemon


def test_reloads(daemon, tmp_path):
    """A hundred reloads, or as many as a slow machine manages in the time, each answered; 0 failed calls (U-1, U-2)."""
    with Load(tmp_path, "--proxy", daemon.at, "--rate", CPS, "--seconds", 12, "--hold-ms", 300) as load:
        done = 0
        begin = time.monotonic()
        while done < 100 and time.monotonic() < begin + 10.5:
            daemon.reload()
            done += 1
            time.sleep(max(0.0, begin + done * 0.1 - time.monotonic()))
        assert load.process.poll() is None, "reloads took longer than the calls"
        result = load.result()
    assert daemon.log_text().count("ev=reloaded") >= done >= 20 and "ev=reload_rejected" not in daemon.log_text()
    calls = result["calls"]
    assert calls["completed"] == calls["started"] > CPS * 10, (result["causes"], load.said())
    assert result["rules"] == {}


def test_deaths(daemon, tmp_path):
    """kill -9 of the SIP process every 2 s (O-1): what it had in its hands goes with it, everything else goes on within 100 ms.

    A call whose INVITE was under way may fail when its 200 comes to a process that knows no branch, or be repeated after T1: some of them for each
    death, at 200 calls a second and some milliseconds between INVITE and 200. What comes while there is no process waits in the socket: answered
    late, but repeated by nobody. Each call lasts longer than 2 s, so that its BYE, and the dialog, meets another process than its INVITE.
    """
    deaths = 30 if FULL else 4
    with Load(tmp_path, "--proxy", daemon.at, "--rate", CPS, "--seconds", 2 * deaths + 2, "--hold-ms", 2200, "--goodput-ms", 100) as load:
        warden = daemon.process.pid
        begin = time.monotonic()
        for i in range(deaths):
            time.sleep(max(0.0, begin + 2 * (i + 1) - time.monotonic()))
            child = daemon.child()
            after = len(daemon.log_text())
            os.kill(child, signal.SIGKILL)
            daemon.wait_log(r"ev=running ", after=after)
        result = load.result()
    assert daemon.process.pid == warden and daemon.process.poll() is None
    calls, causes, hands = result["calls"], result["causes"], deaths * IN_HAND
    said = f"{calls}, {causes}, {result['messages']}, {result['latency_ms']}, {load.said()}"
    print(said)
    assert calls["started"] > CPS * 2 * deaths * 0.8, said
    assert calls["failed"] <= hands, said
    assert calls["started"] - calls["in_time"] <= hands, said  # 100 ms more without a process would be 20 calls more, each time
    assert result["messages"]["resent"] <= 2 * hands, said     # an INVITE twice, or a BYE
    # Whoever was in a call hangs up in order.
    assert calls["completed"] == calls["started"] - calls["failed"] and not {"no_bye_answer", "bye_status"} & set(causes), said
