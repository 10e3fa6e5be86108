# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads: all of a configuration or nothing of it, under requests that go on."""
import contextlib
import os
import signal
import socket
import threading
import time

import pytest
from margrave import MODULES, Daemon, Peer, free_port, header, status
from sip_call import Call, final, reply, request


def zones(*ports: int, more: str = "") -> str:
    listen = ", ".join(f'"udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}"' for port in ports)
    return f'zones = ( {{ name = "lab"; listen = ( {listen} ); {more} }} );\n'


@pytest.fixture(name="daemon")
def running(tmp_path):
    port = free_port()
    with Daemon(tmp_path, zones(port) + MODULES) as daemon:
        daemon.port, daemon.address = port, ("127.0.0.1", port)
        yield daemon


def ask(peer: Peer, port: int, seconds: float = 2.0) -> int:
    peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{port}"), ("127.0.0.1", port))
    return status(peer.receive(seconds))


def broken(port: int) -> list[str]:
    """Fifty texts with something wrong each."""
    good = zones(port) + MODULES
    texts = [good[:n] for n in range(5, len(zones(port)) - 2, 7)][:12]
    texts += [good + f"{line}\n" for line in (
        "nonsense = 1;", "workers = 0;", "workers = -3;", "workers = 1000000;", 'workers = "two";', "workers = 1;", 'state = "/elsewhere";', 'user = "other";',
        "gather_us = 99999999;", "gather_us = true;", "zones = ();", 'log = { level = "loud"; };', 'log = { levl = "info"; };', "log = 1;",
        'log = { level = "info"; level = "info"; };', "transactions = { t1_ms = 1; };", "transactions = { t1_ms = 99999999999999999999; };",
        "transactions = { t9_ms = 500; };", "proxy = { timer_c_s = 3; };", "proxy = { stateless = true; recurse = true; };", "proxy = { recurse = true; };",
        'dns = { nameservers = ( "not an address" ); };', "dns = { ttl_min_s = 3000; ttl_max_s = 2; };", "dns = { timeout_ms = 9000; budget_ms = 100; };",
        "overload = { retry_after_min_s = 100; retry_after_max_s = 1; };", "transport = { handshakes_max = 100000; connections_max = 16; };",
        'tls = ( { name = "x"; } );', 'tls = ( { name = "x"; certificate = "/nowhere"; key = "/nowhere"; } );',
        'tls = ( { name = "x"; certificate = "/dev/zero"; key = "/dev/zero"; } );', '@include "/nowhere"', "@include", "a = (", 'b = "', "c = ( 1, ;",
        'accept_risk = ( "no-such-risk" );')]
    texts += [good.replace('"sanity"', '"sanitty"'), good.replace(f"{port}", "0", 1), zones(port, port) + MODULES,
              good.replace("udp:127.0.0.1", "udp:192.0.2.77")]
    assert len(texts) >= 50, len(texts)
    return texts[:52]


def test_broken_configurations_change_nothing(daemon):
    with Peer() as peer:
        for text in broken(daemon.port):
            after = len(daemon.log_text())
            daemon.write(text)
            daemon.process.send_signal(signal.SIGHUP)
            found = daemon.wait_log(r"ev=(reloaded|reload_rejected)", after=after)
            assert found[1] == "reload_rejected", text
            assert ask(peer, daemon.port) == 200, text
        assert daemon.metrics()["margrave_generation"] == 1 if "margrave_generation" in daemon.metrics() else True
        daemon.write(zones(daemon.port) + MODULES)
        daemon.reload()
        assert "ev=reloaded" in daemon.log_text() and ask(peer, daemon.port) == 200


def test_faults_reach_who_asked(daemon):
    daemon.write(zones(daemon.port) + MODULES + 'log = { levl = "info"; };\n')
    done = daemon.ctl("reload")
    assert done.returncode != 0 and "levl" in done.stdout + done.stderr
    daemon.write(zones(daemon.port) + MODULES)
    done = daemon.ctl("reload")
    assert done.returncode == 0, done.stdout + done.stderr


def test_listeners_come_and_go(daemon):
    other = free_port()
    with Peer() as peer:
        daemon.write(zones(daemon.port, other) + MODULES)
        daemon.reload()
        assert ask(peer, daemon.port) == 200 and ask(peer, other) == 200
        daemon.write(zones(other) + MODULES)
        daemon.reload()
        assert ask(peer, other) == 200
        until = time.monotonic() + 5
        while time.monotonic() < until:  # the socket is closed when the last who used it has let go of it
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                try:
                    udp.bind(("127.0.0.1", daemon.port))
                    tcp.bind(("127.0.0.1", daemon.port))
                    break
                except OSError:
                    time.sleep(0.05)
        else:
            raise AssertionError("the listener that is gone is still open")


def is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def cancel(call: Call) -> None:
    """CANCEL of a call that rings, as far as the ACK."""
    text = call.invite.replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL")
    call.uac.send("\r\n".join(line for line in text.split("\r\n") if not line.startswith("Contact:")), call.address)
    arrived = call.uas.receive()
    assert (arrived or "").startswith("CANCEL "), arrived
    for message, code in ((arrived, 200), (call.arrived, 487)):
        call.uas.send(reply(message, code), call.address)
    codes = {status(call.uac.receive()), status(call.uac.receive())}
    assert codes == {200, 487}
    via = header(call.invite, "Via")[0]
    call.uac.send(f"ACK sip:bob@{call.uas.host}:{call.uas.port} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {header(call.invite, 'From')[0]}\r\n"
                  f"To: {header(call.arrived, 'To')[0]};tag=uas\r\nCall-ID: {header(call.invite, 'Call-ID')[0]}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
                  call.address)


@pytest.mark.parametrize("whole_zone", [False, True])
def test_calls_outlive_their_listener(daemon, whole_zone):
    """Calls ring while the listener they came by is taken away: they are answered, acknowledged, cancelled and ended by it all the same. Then its port is free."""
    short = "transactions = { t1_ms = 100; t2_ms = 1000; t4_ms = 1000; };\n"
    other = free_port()
    without = zones(other) if not whole_zone else zones(other).replace('"lab"', '"elsewhere"')
    daemon.write(zones(daemon.port, other) + MODULES + short)
    daemon.reload()
    with contextlib.ExitStack() as stack:
        calls = [Call(stack.enter_context(Peer()), stack.enter_context(Peer()), daemon.address).offer().ring() for _ in range(12)]
        stranger, stream = stack.enter_context(Peer()), stack.enter_context(Peer(tcp_to=daemon.address))
        daemon.write(without + MODULES + short)
        daemon.reload()
        assert "reload_rejected" not in daemon.log_text()
        # nobody new: a datagram is refused, no stream is accepted, but one that is there goes on
        stranger.send(request(stranger, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"), daemon.address)
        assert status(stranger.receive()) == 503
        stream.send(request(stream, "OPTIONS", f"sip:127.0.0.1:{other}"))
        assert status(final(stream)) == 200
        with pytest.raises(ConnectionRefusedError):
            Peer(tcp_to=daemon.address)
        assert ask(stranger, other) == 200
        assert not is_free(daemon.port, socket.SOCK_DGRAM)
        for call in calls[:4]:
            call.uac.send(call.invite, daemon.address)  # is answered by what is there
            assert status(call.uac.receive()) == 180
            cancel(call)
        daemon.reload()  # once more, for those that are left
        for call in calls[4:]:
            call.answer()
        for call in calls[4:]:
            call.bye()
        until = time.monotonic() + 64 * 0.1 + 8
        while time.monotonic() < until and not is_free(daemon.port, socket.SOCK_DGRAM):
            time.sleep(0.1)
        assert is_free(daemon.port, socket.SOCK_DGRAM) and ask(stranger, other) == 200


def test_a_listener_comes_back_while_it_is_kept(daemon):
    """Taken away and put back while a call rings on it: the call goes on, new ones come."""
    other = free_port()
    with Peer() as uac, Peer() as uas:
        call = Call(uac, uas, daemon.address).offer().ring()
        for n in range(4):
            daemon.write((zones(daemon.port, other) if n % 2 else zones(other)) + MODULES)
            daemon.reload()
        assert "reload_rejected" not in daemon.log_text(), daemon.log_text()
        with contextlib.ExitStack() as stack:  # the kernel deals sources out to the old sockets and the new ones
            assert [ask(stack.enter_context(Peer()), daemon.port) for _ in range(16)] == [200] * 16
        call.answer()
        call.bye()


def test_a_call_outlives_reloads(daemon):
    with Peer() as uac, Peer() as uas:
        call = Call(uac, uas, daemon.address).offer().ring()
        daemon.reload()
        call.answer()
        daemon.reload()
        call.bye()


def test_many_under_requests(daemon):
    """A hundred, some while another is still running: no request goes unanswered, and the last text counts."""
    ended = threading.Event()
    answers: list[int] = []

    def load() -> None:
        with Peer() as peer:
            while not ended.is_set():
                answers.append(ask(peer, daemon.port))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for n in range(100):  # ten times as fast as U-1 has them, and now and then two at once
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(0.1 if n % 4 else 0.005)
        after = len(daemon.log_text())
        daemon.write(zones(daemon.port, more='trust = "internet";') + MODULES)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log(r"ev=reloaded", after=after)
        time.sleep(0.3)
    finally:
        ended.set()
        thread.join()
    assert len(answers) > 100
    codes = {code: answers.count(code) for code in set(answers)}
    assert set(codes) == {200}, codes
    assert "reload_rejected" not in daemon.log_text() and "sip_process_died" not in daemon.log_text()
    assert daemon.log_text().count("ev=reloaded") > 5


def test_reload_while_it_starts(daemon):
    """What is asked for while the SIP process is not there is done when it is."""
    after = len(daemon.log_text())
    os.kill(daemon.child(), signal.SIGKILL)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log(r"ev=reloaded", after=after)
    with Peer() as peer:
        assert ask(peer, daemon.port) == 200
