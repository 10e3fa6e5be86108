#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""stages.py [--full] [--checks]: build and test in stages, count, and end with "N passed, M failed, K skipped".

Called by scripts/test.sh, after scripts/setup.sh. A stage prints one line with its time; what failed follows in full,
with the end of its log, and each skip with its reason. All logs are in build/log.
"""
import argparse
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "build/log"
CORES = len(os.sched_getaffinity(0))
TAIL_LINES = 60
FUZZ_SECONDS, FUZZ_SECONDS_FULL = 20, 600
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-pytest belongs to

# docs/decisions/0027: so many system tests may fail once, when they pass so often on their own, unless they saw one of these
UNSTEADY_MAX, AGAIN = 3, 3
NO_EXCUSE = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:|Segmentation fault|"
                       r"SIG(SEGV|ABRT|BUS|ILL|FPE)|signal=(SEGV|ABRT|BUS|ILL|FPE)")

# fuzz tests too: its clang finds undefined behaviour that the gcc of asan does not look for
PRESETS = ["release", "asan", "tsan", "msan", "fuzz"]
ALWAYS = {
    "layers": ["scripts/check_layers.py"],
    "hardening": ["scripts/check_hardening.py", "build/release"],
    "reference": ["scripts/reference.sh", "--check"],
}
CHECKS = {
    "formatting": ["scripts/format.sh", "--check"],
    "spelling": ["scripts/spell.sh"],
    "generated files": ["scripts/check_generated.sh"],
    "licence heads": ["scripts/check_text.py", "heads"],
    "unfinished marks": ["scripts/check_text.py", "marks"],
    "shellcheck": ["scripts/check_shell.sh"],
    "clang-tidy": ["scripts/tidy.sh"],
    "coverage": ["scripts/coverage.sh"],
}


@dataclass
class Result:
    """What one stage counted. failures, skips and unsteady hold (name, details)."""
    passed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)
    unsteady: list[tuple[str, str]] = field(default_factory=list)  # failed, and passed since: counted as passed, and told
    note: str = ""

    def add(self, other: "Result") -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips
        self.unsteady += other.unsteady

    def counts(self) -> str:
        numbers = [(self.passed, "passed"), (len(self.failures), "failed"), (len(self.skips), "skipped")]
        return ", ".join(f"{n} {what}" for n, what in numbers if n)


class Children:
    """Commands that run now, each in a process group of its own, which ends with this program. Should this program be
    killed outright, what is left of them keeps the lock on build/, and the next run waits for it."""

    def __init__(self) -> None:
        self.groups: set[int] = set()
        self.lock = -1

    def take_lock(self) -> None:
        self.lock = os.open(ROOT / "build/.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run is using build/; waiting for it", flush=True)
            fcntl.flock(self.lock, fcntl.LOCK_EX)

    def run(self, log: str, command: list[str], env: dict[str, str] | None = None) -> tuple[int, Path]:
        """Run with the output in build/log/<log>.log. Returns exit status and log."""
        path = LOG / f"{log}.log"
        with path.open("wb") as out:
            child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                     env=os.environ | (env or {}), start_new_session=True, pass_fds=[self.lock],
                                     preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
            self.groups.add(child.pid)
            status = child.wait()
            self.groups.discard(child.pid)
        return status, path

    def end(self, number: int, _frame) -> None:
        """A signal's handler: end all commands, then this program."""
        for group in self.groups:
            os.killpg(group, signal.SIGTERM)
        os._exit(128 + number)


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
CHILDREN = Children()
run = CHILDREN.run


def tail(path: Path) -> str:
    lines = path.read_text(errors="replace").rstrip("\n").split("\n")
    cut = [f"(the last {TAIL_LINES} of {len(lines)} lines of {path.relative_to(ROOT)})"] if len(lines) > TAIL_LINES else []
    return "\n".join(cut + lines[-TAIL_LINES:])


def one(name: str, log: str, command: list[str], quiet: bool = False) -> Result:
    """A command that is one test, or with `quiet` none as long as it works."""
    status, path = run(log, command)
    if status:
        return Result(failures=[(name, tail(path))])
    lines = path.read_text(errors="replace").strip().split("\n")
    return Result(passed=0 if quiet else 1, note=lines[-1] if not quiet else "")


def build(preset: str) -> Result:
    """Builds count only when they fail."""
    for step, command in {
        "configure": ["cmake", "--preset", preset],
        "build": ["ninja", "-C", f"build/{preset}", "-j", str(CORES)],
    }.items():
        result = one(f"{step} {preset}", f"{step}-{preset}", command, quiet=True)
        if result.failures:
            break
    return result


def skip_reasons(output: str) -> list[str]:
    """Why a test, or parts of it, did not run: the lines "SKIP: why". cmocka says which of its tests skip()ped; the why is
    the line that this one printed."""
    reasons: list[str] = []
    current, why = "", []
    for line in output.split("\n"):
        told = re.match(r"SKIP: *(.*\S)", line)
        mark = re.match(r"\[ *(RUN|OK|SKIPPED|FAILED) *\] (\w+)$", line)
        if told and not current:
            reasons.append(told[1])
        elif told:
            why.append(told[1])
        elif mark and mark[1] == "RUN":
            current = mark[2]
        elif mark and mark[2] == current:
            if mark[1] == "SKIPPED" and not why:
                why = ["gives no reason"]
            reasons += [f"{current}: {each}" for each in why]
            current, why = "", []
    return reasons + why


def read_junit(path: Path, where: str) -> Result:
    """Counts of a JUnit file as ctest and pytest write it. A part of a passed test that did not run is counted as
    a skip beside it."""
    result = Result()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('name')} ({where})"
        output = "\n".join(case.findtext(tag) or "" for tag in ("system-out", "system-err"))
        fault = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
        skipped = case.find("skipped")
        because = skipped.get("message", "") if skipped is not None else case.get("status")
        unable = case.get("status") == "notrun" and "SKIP_RETURN_CODE" not in because
        if fault is not None or case.get("status") == "fail" or unable:
            said = [(fault.get("message") or "")[:1000], fault.text] if fault is not None else []
            result.failures.append((name, "\n".join([part for part in said if part] + [output]).strip()))
        elif skipped is not None or case.get("status") == "disabled":
            result.skips.append((name, "; ".join(skip_reasons(output)) or because or "gives no reason"))
        else:
            result.passed += 1
            result.skips += [(name, why) for why in skip_reasons(output)]
    return result


def ctest(preset: str) -> Result:
    junit = LOG / f"ctest-{preset}.xml"
    junit.unlink(missing_ok=True)
    status, log = run(f"ctest-{preset}", ["ctest", "--preset", preset, "--parallel", str(CORES), "--no-tests=error",
                                          "--test-output-size-passed", "1000000", "--test-output-size-failed", "1000000",
                                          "--output-junit", str(junit)])
    result = read_junit(junit, preset) if junit.exists() else Result()
    if status and not result.failures:
        result.failures.append((f"ctest {preset}", tail(log)))
    return result


def pytest_ids(path: Path) -> list[str]:
    """How pytest is asked for each test that failed, in the order of read_junit()."""
    ids = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            file, module = case.get("file", ""), case.get("file", "").removesuffix(".py").replace("/", ".")
            ids.append("::".join([file, *filter(None, case.get("classname", "").removeprefix(module).split(".")), case.get("name", "")]))
    return ids


def pytest_run(name: str, tests: str, full: bool) -> tuple[Result, Path]:
    junit = LOG / f"{name}.xml"
    junit.unlink(missing_ok=True)
    status, log = run(name, [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1",
                             f"--junitxml={junit}", tests],
                      {"PYTHONDONTWRITEBYTECODE": "1"} | ({"MARGRAVE_FULL": "1"} if full else {}))
    result = read_junit(junit, "pytest") if junit.exists() else Result()
    if status and not result.failures:
        result.failures.append(("pytest", tail(log)))
    return result, junit


def excuse(result: Result, ids: list[str], again) -> None:
    """Failures that do not come again are unsteady tests; `again` runs one by its id and says whether it passed."""
    if len(result.failures) > UNSTEADY_MAX or len(ids) != len(result.failures):
        return
    failures, result.failures = result.failures, []
    for failure, test in zip(failures, ids):
        if not NO_EXCUSE.search(failure[1]) and all(again(test) for _ in range(AGAIN)):
            result.passed += 1
            result.unsteady.append(failure)
        else:
            result.failures.append(failure)


def pytest(full: bool) -> Result:
    if not any((ROOT / "tests").rglob("test_*.py")):
        return Result(note="none")
    result, junit = pytest_run("pytest", "tests", full)

    def again(test: str) -> bool:
        alone, _ = pytest_run("pytest-again", test, full)
        return alone.passed > 0 and not alone.failures

    if junit.exists():
        excuse(result, pytest_ids(junit), again)
    return result


def fuzz(seconds: int) -> Result:
    """Every target for `seconds`, as many at a time as there are cores."""
    targets = sorted(path.name.removesuffix("_fuzz.c") for path in (ROOT / "tests/fuzz").glob("*_fuzz.c"))
    result = Result()
    with ThreadPoolExecutor(CORES) as pool:
        for each in pool.map(lambda t: one(f"fuzz {t}", f"fuzz-run-{t}",
                                           ["scripts/fuzz.sh", "--no-build", t, str(seconds)]), targets):
            result.add(each)
            if each.note:
                print(f"        {each.note}", flush=True)
    return result


class Report:
    """Prints stages as they end and keeps the sum."""

    def __init__(self) -> None:
        self.total = Result()

    def stage(self, name: str, work, *args) -> Result:
        began = time.monotonic()
        result = work(*args)
        verdict = "FAILED" if result.failures else "ok"
        print(f"{verdict:7} {name:28} {time.monotonic() - began:7.1f} s  {result.counts()}".rstrip(), flush=True)
        for failed, details in result.failures:
            print(f"  FAILED {failed}\n" + "\n".join("    | " + line for line in details.split("\n")), flush=True)
        for name_of, details in result.unsteady:
            print(f"  UNSTEADY {name_of}: failed, and passed {AGAIN} times on its own\n" +
                  "\n".join("    | " + line for line in details.split("\n")), flush=True)
        for skipped, why in result.skips:
            print(f"  skipped {skipped}: {why}", flush=True)
        self.total.add(result)
        return result

    def close(self) -> int:
        total = self.total
        if total.unsteady:
            print(f"{len(total.unsteady)} of the passed unsteady: " + ", ".join(name for name, _ in total.unsteady), flush=True)
        print(f"{total.passed} passed, {len(total.failures)} failed, {len(total.skips)} skipped", flush=True)
        return 1 if total.failures or not total.passed else 0


def main() -> int:
    options = argparse.ArgumentParser(description="build and test in stages")
    options.add_argument("--full", action="store_true", help=f"the stated long runs; fuzz {FUZZ_SECONDS_FULL} s each, not {FUZZ_SECONDS} s")
    options.add_argument("--checks", action="store_true", help="formatting, clang-tidy, spelling and the like too")
    chosen = options.parse_args()
    os.chdir(ROOT)
    LOG.mkdir(parents=True, exist_ok=True)
    CHILDREN.take_lock()

    report = Report()
    if chosen.checks:
        for name, command in CHECKS.items():
            report.stage(name, one, name, "check-" + name.replace(" ", "-"), command)
    built = [preset for preset in PRESETS if not report.stage(f"build {preset}", build, preset).failures]
    for preset in built:
        report.stage(f"test {preset}", ctest, preset)
    for name, command in ALWAYS.items():
        report.stage(name, one, name, "check-" + name, command)
    report.stage("test system and scripts", pytest, chosen.full)
    if "fuzz" in built:
        report.stage("fuzz each target", fuzz, FUZZ_SECONDS_FULL if chosen.full else FUZZ_SECONDS)
    return report.close()


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, CHILDREN.end)
    sys.exit(main())
