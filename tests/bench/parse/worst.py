#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""worst.py DIR: messages up to 64 KiB that ask the most of a parser, one file each (for a profiler).

run.py times the parser on each of them: whatever a stranger sends, a KiB may not cost more than a few us. Whether
a message is accepted or refused does not matter here.
"""
import sys
from pathlib import Path

LIMIT = 65536

# Within every limit of core/sip/limits.h for a URI, for a header line, and for a message on a stream.
SIZES = (900, 7600, 64000)

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


def fill(size: int, unit: str, before: str = "", after: str = "") -> str:
    """`unit` as often as it fits into `size` bytes between `before` and `after`."""
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def with_headers(count: int, line: str) -> str:
    return message(*[line] * (count - len(HEAD)))


def hostile(n: int) -> dict[str, str]:
    """Messages with one hostile stretch of `n` bytes."""
    route = "<sip:p.example.com;lr>"
    via = HEAD["Via"]
    return {
        "commas in Via": message(Via=fill(n, ",")),
        "commas in Route": message(fill(n, ",", "Route: ")),
        "commas in Contact": message(Contact=fill(n, ",")),
        "commas in Supported": message(fill(n, ",", "Supported: ")),
        "commas in an unknown header": message(fill(n, ",", "X-Any: ")),
        "Vias in one header": message(Via=fill(n, via + ",", after=via)),
        "Routes in one header": message(fill(n, route + ",", "Route: ", route)),
        "Record-Routes in one header": message(fill(n, route + ",", "Record-Route: ", route)),
        "short Routes in one header": message(fill(n, "<sip:a>,", "Route: ", "<sip:a>")),
        "Contacts in one header": message(Contact=fill(n, "<sip:a@b>,", after="<sip:a@b>")),
        "stars in Contact": message(Contact=fill(n, "*,", after="*")),
        "quoted name of backslashes": message(From=fill(n, "\\\\", '"', '" <sip:a@b>;tag=1')),
        "quoted name of escaped quotes": message(From=fill(n, '\\"', '"', '" <sip:a@b>;tag=1')),
        "quoted name that never ends": message(From=fill(n, "\\\\", '"')),
        "quoted name of letters": message(From=fill(n, "a", '"', '" <sip:a@b>;tag=1')),
        "quotes in From": message(From=fill(n, '"')),
        "quotes in Route": message(fill(n, '"', "Route: ")),
        "Route entries that open a quote": message(fill(n, '",', "Route: ")),
        "Contact names of a quoted comma": message(Contact=fill(n, '","<sip:a@b>,', after="<sip:a@b>")),
        "quoted parameters with escapes": message(From=fill(n, ';a="\\"\\\\"', "<sip:a@b>")),
        "one quoted parameter of escapes": message(From=fill(n, '\\"', '<sip:a@b>;a="', '";tag=1')),
        "name of many tokens": message(From=fill(n, "a ", after="<sip:a@b>;tag=1")),
        "< in From": message(From=fill(n, "<")),
        "< in Route": message(fill(n, "<", "Route: ")),
        "<> in Contact": message(Contact=fill(n, "<>")),
        "( in Via": message(Via=fill(n, "(")),
        "comment in Retry-After": message(fill(n, "(", "Retry-After: 1 ", fill(n // 2, ")"))),
        "folded value": message(fill(n, "\r\n a", "Subject: b")),
        "folds of one blank in From": message(From=fill(n, "\r\n ", "<sip:a@b>", ";tag=1")),
        "folds of one blank in Route": message(fill(n, "\r\n ", "Route: ", route)),
        "folds around Via's slashes": message(Via=fill(n, "\r\n ", "SIP", "/2.0/UDP a;branch=z9hG4bKa")),
        "blanks in Via": message(Via=fill(n, " ", "SIP/2.0/UDP", "a;branch=z9hG4bKa")),
        "blanks before a colon": message(fill(n, " ", "x", ":y")),
        "blanks before a value": message(fill(n, " ", "x:", "y")),
        "blanks behind a value": message(fill(n, " ", "x:y")),
        "blanks between parameters": message(From=fill(n, " ; a = b", "<sip:a@b>")),
        "; in From": message(From=fill(n, ";", "<sip:a@b>")),
        "; in Via": message(Via=fill(n, ";", "SIP/2.0/UDP a")),
        "; in the Request-URI": message(uri=fill(n, ";", "sip:b@example.com")),
        "parameters of one byte in From": message(From=fill(n, ";a", "<sip:a@b>")),
        "parameters of one byte in Via": message(Via=fill(n, ";a", "SIP/2.0/UDP a")),
        "branch last of many parameters": message(Via=fill(n, ";a=b", "SIP/2.0/UDP a", ";branch=z9hG4bKa")),
        "tag last of many parameters": message(From=fill(n, ";a=b", "<sip:a@b>", ";tag=1")),
        "parameters nearly named lr": message(fill(n, ";l", "Route: <sip:a", ";lr>")),
        "parameters of the Request-URI": message(uri=fill(n, ";a=b", "sip:b@example.com")),
        "headers of the Request-URI": message(uri=fill(n, "&a=b", "sip:b@example.com?a=b")),
        "escapes in the Request-URI": message(uri=fill(n, "%41", "sip:", "@example.com")),
        "@ in the Request-URI": message(uri=fill(n, "@", "sip:")),
        "colons in From": message(From=fill(n, ":", "<sip:", ">")),
        "user without an end": message(From=fill(n, "a;b?c", "<sip:")),
        "labels of a host": message(Contact=fill(n, "a.", "<sip:b@", "a>")),
        "hyphens in a host": message(Contact=fill(n, "-", "<sip:b@a", "a>")),
        "[ in Contact": message(Contact=fill(n, "[", "<sip:a@")),
        "IPv6 address": message(Contact=fill(n, "0:", "<sip:a@[", "0]>")),
        "zeros in CSeq": message(CSeq=fill(n, "0", after="1 INVITE")),
        "nines in Max-Forwards": message(Max_Forwards=fill(n, "9")),
        "zeros in Content-Length": message(Content_Length=fill(n, "0")),
        "zeros in a port": message(Via=fill(n, "0", "SIP/2.0/UDP a:", "1;branch=z9hG4bKa")),
        "Call-ID": message(Call_ID=fill(n, "a")),
        "branch": message(Via=fill(n, "a", "SIP/2.0/UDP a;branch=z9hG4bK")),
        "value of an unknown header": message(fill(n, "a", "X-Any: ")),
        "bytes above 127": message(fill(n, "\u00e9", "Subject: ")[:n // 2]),
        "name of a header": message(fill(n, "a", after=": b")),
        "tabs in a value": message(fill(n, "\t", "X: a", "b")),
        "tabs between letters": message(fill(n, "\ta", "X: a", "b")),
        "colons in a Via parameter": message(Via=fill(n, ":", "SIP/2.0/UDP h;branch=z9hG4bK1;a=")),
        "bangs in a Contact parameter": message(Contact=fill(n, "!", "<sip:a@b>;x=")),
        "bangs between letters": message(Contact=fill(n, "!a", "<sip:a@b>;x=")),
        "method": fill(n, "A", after=" sip:b@example.com SIP/2.0\r\n\r\n"),
        "headers without a value": message(*["x:"] * (n // 4)),
        "headers with names of one byte": message(*["a:b"] * (n // 5)),
        "headers named v": message(*["v:b"] * (n // 5)),
        "body": message(body="b" * n),
        "body of CRLFs": message(body="\r\n" * (n // 2)),
        "no line end": "A" * n,
        "CRLFs": "\r\n" * (n // 2),
        "LFs": "\n" * n,
        "CRs": "\r" * n,
        "NULs": "\0" * n,
        "blanks": " " * n,
        "colons": ":" * n,
        "CRs behind a start line": fill(n, "\r", "INVITE sip:b@example.com SIP/2.0\r\n"),
        "lines that end in LF": fill(n, "a:b\n", "INVITE sip:b@example.com SIP/2.0\r\n"),
    }


def crowded() -> dict[str, str]:
    """Messages at the limits of how many values and header lines there may be."""
    route = "<sip:p.example.com;lr>"
    via = HEAD["Via"]
    many = ";".join(f"p{i}=" + '"' + "\\\\" * 100 + '"' for i in range(31))
    return {
        "128 headers, 70 of them Via": message(*[f"Via: {via}"] * 69, *["x: y"] * (128 - 69 - len(HEAD))),
        "70 Vias in one header": message(Via=", ".join([via] * 70)),
        "16 Route and 16 Record-Route lines": message(*[f"Route: {route}", f"Record-Route: {route}"] * 16),
        "16 Routes and 16 Record-Routes": message("Route: " + ",".join([route] * 16),
                                                  "Record-Route: " + ",".join([route] * 16)),
        "16 Routes of 32 parameters": message("Route: " + ",".join(["<sip:a@b" + ";a=b" * 31 + ";lr>"] * 16)),
        "16 Routes of 1000 bytes of escapes": message(*["Route: <sip:" + "%41" * 320 + "@b;lr>"] * 12),
        "60 Route and 60 Record-Route lines": message(*[f"Route: {route}", f"Record-Route: {route}"] * 60),
        "128 headers of 100 bytes": with_headers(128, "x: " + "y" * 95),
        "128 headers of 4 bytes": with_headers(128, "x:y"),
        "128 known headers": with_headers(128, "Subscription-State: active"),
        "128 headers with long unknown names": with_headers(128, "X" * 90 + ": y"),
        "129 headers": with_headers(129, "x:y"),
        "31 quoted parameters of escapes": message(From=f"<sip:a@b>;{many}"),
        "header section of 16 KiB in two lines": message("x: " + "y" * 7600, "z: " + "y" * 7600),
        "16 KiB of commas in two Route lines": message("Route: " + "," * 7600, "Route: " + "," * 7600),
        "16 KiB of folds in two Route lines": message(*["Route: " + "\r\n " * 2500 + route] * 2),
        "body of 15 KiB": message(body="b" * 15000),
    }


def inputs() -> dict[str, bytes]:
    """Name and bytes of each message, none longer than 64 KiB."""
    texts = {f"{name}, {n} bytes": text for n in SIZES for name, text in hostile(n).items()} | crowded()
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
