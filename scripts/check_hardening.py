#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""check_hardening.py [BUILD]: what a release promises about its executables is true (default build/release).

Read off each executable with readelf: position independent (PIE), relocations read-only after a full binding at start
(RELRO, BIND_NOW), no executable stack, no writable and executable segment, and no text relocations. A stack protector
and _FORTIFY_SOURCE leave a trace only where the code has something to guard, so for these the compile commands of all
files are judged, and some executable has to show the trace.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

FLAGS = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=3", "-fstack-clash-protection"]
UNDOING = re.compile(r"^(-fno-stack-protector|-fno-pie|-fno-pic|-U_FORTIFY_SOURCE|-O0)$")


def readelf(exe: Path) -> str:
    return subprocess.run(["readelf", "--file-header", "--dynamic", "--program-headers", "--wide", str(exe)],
                          check=True, stdout=subprocess.PIPE, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin"}).stdout


def elf_faults(text: str) -> list[str]:
    """What the headers of one executable lack; `text` is readelf's."""
    rules = {
        "is not position independent": re.search(r"Type:\s+DYN", text) and re.search(r"FLAGS_1\).*\bPIE\b", text),
        "has no read-only relocations (RELRO)": "GNU_RELRO" in text,
        "is not fully bound at start (BIND_NOW)": re.search(r"BIND_NOW|FLAGS_1\).*\bNOW\b", text),
        "has an executable stack": re.search(r"GNU_STACK\s.*\bRW\s", text),
        "has a writable and executable segment": not re.search(r"LOAD\s.*\bRWE\b", text),
        "has text relocations": "TEXTREL" not in text,
    }
    return [fault for fault, holds in rules.items() if not holds]


def command_faults(command: str) -> list[str]:
    """What one compile command lacks. Undoing counts only after the flag it undoes."""
    words = command.split()
    faults = [f"is compiled without {flag}" for flag in FLAGS if flag not in words]
    if not {"-fPIE", "-fPIC"} & set(words):
        faults.append("is compiled without -fPIE")
    last = max((words.index(flag) for flag in FLAGS if flag in words), default=0)
    faults += [f"has {word} after the hardening" for word in words[last:] if UNDOING.match(word)]
    return faults


def traces(exes: list[Path]) -> set[str]:
    """Run-time guards that the executables call."""
    found = set()
    for exe in exes:
        symbols = subprocess.run(["readelf", "--dyn-syms", "--wide", str(exe)], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout
        found |= {"stack protector"} if "__stack_chk_fail" in symbols else set()
        found |= {"_FORTIFY_SOURCE"} if re.search(r"__\w+_chk\b", symbols) else set()
    return found


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build/release"
    exes = sorted(path for path in (build / "bin").glob("*") if path.is_file())
    if not exes:
        print(f"{build}/bin holds no executable: build the release preset first")
        return 1
    faults = [f"{exe} {fault}" for exe in exes for fault in elf_faults(readelf(exe))]
    for entry in json.loads((build / "compile_commands.json").read_text()):
        faults += [f"{entry['file']} {fault}" for fault in command_faults(entry["command"])]
    faults += [f"no executable calls the guards of {guard}"
               for guard in sorted({"stack protector", "_FORTIFY_SOURCE"} - traces(exes))]
    print("\n".join(faults) or f"{len(exes)} executables hardened")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
