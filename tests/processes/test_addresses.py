# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that come and go, in a network namespace: a listener on an interface follows them."""
import ctypes
import os
import subprocess
import threading
import uuid

import pytest
from margrave import MODULES, Daemon, Peer, status
from sip_call import request

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
CLONE_NEWNET = 0x40000000
PORT = 5060


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True)


@pytest.fixture(name="netns")
def namespace():
    name = f"mg-{uuid.uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "add", "wan", "type", "veth", "peer", "name", "lan")
        ip("-n", name, "link", "set", "lan", "up")
        ip("-n", name, "link", "set", "wan", "up")
        ip("-n", name, "addr", "add", "192.0.2.1/24", "dev", "wan")
        yield name
    finally:
        ip("netns", "del", name)


def ask(netns: str, host: str) -> int:
    """The status of an OPTIONS to `host` from within the namespace; 0: no answer."""
    result = []

    def inside() -> None:
        with open(f"/run/netns/{netns}", encoding="ascii") as file:
            if ctypes.CDLL(None).setns(file.fileno(), CLONE_NEWNET) != 0:
                return
        try:
            with Peer(host) as peer:
                peer.send(request(peer, "OPTIONS", f"sip:[{host}]:{PORT}" if ":" in host else f"sip:{host}:{PORT}"), (host, PORT))
                result.append(status(peer.receive(1.0)))
        except OSError:
            result.append(0)

    thread = threading.Thread(target=inside)  # of its own, which the namespace ends with
    thread.start()
    thread.join()
    return result[0]


def change(daemon: Daemon, *args: str) -> None:
    """Change an address and wait until the daemon runs by it."""
    after = len(daemon.log_text())
    ip("-n", daemon.netns, "addr", *args, "dev", "wan")
    daemon.wait_log(r"ev=reloaded", seconds=10, after=after)


@pytest.fixture(name="daemon")
def running(tmp_path, netns):
    daemon = Daemon(tmp_path, f'zones = ( {{ name = "wan"; listen = ( "udp:wan:{PORT}", "tcp:wan:{PORT}" ); }} );\n{MODULES}')
    daemon.netns = netns
    daemon.through = ["ip", "netns", "exec", netns]
    with daemon:
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
