# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads: all of a configuration or nothing of it, under requests that go on."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, header, status
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


def ask(peer: Peer, port: int, tries: int = 4) -> int:
    """The status of an OPTIONS, sent again after T1 as any client does: the kernel may lose a datagram, the daemon may not (nothing_lost)."""
    options = request(peer, "OPTIONS", f"sip:127.0.0.1:{port}")
    answer = None
    while answer is None and tries > 0:
        peer.send(options, ("127.0.0.1", port))
        answer = peer.receive(0.5)
        tries -= 1
    return status(answer)


def nothing_lost(daemon: Daemon) -> None:
    """Each datagram that came was a request, and each request was answered."""
    told_of = daemon.metrics()
    came, asked, answered, sent = (told_of[f"margrave_{name}_total"] for name in ("tp_received_udp", "sip_requests", "sip_answered", "tp_sent_udp"))
    assert came == asked == answered == sent > 0, told_of


def certificate(folder: Path, name: str, *more: str) -> None:
    """NAME.crt and its NAME.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.crt", "-subj", f"/CN={name}", *more], check=True, capture_output=True)
    (folder / f"{name}.key").chmod(0o600)


def tls(folder: Path, crt: str, key: str) -> str:
    return f'tls = ( {{ name = "x"; certificate = "{folder}/{crt}.crt"; key = "{folder}/{key}.key"; }} );'


def expired(folder: Path) -> None:
    """old.crt, of yesterday, for good.key."""
    subprocess.run(["openssl", "req", "-new", "-key", folder / "good.key", "-subj", "/CN=old", "-out", folder / "old.csr"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", folder / "old.csr", "-signkey", folder / "good.key", "-days", "-1", "-out", folder / "old.crt"],
                   check=True, capture_output=True)


def settings(port: int, folder: Path) -> list[tuple[str, str]]:
    """Whole settings that the machine or one another do not go with, each with what must be told of it beside its line."""
    certificate(folder, "good")
    certificate(folder, "other")
    expired(folder)
    (folder / "noise.crt").write_text("noise", encoding="ascii")
    good = zones(port) + MODULES
    numbers = [
        ("dns = { timeout_ms = 3000; };", r"dns.timeout_ms: found 3000, .*2000, the default"),
        ("dns = { ttl_min_s = 9; ttl_max_s = 8; };", r"dns.ttl_max_s: found 8, .*dns.ttl_min_s \(9,"),
        ("dns = { budget_ms = 30000; };\ntransactions = { t1_ms = 100; };", r"transactions.t1_ms: found 100, .*dns.budget_ms \(30000,"),
        ("transactions = { t1_ms = 3000; };", r"transactions.t1_ms: found 3000, .*"),
        ("transactions = { suspended_max = 2000; servers_max = 1000; };", r"servers_max: found 1000, .*suspended_max \(2000,"),
        ("transport = { stream_try_ms = 900; connect_ms = 800; };", r"connect_ms: found 800, .*stream_try_ms \(900,"),
        ("overload = { queue_delay_ms = 600; };", r"queue_delay_ms: found 600, .*t1_ms \(500, the default"),
        ("overload = { memory_max_mib = 1048576; };", r"memory_max_mib: found 1048576, "),
        ("overload = { memory_max_mib = 64; };\ntransactions = { servers_max = 50000000; };", r"servers_max: found 50000000, .*memory_max_mib \(64,"),
        ("overload = { memory_max_mib = 64; };\ntransport = { connections_max = 2000; queue_bytes = 65536; };", r"connections_max: found 2000, .*65536"),
        ("overload = { memory_max_mib = 64; };\ndns = { cache_max = 10000000; };", r"cache_max: found 10000000, "),
    ]
    return [(good + text + "\n", told) for text, told in numbers] + [
        (good + tls(folder, "good", "other"), r"tls\[0\].key: found .*do not belong together"),
        (good + tls(folder, "old", "good"), r"tls\[0\].certificate: found .*expired"),
        (good + tls(folder, "noise", "good"), r"tls\[0\].certificate: found .*PEM"),
        (zones(port, more="idle_s = 100; idle_known_s = 99;") + MODULES, r"idle_known_s: found 99, .*idle_s \(100,"),
        (good.replace(" );", f', "udp:127.0.0.1:{port}" );', 1), r"zones\[0\].listen\[2\]: found .*zones\[0\].listen\[0\]"),
        (good.replace(" );", f', "tls:127.0.0.1:{port}" );', 1) + tls(folder, "good", "good"), r"zones\[0\].listen\[2\]: found .*tcp and tls"),
        (good.replace("udp:127.0.0.1", "udp:239.1.1.1"), r"zones\[0\].listen\[0\]: found "),
        (good.replace("udp:127.0.0.1", "udp:192.0.2.77"), r"zones\[0\].listen\[0\]: found .*Cannot assign"),
    ]


def heads(daemon: Daemon) -> list[tuple[str, str]]:
    """The same of what stands in the head of the file: text to be replaced, by what, and what must be told."""
    return [('user = "nobody"', 'user = "root"', r"user: found .*user-root"), ('user = "nobody"', 'user = "nosuch77"', r"user: found .*nosuch77"),
            ("workers = 2", "workers = 1", r"workers: found 1 .*restart"), ('/state"', '/margrave.cfg"', r"state: found "),
            (f"127.0.0.1:{daemon.port_metrics}", f"127.0.0.1:{daemon.port}", r"metrics.listen: found .*zones\[0\].listen\[1\]")]


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
        nothing_lost(daemon)
        assert daemon.metrics()["margrave_generation"] == 1
        daemon.write(zones(daemon.port) + MODULES)
        daemon.reload()
        assert "ev=reloaded" in daemon.log_text() and ask(peer, daemon.port) == 200
        assert daemon.metrics()["margrave_generation"] > 1


def told(daemon: Daemon, text: str, expected: str) -> None:
    """A reload, and --check, refuse it in one line with file, line, setting, what was found and what is allowed."""
    daemon.config.write_text(text, encoding="utf-8")
    line = rf"(?m)^.*margrave.cfg:\d+: (?=.*, allowed: .).*{expected}"
    done = daemon.ctl("reload")
    check = subprocess.run([bin_folder() / "margrave", "--check", daemon.config], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and re.search(line, done.stdout + done.stderr), (text, done.stdout + done.stderr)
    if "restart" not in expected:
        assert check.returncode == 1 and re.search(line, check.stderr), (text, check.stderr)


def test_what_cannot_work_is_told_where_it_stands(daemon):
    with Peer() as peer:
        for text, expected in settings(daemon.port, daemon.folder):
            told(daemon, daemon.head + text, expected)
        for old, new, expected in heads(daemon):
            text = daemon.head + zones(daemon.port) + MODULES
            assert old in text
            told(daemon, text.replace(old, new), expected)
            assert ask(peer, daemon.port) == 200, daemon.metrics()
        nothing_lost(daemon)
        assert daemon.metrics()["margrave_generation"] == 1


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


@pytest.mark.parametrize("before, after", [("127.0.0.1", "*"), ("*", "127.0.0.1"), ("lo", "*"), ("*", "lo")])
def test_a_listener_becomes_wider_or_narrower(tmp_path, before, after):
    """One port, of an address, an interface or all: while a call of before still rings, behind it, and when it is over, nobody new is refused."""
    port, other = free_port(), free_port()
    address = ("127.0.0.1", port)

    def listens(host: str) -> str:
        listen = ", ".join(f'"{transport}:{host}:{port}"' for transport in ("udp", "tcp"))
        return (f'zones = ( {{ name = "{"all" if host == "*" else "one"}"; listen = ( {listen} ); }}, '
                f'{{ name = "side"; listen = ( "udp:127.0.0.1:{other}" ); }} );\n{MODULES}transactions = {{ t1_ms = 100; t2_ms = 1000; t4_ms = 1000; }};\n')

    def datagrams_answered(peers: list[Peer]) -> None:
        assert [ask(peer, port) for peer in peers] == [200] * len(peers)  # the kernel deals them out to workers

    def all_answered(peers: list[Peer]) -> None:
        datagrams_answered(peers)
        with Peer(tcp_to=address) as stream:
            stream.send(request(stream, "OPTIONS", f"sip:127.0.0.1:{port}"))
            assert status(final(stream)) == 200

    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer()) for _ in range(12)]
        daemon = stack.enter_context(Daemon(tmp_path, listens(before)))
        aside = Call(stack.enter_context(Peer()), stack.enter_context(Peer()), ("127.0.0.1", other)).offer().ring()
        call = Call(stack.enter_context(Peer()), stack.enter_context(Peer()), address) if before == "127.0.0.1" else None
        if call:  # from a listener of all addresses nothing is sent into the loopback network by itself
            call.offer().ring()
        all_answered(peers)
        daemon.write(listens(after))
        daemon.reload()
        assert "reload_rejected" not in daemon.log_text(), daemon.log_text()
        all_answered(peers)
        if call:
            cancel(call)
        aside.answer()
        aside.bye()
        until = time.monotonic() + 64 * 0.1 + 4  # the sockets of before go meanwhile
        while time.monotonic() < until:
            datagrams_answered(peers)
        all_answered(peers)
        if before == "*":
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
                probe.bind(("127.0.0.2", port))


def by_hops(ports: dict[str, int], *hops: Peer) -> str:
    """Zones in that order, and calls to example.org that go to one hop after the other, out of zone "carrier"."""
    said = ", ".join(f'{{ name = "{name}"; listen = ( "udp:127.0.0.1:{port}" ); }}' for name, port in ports.items())
    tried = ", ".join(f'{{ uri = "sip:127.0.0.1:{hop.port}"; zone = "carrier"; q = {900 - n}; ring_s = 2; }}' for n, hop in enumerate(hops))
    known = ", ".join(f'{{ zone = "{name}"; rules = ( {{ prefixes = ( "127.0.0.0/8" ); known = true; }} ); }}' for name in ("inside", "carrier"))
    return (f'zones = ( {said} );\nmodules = ( {{ name = "sanity"; }}, {{ name = "acl"; zones = ( {known} ); }},\n'
            f'{{ name = "route"; rules = ( {{ domain = "example.org"; hops = ( {tried} ); }} ); }} );\n')


def via_port(message: str | None, beginning: str) -> int:
    """That of the listener by which a request of ours left."""
    assert (message or "").startswith(beginning), message
    return int(re.search(r":(\d+)", header(message, "Via")[0])[1])


@pytest.mark.parametrize("order", [("extra", "inside", "carrier"), ("carrier", "extra", "inside"), ("extra", "more", "carrier", "inside")])
def test_zones_in_another_order(tmp_path, order):
    """A call is at its first target while zones change their order: its second one, and both sides of its dialog, are reached by their own zones."""
    ports = {name: free_port() for name in ("inside", "carrier", "extra", "more")}
    address = ("127.0.0.1", ports["inside"])
    with Peer() as uac, Peer() as first, Peer() as second:
        with Daemon(tmp_path, by_hops({name: ports[name] for name in ("inside", "carrier")}, first, second)) as daemon:
            invite = request(uac, "INVITE", "sip:bob@example.org")
            uac.send(invite, address)
            assert via_port(first.receive(), "INVITE ") == ports["carrier"]
            daemon.write(by_hops({name: ports[name] for name in order}, first, second))
            daemon.reload()
            assert "reload_rejected" not in daemon.log_text(), daemon.log_text()
            arrived = second.receive(6.0)
            assert via_port(arrived, "INVITE ") == ports["carrier"]
            route = header(arrived, "Record-Route")
            assert [int(re.search(r":(\d+);lr", value)[1]) for value in route] == [ports["carrier"], ports["inside"]]
            second.send(reply(arrived, 200, f"<sip:bob@127.0.0.1:{second.port}>"), ("127.0.0.1", ports["carrier"]))
            answered = final(uac)
            assert status(answered) == 200, answered
            tags = {"From": header(invite, "From")[0], "To": header(answered, "To")[0], "Call_ID": header(invite, "Call-ID")[0]}
            uac.send(request(uac, "ACK", f"sip:bob@127.0.0.1:{second.port}", **tags, CSeq="1 ACK", Route=", ".join(reversed(header(answered, "Record-Route")))),
                     address)
            assert via_port(second.receive(), "ACK ") == ports["carrier"]
            tags.update({"From": tags["To"], "To": tags["From"]})
            second.send(request(second, "BYE", f"sip:alice@127.0.0.1:{uac.port}", **tags, CSeq="5 BYE", Route=", ".join(route)),
                        ("127.0.0.1", ports["carrier"]))
            ended = uac.receive()
            assert via_port(ended, "BYE ") == ports["inside"]
            uac.send(reply(ended, 200), address)
            assert status(final(second)) == 200


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
