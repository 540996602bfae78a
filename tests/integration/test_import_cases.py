"""Files of the kinds that people have, imported as their README says."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.repository.postgresrepo import PostgresRepo
from tests.support.manage import run_manage
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pg8000.native import Connection

FOLDER = ROOT / "tests" / "cases" / "import"
CASES = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_file_of_a_kind_gives_what_its_readme_says(
    case: Mapping[str, Any], tmp_path: Path, server: Mapping[str, str], admin: Connection
) -> None:
    assert admin  # empties the table
    shutil.copy(FOLDER / case["file"], tmp_path)

    result = run_manage(tmp_path, "import", case["file"], *case["arguments"], environ=server)

    said = f"{result.stdout}{result.stderr}"
    report = tmp_path / f"{case['file']}.report.jsonl"
    refused = {json.loads(line)["line"] for line in report.read_text().splitlines()} if report.exists() else set()
    expected = sorted(case["rooms"], key=lambda room: str(room["code"]))
    with closing(PostgresRepo(server)) as repo:
        rooms = sorted((room.to_dict() for room in repo.list()), key=lambda room: str(room["code"]))
    assert (result.returncode, len(refused)) == (case["exit"], case.get("refused", 0)), said
    assert [{name: room[name] for name in wanted} for room, wanted in zip(rooms, expected, strict=True)] == expected
    assert [words for words in case.get("says", ()) if words.lower() not in said.lower()] == [], said


def test_every_file_beside_the_cases_is_one() -> None:
    files = {file.name for file in FOLDER.iterdir()} - {"README.md", "expected.json"}

    assert files == {case["file"] for case in CASES}
