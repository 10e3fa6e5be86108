# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger may do once a call of his was answered: the token in his route proves that there is a dialog, and leads to who is in it, nowhere else (F-1, F-3, F-4)."""
import signal
import subprocess
import time

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, header, status
from talk import cancel_of
from test_requests import ask, reply, request, until
from uas import Authority, TlsPeer, client_context

KNOWN = "127.0.0.9"  # a source in the access list; 127.0.0.1 is none


@pytest.fixture(name="bob")
def callee():
    with Peer() as peer:
        yield peer


@pytest.fixture(name="victim")
def third_party():
    with Peer() as peer:
        yield peer


@pytest.fixture(name="proxy", params=["one listener", "two"])
def running_proxy(request, tmp_path, bob):  # pylint: disable=redefined-outer-name
    """Everybody may call bob; the second listener makes it two Record-Routes (RFC 5658)."""
    port, out = free_port(), free_port()
    two = request.param == "two"
    zones = f'{{ name = "in"; listen = ( "udp:127.0.0.1:{port}" ); }}' + (f', {{ name = "out"; listen = ( "udp:127.0.0.1:{out}" ); }}' if two else "")
    config = (f'accept_risk = ( "open-relay" );\nzones = ( {zones} );\nmodules = ( {{ name = "sanity"; }}, {{ name = "acl"; zones = ( {{ zone = "in"; rules = '
              f'( {{ prefixes = ( "{KNOWN}/32" ); known = true; }} ); }} ); }}, {{ name = "route"; relay = "known"; rules = ( {{ domain = "ours.example"; '
              f'sources = "any"; hops = ( {{ uri = "sip:{bob.host}:{bob.port}"; {"zone = " + chr(34) + "out" + chr(34) + ";" if two else ""} }} ); }} ); }} );\n')
    with Daemon(tmp_path, config) as daemon:
        daemon.address, daemon.two = ("127.0.0.1", port), two
        daemon.back = ("127.0.0.1", out if two else port)
        yield daemon
        daemon.process.send_signal(signal.SIGTERM)  # the one at the end is the second: what is under way is not waited for
        time.sleep(0.5)  # two signals at once would be one


class Call:
    """A call from `caller` to bob that was answered."""

    def __init__(self, proxy: Daemon, caller: Peer, bob: Peer):
        self.proxy, self.caller, self.bob = proxy, caller, bob
        self.invite = request(caller, "INVITE", "sip:bob@ours.example")
        caller.send(self.invite, proxy.address)
        self.heard = bob.receive()
        self.contact = f"sip:bob@{bob.host}:{bob.port}"
        bob.send(reply(self.heard, 200, f"Contact: <{self.contact}>"), proxy.back)
        self.answer = until(caller, 200)
        assert len(header(self.answer, "Record-Route")) == 1 + proxy.two

    def send(self, method: str, uri: str, *routes: str, to: str = "", cseq: int = 2) -> None:
        """In the dialog, from the caller; `to` is another To tag."""
        own = [f"Route: {value}" for value in reversed(header(self.answer, "Record-Route"))]
        party = header(self.answer, "To")[0]
        self.caller.send(request(self.caller, method, uri, *own, *[f"Route: {value}" for value in routes], From=header(self.invite, "From")[0],
                                 To=f"<sip:x@y>;tag={to}" if to else party, Call_ID=header(self.invite, "Call-ID")[0], CSeq=f"{cseq} {method}"),
                         self.proxy.address)

    def send_back(self, method: str, uri: str, cseq: int = 2) -> None:
        """In the dialog, from bob."""
        own = [f"Route: {value}" for value in header(self.heard, "Record-Route")]
        self.bob.send(request(self.bob, method, uri, *own, From=header(self.answer, "To")[0], To=header(self.invite, "From")[0],
                              Call_ID=header(self.invite, "Call-ID")[0], CSeq=f"{cseq} {method}"), self.proxy.back)


def refused(peer: Peer) -> int:
    return status(peer.receive())


def test_stranger_reaches_nobody_else(proxy, bob, victim):
    with Peer() as mallory:
        call = Call(proxy, mallory, bob)
        there = f"sip:{victim.host}:{victim.port}"
        before = proxy.metrics()["margrave_sip_dialog_elsewhere_total"]
        for cseq, (method, tag) in enumerate((("INVITE", "any"), ("INVITE", ""), ("MESSAGE", "any"), ("BYE", ""), ("REFER", "")), 2):
            call.send(method, f"sip:+900@{victim.host}:{victim.port}", to=tag, cseq=cseq)
            assert refused(mallory) == 403
        call.send("INVITE", f"sip:+900@{bob.host}:{bob.port}", cseq=20)  # nor another number at the one who answered
        assert refused(mallory) == 403
        call.send("INVITE", f"{call.contact};maddr={victim.host}", cseq=21)
        assert refused(mallory) == 403
        call.send("INVITE", call.contact, f"<{there};lr>", cseq=22)  # nor by a way of his own
        assert refused(mallory) == 403
        call.send("ACK", there, cseq=1)
        assert mallory.receive(0.3) is None
        call.send_back("INVITE", there)
        assert refused(bob) == 403
        assert victim.receive(0.2) is None and bob.receive(0.1) is None
        assert proxy.metrics()["margrave_sip_dialog_elsewhere_total"] == before + 10


def test_what_a_rule_allows_is_allowed_in_a_dialog(proxy, bob):
    with Peer() as alice:
        Call(proxy, alice, bob).send("MESSAGE", "sip:else@ours.example")
        assert bob.receive().startswith("MESSAGE sip:else@ours.example ")


def test_dialog_of_a_stranger(proxy, bob):
    """Both sides, and after a restart."""
    with Peer() as alice:
        call = Call(proxy, alice, bob)
        call.send("ACK", call.contact, cseq=1)
        assert bob.receive().startswith("ACK ")
        call.send("INFO", call.contact)
        got = bob.receive()
        assert got.startswith(f"INFO {call.contact} ") and not header(got, "Route")
        bob.send(reply(got, 200), proxy.back)
        assert status(alice.receive()) == 200
        proxy.kill()
        before = len(proxy.log_text())
        proxy.start(wait=False).wait_log("ev=running ", after=before)
        call.send_back("INFO", f"sip:alice@{alice.host}:{alice.port}")
        got = alice.receive()
        assert got.startswith("INFO ")
        alice.send(reply(got, 200), proxy.address)
        assert status(bob.receive()) == 200
        call.send("BYE", call.contact, cseq=3)
        assert bob.receive().startswith("BYE ")


def test_dialog_of_a_known_caller(proxy, bob):
    """He may send anywhere; who is called, and is not known, may not."""
    with Peer(KNOWN) as alice, Peer() as other:
        call = Call(proxy, alice, bob)
        assert header(call.answer, "Record-Route") == header(call.heard, "Record-Route")  # nothing was written anew for him
        call.send("MESSAGE", f"sip:x@{other.host}:{other.port}")
        assert other.receive().startswith("MESSAGE ")
        call.send_back("INFO", f"sip:alice@{other.host}:{other.port}")
        assert refused(bob) == 403 and other.receive(0.2) is None
        call.send_back("BYE", f"sip:alice@{alice.host}:{alice.port}", cseq=3)
        assert alice.receive().startswith("BYE ")


# ---- a CANCEL without an INVITE (RFC 3261 16.10) ----

def cancel_of_nothing(peer: Peer, uri: str, *lines: str) -> str:
    return request(peer, "CANCEL", uri, *lines, drop=("Contact",))


def test_cancel_of_a_known_source_goes_on(proxy, bob):
    """Without a transaction, each time it comes, and its answer goes back."""
    with Peer(KNOWN) as alice:
        text = cancel_of_nothing(alice, f"sip:bob@{bob.host}:{bob.port}")
        for _ in range(2):
            alice.send(text, proxy.address)
            got = bob.receive()
            assert got.startswith("CANCEL ") and len(header(got, "Via")) == 2 and not header(got, "Record-Route")
        bob.send(reply(got, 481), proxy.address)
        answer = alice.receive()
        assert status(answer) == 481 and header(answer, "Call-ID") == header(text, "Call-ID")
        assert len(header(answer, "Via")) == 1
        alice.send(cancel_of_nothing(alice, "sip:nobody@ours.example", f"Route: <sip:{bob.host}:{bob.port};lr>"), proxy.address)
        assert bob.receive().startswith("CANCEL sip:nobody@ours.example ")
        alice.send(cancel_of_nothing(alice, f"sip:127.0.0.1:{proxy.address[1]}"), proxy.address)  # there is nowhere to send it
        assert refused(alice) == 481
        assert proxy.metrics()["margrave_txn_servers"] == 0 and proxy.metrics()["margrave_txn_clients"] == 0


def test_cancel_of_a_stranger_goes_nowhere(proxy, bob):
    """Not even where a rule lets everybody call."""
    with Peer() as mallory, Peer(KNOWN) as alice:
        for uri in ("sip:bob@ours.example", f"sip:bob@{bob.host}:{bob.port}"):
            mallory.send(cancel_of_nothing(mallory, uri), proxy.address)
            assert refused(mallory) == 481
        assert bob.receive(0.2) is None
        # and the INVITE of another source is not his to cancel, whether he is known or not
        invite = request(mallory, "INVITE", "sip:bob@ours.example")
        mallory.send(invite, proxy.address)
        assert bob.receive().startswith("INVITE ")
        alice.send(cancel_of(invite), proxy.address)
        assert refused(alice) == 481
        assert bob.receive(0.2) is None


# ---- calls that nobody answers (X-3) ----

@pytest.fixture(name="house")
def running_shield(tmp_path):
    port = free_port()
    config = (f'zones = ( {{ name = "in"; listen = ( "udp:127.0.0.1:{port}" ); }} );\naccept_risk = ( "open-relay" );\nmodules = ( {{ name = "sanity"; }}, '
              f'{{ name = "acl"; zones = ( {{ zone = "in"; rules = ( {{ prefixes = ( "{KNOWN}/32" ); known = true; }} ); }} ); }}, '
              '{ name = "shield"; answers_burst = 100; }, { name = "route"; relay = "any"; } );\n')
    with Daemon(tmp_path, config) as daemon:
        daemon.address = ("127.0.0.1", port)
        yield daemon
        daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)


def pending(house: Daemon, want: int) -> None:
    until_s = time.monotonic() + 4
    while (now := house.metrics()["margrave_shield_pending_invites"]) != want:  # shown once a second
        assert time.monotonic() < until_s, now
        time.sleep(0.1)


def invites(house: Daemon, callers: list[Peer], bob: Peer) -> tuple[list[str], list[int]]:
    """One of each caller; returns what reached bob, and the final answers."""
    for caller in callers:
        caller.send(request(caller, "INVITE", f"sip:bob@{bob.host}:{bob.port}"), house.address)
    heard = []
    while (got := bob.receive(0.3)) is not None:  # before his are sent again
        if got.startswith("INVITE "):
            heard.append(got)
    codes = []
    for caller in callers:
        while (code := status(caller.receive(0.3 if invite_of(heard, caller) else 2))) == 100:
            pass
        codes.append(code)
    return heard, codes


def invite_of(heard: list[str], caller: Peer) -> str:
    """The INVITE of the caller among those that reached bob; "" if it is not there."""
    return next((got for got in heard if f"{caller.host}:{caller.port};" in header(got, "Via")[1]), "")


def test_calls_that_nobody_answers(house, bob):
    callers = [Peer() for _ in range(12)]  # one source, many ports, both workers
    heard, codes = invites(house, callers, bob)
    assert sorted(codes) == [0] * 4 + [486] * 8
    calls = {header(got, "Call-ID")[0]: got for got in heard}
    assert len(calls) == 4
    pending(house, 4)
    assert house.metrics()["margrave_shield_refused_pending_total"] == 8
    others = [Peer("127.0.0.2"), *[Peer(KNOWN) for _ in range(6)]]
    heard, codes = invites(house, others, bob)
    assert codes == [0] * 7  # not affected
    pending(house, 5)  # known sources have no limit, and are not counted
    for peer in others:
        bob.send(reply(invite_of(heard, peer), 480), house.address)
        until(peer, 480)
    house.process.send_signal(signal.SIGHUP)  # what is counted outlives a configuration
    time.sleep(0.5)
    assert status(ask(house, callers[0], request(callers[0], "INVITE", f"sip:bob@{bob.host}:{bob.port}"))) == 486
    for got in calls.values():
        bob.send(reply(got, 480), house.address)
    pending(house, 0)
    heard, codes = invites(house, [Peer() for _ in range(5)], bob)
    assert sorted(codes) == [0] * 4 + [486]


# ---- certificates (A-8, G-2) ----

@pytest.mark.parametrize("alt,code", [("DNS:carrier.test", 200), ("DNS:mallory.test", 403), ("DNS:mallory.test,URI:sip:other@carrier.test", 403)])
def test_certificates_that_no_rule_names(tmp_path, bob, alt, code):
    """Whom the authority has signed is not thereby somebody we know."""
    tmp_path.chmod(0o755)
    ca, port = Authority(tmp_path), free_port()
    certificate, key = ca.sign("proxy", "IP:127.0.0.1")
    config = (f'zones = ( {{ name = "in"; listen = ( "udp:127.0.0.1:{free_port()}", "tls:127.0.0.1:{port}" ); tls = ( "mutual" ); }} );\n'
              f'tls = ( {{ name = "mutual"; certificate = "{certificate}"; key = "{key}"; ca = "{ca.certificate}"; verify_client = "required"; }} );\n'
              'modules = ( { name = "sanity"; }, { name = "acl"; zones = ( { zone = "in"; rules = ( { certificates = ( "carrier.test" ); known = true; } ); } ); '
              '}, { name = "route"; relay = "known"; } );\n')
    with Daemon(tmp_path, config):
        with TlsPeer("127.0.0.1", ("127.0.0.1", port), client_context(ca.certificate, *ca.sign("client", alt))) as client:
            client.send(request(client, "MESSAGE", f"sip:bob@{bob.host}:{bob.port}"))
            if code == 200:
                got = bob.receive()
                via = header(got, "Via")[0]
                bob.send(reply(got, 200), ("127.0.0.1", int(via.split(";")[0].rsplit(":", 1)[1])))
            assert status(client.receive()) == code


def test_clients_of_any_authority_are_refused(tmp_path):
    ca = Authority(tmp_path)
    certificate, key = ca.sign("proxy", "IP:127.0.0.1")
    daemon = Daemon(tmp_path, f'zones = ( {{ name = "in"; listen = ( "tls:127.0.0.1:{free_port()}" ); tls = ( "any" ); }} );\n'
                              f'tls = ( {{ name = "any"; certificate = "{certificate}"; key = "{key}"; verify_client = "optional"; }} );\n'
                              'modules = ( { name = "sanity"; }, { name = "acl"; }, { name = "route"; } );\n')
    done = subprocess.run([bin_folder() / "margrave", "--check", daemon.config], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0 and f"{daemon.config}:6: tls[0].verify_client: " in done.stdout + done.stderr, done


# ---- ourselves as a target (T-13) ----

def test_nothing_is_sent_to_ourselves(tmp_path, bob):
    """By address, by a name, by a redirection: neither to a listener nor to the port of the figures."""
    port = free_port()
    with Daemon(tmp_path, f'zones = ( {{ name = "in"; trust = "carrier"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\nproxy = {{ recurse = true; }};\n'
                          'accept_risk = ( "open-relay", "recurse" );\n' + MODULES.replace('accept_risk = ( "open-relay" );', "")) as daemon:
        address = ("127.0.0.1", port)
        before = daemon.metrics()["margrave_route_forbidden_total"]
        with Peer() as alice:
            for uri in (f"sip:a@127.0.0.1:{daemon.port_metrics};transport=tcp", f"sip:a@localhost:{daemon.port_metrics};transport=tcp",
                        f"sip:a@localhost:{port}", f"sip:a@localhost:{port};transport=tcp"):
                alice.send(request(alice, "MESSAGE", uri), address)
                assert status(alice.receive()) == 503, uri
            assert daemon.metrics()["margrave_route_forbidden_total"] == before + 4
            for uri in (f"sip:a@localhost:{port}", f"sip:a@localhost:{daemon.port_metrics};transport=tcp"):
                alice.send(request(alice, "MESSAGE", f"sip:bob@{bob.host}:{bob.port}"), address)
                bob.send(reply(bob.receive(), 302, f"Contact: <{uri}>"), address)
                assert status(alice.receive()) in (500, 503)
            assert daemon.metrics()["margrave_sip_requests_total"] == 6  # none came back
