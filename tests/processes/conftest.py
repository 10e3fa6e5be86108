# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tests of this folder find what they share."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
