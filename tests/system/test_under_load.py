# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads and deaths of the SIP process under 200 calls per second: no call is lost by the one, few by the other."""
import os
import signal
import time

import pytest
from load import Load
from margrave import MODULES, Daemon, free_port

CPS = 200
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
    """kill -9 of the SIP process every 2 s: what it knew of calls under way goes with it, everything else goes on.

    A call whose INVITE went through before may fail when its 200 comes to a process that knows no branch; those in a dialog pass. At 200
    calls a second and some milliseconds between INVITE and 200, a death costs a few of them.
    """
    deaths = 30 if FULL else 4
    with Load(tmp_path, "--proxy", daemon.at, "--rate", CPS, "--seconds", 2 * deaths + 2, "--hold-ms", 500) as load:
        warden = daemon.process.pid
        for _ in range(deaths):
            time.sleep(2)
            child = daemon.child()
            after = len(daemon.log_text())
            os.kill(child, signal.SIGKILL)
            daemon.wait_log(r"ev=running ", after=after)
        result = load.result()
    assert daemon.process.pid == warden and daemon.process.poll() is None
    calls = result["calls"]
    print(calls, result["causes"])
    assert calls["started"] > CPS * 2 * deaths * 0.8
    assert calls["failed"] <= deaths * 5, (calls, result["causes"], load.said())
