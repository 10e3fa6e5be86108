# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of the two executables, and what --check says of a machine that is not ready: one line that names what is wrong."""
import subprocess

import pytest
from margrave import bin_folder


def run(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run([bin_folder() / args[0], *args[1:]], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("args, named", [
    (["margrave"], "nothing"),
    (["margrave", "--bogus"], 'no option "--bogus"'),
    (["margrave", "x.cfg"], 'no option "x.cfg"'),
    (["margrave", "--bogus", "x.cfg"], 'no option "--bogus"'),
    (["margrave", "--check"], "--check wants a FILE"),
    (["margrave", "--config"], "--config wants a FILE"),
    (["margrave", "--foreground"], "--foreground wants --config FILE"),
    (["margrave", "--foreground", "--config"], "--config wants a FILE"),
    (["margrave", "--version", "more"], '--version does not go with "more"'),
    (["margrave", "--check", "x.cfg", "more"], '--check a FILE does not go with "more"'),
    (["margrave", "--\x1b[2J"], 'no option "--?[2J"'),
    (["margravectl"], "a command is missing"),
    (["margravectl", "--json"], "a command is missing"),
    (["margravectl", "--bogus"], 'no option "--bogus"'),
    (["margravectl", "--socket"], "--socket wants a PATH"),
    (["margravectl", "status", "extra"], 'status takes no argument, and not "extra"'),
    (["margravectl", "loglevel"], "loglevel takes error|warning|info|debug, and not nothing"),
    (["margravectl", "stop", "--now", "\x1b"], 'stop takes [--now], and not "--now" "?"'),
    (["margravectl", "relod"], 'did you mean "reload"'),
])
def test_wrong_arguments_are_named_in_one_line(args, named):
    done = run(*args)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"{args[0]}: ") and done.stderr.count("\n") == 1
    assert named in done.stderr


def test_versions_are_the_same():
    daemon, ctl = run("margrave", "--version"), run("margravectl", "--version")
    assert daemon.returncode == ctl.returncode == 0
    assert daemon.stdout.split()[0] == "margrave" and ctl.stdout.split()[0] == "margravectl"
    assert daemon.stdout.split()[1:] == ctl.stdout.split()[1:] != []


def test_help_is_no_fault():
    for name in ("margrave", "margravectl"):
        done = run(name, "--help")
        assert done.returncode == 0 and "--version" in done.stdout and not done.stderr


def test_a_user_who_is_not_there_can_be_made(tmp_path):
    config = tmp_path / "margrave.cfg"
    config.write_text(f'user = "nobodyhasit";\nstate = "{tmp_path}/state";\nzones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:5060" ); }} );\n',
                      encoding="utf-8")
    done = run("margrave", "--check", str(config))
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if "user" in line)
    assert "does not exist" in line and "useradd --system" in line and "nologin nobodyhasit" in line and 'user = "nobody"' in line
