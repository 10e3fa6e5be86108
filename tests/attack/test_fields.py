# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that are too long, doubled or missing, and lengths that lie, by the thousand against the running daemon (P-1, P-2, P-5); under ASan where there
is such a build."""
import itertools
import re
import socket
import ssl
import time
import uuid

import pytest
from attack import FULL, KNOWN, House, connect, said, sanitized, size
from margrave import status

pytestmark = pytest.mark.usefixtures("sharp")

LENGTHS = sorted({n + d for n in (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768) for d in (-1, 0, 1)} | {1, 93, 300, 20000, 60000})
HEADERS = """Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization Call-ID Call-Info Contact
Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info Event Expires From Geolocation History-Info
Identity In-Reply-To Join Max-Breadth Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info P-Asserted-Identity
P-Preferred-Identity Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By Reject-Contact
Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State
Supported Target-Dialog Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate X-Nobody-Knows""".split()


def request(**field: str) -> bytes:
    """An OPTIONS to us that is answered 200 as it stands; each part can be made something else. %P is our port, %H our address."""
    parts = {"method": "OPTIONS", "uri": "sip:%D", "version": "SIP/2.0", "via": "SIP/2.0/%T %H:%P;branch=z9hG4bK%R;rport", "from_": "<sip:a@%H>;tag=1",
             "to": "<sip:%D>", "call_id": "%R", "cseq": "1 OPTIONS", "max_forwards": "70", "length": "0", "more": "", "body": ""} | field
    return ("{method} {uri} {version}\r\nVia: {via}\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nMax-Forwards: {max_forwards}\r\n"
            "{more}Content-Length: {length}\r\n\r\n{body}").format(**parts).encode("latin-1")


def fill(data: bytes, house: House, host: str, port: int, transport: str) -> bytes:
    for key, value in ((b"%H", host), (b"%P", str(port)), (b"%T", transport), (b"%R", uuid.uuid4().hex), (b"%D", f"127.0.0.1:{house.port}")):
        data = data.replace(key, value.encode())
    return data


def long_fields(n: int):
    """Each part at n bytes: name, bytes, whether it may still be taken (None: either way)."""
    x = "x" * n
    small, tag = n <= 256, n <= 200
    yield "method", request(method=x, cseq=f"1 {x}"), None
    yield "cseq method", request(cseq=f"1 {x}"), False
    yield "cseq number", request(cseq=f"{'1' * n} OPTIONS"), False if n > 9 else None
    yield "user", request(uri=f"sip:{x}@%D"), None
    yield "host", request(uri=f"sip:{x}.com"), None
    yield "scheme", request(uri=f"{x}:a@b"), None
    yield "uri parameter", request(uri=f"sip:%D;{x}={x}"), None
    yield "uri header", request(uri=f"sip:%D?{x}={x}"), False
    yield "port", request(uri=f"sip:127.0.0.1:{'9' * n}"), False
    yield "version", request(version=f"SIP/{'2' * n}.0"), False if n > 1 else None
    yield "branch", request(via=f"SIP/2.0/%T %H:%P;branch=z9hG4bK{x};rport"), None if tag else False
    yield "sent-by", request(via=f"SIP/2.0/%T {x}:%P;branch=z9hG4bK%R;rport"), None
    yield "via parameter", request(via=f"SIP/2.0/%T %H:%P;{x}={x};branch=z9hG4bK%R;rport"), None
    yield "via transport", request(via=f"SIP/2.0/{x} %H:%P;branch=z9hG4bK%R;rport"), None
    yield "received", request(via=f"SIP/2.0/%T %H:%P;received={x};branch=z9hG4bK%R;rport"), None
    yield "from tag", request(from_=f"<sip:a@%H>;tag={x}"), True if tag else False if not small else None
    yield "display name", request(from_=f'"{x}" <sip:a@%H>;tag=1'), None
    yield "to tag", request(to=f"<sip:%D>;tag={x}"), False
    yield "from parameter", request(from_=f"<sip:a@%H>;{x}={x};tag=1"), None
    yield "call-id", request(call_id=f"%R{x}"), None if tag else False
    yield "max-forwards", request(max_forwards="7" * n), False if n > 3 else None
    yield "header name", request(more=f"{x}: 1\r\n"), True if small else False
    yield "quotes", request(more="Subject: " + '"\\' * (n // 2) + "\r\n"), None
    yield "commas", request(more="Contact: " + "," * n + "\r\n"), None
    yield "semicolons", request(more="Accept: a/b" + ";" * n + "\r\n"), None
    yield "parameters", request(more="Accept: a/b" + ";a=b" * (n // 4) + "\r\n"), None
    yield "angles", request(more="Contact: " + "<" * n + "\r\n"), None
    yield "folded", request(more="Subject: a" + "\r\n b" * (n // 4) + "\r\n"), None
    yield "lines", request(more="A: b\r\n" * (n // 8)), None
    yield "vias", request(more="Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n" * (n // 64)), None
    yield "routes", request(more="Route: <sip:a;lr>\r\n" * (n // 64)), None
    yield "body", request(length=str(n), body=x), None
    yield "body that is missing", request(length=str(n)), False
    yield "content type", request(more=f"Content-Type: {x}/{x}\r\n"), None
    yield "boundary", request(more=f'Content-Type: multipart/mixed;boundary="{x}"\r\n', length="1", body="x"), None


def messages():
    """About 4000, and each header with values of all lengths."""
    for n in LENGTHS if FULL else LENGTHS[::2]:
        yield from ((f"{name} {n}", data, may) for name, data, may in long_fields(n) if len(data) < 65000)
    for name, n in itertools.product(HEADERS, LENGTHS if FULL else LENGTHS[1::2]):
        for value in ("x" * n, "<sip:" + "x" * n + ">", "1" * n, f'"{"x" * n}";{"a=b;" * 9}'):
            if len(value) < 60000:
                yield f"{name} {n}", request(more=f"{name}: {value}\r\n"), None


class Known(socket.socket):
    """A datagram socket of somebody whom no limit holds back."""

    def __init__(self, source: str = KNOWN):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind((source, 0))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)


def ping(house: House, s: Known, seconds: float = 20) -> list[str]:
    """What arrives until an OPTIONS sent now is answered: the one worker has dealt with all before it."""
    seen, call = [], uuid.uuid4().hex
    s.sendto(fill(request(call_id=call), house, *s.getsockname(), "UDP"), house.address)
    s.settimeout(seconds)
    while call not in (text := s.recv(65536).decode("latin-1")):
        seen.append(text)
    return seen


ALLOWED = {200, 400, 403, 404, 405, 413, 414, 415, 416, 420, 481, 482, 483, 501, 503, 505, 513}


def test_long_fields_by_udp(tmp_path):
    with House(tmp_path, workers=1) as house, Known() as s:
        child, n, slowest, begin = house.child(), 0, 0.0, time.monotonic()
        for name, data, may in messages():
            if may is not None:
                assert {status(text) for text in ping(house, s)} <= ALLOWED, f"before {name}"
            sent = time.monotonic()
            s.sendto(fill(data, house, *s.getsockname(), "UDP"), house.address)
            n += 1
            if may is None and n % 10:
                continue  # judged together with the others at the next ping
            codes = {status(text) for text in ping(house, s)}
            slowest = max(slowest, time.monotonic() - sent)
            assert codes <= ALLOWED, f"{name}: {codes}"
            if may is False:
                assert 200 not in codes, f"{name}: was taken"
        took = (time.monotonic() - begin) / n
        print(f"long fields by UDP: {n} messages, {took * 1e3:.2f} ms each, slowest {slowest * 1e3:.1f} ms, sanitizer: {sanitized()}")
        assert n >= 2500 and took < 0.010
        assert house.child() == child, "it was restarted"
        assert said(house, r"ev=malformed .*why=\S*(long|large|many|limit)\S*") or said(house, r"ev=malformed")


LAST = "LAST" + "y" * 20


def exchange(house: House, tls: ssl.SSLContext | None, data: bytes, last: str = LAST, seconds: float = 5.0) -> tuple[list[int], bool, bytes]:
    """Statuses that came back on a connection of its own, but for that of the last request, whether it was closed, and the bytes. A good request follows: its
    answer or a close is the end."""
    follow = request(call_id=LAST) if last == LAST else b""
    port = house.port_tls if tls else house.port
    got, closed = b"", False
    with connect(("127.0.0.1", port), KNOWN) as raw:
        s = tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
        host, own = s.getsockname()
        s.settimeout(seconds)
        try:
            transport = "TLS" if tls else "TCP"
            s.sendall(fill(data, house, host, own, transport) + fill(follow, house, host, own, transport))
            while True:
                more = s.recv(65536)
                if not more:
                    closed = True
                    break
                got += more
                if last.encode() in got and got.endswith(b"\r\n\r\n"):
                    break
        except TimeoutError:
            pass
        except OSError:
            closed = True
        if tls:
            s.close()
    answers = [part for part in re.split(rb"(?m)^(?=SIP/2\.0 )", got) if part and LAST.encode() not in part]
    return [int(part.split(b" ")[1]) for part in answers], closed, got


def test_long_fields_by_tcp(tmp_path):
    """On a stream a second request follows: it is answered, or the connection is closed; never is the first one silently stuck."""
    with House(tmp_path) as house:
        child, n, stuck = house.child(), 0, []
        lengths = LENGTHS if FULL else [63, 257, 1025, 8193, 16385, 60000]
        for length in lengths:
            for name, data, may in long_fields(length):
                if name == "body that is missing":
                    continue
                codes, closed, got = exchange(house, None, data)
                n += 1
                assert set(codes) <= ALLOWED, f"{name} {length}: {codes}"
                if not closed and LAST.encode() not in got:
                    stuck.append((name, length))
                if may is False:
                    assert codes[:1] != [200], f"{name} {length}: was taken"
        print(f"long fields by TCP: {n} connections")
        assert not stuck, stuck
        assert house.child() == child, "it was restarted"


MANDATORY = {"To": "<sip:%D>", "From": "<sip:a@%H>;tag=1", "Call-ID": "%R", "CSeq": "1 OPTIONS", "Max-Forwards": "70",
             "Via": "SIP/2.0/%T %H:%P;branch=z9hG4bK%R;rport", "Content-Length": "0", "Expires": "60"}
OTHER = {"To": "<sip:b@example.com>", "From": "<sip:b@%H>;tag=2", "Call-ID": "another", "CSeq": "2 OPTIONS", "Max-Forwards": "69",
         "Via": "", "Content-Length": "1", "Expires": "61"}
LEGAL = {("Max-Forwards", "absent"), ("Content-Length", "absent"), ("Expires", "absent"), ("Via", "twice same"), ("Via", "comma")}


def matrix():
    for name, how in itertools.product(MANDATORY, ("absent", "empty", "twice same", "twice different", "comma", "thrice", "compact twice")):
        value, short = MANDATORY[name], {"To": "t", "From": "f", "Call-ID": "i", "Via": "v", "Content-Length": "l"}.get(name)
        lines = [f"{key}: {text}" for key, text in MANDATORY.items() if key != name and (key != "Expires" or name == "Expires")]
        other = OTHER[name] or "SIP/2.0/%T ;branch"
        new = {"absent": [], "empty": [f"{name}:"], "twice same": [f"{name}: {value}"] * 2, "twice different": [f"{name}: {value}", f"{name}: {other}"],
               "comma": [f"{name}: {value}, {value}"], "thrice": [f"{name}: {value}", f"{name}: {other}", f"{name}: {value}"],
               "compact twice": [f"{short}: {value}", f"{name}: {value}"] if short else None}[how]
        if new is None or (name == "Via" and how in ("compact twice", "thrice")):
            continue
        for order in (new + lines, lines + new) if len(new) < 3 else (new[:1] + lines + new[1:],):
            yield name, how, ("OPTIONS sip:%D SIP/2.0\r\n" + "".join(line + "\r\n" for line in order) + "\r\n").encode()


def test_doubled_and_missing_headers(tmp_path):
    with House(tmp_path, workers=1) as house, Known() as s:
        child, n = house.child(), 0
        for name, how, data in matrix():
            s.sendto(fill(data, house, *s.getsockname(), "UDP"), house.address)
            codes = [status(text) for text in ping(house, s)]
            legal = (name, how) in LEGAL
            assert len(codes) <= 1 and set(codes) <= ({200} if legal else {400}), f"{name} {how}: {codes}"
            codes, closed, _ = exchange(house, None, data)
            if legal and name != "Content-Length":
                assert codes == [200], f"{name} {how} by TCP: {codes}"
            else:
                assert set(codes) <= {400}, f"{name} {how} by TCP: {codes}"
                if name == "Content-Length":
                    assert closed, f"{name} {how}: where the next message begins is not known"
            n += 1
        star = ["*", "*, <sip:a@b>", "<sip:a@b>"]
        for value in star:
            data = request(method="REGISTER", cseq="1 REGISTER", more=f"Contact: {value}\r\nContact: *\r\nExpires: 0\r\n")
            s.sendto(fill(data, house, *s.getsockname(), "UDP"), house.address)
            assert {status(text) for text in ping(house, s)} <= {400}, value
        assert house.child() == child
        print(f"matrix: {n} messages twice")


# Content-Length as written, and whether its value is 5.
LENGTH_VALUES = {
    "5": True, "05": True, "000005": True, " 5": True, "5 ": True, "\t5": True, "5\t": True, "\r\n 5": True,
    "": False, " ": False, "-1": False, "-5": False, "+5": False, "0x5": False, "5x": False, "x": False, "5,5": False, "5, 5": False, "5 5": False, "5;a": False,
    "5.0": False, "1e1": False, "0000005": False, "00000000000000000005": False, "4294967301": False, "4294967328": False, "18446744073709551621": False,
    "2147483653": False, "65541": False, "999999": False, "1000000": False, "99999999999999999999999999": False, "\"5\"": False, "<5>": False, "5\0": False,
    "\x005": False, "5\x01": False, "\xb2": False, "%35": False, "05x": False, "5\r\n 5": False,
}
SPELLINGS = ("Content-Length: ", "l: ", "content-length:", "Content-Length : ", "CONTENT-LENGTH\t:", "Content-Length:\r\n ")


def lengths(more: str, transport: str):
    one = request(length="%L", body="hello").decode("latin-1")
    head, body = one.split("Content-Length: %L")
    for value, spelling in itertools.product(LENGTH_VALUES, SPELLINGS):
        yield value, spelling, (head.replace("%T", transport) + spelling + value + body + more).encode("latin-1"), LENGTH_VALUES[value]
    for value in ("5", "6", "0"):  # twice, even if it is the same
        yield value, "twice", (head + f"Content-Length: 5\r\nContent-Length: {value}" + body + more).encode("latin-1"), False
        yield value, "l twice", (head + f"l: 5\r\nContent-Length: {value}" + body + more).encode("latin-1"), False


SECOND = "SECOND" + "x" * 20


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_lengths_that_lie_on_streams(tmp_path, certs, transport):
    """What follows a length that is none is never a message: 400 and closed."""
    second = request(call_id=SECOND).decode()
    context = ssl.create_default_context(cafile=str(certs.ca)) if transport == "TLS" else None
    with House(tmp_path, certs=certs, workers=1) as house:
        n = 0
        for value, spelling, data, good in lengths(second, transport):
            if transport == "TLS" and not FULL and n % 4:
                n += 1
                continue
            codes, closed, got = exchange(house, context, data, SECOND)
            n += 1
            if good:
                assert codes == [200, 200] and SECOND.encode() in got, f"{spelling}{value!r}: {codes}"
            elif value in ("65541", "999999"):  # six digits, but more than the limit or than what comes
                assert set(codes) <= {400, 413, 513} and SECOND.encode() not in got, f"{spelling}{value!r}: {codes}"
            else:
                assert codes == [400] and closed and SECOND.encode() not in got, f"{spelling}{value!r}: {codes} {closed}"
        codes, closed, got = exchange(house, context, request().replace(b"Content-Length: 0\r\n", b"") + second.encode(), SECOND)
        assert codes == [400] and closed, "without a length"
        print(f"{transport}: {n} lengths")


def test_lengths_that_lie_in_datagrams(tmp_path):
    """More than there is: 400. Less: the rest is nothing, least of all a message."""
    second = request(call_id=SECOND).decode()
    with House(tmp_path, workers=1) as house, Known() as s:
        for value, spelling, data, good in lengths(second, "UDP"):
            s.sendto(fill(data, house, *s.getsockname(), "UDP"), house.address)
            answers = ping(house, s)
            codes = [status(text) for text in answers]
            assert not any(SECOND in text for text in answers), f"{spelling}{value!r}: a second message was seen"
            assert codes == [200] if good else set(codes) <= {400, 413, 513}, f"{spelling}{value!r}: {codes}"
        for value, wanted in (("6", 400), ("99999", 400), ("4", 200), ("0", 200)):
            s.sendto(fill(request(length=value, body="hello"), house, *s.getsockname(), "UDP"), house.address)
            assert [status(text) for text in ping(house, s)] == [wanted], value
