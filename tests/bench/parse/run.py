#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py --build-dir DIR [--json FILE]: ns per message, ours and the peers', over the captures' messages.

Every subject parses the same messages and types the same routing headers; its checksum of the typed values must
agree with the others'. What one of them refuses, or reads differently for a reason given in KNOWN, is listed and not
timed; a difference without a reason is an error. Subjects take turns on one CPU; figures are medians.

Our parser alone then meets the worst-case messages of worst.py. Exits 1 when a subject fails or values differ without
a reason, 77 when there is nothing to measure with.
"""
import argparse
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
sys.path.insert(0, str(HERE))
import captures  # noqa: E402
import worst  # noqa: E402

OURS = "margrave"
SUBJECTS = (OURS, "osip", "sofia", "re")
LABEL = {OURS: "Margrave", "osip": "libosip2", "sofia": "sofia-sip", "re": "libre"}
RATIO_TARGET = 5
WORST_TARGET = 5  # us per KiB

# Subject, field, and what is on the wire, where that subject is known to read something else.
KNOWN = (
    ("osip", r"content-length", r"absent", "libosip2 adds `Content-Length: 0` where there is none"),
    ("osip", r".* user", r".*%.*", "libosip2 decodes the escapes of a user name"),
    ("sofia", r".* user", r".*%.*", "sofia-sip decodes the escapes that a user name does not need"),
)


class Failed(Exception):
    """A subject did not run, or values differ; the text is for the user."""


@dataclass
class Message:
    origin: str
    data: bytes


@dataclass
class Set:
    name: str
    messages: list[Message] = field(default_factory=list)
    agreed: list[Message] = field(default_factory=list)
    refused: dict[str, list[int]] = field(default_factory=dict)
    runs: dict[str, list[dict]] = field(default_factory=dict)

    def average(self) -> float:
        return statistics.fmean(len(m.data) for m in self.agreed)


class Bench:
    """The executables of a build tree, and how to run them."""

    def __init__(self, build: Path, scratch: Path, subjects: tuple[str, ...], cpu: int):
        self.bin = build.resolve() / "bin"
        self.scratch = scratch
        self.subjects = subjects
        self.cpu = cpu
        for subject in subjects:
            for exe in (self.exe(subject), self.exe(subject, "_show")):
                if not exe.exists():
                    raise Failed(f"{exe} is missing: build the preset `bench`")

    def exe(self, subject: str, variant: str = "") -> Path:
        return self.bin / f"bench_parse_{subject}{variant}"

    def file(self, messages: list[bytes]) -> Path:
        path = self.scratch / "messages"
        path.write_bytes(b"".join(struct.pack("<I", len(data)) + data for data in messages))
        return path

    def output(self, subject: str, *args: str, variant: str = "", preload: str = "") -> str:
        env = dict(os.environ, LD_PRELOAD=preload) if preload else None
        command = ["taskset", "-c", str(self.cpu), str(self.exe(subject, variant)), *args]
        run = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if run.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {run.returncode}: {run.stderr.decode(errors='replace')}")
        return run.stdout.decode("ascii")

    def time(self, subject: str, path: Path, ms: int) -> dict:
        return json.loads(self.output(subject, str(path), "--time", str(ms)))

    def allocations(self, subject: str, path: Path) -> float:
        preload = str(self.bin / "bench_parse_allocs.so")
        return json.loads(self.output(subject, str(path), preload=preload))["allocations_per_message"]

    def sums(self, subject: str, path: Path) -> list[int | None]:
        """The checksum of each message, None for a refused one."""
        to = self.scratch / "sums"
        self.output(subject, str(path), "--sums", str(to))
        return [None if refused else value for value, refused in struct.iter_unpack("<QB", to.read_bytes())]

    def values(self, subject: str, path: Path) -> dict[tuple[int, str, int], str]:
        """Typed values by message, field and position in a list."""
        found = {}
        for line in self.output(subject, str(path), variant="_show").splitlines():
            index, name, nth, value = line.split("\t")
            found[int(index), name, int(nth)] = value
        return found


def cut(name: str, segments: list[captures.Record]) -> list[Message]:
    """The messages of one direction of a connection, by Content-Length, named after the frame they begin in."""
    data = b"".join(segment.data for segment in segments)
    frames = [segment.frame for segment in segments for _ in segment.data]
    found = []
    at = 0
    while True:
        while data[at:at + 2] == b"\r\n":
            at += 2
        head, blank, _ = data[at:].partition(b"\r\n\r\n")
        if not blank:
            return found
        length = re.search(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.IGNORECASE | re.MULTILINE)
        size = len(head) + len(blank) + (int(length[1]) if length else 0)
        found.append(Message(f"{name} frame {frames[at]} (TCP)", data[at:at + size]))
        at += size


def read_sets() -> list[Set]:
    """`sipp`: SIPp's short messages; `phones`: those of phones, gateways, proxies and PBXs."""
    read = captures.read()
    sets = {"sipp": Set("sipp"), "phones": Set("phones")}
    streams: dict[int, list[captures.Record]] = {stream.stream: [] for stream in read.streams}
    for record in read.records:
        name = read.files[record.file].name
        if record.kind == captures.DATAGRAM:
            of = sets["sipp" if "sipp" in name else "phones"]
            of.messages.append(Message(f"{name} frame {record.frame}", record.data))
        elif record.kind == captures.SEGMENT:
            streams[record.stream].append(record)
    for stream in read.streams:
        sets["phones"].messages += cut(read.files[stream.file].name, streams[stream.stream])
    return list(sets.values())


def why(subject: str, name: str, wire: str) -> str | None:
    for known, fields, values, reason in KNOWN:
        if subject == known and re.fullmatch(fields, name) and re.fullmatch(values, wire):
            return reason
    return None


def explain(values: dict[str, dict[tuple[str, int], str]]) -> tuple[set[str], list[str]]:
    """Why accepting subjects differ over one message: the reasons, and the differences that have none.

    Ours is what is on the wire, or what most read when ours refuses; whoever reads something else needs a reason.
    """
    reasons, open_ends = set(), []
    for key in sorted({key for of in values.values() for key in of}):
        read = {subject: of.get(key, "nothing") for subject, of in values.items()}
        wire = read.get(OURS) or statistics.mode(read.values())
        known = {why(subject, key[0], wire) for subject, value in read.items() if value != wire}
        if None in known:
            open_ends.append(f"{key[0]}: " + ", ".join(f"{LABEL[s]} {value!r}" for s, value in read.items()))
        reasons |= known - {None}
    return reasons, open_ends


def agree(bench: Bench, of: Set) -> None:
    """Fill in of.agreed and of.refused; print what is left out. Raises Failed for a difference without a reason."""
    path = bench.file([message.data for message in of.messages])
    sums = {subject: bench.sums(subject, path) for subject in bench.subjects}
    values = {subject: bench.values(subject, path) for subject in bench.subjects}
    left_out: dict[str, list[str]] = {}
    unexplained = []
    of.refused = {subject: [i for i, value in enumerate(sums[subject]) if value is None] for subject in bench.subjects}
    for i, message in enumerate(of.messages):
        accepting = [subject for subject in bench.subjects if sums[subject][i] is not None]
        refusing = [LABEL[subject] for subject in bench.subjects if subject not in accepting]
        reasons = {"refused by " + ", ".join(refusing)} if refusing else set()
        if len({sums[subject][i] for subject in accepting}) > 1:
            known, open_ends = explain({subject: {key[1:]: value for key, value in values[subject].items()
                                                  if key[0] == i} for subject in accepting})
            reasons |= known
            if not known and not open_ends:
                open_ends = ["the checksums differ, the values shown do not"]
            unexplained += [f"{message.origin}: {text}" for text in open_ends]
            reasons |= {"unexplained"} if open_ends else set()
        if reasons:
            left_out.setdefault("; ".join(sorted(reasons)), []).append(message.origin)
        else:
            of.agreed.append(message)
    print(f"{of.name}: {len(of.agreed)} of {len(of.messages)} messages are accepted by all with the same typed values; "
          "only these are timed")
    for reason, origins in sorted(left_out.items()):
        print(f"  left out, {reason} ({len(origins)}):")
        for origin in origins:
            print(f"    {origin}")
    if unexplained:
        shown = "\n  ".join(unexplained[:20])
        raise Failed(f"{len(unexplained)} typed values differ without a known reason, the first:\n  {shown}")
    if not of.agreed:
        raise Failed(f"no message of {of.name} is left to time")


def measure(bench: Bench, sets: list[Set], runs: int, ms: int) -> None:
    paths = {}
    for of in sets:
        paths[of.name] = bench.file([m.data for m in of.agreed]).rename(bench.scratch / of.name)
        of.runs = {subject: [] for subject in bench.subjects}
    for _ in range(runs):
        for of in sets:
            for subject in bench.subjects:
                of.runs[subject].append(bench.time(subject, paths[of.name], ms))


def figure(name: str, subject: str, unit: str, values: list[float]) -> dict:
    return {"name": name, "subject": subject, "value": round(statistics.median(values), 4), "unit": unit,
            "runs": len(values), "min": round(min(values), 4), "max": round(max(values), 4)}


def report_set(bench: Bench, of: Set, figures: list[dict]) -> float | None:
    """Print and note one set. Returns how many times faster than the fastest peer we are."""
    path = bench.scratch / of.name
    print(f"\n{of.name}: {len(of.agreed)} messages of {of.average():.0f} bytes on average")
    print(f"  {'subject':<28}{'ns/message':>11}{'min':>9}{'max':>9}{'MB/s':>8}{'allocations':>13}{'refused':>9}")
    medians = {}
    for subject in bench.subjects:
        runs = of.runs[subject]
        label = f"{LABEL[subject]} {runs[0]['version']}"
        ns = figure(f"parse_ns_{of.name}", subject, "ns/message", [run["ns_per_message"] for run in runs])
        rate = figure(f"parse_bytes_{of.name}", subject, "bytes/s", [run["bytes_per_second"] for run in runs])
        allocs = figure(f"parse_allocations_{of.name}", subject, "per message", [bench.allocations(subject, path)])
        refused = figure(f"parse_refused_{of.name}", subject, "messages", [len(of.refused[subject])])
        figures += [{**each, "version": runs[0]["version"]} for each in (ns, rate, allocs, refused)]
        medians[subject] = ns["value"]
        print(f"  {label:<28}{ns['value']:>11.0f}{ns['min']:>9.0f}{ns['max']:>9.0f}{rate['value'] / 1e6:>8.0f}"
              f"{allocs['value']:>13.1f}{refused['value']:>9}")
    if OURS not in medians:
        return None
    return min(value for subject, value in medians.items() if subject != OURS) / medians[OURS]


def report_worst(bench: Bench, runs: int, ms: int, figures: list[dict]) -> dict:
    """Time our parser on each worst-case message. Returns the ratio entry of the slowest."""
    print(f"\nworst cases, {LABEL[OURS]}, us per KiB; the ten slowest of {len(worst.inputs())}:")
    found = []
    for name, data in worst.inputs().items():
        path = bench.file([data])
        took = [bench.time(OURS, path, ms)["ns_per_message"] / 1e3 / (len(data) / 1024) for _ in range(runs)]
        found.append({**figure("parse_worst_us_per_kib", OURS, "us/KiB", took), "input": name, "bytes": len(data)})
    found.sort(key=lambda each: -each["value"])
    for each in found[:10]:
        print(f"  {each['value']:>8.3f}  {each['input']} ({each['bytes']} bytes)")
    figures += found
    value = found[0]["value"]
    return {"name": "parse_worst_us_per_kib", "value": value, "target": WORST_TARGET, "met": value <= WORST_TARGET}


def ratio(name: str, value: float) -> dict:
    return {"name": name, "value": round(value, 3), "target": RATIO_TARGET, "met": value >= RATIO_TARGET}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=Path, required=True, help="build tree of the preset `bench`")
    parser.add_argument("--json", type=Path, help="where to write figures and ratios")
    parser.add_argument("--runs", type=int, default=7, help="repetitions per subject and set")
    parser.add_argument("--ms", type=int, default=300, help="least time of one repetition")
    parser.add_argument("--cpu", type=int, default=0, help="CPU that every subject is pinned to")
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="only these (no ratio without ours)")
    args = parser.parse_args()
    figures: list[dict] = []
    ratios: list[dict] = []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            bench = Bench(args.build_dir, Path(scratch), tuple(args.subjects.split(",")), args.cpu)
            sets = read_sets()
            for of in sets:
                agree(bench, of)
            measure(bench, sets, args.runs, args.ms)
            for of in sets:
                value = report_set(bench, of, figures)
                if value is not None:
                    ratios.append(ratio(f"parse_vs_best_peer_{of.name}", value))
            if OURS in bench.subjects:
                ratios.insert(0, ratio("parse_vs_best_peer", min(each["value"] for each in ratios)))
                ratios.append(report_worst(bench, 3, max(args.ms // 20, 5), figures))
        except captures.Missing as missing:
            print(f"SKIP: {missing}")
            return captures.SKIP
        except Failed as failed:
            print(f"run.py: {failed}", file=sys.stderr)
            return 1
    print()
    for each in ratios:
        print(f"{each['name']:<28} {each['value']:>8.3f}  target {each['target']}  {'met' if each['met'] else 'MISSED'}")
    if args.json:
        args.json.write_text(json.dumps({"figures": figures, "ratios": ratios}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
