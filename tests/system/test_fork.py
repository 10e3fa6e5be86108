# SPDX-License-Identifier: GPL-3.0-or-later
"""Several targets for one request (RFC 3261 §16.5 to §16.8): in parallel, one after the other, and which answer comes back.

Targets in parallel are the hops of a rule of `route`, or the Contacts of a redirection that the proxy follows.
"""
import contextlib
import time

import pytest
from margrave import Daemon, Peer, free_port, header, status
from talk import ack_of, cancel_of, hop_ack, last_of, quiet, reply, request, target, until


def rule(domain: str, *hops: str, parallel: bool = False) -> str:
    return (f'{{ domain = "{domain}"; sources = "any"; hops = ( {", ".join(hops)} ); '
            f'{"parallel = true; " if parallel else ""}}}')


class World:
    """A proxy whose next hops are peers of the test."""

    def __init__(self, folder, stack: contextlib.ExitStack):
        self.uac = stack.enter_context(Peer())
        self.redirect = stack.enter_context(Peer())
        self.callees = [stack.enter_context(Peer()) for _ in range(3)]
        self.dead = free_port()     # nobody: ICMP
        self.refused = free_port()  # nobody: TCP is refused
        port = free_port()
        hop = [f'{{ uri = "sip:127.0.0.1:{p.port}"; q = {1000 - 100 * i}; }}' for i, p in enumerate(self.callees)]
        dead = f'{{ uri = "sip:127.0.0.1:{self.dead}"; }}'
        refused = f'{{ uri = "sip:127.0.0.1:{self.refused};transport=tcp"; }}'
        ring = f'{{ uri = "sip:127.0.0.1:{self.callees[0].port}"; ring_s = 1; }}'
        once = [f'{{ uri = "sip:127.0.0.1:{p.port}"; }}' for p in self.callees]
        rules = [rule("parallel.test", *once, parallel=True), rule("two.test", once[0], once[1], hop[2], parallel=True),
                 rule("serial.test", *hop), rule("dead.test", dead, hop[1]), rule("refused.test", refused, hop[1]),
                 rule("ring.test", ring, hop[1])]
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "lab"; trust = "phones"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n'
            'transactions = { t1_ms = 100; t2_ms = 1000; };\ndns = { avoid_s = 1; };\nproxy = { recurse = true; };\n'
            f'modules = ( {{ name = "sanity"; }}, {{ name = "acl"; }}, {{ name = "route"; relay = "any"; rules = ( {", ".join(rules)} ); }} );\n'
            'accept_risk = ( "open-relay", "recurse" );\n')))
        self.address = ("127.0.0.1", port)

    def invite(self, uri: str) -> str:
        text = request(self.uac, "INVITE", uri)
        self.uac.send(text, self.address)
        return text

    def fork(self, domain: str = "parallel.test", most: int = 3) -> tuple[str, list[str]]:
        """Call all callees by a rule; the INVITE as sent, and as it came to each of those of the highest q."""
        text = self.invite(f"sip:bob@{domain}")
        return text, [until(peer, "INVITE") for peer in self.callees[:most]]

    def redirected(self, *q: str) -> str:
        """Call, and be redirected to the callees."""
        text = self.invite(target(self.redirect))
        got = until(self.redirect, "INVITE")
        contacts = [f"Contact: <{target(peer)}>;q={value}" for peer, value in zip(self.callees, q)]
        self.redirect.send(reply(got, 302, *contacts), self.address)
        until(self.redirect, "ACK")
        return text

    def say(self, i: int, got: str, code: int, *lines: str) -> None:
        self.callees[i].send(reply(got, code, *lines, tag=f"t{i}"), self.address)

    def cancelled(self, i: int, got: str) -> None:
        """A callee is cancelled, and ends its call as it should."""
        cancel = until(self.callees[i], "CANCEL")
        assert header(cancel, "Via") == header(got, "Via")[:1]
        self.callees[i].send(reply(cancel, 200), self.address)
        self.say(i, got, 487)
        until(self.callees[i], "ACK")

    def final(self, text: str, code: int) -> str:
        answer = until(self.uac, code)
        if code >= 300:
            self.uac.send(hop_ack(text, answer), self.address)
        return answer


@pytest.fixture(scope="module", name="shared")
def shared_world(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("fork"), stack)


@pytest.fixture(name="world")
def quiet_world(shared):
    """Each test begins with peers that have read everything."""
    for peer in (shared.uac, shared.redirect, *shared.callees):
        last_of(peer, 0.01)
    return shared


def contact(peer: Peer) -> str:
    return f"Contact: <{target(peer)}>"


# ---- in parallel ----

def test_one_answers_the_others_are_cancelled(world):
    text, got = world.fork()
    branches = {header(message, "Via")[0] for message in got}
    assert len(branches) == 3
    assert sum(int(header(message, "Max-Breadth")[0]) for message in got) <= 60  # RFC 5393: shared out
    for i in range(3):
        world.say(i, got[i], 180)
        assert f"tag=t{i}" in header(until(world.uac, 180), "To")[0]
    world.say(1, got[1], 200, contact(world.callees[1]))
    answer = until(world.uac, 200)
    assert "tag=t1" in header(answer, "To")[0]
    for i in (0, 2):
        world.cancelled(i, got[i])
    world.uac.send(ack_of(world.uac, text, answer), world.address)
    until(world.callees[1], "ACK")
    assert quiet(world.uac)  # the 487 of the others go nowhere
    assert quiet(world.callees[1], 0.1)


def until_final(world) -> int:
    """The status of the final answer, whatever it is; it comes again until it is acknowledged."""
    for _ in range(10):
        code = status(world.uac.receive(8))
        if code >= 200:
            return code
    raise AssertionError("no final answer")


def test_all_busy(world):
    text, got = world.fork()
    world.say(0, got[0], 486)
    world.say(1, got[1], 404)
    assert last_of(world.uac, 0.3) in ([], ["SIP/2.0 100 Trying"])  # waits for all
    world.say(2, got[2], 486)
    for peer in world.callees:
        until(peer, "ACK")
    assert status(world.final(text, until_final(world))) in (404, 486)


def test_6xx_stops_all(world):
    text, got = world.fork()
    for i in range(3):
        world.say(i, got[i], 180)
    world.say(0, got[0], 603)
    for i in (1, 2):
        world.cancelled(i, got[i])
    world.final(text, 603)


def test_6xx_does_not_wait_for_who_has_no_answer_forever(world):
    """Who was cancelled and keeps silent is waited for until his transaction ends (§16.7 step 10 allows no more than 64×T1)."""
    text, got = world.fork()
    for i in range(3):
        world.say(i, got[i], 180)
    until(world.uac, 180)
    world.say(0, got[0], 603)
    for i in (1, 2):
        until(world.callees[i], "CANCEL")
    begin = time.monotonic()
    world.final(text, 603)
    assert time.monotonic() - begin < 60


def test_two_200(world):
    """Both callees picked up at once: both 2xx go back, the caller ends one of them (§16.7 step 5, §13.2.2.4)."""
    text, got = world.fork("two.test", 2)
    for i in range(2):
        world.say(i, got[i], 200, contact(world.callees[i]))
    answers = {}
    for _ in range(2):
        answer = until(world.uac, 200)
        answers[header(answer, "To")[0].split("tag=")[1]] = answer
    assert set(answers) == {"t0", "t1"}
    for i in range(2):
        world.uac.send(ack_of(world.uac, text, answers[f"t{i}"]), world.address)
        until(world.callees[i], "ACK")
    assert not last_of(world.callees[2], 0.2)


def test_late_2xx_with_another_tag(world):
    """A 2xx of one branch after the first was passed on: forwarded, as long as its transaction is remembered (RFC 6026)."""
    text, got = world.fork("two.test", 2)
    world.say(0, got[0], 200, contact(world.callees[0]))
    first = until(world.uac, 200)
    world.uac.send(ack_of(world.uac, text, first), world.address)
    time.sleep(0.5)
    world.say(1, got[1], 200, contact(world.callees[1]))
    late = until(world.uac, 200)
    assert "tag=t1" in header(late, "To")[0]
    world.uac.send(ack_of(world.uac, text, late), world.address)
    until(world.callees[1], "ACK")


def test_second_2xx_of_one_branch_with_another_tag(world):
    """A forking proxy behind us: two dialogs over one branch of ours."""
    text = world.invite(target(world.callees[0]))
    got = until(world.callees[0], "INVITE")
    for tag in ("x", "y"):
        world.callees[0].send(reply(got, 200, contact(world.callees[0]), tag=tag), world.address)
        answer = until(world.uac, 200)
        assert f"tag={tag}" in header(answer, "To")[0]
        world.uac.send(ack_of(world.uac, text, answer), world.address)
        until(world.callees[0], "ACK")


def test_cancel_while_forked(world):
    text, got = world.fork()
    world.say(0, got[0], 180)
    world.say(1, got[1], 180)
    for _ in range(2):
        until(world.uac, 180)
    world.uac.send(cancel_of(text), world.address)
    assert header(until(world.uac, 200), "CSeq") == ["1 CANCEL"]
    for i in (0, 1):
        world.cancelled(i, got[i])
    world.say(2, got[2], 180)  # its CANCEL waited for a word of it (§9.1)
    world.cancelled(2, got[2])
    world.final(text, 487)


def test_challenges_are_gathered(world):
    """§16.7 step 7: one 401 or 407 carries the challenges of all."""
    text, got = world.fork()
    world.say(0, got[0], 401, 'WWW-Authenticate: Digest realm="a",\r\n nonce="1"')  # folded, as long ones often are
    world.say(1, got[1], 407, 'Proxy-Authenticate: Digest realm="b",\r\n nonce="2"')
    world.say(2, got[2], 486)
    code = until_final(world)
    assert code in (401, 407)
    answer = world.final(text, code)
    assert ['realm="a"' in value for value in header(answer, "WWW-Authenticate")] == [True]
    assert ['realm="b"' in value for value in header(answer, "Proxy-Authenticate")] == [True]


def test_contacts_of_a_redirection(world):
    """Two of the same q in parallel, a lower one when both have failed (§16.5, §19.1.4 compared to what was tried)."""
    text = world.redirected("1.0", "0.4", "1.0")
    got = [until(world.callees[i], "INVITE") for i in (0, 2)]
    assert got[0].startswith(f"INVITE {target(world.callees[0])} SIP/2.0")
    assert quiet(world.callees[1], 0.3)
    world.say(0, got[0], 486)
    world.say(2, got[1], 302, contact(world.callees[0]))  # was tried: not again
    late = until(world.callees[1], "INVITE")
    world.say(1, late, 200, contact(world.callees[1]))
    answer = until(world.uac, 200)
    world.uac.send(ack_of(world.uac, text, answer), world.address)
    until(world.callees[1], "ACK")
    while (message := world.callees[0].receive(0.2)):  # retransmissions at most
        assert header(message, "Via")[0] == header(got[0], "Via")[0]


def test_other_requests_fork_too(world):
    world.uac.send(request(world.uac, "MESSAGE", "sip:bob@two.test"), world.address)
    for i in range(2):
        world.say(i, until(world.callees[i], "MESSAGE"), 404 if i == 0 else 200)
    assert status(until(world.uac, 200)) == 200
    assert quiet(world.uac)


@pytest.mark.parametrize("first,second", [(408, 500), (500, 408)])
def test_what_may_not_be_sent_is_never_the_best(world, first, second):
    """Of a 408 to a MESSAGE the caller would hear nothing (RFC 4320)."""
    world.uac.send(request(world.uac, "MESSAGE", "sip:bob@two.test"), world.address)
    for i, code in enumerate((first, second)):
        world.say(i, until(world.callees[i], "MESSAGE"), code)
    while (message := world.callees[2].receive(0.3)):  # the last of the rule
        world.callees[2].send(reply(message, 408), world.address)
    assert status(world.uac.receive()) == 500
    assert quiet(world.uac)


# ---- one after the other ----

def test_serial_in_the_order_of_q(world):
    text = world.invite("sip:bob@serial.test")
    for i, code in enumerate((486, 404)):
        got = until(world.callees[i], "INVITE")
        assert quiet(world.callees[i + 1], 0.2)
        world.say(i, got, code)
        until(world.callees[i], "ACK")
    got = until(world.callees[2], "INVITE")
    assert len(header(got, "Via")) == 2 and len(header(got, "Record-Route")) == 1
    world.say(2, got, 200, contact(world.callees[2]))
    answer = until(world.uac, 200)
    world.uac.send(ack_of(world.uac, text, answer), world.address)
    until(world.callees[2], "ACK")


def test_503_goes_on(world):
    text = world.invite("sip:bob@serial.test")
    world.say(0, until(world.callees[0], "INVITE"), 503)
    world.say(1, until(world.callees[1], "INVITE"), 486)
    world.say(2, until(world.callees[2], "INVITE"), 486)
    world.final(text, 486)


def test_all_503_are_no_503_of_ours(world):
    """X-8: that others are overloaded is not that we are."""
    text = world.invite("sip:bob@serial.test")
    for i in range(3):
        world.say(i, until(world.callees[i], "INVITE"), 503, "Retry-After: 60")
    assert not header(world.final(text, 500), "Retry-After")


@pytest.mark.parametrize("domain", ["dead.test", "refused.test"])
def test_dead_target_first(world, domain):
    """RFC 3665 3.4 from the side of the proxy: ICMP and a refused connection lead on at once (§16.9)."""
    begin = time.monotonic()
    text = world.invite(f"sip:bob@{domain}")
    got = until(world.callees[1], "INVITE")
    assert time.monotonic() - begin < 4  # timer B would be 6.4 s
    world.say(1, got, 486)
    world.final(text, 486)


def test_silent_target_first(world):
    """Timer B, then the next (408)."""
    text = world.invite("sip:bob@serial.test")
    until(world.callees[0], "INVITE")
    got = until(world.callees[1], "INVITE", seconds=25)
    world.say(1, got, 600)
    world.final(text, 600)


def test_who_rings_too_long_is_cancelled(world):
    text = world.invite("sip:bob@ring.test")
    got = until(world.callees[0], "INVITE")
    world.say(0, got, 180)
    world.cancelled(0, got)
    world.say(1, until(world.callees[1], "INVITE"), 486)
    world.final(text, 486)


def test_who_rings_too_long_and_hears_no_cancel(world):
    """The next one is not kept waiting by who was given up (§16.8); what it refuses now goes nowhere."""
    text = world.invite("sip:bob@ring.test")
    got = until(world.callees[0], "INVITE")
    world.say(0, got, 180)
    until(world.callees[0], "CANCEL")
    begin = time.monotonic()
    late = until(world.callees[1], "INVITE")
    assert time.monotonic() - begin < 0.5  # the CANCEL alone is tried for 6.4 s
    world.say(1, late, 180)
    world.say(0, got, 603)
    until(world.callees[0], "ACK")
    world.say(1, late, 486)
    world.final(text, 486)


def test_who_rings_too_long_and_picks_up(world):
    """A 200 that crosses the CANCEL while the next one rings is an answer as any: that one is cancelled."""
    text = world.invite("sip:bob@ring.test")
    got = until(world.callees[0], "INVITE")
    world.say(0, got, 180)
    until(world.callees[0], "CANCEL")
    late = until(world.callees[1], "INVITE")
    world.say(1, late, 180)
    world.say(0, got, 200, contact(world.callees[0]))
    answer = until(world.uac, 200)
    assert "tag=t0" in header(answer, "To")[0]
    world.uac.send(ack_of(world.uac, text, answer), world.address)
    until(world.callees[0], "ACK")
    world.cancelled(1, late)


def test_cancel_stops_the_series(world):
    text = world.invite("sip:bob@serial.test")
    got = until(world.callees[0], "INVITE")
    world.say(0, got, 180)
    until(world.uac, 180)
    world.uac.send(cancel_of(text), world.address)
    world.cancelled(0, got)
    world.final(text, 487)
    assert quiet(world.callees[1])


def test_nothing_is_left(world):
    """The last of this file: every request got its answer, and nothing waits any more."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        figures = world.proxy.metrics()
        left = {name: figures[f"margrave_{name}"] for name in ("route_requests", "txn_live", "chain_waiting")}
        if not any(left.values()):
            return
        time.sleep(0.1)
    raise AssertionError(left)
