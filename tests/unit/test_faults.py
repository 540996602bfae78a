"""The table of faults names tests that there are."""

from __future__ import annotations

import re

from tests.support.paths import ROOT


def test_every_fault_names_tests_that_exist() -> None:
    rows = (ROOT / "tests" / "faults" / "FAULTS.md").read_text(encoding="utf-8").partition("|---|")[2].splitlines()[1:]
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))

    for row in rows:
        tests = re.findall(r"`(test_\w+)`", row)
        assert tests, row
        assert [test for test in tests if f"def {test}(" not in sources] == []
