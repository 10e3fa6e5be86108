# SPDX-License-Identifier: GPL-3.0-or-later
"""mgload through a foreign proxy, on every transport of both its ends: its own messages are right, and so are its rules."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MGLOAD = Path(os.environ.get("MARGRAVE_BUILD", ROOT / "build/release")) / "bin/mgload"

sys.path.insert(0, str(ROOT / "tests/bench/proxy"))
import subjects  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not MGLOAD.exists(), reason=f"{MGLOAD} is not built"),
    pytest.mark.skipif(not shutil.which("kamailio"), reason="no kamailio here"),
]


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory):
    subject = subjects.Kamailio(tmp_path_factory.mktemp("kamailio"), ROOT, 0)
    subject.shared_mib = 64
    subject.start(subjects.Setup(tcp=True, tls=True))
    yield subject
    subject.stop()


@pytest.mark.parametrize("transport, args", [
    ("udp", []),
    ("udp", ["--hold-ms", "200"]),
    ("tcp", ["--conn", "one"]),
    ("tcp", ["--conn", "one", "--connections", "7"]),
    ("tcp", ["--conn", "per-call"]),
    ("tcp", ["--conn", "per-call", "--uas-transport", "tcp"]),
    ("tls", ["--conn", "one"]),
    ("tls", ["--conn", "per-call", "--ca", "CERTIFICATE", "--server-name", "localhost"]),
    ("tls", ["--conn", "one", "--uas-transport", "tls", "--cert", "CERTIFICATE", "--key", "KEY"]),
    ("udp", ["--uas-transport", "tcp"]),
], ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_calls_complete_over(tmp_path, kamailio, transport, args):
    certificate, key = subjects.make_certificate(kamailio.scratch)
    args = [{"CERTIFICATE": str(certificate), "KEY": str(key)}.get(each, each) for each in args]
    target = kamailio.target(transport)
    if "--uas-transport" in args and "--connected" in target:
        target.remove("--connected")
    out = tmp_path / "result.json"
    ended = subprocess.run([str(MGLOAD), *target, "--rate", "150", "--seconds", "0.5", "--timeout-ms", "5000", "--json", str(out),
                            *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr + kamailio.said()
    result = json.loads(out.read_text(encoding="utf-8"))
    calls = result["calls"]
    assert calls["completed"] == calls["started"] > 30
    assert result["rules"] == {}
    connections = result["connections"]
    if "per-call" in args:
        assert connections["opened"] == calls["started"]
    elif transport != "udp":
        assert connections["opened"] == (7 if "7" in args else 1)
    assert connections["tls"].startswith("TLSv1.") == ("tls" in (transport, *args))
    assert connections["resumed"] == 0


def test_a_certificate_of_somebody_else_is_refused(tmp_path, kamailio):
    other = tmp_path / "other"
    other.mkdir()
    certificate, _ = subjects.make_certificate(other)
    ended = subprocess.run([str(MGLOAD), *kamailio.target("tls"), "--rate", "50", "--seconds", "0.2", "--ca", str(certificate),
                            "--json", str(tmp_path / "result.json")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           timeout=60, check=False)
    assert ended.returncode == 1
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["causes"] == {"connect": result["calls"]["started"]}
