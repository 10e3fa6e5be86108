# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace of a test's own, and sockets in it."""
import contextlib
import ctypes
import subprocess
import threading
import uuid
from collections.abc import Iterator

from margrave import Daemon, Peer

CLONE_NEWNET = 0x40000000


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True)


@contextlib.contextmanager
def namespace(**devices: list[str]) -> Iterator[str]:
    """One with loopback and these devices, each with its addresses ("192.0.2.1/24"). Yields its name."""
    name = f"mg-{uuid.uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        for device, addresses in devices.items():
            ip("-n", name, "link", "add", device, "type", "veth", "peer", "name", f"{device}-far")
            ip("-n", name, "link", "set", f"{device}-far", "up")
            ip("-n", name, "link", "set", device, "up")
            for address in addresses:
                ip("-n", name, "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        yield name
    finally:
        ip("netns", "del", name)


def peer_in(netns: str, host: str, port: int = 0, tcp_to: tuple[str, int] | None = None) -> Peer:
    """A socket within the namespace, to be used from anywhere."""
    result: list[Peer | Exception] = []

    def inside() -> None:
        try:
            with open(f"/run/netns/{netns}", encoding="ascii") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(Peer(host, port, tcp_to=tcp_to))
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=inside)  # of its own, which the namespace ends with
    thread.start()
    thread.join()
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


def within(daemon: Daemon, netns: str) -> Daemon:
    """The daemon, to be started in there."""
    daemon.netns = netns
    daemon.through = ["ip", "netns", "exec", netns]
    return daemon
