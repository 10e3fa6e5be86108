# SPDX-License-Identifier: GPL-3.0-or-later
"""A callee that answers by itself, on one transport, in a thread; certificates; a name server."""
import contextlib
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from margrave import Peer, free_port, header
from talk import reply, sip_host


class Uas:
    """Answers each request with one status, or not at all (code 0), and keeps what came.

    transport  "udp", "tcp", or "tls" with a server context.
    """

    def __init__(self, transport: str = "udp", host: str = "127.0.0.1", port: int = 0, code: int = 200, context: ssl.SSLContext | None = None):
        self.transport, self.code, self.context = transport, code, context
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()[:2]
        self.got: list[str] = []
        self.connected = 0
        self.streams: list[Peer] = []
        if transport != "udp":
            self.socket.listen(64)
        self.over = False
        self.thread = threading.Thread(target=self._serve if transport == "udp" else self._accept, daemon=True)
        self.thread.start()

    def count(self, method: str = "") -> int:
        """Requests of a method (none: of any) that came, retransmissions not."""
        return len({header(message, "Via")[0] for message in list(self.got) if not method or message.startswith(f"{method} ")})

    def answer(self, message: str) -> str | None:
        self.got.append(message)
        if message.startswith(("SIP/2.0", "ACK ")) or not self.code:
            return None
        code = 200 if message.startswith(("BYE", "CANCEL")) else self.code
        param = "" if self.transport == "udp" else f";transport={self.transport}"
        return reply(message, code, f"Contact: <sip:bob@{sip_host(self.host)}:{self.port}{param}>")

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, source = self.socket.recvfrom(65536)
                if self.over:
                    return
                out = self.answer(data.decode("latin-1"))
                if out:
                    self.socket.sendto(out.encode("latin-1"), source)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self.socket.accept()
                threading.Thread(target=self._stream, args=(stream,), daemon=True).start()

    def _stream(self, stream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.context:
                stream.settimeout(5)
                stream = self.context.wrap_socket(stream, server_side=True)
            self.connected += 1
            peer = Peer.__new__(Peer)
            peer.socket, peer.tcp, peer.rest, (peer.host, peer.port) = stream, True, b"", stream.getsockname()[:2]
            self.streams.append(peer)
            while not self.over and (message := peer.receive(3600)):
                out = self.answer(message)
                if out:
                    peer.send(out)

    def close(self) -> None:
        self.over = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for peer in self.streams:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
            peer.close()

    def __enter__(self) -> "Uas":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Authority:
    """A certification authority of the test's own, and what it has signed."""

    def __init__(self, folder: Path, name: str = "ca"):
        self.folder = folder
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._openssl("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-days", "30",
                      "-keyout", self.key, "-out", self.certificate)

    @staticmethod
    def _openssl(*args) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *map(str, args)],
                       check=True, capture_output=True)

    def sign(self, name: str, alt: str | None, subject: str = "/CN=nobody", days: int = 30) -> tuple[Path, Path]:
        """A certificate and its key; `alt` is its subjectAltName, as OpenSSL writes it."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl("-CA", self.certificate, "-CAkey", self.key, "-subj", subject, "-days", days, "-keyout", key, "-out", certificate,
                      "-addext", "basicConstraints=critical,CA:FALSE", *(["-addext", f"subjectAltName={alt}"] if alt else []))
        key.chmod(0o600)
        return certificate, key


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def client_context(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class TlsPeer(Peer):
    """A client's connection over TLS."""

    def __init__(self, host: str, to: tuple[str, int], context: ssl.SSLContext):
        super().__init__(host, tcp_to=to)
        self.socket.settimeout(10)
        self.socket = context.wrap_socket(self.socket, server_hostname=to[0])


class NameServer:
    """dnsmasq in the foreground, with records as its options say."""

    def __init__(self, folder: Path, *records: str, port: int = 0):
        self.port = port or free_port()
        self.log = folder / "dnsmasq.log"
        self.records = records
        self.process = None
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", f"--port={self.port}", "--listen-address=127.0.0.1",
                                             "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-poll", "--user=", "--group=", "--pid-file=",
                                             "--log-queries", "--local=/test/", *self.records], stdout=log, stderr=log)
        for _ in range(250):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"dnsmasq: {self.log.read_text(errors='replace')}")

    def asked(self, what: str) -> int:
        """How often a question of this form was asked: "query[SRV] _sip._udp.x.test"."""
        return self.log.read_text(errors="replace").count(what)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "NameServer":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
