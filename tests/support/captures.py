#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""captures.py --out FILE --json FILE [--root DIR]: the SIP bytes of packet captures, as tshark sees them.

Reads every *.pcap and *.pcapng below $MARGRAVE_CAPTURES (else ../shared/data/captures beside the repository). The
captures carry no licence, so neither they nor what is written here may enter the repository.

The binary file, little endian:

    magic   8 bytes "MGCAPT1\\n"
    records until the end, each: u8 kind, u32 stream, u32 frame, u16 file, u32 len, len bytes

    kind 1  a UDP datagram that tshark calls SIP (IP fragments joined); stream is 0
    kind 2  a TCP segment of one direction of a connection that carries SIP; the segments of one stream number
            follow one another, in order and without a byte twice: retransmissions are dropped, overlaps trimmed.
            Bytes missing from the capture begin a new stream number, whose JSON then says "begins": "middle":
            its first bytes may be the rest of a message.
    kind 3  a datagram for a UDP address that speaks SIP in the same file, but is not SIP: keepalives and junk

`frame` is tshark's frame number in the file, `file` an index into the JSON's "files". Records are ordered by file;
within one, datagrams by frame, then streams.

The JSON: {"tshark": version, "files": [{"name", "frames", "datagrams": COUNTS, "streams": COUNTS}], "streams":
[{"stream", "file", "from", "to", "segments", "bytes", "begins"}]} with COUNTS = {"requests": {METHOD: n},
"responses": {CODE: n}}, what tshark prints for sip.Method and sip.Status-Code, summed over all messages of a frame.

Exits 77 after a line that says why when there is no capture or no tshark.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

MAGIC = b"MGCAPT1\n"
DATAGRAM, SEGMENT, JUNK = 1, 2, 3
HEAD = struct.Struct("<BIIHI")
SKIP = 77

FIELDS = ("frame.number", "frame.len", "frame.cap_len", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
          "udp.srcport", "udp.dstport", "udp.payload", "tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.seq_raw",
          "tcp.flags.syn", "tcp.payload", "sip.Method", "sip.Status-Code")


class Missing(Exception):
    """Nothing to read, or nothing to read it with; the text says which."""


@dataclass
class Record:
    kind: int
    stream: int
    frame: int
    file: int
    data: bytes


@dataclass
class Stream:
    stream: int
    file: int
    source: str
    target: str
    begins: str
    segments: int = 0
    size: int = 0


@dataclass
class Counts:
    requests: Counter = field(default_factory=Counter)
    responses: Counter = field(default_factory=Counter)

    def add(self, frame: "Frame") -> None:
        self.requests.update(frame.methods)
        self.responses.update(frame.codes)

    def plain(self) -> dict:
        return {"requests": dict(sorted(self.requests.items())), "responses": dict(sorted(self.responses.items()))}


@dataclass
class File:
    name: str
    frames: int = 0
    datagrams: Counts = field(default_factory=Counts)
    streams: Counts = field(default_factory=Counts)


@dataclass
class Captures:
    tshark: str
    files: list[File] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)


class Frame:
    """One line of tshark's output: the innermost addresses, ports and payload."""

    def __init__(self, line: str):
        column = dict(zip(FIELDS, line.rstrip("\n").split("\t")))
        many = {name: text.split(",") if text else [] for name, text in column.items()}
        layers = column["frame.protocols"].split(":")
        self.number = int(column["frame.number"])
        self.cut = column["frame.len"] != column["frame.cap_len"]
        self.methods = many["sip.Method"]
        self.codes = many["sip.Status-Code"]
        self.sip = "sip" in layers
        # What an ICMP error quotes was sent by somebody else.
        carriers = [layer for layer in layers if layer in ("udp", "tcp", "icmp", "icmpv6")]
        self.carrier = carriers[-1] if carriers and "icmp" not in carriers and "icmpv6" not in carriers else ""
        if self.carrier == "":
            return
        ip = [layer for layer in layers if layer in ("ip", "ipv6")][-1]
        self.source = (many[f"{ip}.src"][-1], int(many[f"{self.carrier}.srcport"][-1]))
        self.target = (many[f"{ip}.dst"][-1], int(many[f"{self.carrier}.dstport"][-1]))
        # In a tunnel the payload field occurs once per layer; an empty inner datagram has none of its own.
        depth = len(many[f"{self.carrier}.srcport"])
        payload = many[f"{self.carrier}.payload"]
        self.data = bytes.fromhex(payload[-1]) if len(payload) == depth else b""
        if self.carrier == "tcp":
            self.connection = many["tcp.stream"][-1]
            self.seq = int(many["tcp.seq_raw"][-1])
            self.syn = many["tcp.flags.syn"][-1] in ("1", "True")


def root_default() -> Path:
    given = os.environ.get("MARGRAVE_CAPTURES")
    return Path(given) if given else Path(__file__).resolve().parents[2].parent / "shared/data/captures"


def find(root: Path) -> list[Path]:
    """The capture files below `root`, in a stable order. Raises Missing when there are none."""
    found = sorted(path for suffix in ("pcap", "pcapng") for path in root.rglob(f"*.{suffix}") if path.is_file())
    if not found:
        raise Missing(f"no capture files below {root} (MARGRAVE_CAPTURES names another folder)")
    return found


def tshark(*args: str) -> str:
    """What tshark prints, with no preferences of the user's and no name looked up."""
    if shutil.which("tshark") is None:
        raise Missing("tshark is not installed")
    with tempfile.TemporaryDirectory() as settings:
        env = dict(os.environ, WIRESHARK_CONFIG_DIR=settings, LC_ALL="C.UTF-8")
        run = subprocess.run(["tshark", *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             check=False)
    if run.returncode != 0:
        raise RuntimeError(f"tshark {' '.join(args)}: {run.stderr.strip()}")
    return run.stdout


def frames(path: Path) -> list[Frame]:
    wanted = [word for name in FIELDS for word in ("-e", name)]
    text = tshark("-n", "-r", str(path), "-Y", "udp or tcp", "-T", "fields", "-E", "occurrence=a", "-E",
                  "aggregator=,", *wanted)
    return [Frame(line) for line in text.splitlines()]


def in_order(segments: list[tuple[int, int, bytes]], start: int | None) -> list[tuple[bool, list[tuple[int, bytes]]]]:
    """Runs of (frame, bytes) without a byte twice, from (sequence number, frame, bytes) as captured.

    start      Sequence number of the stream's first byte when its SYN was seen, else None.
    Returns    one run for each stretch without a missing byte, and whether it begins with the stream's first byte.
    """
    if not segments:
        return []
    base = segments[0][0] if start is None else start

    def distance(seq: int) -> int:
        return (seq - base + 2**31) % 2**32 - 2**31

    runs: list[tuple[bool, list[tuple[int, bytes]]]] = []
    due = 0 if start is not None else None
    for at, frame, data in sorted((distance(seq), frame, data) for seq, frame, data in segments):
        if due is None or at > due or not runs:
            first = start is not None and at <= 0
            due = 0 if first else at
            runs.append((first, []))
        fresh = data[due - at:]
        if fresh:
            runs[-1][1].append((frame, fresh))
            due = at + len(data)
    return [(first, run) for first, run in runs if run]


def add_streams(captures: Captures, index: int, seen: list[Frame]) -> None:
    speaking = {frame.connection for frame in seen if frame.sip}
    ways: dict[tuple, list[Frame]] = defaultdict(list)
    for frame in seen:
        if frame.connection in speaking:
            ways[int(frame.connection), frame.source, frame.target].append(frame)
    for (_, source, target), way in sorted(ways.items()):
        syn = next((frame for frame in way if frame.syn), None)
        start = None if syn is None else (syn.seq + 1) % 2**32
        runs = in_order([(frame.seq, frame.number, frame.data) for frame in way if frame.data], start)
        for first, run in runs:
            stream = Stream(len(captures.streams) + 1, index, "%s:%d" % source, "%s:%d" % target,
                            "start" if first else "middle")
            for number, data in run:
                captures.records.append(Record(SEGMENT, stream.stream, number, index, data))
                stream.segments += 1
                stream.size += len(data)
            captures.streams.append(stream)


def add_datagrams(captures: Captures, index: int, seen: list[Frame]) -> None:
    speaking = {end for frame in seen if frame.sip for end in (frame.source, frame.target)}
    for frame in seen:
        if frame.sip:
            captures.records.append(Record(DATAGRAM, 0, frame.number, index, frame.data))
        elif frame.target in speaking:
            captures.records.append(Record(JUNK, 0, frame.number, index, frame.data))


def read(root: Path | None = None) -> Captures:
    """Every capture below `root` (default: root_default()). Raises Missing when there is nothing to read."""
    root = root or root_default()
    captures = Captures(tshark="")
    paths = find(root)
    captures.tshark = tshark("--version").split("\n", 1)[0]
    for index, path in enumerate(paths):
        file = File(str(path.relative_to(root)))
        captures.files.append(file)
        seen = [frame for frame in frames(path) if frame.carrier]
        for frame in seen:
            if not frame.sip:
                continue
            if frame.cut:
                raise RuntimeError(f"{path}: frame {frame.number} was cut short when it was captured")
            file.frames += 1
            (file.datagrams if frame.carrier == "udp" else file.streams).add(frame)
        add_datagrams(captures, index, [frame for frame in seen if frame.carrier == "udp"])
        add_streams(captures, index, [frame for frame in seen if frame.carrier == "tcp"])
    return captures


def write(captures: Captures, binary: Path, side: Path) -> None:
    with binary.open("wb") as out:
        out.write(MAGIC)
        for record in captures.records:
            out.write(HEAD.pack(record.kind, record.stream, record.frame, record.file, len(record.data)))
            out.write(record.data)
    side.write_text(json.dumps({
        "tshark": captures.tshark,
        "files": [{"name": file.name, "frames": file.frames, "datagrams": file.datagrams.plain(),
                   "streams": file.streams.plain()} for file in captures.files],
        "streams": [{"stream": s.stream, "file": s.file, "from": s.source, "to": s.target, "segments": s.segments,
                     "bytes": s.size, "begins": s.begins} for s in captures.streams],
    }, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the binary file")
    parser.add_argument("--json", type=Path, required=True, help="the file of names and counts")
    parser.add_argument("--root", type=Path, default=root_default(), help="folder of captures")
    args = parser.parse_args()
    try:
        captures = read(args.root)
    except Missing as why:
        print(f"SKIP: {why}")
        return SKIP
    write(captures, args.out, args.json)
    kinds = Counter(record.kind for record in captures.records)
    print(f"{len(captures.files)} captures: {kinds[DATAGRAM]} datagrams, {kinds[JUNK]} more that are not SIP, "
          f"{kinds[SEGMENT]} segments of {len(captures.streams)} streams")
    return 0


if __name__ == "__main__":
    sys.exit(main())
