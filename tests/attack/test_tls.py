# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS under attack and under rotation: floods of hellos, half of them never finished; what is accepted at all; certificates that change (T-5, T-6, U-5)."""
import contextlib
import shutil
import ssl
import subprocess
import threading
import time

import pytest
from attack import KNOWN, Crowd, House, connect, log_bound, message, quantile, said, sanitized, size, stranger


def hello() -> bytes:
    """The first flight of a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def client_context(certs, own: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certs.ca))
    if own:
        context.load_cert_chain(certs.folder / f"{own}.crt", certs.folder / f"{own}.key")
    return context


def ask_tls(house: House, context: ssl.SSLContext, source: str = KNOWN, seconds: float = 10) -> tuple[float, bytes]:
    """Seconds of a new connection with an OPTIONS on it, and the certificate that was shown."""
    begin = time.monotonic()
    with connect(("127.0.0.1", house.port_tls), source, seconds) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
        host, port = s.getsockname()
        s.sendall(message("OPTIONS", f"sip:127.0.0.1:{house.port_tls};transport=tls", host, port, "TLS"))
        answer = s.recv(65536)
        assert answer.startswith(b"SIP/2.0 200 "), answer
        return time.monotonic() - begin, s.getpeercert(binary_form=True)


class Reconnecting:
    """A known client that connects anew again and again, and calls by UDP."""

    def __init__(self, house: House, certs):
        self.house, self.context, self.stop = house, client_context(certs), threading.Event()
        self.times: list[float] = []
        self.faults: list[str] = []
        self.thread = threading.Thread(target=self.run)
        self.load = house.load("beside", rate=20)

    def run(self) -> None:
        while not self.stop.wait(0.1):
            try:
                self.times.append(ask_tls(self.house, self.context)[0])
            except (OSError, AssertionError) as error:
                self.faults.append(repr(error))

    def __enter__(self) -> "Reconnecting":
        self.load.__enter__()
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self.stop.set()
        self.thread.join()
        self.load.__exit__(kind, value, trace)
        if kind is None:
            assert not self.faults, f"{len(self.faults)} of {len(self.faults) + len(self.times)}: {self.faults[:5]}"
            self.load.clean()


def test_a_flood_of_hellos(tmp_path, certs):
    """Whole hellos, halves of them, and single bytes, from 50 sources; nobody finishes."""
    rate, seconds, sources = size(200, 2000), size(5, 300), 50
    whole = hello()
    parts = [whole, whole[:len(whole) // 2], whole[:3], whole]
    with House(tmp_path, certs=certs, zone="handshake_s = %d;" % size(5, 10)) as house, Reconnecting(house, certs) as good, Crowd(("127.0.0.1", house.port_tls)) as crowd:
        time.sleep(0.5)
        begin, cpu, pending, peak, n, before = time.monotonic(), house.cpu(), 0, 0, 0, house.rss()
        while (gone := time.monotonic() - begin) < seconds:
            while n < gone * rate:
                s = crowd.open(stranger(n % sources))
                n += 1
                if s:
                    with contextlib.suppress(OSError):
                        s.send(parts[n % len(parts)])
            crowd.look(0.02)
            if n % 7 == 0:
                pending = max(pending, house.metric("tp_tls_pending"))
                peak = max(peak, house.rss())
        used = (house.cpu() - cpu) / seconds
        crowd.look(size(6.0, 12.0))
        left = len(crowd.opened)
        metered = house.metric("tp_tls_metered_total")
        print(f"hellos: {n / seconds:.0f}/s, at most {pending} pending, {metered} refused, {used * 100:.1f} % of a core, "
              f"RSS +{(peak - before) / 1048576:.1f} MiB, reconnect p99 {quantile(good.times, 0.99) * 1e3:.0f} ms of {len(good.times)}")
        assert pending <= 512 and left == 0, (pending, left)
        assert metered > 0 or rate < 500
        if not sanitized():
            assert used <= 0.9, used
            assert peak - before <= (60 << 20), peak - before
        assert quantile(good.times, 0.99) < 2.0, sorted(good.times)[-5:]
        log_bound(house, seconds + 11)


def test_handshakes_that_fail_leave_nothing(tmp_path, certs):
    """Clients that finish, or break off in the middle, again and again: connections and memory come back."""
    with House(tmp_path, certs=certs) as house:
        context = client_context(certs)

        def round_of(n: int) -> None:
            for i in range(n):
                source = f"127.33.2.{i % 200 + 1}"
                if i % 2:
                    ask_tls(house, context, source)
                else:
                    with connect(("127.0.0.1", house.port_tls), source) as s:
                        s.sendall(hello())
                        s.recv(100)
        round_of(100)
        house.wait_metric("tp_connections", lambda v: v == 0, 15)
        before = house.rss()
        round_of(size(200, 5000))
        house.wait_metric("tp_connections", lambda v: v == 0, 15)
        assert house.metric("tp_tls_pending") == 0
        if not sanitized():
            assert house.rss() - before <= 2 << 20, house.rss() - before


AEAD_12 = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
WEAK_12 = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA", "AES128-SHA", "AES256-SHA256",
           "AES128-GCM-SHA256", "ECDHE-ECDSA-NULL-SHA", "ECDHE-ECDSA-AES128-CCM8", "AECDH-AES128-SHA", "ADH-AES128-GCM-SHA256", "PSK-AES128-GCM-SHA256"]


def s_client(house: House, certs, *args: str, said_to_it: bytes = b"") -> str:
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{house.port_tls}", "-CAfile", certs.ca, "-bind", f"{KNOWN}:0", *args],
                          input=said_to_it, capture_output=True, timeout=20, check=False)
    return (done.stdout + done.stderr).decode("latin-1")


def accepted(text: str) -> bool:
    return "Cipher is (NONE)" not in text and ("Cipher    :" in text or "New, TLS" in text)


def test_only_aead_of_tls_1_2_and_later(tmp_path, certs):
    with House(tmp_path, certs=certs) as house:
        for cipher in AEAD_12:
            assert accepted(s_client(house, certs, "-tls1_2", "-cipher", cipher)), cipher
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            assert accepted(s_client(house, certs, "-tls1_3", "-ciphersuites", suite)), suite
        for cipher in WEAK_12:
            assert not accepted(s_client(house, certs, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")), cipher
        for version in ("-tls1", "-tls1_1"):
            assert not accepted(s_client(house, certs, version, "-cipher", "ALL:@SECLEVEL=0")), version
        text = s_client(house, certs, "-tls1_2", "-comp")
        assert "Compression: NONE" in text
        text = s_client(house, certs, "-tls1_2", said_to_it=b"R\n")
        assert "no renegotiation" in text.lower() or "handshake failure" in text or "closed" in text.lower() or "write:errno" in text, text[-600:]
        with connect(("127.0.0.1", house.port_tls), KNOWN) as s:  # an SSLv2 hello
            s.sendall(bytes.fromhex("802e0103010015000000100100800700c003008006004002008004008000003900003800003500001600001300000a0000"))
            answer = b""
            with contextlib.suppress(ConnectionError):
                answer = s.recv(100)
            assert not answer or answer[0] == 0x15, answer
        ask_tls(house, client_context(certs))


@pytest.mark.parametrize("verify", ["required", "optional"])
def test_client_certificates(tmp_path, certs, verify):
    certs.make("client")
    certs.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-keyout", "self.key", "-out", "self.crt", "-subj",
              "/CN=nobody")
    certs.verify = verify
    try:
        with House(tmp_path, certs=certs) as house:
            ask_tls(house, client_context(certs, "client"))
            for own in ("self", None):
                if own is None and verify == "optional":
                    ask_tls(house, client_context(certs))
                    continue
                with pytest.raises((OSError, AssertionError)):
                    ask_tls(house, client_context(certs, own))
            assert house.metric("tp_tls_failed_total") >= 1
            requests = house.metric("sip_requests_total")
            assert requests == (1 if verify == "required" else 2), requests
    finally:
        certs.verify = "none"


def test_rotation_under_handshakes(tmp_path, certs):
    """U-5: certificates change while calls are made over new connections; none fails, and who connects afterwards sees the new one."""
    rounds = size(5, 20)
    with House(tmp_path, certs=certs) as house:
        context = client_context(certs)
        with connect(("127.0.0.1", house.port_tls), KNOWN) as raw, context.wrap_socket(raw, server_hostname="localhost") as old:
            with house.load("tls", transport="tls", conn="per-call", proxy=f"127.0.0.1:{house.port_tls}", ca=certs.ca, server_name="localhost", rate=25) as load:
                time.sleep(0.5)
                shown = ask_tls(house, context)[1]
                for _ in range(rounds):
                    certs.make("server")
                    house.reload()
                    begin = time.monotonic()
                    while (now := ask_tls(house, context)[1]) == shown:
                        assert time.monotonic() - begin < 1.0, "the old certificate is still shown"
                    shown = now
                    time.sleep(0.2)
            calls = load.clean()
            print(f"rotation: {calls['started']} calls on connections of their own, {rounds} certificates")
            host, port = old.getsockname()
            old.sendall(message("OPTIONS", f"sip:127.0.0.1:{house.port_tls};transport=tls", host, port, "TLS"))
            assert old.recv(65536).startswith(b"SIP/2.0 200 "), "connections from before live on"

        # A key that belongs to another certificate: the old pair stays.
        shutil.copy(certs.folder / "server.key", certs.folder / "kept.key")
        shutil.copy(certs.folder / "ca.key", certs.folder / "server.key")
        house.reload()
        assert said(house, r"ev=reload_rejected")
        assert ask_tls(house, context)[1] == shown
        (certs.folder / "kept.key").rename(certs.folder / "server.key")
        house.reload()
        assert ask_tls(house, context)[1] == shown


def test_a_connection_that_says_sip_in_small_records(tmp_path, certs):
    """A message of one-byte records, and one whose end never comes: the first is answered, the second closed like any slow one."""
    with House(tmp_path, certs=certs, zone="complete_s = 2;") as house:
        context = client_context(certs)
        with connect(("127.0.0.1", house.port_tls), KNOWN) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
            host, port = s.getsockname()
            data = message("OPTIONS", f"sip:127.0.0.1:{house.port_tls};transport=tls", host, port, "TLS")
            for i in range(len(data)):
                s.send(data[i:i + 1])
            assert s.recv(65536).startswith(b"SIP/2.0 200 ")
            s.settimeout(8)
            begin = time.monotonic()
            with contextlib.suppress(OSError):
                for i in range(100):
                    s.send(data[i:i + 1])
                    time.sleep(0.1)
                while s.recv(1000):
                    pass
            assert 1.5 <= time.monotonic() - begin <= 4.5
            assert house.metric("tp_closed_slow_total") == 1


def test_plain_text_to_a_context_without_certificate_is_a_fault(tmp_path, certs):
    """A listener of TLS without any context is no configuration."""
    house = House(tmp_path)
    house.write(house.text().replace(f'"tcp:127.0.0.1:{house.port}"', f'"tls:127.0.0.1:{house.port}"'))
    house.start(wait=False)
    assert house.process.wait(timeout=20) == 1
    assert "tls" in house.log_text()
