# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder share: where they find helpers, one set of certificates, and an end without daemons left over."""
import resource
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_sessionstart(session):  # pylint: disable=unused-argument
    """Thousands of connections need descriptors, here and in the daemon, which inherits the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope="session", name="certs")
def certificates(tmp_path_factory):
    from attack import Certs
    return Certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture(name="sharp")
def sharp_build(monkeypatch):
    """Faults of memory are seen best under ASan; without such a build the ordinary one must do, which at least must not die."""
    from attack import build_of
    if folder := build_of("asan"):
        monkeypatch.setenv("MARGRAVE_BIN", str(folder))
