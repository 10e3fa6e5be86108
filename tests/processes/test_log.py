# SPDX-License-Identifier: GPL-3.0-or-later
"""What the log says of a call: nothing of a good one, why a target failed, and at debug each step (docs/log.md)."""
import contextlib
import re
import socket
import threading

import pytest
from margrave import MODULES, Daemon, Peer, free_port, status
from sip_call import Call, final, place, request

HOSTILE = 'a"b\\x0a\\c'  # what a Call-ID may hold: word characters of RFC 3261


@contextlib.contextmanager
def names_nobody_has():
    """A name server that knows no name; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        over = threading.Event()

        def serve():
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    query, peer = server.recvfrom(4096)
                    end = query.index(b"\0", 12) + 5
                    server.sendto(query[:2] + b"\x81\x83" + query[4:6] + b"\0" * 6 + query[12:end], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.fixture(name="daemon")
def running(tmp_path):
    port = free_port()
    with names_nobody_has() as dns, Daemon(
            tmp_path, f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}" ); }} );\n'
                      f'dns = {{ nameservers = ( "127.0.0.1:{dns}" ); }};\n{MODULES}', workers=1) as daemon:
        daemon.port, daemon.address = port, ("127.0.0.1", port)
        yield daemon


def lines(daemon: Daemon, after: int) -> list[str]:
    return [re.sub(r"(branch=z9hG4bK)\S+", r"\1", line) for line in daemon.log_text()[after:].splitlines()]


def ask(daemon: Daemon, uri: str, **change: str) -> int:
    with Peer() as peer:
        peer.send(request(peer, "INVITE", uri, **change), daemon.address)
        return status(final(peer, 5))


def test_each_503_has_a_reason(daemon):
    after, closed = len(daemon.log_text()), free_port()
    for uri, said in [
        (f"sip:bob@127.0.0.1:{closed}", f"target=127.0.0.1:{closed} tr=udp addr=127.0.0.1:{closed} why=refused"),
        ("sip:bob@nobody.example", "target=nobody.example why=unknown_host"),
        (f"sip:bob@127.0.0.1:{closed};transport=ws", f"target=127.0.0.1:{closed} tr=ws why=no_transport"),
    ]:
        assert ask(daemon, uri) == 503
        daemon.wait_log(f"(?m)^info router ev=target_failed {re.escape(said)} n=1$", 5)
    for _ in range(50):
        assert ask(daemon, "sip:bob@nobody.example") == 503
    assert 3 <= len(lines(daemon, after)) <= 6  # and not one a call: a summary in ten seconds


def test_a_good_call_says_nothing_but_at_debug(daemon):
    after = len(daemon.log_text())
    with Peer() as uac, Peer() as uas:
        Call(uac, uas, daemon.address).offer().answer()
        assert lines(daemon, after) == []
        assert daemon.ctl("loglevel", "debug").returncode == 0
        Call(uac, uas, daemon.address).offer().answer()
        call = rf" call_id=\S+ m=INVITE target=sip:\S+@{place(uas)} tr=udp addr={place(uas)} branch=z9hG4bK"
        daemon.wait_log(rf"(?m)^debug router ev=forwarded{call}\S+$", 5, after)
        daemon.wait_log(rf"(?m)^debug router ev=answered call_id=\S+ m=INVITE status=200 why=relayed addr={place(uas)}$", 5, after)


def test_a_failed_call_at_debug(daemon):
    assert daemon.ctl("loglevel", "debug").returncode == 0
    after, closed = len(daemon.log_text()), free_port()
    assert ask(daemon, f"sip:bob@127.0.0.1:{closed};x=y", Call_ID=HOSTILE) == 503
    daemon.wait_log("ev=answered", 5, after)
    call = r"call_id=a\x22b\x5cx0a\x5cc m=INVITE"
    hop = f"target=127.0.0.1:{closed} tr=udp addr=127.0.0.1:{closed} why=refused"
    assert lines(daemon, after) == [
        f'debug router ev=forwarded {call} target=sip:bob@127.0.0.1:{closed};x\\x3dy tr=udp addr=127.0.0.1:{closed} branch=z9hG4bK',
        f"debug router ev=branch_failed {call} {hop}",
        f"info router ev=target_failed {hop} n=1",
        f"debug router ev=answered {call} status=503 why=refused",
    ]
    assert daemon.ctl("loglevel", "info").returncode == 0
    after = len(daemon.log_text())
    assert ask(daemon, f"sip:bob@127.0.0.1:{closed}") == 503
    assert "debug" not in daemon.log_text()[after:]


def test_risks_can_be_read(daemon):
    assert re.search(r'(?m)^warning sip ev=risk_accepted risk="open-relay: anybody can [^"\\]*"$', daemon.log_text()), daemon.log_text()
