# SPDX-License-Identifier: GPL-3.0-or-later
"""mgload beside a test: started, ended, and what it counted."""
import json
import subprocess
from pathlib import Path

from margrave import bin_folder


class Load:
    """mgload with options; `within` is a command that it runs under, such as `ip netns exec NAME`."""

    def __init__(self, folder: Path, *args: object, within: tuple[str, ...] = ()):
        self.out = folder / "load.json"
        self.log = folder / "load.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*within, str(bin_folder() / "mgload"), "--json", str(self.out), *map(str, args)], stdout=log, stderr=log)

    def result(self, seconds: float = 120) -> dict:
        """Wait for its end; what it counted, calls that failed or not."""
        code = self.process.wait(seconds)
        assert code in (0, 1), self.said()
        return json.loads(self.out.read_text(encoding="utf-8"))

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_) -> None:
        self.end()
