# SPDX-License-Identifier: GPL-3.0-or-later
"""Every pair of transports and address families between caller and callee; requests back over a caller's connection; whose certificate is taken."""
import contextlib
import itertools
import json
import ssl
import subprocess
import time

import pytest
from margrave import MODULES, Daemon, Peer, bin_folder, free_port, header
from talk import ack_of, hop_ack, reply, request, target, until
from uas import Authority, NameServer, TlsPeer, Uas, client_context, server_context

ENDS = [(transport, host) for transport in ("udp", "tcp", "tls") for host in ("127.0.0.1", "::1")]


class World:
    def __init__(self, folder, stack: contextlib.ExitStack):
        self.folder = folder
        self.ca = Authority(folder)
        self.certificate, self.key = self.ca.sign("all", "IP:127.0.0.1,IP:::1,DNS:proxy.test")
        self.names = stack.enter_context(NameServer(folder, "--host-record=right.test,127.0.0.1", "--host-record=wrong.test,127.0.0.1"))
        self.port = {transport: free_port() for transport in ("udp", "tcp", "tls", "mutual")}
        listen = [f'"{transport}:{host}:{self.port[transport]}"' for transport in ("udp", "tcp", "tls") for host in ("127.0.0.1", "[::1]")]
        tls = f'certificate = "{self.certificate}"; key = "{self.key}"; ca = "{self.ca.certificate}";'
        limits = "conns_per_source = 1000; handshakes_per_s = 10000;"
        self.proxy = stack.enter_context(Daemon(folder, (
            f'zones = ( {{ name = "lab"; listen = ( {", ".join(listen)} ); tls = ( "own" ); {limits} }},\n'
            f'{{ name = "mutual"; listen = ( "tls:127.0.0.1:{self.port["mutual"]}" ); tls = ( "mutual" ); {limits} }} );\n'
            f'tls = ( {{ name = "own"; {tls} client = true; }}, {{ name = "mutual"; {tls} verify_client = "required"; }} );\n'
            f'transactions = {{ t1_ms = 200; }};\ndns = {{ nameservers = ( "127.0.0.1:{self.names.port}" ); avoid_s = 1; }};\n{MODULES}')))

    def at(self, transport: str, host: str = "127.0.0.1") -> tuple[str, int]:
        return host, self.port[transport]


@pytest.fixture(scope="module", name="world")
def running_world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transports")
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        yield World(folder, stack)


def bracketed(host: str, port: int = 0) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@pytest.mark.parametrize("caller,callee", itertools.product(ENDS, ENDS), ids=lambda end: f"{end[0]}{'6' if ':' in end[1] else '4'}")
def test_calls(world, tmp_path, caller, callee):
    out = tmp_path / "result.json"
    args = [bin_folder() / "mgload", "--proxy", bracketed(caller[1], world.port[caller[0]]), "--transport", caller[0], "--uac", bracketed(caller[1]),
            "--uas", bracketed(callee[1]), "--uas-transport", callee[0], "--route", "any", "--rate", "100", "--seconds", "0.2",
            "--timeout-ms", "10000", "--json", out]
    if "tls" in (caller[0], callee[0]):
        args += ["--cert", world.certificate, "--key", world.key, "--ca", world.ca.certificate]
    ended = subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["calls"]["completed"] == result["calls"]["started"] > 5
    assert result["rules"] == {}


# ---- back to the caller ----

def connect(world: World, transport: str, host: str) -> Peer:
    if transport == "udp":
        return Peer(host)
    if transport == "tcp":
        return Peer(host, tcp_to=world.at("tcp", host))
    return TlsPeer(host, world.at("tls", host), client_context(world.ca.certificate))


@pytest.mark.parametrize("transport,host", ENDS)
def test_requests_of_the_callee_come_over_the_callers_connection(world, transport, host):
    """Nobody can connect to the caller: his Contact is the port his connection came from."""
    via = transport.upper()
    with connect(world, transport, host) as uac, Peer() as uas:
        text = request(uac, "INVITE", target(uas), via=via)
        uac.send(text, world.at(transport, host))
        got = until(uas, "INVITE")
        uas.send(reply(got, 200, f"Contact: <{target(uas)}>"), world.at("udp"))
        answer = until(uac, 200)
        uac.send(ack_of(uac, text, answer, via=via), world.at(transport, host))
        until(uas, "ACK")
        for cseq, method in enumerate(("INFO", "BYE"), 1):
            routes = [f"Route: {value}" for value in header(got, "Record-Route")]
            uas.send(request(uas, method, header(got, "Contact")[0].strip("<>"), *routes, From=header(answer, "To")[0], To=header(text, "From")[0],
                             Call_ID=header(text, "Call-ID")[0], CSeq=f"{cseq} {method}"), world.at("udp"))
            came = until(uac, method)
            assert header(came, "Via")[0].startswith(f"SIP/2.0/{via} ")
            uac.send(reply(came, 200), world.at(transport, host))
            until(uas, 200)


def test_response_after_the_connection_is_gone(world):
    """§18.2.2: to the address in the Via, by a new connection."""
    with Uas("tcp") as listening, Peer() as uas:
        uac = Peer(tcp_to=world.at("tcp"))
        text = request(uac, "INVITE", target(uas)).replace(f"{uac.host}:{uac.port};branch", f"{listening.host}:{listening.port};branch").replace(";rport", "")
        uac.send(text)
        got = until(uas, "INVITE")
        uac.close()
        uas.send(reply(got, 486), world.at("udp"))
        until(uas, "ACK")
        for _ in range(200):
            if any(message.startswith("SIP/2.0 486") for message in listening.got):
                return
            time.sleep(0.05)
    raise AssertionError(listening.got)


# ---- T-7: whose certificate ----

CERTIFICATES = [
    ("right name", "right.test", {"alt": "DNS:right.test"}, True),
    ("another name", "wrong.test", {"alt": "DNS:right.test"}, False),
    ("wildcard", "right.test", {"alt": "DNS:*.test"}, False),
    ("address, asked for by name", "right.test", {"alt": "IP:127.0.0.1"}, False),
    ("address, asked for by address", "127.0.0.1", {"alt": "IP:127.0.0.1"}, True),
    ("another address", "127.0.0.1", {"alt": "IP:127.0.0.2"}, False),
    ("common name alone", "right.test", {"alt": None, "subject": "/CN=right.test"}, True),
    ("common name beside another alternative name", "right.test", {"alt": "DNS:other.test", "subject": "/CN=right.test"}, False),
    ("another authority", "right.test", {"alt": "DNS:right.test", "stranger": True}, False),
    ("sip URI", "right.test", {"alt": "URI:sip:right.test"}, True),
    ("a user's sip URI", "right.test", {"alt": "URI:sip:alice@right.test"}, False),
]


@pytest.mark.parametrize("name,host,certificate,taken", CERTIFICATES, ids=[row[0] for row in CERTIFICATES])
def test_names_of_servers(world, tmp_path, name, host, certificate, taken):
    """RFC 5922: to whom the name is not proven, not a byte of SIP goes."""
    certificate = dict(certificate)
    ca = Authority(tmp_path, "stranger") if certificate.pop("stranger", False) else world.ca
    files = ca.sign(f"leaf-{name.replace(' ', '-')}", certificate.pop("alt"), **certificate)
    with Uas("tls", context=server_context(*files)) as uas, Peer() as uac:
        text = request(uac, "INVITE", f"sip:bob@{host}:{uas.port};transport=tls")
        uac.send(text, world.at("udp"))
        answer = until(uac, 200 if taken else 503)
        uac.send(ack_of(uac, text, answer) if taken else hop_ack(text, answer), world.at("udp"))
        assert bool(uas.got) == taken


def test_sips_goes_by_tls(world):
    files = world.ca.sign("sips", "DNS:right.test")
    with Uas("tls", context=server_context(*files)) as uas, Peer() as uac:
        text = request(uac, "INVITE", f"sips:bob@right.test:{uas.port}")
        uac.send(text, world.at("udp"))
        answer = until(uac, 200)
        uac.send(ack_of(uac, text, answer), world.at("udp"))
        assert uas.count("INVITE") == 1


@pytest.mark.parametrize("uri,route,scheme", [("sip:bob@nowhere.test", "sips", "sips"), ("sip:bob@nowhere.test", "sip", "sip"), ("sips:bob@nowhere.test", "sip", "sips")])
def test_sips_in_route_or_uri(world, tmp_path, uri, route, scheme):
    """§16.6 step 4: whoever is reached by a SIPS URI gets a SIPS URI of ours to come back by; the side that came by UDP cannot."""
    port = {transport: free_port() for transport in ("udp", "tls")}
    listen = ", ".join(f'"{transport}:127.0.0.1:{port[transport]}"' for transport in port)
    config = (f'zones = ( {{ name = "lab"; listen = ( {listen} ); }} );\n'
              f'tls = ( {{ name = "lab"; certificate = "{world.certificate}"; key = "{world.key}"; ca = "{world.ca.certificate}"; }} );\n'
              'modules = ( { name = "sanity"; }, { name = "acl"; zones = ( { zone = "lab"; rules = ( { prefixes = ( "127.0.0.0/8" ); known = true; } ); } ); },\n'
              '\t{ name = "route"; relay = "known"; } );\n')
    with Daemon(tmp_path, config) as proxy, Uas("tls", context=server_context(*world.ca.sign(f"route-{route}", "IP:127.0.0.1"))) as uas, Peer() as uac:
        text = request(uac, "INVITE", uri, f"Route: <{route}:127.0.0.1:{uas.port};lr{';transport=tls' if route == 'sip' else ''}>")
        uac.send(text, ("127.0.0.1", port["udp"]))
        until(uac, 200)
        ours, back = header(next(message for message in uas.got if message.startswith("INVITE ")), "Record-Route")
        assert ours.startswith(f"<{scheme}:") and f"@127.0.0.1:{port['tls']};" in ours
        assert back.startswith("<sip:") and f"@127.0.0.1:{port['udp']};" in back
        assert proxy.metrics()["margrave_sip_malformed_total"] == 0


def test_connections_are_kept_apart_by_name(world):
    """One address, two names: what was proven for the one counts nothing for the other (CVE-2020-15260)."""
    files = world.ca.sign("apart", "DNS:right.test")
    with Uas("tls", context=server_context(*files)) as uas, Peer() as uac:
        for host, code in (("right.test", 200), ("wrong.test", 503), ("right.test", 200)):
            text = request(uac, "MESSAGE", f"sip:bob@{host}:{uas.port};transport=tls")
            uac.send(text, world.at("udp"))
            until(uac, code)
        assert uas.count("MESSAGE") == 2


def test_mutual_tls(world):
    uri = f"sip:127.0.0.1:{world.port['mutual']};transport=tls"
    with TlsPeer("127.0.0.1", world.at("mutual"), client_context(world.ca.certificate, world.certificate, world.key)) as uac:
        uac.send(request(uac, "OPTIONS", uri, via="TLS"))
        until(uac, 200)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        with TlsPeer("127.0.0.1", world.at("mutual"), client_context(world.ca.certificate)) as uac:
            uac.send(request(uac, "OPTIONS", uri, via="TLS"))
            assert not uac.receive()
    stranger = Authority(world.folder, "stranger")
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        with TlsPeer("127.0.0.1", world.at("mutual"), client_context(world.ca.certificate, *stranger.sign("guest", "DNS:guest.test"))) as uac:
            uac.send(request(uac, "OPTIONS", uri, via="TLS"))
            assert not uac.receive()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(world):
    context = client_context(world.ca.certificate)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsPeer("127.0.0.1", world.at("tls"), context)


def test_large_request_goes_by_tcp(world):
    """T-14, RFC 3261 §18.1.1: over 1300 bytes a stream is tried, where the URI does not forbid it; by UDP when there is none."""
    body = "x" * 3000
    with Uas() as udp, Peer() as uac:
        with Uas("tcp", port=udp.port) as tcp:
            uac.send(request(uac, "MESSAGE", target(udp), body=body), world.at("udp"))
            until(uac, 200)
            assert (tcp.count("MESSAGE"), udp.count("MESSAGE")) == (1, 0)
            assert header(tcp.got[0], "Via")[0].startswith("SIP/2.0/TCP ") and tcp.got[0].endswith(body)
            uac.send(request(uac, "MESSAGE", target(udp, params=";transport=udp"), body=body), world.at("udp"))
            until(uac, 200)
            assert (tcp.count("MESSAGE"), udp.count("MESSAGE")) == (1, 1)
    with Uas() as udp, Peer() as uac:
        uac.send(request(uac, "MESSAGE", target(udp), body=body), world.at("udp"))
        until(uac, 200)
        assert udp.count("MESSAGE") == 1 and udp.got[0].endswith(body)
