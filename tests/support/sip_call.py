# SPDX-License-Identifier: GPL-3.0-or-later
"""A call through a proxy by hand, both ends of it: for tests of what happens to it when the proxy is hurt."""
import re
import uuid

from margrave import Peer, bin_folder, header, status


def sanitized() -> bool:
    """Whether the daemon is built with a sanitizer: its sandbox is partly off then, and its faults are exits."""
    text = (bin_folder() / "margrave").read_bytes()
    return any(name in text for name in (b"__asan_init", b"__tsan_init", b"__msan_init"))


def place(peer: Peer) -> str:
    """host:port of a peer, as it stands in a URI."""
    return f"[{peer.host}]:{peer.port}" if ":" in peer.host else f"{peer.host}:{peer.port}"


def request(peer: Peer, method: str, uri: str, **change: str) -> str:
    """A request of `peer` that begins something; `change` replaces or adds headers (Call_ID="x")."""
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    fields = {
        "Via": f"SIP/2.0/{'TCP' if peer.tcp else 'UDP'} {host}:{peer.port};branch=z9hG4bK{uuid.uuid4().hex};rport",
        "Max-Forwards": "70",
        "From": f"<sip:alice@{host}>;tag={uuid.uuid4().hex[:8]}",
        "To": f"<{uri}>",
        "Call-ID": uuid.uuid4().hex,
        "CSeq": f"1 {method}",
        "Contact": f"<sip:alice@{host}:{peer.port}>",
    }
    fields.update({name.replace("_", "-"): value for name, value in change.items()})
    return f"{method} {uri} SIP/2.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "Content-Length: 0\r\n\r\n"


def reply(message: str, code: int, contact: str = "", tag: str = "uas") -> str:
    """The answer of `code` to a request that arrived."""
    out = f"SIP/2.0 {code} X\r\n" + "".join(f"Via: {value}\r\n" for value in header(message, "Via"))
    out += "".join(f"Record-Route: {value}\r\n" for value in header(message, "Record-Route"))
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = header(message, name)[0]
        out += f"{name}: {value}{f';tag={tag}' if name == 'To' and 'tag=' not in value and code > 100 else ''}\r\n"
    return out + (f"Contact: {contact}\r\n" if contact else "") + "Content-Length: 0\r\n\r\n"


def final(peer: Peer, seconds: float = 2.0) -> str:
    """The next final response."""
    while True:
        answer = peer.receive(seconds)
        assert answer is not None, "no final response"
        if status(answer) >= 200:
            return answer


class Call:
    """A call from `uac` to `uas` by the proxy at `address`: offer(), answer(), bye()."""

    def __init__(self, uac: Peer, uas: Peer, address: tuple[str, int]):
        self.uac, self.uas, self.address = uac, uas, address
        self.invite = self.arrived = self.answered = ""

    def offer(self) -> "Call":
        """INVITE, as far as the other end."""
        self.invite = request(self.uac, "INVITE", f"sip:bob@{place(self.uas)}")
        self.uac.send(self.invite, self.address)
        self.arrived = self.uas.receive()
        assert (self.arrived or "").startswith("INVITE "), self.arrived
        return self

    def ring(self) -> "Call":
        self.uas.send(reply(self.arrived, 180), self.address)
        while status(self.uac.receive()) != 180:
            pass
        return self

    def answer(self) -> "Call":
        """200 and ACK."""
        self.uas.send(reply(self.arrived, 200, f"<sip:bob@{place(self.uas)}>"), self.address)
        self.answered = final(self.uac)
        assert status(self.answered) == 200, self.answered
        self._within("ACK", 1)
        ack = self.uas.receive()
        assert (ack or "").startswith("ACK "), ack
        return self

    def bye(self) -> None:
        """BYE and its 200."""
        self._within("BYE", 2)
        arrived = self.uas.receive()
        assert (arrived or "").startswith("BYE "), arrived
        self.uas.send(reply(arrived, 200), self.address)
        answer = final(self.uac)
        assert status(answer) == 200, answer

    def _within(self, method: str, number: int) -> None:
        """A request of the caller within the dialog."""
        contact = re.search(r"<(.*?)>", header(self.answered, "Contact")[0])[1]
        routes = "".join(f"Route: {value}\r\n" for value in reversed(header(self.answered, "Record-Route")))
        assert routes, self.answered
        self.uac.send(f"{method} {contact} SIP/2.0\r\n"
                      f"Via: SIP/2.0/UDP {place(self.uac)};branch=z9hG4bK{uuid.uuid4().hex};rport\r\n"
                      f"Max-Forwards: 70\r\n{routes}From: {header(self.answered, 'From')[0]}\r\nTo: {header(self.answered, 'To')[0]}\r\n"
                      f"Call-ID: {header(self.answered, 'Call-ID')[0]}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n", self.address)
