# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 3263 with a real name server: NAPTR, SRV with priorities and weights, first targets that are dead, silent, refuse or answer 503; names
that do not exist; servers that do not answer."""
import contextlib
import shutil
import socket
import time

import pytest
from margrave import MODULES, Daemon, Peer, free_port, header
from talk import ack_of, again, hop_ack, request, until
from uas import NameServer, Uas

pytestmark = pytest.mark.skipif(not shutil.which("dnsmasq"), reason="no dnsmasq here")


class World:
    """A proxy, its name server, and the targets that names lead to."""

    def __init__(self, folder, stack: contextlib.ExitStack):
        self.folder = folder
        self.uac: Peer  # each test's own
        self.udp = stack.enter_context(Uas())
        self.other = stack.enter_context(Uas())
        self.tcp = stack.enter_context(Uas("tcp"))
        self.v6 = stack.enter_context(Uas(host="::1"))
        self.silent = stack.enter_context(Uas(code=0))
        self.busy = stack.enter_context(Uas(code=503))
        self.dead = free_port()
        self.mute = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))  # a name server that says nothing
        self.mute.bind(("127.0.0.1", 0))
        self.names = stack.enter_context(NameServer(folder, *self.records()))
        port = free_port()
        self.address = ("127.0.0.1", port)
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}", "udp:[::1]:{port}" ); }} );\n'
            'transactions = { t1_ms = 100; t2_ms = 1000; };\n'
            f'dns = {{ nameservers = ( "127.0.0.1:{self.mute.getsockname()[1]}", "127.0.0.1:{self.names.port}" ); timeout_ms = 200; '
            f'ttl_min_s = 0; ttl_max_s = 1; negative_s = 1; avoid_s = 20; }};\n{MODULES}')))

    def records(self) -> list[str]:
        out = ["--host-record=host.test,127.0.0.1", "--host-record=six.test,::1", "--host-record=both.test,127.0.0.1,::1"]

        def srv(name: str, *targets: tuple[int, int, int], proto: str = "udp", host: str = "host.test") -> None:
            out.extend(f"--srv-host=_sip._{proto}.{name},{host},{port},{priority},{weight}" for port, priority, weight in targets)

        def naptr(name: str, *rows: tuple[int, int, str, str]) -> None:
            out.extend(f"--naptr-record={name},{order},{preference},s,{service},,{to}" for order, preference, service, to in rows)

        srv("plain.test", (self.udp.port, 10, 10))
        srv("dead.test", (self.dead, 10, 10), (self.udp.port, 20, 10))
        srv("silent.test", (self.silent.port, 10, 10), (self.udp.port, 20, 10))
        srv("busy.test", (self.busy.port, 10, 10), (self.udp.port, 20, 10))
        srv("weight.test", (self.udp.port, 10, 90), (self.other.port, 10, 10), (self.tcp.port, 20, 99))
        srv("noudp.test", (self.tcp.port, 10, 10), proto="tcp")
        srv("six-srv.test", (self.v6.port, 10, 10), host="six.test")
        srv("gone.test", (self.udp.port, 10, 10), host="nowhere.test")
        srv("half.test", (self.udp.port, 10, 10), host="nowhere.test")
        srv("half.test", (self.udp.port, 20, 10))
        srv("n.test", (self.dead, 10, 10), proto="tcp")
        srv("n.test", (self.udp.port, 10, 10))
        naptr("n.test", (10, 20, "SIP+D2U", "_sip._udp.n.test"), (10, 10, "SIP+D2T", "_sip._tcp.n.test"))
        naptr("orders.test", (20, 10, "SIP+D2U", "_sip._udp.n.test"), (10, 10, "SIP+D2T", "_sip._tcp.n.test"))
        srv("t.test", (self.tcp.port, 10, 10), proto="tcp")
        naptr("t.test", (10, 20, "SIP+D2U", "_sip._udp.nowhere.test"), (10, 10, "SIP+D2T", "_sip._tcp.t.test"))
        return out

    def invite(self, uri: str) -> str:
        text = request(self.uac, "INVITE", uri)
        self.uac.send(text, self.address)
        return text

    def call(self, uri: str, seconds: float = 8) -> float:
        """A call from INVITE to BYE; returns the seconds to its answer."""
        begin = time.monotonic()
        text = self.invite(uri)
        answer = until(self.uac, 200, seconds=seconds)
        took = time.monotonic() - begin
        self.uac.send(ack_of(self.uac, text, answer), self.address)
        self.uac.send(again(self.uac, "BYE", text, answer), self.address)
        while header(until(self.uac, 200), "CSeq") != ["2 BYE"]:
            pass
        return took

    def refused(self, uri: str) -> float:
        """A call that comes to nothing; returns the seconds to its answer."""
        begin = time.monotonic()
        text = self.invite(uri)
        answer = until(self.uac, 503)
        self.uac.send(hop_ack(text, answer), self.address)
        return time.monotonic() - begin

    def message(self, uri: str) -> None:
        self.uac.send(request(self.uac, "MESSAGE", uri), self.address)


@pytest.fixture(scope="module", name="running")
def running_world(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("dns"), stack)


@pytest.fixture(name="world")
def world_with_a_new_caller(running):
    with Peer() as running.uac:
        yield running


def went(world: World, before: dict) -> set[str]:
    """Which targets got something since."""
    return {name for name, count in counts(world).items() if count > before[name]}


def counts(world: World) -> dict[str, int]:
    return {name: getattr(world, name).count() for name in ("udp", "other", "tcp", "v6", "silent", "busy")}


@pytest.mark.parametrize("name,host,targets", [
    ("SRV alone", "plain.test", {"udp"}),
    ("SRV of TCP alone, without NAPTR", "noudp.test", {"tcp"}),
    ("NAPTR: what is preferred is refused, the next is UDP", "n.test", {"udp"}),
    ("NAPTR: preference within an order", "t.test", {"tcp"}),
    ("the first target is dead: ICMP", "dead.test", {"udp"}),
    ("the first target has no address", "half.test", {"udp"}),
    ("AAAA", "six-srv.test", {"v6"}),
])
def test_where_names_lead(world, name, host, targets):
    before = counts(world)
    assert world.call(f"sip:bob@{host}") < 5, name
    assert went(world, before) == targets, name


def test_a_port_means_no_srv(world):
    """RFC 3263 §4.2: a port in the URI: A and AAAA only."""
    world.call(f"sip:bob@host.test:{world.udp.port}")
    world.call(f"sip:bob@six.test:{world.v6.port}")
    assert not world.names.asked("query[SRV] _sip._udp.host.test") and not world.names.asked("query[NAPTR] host.test")


def test_transport_in_the_uri(world):
    """§4.1: no NAPTR then."""
    before = counts(world)
    world.call("sip:bob@t.test;transport=tcp")
    assert went(world, before) == {"tcp"}
    asked = world.names.asked("query[NAPTR] noudp.test")
    world.call("sip:bob@noudp.test;transport=tcp")
    assert world.names.asked("query[NAPTR] noudp.test") == asked


def test_silent_target_then_the_next(world):
    """Timer B leads on (§4.3), and who was silent is left out for a while."""
    assert world.call("sip:bob@silent.test", seconds=25) >= 6
    before = world.silent.count()
    for _ in range(3):
        assert world.call("sip:bob@silent.test") < 4
    assert world.silent.count() == before


def test_503_leads_on_and_is_remembered(world):
    world.call("sip:bob@busy.test")
    assert world.busy.count("INVITE") == 1
    for _ in range(3):
        world.call("sip:bob@busy.test")
    assert world.busy.count("INVITE") == 1


def test_weights(world):
    """RFC 2782: 90 to 10; the lower priority gets nothing. 200 lots: 160 to 197 is 5 standard deviations."""
    before = {name: getattr(world, name).count("MESSAGE") for name in ("udp", "other")}
    tcp = world.tcp.count()
    for _ in range(200):
        world.message("sip:bob@weight.test")
        until(world.uac, 200)
    udp, other = (getattr(world, name).count("MESSAGE") - before[name] for name in ("udp", "other"))
    assert udp + other == 200 and world.tcp.count() == tcp
    assert 155 <= udp <= 198, (udp, other)


@pytest.mark.parametrize("host", ["nx.test", "orders.test", "gone.test", "nothing.invalid"])
def test_names_that_lead_nowhere(world, host):
    """NXDOMAIN, an SRV whose target has no address, a name that the server refuses to ask for; a NAPTR of a
    higher order, which may not be looked at where a lower one suits (RFC 3403 §4.1): an answer within the budget of a look-up."""
    assert world.refused(f"sip:bob@{host}") < 6


def test_old_answers_when_no_server_answers(world):
    """Answers that have run out are used while every server is silent; what was never known is answered in time."""
    world.call("sip:bob@plain.test")
    world.names.stop()
    try:
        time.sleep(1.2)
        for _ in range(3):
            assert world.call("sip:bob@plain.test") < 5
        assert world.refused("sip:bob@never-asked.test") < 7
    finally:
        world.names.start()
    time.sleep(1.2)
    before = world.names.asked("query[SRV] _sip._udp.plain.test")
    end = time.monotonic() + 15
    while world.names.asked("query[SRV] _sip._udp.plain.test") == before:
        world.call("sip:bob@plain.test")
        assert time.monotonic() < end, "the server is back, and not asked"
        time.sleep(0.5)
