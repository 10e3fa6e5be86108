# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that come and go, in a network namespace: a listener on an interface follows them."""
import os
import subprocess
import time

import pytest
from margrave import MODULES, Daemon, status
from netns import ip, namespace, peer_in, within
from sip_call import Call, request

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
PORT = 5060


@pytest.fixture(name="netns")
def network():
    with namespace(wan=["192.0.2.1/24"], lan=["198.51.100.1/24"]) as name:
        yield name


def ask(netns: str, host: str, seconds: float = 1.0) -> int:
    """The status of an OPTIONS to `host` from within the namespace; 0: no answer."""
    try:
        with peer_in(netns, host) as peer:
            peer.send(request(peer, "OPTIONS", f"sip:[{host}]:{PORT}" if ":" in host else f"sip:{host}:{PORT}"), (host, PORT))
            return status(peer.receive(seconds))
    except OSError:
        return 0


def change(daemon: Daemon, *args: str) -> None:
    """Change an address and wait until the daemon runs by it."""
    after = len(daemon.log_text())
    ip("-n", daemon.netns, "addr", *args, "dev", "wan")
    daemon.wait_log(r"ev=reloaded", seconds=10, after=after)


@pytest.fixture(name="daemon")
def running(tmp_path, netns):
    daemon = Daemon(tmp_path, f'zones = ( {{ name = "wan"; listen = ( "udp:wan:{PORT}", "tcp:wan:{PORT}" ); }} );\n{MODULES}')
    with within(daemon, netns):
        yield daemon


def test_followed(daemon):
    assert ask(daemon.netns, "192.0.2.1") == 200
    change(daemon, "add", "192.0.2.2/24")
    assert ask(daemon.netns, "192.0.2.1") == 200 and ask(daemon.netns, "192.0.2.2") == 200
    change(daemon, "add", "2001:db8::2/64", "nodad")
    assert ask(daemon.netns, "2001:db8::2") == 200
    change(daemon, "del", "192.0.2.2/24")
    assert ask(daemon.netns, "192.0.2.1") == 200
    change(daemon, "del", "192.0.2.1/24")
    change(daemon, "add", "192.0.2.1/24")
    assert ask(daemon.netns, "192.0.2.1") == 200


def test_what_runs_counts(daemon):
    """The text that runs is the one that meets the new address, not what the file says meanwhile."""
    daemon.write("nonsense")
    change(daemon, "add", "192.0.2.3/24")
    assert ask(daemon.netns, "192.0.2.3") == 200


def test_many_changes_are_one(daemon):
    after = len(daemon.log_text())
    for last in range(10, 40):
        ip("-n", daemon.netns, "addr", "add", f"192.0.2.{last}/24", "dev", "wan")
    daemon.wait_log(r"ev=reloaded", after=after)
    ip("-n", daemon.netns, "addr", "add", "192.0.2.99/24", "dev", "wan")
    daemon.wait_log(r"(?s)ev=reloaded.*ev=reloaded", after=after)
    assert ask(daemon.netns, "192.0.2.39") == 200
    assert daemon.log_text().count("ev=reloaded") < 10


def test_returns_while_a_call_rings(daemon):
    """PPPoE: the address leaves and comes back. The call that rang meanwhile goes on, others can be made at once, by datagrams and by streams."""
    before = len(daemon.log_text())
    with peer_in(daemon.netns, "198.51.100.1") as uac, peer_in(daemon.netns, "198.51.100.1") as uas:
        call = Call(uac, uas, ("192.0.2.1", PORT)).offer().ring()
        for _ in range(2):
            change(daemon, "del", "192.0.2.1/24")
            change(daemon, "add", "192.0.2.1/24")
        for _ in range(8):  # whichever socket of the address they come to
            assert ask(daemon.netns, "192.0.2.1") == 200
        with peer_in(daemon.netns, "192.0.2.1", tcp_to=("192.0.2.1", PORT)) as stream:
            stream.send(request(stream, "OPTIONS", f"sip:192.0.2.1:{PORT};transport=tcp"))
            assert status(stream.receive()) == 200
        call.answer().bye()
        Call(uac, uas, ("192.0.2.1", PORT)).offer().ring().answer().bye()
    assert "reload_rejected" not in daemon.log_text()[before:]
    assert daemon.stop() == 0


def test_somebody_else_has_it(daemon):
    """Another program has the port of an address that comes: told once, and tried until it is free."""
    subprocess.run(["ip", "netns", "exec", daemon.netns, "sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"], check=True)
    after = len(daemon.log_text())
    with peer_in(daemon.netns, "192.0.2.9", PORT):
        ip("-n", daemon.netns, "addr", "add", "192.0.2.9/24", "dev", "wan")
        daemon.wait_log(r"ev=reload_rejected .*in", after=after)
        time.sleep(1.5)  # some tries
        assert ask(daemon.netns, "192.0.2.1") == 200
        assert daemon.log_text()[after:].count("ev=reload_rejected") == 1
    daemon.wait_log(r"ev=reloaded", seconds=10, after=after)
    assert daemon.log_text()[after:].count("ev=reload_rejected") == 1
    assert ask(daemon.netns, "192.0.2.9") == 200


def test_risks_are_told_once(daemon):
    """At the start and by a reload, not with each change of addresses."""
    change(daemon, "add", "192.0.2.4/24")
    change(daemon, "del", "192.0.2.4/24")
    assert daemon.log_text().count("ev=risk_accepted") == 1
    daemon.reload()
    assert daemon.log_text().count("ev=risk_accepted") == 2
