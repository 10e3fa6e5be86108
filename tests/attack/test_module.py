# SPDX-License-Identifier: GPL-3.0-or-later
"""A module of somebody else, built outside of the tree from docs/adding-a-module.md, in the running daemon; and those that must be refused."""
import importlib.util
import shlex
import shutil
import subprocess

import pytest
from attack import KNOWN, ROOT, SHIPPED, House, message, said
from margrave import Peer, bin_folder, header, status

SPEC = importlib.util.spec_from_file_location("modules_run", ROOT / "tests/modules/run.py")
MODULES_RUN = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MODULES_RUN)

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="SKIP: no C compiler")


def build(folder, change: tuple[str, str] = ("", "")) -> str:
    """Compile the example with the command that stands in the text; returns the shared object's path."""
    text = (ROOT / "docs/adding-a-module.md").read_text(encoding="utf-8")
    source = MODULES_RUN.block(text, "c", "mg_module")
    assert not change[0] or change[0] in source
    MODULES_RUN.compile_module(folder, source.replace(*change) if change[0] else source, MODULES_RUN.block(text, "sh", "agents.so"), "cc", ROOT)
    return str(folder / "agents.so")


def with_module(file: str, options: str = 'refuse = ( "friendly-scanner" ); answer = true;') -> str:
    return SHIPPED.replace('{ name = "sanity"; },', f'{{ name = "sanity"; }}, {{ name = "agents"; file = "{file}"; {options} }},')


def ask(house: House, agent: str) -> str | None:
    with Peer(KNOWN) as peer:
        peer.send(message("OPTIONS", f"sip:127.0.0.1:{house.port}", peer.host, peer.port, "UDP", f"User-Agent: {agent}"), house.address)
        return peer.receive(2)


def test_it_works_in_the_daemon(tmp_path):
    file = build(tmp_path)
    with House(tmp_path, modules=with_module(file)) as house:
        assert status(ask(house, "friendly-scanner")) == 403
        answer = ask(house, "Some Phone 1.0")
        assert status(answer) == 200 and header(answer, "Via")
        assert any(name.endswith("agents_refused_total") and value == 1 for name, value in house.metrics().items())
        assert said(house, r"ev=agent .*why=user_agent act=403")
        # options change with a reload, the file does not
        house.modules = with_module(file, 'refuse = ( "Some Phone" );')
        house.write(house.text())
        house.reload()
        assert status(ask(house, "friendly-scanner")) == 200
        assert ask(house, "Some Phone 1.0") is None
        house.modules = SHIPPED
        house.write(house.text())
        after = len(house.log_text())
        house.reload()
        assert said(house, r"ev=reload_rejected .*restart", after), "a module is neither taken nor left while it runs"
        assert status(ask(house, "friendly-scanner")) == 200


REFUSED = {
    "another abi": (".abi = MG_ABI_VERSION", ".abi = MG_ABI_VERSION + 1", r"agents.so: abi version 2, this is 1"),
    "another name": ('.name = "agents"', '.name = "other"', r"agents"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(tmp_path, what):
    old, new, words = REFUSED[what]
    file = build(tmp_path, (old, new))
    house = House(tmp_path, modules=with_module(file))
    check = subprocess.run([bin_folder() / "margrave", "--check", house.config], capture_output=True, text=True, timeout=30, check=False)
    assert check.returncode == 1 and words in check.stdout + check.stderr, shlex.join(map(str, check.args)) + check.stdout + check.stderr
    house.start(wait=False)
    try:
        assert house.process.wait(timeout=20) == 1
    finally:
        house.kill()
    assert words in house.log_text().replace(r"\x20", " "), house.log_text()


def test_no_shared_object_at_all(tmp_path):
    (tmp_path / "agents.so").write_text("#!/bin/sh\n", encoding="ascii")
    house = House(tmp_path, modules=with_module(str(tmp_path / "agents.so")))
    check = subprocess.run([bin_folder() / "margrave", "--check", house.config], capture_output=True, text=True, timeout=30, check=False)
    assert check.returncode == 1 and "no shared object" in check.stdout + check.stderr
