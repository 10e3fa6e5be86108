# SPDX-License-Identifier: GPL-3.0-or-later
"""Forking, races of CANCEL, 6xx and failover, played by sipp as caller and as two callees. Message by message they are in test_fork.py."""
import pytest
from ladder import ONCE, SDP, play_all
from margrave import Daemon, free_port

RINGS = [("<", "INVITE"), (">", "180")]
CANCELLED = [("<", "CANCEL"), (">", "200"), (">", "487 INVITE"), ("<", "ACK")]
TALKS = [("<", "ACK"), ("<", "BYE"), (">", "200")]
ANSWERS = [("wait", 200), (">", "200 INVITE", SDP)] + TALKS
CALLS = [(">", "INVITE", SDP)]
CALLS_ONCE = [(">", "INVITE", SDP, ONCE)]
HANGS_UP = [(">", "ACK"), (">", "BYE"), ("<", "200")]
GIVES_UP = [(">", "CANCEL"), ("<", "200 CANCEL")]


def hears(*what: str) -> list[tuple]:
    return [("<", one) for one in what]


FLOWS = {
    "fork-one-answers": ("parallel.test", {"A": CALLS + hears("180", "180", "200") + HANGS_UP, "B": RINGS + ANSWERS, "C": RINGS + CANCELLED}),
    "fork-all-busy": ("parallel.test", {"A": CALLS + hears("486") + [(">", "ACK")], "B": [("<", "INVITE"), (">", "486"), ("<", "ACK")],
                                        "C": [("<", "INVITE"), ("wait", 100), (">", "486"), ("<", "ACK")]}),
    "fork-one-busy": ("parallel.test", {"A": CALLS + hears("180", "200") + HANGS_UP, "B": [("<", "INVITE"), (">", "486"), ("<", "ACK")],
                                        "C": RINGS + ANSWERS}),
    "fork-603": ("parallel.test", {"A": CALLS + hears("180", "180", "603") + [(">", "ACK")], "B": RINGS + [("wait", 200), (">", "603"), ("<", "ACK")],
                                   "C": RINGS + CANCELLED}),
    "603-stops-the-series": ("serial.test", {"A": CALLS + hears("603") + [(">", "ACK")], "B": [("<", "INVITE"), (">", "603"), ("<", "ACK")]}),
    "fork-cancelled": ("parallel.test", {"A": CALLS + hears("180", "180") + GIVES_UP + hears("487 INVITE") + [(">", "ACK")],
                                         "B": RINGS + CANCELLED, "C": RINGS + CANCELLED}),
    # The INVITE and the CANCEL go out together; the callee hears of it with its first word (RFC 3261 9.1).
    "cancel-before-100": ("one.test", {"A": CALLS_ONCE + GIVES_UP + hears("180 INVITE", "487 INVITE") + [(">", "ACK")],
                                       "B": [("<", "INVITE"), ("wait", 50), (">", "180")] + CANCELLED}),
    "cancel-before-100-of-a-fork": ("parallel.test", {"A": CALLS_ONCE + GIVES_UP + hears("180 INVITE", "180 INVITE", "487 INVITE") + [(">", "ACK")],
                                                      "B": [("<", "INVITE"), ("wait", 30), (">", "180")] + CANCELLED,
                                                      "C": [("<", "INVITE"), ("wait", 60), (">", "180")] + CANCELLED}),
    "cancel-crosses-200": ("one.test", {"A": CALLS + hears("180") + GIVES_UP + hears("200 INVITE") + [("wait", 50)] + HANGS_UP,
                                        "B": RINGS + [("<", "CANCEL"), (">", "200 INVITE", SDP, ONCE), (">", "200 CANCEL")] + TALKS}),
    "cancel-too-late": ("one.test", {"A": CALLS + hears("180") + GIVES_UP + hears("200 INVITE") + HANGS_UP,
                                     "B": RINGS + [("<", "CANCEL"), (">", "200 CANCEL"), ("wait", 100), (">", "200 INVITE", SDP)] + TALKS}),
    "failover-503": ("serial.test", {"A": CALLS + hears("180", "200") + HANGS_UP, "B": [("<", "INVITE"), (">", "503"), ("<", "ACK")],
                                     "C": RINGS + ANSWERS}),
    "failover-busy": ("serial.test", {"A": CALLS + hears("180", "180", "200") + HANGS_UP,
                                      "B": RINGS + [("wait", 100), (">", "486"), ("<", "ACK")], "C": RINGS + ANSWERS}),
    "failover-nobody-there": ("dead.test", {"A": CALLS + hears("180", "200") + HANGS_UP, "C": RINGS + ANSWERS}),
    "failover-rings-too-long": ("ring.test", {"A": CALLS + hears("180", "180", "200") + HANGS_UP, "B": RINGS + CANCELLED, "C": RINGS + ANSWERS}),
    "failover-picks-up-too-late": ("ring.test", {"A": CALLS + hears("180", "180", "200") + HANGS_UP,
                                                 "B": RINGS + [("<", "CANCEL"), (">", "200"), ("wait", 100), (">", "200 INVITE", SDP)] + TALKS,
                                                 "C": RINGS + CANCELLED}),
}


def rule(domain: str, *hops: str, parallel: bool = False) -> str:
    return f'{{ domain = "{domain}"; sources = "any"; hops = ( {", ".join(hops)} ); parallel = {str(parallel).lower()}; }}'


@pytest.fixture(scope="module", name="world")
def running_proxy(tmp_path_factory):
    port, ports, dead = free_port(), {me: free_port() for me in "BC"}, free_port()
    first, second = (f'uri = "sip:127.0.0.1:{ports[me]}";' for me in "BC")
    rules = [rule("one.test", f"{{ {first} }}"), rule("parallel.test", f"{{ {first} }}", f"{{ {second} }}", parallel=True),
             rule("serial.test", f"{{ {first} }}", f"{{ {second} q = 500; }}"),
             rule("dead.test", f'{{ uri = "sip:127.0.0.1:{dead}"; }}', f"{{ {second} q = 500; }}"),
             rule("ring.test", f"{{ {first} ring_s = 1; }}", f"{{ {second} q = 500; }}")]
    with Daemon(tmp_path_factory.mktemp("proxy"), (
            f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\n'
            f'modules = ( {{ name = "sanity"; }}, {{ name = "acl"; }}, {{ name = "route"; relay = "any"; rules = ( {", ".join(rules)} ); }} );\n'
            'accept_risk = ( "open-relay" );\n')) as daemon:
        daemon.address, daemon.ports = ("127.0.0.1", port), ports
        yield daemon
        figures = daemon.metrics()
        assert figures["margrave_route_bad_tokens_total"] == 0 and figures["margrave_route_requests"] == 0


@pytest.mark.parametrize("name", FLOWS)
def test_flow(world, tmp_path, name):
    domain, scripts = FLOWS[name]
    play_all(tmp_path, name, scripts, f"sip:bob@{domain}", world.address, world.ports)
