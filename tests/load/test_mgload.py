# SPDX-License-Identifier: GPL-3.0-or-later
"""mgload against itself: the sums add up, and what it must notice it does notice.

The executable is that of $MARGRAVE_BUILD, else of build/release.
"""
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MGLOAD = Path(os.environ.get("MARGRAVE_BUILD", ROOT / "build/release")) / "bin/mgload"

pytestmark = pytest.mark.skipif(not MGLOAD.exists(), reason=f"{MGLOAD} is not built")


def run(folder: Path, *args: str, status: int = 0) -> dict:
    out = folder / "result.json"
    ended = subprocess.run([str(MGLOAD), "--json", str(out), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, timeout=60, check=False)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def assert_sums(result: dict) -> None:
    for part in ("calls", "steady"):
        sums = result[part]
        assert sums["started"] == sums["completed"] + sums["refused"] + sums["failed"]
        assert sums["completed"] <= sums["answered"] <= sums["started"]
        assert sums["in_time"] <= sums["answered"]
    assert sum(result["causes"].values()) == result["calls"]["failed"]
    assert result["latency_ms"]["answer"]["count"] == result["steady"]["answered"]


@pytest.mark.parametrize("args", [
    ["--rate", "500"],
    ["--rate", "500", "--connected"],
    ["--rate", "500", "--sources", "20", "--uac", "127.33.0.1:0"],
    ["--rate", "300", "--uac", "[::1]:0", "--uas", "[::1]:0"],
    ["--rate", "300", "--hold-ms", "100"],
    ["--rate", "500", "--ramp", "0.2"],
], ids=["plain", "connected", "sources", "ipv6", "held", "climbing"])
def test_every_call_to_itself_completes(tmp_path, args):
    result = run(tmp_path, "--self", "--seconds", "0.5", *args)
    assert_sums(result)
    calls = result["calls"]
    assert calls["completed"] == calls["started"] > 100
    assert result["rules"] == {}
    # INVITE, 180, 200, ACK, BYE, 200, unless a busy machine made something be sent again
    again = result["messages"]["resent"] + result["messages"]["callee_resent"]
    assert 6 * calls["started"] <= result["messages"]["sent"] <= 6 * calls["started"] + 4 * again


def test_poisson_is_near_its_rate_and_repeatable(tmp_path):
    # begun, or given up because the machine stood still when they were due
    first, again = (result["calls"]["started"] + result["missed"] for result in (run(tmp_path, "--self", "--rate", "1000", "--seconds", "1") for _ in range(2)))
    assert first == again
    assert 850 < first < 1150  # 4.7 standard deviations


def test_concurrent_calls_are_built_up_first(tmp_path):
    series = tmp_path / "series"
    result = run(tmp_path, "--self", "--rate", "400", "--concurrent", "200", "--seconds", "0.5",
                 "--series", str(series), "--series-ms", "100")
    assert_sums(result)
    assert result["hold_ms"] == 500
    rows = [json.loads(line) for line in series.read_text(encoding="utf-8").splitlines()]
    assert 120 < max(row["live"] for row in rows) < 280
    assert sum(row["started"] for row in rows) == result["calls"]["started"]


def test_nobody_there_is_a_failure_after_the_timeout(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        result = run(tmp_path, "--proxy", f"127.0.0.1:{deaf.getsockname()[1]}", "--rate", "100", "--seconds", "0.2",
                     "--t1-ms", "100", "--timeout-ms", "1000", status=1)
    assert_sums(result)
    assert result["causes"] == {"no_answer": result["calls"]["started"]}
    assert 3 * result["calls"]["started"] == result["messages"]["resent"]  # at 100, 300 and 700 ms


@pytest.mark.parametrize("conn", ["one", "per-call"])
def test_refused_connections_are_failures(tmp_path, conn):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = run(tmp_path, "--proxy", f"127.0.0.1:{closed.getsockname()[1]}", "--transport", "tcp", "--conn", conn,
                     "--rate", "50", "--seconds", "0.3", status=1)
    assert_sums(result)
    assert result["causes"] == {"connect": result["calls"]["started"]}


class Proxy(threading.Thread):
    """A proxy of few lines that answers INVITE by itself, or breaks one rule."""

    def __init__(self, refuse: str = "", spoil=None, lose: int = 0):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.refuse, self.spoil, self.count, self.acks = refuse, spoil or (lambda text: text), 0, 0
        self.lose, self.lost = lose, Counter()  # so many ACKs of each call

    def run(self):
        while True:
            text, peer = self.socket.recvfrom(65535)
            if not text:
                return
            self.forward(text.decode(), peer)

    def stop(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()

    def send(self, text: str, to: tuple[str, int]) -> None:
        self.socket.sendto(text.encode(), to)

    def forward(self, text: str, peer) -> None:
        self.acks += text.startswith("ACK")
        if text.startswith("SIP/2.0"):
            text = re.sub(r"Via: [^\r]*\r\n", "", text, count=1)
            caller = re.search(r"Via: \S+ ([\d.]+):(\d+)", text)
            text = text.replace(";rport\r\n", f";rport={caller[2]}\r\n", 1)
            self.send(text, (caller[1], int(caller[2])))
        elif self.refuse and text.startswith("INVITE"):
            lines = [line for line in text.split("\r\n") if re.match("Via|From|Call-ID|CSeq", line)]
            to = re.search("To: [^\r]*", text)[0]
            lines = [f"SIP/2.0 {self.refuse}", *lines, f"{to};tag=p", "Content-Length: 0"]
            self.send("\r\n".join(lines).replace(";rport\r\n", f";rport={peer[1]}\r\n") + "\r\n\r\n", peer)
        elif text.startswith("ACK") and (self.refuse or self.loses(re.search("Call-ID: .*", text)[0])):
            pass
        else:
            self.request(text)

    def loses(self, call: str) -> bool:
        self.lost[call] += 1
        return self.lost[call] <= self.lose

    def request(self, text: str) -> None:
        self.count += 1
        own = f"127.0.0.1:{self.port}"
        uri = re.match(r"\w+ sip:[^@]*@([\d.]+):(\d+)", text)
        added = f"Via: SIP/2.0/UDP {own};branch=z9hG4bKproxy{self.count}\r\n"
        if text.startswith("INVITE"):
            added += f"Record-Route: <sip:{own};lr>\r\n"
        text = re.sub(r"Route: [^\r]*\r\n", "", text)
        text = text.replace("Max-Forwards: 70", "Max-Forwards: 69").replace("\r\n", "\r\n" + added, 1)
        self.send(self.spoil(text), (uri[1], int(uri[2])))


@pytest.fixture
def proxy(request):
    thread = Proxy(**getattr(request, "param", {}))
    thread.start()
    yield thread
    thread.stop()


def through(folder: Path, proxy: Proxy, status: int) -> dict:
    result = run(folder, "--proxy", f"127.0.0.1:{proxy.port}", "--rate", "150", "--seconds", "0.2", "--timeout-ms", "400",
                 "--t1-ms", "200", status=status)
    assert_sums(result)
    return result


def test_calls_through_a_proxy_complete(tmp_path, proxy):
    result = through(tmp_path, proxy, 0)
    assert result["calls"]["completed"] == result["calls"]["started"]
    assert result["rules"] == {}


@pytest.mark.parametrize("proxy, of, status", [({"refuse": "503 Service Unavailable"}, "refused", 0),
                                               ({"refuse": "480 Temporarily Unavailable"}, "refused", 0),
                                               ({"refuse": "404 Not Found"}, "failed", 1)], indirect=["proxy"],
                         ids=["503", "480", "404"])
def test_refusals_are_acknowledged_and_told_from_failures(tmp_path, proxy, of, status):
    result = through(tmp_path, proxy, status)
    assert result["calls"][of] == result["calls"]["started"] == proxy.acks
    assert result["causes"] == ({"status": result["calls"]["started"]} if status else {})


@pytest.mark.parametrize("proxy", [{"lose": 1}], indirect=True)
def test_a_lost_ack_comes_again_with_the_next_200(tmp_path, proxy):
    result = through(tmp_path, proxy, 0)
    assert result["calls"]["completed"] == result["calls"]["started"] == result["messages"]["callee_resent"]


@pytest.mark.parametrize("proxy", [{"lose": 100}], indirect=True)
def test_acks_that_never_come_through_are_failures(tmp_path, proxy):
    result = through(tmp_path, proxy, 1)
    assert result["causes"] == {"ack_lost": result["calls"]["started"]}


# rule, what a bad proxy makes of a request
BROKEN = [
    ("max_forwards", lambda text: text.replace("Max-Forwards: 69", "Max-Forwards: 70")),
    ("via", lambda text: text.replace("branch=z9hG4bKproxy", "branch=1")),
    ("via", lambda text: re.sub(r"(Via: [^\r]*\r\n)", r"\1Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", text, count=1)),
    ("branch_seen", lambda text: re.sub(r"z9hG4bKproxy\d+", "z9hG4bKproxy0", text)),
    ("ack_branch_seen", lambda text: re.sub(r"z9hG4bKproxy\d+", "z9hG4bKproxy0", text)
     if text.startswith("ACK") else text),
    ("record_route", lambda text: text.replace(";lr>", ">")),
    ("record_route", lambda text: re.sub(r"Record-Route: [^\r]*\r\n", "", text)),
    ("record_route", lambda text: re.sub(r"(Record-Route: <sip:)[\d.]+", r"\g<1>192.0.2.1", text)),
    ("route", lambda text: text.replace("\r\n", "\r\nRoute: <sip:127.0.0.1;lr>\r\n", 1)),
    ("uri", lambda text: text.replace("callee@127.0.0.1", "somebody@127.0.0.1", 1) if text.startswith("BYE") else text),
    ("from", lambda text: text.replace(";tag=f", ";tag=g")),
    ("to", lambda text: text.replace(";tag=t", ";tag=u")),
    ("cseq", lambda text: text.replace("CSeq: 1 INVITE", "CSeq: 3 INVITE")),
    ("body", lambda text: text.replace("m=audio 49170", "m=audio 49172")),
    ("malformed", lambda text: text.replace("Content-Length: ", "Content-Length: 1")),
    ("unknown_call", lambda text: text.replace("Call-ID: ", "Call-ID: f")),
]


@pytest.mark.parametrize("proxy, rule", [({"spoil": spoil}, rule) for rule, spoil in BROKEN], indirect=["proxy"],
                         ids=[f"{rule}-{i}" for i, (rule, _) in enumerate(BROKEN)])
def test_a_broken_rule_is_noticed(tmp_path, proxy, rule):
    assert through(tmp_path, proxy, 1)["rules"].get(rule, 0) > 10


def test_floods_are_counted(tmp_path):
    result = run(tmp_path, "--proxy", "127.0.0.1:9", "--rate", "0", "--seconds", "0.5", "--flood", "options",
                 "--flood-rate", "400")
    assert 100 < result["flood"]["sent"] < 300
    assert result["flood"]["answered"] == 0
    assert result["calls"]["started"] == 0


def test_a_signal_ends_it_in_order(tmp_path):
    out = tmp_path / "result.json"
    with subprocess.Popen([str(MGLOAD), "--self", "--events", "--rate", "500", "--seconds", "60", "--hold-ms", "200",
                           "--json", str(out)], stdout=subprocess.PIPE, text=True) as child:
        assert [child.stdout.readline().split()[0] for _ in range(2)] == ["start", "steady"]
        time.sleep(0.3)
        child.terminate()
        assert child.wait(10) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert_sums(result)
    assert result["calls"]["completed"] == result["calls"]["started"] > 30
    assert result["seconds"] < 10


@pytest.mark.parametrize("args", [["--rate", "-1"], ["--rate"], ["--nonsense", "1"], ["--proxy", "localhost"], [],
                                  ["--self", "--transport", "tcp"], ["--proxy", "127.0.0.1:1", "--transport", "sctp"]])
def test_a_wrong_command_line_is_refused(args):
    ended = subprocess.run([str(MGLOAD), *args], stderr=subprocess.PIPE, timeout=10, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"mgload: ")
