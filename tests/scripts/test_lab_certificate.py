# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/lab_certificate.sh: who may read what it writes."""
import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "lab_certificate.sh"


def test_the_certificate_is_public_and_the_key_is_not(tmp_path):
    before = os.umask(0o022)
    try:
        for _ in range(2):  # the second time over the files of the first
            subprocess.run([SCRIPT, tmp_path], check=True, capture_output=True)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
            assert modes == {"lab.crt": 0o644, "lab.key": 0o600}
    finally:
        os.umask(before)
