# SPDX-License-Identifier: GPL-3.0-or-later
"""What system tests share: a daemon that runs in a folder of its own, sockets that speak SIP by hand, and sipp.

The executables are those of $MARGRAVE_BIN, else of the first build tree that has them.
"""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ("release", "dev", "asan", "tsan")
START_S = 20
STOP_S = 45


def bin_folder() -> Path:
    """The folder of the executables to test."""
    said = os.environ.get("MARGRAVE_BIN")
    folders = [Path(said)] if said else [ROOT / "build" / preset / "bin" for preset in PRESETS]
    for folder in folders:
        if (folder / "margrave").exists():
            return folder
    raise FileNotFoundError(f"no margrave in {', '.join(map(str, folders))}: build it first")


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind((host, 0))
            port = tcp.getsockname()[1]
            with socket.socket(tcp.family, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
                udp.bind((host, port))
                return port


MODULES = 'modules = ( { name = "sanity"; }, { name = "acl"; }, { name = "route"; relay = "any"; } );\naccept_risk = ( "open-relay" );\n'


class Daemon:
    """margrave with a configuration, from start() to stop()."""

    def __init__(self, folder: Path, config: str, user: str = "nobody", workers: int = 2):
        self.folder = folder
        self.port_metrics = free_port()
        self.config = folder / "margrave.cfg"
        self.log = folder / "margrave.log"
        self.head = (f'workers = {workers};\nuser = "{user}";\nstate = "{folder}/state";\n'
                     f'metrics = {{ listen = "127.0.0.1:{self.port_metrics}"; }};\n')
        self.process = None
        self.through: list[str] = []  # a command that starts it, such as prlimit with its options
        folder.chmod(0o755)
        self.write(config)

    def write(self, config: str) -> None:
        self.config.write_text(self.head + config, encoding="utf-8")

    def start(self, wait: bool = True) -> "Daemon":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.through, bin_folder() / "margrave", "--config", self.config], stdout=log, stderr=log,
                                            start_new_session=True)
        if wait:
            self.wait_log(r"ev=running ")
        return self

    def wait_log(self, pattern: str, seconds: float = START_S, after: int = 0) -> re.Match:
        """Wait until the log, from byte `after` on, has a line with the pattern."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = re.search(pattern, self.log_text()[after:])
            if found:
                return found
            if self.process and self.process.poll() is not None:
                found = re.search(pattern, self.log_text()[after:])
                if found:
                    return found
                raise AssertionError(f"margrave ended with {self.process.returncode}:\n{self.log_text()}")
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.log_text()}")

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def child(self) -> int:
        """The process that carries traffic."""
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout
        return int(out.split()[0]) if out.split() else 0

    def metrics(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port_metrics}/metrics", timeout=5) as page:
            text = page.read().decode()
        return {name: int(float(value)) for name, value in re.findall(r"^(\w+) (-?[\d.e+]+)$", text, re.M)}

    def ctl(self, *args: str) -> subprocess.CompletedProcess:
        return subprocess.run([bin_folder() / "margravectl", "--socket", self.folder / "state/control.sock", *args],
                              capture_output=True, text=True, timeout=60, check=False)

    def reload(self) -> None:
        after = len(self.log_text())
        self.process.send_signal(signal.SIGHUP)
        self.wait_log(r"ev=(reloaded|reload_rejected)", after=after)

    def stop(self) -> int:
        """End it; what a sanitizer said fails the test."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise
        text = self.log_text()
        assert "ERROR: AddressSanitizer" not in text and "runtime error:" not in text and "ThreadSanitizer" not in text, text
        return self.process.returncode if self.process else 0

    def kill(self) -> None:
        """End all of it at once."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Daemon":
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, value, trace) -> None:
        self.stop()


class Peer:
    """A UDP or TCP socket that sends and receives SIP as bytes."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tcp_to: tuple[str, int] | None = None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.tcp = tcp_to is not None
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.rest = b""
        if self.tcp:
            self.socket.connect(tcp_to)
        self.host, self.port = self.socket.getsockname()[:2]

    def send(self, message: str | bytes, to: tuple[str, int] | None = None) -> None:
        data = message.encode() if isinstance(message, str) else message
        if self.tcp:
            self.socket.sendall(data)
        else:
            self.socket.sendto(data, to)

    def receive(self, seconds: float = 2.0) -> str | None:
        """The next message; None when there is none in time, "" when a stream was closed."""
        self.socket.settimeout(seconds)
        try:
            if not self.tcp:
                return self.socket.recv(65536).decode("latin-1")
            while not self._whole():
                more = self.socket.recv(65536)
                if not more:
                    return ""
                self.rest += more
            return self._take()
        except (TimeoutError, ConnectionError) as error:
            return "" if isinstance(error, ConnectionError) else None

    def _whole(self) -> int:
        end = self.rest.find(b"\r\n\r\n")
        if end < 0:
            return 0
        length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", self.rest[:end])
        total = end + 4 + (int(length[1]) if length else 0)
        return total if len(self.rest) >= total else 0

    def _take(self) -> str:
        n = self._whole()
        message, self.rest = self.rest[:n], self.rest[n:]
        return message.decode("latin-1")

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def header(message: str, name: str) -> list[str]:
    """All values of a header's lines."""
    return [value.strip() for value in re.findall(rf"(?im)^{re.escape(name)}\s*:(.*)$", message)]


def status(message: str | None) -> int:
    """The status of a response; 0 for anything else."""
    found = re.match(r"SIP/2\.0 (\d{3}) ", message or "")
    return int(found[1]) if found else 0


class Sipp:
    """sipp as a child process. Scenarios are files of tests/system/sipp."""

    def __init__(self, folder: Path, name: str, *args: str, seconds: int = 60):
        self.log = folder / f"sipp-{name}.log"
        self.name = name
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["timeout", str(seconds), "sipp", "-nostdin", *args], stdout=log, stderr=log, cwd=folder,
                                            start_new_session=True)

    def wait(self) -> None:
        """It must end well."""
        code = self.process.wait()
        assert code == 0, f"sipp {self.name}: {code}\n{self.log.read_text(errors='replace')[-6000:]}"

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
