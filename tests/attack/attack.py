# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of attacks share: the daemon as it is shipped, good calls beside the attack, strangers by the hundred, memory and log figures.

Addresses: 127.33.0.0/16 is known to the daemon (acl), everybody else is a stranger. MARGRAVE_FULL=1 runs the sizes that the rows of the threat table state,
else short ones that fit into a commit.
"""
import contextlib
import errno
import itertools
import json
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import time
import uuid
from pathlib import Path

from margrave import ROOT, Daemon, bin_folder, free_port

FULL = os.environ.get("MARGRAVE_FULL", "") not in ("", "0")
FIRST_BIN = Path(os.environ["MARGRAVE_BIN"]) if "MARGRAVE_BIN" in os.environ else None
KNOWN = "127.33.0.1"
CALLEE = "127.34.0.1"
DNS = 'dns = { nameservers = ( "127.0.0.1:1" ); timeout_ms = 100; budget_ms = 300; };\n'
SHIPPED = """modules = (
	{ name = "sanity"; },
	{ name = "acl"; zones = ( { zone = "lab"; rules = ( { prefixes = ( "127.33.0.0/16" ); known = true; } ); } ); },
	{ name = "shield"; },
	{ name = "route"; relay = "known"; }
);
"""


def size(short, full):
    """A figure per commit, and the one that the row states."""
    return full if FULL else short


def build_of(kind: str) -> Path | None:
    """The folder of the executables of a sanitizer, "asan" or "tsan"; None when nobody has built them."""
    folder = Path(os.environ.get(f"MARGRAVE_BIN_{kind.upper()}", ROOT / "build" / kind / "bin"))
    return folder if (folder / "margrave").exists() else None


def mgload() -> Path:
    """The generator, without a sanitizer where there is such a one: it is not what is tested."""
    return next(folder / "mgload" for folder in (FIRST_BIN, bin_folder()) if folder and (folder / "mgload").exists())


def sanitized() -> bool:
    """Whether the executable carries a sanitizer: figures of memory and time mean nothing then."""
    text = subprocess.run(["nm", "-D", bin_folder() / "margrave"], capture_output=True, text=True, check=False).stdout
    return "__asan_init" in text or "__tsan_init" in text


class House(Daemon):
    """margrave with the modules as shipped, on UDP, TCP and, with certificates, TLS."""

    def __init__(self, folder: Path, certs=None, zone: str = "", extra: str = "", workers: int = 2, modules: str = SHIPPED):
        self.port = free_port()
        self.port_tls = free_port() if certs else 0
        self.certs, self.zone, self.extra, self.modules = certs, zone, extra, modules
        super().__init__(folder, self.text(), workers=workers)

    def text(self) -> str:
        listen = [f"udp:127.0.0.1:{self.port}", f"tcp:127.0.0.1:{self.port}"] + ([f"tls:127.0.0.1:{self.port_tls}"] if self.certs else [])
        tls = f'tls = ( {{ name = "default"; {self.certs.config()} }} );\n' if self.certs else ""
        quoted = ", ".join(f'"{item}"' for item in listen)
        # names lead nowhere, at once: nothing of what attackers write is to leave this machine
        return f'{tls}{"" if "dns =" in self.extra else DNS}zones = ( {{ name = "lab"; listen = ( {quoted} ); {self.zone} }} );\n{self.extra}{self.modules}'

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def stop(self) -> int:
        """End it, at the second signal at once: calls that attackers left behind would hold it for 32 s."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=1)
        code = super().stop()
        assert "Sanitizer" not in self.log_text(), self.log_text()
        return code

    def rss(self) -> int:
        """Resident bytes of the process that carries traffic."""
        return memory(self.child())

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.child()}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name: str) -> int:
        return self.metrics()["margrave_" + name]

    def wait_metric(self, name: str, wanted, seconds: float) -> int:
        """Wait until the condition holds for the figure; what it came to."""
        until = time.monotonic() + seconds
        while not wanted(value := self.metric(name)):
            assert time.monotonic() < until, f"{name} is {value} after {seconds} s"
            time.sleep(0.1)
        return value

    def load(self, name: str = "load", **options) -> "Load":
        return Load(self, name, **options)


def memory(pid: int, field: str = "VmRSS") -> int:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"(?m)^{field}:\s+(\d+) kB", text)[1]) * 1024


class Load:
    """mgload beside what happens in a with block: good calls from the known source, unless told otherwise. `result` is there afterwards."""

    def __init__(self, daemon: House, name: str = "load", cpu: int | None = None, **options):
        self.through = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.out = daemon.folder / f"{name}.json"
        self.log = daemon.folder / f"{name}.log"
        options = {"proxy": f"127.0.0.1:{daemon.port}", "uac": f"{KNOWN}:0", "uas": f"{CALLEE}:0", "rate": 20, "seconds": 3600,
                   "json": self.out} | options
        self.args = [word for key, value in options.items() for word in ("--" + key.replace("_", "-"), str(value))]
        self.process, self.result, self.begun = None, {}, 0.0

    def __enter__(self) -> "Load":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*self.through, mgload(), *self.args], stdout=log, stderr=log)
        self.begun = time.monotonic()
        return self

    def __exit__(self, kind, value, trace) -> None:
        time.sleep(max(0.0, self.begun + 2 - time.monotonic()))  # some calls at least
        self.stop()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.out.exists():
            self.result = json.loads(self.out.read_text(encoding="utf-8"))

    def wait(self, seconds: float) -> "Load":
        self.process.wait(timeout=seconds)
        self.stop()
        return self

    def clean(self, least: float = 1.0) -> dict:
        """Every call came to an end as it should (or the share of them); returns the sums."""
        calls = self.result.get("calls", {})
        said = f"{self.result.get('causes')} {self.result.get('rules')} {self.log.read_text(errors='replace')[-2000:]}"
        assert calls.get("started", 0) > 0, said
        assert calls["completed"] >= least * calls["started"], f"{calls} {said}"
        assert self.result["rules"] == {}, said
        return calls


def stranger(n: int, net: str = "127.66") -> str:
    """The n-th address of those that nobody knows."""
    return f"{net}.{n // 250}.{n % 250 + 1}"


def connect(to: tuple[str, int], source: str = "127.0.0.1", seconds: float = 5.0) -> socket.socket:
    """A stream from an address of our choice. Blocking."""
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports per peer, thousands of them
    s.settimeout(seconds)
    s.bind((source, 0))
    s.connect(to)
    return s


class Crowd:
    """Streams by the thousand: opens them, feeds them, and notes when each of them was closed by the other side."""

    def __init__(self, to: tuple[str, int]):
        self.to = to
        self.selector = selectors.DefaultSelector()
        self.opened: dict[socket.socket, float] = {}
        self.closed: list[float] = []  # seconds from opening to the end
        self.refused = 0

    def open(self, source: str) -> socket.socket | None:
        try:
            s = connect(self.to, source)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            self.refused += 1
            return None
        s.setblocking(False)
        self.opened[s] = time.monotonic()
        self.selector.register(s, selectors.EVENT_READ)
        return s

    def feed(self, data: bytes) -> None:
        for s in list(self.opened):
            with contextlib.suppress(OSError):
                s.send(data)

    def look(self, seconds: float) -> None:
        """Notice what is closed, for that long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self.read(key.fileobj)

    def read(self, s: socket.socket) -> None:
        try:
            gone = not s.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self.closed.append(time.monotonic() - self.opened.pop(s))
            self.selector.unregister(s)
            s.close()

    def close(self) -> None:
        for s in self.opened:
            s.close()
        self.opened.clear()
        self.selector.close()

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def ask(to: tuple[str, int], source: str = KNOWN, tcp: bool = True, seconds: float = 5.0) -> float:
    """Time in seconds of a new connection with an OPTIONS on it, as a phone would see it; fails without an answer."""
    begin = time.monotonic()
    s = connect(to, source, seconds) if tcp else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        if not tcp:
            s.bind((source, 0))
            s.settimeout(seconds)
            s.connect(to)
        host, port = s.getsockname()
        s.sendall(message("OPTIONS", f"sip:{to[0]}:{to[1]}", host, port, "TCP" if tcp else "UDP"))
        answer = s.recv(65536)
        assert answer.startswith(b"SIP/2.0 200 "), answer
    return time.monotonic() - begin


def message(method: str, uri: str, host: str, port: int, transport: str = "UDP", *lines: str, body: str = "", **change: str) -> bytes:
    """A well-formed request; fields may be changed by name."""
    fields = {
        "Via": f"SIP/2.0/{transport} {host}:{port};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards": "70",
        "From": f"<sip:alice@{host}>;tag={uuid.uuid4().hex[:8]}",
        "To": f"<{uri}>",
        "Call-ID": uuid.uuid4().hex,
        "CSeq": f"1 {method}",
        "Contact": f"<sip:alice@{host}:{port}>",
    } | {name.replace("_", "-"): value for name, value in change.items()}
    text = "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "".join(line + "\r\n" for line in lines)
    return f"{method} {uri} SIP/2.0\r\n{text}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def batches(items, n: int):
    """Lists of at most n items."""
    it = iter(items)
    while part := list(itertools.islice(it, n)):
        yield part


def said(daemon: Daemon, pattern: str, after: int = 0) -> list[str]:
    """Lines of the log that hold the pattern."""
    return [line for line in daemon.log_text()[after:].splitlines() if re.search(pattern, line)]


def log_bound(daemon: Daemon, seconds: float, after: int = 0) -> None:
    """O-12: at most 2 MB a minute, and a fair beginning for short attacks."""
    n = len(daemon.log_text()) - after
    assert n <= 2_000_000 / 60 * max(seconds, 10), f"{n} bytes of log in {seconds:.0f} s:\n{daemon.log_text()[after:after + 3000]}"


class Certs:
    """An authority, and certificates of it, made with openssl."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.chmod(0o755)
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-keyout", "ca.key", "-out", "ca.crt",
                 "-subj", "/CN=attack authority")
        self.ca = folder / "ca.crt"
        self.make("server")
        self.verify = "none"

    def run(self, *args: str) -> None:
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    def make(self, name: str, days: int = 30) -> None:
        """name.crt and name.key, for localhost; an existing one is replaced, as a rotation would."""
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,DNS:example.com,IP:127.0.0.1\n", encoding="ascii")
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.new", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", str(time.monotonic_ns()), "-days", str(days),
                 "-extfile", extensions.name, "-out", f"{name}.crt.new")
        (self.folder / f"{name}.new").chmod(0o600)
        (self.folder / f"{name}.new").rename(self.folder / f"{name}.key")
        (self.folder / f"{name}.crt.new").rename(self.folder / f"{name}.crt")

    def config(self) -> str:
        return (f'certificate = "{self.folder}/server.crt"; key = "{self.folder}/server.key"; ca = "{self.folder}/ca.crt"; '
                f'verify_client = "{self.verify}";')


def stun_binding() -> bytes:
    return struct.pack("!HHI12s", 1, 0, 0x2112A442, os.urandom(12))
