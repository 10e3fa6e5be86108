# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy without state (RFC 3261 §16.11): what belongs to one transaction goes one way, and comes back by its Vias."""
import contextlib

import pytest
from margrave import Daemon, Peer, free_port, header
from talk import cancel_of, hop_ack, last_of, reply, request, target, until

CALLS = 12


@pytest.fixture(scope="module", name="world")
def running(tmp_path_factory):
    port = free_port()
    with contextlib.ExitStack() as stack:
        hops = [stack.enter_context(Peer("127.0.1.3")), stack.enter_context(Peer("127.0.1.4"))]
        config = (f'proxy = {{ stateless = true; }};\nzones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\n'
                  'modules = ( { name = "sanity"; }, { name = "acl"; zones = ( { zone = "lab"; rules = ( { prefixes = ( "127.0.0.0/8" ); known = true; } ); } ); },\n'
                  f'\t{{ name = "route"; rules = ( {{ domain = "shop.example"; hops = ( {{ uri = "{target(hops[0])}"; }}, {{ uri = "{target(hops[1])}"; }} ); }} ); }} );\n')
        daemon = stack.enter_context(Daemon(tmp_path_factory.mktemp("stateless"), config, workers=1))
        daemon.address, daemon.hops = ("127.0.0.1", port), hops
        yield daemon


def test_one_way_for_a_transaction(world):
    """Of two hops that are alike each gets calls, but never a part of one: retransmissions, the CANCEL, the ACK of a refusal."""
    used = set()
    with Peer() as uac:
        for _ in range(CALLS):
            text = request(uac, "INVITE", "sip:bob@shop.example")
            for _ in range(4):
                uac.send(text, world.address)
            uac.send(cancel_of(text), world.address)
            came = {hop: last_of(hop, 0.2) for hop in world.hops}
            got = [hop for hop in world.hops if came[hop]]
            assert len(got) == 1, came
            assert [line.split()[0] for line in came[got[0]]] == ["INVITE"] * 4 + ["CANCEL"]
            used.add(got[0])
    assert len(used) == 2


def test_refusal_and_its_ack(world):
    with Peer() as uac:
        for _ in range(CALLS):
            text = request(uac, "INVITE", "sip:bob@shop.example")
            uac.send(text, world.address)
            hop, got = next((hop, got) for hop in world.hops * 10 if (got := hop.receive(0.1)))
            assert len(header(got, "Via")) == 2
            hop.send(reply(got, 487).replace("127.0.0.1:", "127.0.0.2:", 1), world.address)  # whose top Via is not ours (§18.1.2)
            hop.send(reply(got, 486), world.address)
            uac.send(hop_ack(text, until(uac, 486)), world.address)
            ack = until(hop, "ACK")
            assert header(ack, "Via")[0] == header(got, "Via")[0]
    assert all(not last_of(hop, 0.1) for hop in world.hops)
