# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests back over a carrier's own connection, which asked for it by `alias` (RFC 5923): only where its certificate names it."""
import contextlib

import pytest
from margrave import Daemon, Peer, free_port
from talk import hop_ack, reply, request, until
from uas import Authority, NameServer, TlsPeer, client_context


class World:
    def __init__(self, folder, stack: contextlib.ExitStack):
        self.ca = Authority(folder)
        own = self.ca.sign("proxy", "IP:127.0.0.1")
        names = stack.enter_context(NameServer(folder, "--host-record=carrier.test,127.0.0.1", "--host-record=other.test,127.0.0.1"))
        self.port = {zone: free_port() for zone in ("phones", "carriers", "strangers")}
        at = {zone: f"127.0.0.1:{port}" for zone, port in self.port.items()}
        limits = "conns_per_source = 1000; handshakes_per_s = 10000;"
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "phones"; trust = "phones"; listen = ( "udp:{at["phones"]}" ); }},\n'
            f'{{ name = "carriers"; trust = "carrier"; listen = ( "tls:{at["carriers"]}" ); tls = ( "own" ); {limits} }},\n'
            f'{{ name = "strangers"; listen = ( "tls:{at["strangers"]}" ); tls = ( "own" ); {limits} }} );\n'
            f'tls = ( {{ name = "own"; certificate = "{own[0]}"; key = "{own[1]}"; ca = "{self.ca.certificate}"; verify_client = "optional"; '
            f'client = true; }} );\ntransactions = {{ t1_ms = 100; }};\n'
            f'dns = {{ nameservers = ( "127.0.0.1:{names.port}" ); avoid_s = 1; }};\n'
            'modules = ( { name = "sanity"; }, { name = "acl"; }, { name = "route"; relay = "any"; rules = (\n'
            + ", ".join(f'{{ domain = "{zone}.test"; sources = "any"; hops = ( {{ uri = "sip:carrier.test:5999;transport=tls"; zone = "{zone}"; }} ); }}'
                        for zone in ("carriers", "strangers"))
            + ' ); } );\naccept_risk = ( "open-relay" );\n')))

    def call(self, uac: Peer, zone: str) -> str:
        text = request(uac, "INVITE", f"sip:bob@{zone}.test")
        uac.send(text, ("127.0.0.1", self.port["phones"]))
        return text

    def connected(self, zone: str, certificate: tuple | None, via: str) -> TlsPeer:
        """A connection from a carrier, after its first request."""
        peer = TlsPeer("127.0.0.1", ("127.0.0.1", self.port[zone]), client_context(self.ca.certificate, *(certificate or ())))
        peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{self.port[zone]};transport=tls", Via=f"SIP/2.0/TLS {via};branch=z9hG4bK{id(peer)}"))
        until(peer, 200)
        return peer


@pytest.fixture(scope="module", name="world")
def running_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alias")
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        yield World(folder, stack)


ROWS = [
    ("a carrier", "carriers", "carrier.test", "carrier.test:5999;alias", True),
    ("without alias", "carriers", "carrier.test", "carrier.test:5999", False),
    ("another port", "carriers", "carrier.test", "carrier.test:5998;alias", False),
    ("another name in its certificate", "carriers", "other.test", "carrier.test:5999;alias", False),
    ("another name in its Via", "carriers", "other.test", "other.test:5999;alias", False),
    ("no certificate", "carriers", None, "carrier.test:5999;alias", False),
    ("no carrier", "strangers", "carrier.test", "carrier.test:5999;alias", False),
]


@pytest.mark.parametrize("name,zone,certified,via,found", ROWS, ids=[row[0] for row in ROWS])
def test_alias(world, name, zone, certified, via, found):
    """Nobody listens where the name leads: what does not go by the carrier's connection is answered 503."""
    certificate = world.ca.sign(name.replace(" ", "-"), f"DNS:{certified}") if certified else None
    with world.connected(zone, certificate, via) as carrier, Peer() as uac:
        text = world.call(uac, zone)
        if found:
            got = until(carrier, "INVITE")
            carrier.send(reply(got, 486))
            until(carrier, "ACK")
        uac.send(hop_ack(text, until(uac, 486 if found else 503)), ("127.0.0.1", world.port["phones"]))
        if not found:
            assert not carrier.receive(0.2)
