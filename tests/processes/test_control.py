# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's socket, margravectl, and the figures over HTTP (G-5, P-14)."""
import json
import re
import socket
import urllib.error
import urllib.request

import pytest
from margrave import MODULES, Daemon, Peer, free_port


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
    status = json.loads(daemon.ctl("--json", "status").stdout)
    assert [risk.split(":")[0] for risk in status["risks"]] == ["open-relay"]
    assert len(status["workers"]["rows"]) == 2 and status["workers"]["workers_silent"] == 0


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
    status, text = page(daemon, "/metrics")
    assert status == 200
    names = re.findall(r"(?m)^(\w+) -?\d", text)
    assert len(names) == len(set(names)) > 80
    described = set(re.findall(r"(?m)^# TYPE (\w+) (?:counter|gauge)$", text))
    assert set(names) == described  # each is described, and no label holds what a peer sent
