# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU and memory of a process and all its children, a CPU quota, and the load generator's runs."""
import ctypes
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 10_000  # of the quota: short against the queue delays that overload is told by


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def pinned(cpu: int):
    """For preexec_fn: run on that CPU only, and end with this program."""
    def prepare() -> None:
        os.sched_setaffinity(0, {cpu})
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return prepare


class Failed(Exception):
    """A subject did not run or did not do its work; the text is for the user."""


class Tree:
    """A process and everything below it."""

    def __init__(self, root: int):
        self.root = root

    def pids(self) -> list[int]:
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = Path(f"/proc/{entry}/stat").read_text(encoding="ascii", errors="replace")
                except OSError:
                    continue
                parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
        found = [self.root]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu_ns(self) -> "Cpu":
        """Run time of each thread so far. One that ends takes its time along, which Cpu notices."""
        spent, waited = {}, 0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    run, wait, _ = Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()
                    spent[pid, int(task)] = int(run)
                    waited += int(wait)
            except FileNotFoundError:
                raise Failed(f"process {pid} of the subject ended while it was measured") from None
        return Cpu(spent, waited, time.monotonic())

    def ticks_s(self) -> float:
        """The same by utime and stime, which sample: a cross-check."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def memory_kib(self) -> int:
        """Resident memory, what is shared counted once."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total


@dataclass
class Cpu:
    """Run time by thread at a moment, and what all of them waited for a CPU that somebody else had."""
    spent: dict[tuple[int, int], int]
    waited_ns: int
    at: float

    def since(self, before: "Cpu", idle_share: float = 0.0) -> float:
        """Seconds of CPU since then, less what idling takes in that time."""
        if not before.spent.keys() <= self.spent.keys():
            raise Failed("a thread of the subject ended while it was measured: was it restarted?")
        total = sum(ns - before.spent.get(task, 0) for task, ns in self.spent.items())
        return total / 1e9 - idle_share * (self.at - before.at)

    def waited_since(self, before: "Cpu") -> float:
        """Seconds. Much of it means that the machine has other work, and the figure is worth little."""
        return (self.waited_ns - before.waited_ns) / 1e9


def idle_share(tree: Tree, seconds: float) -> float:
    """What a subject without work takes of a core."""
    before = tree.cpu_ns()
    time.sleep(seconds)
    now = tree.cpu_ns()
    return now.since(before) / (now.at - before.at)


class Quota:
    """A share of one core for a subject and its children, by the control group of either version."""

    def __init__(self, share: float):
        self.two = "cpu" in (CGROUPS / "cgroup.controllers").read_text().split() \
            if (CGROUPS / "cgroup.controllers").exists() else False
        parent = CGROUPS if self.two else CGROUPS / "cpu"
        self.folder = parent / f"margrave-bench-{os.getpid()}"
        self.parent = parent
        try:
            if self.two:
                (CGROUPS / "cgroup.subtree_control").write_text("+cpu")
            self.folder.mkdir()
            self.set(share)
        except OSError as error:
            raise Failed(f"no CPU quota on this machine ({error}): goodput under overload needs one") from None

    def set(self, share: float) -> None:
        quota = max(1000, int(share * PERIOD_US))
        if self.two:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))

    def add(self, tree: Tree) -> None:
        for pid in tree.pids():
            (self.folder / "cgroup.procs").write_text(str(pid))

    def close(self) -> None:
        """Back to where they were; the group goes."""
        for pid in (self.folder / "cgroup.procs").read_text().split():
            (self.parent / "cgroup.procs").write_text(pid)
        self.folder.rmdir()


@dataclass
class Run:
    """One run of the generator: its result, and what `watch` saw at its events."""
    result: dict
    seen: dict[str, object] = field(default_factory=dict)

    @property
    def completed(self) -> int:
        return self.result["calls"]["completed"]

    def share(self, what: str) -> float:
        """Of the calls begun in the steady part, those that failed, or were refused."""
        sums = self.result["steady"]
        return sums[what] / max(1, sums["started"])

    def missed_share(self) -> float:
        """Of the calls that were due, those that the generator had no time to begin."""
        missed = self.result["missed"]
        return missed / max(1, missed + self.result["calls"]["started"])

    def answer_ms(self, which: str) -> float:
        return self.result["latency_ms"]["answer"][which]

    def brief(self) -> str:
        sums, answer = self.result["calls"], self.result["latency_ms"]["answer"]
        text = (f"{sums['completed']} completed, {sums['refused']} refused, {sums['failed']} failed, "
                f"p50 {answer['p50']:.2f} ms, p99 {answer['p99']:.2f} ms")
        return text + "".join(f", {name}: {n}" for name, n in self.result["causes"].items())


class Generator:
    """mgload on a CPU of its own, which it never leaves: a sleeping one would be woken at the subject's expense, and on loopback
    that costs more than the message. No peer across a wire is woken by who sends to it."""

    def __init__(self, exe: Path, scratch: Path, cpu: int):
        if not exe.exists():
            raise Failed(f"{exe} is missing: build the preset `bench`")
        self.exe, self.out, self.cpu = exe, scratch / "mgload.json", cpu

    def run(self, args: list[str], watch=None, known: tuple[str, ...] = ()) -> Run:
        """Run it to its end; `watch(event)` is called at start, steady, stop and drained. A rule that the subject breaks
        is an error unless it is `known`."""
        self.out.unlink(missing_ok=True)
        command = [str(self.exe), "--spin", "--events", "--json", str(self.out), *args]
        run = Run({})
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=pinned(self.cpu)) as child:
            for line in child.stdout:
                event = line.split()[0]
                if watch and event in ("start", "steady", "stop", "drained"):
                    run.seen[event] = watch(event)
            errors = child.stderr.read()
        if child.returncode not in (0, 1) or not self.out.exists():
            raise Failed(f"{' '.join(command)} ended with {child.returncode}: {errors}")
        run.result = json.loads(self.out.read_text(encoding="utf-8"))
        broken = {rule: n for rule, n in run.result["rules"].items() if rule not in known}
        if broken:
            raise Failed(f"the proxy broke rules of SIP {broken}; the first message of each:\n{errors}")
        return run
