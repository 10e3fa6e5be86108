# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder share, and where they find it."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))


@pytest.fixture(name="daemon")
def running(tmp_path):
    """One that relays for anybody, by UDP and TCP."""
    from margrave import MODULES, Daemon, free_port
    port = free_port()
    config = f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n{MODULES}'
    with Daemon(tmp_path, config) as daemon:
        daemon.port, daemon.address = port, ("127.0.0.1", port)
        yield daemon
