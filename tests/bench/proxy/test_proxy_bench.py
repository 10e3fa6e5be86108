# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of the proxy benchmark: capacity search, CPU of a tree of processes, ratios."""
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cases  # noqa: E402
from measure import Cpu, Failed, Tree, idle_share  # noqa: E402


class Nobody:
    label = "nobody"


def bench() -> cases.Bench:
    return cases.Bench(Path(), Path(), 0, ("margrave", "kamailio"), None, cases.QUICK)


@pytest.mark.parametrize("limit, first, most, least, highest", [
    (21000, 10000, 56000, 20370, 21000),
    (3000, 10000, 56000, 2910, 3000),
    (90, 10000, 56000, 87, 90),
    (10**6, 10000, 56000, 56000, 56000),
], ids=["above the first", "below the first", "far below", "beyond the generator"])
def test_capacity_is_found_to_three_percent(monkeypatch, limit, first, most, least, highest):
    monkeypatch.setattr(cases, "carries", lambda bench, subject, rate, seconds: rate <= limit)
    assert least <= cases.find_capacity(bench(), Nobody(), first, most) <= highest


def test_capacity_that_does_not_last_is_lowered(monkeypatch):
    sizes = cases.QUICK
    monkeypatch.setattr(cases, "carries", lambda bench, subject, rate, seconds:
                        rate <= (18000 if seconds == sizes.confirm_s else 21000))
    assert 17000 < cases.find_capacity(bench(), Nobody(), 10000, 56000) <= 18000


def test_nothing_carried_is_an_error(monkeypatch):
    monkeypatch.setattr(cases, "carries", lambda *_: False)
    with pytest.raises(Failed):
        cases.find_capacity(bench(), Nobody(), 10000, 56000)


def test_cpu_counts_children_and_leaves_idling_out():
    script = "import os,time\nif os.fork() == 0:\n while True: sum(range(1000))\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as child:
        try:
            time.sleep(0.3)
            tree = Tree(child.pid)
            assert len(tree.pids()) == 2
            before = tree.cpu_ns()
            share = idle_share(tree, 0.5)
            spent = tree.cpu_ns()
            assert 0.05 < share <= 1.1
            assert abs(spent.since(before, share)) < 0.3
            assert tree.memory_kib() > 1000
        finally:
            for pid in Tree(child.pid).pids():
                subprocess.run(["kill", str(pid)], check=False)


def test_a_thread_that_ended_is_an_error():
    with pytest.raises(Failed):
        Cpu({(1, 1): 5}, 0, 1.0).since(Cpu({(1, 1): 5, (1, 2): 5}, 0, 0.0))


def test_ratios_say_how_much_less_or_more():
    of = bench()
    of.compare("less", {"margrave": 40.0, "kamailio": 100.0}, 2.5)
    of.compare("more", {"margrave": 30000.0, "kamailio": 20000.0}, 2.0, more_is_better=True)
    of.compare("alone", {"margrave": 40.0}, 2.5)
    of.compare_worst("worst", {"a": {"margrave": 1.0, "kamailio": 5.0}, "b": {"margrave": 2.0, "kamailio": 3.0}}, 2.0)
    of.ratio("growth", 1.05, 1.1, least=False)
    assert [(each["name"], each["value"], each["met"]) for each in of.ratios] == [
        ("less", 2.5, True), ("more", 1.5, False), ("worst", 1.5, False), ("worst_a", 5.0, True), ("worst_b", 1.5, False),
        ("growth", 1.05, True)]
