#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py CAPTURES_READ: every SIP message of the captures is parsed, counted as tshark counts, and written back.

The captures are those below $MARGRAVE_CAPTURES, else ../shared/data/captures beside the repository; they have no licence
and stay outside of it. Without them, or without tshark, prints why and returns 77.
"""
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "support"
SKIP = 77

# What is refused, and why: KIND FRAME FAULT HEADER. Captures that are not at hand are not missed.
FAULTS = {
    "zeek/invalid-content-length.pcap": ["datagram 1 length_bad Content-Length", "datagram 2 length_bad Content-Length"],
    "zeek/sip-junk-before-request.pcap": ["datagram 2 missing Via"],
}
# Messages that leave with a Content-Length of ours, since they have none, or none that is right.
LENGTHS = {
    "sip-direct.pcapng": ["datagram 2", "datagram 3", "datagram 5", "datagram 6", "datagram 7"],
    "sip-phone-to-phone.pcapng": ["datagram 20", "datagram 21"],
    "test_voip.pcap.pcapng": ["datagram 5175"],
    "zeek/invalid-content-length.pcap": ["datagram 1", "datagram 2"],
    "zeek/sip-junk-before-request.pcap": ["datagram 2"],
}
KEEPALIVES = {
    "test_voip.pcap.pcapng": ["junk 665 ping", "junk 2224 ping", "junk 3294 crlf", "junk 3652 ping", "junk 4992 ping"],
    "zeek/sip-junk-before-request.pcap": ["junk 1 noise"],
}
# Streams that begin or end inside a message: none.
OPEN: dict[str, list[str]] = {}


def read(parser: str, folder: Path) -> tuple[dict, list[list[str]]]:
    """What tshark counts, and the lines of captures_read, split into words."""
    binary, side = folder / "captures", folder / "captures.json"
    extract = subprocess.run([sys.executable, str(SUPPORT / "captures.py"), "--out", str(binary), "--json", str(side)],
                             stdout=subprocess.PIPE, text=True, check=False)
    print(extract.stdout, end="")
    if extract.returncode != 0:
        sys.exit(extract.returncode)
    parsed = subprocess.run([parser, str(binary)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(side.read_text(encoding="utf-8")), [line.split() for line in parsed.stdout.splitlines()]


def by_file(lines: list[list[str]], word: str, names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if line[0] == word:
            found.setdefault(names[int(line[1])], []).append(" ".join(line[2:]))
    return found


def expected(table: dict[str, list[str]], names: list[str]) -> dict[str, list[str]]:
    return {name: rows for name, rows in table.items() if name in names}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        counts, lines = read(sys.argv[1], Path(folder))
    names = [file["name"] for file in counts["files"]]
    bad = []
    total = 0
    for index, file in enumerate(counts["files"]):
        for kind, key in (("datagram", "datagrams"), ("stream", "streams")):
            for what, of in (("request", "requests"), ("response", "responses")):
                ours = Counter(line[4] for line in lines
                               if line[0] == "message" and line[1:4] == [str(index), kind, what])
                if dict(ours) != file[key][of]:
                    bad.append(f"{file['name']}: {of} in {key}: we count {dict(ours)}, tshark {file[key][of]}")
                total += sum(ours.values())
    for word, table in (("fault", FAULTS), ("length", LENGTHS), ("keepalive", KEEPALIVES), ("open", OPEN),
                        ("differs", {})):
        found, wanted = by_file(lines, word, names), expected(table, names)
        if found != wanted:
            for name in sorted(found.keys() | wanted.keys()):
                bad += [f"{name}: {word} {row}, which no row expects" for row in found.get(name, [])
                        if row not in wanted.get(name, [])]
                bad += [f"{name}: no {word} {row}" for row in wanted.get(name, []) if row not in found.get(name, [])]
    print("\n".join(bad + [f"{total} messages in {len(names)} captures, {len(bad)} faults"]))
    return 1 if bad or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
