# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's socket, margravectl, and the figures over HTTP (G-5, P-14)."""
import contextlib
import json
import re
import socket
import time
import urllib.error
import urllib.request

import pytest
from margrave import MODULES, Daemon, Peer, free_port, status


CLIENTS_MAX, IDLE_S = 16, 10  # control_priv.h
SERVED_S = 1.5


@pytest.fixture(scope="module", name="daemon")
def running(tmp_path_factory):
    port = free_port()
    with Daemon(tmp_path_factory.mktemp("control"), f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n'
                f"{MODULES}") as daemon:
        daemon.port = port
        yield daemon


def raw(daemon: Daemon, data: bytes, answers: int = 1) -> list[dict]:
    """What the socket answers to these bytes; [] when it closes without a word."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(daemon.folder / "state/control.sock"))
        got = b""
        try:
            s.sendall(data)
            while got.count(b"\n") < answers:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except (BrokenPipeError, ConnectionResetError):
            pass
    return [json.loads(line) for line in got.splitlines()]


@pytest.mark.parametrize("command", ["status", "transactions", "connections", "targets"])
def test_shows(daemon, command):
    table, as_json = daemon.ctl(command), daemon.ctl("--json", command)
    assert table.returncode == 0 and table.stdout, table.stderr
    assert isinstance(json.loads(as_json.stdout), dict)


def test_status_tells_risks_and_workers(daemon):
    told = json.loads(daemon.ctl("--json", "status").stdout)
    assert [risk.split(":")[0] for risk in told["risks"]] == ["open-relay"]
    assert len(told["workers"]["rows"]) == 2 and told["workers"]["workers_silent"] == 0


def number(daemon: Daemon, key: str) -> int:
    return json.loads(daemon.ctl("--json", "status").stdout)[key]


def test_status_counts_what_is_under_way_and_what_was(daemon):
    before = number(daemon, "requests_total")
    with Peer() as peer:
        for i in range(5):
            peer.send(f"OPTIONS sip:127.0.0.1:{daemon.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bKn{i}\r\nFrom: <sip:a@b>;tag=1\r\n"
                      f"To: <sip:a@b>\r\nCall-ID: n{i}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", ("127.0.0.1", daemon.port))
            assert peer.receive()
    assert number(daemon, "requests_total") == before + 5 and number(daemon, "requests") == 0
    shown = daemon.ctl("status").stdout
    assert re.search(r"(?m)^requests under way +0$", shown) and re.search(rf"(?m)^requests so far +{before + 5}$", shown)


@pytest.mark.parametrize("command", ["status", "connections"])
def test_workers_that_answer_are_no_row(daemon, command):
    assert "workers_silent" not in daemon.ctl(command).stdout
    assert '"workers_silent": 0' in daemon.ctl("--json", command).stdout


def test_targets_say_whether_they_are_avoided(daemon):
    with Peer() as gone:
        port = gone.port
    with Peer() as peer:
        peer.send(f"OPTIONS sip:bob@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bKgone\r\nFrom: <sip:a@b>;tag=1\r\n"
                  "To: <sip:bob@b>\r\nCall-ID: gone\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", ("127.0.0.1", daemon.port))
        assert status(peer.receive(5)) == 503
    row = next(row for row in json.loads(daemon.ctl("--json", "targets").stdout)["rows"] if row["target"] == f"127.0.0.1:{port}")
    assert row["state"] == "avoided" and row["failures"] == 1 and row["avoided_ms"] > 0
    assert re.search(rf"(?m)^127.0.0.1:{port} +udp +avoided +1 ", daemon.ctl("targets").stdout)
    assert daemon.wait_log(rf"info router ev=target_failed target=127.0.0.1:{port} tr=udp addr=127.0.0.1:{port} why=refused n=1")


def test_connections_are_listed(daemon):
    with Peer(tcp_to=("127.0.0.1", daemon.port)) as peer:
        peer.send(f"OPTIONS sip:127.0.0.1:{daemon.port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKc\r\nFrom: <sip:a@b>;tag=1\r\n"
                  "To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
        assert peer.receive()
        rows = json.loads(daemon.ctl("--json", "connections").stdout)["rows"]
        assert f"127.0.0.1:{peer.port}" in [row["peer"] for row in rows]


def test_loglevel(daemon):
    assert daemon.ctl("loglevel", "debug").returncode == 0
    assert daemon.ctl("loglevel", "info").returncode == 0
    bad = daemon.ctl("loglevel", "loud")
    assert bad.returncode == 1 and "error, warning, info or debug" in bad.stderr


def test_arguments(daemon):
    for args in (["nothing"], [], ["status", "more"], ["--what"], ["loglevel"], ["stop", "--later"]):
        done = daemon.ctl(*args)
        assert done.returncode == 2 and "margravectl" in done.stderr, args
    assert daemon.ctl("--socket", "/nowhere", "status").returncode == 3


def test_reload_says_what_is_wrong(daemon):
    good = daemon.config.read_text()
    daemon.config.write_text(good + "colour = 7;\n")
    try:
        bad = daemon.ctl("reload")
        assert bad.returncode == 1 and re.search(r"margrave\.cfg:\d+: colour", bad.stderr), bad.stderr
    finally:
        daemon.config.write_text(good)
    assert daemon.ctl("reload").returncode == 0


def test_many_reloads(daemon):
    """A script may ask as often as it likes: all are answered, the later ones a bit later, for loading is work."""
    begin = time.monotonic()
    answers = [raw(daemon, b'{"jsonrpc":"2.0","id":1,"method":"reload"}\n')[0] for _ in range(30)]
    assert all("result" in answer for answer in answers), answers
    assert len({answer["result"]["generation"] for answer in answers}) == 30
    assert time.monotonic() - begin > 1


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b"7", b'"x"', b"{", b'{"method": 7}', b'{"method": "nothing"}', b"\xff\xfe", b"[" * 5000,
                                  b'{"method": "loglevel"}', b'{"method": "loglevel", "params": 7}', b'{"method":"status","method":"stop"}'])
def test_garbage_gets_an_error(daemon, line):
    answer = raw(daemon, line + b"\n")
    assert len(answer) == 1 and "error" in answer[0]


def test_a_line_without_an_end_is_not_waited_for(daemon):
    assert raw(daemon, b"x" * 200000) == []
    assert daemon.ctl("status").returncode == 0


def test_requests_in_one_piece_are_answered_in_order(daemon):
    answers = raw(daemon, b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"targets"}\n' % i for i in range(20)), 20)
    assert [answer["id"] for answer in answers] == list(range(20))


def test_requests_behind_a_reload_wait_for_its_end(daemon):
    methods = ["reload", "targets", "reload", "targets"]
    answers = raw(daemon, b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"%s"}\n' % (i, name.encode()) for i, name in enumerate(methods)), 4)
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3]
    assert [set(answer["result"]) & {"generation", "rows"} for answer in answers] == [{"generation"}, {"rows"}] * 2


def test_too_many_clients_are_turned_away(daemon):
    clients = []
    try:
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(daemon.folder / "state/control.sock"))
            clients.append(client)
    finally:
        for client in clients:
            client.close()
    assert daemon.ctl("status").returncode == 0


def connected(daemon: Daemon) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(daemon.folder / "state/control.sock"))
    client.settimeout(20)
    return client


def test_silent_clients_give_way(daemon):
    """As many as there is room for hold their connections and say nothing, or half of something: who asks is served at once."""
    clients = [connected(daemon) for _ in range(CLIENTS_MAX)]
    try:
        for client in clients[::2]:
            client.sendall(b'{"jsonrpc": "2.0",')
        for _ in range(3):
            begin = time.monotonic()
            assert daemon.ctl("status").returncode == 0
            assert time.monotonic() - begin < SERVED_S
        assert clients[0].recv(1) == b""  # the first to come is the first to go
        # a good one stays in use while it uses it
        asks = connected(daemon)
        for _ in range(3):
            clients += [connected(daemon) for _ in range(CLIENTS_MAX // 2)]
            asks.sendall(b'{"jsonrpc":"2.0","id":1,"method":"targets"}\n')
            assert b'"result"' in asks.recv(65536)
            time.sleep(1.1)
        asks.close()
    finally:
        for client in clients:
            client.close()


def test_silence_ends(daemon):
    """Nor is one that drips bytes of a request waited for."""
    silent, drips = connected(daemon), connected(daemon)
    begin = time.monotonic()
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begin < 2 * IDLE_S:
                drips.sendall(b" ")
                time.sleep(0.2)
        took = time.monotonic() - begin
        assert IDLE_S - 1 < took < IDLE_S + 5
        assert silent.recv(1) == b""
    finally:
        silent.close()
        drips.close()


def page(daemon: Daemon, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port_metrics}{path}", timeout=5) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_pages(daemon):
    assert page(daemon, "/live")[0] == 200
    assert page(daemon, "/ready")[0] == 200
    assert page(daemon, "/")[0] == 404
    code, text = page(daemon, "/metrics")
    assert code == 200
    names = re.findall(r"(?m)^(\w+) -?\d", text)
    assert len(names) == len(set(names)) > 80
    described = set(re.findall(r"(?m)^# TYPE (\w+) (?:counter|gauge)$", text))
    assert set(names) == described  # each is described, and no label holds what a peer sent
