#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""check_text.py heads|marks: rules about text that no compiler knows.

heads   every source file names its licence within its first three lines
marks   no note that something is still to be done or repaired: it is done, or it is an entry of the tracker
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {".c", ".h", ".py", ".sh", ".cmake", ".list", ".yml", ".yaml", ".conf", ".cfg", ".service"}
SOURCE_NAMES = {"CMakeLists.txt", ".clang-format", ".clang-tidy", "run"}
NOT_OURS = ("tests/torture/", "tests/fuzz/corpus/", "LICENSE")
HEAD = re.compile(r"SPDX-License-Identifier: GPL-3\.0-or-later\b")
MARK = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")


def files() -> list[Path]:
    """The repository's files and new ones that are not ignored."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return [Path(name) for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def is_source(path: Path) -> bool:
    return path.suffix in SOURCES or path.name in SOURCE_NAMES


def heads(path: Path, text: str) -> list[str]:
    if not is_source(path) or any(HEAD.search(line) for line in text.split("\n")[:3]):
        return []
    return [f"{path}: no SPDX-License-Identifier in the first three lines"]


def marks(path: Path, text: str) -> list[str]:
    return [f"{path}:{n}: {line.strip()}" for n, line in enumerate(text.split("\n"), 1) if MARK.search(line)]


def main() -> int:
    rules = {"heads": heads, "marks": marks}
    if len(sys.argv) != 2 or sys.argv[1] not in rules:
        print(__doc__, file=sys.stderr)
        return 2
    faults = []
    for path in files():
        if str(path).startswith(NOT_OURS) and not is_source(path):
            continue
        try:
            faults += rules[sys.argv[1]](path, (ROOT / path).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            faults += [f"{path}: is not UTF-8"] if is_source(path) else []
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
