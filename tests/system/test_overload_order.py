# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused first and last when there is too much (X-9), and what never is: whatever belongs to a call that was let in.

Overload is made of calls that ring: they hold more transactions than the configuration allows, and that lasts as long as they do.
"""
import itertools
import time

import pytest
from margrave import Daemon, Peer, free_port, header, status
from sip_call import Call, reply, request
from talk import hop_ack

KNOWN, STRANGER = "127.33.0.1", "127.0.0.1"
CONFIG = """zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{lab}" ); }}, {{ name = "trunk"; trust = "carrier"; listen = ( "udp:127.0.0.1:{trunk}" ); }} );
transactions = {{ servers_max = 1000; clients_max = 1000; }};
overload = {{ transactions_percent = 10; }};
modules = ( {{ name = "sanity"; }}, {{ name = "acl"; zones = ( {{ zone = "lab"; rules = ( {{ prefixes = ( "127.33.0.0/16" ); known = true; }} ); }} ); }},
	{{ name = "route"; relay = "any"; }} );
accept_risk = ( "open-relay" );
"""


def house(folder, workers: int) -> Daemon:
    lab = free_port()
    while (trunk := free_port()) == lab:
        pass
    daemon = Daemon(folder, CONFIG.format(lab=lab, trunk=trunk), workers=workers)
    daemon.lab, daemon.trunk = ("127.0.0.1", lab), ("127.0.0.1", trunk)
    return daemon


def ringing(daemon: Daemon, uac: Peer, uas: Peer, n: int) -> dict[str, Call]:
    """Calls as far as 180, as many of n as are let in; by Call-ID. All that were sent are in daemon.offered."""
    calls = daemon.offered = {}
    for _ in range(n):
        call = Call(uac, uas, daemon.lab)
        call.invite = request(uac, "INVITE", f"sip:bob@{uas.host}:{uas.port}")
        calls[header(call.invite, "Call-ID")[0]] = call
        uac.send(call.invite, daemon.lab)
    while (arrived := uas.receive(0.5)) is not None:
        call = calls[header(arrived, "Call-ID")[0]]
        if not call.arrived:
            call.arrived = arrived
            uas.send(reply(arrived, 180), daemon.lab)
    rings = set()
    while (answer := uac.receive(0.5)) is not None:
        if status(answer) == 180:
            rings.add(header(answer, "Call-ID")[0])
    return {name: call for name, call in calls.items() if name in rings}


def answers(uac: Peer, call_id: str, seconds: float = 1.0) -> list[int]:
    """The codes that come for a call until nothing has come for some time."""
    codes = []
    while (answer := uac.receive(seconds)) is not None:
        if header(answer, "Call-ID")[0] == call_id and "SIP/2.0" in answer[:8]:
            codes.append(status(answer))
            seconds = 0.1
    return codes


def end(daemon: Daemon, uas: Peer, calls: dict[str, Call]) -> None:
    """Have the calls refused, so that the process may end without waiting for them."""
    for call in calls.values():
        if call.arrived and not call.answered:
            uas.send(reply(call.arrived, 486), daemon.lab)


def classes(daemon: Daemon, stranger: Peer, known: Peer) -> list[tuple[str, Peer, tuple[str, int], str, str]]:
    """One of each class, the most important first: name, who, to whom, method, URI. Admitted they are answered here, without a transaction."""
    lab, trunk = (f"sip:{{}}@127.0.0.1:{port}" for _, port in (daemon.lab, daemon.trunk))
    return [("emergency", stranger, daemon.lab, "INVITE", lab.format("112")), ("trunk", stranger, daemon.trunk, "INVITE", trunk.format("x")),
            ("user", stranger, daemon.lab, "INVITE", lab.format("x")), ("refresh", known, daemon.lab, "REGISTER", lab.format("x")),
            ("register", stranger, daemon.lab, "REGISTER", lab.format("x")), ("rest", stranger, daemon.lab, "OPTIONS", lab.format("x"))]


def admitted(who: Peer, to: tuple[str, int], method: str, uri: str, patience: float = 0.3, **change: str) -> bool:
    """Whether a request is answered by itself and not by a refusal; silence is one too."""
    text = request(who, method, uri, **change)
    call_id = header(text, "Call-ID")[0]
    who.send(text, to)
    while (answer := who.receive(patience)) is not None:
        if header(answer, "Call-ID")[0] == call_id:
            assert status(answer) in (200, 403, 404, 405, 481, 503), answer
            return status(answer) != 503
    return False


@pytest.fixture(name="peers")
def of_both_kinds():
    with Peer(STRANGER) as uac, Peer(STRANGER) as uas, Peer(STRANGER) as stranger, Peer(KNOWN) as known:
        yield uac, uas, stranger, known


def test_order(tmp_path, peers):
    """The load falls over the limit once and for all: classes are refused one after the other, the last first, and two never."""
    uac, uas, stranger, known = peers
    with house(tmp_path, 1) as daemon:
        all_classes = classes(daemon, stranger, known)
        assert [name for name, *probe in all_classes if not admitted(*probe)] == []
        calls = [Call(uac, uas, daemon.lab) for _ in range(95)]
        for call in calls:  # these alone are more than is allowed
            call.offer().ring()
        fell: dict[str, float] = {}
        until = time.monotonic() + 5
        for name, *probe in itertools.cycle(all_classes):
            if name not in fell and not admitted(*probe):
                fell[name] = time.monotonic()
            if time.monotonic() > until:
                break
        assert list(fell) == ["rest", "register", "refresh", "user", "trunk"], fell
        # and this is so as long as it lasts, all at once
        for _ in range(5):
            assert [name for name, *probe in all_classes if admitted(*probe)] == ["emergency"]
        counts = daemon.metrics()
        assert counts["margrave_sip_refused_overload_total"] + counts["margrave_sip_dropped_overload_total"] >= 30
        # what was let in goes on
        for call in calls[:20]:
            call.answer()
            call.bye()
        end(daemon, uas, {str(n): call for n, call in enumerate(calls)})


def claims(daemon: Daemon, stranger: Peer, known: Peer) -> list[tuple[tuple[Peer, tuple[str, int], str, str], dict[str, str]]]:
    """What says that it belongs to a call, and does not: an invented To tag, with a method that only calls have or another."""
    uri = f"sip:x@127.0.0.1:{daemon.lab[1]}"
    tag = {"To": f"<{uri}>;tag=invented"}
    return [((who, daemon.lab, method, uri), change) for who in (stranger, known)
            for method, change in (("INVITE", tag), ("MESSAGE", tag), ("UPDATE", tag), ("BYE", tag), ("PRACK", tag))]


def test_what_only_says_that_it_is_in_a_dialog(tmp_path, peers):
    """F-4: no token opens, so it is refused as what it is without its tag; what has one is not, and without overload all have their own answer."""
    uac, uas, stranger, known = peers
    with house(tmp_path, 1) as daemon:
        invented = claims(daemon, stranger, known)
        assert all(admitted(*probe, **change) for probe, change in invented)
        calls = [Call(uac, uas, daemon.lab) for _ in range(95)]
        for call in calls:
            call.offer().ring()
        user = (known, daemon.lab, "INVITE", f"sip:x@127.0.0.1:{daemon.lab[1]}")
        refused, until = 0, time.monotonic() + 10
        while refused < 8 and time.monotonic() < until:
            refused = 0 if admitted(*user) else refused + 1
        assert not any(admitted(*probe, **change) for probe, change in invented)
        emergency = f"sip:112@127.0.0.1:{daemon.lab[1]}"
        assert admitted(known, daemon.lab, "INVITE", emergency, To=f"<{emergency}>;tag=invented")
        for call in calls[:5]:
            call.answer()
            call.bye()
        end(daemon, uas, {str(n): call for n, call in enumerate(calls)})


def test_who_only_says_that_it_is_in_a_dialog_is_told_to_go_elsewhere(tmp_path, peers):
    """While draining (C-13), whichever worker reads it."""
    uac, uas, stranger, known = peers
    with house(tmp_path, 2) as daemon:
        calls = [Call(uac, uas, daemon.lab).offer() for _ in range(4)]
        for call in calls[:2]:
            call.ring().answer()
        assert all(admitted(*probe, **change) for probe, change in claims(daemon, stranger, known))
        daemon.ctl("stop")
        refused, until = 0, time.monotonic() + 10
        while refused < 10 and time.monotonic() < until:  # of both workers
            refused = 0 if admitted(known, daemon.lab, "INVITE", f"sip:x@127.0.0.1:{daemon.lab[1]}") else refused + 1
        for _ in range(2):
            assert not any(admitted(*probe, **change) for probe, change in claims(daemon, stranger, known))
        for call in calls[:2]:
            call.bye()
        end(daemon, uas, {str(n): call for n, call in enumerate(calls)})


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_let_in_is_never_refused(tmp_path, peers, workers):
    """A retransmitted INVITE, CANCEL or ACK of an admitted call meets its transaction, whichever worker read it; a new INVITE is refused."""
    uac, uas, stranger, _ = peers
    with house(tmp_path, workers) as daemon:
        calls = ringing(daemon, uac, uas, 120 if workers == 1 else 260)
        assert len(calls) >= 85
        probe = (stranger, daemon.lab, "INVITE", f"sip:x@127.0.0.1:{daemon.lab[1]}")
        refused, until = 0, time.monotonic() + 10
        while refused < 8 and time.monotonic() < until:  # of both workers, so long as it takes to fall
            refused = 0 if admitted(*probe, 0.05) else refused + 1
        assert refused == 8
        some = list(calls.items())[:40]
        for call_id, call in some:
            uac.send(call.invite, daemon.lab)
            assert answers(uac, call_id) == [180], call_id
        for call_id, call in some[:20]:
            cancel = call.invite.replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL")
            cancel = "\r\n".join(line for line in cancel.split("\r\n") if not line.startswith("Contact:"))
            uac.send(cancel, daemon.lab)
            uac.send(cancel, daemon.lab)
            at_uas = uas.receive()
            assert (at_uas or "").startswith("CANCEL "), at_uas
            uas.send(reply(at_uas, 200), daemon.lab)
            uas.send(reply(call.arrived, 487), daemon.lab)
            ack = uas.receive()
            assert (ack or "").startswith("ACK "), ack
            codes = answers(uac, call_id)
            assert 487 in codes and codes.count(200) == 2 and set(codes) == {200, 487}, codes
            uac.send(hop_ack(call.invite, reply(call.arrived, 487)), daemon.lab)  # or it comes again, among the answers to others
            call.answered = "cancelled"
        for _, call in some[20:]:
            call.answer()
            call.bye()
        assert not any(admitted(*probe) for _ in range(8))
        end(daemon, uas, daemon.offered)
