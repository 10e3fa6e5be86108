# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies that are compared: how each is configured, started, asked and stopped."""
import os
import re
import resource
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Failed, Tree, pinned

HERE = Path(__file__).resolve().parent
READY_S = 90  # touching 4 GiB of shared memory takes a while
STOP_S = 10

# Loopback addresses: the calls' ends, and where floods come from.
CALLERS = "127.0.0.1"
FLOOD_SOURCE = "127.66.0.1"


@dataclass(frozen=True)
class Setup:
    """What a case asks of a subject."""
    tcp: bool = False
    tls: bool = False
    workers: int = 1
    refuse: str = ""       # how packets of a flood are told, that are refused in silence: by "source" or "agent", or at "rate"
    control: bool = False  # somebody asks for the memory in use


def free_ports(count: int) -> list[int]:
    """Ports that are free for UDP and TCP alike, a moment ago."""
    held, ports = [], []
    while len(ports) < count:
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        held += [udp, tcp]
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        try:
            tcp.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(port)
    for each in held:
        each.close()
    return ports


def connections_max() -> int:
    """As many as any case has, or as the system allows."""
    wanted, spare = 200_000, 2_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.prlimit(0, resource.RLIMIT_NOFILE, (wanted + spare, wanted + spare))
    except (OSError, ValueError):
        return min(wanted, hard - spare)
    return wanted


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """ECDSA P-256, the same for all subjects."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", str(key), "-out", str(certificate), "-days", "30", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key.chmod(0o600)
    return certificate, key


class Subject:
    """One proxy in one configuration, running on one CPU."""
    name = ""
    drain_s = 0.0              # what its timers still do after the last call
    known: tuple[str, ...] = ()  # rules of SIP that it is known to break, with the reason beside

    def __init__(self, scratch: Path, build: Path, cpu: int):
        self.scratch, self.build, self.cpu = scratch, build, cpu
        self.child: subprocess.Popen | None = None
        self.folder = scratch
        self.udp = self.tcp = self.tls = 0
        self.setup = Setup()
        self.label = self.name

    def version(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        """Write the configuration into self.folder. Returns the command that runs it in the foreground."""
        raise NotImplementedError

    def start(self, setup: Setup) -> None:
        self.setup = setup
        self.label = f"{self.name} {self.version()}" + (f" w{setup.workers}" if setup.workers > 1 else "")
        self.udp, self.tcp, self.tls, self.extra = free_ports(4)
        self.folder = self.scratch / f"{self.name}-{self.udp}"
        self.folder.mkdir(mode=0o755)
        with (self.folder / "log").open("wb") as log:
            self.child = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          preexec_fn=pinned(self.cpu))
        try:
            self.wait_ready()
        except Failed:
            self.stop()
            raise

    def tree(self) -> Tree:
        return Tree(self.child.pid)

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def wait_ready(self) -> None:
        """Until it answers a request that may go no further."""
        request = ("OPTIONS sip:ready@{0} SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKready{1};rport\r\n"
                   "Max-Forwards: 0\r\nFrom: <sip:ready@{0}>;tag=1\r\nTo: <sip:ready@{0}>\r\nCall-ID: ready{1}\r\n"
                   "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
        with socket.socket(type=socket.SOCK_DGRAM) as ask:
            ask.bind((CALLERS, 0))
            ask.settimeout(0.2)
            own = f"{CALLERS}:{ask.getsockname()[1]}"
            until = time.monotonic() + READY_S
            for number in range(10**6):
                if self.child.poll() is not None:
                    raise Failed(f"{self.name} ended with {self.child.returncode}:\n{self.said()}")
                if time.monotonic() > until:
                    raise Failed(f"{self.name} does not answer after {READY_S} s:\n{self.said()}")
                try:
                    ask.sendto(request.format(own, number).encode(), (CALLERS, self.udp))
                    ask.recv(65535)
                    return
                except OSError:
                    time.sleep(0.05)

    def stop(self) -> None:
        if not self.child:
            return
        pids = self.tree().pids() if self.child.poll() is None else []
        self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait(STOP_S)
        self.child = None

    def shared_kib(self) -> int:
        """Memory in use that resident size does not tell, since it was touched in advance."""
        return 0

    def target(self, transport: str = "udp") -> list[str]:
        """How the generator reaches it."""
        port = {"udp": self.udp, "tcp": self.tcp, "tls": self.tls}[transport]
        return ["--proxy", f"127.0.0.1:{port}", "--uac", f"{CALLERS}:0", "--uas", f"{CALLERS}:0", "--transport", transport] + \
            (["--connected"] if transport == "udp" else [])

    def fill(self, template: str, words: dict[str, object]) -> Path:
        text = (HERE / template).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        left = re.search(r"@[A-Z_]+@", text)
        if left:
            raise Failed(f"{template}: nothing for {left[0]}")
        path = self.folder / template
        path.write_text(text, encoding="utf-8")
        return path


class Kamailio(Subject):
    """Kamailio at its best: its fastest memory managers, memory touched at start, one process for each kind of socket,
    nothing logged."""
    name = "kamailio"
    drain_s = 8.0
    shared_mib = 4096

    def version(self) -> str:
        said = subprocess.run(["kamailio", "-v"], stdout=subprocess.PIPE, text=True, check=True).stdout
        return re.search(r"kamailio (\S+)", said)[1]

    def modules(self) -> str:
        for folder in (f"/usr/lib/{os.uname().machine}-linux-gnu/kamailio/modules", "/usr/lib64/kamailio/modules",
                       "/usr/lib/kamailio/modules"):
            if Path(folder, "tm.so").exists():
                return folder + "/"
        raise Failed("the modules of Kamailio are not found")

    def command(self) -> list[str]:
        setup = self.setup
        listen = [f"listen=udp:127.0.0.1:{self.udp}"]
        tls, more = "", []
        if setup.tcp or setup.tls:
            listen.append(f"listen=tcp:127.0.0.1:{self.tcp}")
        if setup.tls:
            certificate, key = make_certificate(self.scratch)
            listen.append(f"listen=tls:127.0.0.1:{self.tls}")
            tls = "enable_tls=yes"
            more += ['loadmodule "tls.so"', 'modparam("tls", "tls_method", "TLSv1.2+")',
                     f'modparam("tls", "certificate", "{certificate}")', f'modparam("tls", "private_key", "{key}")',
                     'modparam("tls", "verify_certificate", 0)', 'modparam("tls", "require_certificate", 0)']
        if setup.control:
            more += ['loadmodule "ctl.so"', f'modparam("ctl", "binrpc", "unix:{self.folder}/ctl")']
        first = {"": "", "agent": '\tif ($ua =~ "friendly-scanner") { exit; }',
                 "source": f"\tif (src_ip != {CALLERS}) {{ exit; }}"}[setup.refuse]
        # junk is an error to Kamailio, told by several lines each: silent means to log alerts only
        config = self.fill("kamailio.cfg", {
            "LISTEN": "\n".join(listen), "DISABLE_TCP": "no" if setup.tcp or setup.tls else "yes", "TLS": tls,
            "MODULES": self.modules(), "MORE_MODULES": "\n".join(more), "FIRST": first,
            "DEBUG": -5 if setup.refuse else -1})
        return ["kamailio", "-f", str(config), "-DD", "-E", "-m", str(self.shared_mib), "-M", "64", "-x", "tlsf", "-X", "tlsf",
                "-b", "67108864", "-w", str(self.folder), "-Y", str(self.folder)]

    def shared_kib(self) -> int:
        said = subprocess.run(["kamcmd", "-s", f"unix:{self.folder}/ctl", "core.shmmem"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return int(re.search(r"real_used: (\d+)", said)[1]) // 1024


class Margrave(Subject):
    """Margrave as shipped: shield, logging and metrics on."""
    name = "margrave"
    drain_s = 40.0  # RFC 6026 keeps a transaction for 32 s after its 2xx

    def exe(self) -> Path:
        return self.build.resolve() / "bin/margrave"

    def version(self) -> str:
        said = subprocess.run([str(self.exe()), "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
        return (re.search(r"\d[\d.]*", said) or ["?"])[0]

    def command(self) -> list[str]:
        if not self.exe().exists():
            raise Failed(f"{self.exe()} is missing: build the preset `bench`")
        setup = self.setup
        listen = [f'"udp:127.0.0.1:{self.udp}"']
        tls = ""
        if setup.tcp or setup.tls:
            listen.append(f'"tcp:127.0.0.1:{self.tcp}"')
        if setup.tls:
            certificate, key = make_certificate(self.scratch)
            listen.append(f'"tls:127.0.0.1:{self.tls}"')
            tls = f'tls = ( {{ name = "bench"; certificate = "{certificate}"; key = "{key}"; }} );'
        config = self.fill("margrave.cfg", {"WORKERS": setup.workers, "STATE": self.folder / "state", "TLS": tls,
                                            "LISTEN": ", ".join(listen), "METRICS": f"127.0.0.1:{self.extra}", "CONNECTIONS": connections_max(),
                                            "CALLERS": CALLERS,
                                            "STRANGERS": "deny" if setup.refuse == "source" else "allow"})
        return [str(self.exe()), "--config", str(config)]


class Floor(Subject):
    """The same messages through sockets, with no SIP between: what nobody can go below on this machine."""
    name = "floor"

    def version(self) -> str:
        return "of sockets"

    def command(self) -> list[str]:
        return [str(self.build.resolve() / "bin/bench_reflect"), f"127.0.0.1:{self.udp}"]


SUBJECTS = {each.name: each for each in (Margrave, Kamailio, Floor)}
