#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py LOADER COMPILER ROOT: the example of docs/adding-a-module.md, taken out of the text, compiled outside of the tree with the
command that stands there, loaded and used; then copies of it that must be refused."""
import subprocess
import sys
import tempfile
from pathlib import Path

AGENTS = ["friendly-scanner", "sipvicious/0.3", "Some Phone 1.0"]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    found, language = [], None
    for line in text.splitlines(keepends=True):
        if not line.startswith("```"):
            if language is not None:
                found[-1] = (language, found[-1][1] + line)
        elif language is None:
            language = line[3:].strip()
            found.append((language, ""))
        else:
            language = None
    return found


def block(text: str, language: str, words: str) -> str:
    """The one block of that language that holds `words`."""
    found = [content for name, content in blocks(text) if name == language and words in content]
    assert len(found) == 1, f"{len(found)} blocks of {language or 'no language'} with {words}"
    return found[0]


def compile_module(folder: Path, source: str, command: str, compiler: str, root: Path) -> None:
    (folder / "agents.c").write_text(source, encoding="utf-8")
    words = [compiler if word == "cc" else f"-I{root / 'core'}" if word == "-Icore" else word for word in command.split()]
    result = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0 and result.stdout == "", f"{' '.join(words)}\n{result.stdout}"


def load(folder: Path, loader: str, config: str) -> tuple[int, str]:
    (folder / "agents.cfg").write_text(config, encoding="utf-8")
    result = subprocess.run([loader, "agents.cfg", *AGENTS], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False, timeout=60)
    return result.returncode, result.stdout


def expect(result: tuple[int, str], status: int, *lines: str) -> None:
    assert result[0] == status, f"exit status {result[0]}, not {status}:\n{result[1]}"
    for line in lines:
        assert line in result[1], f"no {line!r} in:\n{result[1]}"


def main() -> int:
    loader, compiler, root = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    text = (root / "docs/adding-a-module.md").read_text(encoding="utf-8")
    source, command = block(text, "c", "mg_module"), block(text, "sh", "agents.so")
    config = block(text, "", 'name = "agents"')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_module(folder, source, command, compiler, root)
        expect(load(folder, loader, config), 0, "friendly-scanner: drop agent\n", "sipvicious/0.3: drop agent\n",
               "Some Phone 1.0: next\n", "agents agents_refused_total 2\n",
               "info sec ev=agent src=192.0.2.7:5060 tr=udp m=INVITE why=user_agent act=drop proof=0 n=1\n")
        expect(load(folder, loader, config.replace("refuse =", "answer = true; refuse =")), 0, "friendly-scanner: 403\n")
        expect(load(folder, loader, config.replace("refuse =", "refuze =")), 1, "cfg:2:", 'did you mean "refuse"?')
        expect(load(folder, loader, config.replace("agents.so", "none.so")), 1, "agents.cfg:2:", "none.so")
        expect(load(folder, loader, config.replace('"agents";', '"agent";')), 1, "cfg:2:", "agents")

        compile_module(folder, source.replace(".abi = MG_ABI_VERSION", ".abi = MG_ABI_VERSION + 1"), command, compiler, root)
        expect(load(folder, loader, config), 1, "agents.cfg:2: module agents: ", "agents.so: abi version 2, this is 1\n")
        (folder / "agents.so").write_text("#!/bin/sh\n", encoding="utf-8")
        expect(load(folder, loader, config), 1, "agents.so: it is no shared object\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
