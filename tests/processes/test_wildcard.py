# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners on all addresses, in a network namespace where interfaces have several: all of them are the daemon's own, and it answers from the one that was asked."""
import os
import re

import pytest
from margrave import MODULES, Daemon, header, status
from netns import ip, namespace, peer_in, within
from sip_call import Call, final, request

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace")
PORT = 5080
FIRST, SECOND, OTHER = "192.0.2.1", "192.0.2.2", "198.51.100.1"
FIRST6, SECOND6 = "2001:db8:1::1", "2001:db8:1::2"
OURS = (FIRST, SECOND, OTHER, "127.0.0.1", FIRST6, SECOND6)


def uri(host: str) -> str:
    return f"sip:[{host}]:{PORT}" if ":" in host else f"sip:{host}:{PORT}"


@pytest.fixture(name="daemon", scope="module")
def running(tmp_path_factory):
    with namespace(wan=[f"{FIRST}/24", f"{SECOND}/24", f"{FIRST6}/64", f"{SECOND6}/64"], lan=[f"{OTHER}/24"]) as netns:
        daemon = Daemon(tmp_path_factory.mktemp("wildcard"),
                        f'zones = ( {{ name = "a"; listen = ( "udp:*:{PORT}", "tcp:*:{PORT}" ); trust = "phones"; }} );\n{MODULES}')
        with within(daemon, netns):
            yield daemon


def near(host: str) -> str:
    """An address from which `host` can be asked."""
    return host if ":" in host or host.startswith("127.") else OTHER


@pytest.mark.parametrize("host", OURS)
def test_answers_from_the_address_asked(daemon, host):
    with peer_in(daemon.netns, near(host)) as peer:
        peer.socket.connect((host, PORT))  # nothing from elsewhere arrives
        peer.socket.send(request(peer, "OPTIONS", uri(host)).encode())
        assert status(peer.receive()) == 200


@pytest.mark.parametrize("host", OURS)
def test_answers_by_stream(daemon, host):
    with peer_in(daemon.netns, near(host), tcp_to=(host, PORT)) as peer:
        peer.send(request(peer, "OPTIONS", f"{uri(host)};transport=tcp"))
        assert status(peer.receive()) == 200


@pytest.mark.parametrize("host", [FIRST, SECOND, OTHER, FIRST6, SECOND6])
def test_call(daemon, host):
    """ACK and BYE follow the Record-Route, which names the address that was asked."""
    end = near(host)
    with peer_in(daemon.netns, end) as uac, peer_in(daemon.netns, end) as uas:
        call = Call(uac, uas, (host, PORT)).offer().ring().answer()
        assert re.search(rf"@\[?{re.escape(host)}\]?:{PORT}\b", header(call.answered, "Record-Route")[-1]), call.answered
        call.bye()


def test_not_ours(daemon):
    """A BYE by a Route that is nobody's here goes no further."""
    with peer_in(daemon.netns, OTHER) as uac, peer_in(daemon.netns, OTHER) as uas:
        call = Call(uac, uas, (SECOND, PORT)).offer().ring().answer()
        route = header(call.answered, "Record-Route")[-1].replace(SECOND, "192.0.2.77")
        uac.send(request(uac, "BYE", f"sip:bob@{OTHER}:{uas.port}", Route=route, To=header(call.answered, "To")[0]), (SECOND, PORT))
        assert status(final(uac)) == 403
        call.bye()


def test_address_comes_and_goes(daemon):
    """It is ours as long as it is there."""
    new = "192.0.2.3"
    options = [f"sip:{new}:{PORT}", (FIRST, PORT)]
    for change, ours in (("add", True), ("del", False)):
        after = len(daemon.log_text())
        ip("-n", daemon.netns, "addr", change, f"{new}/24", "dev", "wan")
        daemon.wait_log(r"ev=reloaded", seconds=10, after=after)
        with peer_in(daemon.netns, OTHER) as uac, peer_in(daemon.netns, OTHER) as uas:
            if ours:
                Call(uac, uas, (new, PORT)).offer().ring().answer().bye()
            uac.send(request(uac, "OPTIONS", options[0]), options[1])
            answer = uac.receive(1.0)
            assert (status(answer) == 200) == ours, answer
