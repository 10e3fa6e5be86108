#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""worst.py DIR: messages up to 64 KiB that ask the most of a parser, one file each (for a profiler).

run.py times the parser on each of them: whatever a stranger sends, a KiB may not cost more than a few us. Whether
a message is accepted or refused does not matter here.
"""
import sys
from pathlib import Path

LIMIT = 65536

# Everything a request owes, with one line left open for the hostile header.
HEAD = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKworst",
    "Max-Forwards": "70",
    "From": "<sip:a@example.com>;tag=1",
    "To": "<sip:b@example.com>",
    "Call-ID": "worst@example.com",
    "CSeq": "1 INVITE",
    "Contact": "<sip:a@192.0.2.1>",
    "Content-Length": "0",
}


def message(*lines: str, uri: str = "sip:b@example.com", body: str = "", **replaced: str) -> str:
    """A request with `lines` added and headers replaced (underscores for hyphens in their names)."""
    head = dict(HEAD)
    if body:
        head["Content-Length"] = str(len(body))
    head.update({name.replace("_", "-"): value for name, value in replaced.items()})
    text = [f"INVITE {uri} SIP/2.0", *(f"{name}: {value}" for name, value in head.items()), *lines]
    return "\r\n".join(text) + "\r\n\r\n" + body


def fill(unit: str, before: str = "", after: str = "", size: int = LIMIT - 1024) -> str:
    """`unit` as often as it fits into `size` bytes between `before` and `after`."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def with_headers(count: int, line: str = "x: y") -> str:
    return message(*[line] * (count - len(HEAD)))


def inputs() -> dict[str, bytes]:
    """Name and bytes of each message, none longer than 64 KiB."""
    route = "<sip:p.example.com;lr>"
    via = HEAD["Via"]
    texts = {
        "16 KiB of commas in Route": message("Route: " + "," * 16384),
        "16 KiB of commas in Contact": message(Contact="," * 16384),
        "16 KiB of commas in Supported": message("Supported: " + "," * 16384),
        "16 KiB of commas in an unknown header": message("X-Any: " + "," * 16384),
        "62 KiB of commas in Via": message(Via=fill(",")),
        "128 headers, 70 of them Via": message(*[f"Via: {via}"] * 69, *["x: y"] * (128 - 69 - len(HEAD))),
        "70 Vias in one header": message(Via=", ".join([via] * 70)),
        "62 KiB of Vias in one header": message(Via=fill(via + ",", after=via)),
        "62 KiB of Routes in one header": message(fill(route + ",", "Route: ", route)),
        "62 KiB of Record-Routes in one header": message(fill(route + ",", "Record-Route: ", route)),
        "128 headers, 60 Route and 60 Record-Route": message(*[f"Route: {route}", f"Record-Route: {route}"] * 60),
        "128 headers of 500 bytes": with_headers(128, "x: " + "y" * 495),
        "128 headers of 4 bytes": with_headers(128, "x:y"),
        "Contacts, 62 KiB": message(Contact=fill("<sip:a@b>,", after="<sip:a@b>")),
        "10 000 headers with names of one byte": with_headers(10000, "a:b"),
        "10 000 headers named v": with_headers(10000, "v:b"),
        "10 000 headers without a value": with_headers(10000, "x:"),
        "quoted name of backslashes": message(From=fill("\\\\", '"', '" <sip:a@b>;tag=1')),
        "quoted name of escaped quotes": message(From=fill('\\"', '"', '" <sip:a@b>;tag=1')),
        "quoted name that never ends": message(From=fill("\\\\", '"')),
        "62 KiB of quotes in From": message(From=fill('"')),
        "62 KiB of quotes in Route": message(fill('"', "Route: ")),
        "Route entries that open a quote": message(fill('",', "Route: ")),
        "quoted Contact names, each of one comma": message(Contact=fill('","<sip:a@b>,', after="<sip:a@b>")),
        "quoted parameters with escapes": message(From=fill(';a="\\"\\\\"', "<sip:a@b>")),
        "62 KiB of < in From": message(From=fill("<")),
        "62 KiB of < in Route": message(fill("<", "Route: ")),
        "62 KiB of <> in Contact": message(Contact=fill("<>")),
        "62 KiB of ( in Via": message(Via=fill("(")),
        "folded value": message(fill("\r\n a", "Subject: b")),
        "folds of one blank in From": message(From=fill("\r\n ", "<sip:a@b>", ";tag=1")),
        "folds of one blank in Route": message(fill("\r\n ", "Route: ", route)),
        "folds around Via's slashes": message(Via=fill("\r\n ", "SIP", "/2.0/UDP a;branch=z9hG4bKa")),
        "62 KiB of blanks in Via": message(Via=fill(" ", "SIP/2.0/UDP", "a;branch=z9hG4bKa")),
        "62 KiB of blanks before a colon": message(fill(" ", "x", ":y")),
        "62 KiB of ; in From": message(From=fill(";", "<sip:a@b>")),
        "62 KiB of ; in Via": message(Via=fill(";", "SIP/2.0/UDP a")),
        "62 KiB of ; in the Request-URI": message(uri=fill(";", "sip:b@example.com")),
        "parameters of one byte in From": message(From=fill(";a", "<sip:a@b>")),
        "parameters of one byte in Via": message(Via=fill(";a", "SIP/2.0/UDP a")),
        "empty parameters in Via, the branch last": message(Via=fill(";a=b", "SIP/2.0/UDP a", ";branch=z9hG4bKa")),
        "tag last of many parameters": message(From=fill(";a=b", "<sip:a@b>", ";tag=1")),
        "parameters nearly named lr": message(fill(";l", "Route: <sip:a", ";lr>")),
        "parameters of the Request-URI": message(uri=fill(";a=b", "sip:b@example.com")),
        "headers of the Request-URI": message(uri=fill("&a=b", "sip:b@example.com?a=b")),
        "escapes in the Request-URI": message(uri=fill("%41", "sip:", "@example.com")),
        "62 KiB of @ in the Request-URI": message(uri=fill("@", "sip:")),
        "62 KiB of : in From": message(From=fill(":", "<sip:")),
        "host of 31 000 labels": message(uri=fill("a.", "sip:b@", "a")),
        "62 KiB of [ in Contact": message(Contact=fill("[", "<sip:a@")),
        "IPv6 address of 62 KiB": message(Contact=fill("0:", "<sip:a@[", "0]>")),
        "62 KiB of zeros in CSeq": message(CSeq=fill("0", after="1 INVITE")),
        "62 KiB of nines in Max-Forwards": message(Max_Forwards=fill("9")),
        "62 KiB of zeros in Content-Length": message(Content_Length=fill("0")),
        "62 KiB of zeros in a port": message(Via=fill("0", "SIP/2.0/UDP a:", "1;branch=z9hG4bKa")),
        "Call-ID of 62 KiB": message(Call_ID=fill("a")),
        "62 KiB of stars in Contact": message(Contact=fill("*,", after="*")),
        "header name of 62 KiB": message(fill("a", after=": b")),
        "method of 62 KiB": fill("A", after=" sip:b@example.com SIP/2.0\r\n\r\n"),
        "body of 64 KiB": message(body="b" * (LIMIT - 512)),
        "64 KiB without a line end": "A" * LIMIT,
        "64 KiB of CRLF": "\r\n" * (LIMIT // 2),
        "64 KiB of LF": "\n" * LIMIT,
        "64 KiB of CR": "\r" * LIMIT,
        "64 KiB of NUL": "\0" * LIMIT,
        "64 KiB of blanks": " " * LIMIT,
        "64 KiB of colons": ":" * LIMIT,
        "lines of CR after a start line": fill("\r", "INVITE sip:b@example.com SIP/2.0\r\n"),
        "lines of LF after a start line": fill("a:b\n", "INVITE sip:b@example.com SIP/2.0\r\n"),
        "bytes above 127": message("Subject: " + "\u00e9" * 31000),
    }
    found = {name: text.encode() for name, text in texts.items()}
    long = [name for name, data in found.items() if len(data) > LIMIT]
    assert not long, long
    return found


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for name, data in inputs().items():
        (Path(sys.argv[1]) / (name.replace(" ", "_") + ".sip")).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
