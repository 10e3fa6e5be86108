# SPDX-License-Identifier: GPL-3.0-or-later
"""A zone that peers know by another name than its address: Via and Record-Route carry it, and what is sent to it is ours."""
import subprocess

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, header, status
from sip_call import Call, final
from sip_call import request as sip_request

NAMES = [(host, port) for host in ("pbx.example.com", "203.0.113.7", "[2001:db8::7]") for port in (0, 5070)]
WRONG = ["sip:x", "a b", "1.2.3.4:99999", "x;y=z", "x:0", "2001:db8::7"]


def config(port: int, name: str) -> str:
    return f'zones = (\n{{ name = "a"; listen = ( "udp:127.0.0.1:{port}" ); trust = "phones";\nadvertise = "{name}"; }} );\n{MODULES}'


@pytest.fixture(name="known", params=NAMES)
def running(tmp_path, request):
    host, said = request.param
    port = free_port()
    with Daemon(tmp_path, config(port, f"{host}:{said}" if said else host)) as daemon:
        daemon.address = ("127.0.0.1", port)
        daemon.known = f"{host}:{said or port}"
        yield daemon


def test_known_by_it(known):
    with Peer() as uac, Peer() as uas:
        call = Call(uac, uas, known.address).offer()
        assert header(call.arrived, "Via")[0].startswith(f"SIP/2.0/UDP {known.known};"), call.arrived
        assert f"@{known.known};lr" in header(call.arrived, "Record-Route")[0], call.arrived
        call.ring().answer().bye()  # by that Route
        for place in (known.known, f"127.0.0.1:{known.address[1]}"):
            uac.send(sip_request(uac, "OPTIONS", f"sip:{place}"), known.address)
            assert status(final(uac)) == 200, place


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_refused(tmp_path, name):
    (tmp_path / "m.cfg").write_text(config(5060, name), encoding="utf-8")
    done = subprocess.run([bin_folder() / "margrave", "--check", tmp_path / "m.cfg"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert f'm.cfg:3: zones[0].advertise: found "{name}", allowed: a name, an IPv4 address or an [IPv6 address]' in done.stderr
