# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/stages.py: what the count at the end is made of."""
import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "stages.py"
SPEC = importlib.util.spec_from_file_location("stages", SCRIPT)
stages = importlib.util.module_from_spec(SPEC)
sys.modules["stages"] = stages
SPEC.loader.exec_module(stages)

# name, test cases as ctest 3.25 and pytest 7 write them, passed, failures, skips
ROWS = [
    ("nothing", "", 0, [], []),
    ("passed", '<testcase name="a" status="run"><system-out>fine</system-out></testcase>', 1, [], []),
    ("failed", '<testcase name="a" status="fail"><failure message=""/><system-out>why</system-out></testcase>',
     0, [("a (x)", "why")], []),
    ("skipped with a reason", '<testcase name="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
     "<system-out>one\nSKIP: no captures here\n</system-out></testcase>", 0, [], [("a (x)", "no captures here")]),
    ("skipped without one", '<testcase name="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>',
     0, [], [("a (x)", "SKIP_RETURN_CODE=77")]),
    ("passed in part", '<testcase name="a" status="run"><system-out>SKIP: no IPv6\nrest fine</system-out></testcase>',
     1, [], [("a (x)", "no IPv6")]),
    ("cmocka skips one of its tests", '<testcase name="a" status="run"><system-out>[==========] Running 3 test(s).\n'
     "[ RUN      ] one\n[       OK ] one\n[ RUN      ] two\nSKIP: no disk\n[  SKIPPED ] two\n[ RUN      ] three\n"
     "[  SKIPPED ] three\n[  SKIPPED ] 2 test(s), listed below:\n[  SKIPPED ] two\n[  SKIPPED ] three\n"
     "</system-out></testcase>", 1, [], [("a (x)", "two: no disk"), ("a (x)", "three: gives no reason")]),
    ("cmocka's test goes on after a skipped part", '<testcase name="a" status="run"><system-out>[ RUN      ] one\n'
     "SKIP: no IPv6\n[       OK ] one\n</system-out></testcase>", 1, [], [("a (x)", "one: no IPv6")]),
    ("a failure is not excused by a skipped part",
     '<testcase name="a" status="fail"><failure message=""/><system-out>SKIP: no IPv6</system-out></testcase>',
     0, [("a (x)", "SKIP: no IPv6")], []),
    ("the executable is missing", '<testcase name="a" status="notrun">'
     '<skipped message="Unable to find executable"/>'
     "<system-out>Unable to find executable: a</system-out></testcase>",
     0, [("a (x)", "Unable to find executable: a")], []),
    ("pytest passed", '<testcase classname="t" name="b" time="0.1"/>', 1, [], []),
    ("pytest failed", '<testcase name="b"><failure message="assert">trace</failure></testcase>', 0, [("b (x)", "assert\ntrace")], []),
    ("pytest error", '<testcase name="b"><error message="fixture">trace</error></testcase>', 0, [("b (x)", "fixture\ntrace")], []),
    ("pytest skipped", '<testcase name="b"><skipped message="no tshark">where</skipped></testcase>',
     0, [], [("b (x)", "no tshark")]),
]


@pytest.mark.parametrize("cases, passed, failures, skips", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_read_junit(tmp_path, cases, passed, failures, skips):
    path = tmp_path / "junit.xml"
    path.write_text(f"<testsuite>{cases}</testsuite>")
    result = stages.read_junit(path, "x")
    assert (result.passed, result.failures, result.skips) == (passed, failures, skips)


def test_nothing_passed_is_a_failure(capsys):
    assert stages.Report().close() == 1
    assert capsys.readouterr().out == "0 passed, 0 failed, 0 skipped\n"


def test_last_line_and_status(capsys):
    report = stages.Report()
    report.stage("one", lambda: stages.Result(passed=2, skips=[("c", "no disk")]))
    report.stage("two", lambda: stages.Result(passed=1, failures=[("d", "why\nand how")]))
    assert report.close() == 1
    out = capsys.readouterr().out
    assert out.endswith("3 passed, 1 failed, 1 skipped\n")
    assert "c: no disk" in out and "| and how" in out


def test_pytest_ids(tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text('<testsuite><testcase file="tests/a/test_b.py" classname="tests.a.test_b" name="test_c[x-1]"><failure/></testcase>'
                    '<testcase file="tests/a/test_b.py" classname="tests.a.test_b" name="test_d"/>'
                    '<testcase file="tests/a/test_b.py" classname="tests.a.test_b.TestE" name="test_f"><error/></testcase></testsuite>')
    assert stages.pytest_ids(path) == ["tests/a/test_b.py::test_c[x-1]", "tests/a/test_b.py::TestE::test_f"]


# name, details of what failed, outcomes when they run again, failed at last, unsteady
EXCUSES = [
    ("passes since", ["late"], [True] * 3, 0, 1),
    ("fails again", ["late"], [True, False], 1, 0),
    ("one of two", ["late", "late"], [False, True, True, True], 1, 1),
    ("a sanitizer's report", ["ERROR: AddressSanitizer: heap-use-after-free"], [], 1, 0),
    ("undefined behaviour", ["a.c:3: runtime error: shift"], [], 1, 0),
    ("a process that died", ["ev=sip_process_died signal=SEGV"], [], 1, 0),
    ("too many at once", ["late"] * 4, [], 4, 0),
]


@pytest.mark.parametrize("details, outcomes, failed, unsteady", [row[1:] for row in EXCUSES], ids=[row[0] for row in EXCUSES])
def test_excuse(capsys, details, outcomes, failed, unsteady):
    result = stages.Result(passed=1, failures=[(f"t{i}", text) for i, text in enumerate(details)])
    outcomes = iter(outcomes)
    stages.excuse(result, [f"id{i}" for i in range(len(details))], lambda _: next(outcomes))
    assert (result.passed, len(result.failures), len(result.unsteady)) == (1 + unsteady, failed, unsteady)
    assert next(outcomes, None) is None
    report = stages.Report()
    report.stage("one", lambda: result)
    assert report.close() == (1 if failed else 0)
    out = capsys.readouterr().out
    assert ("UNSTEADY" in out) == (f"{unsteady} of the passed unsteady: " in out) == bool(unsteady)


def test_a_failure_without_a_name_is_not_excused():
    result = stages.Result(passed=1, failures=[("pytest", "usage")])
    stages.excuse(result, [], lambda _: True)
    assert len(result.failures) == 1
