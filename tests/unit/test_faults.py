"""Every row of the table of faults has a test."""

from __future__ import annotations

import re

from tests.support.paths import ROOT


def test_every_row_is_worked_through_by_a_test_with_its_number() -> None:
    table = (ROOT / "tests" / "faults" / "FAULTS.md").read_text(encoding="utf-8")
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    # The name of a test, or the id of one of its parameters.
    names = re.findall(r'(?:def test_|")(row(?:_\d+)(?:_and_\d+)*)', sources)

    tested = {int(number) for name in names for number in re.findall(r"\d+", name)}
    assert tested == {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
