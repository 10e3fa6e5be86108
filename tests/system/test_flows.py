# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows of RFC 3665 §3 that a proxy takes part in, and those of the extensions that it must let pass, played by sipp on both sides.

3.2 and 3.3 through two proxies are in test_neighbours.py, 3.4 (a proxy that fails) in test_fork.py and test_dns.py.
"""
import pytest
from ladder import FRESH, SDP, SELF, play
from margrave import MODULES, Daemon, free_port

SETUP = [("A", "INVITE", SDP), ("B", "180"), ("B", "200", SDP), ("A", "ACK")]
BYE = [("A", "BYE"), ("B", "200")]
BYE_OF_B = [("B", "BYE"), ("A", "200")]
CHALLENGE = 'Proxy-Authenticate: Digest realm="a", nonce="n1", qop="auth", algorithm=MD5'
CREDENTIALS = ('Proxy-Authorization: Digest username="alice", realm="a", nonce="n1", uri="sip:bob@example.net", qop=auth, nc=00000001, '
               'cnonce="c", response="00000000000000000000000000000000"')
PROVISIONAL = [("A", "INVITE", SDP, "Supported: 100rel"), ("B", "183", SDP, "Require: 100rel", "RSeq: 1"),
               ("A", "PRACK", "RAck: 1 1 INVITE"), ("B", "200 PRACK")]

FLOWS = {
    "3.2-call": SETUP + BYE,
    "3.2-callee-hangs-up": SETUP + BYE_OF_B,
    "3.3-challenge": [("A", "INVITE", SDP), ("B", "407", CHALLENGE), ("A", "ACK"), ("A", "INVITE", SDP, FRESH, CREDENTIALS), ("B", "200", SDP),
                      ("A", "ACK")] + BYE,
    "3.6-redirect-and-sdp-in-ack": [("A", "INVITE"), ("B", "302", "Contact: <sip:bob@[local_ip]:[local_port]>"), ("A", "ACK"),
                                    ("A", "INVITE", FRESH), ("B", "180"), ("B", "200", SDP), ("A", "ACK", SDP)] + BYE,
    "3.7-re-invite": SETUP + [("B", "INVITE", SDP), ("A", "200", SDP), ("B", "ACK")] + BYE,
    "3.8-no-answer": [("A", "INVITE", SDP), ("B", "180"), ("A", "wait", 300), ("A", "CANCEL"), ("B", "200"), ("B", "487 INVITE"), ("A", "ACK")],
    "3.9-busy": [("A", "INVITE", SDP), ("B", "486"), ("A", "ACK")],
    "3.11-unavailable": [("A", "INVITE", SDP), ("B", "480"), ("A", "ACK")],
    "decline": [("A", "INVITE", SDP), ("B", "180"), ("B", "603"), ("A", "ACK")],
    "re-invite-refused": SETUP + [("A", "INVITE", SDP), ("B", "488"), ("A", "ACK")] + BYE,
    "re-invites-of-both": SETUP + [("A", "INVITE", SDP), ("B", "200", SDP), ("A", "ACK"), ("B", "wait", 50), ("B", "INVITE", SDP), ("A", "200", SDP),
                                   ("B", "ACK")] + BYE_OF_B,
    "prack": PROVISIONAL + [("B", "180 INVITE"), ("B", "200 INVITE"), ("A", "ACK")] + BYE,
    "early-update": PROVISIONAL + [("A", "UPDATE", SDP), ("B", "200 UPDATE", SDP), ("B", "200 INVITE"), ("A", "ACK")] + BYE,
    "update": SETUP + [("B", "UPDATE", SDP), ("A", "200", SDP), ("A", "UPDATE", SDP), ("B", "200", SDP)] + BYE,
    "info": SETUP + [("A", "INFO", "Info-Package: dtmf"), ("B", "200")] + BYE,
    "refer": SETUP + [("A", "REFER", "Refer-To: <sip:carol@example.org>"), ("B", "202"), ("B", "wait", 50),
                      ("B", "NOTIFY", "Event: refer", "Subscription-State: terminated;reason=noresource"), ("A", "200")] + BYE_OF_B,
    "message": [("A", "MESSAGE"), ("B", "200")],
    "subscribe": [("A", "SUBSCRIBE", "Event: presence", "Expires: 60"), ("B", "200", "Expires: 60"), ("B", "wait", 50),
                  ("B", "NOTIFY", "Event: presence", "Subscription-State: active"), ("A", "200"),
                  ("A", "SUBSCRIBE", "Event: presence", "Expires: 0"), ("B", "200", "Expires: 0"), ("B", "wait", 50),
                  ("B", "NOTIFY", "Event: presence", "Subscription-State: terminated"), ("A", "200")],
    "publish": [("A", "PUBLISH", "Event: presence", "Expires: 60"), ("B", "200", "Expires: 60", "SIP-ETag: x")],
    "unknown-method": SETUP + [("A", "FROBNICATE"), ("B", "200")] + BYE,
}


@pytest.fixture(scope="module", name="proxy")
def running_proxy(tmp_path_factory):
    port = free_port()
    config = (f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\n'
              f'transactions = {{ t1_ms = 100; }};\n{MODULES}')
    with Daemon(tmp_path_factory.mktemp("proxy"), config) as daemon:
        daemon.address = ("127.0.0.1", port)
        yield daemon
        figures = daemon.metrics()
        assert figures["margrave_route_bad_tokens_total"] == 0
        assert figures["margrave_route_requests"] == 0


@pytest.mark.parametrize("name", FLOWS)
def test_flow(proxy, tmp_path, name):
    play(tmp_path, name, FLOWS[name], proxy.address)


def test_long_call(proxy, tmp_path):
    """A call of some seconds outlives every transaction of its beginning."""
    ladder = SETUP + [("B", "wait", 3500), ("B", "INFO"), ("A", "200"), ("A", "wait", 3500)] + BYE
    play(tmp_path, "long", ladder, proxy.address, calls=20, rate=20)


def test_no_response_from_the_callee(proxy, tmp_path):
    """RFC 3665 3.10: the caller gives up on who never said a word; nobody can be cancelled, and 487 comes when timer B ends."""
    ladder = [("A", "INVITE", SDP), ("B", "wait", 9000), ("B", "100", SELF), ("A", "wait", 700), ("A", "CANCEL", SELF),
              ("B", "200 CANCEL", SELF), ("B", "487 INVITE", SELF), ("A", "ACK", SELF)]
    play(tmp_path, "3.10-no-response", ladder, proxy.address, calls=5)
