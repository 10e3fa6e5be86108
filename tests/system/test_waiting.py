# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that a module lets wait in BRANCH (tests/modules/patience.c): cancelled meanwhile, resumed by an INFO, forgotten."""
import contextlib
import time

import pytest
from margrave import Daemon, Peer, bin_folder, free_port, header
from talk import ack_of, cancel_of, hop_ack, quiet, reply, request, target, until

WAIT_S = 3


class World:
    def __init__(self, folder, stack: contextlib.ExitStack):
        self.callees = [stack.enter_context(Peer()) for _ in range(2)]
        port = free_port()
        hops = ", ".join(f'{{ uri = "sip:127.0.0.1:{peer.port}"; }}' for peer in self.callees)
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\ntransactions = {{ t1_ms = 100; }};\n'
            f'modules = ( {{ name = "sanity"; }}, {{ name = "acl"; }}, {{ name = "route"; relay = "any"; '
            f'rules = ( {{ domain = "parallel.test"; sources = "any"; hops = ( {hops} ); parallel = true; }} ); }},\n'
            f'{{ name = "patience"; file = "{bin_folder().parent}/lib/patience.so"; wait_ms = {WAIT_S * 1000}; }} );\naccept_risk = ( "open-relay" );\n')))
        self.address = ("127.0.0.1", port)

    def waiting(self, n: int, seconds: float = 2) -> None:
        """Wait until so many branches wait."""
        end = time.monotonic() + seconds
        while (now := self.proxy.metrics()["margrave_chain_waiting"]) != n:
            assert time.monotonic() < end, f"{now} wait, not {n}"
            time.sleep(0.02)

    def invite(self, uac: Peer, uri: str, waits: int) -> str:
        text = request(uac, "INVITE", uri)
        uac.send(text, self.address)
        self.waiting(waits)
        return text

    def resume(self) -> None:
        """Whatever waited last goes on."""
        with Peer() as other:
            other.send(request(other, "INFO", f"sip:127.0.0.1:{self.address[1]}", To="<sip:x@x>;tag=1"), self.address)
            assert other.receive()


@pytest.fixture(scope="module", name="world")
def running_world(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("waiting"), stack)


@pytest.mark.parametrize("branches", [1, 2])
def test_cancelled_while_it_waits(world, branches):
    """487 at once; nobody is called, not even when the module comes back to it."""
    with Peer() as uac:
        text = world.invite(uac, target(world.callees[0]) if branches == 1 else "sip:bob@parallel.test", branches)
        begin = time.monotonic()
        uac.send(cancel_of(text), world.address)
        codes = sorted((message.split()[1], header(message, "CSeq")[0]) for message in (until_final(uac), until_final(uac)))
        assert codes == [("200", "1 CANCEL"), ("487", "1 INVITE")]
        assert time.monotonic() - begin < 1
        world.waiting(0)
        world.resume()
        assert all(quiet(peer, 0.2) for peer in world.callees)


def until_final(peer: Peer) -> str:
    while (message := peer.receive()) and message.startswith("SIP/2.0 100 "):
        pass
    assert message
    return message


def test_resumed(world):
    """It goes on as if nothing had been: answered, or cancelled then."""
    with Peer() as uac:
        text = world.invite(uac, target(world.callees[0]), 1)
        assert quiet(world.callees[0], 0.3)
        world.resume()
        got = until(world.callees[0], "INVITE")
        world.callees[0].send(reply(got, 180), world.address)
        until(uac, 180)
        uac.send(cancel_of(text), world.address)
        cancel = until(world.callees[0], "CANCEL")
        world.callees[0].send(reply(cancel, 200), world.address)
        world.callees[0].send(reply(got, 487), world.address)
        uac.send(hop_ack(text, until(uac, 487)), world.address)
        until(world.callees[0], "ACK")
        text = world.invite(uac, target(world.callees[0]), 1)
        world.resume()
        got = until(world.callees[0], "INVITE")
        world.callees[0].send(reply(got, 200, f"Contact: <{target(world.callees[0])}>"), world.address)
        uac.send(ack_of(uac, text, until(uac, 200)), world.address)
        until(world.callees[0], "ACK")


def test_forgotten(world):
    """Who is never resumed is answered as the module said when it began."""
    with Peer() as uac:
        begin = time.monotonic()
        text = world.invite(uac, target(world.callees[0]), 1)
        uac.send(hop_ack(text, until(uac, 480)), world.address)
        assert WAIT_S - 0.5 < time.monotonic() - begin < WAIT_S + 2
        world.waiting(0)
        assert quiet(world.callees[0], 0.1)


def test_nothing_is_left(world):
    end = time.monotonic() + 20
    while any((left := {name: world.proxy.metrics()[f"margrave_{name}"] for name in ("route_requests", "txn_live", "chain_waiting")}).values()):
        assert time.monotonic() < end, left
        time.sleep(0.1)
