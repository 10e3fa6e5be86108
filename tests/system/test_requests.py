# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy core over real sockets, one request at a time: what is answered here, what goes on and how it looks then (RFC 3261 §16)."""
import re
import signal
import time
import uuid

import pytest
from margrave import MODULES, Daemon, Peer, free_port, header, status


@pytest.fixture(scope="module", name="proxy")
def running_proxy(tmp_path_factory):
    port = free_port()
    config = f'zones = ( {{ name = "lab"; listen = ( "udp:127.0.0.1:{port}", "tcp:127.0.0.1:{port}" ); }} );\n{MODULES}'
    with Daemon(tmp_path_factory.mktemp("proxy"), config) as daemon:
        daemon.port = port
        daemon.address = ("127.0.0.1", port)
        yield daemon
        daemon.process.send_signal(signal.SIGTERM)  # the one at the end is the second: calls that tests left ringing are not waited for
        time.sleep(0.5)  # two signals at once would be one


@pytest.fixture(name="uac")
def caller():
    with Peer() as peer:
        yield peer


@pytest.fixture(name="uas")
def callee():
    with Peer() as peer:
        yield peer


def request(uac: Peer, method: str, uri: str, *lines: str, drop: tuple[str, ...] = (), body: str = "", **change: str) -> str:
    """A request as a phone would send it."""
    fields = {
        "Via": f"SIP/2.0/{'TCP' if uac.tcp else 'UDP'} {uac.host}:{uac.port};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards": "70",
        "From": f"<sip:alice@{uac.host}>;tag={uuid.uuid4().hex[:8]}",
        "To": f"<{uri}>",
        "Call-ID": uuid.uuid4().hex,
        "CSeq": f"1 {method}",
        "Contact": f"<sip:alice@{uac.host}:{uac.port}>",
    }
    fields.update({name.replace("_", "-"): value for name, value in change.items()})
    text = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if name not in drop)
    return f"{method} {uri} SIP/2.0\r\n{text}" + "".join(line + "\r\n" for line in lines) + f"Content-Length: {len(body)}\r\n\r\n{body}"


def reply(message: str, code: int, *lines: str, tag: str = "uas") -> str:
    """A response of the callee to what arrived."""
    out = f"SIP/2.0 {code} X\r\n" + "".join(f"Via: {value}\r\n" for value in header(message, "Via"))
    out += "".join(f"Record-Route: {value}\r\n" for value in header(message, "Record-Route"))
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = header(message, name)[0]
        out += f"{name}: {value}{f';tag={tag}' if name == 'To' and 'tag=' not in value and code > 100 else ''}\r\n"
    return out + "".join(line + "\r\n" for line in lines) + "Content-Length: 0\r\n\r\n"


def target(uas: Peer, user: str = "bob") -> str:
    return f"sip:{user}@{uas.host}:{uas.port}"


def ask(proxy: Daemon, uac: Peer, message: str) -> str:
    uac.send(message, proxy.address)
    return uac.receive()


# ---- what is answered here ----

TO_US = [
    ("OPTIONS", {}, (), 200),
    ("OPTIONS", {"Max_Forwards": "0"}, (), 200),
    ("OPTIONS", {}, ("Require: nothing-known",), 420),
    ("OPTIONS", {"Max_Forwards": "0"}, ("Require: nothing-known",), 420),
    ("INVITE", {}, ("Require: nothing-known",), 405),
    ("SUBSCRIBE", {}, (), 405),
    ("OPTIONS", {}, ('Require: "x"',), 400),
    ("OPTIONS", {"Content_Type": "application/x-unknown"}, (), 415),
    ("REGISTER", {}, (), 405),
    ("PUBLISH", {}, (), 405),
    ("INVITE", {}, (), 405),
    ("FROBNICATE", {}, (), 501),
    ("INVITE", {"Max_Forwards": "0"}, (), 483),
    ("MESSAGE", {"Max_Forwards": "0"}, (), 483),
    ("OPTIONS", {}, ("Proxy-Require: nothing-known",), 420),
    ("BYE", {"To": "<sip:bob@127.0.0.1>;tag=gone"}, (), 481),
    ("CANCEL", {}, (), 481),
]


ALLOW = "OPTIONS, ACK, CANCEL"  # of our own URI


@pytest.mark.parametrize("method,change,lines,code", TO_US)
def test_to_us(proxy, uac, method, change, lines, code):
    uri = f"sip:127.0.0.1:{proxy.port}"
    answer = ask(proxy, uac, request(uac, method, uri, *lines, **change))
    assert status(answer) == code, answer
    assert "tag=" in header(answer, "To")[0]
    assert f"rport={uac.port}" in header(answer, "Via")[0] and "received=127.0.0.1" in header(answer, "Via")[0]
    if code in (200, 405, 501):
        assert header(answer, "Allow") == [ALLOW]
    if code == 420:
        assert header(answer, "Unsupported") == ["nothing-known"]
    if code == 200:  # §11.2; an empty list says that there is none (§20.37)
        assert header(answer, "Supported") == [""] and header(answer, "Accept") == ["application/sdp"]
    assert not header(answer, "Server") and not header(answer, "User-Agent")  # H-5


@pytest.mark.parametrize("lines,said", [
    (("Require: foo, bar", "Require: baz"), "foo, bar, baz"),
    (("Require: foo,\r\n bar", "X-Between: 1", "Require: baz"), "foo, bar, baz"),
    (("Proxy-Require: foo, bar", "Proxy-Require: baz"), "foo, bar, baz"),
])
def test_all_unsupported_are_named(proxy, uac, lines, said):
    """§8.2.2.3, §16.3 step 5."""
    answer = ask(proxy, uac, request(uac, "OPTIONS", f"sip:127.0.0.1:{proxy.port}", *lines))
    assert status(answer) == 420 and header(answer, "Unsupported") == [said]


@pytest.mark.parametrize("method,lines,code,name", [("INVITE", (), 405, "Allow"), ("OPTIONS", ("Require: foo", "Require: bar"), 420, "Unsupported")])
def test_answers_to_strangers_are_small_and_whole(proxy, method, lines, code, name):
    """T-10 takes away what can be done without, never what the status demands (§21.4.6, §21.4.15)."""
    with Peer("127.0.0.77") as stranger:
        text = request(stranger, method, f"sip:127.0.0.1:{proxy.port}", *lines, drop=("Contact",) if method == "OPTIONS" else (),
                       Call_ID=uuid.uuid4().hex[:6], From="<sip:a@b>;tag=1")
        answer = ask(proxy, stranger, text)
        assert status(answer) == code and header(answer, name)
        assert len(answer) <= 1.5 * len(text)


FAULTS = [
    ("no Call-ID", {"drop": ("Call-ID",)}, None),
    ("no Max-Forwards is taken as 70", {"drop": ("Max-Forwards",)}, 200),
    ("CSeq of another method", {"CSeq": "1 INVITE"}, 400),
    ("CSeq too large", {"CSeq": "4294967296 OPTIONS"}, None),
    ("scheme", {"uri": "nobody:bob"}, 416),
    ("headers in the Request-URI", {"uri": "sip:127.0.0.1?Route=x"}, 400),
    ("version", {"version": "SIP/3.0"}, 505),
]


@pytest.mark.parametrize("name,change,code", FAULTS)
def test_faults(proxy, uac, name, change, code):
    change = dict(change)
    uri, version, drop = change.pop("uri", f"sip:127.0.0.1:{proxy.port}"), change.pop("version", "SIP/2.0"), change.pop("drop", ())
    text = request(uac, "OPTIONS", uri, drop=drop, To="<sip:x@127.0.0.1>", **change).replace(" SIP/2.0\r\n", f" {version}\r\n", 1)
    answer = ask(proxy, uac, text) if code else (uac.send(text, proxy.address), uac.receive(0.5))[1]
    assert (status(answer) or None) == code, f"{name}: {answer}"


# ---- what goes on ----

def test_forwarded_form(proxy, uac, uas):
    text = request(uac, "INVITE", target(uas), "X-Unknown: kept, as it is ", body="v=0\r\n", Content_Type="application/sdp")
    uac.send(text, proxy.address)
    got = uas.receive()
    vias = header(got, "Via")
    assert len(vias) == 2 and f"127.0.0.1:{proxy.port}" in vias[0] and "branch=z9hG4bK" in vias[0]
    assert "received=127.0.0.1" in vias[1] and f"rport={uac.port}" in vias[1]
    assert header(got, "Max-Forwards") == ["69"]
    assert header(got, "Max-Breadth") == ["60"]
    assert re.fullmatch(rf"<sip:m[\w-]+@127\.0\.0\.1:{proxy.port};lr>", header(got, "Record-Route")[0])
    assert header(got, "X-Unknown") == ["kept, as it is"]
    assert got.endswith("\r\n\r\nv=0\r\n")
    assert got.startswith(f"INVITE {target(uas)} SIP/2.0\r\n")
    for name in ("From", "To", "Call-ID", "CSeq", "Contact"):
        assert header(got, name) == header(text, name)
    uas.send(reply(got, 486), proxy.address)
    answer = uac.receive()
    assert status(answer) == 486 and len(header(answer, "Via")) == 1
    assert uas.receive().startswith("ACK ")  # hop by hop, from the proxy
    uac.send(request(uac, "ACK", target(uas), Via=header(text, "Via")[0], From=header(text, "From")[0], To=header(answer, "To")[0],
                     Call_ID=header(text, "Call-ID")[0], CSeq="1 ACK"), proxy.address)
    assert uas.receive(0.3) is None


@pytest.mark.parametrize("params,code", [(";transport=udp;transport=udp", 200), (";transport=udp;transport=tcp", 400)])
def test_parameter_twice(proxy, uac, uas, params, code):
    """As baresip writes its Request-URI and To: said twice, it is said once. Two values are a fault."""
    uri = target(uas) + params
    to = f"<{uri}>" if code == 200 else "<sip:bob@example.com>"  # else nobody could be answered
    uac.send(request(uac, "OPTIONS", uri, To=to), proxy.address)
    if code == 200:
        got = uas.receive()
        assert got.startswith(f"OPTIONS {uri} SIP/2.0\r\n") and header(got, "To") == [to]
        uas.send(reply(got, 200), proxy.address)
    assert status(uac.receive()) == code
    assert uas.receive(0.2) is None


@pytest.mark.parametrize("sent_by,ours", [("127.0.0.1:{}", True), ("9.9.9.9:9", False), ("127.0.0.1:9", False), ("[::1]:{}", False)])
def test_sent_by_of_responses(proxy, uac, uas, sent_by, ours):
    """§18.1.2: what does not name us in its top Via is dropped without a word, and counted; the right answer still passes."""
    uac.send(request(uac, "OPTIONS", target(uas)), proxy.address)
    got = uas.receive()
    before = proxy.metrics()["margrave_sip_dropped_response_total"]
    uas.send(reply(got, 200).replace(f"127.0.0.1:{proxy.port}", sent_by.format(proxy.port), 1), proxy.address)
    answer = uac.receive(2.0 if ours else 0.4)
    assert (status(answer) == 200) == ours, answer
    assert proxy.metrics()["margrave_sip_dropped_response_total"] == before + (not ours)
    if not ours:
        uas.send(reply(got, 200), proxy.address)
        assert status(uac.receive()) == 200


@pytest.mark.parametrize("line,most", [("Via: SIP/2.0/UDP h.example;branch=z9hG4bKa", 70 - 1), ("Record-Route: <sip:p.example;lr>", 32)])
def test_what_we_take_we_take_back(proxy, uac, uas, line, most):
    """A request at a limit goes on with more: its answer brings that back, and is no malformed one."""
    text = request(uac, "INVITE", target(uas), *[line] * most)
    uac.send(text, proxy.address)
    got = uas.receive()
    uas.send(reply(got, 200, f"Contact: <{target(uas)}>"), proxy.address)
    answer = until(uac, 200)
    name = line.split(":")[0]
    assert len(header(got, name)) == len(header(answer, name)) + (name == "Via")
    uac.send(request(uac, "INVITE", target(uas), *[line] * (most + 1)), proxy.address)
    assert uas.receive(0.4) is None


def test_100_after_200_ms_and_retransmissions_absorbed(proxy, uac, uas):
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    answer = uac.receive()
    assert status(answer) == 100 and "tag=" not in header(answer, "To")[0]
    uac.send(text, proxy.address)
    assert status(uac.receive()) == 100  # replayed
    again = uas.receive(0.9)
    assert again == got  # Timer A of ours, not the caller's retransmission
    uas.send(reply(got, 404), proxy.address)
    assert status(uac.receive()) == 404


def dialog(proxy, uac, uas):
    """A call that was answered; returns the INVITE as sent and the 200 as it came."""
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    uas.send(reply(got, 200, f"Contact: <sip:bob@{uas.host}:{uas.port}>"), proxy.address)
    answer = uac.receive()
    assert status(answer) == 200
    return text, answer


def in_dialog(uac, method, text, answer, cseq=2, **change):
    fields = {"From": header(text, "From")[0], "To": header(answer, "To")[0], "Call_ID": header(text, "Call-ID")[0], "CSeq": f"{cseq} {method}"}
    fields.update(change)
    routes = [f"Route: {value}" for value in reversed(header(answer, "Record-Route"))]
    contact = header(answer, "Contact")[0].strip("<>")
    return request(uac, method, contact, *routes, **fields)


def test_call(proxy, uac, uas):
    text, answer = dialog(proxy, uac, uas)
    uac.send(in_dialog(uac, "ACK", text, answer, cseq=1), proxy.address)
    got = uas.receive()
    assert got.startswith("ACK ") and not header(got, "Route") and len(header(got, "Via")) == 2
    for cseq, method in enumerate(("INFO", "UPDATE", "REFER", "MESSAGE", "NOTIFY", "FROBNICATE", "BYE"), 2):
        uac.send(in_dialog(uac, method, text, answer, cseq), proxy.address)
        got = uas.receive()
        assert got.startswith(method) and not header(got, "Route") and not header(got, "Record-Route"), got
        uas.send(reply(got, 200), proxy.address)
        assert status(uac.receive()) == 200


def test_bye_of_the_callee(proxy, uac, uas):
    text, answer = dialog(proxy, uac, uas)
    back = request(uas, "BYE", header(text, "Contact")[0].strip("<>"), *[f"Route: {value}" for value in header(answer, "Record-Route")],
                   From=header(answer, "To")[0], To=header(text, "From")[0], Call_ID=header(text, "Call-ID")[0])
    uas.send(back, proxy.address)
    got = uac.receive()
    assert got.startswith("BYE ")
    uac.send(reply(got, 200), proxy.address)
    assert status(uas.receive()) == 200


def test_token_of_another_call_is_refused(proxy, uac, uas):
    """F-4: a To tag and somebody else's route are no dialog."""
    text, answer = dialog(proxy, uac, uas)
    forged = in_dialog(uac, "BYE", text, answer, Call_ID="another-call")
    before = proxy.metrics()["margrave_route_bad_tokens_total"]
    assert status(ask(proxy, uac, forged)) == 481
    assert uas.receive(0.3) is None
    assert proxy.metrics()["margrave_route_bad_tokens_total"] == before + 1
    uac.send(in_dialog(uac, "ACK", text, answer, cseq=1, Call_ID="another-call"), proxy.address)
    assert uac.receive(0.3) is None and uas.receive(0.1) is None
    uac.send(in_dialog(uac, "BYE", text, answer, cseq=3), proxy.address)
    assert uas.receive().startswith("BYE ")  # the right one still passes


def test_preloaded_route(proxy, uac, uas):
    """F-3: a Route to others, from a stranger and not in a dialog."""
    with Peer() as victim:
        route = f"Route: <sip:127.0.0.1:{proxy.port};lr>, <sip:{victim.host}:{victim.port};lr>"
        answer = ask(proxy, uac, request(uac, "INVITE", target(uas), route))
        assert status(answer) == 403 and "Preloaded Route" in answer
        assert victim.receive(0.3) is None


def test_loop(proxy, uac):
    """A request that comes back unchanged (§16.3 step 4)."""
    with Peer() as mirror:
        uac.send(request(uac, "MESSAGE", target(mirror)), proxy.address)
        line, rest = mirror.receive().split("\r\n", 1)
        via = f"Via: SIP/2.0/UDP {mirror.host}:{mirror.port};branch=z9hG4bKmirror"
        mirror.send(f"{line}\r\n{via}\r\n{rest}", proxy.address)
        assert status(mirror.receive()) == 482


def test_max_breadth(proxy, uac, uas):
    assert status(ask(proxy, uac, request(uac, "INVITE", target(uas), "Max-Breadth: 0"))) == 440


def test_strict_router_before_us(proxy, uac, uas):
    """§16.4: our own URI in the Request-URI, and where it goes behind the Routes."""
    text, answer = dialog(proxy, uac, uas)
    ours = header(answer, "Record-Route")[0].strip("<>")
    contact = header(answer, "Contact")[0]
    bye = request(uac, "BYE", ours, f"Route: {contact}", From=header(text, "From")[0], To=header(answer, "To")[0],
                  Call_ID=header(text, "Call-ID")[0], CSeq="2 BYE")
    uac.send(bye, proxy.address)
    got = uas.receive()
    assert got.startswith(f"BYE {contact.strip('<>')} SIP/2.0"), got
    assert not header(got, "Route")


def test_strict_router_behind_us(proxy, uac, uas):
    """§16.6 step 6: a next hop without lr gets itself as Request-URI, and the Request-URI as last Route."""
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    strict = f"sip:strict@{uas.host}:{uas.port}"
    ok = reply(uas.receive(), 200, "Contact: <sip:bob@192.0.2.1>").replace("Record-Route:", f"Record-Route: <{strict}>\r\nRecord-Route:", 1)
    uas.send(ok, proxy.address)
    answer = until(uac, 200)
    theirs, ours = header(answer, "Record-Route")
    assert theirs == f"<{strict}>"
    bye = request(uac, "BYE", "sip:bob@192.0.2.1", f"Route: {ours}, {theirs}", From=header(text, "From")[0],
                  To=header(answer, "To")[0], Call_ID=header(text, "Call-ID")[0], CSeq="2 BYE")
    uac.send(bye, proxy.address)
    got = uas.receive()
    assert got.startswith(f"BYE {strict} SIP/2.0")
    assert header(got, "Route") == ["<sip:bob@192.0.2.1>"]


# ---- CANCEL ----

def cancel_of(text: str) -> str:
    request_line = text.split("\r\n", 1)[0].replace("INVITE", "CANCEL", 1) + "\r\n"
    cancel = request_line + "".join(f"{name}: {header(text, name)[0]}\r\n" for name in ("Via", "Max-Forwards", "From", "To", "Call-ID"))
    return cancel + "CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"


def until(peer: Peer, code: int, most: int = 5) -> str:
    for _ in range(most):
        message = peer.receive()
        if status(message) == code or (code == 0 and message and not status(message)):
            return message
    raise AssertionError(f"no {code}")


def test_cancel_after_180(proxy, uac, uas):
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    uas.send(reply(got, 180), proxy.address)
    assert status(until(uac, 180)) == 180
    uac.send(cancel_of(text), proxy.address)
    assert header(until(uac, 200), "CSeq") == ["1 CANCEL"]
    cancel = until(uas, 0)
    assert cancel.startswith("CANCEL ") and header(cancel, "Via") == header(got, "Via")[:1]
    uas.send(reply(cancel, 200), proxy.address)
    uas.send(reply(got, 487), proxy.address)
    assert header(until(uac, 487), "CSeq") == ["1 INVITE"]
    assert until(uas, 0).startswith("ACK ")


def test_cancel_before_any_answer_waits_for_it(proxy, uac, uas):
    """§9.1: no CANCEL goes to who has not answered yet."""
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    uac.send(cancel_of(text), proxy.address)
    assert header(until(uac, 200), "CSeq") == ["1 CANCEL"]
    assert uas.receive(0.3) is None
    uas.send(reply(got, 180), proxy.address)
    assert until(uas, 0).startswith("CANCEL ")
    uas.send(reply(got, 487), proxy.address)
    until(uac, 487)


def test_cancel_crossing_200(proxy, uac, uas):
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    uas.send(reply(got, 200), proxy.address)
    until(uac, 200)
    uac.send(cancel_of(text), proxy.address)
    assert header(until(uac, 200), "CSeq") == ["1 CANCEL"]
    assert uas.receive(0.3) is None  # nothing is left to cancel


def test_cancel_from_elsewhere_has_no_effect(proxy, uac, uas):
    """X-5: only who sent the INVITE."""
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    uas.send(reply(got, 180), proxy.address)
    with Peer("127.0.0.9") as other:
        other.send(cancel_of(text), proxy.address)
        assert status(other.receive(0.5)) in (0, 481)
    assert uas.receive(0.3) is None


# ---- responses ----

def test_retransmitted_2xx_is_repeated_until_the_ack(proxy, uac, uas):
    text = request(uac, "INVITE", target(uas))
    uac.send(text, proxy.address)
    got = uas.receive()
    ok = reply(got, 200, f"Contact: <{target(uas)}>")
    for _ in range(3):
        uas.send(ok, proxy.address)
        answer = until(uac, 200)
    uac.send(in_dialog(uac, "ACK", text, answer, cseq=1), proxy.address)
    assert until(uas, 0).startswith("ACK ")


def test_stray_response_is_dropped(proxy, uac):
    before = proxy.metrics()["margrave_sip_dropped_response_total"]
    uac.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKy\r\n"
             "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", proxy.address)
    assert uac.receive(0.3) is None
    assert proxy.metrics()["margrave_sip_dropped_response_total"] == before + 1


@pytest.mark.parametrize("sent,seen", [(503, 500), (302, 302), (603, 603), (407, 407), (180, 180), (199, 199)])
def test_status_on_its_way_back(proxy, uac, uas, sent, seen):
    uac.send(request(uac, "INVITE", target(uas)), proxy.address)
    got = uas.receive()
    uas.send(reply(got, sent, "Retry-After: 5"), proxy.address)
    answer = until(uac, seen)
    assert bool(header(answer, "Retry-After")) == (sent != 503)


def test_unreachable_target(proxy, uac):
    """ICMP tells: no waiting for Timer B (§16.9)."""
    port = free_port()
    answer = None
    uac.send(request(uac, "INVITE", f"sip:bob@127.0.0.1:{port}"), proxy.address)
    answer = until(uac, 503)
    assert answer


def test_reply_goes_to_the_source_only(proxy, uac):
    """T-9: what a stranger's Via says of other places is ignored."""
    with Peer() as victim:
        via = f"SIP/2.0/UDP {victim.host}:{victim.port};branch=z9hG4bK1;maddr={victim.host};received={victim.host};rport={victim.port}"
        answer = ask(proxy, uac, request(uac, "OPTIONS", f"sip:127.0.0.1:{proxy.port}", Via=via))
        assert victim.receive(0.3) is None
        assert status(answer) == 200


# ---- streams ----

def test_tcp(proxy, uas):
    with Peer(tcp_to=proxy.address) as uac:
        uac.send("\r\n\r\n")
        uac.send(request(uac, "INVITE", target(uas)))
        got = uas.receive()
        assert len(header(got, "Record-Route")) == 2  # RFC 5658: one for each side
        assert "transport=tcp" in header(got, "Record-Route")[1] and "transport" not in header(got, "Record-Route")[0]
        uas.send(reply(got, 486), proxy.address)
        assert uac.socket.recv(2) == b"\r\n"  # the pong
        assert status(uac.receive()) == 486


def test_tcp_framing_fault_closes(proxy):
    with Peer(tcp_to=proxy.address) as uac:
        uac.send(request(uac, "OPTIONS", f"sip:127.0.0.1:{proxy.port}").replace("Content-Length: 0", "Content-Length: -1"))
        assert status(uac.receive()) == 400
        assert uac.receive() == ""


def test_tcp_not_sip_closes(proxy):
    with Peer(tcp_to=proxy.address) as uac:
        uac.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert uac.receive() == ""
