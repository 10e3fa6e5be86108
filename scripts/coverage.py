#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""coverage.py BUILD: what the tests that ran in BUILD reached, per room and per file, from gcov's JSON.

Counts the sources and headers below core, modules and rtpengine but for tests (*_test.c, *_test.h, test_*.h). Lines and
branches of a header that several files include are reached when one of them reached them. Fails when a room is below its
threshold.
"""
import json
import os
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREES = ("core/", "modules/", "rtpengine/")
# room: least share of lines, of branches, in per cent. core/daemon and core/ctl are what the processes are made of: tests/system,
# tests/processes and tests/attack show them, on executables without counters.
THRESHOLDS = {
    "core/base": (98.0, 95.0),
    "core/chain": (95.0, 88.0),
    "core/conf": (95.0, 88.0),
    "core/event": (95.0, 85.0),
    "core/router": (95.0, 84.0),
    "core/sip": (98.0, 95.0),
    "core/transaction": (95.0, 88.0),
    "core/transport": (93.0, 80.0),
    "modules/acl": (95.0, 88.0),
    "modules/route": (95.0, 88.0),
    "modules/sanity": (95.0, 85.0),
    "modules/shield": (95.0, 85.0),
}


class File:
    """Times reached: line -> count, (line, function, index) -> count."""

    def __init__(self) -> None:
        self.lines: dict[int, int] = defaultdict(int)
        self.branches: dict[tuple, int] = defaultdict(int)

    def add(self, line: dict) -> None:
        number = line["line_number"]
        self.lines[number] += line["count"]
        for index, branch in enumerate(line["branches"]):
            self.branches[number, line.get("function_name"), index] += branch["count"]


def counted(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.startswith(TREES) and not name.endswith(("_test.c", "_test.h")) and not name.startswith("test_")


def gcov(notes: Path) -> list[dict]:
    """The files that one object was compiled from. An object whose code never ran has no .gcda and counts as 0."""
    out = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", str(notes)], cwd=notes.parent,
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [file for line in out.splitlines() if line for file in json.loads(line)["files"]]


def collect(build: Path) -> dict[str, File]:
    files: dict[str, File] = defaultdict(File)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(gcov, sorted(build.rglob("*.gcno"))):
            for file in found:
                path = os.path.relpath(os.path.join(ROOT, file["file"]), ROOT)
                if counted(path):
                    for line in file["lines"]:
                        files[path].add(line)
    return files


def share(counts: list[int]) -> float:
    return 100.0 * sum(1 for count in counts if count) / len(counts) if counts else 100.0


def row(name: str, files: list[File]) -> tuple[float, float]:
    """Print one row; returns the shares of lines and branches."""
    lines = [count for file in files for count in file.lines.values()]
    branches = [count for file in files for count in file.branches.values()]
    print(f"{name:40} {share(lines):6.1f} % of {len(lines):5} lines  {share(branches):6.1f} % of {len(branches):5} branches")
    return share(lines), share(branches)


def missing(file: File) -> str:
    """Line numbers never reached, as ranges."""
    numbers = sorted(number for number, count in file.lines.items() if not count)
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def main() -> int:
    files = collect(Path(sys.argv[1]).resolve())
    if not files:
        print("nothing was measured")
        return 1
    rooms: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        rooms[path.rpartition("/")[0]].append(path)
    faults = []
    for room, paths in sorted(rooms.items()):
        for path in paths:
            row("  " + path, [files[path]])
            if missing(files[path]):
                print(f"      not reached: {missing(files[path])}")
        shares = row(room, [files[path] for path in paths])
        for what, reached, least in zip(("lines", "branches"), shares, THRESHOLDS.get(room, (None, None))):
            if least is not None and reached < least:
                faults.append(f"{room}: {reached:.1f} % of {what} are below the {least:.0f} % required")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
