# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP by hand: requests and responses as text, and what of them a test looks at."""
import uuid

from margrave import Peer, header, status


def sip_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def target(peer: Peer, user: str = "bob", params: str = "") -> str:
    """The URI of a peer."""
    return f"sip:{user}@{sip_host(peer.host)}:{peer.port}{params}"


def request(peer: Peer, method: str, uri: str, *lines: str, body: str = "", via: str = "", **change: str) -> str:
    """A request as a phone would send it. `via` is the transport in its Via; a header of `change` that is "" is left out."""
    transport = via or ("TCP" if peer.tcp else "UDP")
    fields = {
        "Via": f"SIP/2.0/{transport} {sip_host(peer.host)}:{peer.port};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards": "70",
        "From": f"<sip:alice@example.com>;tag={uuid.uuid4().hex[:8]}",
        "To": f"<{uri}>",
        "Call-ID": uuid.uuid4().hex,
        "CSeq": f"1 {method}",
        "Contact": f"<{target(peer, 'alice', f';transport={transport.lower()}' if transport != 'UDP' else '')}>",
    }
    fields.update({name.replace("_", "-"): value for name, value in change.items()})
    text = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{method} {uri} SIP/2.0\r\n{text}" + "".join(line + "\r\n" for line in lines) + f"Content-Length: {len(body)}\r\n\r\n{body}"


def reply(message: str, code: int, *lines: str, tag: str = "uas") -> str:
    """A response of the callee to a request that arrived."""
    out = f"SIP/2.0 {code} X\r\n" + "".join(f"Via: {value}\r\n" for value in header(message, "Via"))
    out += "".join(f"Record-Route: {value}\r\n" for value in header(message, "Record-Route"))
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = header(message, name)[0]
        out += f"{name}: {value}{f';tag={tag}' if name == 'To' and 'tag=' not in value and code > 100 else ''}\r\n"
    return out + "".join(line + "\r\n" for line in lines) + "Content-Length: 0\r\n\r\n"


def again(peer: Peer, method: str, text: str, answer: str, cseq: int = 2, via: str = "", **change: str) -> str:
    """A request in the dialog that `text` and its 2xx `answer` made."""
    fields = {"From": header(text, "From")[0], "To": header(answer, "To")[0], "Call_ID": header(text, "Call-ID")[0], "CSeq": f"{cseq} {method}"}
    fields.update(change)
    routes = [f"Route: {value}" for value in reversed(header(answer, "Record-Route"))]
    return request(peer, method, header(answer, "Contact")[0].strip("<>"), *routes, via=via, **fields)


def ack_of(peer: Peer, text: str, answer: str, via: str = "") -> str:
    """The ACK of a 2xx."""
    return again(peer, "ACK", text, answer, cseq=int(header(text, "CSeq")[0].split()[0]), via=via)


def hop_ack(text: str, answer: str) -> str:
    """The ACK of a refusal: hop by hop, with the branch of the INVITE."""
    line = text.split("\r\n", 1)[0].replace("INVITE", "ACK", 1)
    number = header(text, "CSeq")[0].split()[0]
    return (f"{line}\r\nVia: {header(text, 'Via')[0]}\r\nMax-Forwards: 70\r\nFrom: {header(text, 'From')[0]}\r\nTo: {header(answer, 'To')[0]}\r\n"
            f"Call-ID: {header(text, 'Call-ID')[0]}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n")


def cancel_of(text: str) -> str:
    """The CANCEL of an INVITE."""
    line = text.split("\r\n", 1)[0].replace("INVITE", "CANCEL", 1)
    kept = "".join(f"{name}: {header(text, name)[0]}\r\n" for name in ("Via", "Max-Forwards", "From", "To", "Call-ID"))
    return f"{line}\r\n{kept}CSeq: {header(text, 'CSeq')[0].split()[0]} CANCEL\r\nContent-Length: 0\r\n\r\n"


def until(peer: Peer, what: int | str, most: int = 12, seconds: float = 8.0) -> str:
    """Messages of a peer until a response of this status, or a request of this method, comes."""
    seen = []
    for _ in range(most):
        message = peer.receive(seconds)
        if not message:
            break
        if message.startswith(f"{what} ") if isinstance(what, str) else status(message) == what:
            return message
        seen.append(message.split("\r\n", 1)[0])
    raise AssertionError(f"no {what}; instead {seen}")


def quiet(peer: Peer, seconds: float = 0.4) -> bool:
    """Whether nothing comes."""
    return peer.receive(seconds) is None


def last_of(peer: Peer, seconds: float = 0.4) -> list[str]:
    """First lines of everything that still comes."""
    lines = []
    while (message := peer.receive(seconds)):
        lines.append(message.split("\r\n", 1)[0])
    return lines
