#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py --build-dir DIR [--json FILE] [--cases A,B] [--subjects A,B] [--quick]: Margrave as a proxy beside Kamailio at its best.

Subjects run on one CPU, the load generator (tests/load) on another. CPU is the run time of every thread of every process of the
subject by schedstat, less what it takes idle, over the load and what its timers do after it. Both sides get the same calls at
the same moments, in turn, several times; medians count. A peer that does not run is an error.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from cases import CASES, FULL, QUICK, Bench
from measure import Failed, Generator
from subjects import SUBJECTS



def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=Path, required=True, help="build tree of the preset `bench`")
    parser.add_argument("--json", type=Path, help="where to write figures and ratios")
    parser.add_argument("--cases", default=",".join(CASES), help="only these")
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="only these (no ratio to the peer without both)")
    parser.add_argument("--quick", action="store_true", help="short and once: to see that it works, not for figures")
    parser.add_argument("--runs", type=int, help="repetitions of what a ratio is made of")
    parser.add_argument("--cpu", type=int, default=0, help="CPU of the subject")
    parser.add_argument("--load-cpu", type=int, default=1, help="CPU of the generator")
    parser.add_argument("--nice", type=int, default=0, help="priority of both, where the machine has other work (-20 to 19)")
    parser.add_argument("--scratch", type=Path, help="folder for configurations and logs, kept; default: one that is removed")
    args = parser.parse_args()
    args.cases, args.subjects = args.cases.split(","), tuple(args.subjects.split(","))
    for given, known in ((args.cases, CASES), (args.subjects, SUBJECTS)):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return args


def bench_of(args: argparse.Namespace, scratch: Path) -> Bench:
    sizes = QUICK if args.quick else FULL
    if args.runs:
        sizes.runs = args.runs
    cpus = os.sched_getaffinity(0)
    if not {args.cpu, args.load_cpu} <= cpus or args.cpu == args.load_cpu:
        raise Failed(f"two CPUs are needed, {args.cpu} and {args.load_cpu}; there are {sorted(cpus)}")
    if "kamailio" in args.subjects and not shutil.which("kamailio"):
        raise Failed("kamailio is missing: scripts/setup.sh bench")
    os.sched_setaffinity(0, {args.load_cpu})
    os.setpriority(os.PRIO_PROCESS, 0, args.nice)
    return Bench(scratch, args.build_dir, args.cpu, args.subjects,
                 Generator(args.build_dir.resolve() / "bin/mgload", scratch, args.load_cpu), sizes)


def run(args: argparse.Namespace, scratch: Path) -> Bench:
    bench = bench_of(args, scratch)
    for name in args.cases:
        print(f"{name}: {CASES[name].__doc__}", flush=True)
        CASES[name](bench)
    return bench


def report(bench: Bench, path: Path | None) -> None:
    print()
    for each in bench.ratios:
        print(f"{each['name']:<30} {each['value']:>8.3f}  target {each['target']}  {'met' if each['met'] else 'MISSED'}")
    if path:
        path.write_text(json.dumps({"figures": bench.figures, "ratios": bench.ratios}, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    args = arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what runs is stopped on the way out
    with tempfile.TemporaryDirectory(prefix="margrave-bench-") as folder:
        scratch = args.scratch or Path(folder)
        scratch.mkdir(parents=True, exist_ok=True)
        scratch.chmod(0o755)
        try:
            report(run(args, scratch), args.json)
        except Failed as failed:
            print(f"run.py: {failed}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
