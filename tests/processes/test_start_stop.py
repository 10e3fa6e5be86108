# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, the start and the end of the two processes, and what the one that carries traffic may not do any more."""
import os
import pwd
import re
import signal
import stat
import subprocess
import sys
import time

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, status
from sip_call import Call, final, request, sanitized

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def run(*args, **more) -> subprocess.CompletedProcess:
    return subprocess.run([bin_folder() / "margrave", *args], capture_output=True, text=True, timeout=60, check=False, **more)


def zones(*ports: int) -> str:
    listen = ", ".join(f'"udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}"' for port in ports)
    return f'zones = ( {{ name = "lab"; listen = ( {listen} ); }} );\n'


@pytest.fixture(name="daemon")
def running(tmp_path):
    port = free_port()
    with Daemon(tmp_path, zones(port) + MODULES) as daemon:
        daemon.port, daemon.address = port, ("127.0.0.1", port)
        yield daemon


def proc_status(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


# ---- the command line ----

@pytest.mark.parametrize("args,code", [
    ((), 2), (("--config",), 2), (("--what",), 2), (("--check", "a", "b"), 2), (("--help",), 0), (("--version",), 0), (("--options",), 0),
    (("--reference",), 0), (("--sample",), 0), (("--check", "/nowhere"), 1), (("--config", "/nowhere"), 1), (("--sip-process", "99"), 1),
])
def test_exit_codes(args, code):
    done = run(*args)
    assert done.returncode == code, done.stdout + done.stderr
    if code == 0:
        assert done.stdout and not done.stderr
    if code == 2:
        assert "margrave --help" in done.stderr and not done.stdout


def test_sample_is_right(tmp_path):
    sample = run("--sample").stdout.replace('user = "margrave"', 'user = "nobody"')  # who is there without a package
    sample = sample.replace('state = "/var/lib/margrave"', f'state = "{tmp_path}/state"')
    (tmp_path / "sample.cfg").write_text(sample, encoding="utf-8")
    done = run("--check", tmp_path / "sample.cfg")
    assert done.returncode == 0, done.stderr


CHECKS = [
    ('zones = ( { name = "a"; listen = ( "udp:192.0.2.1:5060" ); } );', r":1: zones\[0\]\.listen\[0\]: found .udp:192\.0\.2\.1:5060. \(Cannot assign"),
    ('zones = ( { name = "a"; listen = ( "udp:nosuch0:5060" ); } );', r":1: zones\[0\]\.listen\[0\]: found .udp:nosuch0:5060. \(no such interface"),
    ('zones = ( { name = "a"; listn = ( "udp:*:5060" ); } );', r":1: zones.*listn.*listen"),
    ('zones = ( { name = "a"; listen = ( "udp:*:5060" ); } );\ntls = ( { name = "x"; certificate = "/nowhere"; key = "/nowhere"; } );', r"/nowhere"),
]


@pytest.mark.parametrize("text,expected", CHECKS)
def test_check_tells_what_is_wrong(tmp_path, text, expected):
    (tmp_path / "m.cfg").write_text(text, encoding="utf-8")
    done = run("--check", tmp_path / "m.cfg")
    assert done.returncode == 1 and re.search(expected, done.stderr), done.stderr


# ---- start and end ----

def test_serves_and_ends(daemon):
    with Peer() as peer:
        peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"), daemon.address)
        assert status(final(peer)) == 200
    child = daemon.child()
    assert daemon.stop() == 0
    assert re.findall(r"(?m)^info sip (ev=stop.*)$", daemon.log_text()) == ["ev=stopping mode=drain requests=0", "ev=stopped"]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert not (daemon.folder / "state/control.sock").exists()


def test_ctrl_c_ends(daemon):
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(timeout=20) == 0


def test_waits_for_calls_under_way(daemon):
    """SIGTERM lets what is under way finish; the second one does not wait."""
    with Peer() as uac, Peer() as uas:
        Call(uac, uas, daemon.address).offer().ring()
        daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert daemon.process.poll() is None
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=5) == 0
    assert re.findall(r"(?m)^info sip (ev=stop.*)$", daemon.log_text()) == [
        "ev=stopping mode=drain requests=1", "ev=stopping mode=now requests=1", "ev=stopped"]


def test_who_calls_while_it_drains_is_told_from_overload(daemon):
    with Peer() as uac, Peer() as uas, Peer() as late:
        Call(uac, uas, daemon.address).offer().ring()
        assert daemon.ctl("stop").returncode == 0
        daemon.wait_log("ev=stopping mode=drain")
        late.send(request(late, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"), daemon.address)
        assert status(final(late)) == 503
        daemon.wait_log("warning sip ev=refused why=draining act=refuse n=1")
        assert "ev=overload" not in daemon.log_text()
        told = daemon.metrics()
        assert told["margrave_sip_refused_draining_total"] == 1 and told["margrave_sip_refused_overload_total"] == 0
        assert daemon.ctl("stop", "--now").returncode == 0
        assert daemon.process.wait(timeout=5) == 0


def test_nobody_survives_the_warden(daemon):
    child = daemon.child()
    daemon.process.kill()
    daemon.process.wait()
    until = time.monotonic() + 5
    while time.monotonic() < until and os.path.exists(f"/proc/{child}"):
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{child}")


def test_address_in_use(daemon, tmp_path):
    """Another daemon may not share a socket that SO_REUSEPORT would let it have."""
    folder = tmp_path / "second"
    folder.mkdir()
    other = Daemon(folder, zones(daemon.port) + MODULES).start(wait=False)
    assert other.process.wait(timeout=20) == 1
    assert f"127.0.0.1:{daemon.port}" in other.log_text() and "in use" in other.log_text()


def test_state_folder_in_use(daemon, tmp_path):
    folder = tmp_path / "second"
    folder.mkdir()
    other = Daemon(folder, zones(free_port()) + MODULES)
    other.config.write_text(other.config.read_text().replace(f"{folder}/state", f"{daemon.folder}/state"), encoding="utf-8")
    other.start(wait=False)
    assert other.process.wait(timeout=20) == 1
    assert "state" in other.log_text() and "another" in other.log_text()
    assert daemon.ctl("status").returncode == 0


@pytest.mark.parametrize("what", ["readable", "damaged", "link"])
def test_keys_are_looked_at(tmp_path, what):
    daemon = Daemon(tmp_path, zones(free_port()) + MODULES).start()
    daemon.stop()
    keys = tmp_path / "state/keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    if what == "readable":
        keys.chmod(0o640)
    elif what == "damaged":
        keys.write_bytes(keys.read_bytes()[:-1])
    else:
        keys.rename(tmp_path / "state/elsewhere")
        keys.symlink_to("elsewhere")
    daemon.start(wait=False)
    assert daemon.process.wait(timeout=20) == 1
    assert "ev=keys" in daemon.log_text()


def test_state_folder_of_everybody(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    daemon = Daemon(tmp_path, zones(free_port()) + MODULES).start(wait=False)
    assert daemon.process.wait(timeout=20) == 1
    assert re.search(r":3: state: found .*others may write to it", daemon.log_text())


def test_refused_by_the_sip_process(tmp_path):
    """What only the SIP process can find (a damaged certificate) ends the start, at once and with its text."""
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("-----BEGIN NONSENSE-----\n", encoding="ascii")
        (tmp_path / name).chmod(0o600)
    config = f'tls = ( {{ name = "t"; certificate = "{tmp_path}/cert.pem"; key = "{tmp_path}/key.pem"; }} );\n'
    daemon = Daemon(tmp_path, zones(free_port()) + MODULES + config).start(wait=False)
    assert daemon.process.wait(timeout=20) == 1
    assert "certificate" in daemon.log_text()
    assert daemon.log_text().count("sip_process_died") <= 1


# ---- what it may not do ----

@needs_root
@pytest.mark.skipif("sanitized()", reason="the sandbox is off under sanitizers")
def test_rights(daemon):
    child = proc_status(daemon.child())
    assert child["CapEff"] == child["CapPrm"] == child["CapInh"] == child["CapAmb"] == "0" * 16
    assert child["NoNewPrivs"] == "1" and child["Seccomp"] == "2"
    uid = pwd.getpwnam("nobody").pw_uid
    assert child["Uid"].split() == [str(uid)] * 4 and child["Groups"].strip() == ""
    warden = proc_status(daemon.process.pid)
    # bpf, net_admin, net_bind_service, setuid, setgid, kill, dac_read_search
    allowed = 1 << 39 | 1 << 12 | 1 << 10 | 1 << 7 | 1 << 6 | 1 << 5 | 1 << 2
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(warden[name], 16) & ~allowed == 0, (name, warden[name])
    assert int(warden["CapEff"], 16)
    assert int(child["CapBnd"], 16) & ~allowed == 0


@needs_root
@pytest.mark.skipif("sanitized()", reason="the sandbox is off under sanitizers")
def test_without_root(tmp_path):
    """The same program as another user: one line says what is off."""
    uid = pwd.getpwnam("nobody").pw_uid
    os.chown(tmp_path, uid, uid)
    port = free_port()
    daemon = Daemon(tmp_path, zones(port) + MODULES)
    reachable = "/tmp"
    with daemon.log.open("ab") as log:
        copy = tmp_path / "margrave"
        copy.write_bytes((bin_folder() / "margrave").read_bytes())
        copy.chmod(0o755)
        os.chown(daemon.config, uid, uid)
        for folder in [tmp_path, *tmp_path.parents]:
            if str(folder) != reachable and folder != folder.parent:
                folder.chmod(folder.stat().st_mode | 0o011)
        daemon.process = subprocess.Popen([copy, "--config", daemon.config], stdout=log, stderr=log, start_new_session=True, user=uid, group=uid,
                                          extra_groups=[])
    try:
        daemon.wait_log(r"ev=running ")
        assert len(re.findall(r"ev=unprivileged off=.*kernel_gate", daemon.log_text())) == 1 and "gate_off" not in daemon.log_text()
        child = proc_status(daemon.child())
        assert child["NoNewPrivs"] == "1" and child["Seccomp"] == "2" and child["CapEff"] == "0" * 16
        with Peer() as peer:
            peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{port}"), ("127.0.0.1", port))
            assert status(final(peer)) == 200
    finally:
        assert daemon.stop() == 0


def test_nothing_is_refused_to_it(daemon):
    """The list of system calls suffices for what the daemon does."""
    with Peer() as uac, Peer() as uas:
        Call(uac, uas, daemon.address).offer().ring().answer().bye()
    with Peer(tcp_to=daemon.address) as peer:
        peer.send(request(peer, "OPTIONS", f"sip:127.0.0.1:{daemon.port}"))
        assert status(final(peer)) == 200
    daemon.reload()
    daemon.metrics()
    done = daemon.ctl("--json", "status")
    assert re.search(r'"calls_refused_by_kernel_filter": ?0\b', done.stdout), done.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
