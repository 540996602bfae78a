"""`manage.py import` and `export` where the disk is full, a name is hostile, or somebody has laid a link."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_manage_files import CSV, rooms_of
from tests.support.commands import clean_environ
from tests.support.manage import MANAGE, assert_one_clear_line, run_manage, run_sql, start_manage, waiting_import

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BAD = "c,?,,,\n"


def shell(tmp_path: Path, before: str, *arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py after one of the shell's."""
    return subprocess.run(
        ["sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, MANAGE, *arguments],
        cwd=tmp_path,
        env={**clean_environ(), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_is_imported_if_the_disk_of_the_report_is_full(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV + BAD)

    result = run_manage(tmp_path, "import", "rooms.csv", "--report", "/dev/full", environ=database)

    assert result.returncode == 1
    assert_one_clear_line(result, "Nothing was imported: the report /dev/full cannot be written (No space left on")
    assert rooms_of(database) == []


def test_nothing_is_imported_if_the_report_becomes_too_large(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV + BAD * 100)

    result = shell(tmp_path, "ulimit -f 1", "import", "rooms.csv", environ=database)

    assert result.returncode == 1
    assert_one_clear_line(result, "the report rooms.csv.report.jsonl cannot be written (File too large)", "--report")
    assert rooms_of(database) == []


def test_a_report_is_not_written_where_a_link_leads(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV + BAD)
    (tmp_path / "rooms.csv.report.jsonl").symlink_to("elsewhere")

    result = run_manage(tmp_path, "import", "rooms.csv", environ=database)

    assert_one_clear_line(result, "the report rooms.csv.report.jsonl cannot be written (File exists)")
    assert not (tmp_path / "elsewhere").exists()
    assert rooms_of(database) == []


def test_nothing_is_imported_if_the_output_is_full(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV)

    result = shell(tmp_path, "exec > /dev/full", "import", "rooms.csv", environ=database)

    assert result.returncode == 1
    assert result.stderr == "Error: Nothing was imported: the output cannot be written (No space left on device)\n"
    assert rooms_of(database) == []


def test_a_summary_that_cannot_be_written_has_a_status_of_its_own(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV)
    with waiting_import(tmp_path, "rooms.csv", database) as (process, other):
        assert process.stdout
        process.stdout.close()
        other.run("COMMIT")
        with process:
            assert process.stderr
            errors = process.stderr.read()

    said = "Error: rooms.csv was imported, but the summary cannot be written: Broken pipe\n"
    assert (process.returncode, errors) == (3, said)
    assert len(run_sql(database, "SELECT 1 FROM room")) == 2


def test_an_export_to_a_full_disk_fails(tmp_path: Path, database: Mapping[str, str]) -> None:
    result = shell(tmp_path, "exec > /dev/full", "export", environ=database)

    assert (result.returncode, result.stderr) == (1, "Error: stdout: No space left on device\n")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("rooms.ndjson", '{"code": "a", "\\ud800": 1}', "\\ud800"),
        ("rooms.csv", "code,\x1b]0;x\x07,\x9b31m\na,1,2\n", "\\x1b]0;x\\x07, code, \\x9b31m"),
        ("rooms.csv", "code,日\na,1\n", "\\u65e5"),
        ("\x1b[31m.csv", "code,price\na,?\n", "\\x1b[31m.csv.report.jsonl"),
        ("\udcff.csv", "code,price\na,?\n", "\\udcff.csv.report.jsonl"),
    ],
)
def test_names_are_escaped_on_the_terminal(
    tmp_path: Path, database: Mapping[str, str], name: str, text: str, shown: str
) -> None:
    (tmp_path / name).write_text(text)

    result = start_manage(tmp_path, "import", name, environ={**database, "PYTHONIOENCODING": "latin-1"})

    assert result.returncode == (1 if "?" in text else 0)  # 1 if no row is a room
    assert shown in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_names_are_escaped_in_errors(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "\x1b[31m.csv").write_text("a,\x1b[32m\n1,2\n")

    result = run_manage(tmp_path, "import", "\x1b[31m.csv", environ=database)

    assert_one_clear_line(result, "\\x1b[31m.csv was not imported", "Columns in the file: \\x1b[32m, a")
    assert "\x1b" not in result.stderr


def test_very_many_refusals_are_counted_by_their_reasons(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text("code,price\n" + "a,x\n" * 9_000 + "1\n" * 1_500)

    result = run_manage(tmp_path, "import", "rooms.csv", environ=database)

    reasons = [
        ("price", "Must be a number: digits, and a point before decimals", 9_000),
        (None, "Must have 2 cells, as line 1 has", 1_500),
    ]
    assert result.stdout.splitlines()[1:5] == [
        "Read 10,500 rows: 0 rooms added, 0 changed, 0 unchanged; 10,500 rows refused",
        f'    9,000 column price: {reasons[0][1]}, such as "x" in line 2',
        f'    1,500 {reasons[1][1]}, such as "1" in line 9002',
        "The first 10,000 of 10,500 errors, and the number of each, are in rooms.csv.report.jsonl",
    ]
    lines = [json.loads(line) for line in (tmp_path / "rooms.csv.report.jsonl").read_text().splitlines()]
    assert [line["line"] for line in lines[:-2]] == list(range(2, 10_002))
    assert [tuple(line.values()) for line in lines[-2:]] == reasons


def test_an_export_overwrites_nothing_but_its_file(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "rooms.csv.part").symlink_to("victim")
    before = set(tmp_path.iterdir())

    result = shell(tmp_path, "umask 027", "export", "rooms.csv", environ=database)

    assert result.returncode == 0
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "rooms.csv.part").is_symlink()
    assert set(tmp_path.iterdir()) - before == {tmp_path / "rooms.csv"}
    assert stat.S_IMODE((tmp_path / "rooms.csv").stat().st_mode) == 0o640


def test_an_export_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, database: Mapping[str, str]) -> None:
    assert run_manage(tmp_path, "generate", "--rooms", "100", "--yes", environ=database).returncode == 0
    before = set(tmp_path.iterdir())

    result = shell(tmp_path, "ulimit -f 1", "export", "rooms.csv", environ=database)

    assert_one_clear_line(result, "rooms.csv: ", "File too large")
    assert set(tmp_path.iterdir()) == before


def test_an_export_for_spreadsheets_has_no_formulas(tmp_path: Path, database: Mapping[str, str]) -> None:
    codes = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "a;=1", "plain"]
    rooms = [{"code": code, "latitude": -1.5, "longitude": -2} for code in codes]
    (tmp_path / "rooms.ndjson").write_text("\n".join(map(json.dumps, rooms)))
    assert run_manage(tmp_path, "import", "rooms.ndjson", environ=database).returncode == 0

    to_the_letter = run_manage(tmp_path, "export", environ=database)
    safe = run_manage(tmp_path, "export", "--for-spreadsheets", environ=database)
    wrong = run_manage(tmp_path, "export", "rooms.geojson", "--for-spreadsheets", environ=database)

    assert codes_of(to_the_letter) == codes
    assert codes_of(safe) == [*(f"'{code}" for code in codes[:5]), "a;=1", "plain"]
    assert '\n"\'=HYPERLINK(1)","","",-1.5,-2.0\n' in safe.stdout
    assert (wrong.returncode, "--for-spreadsheets requires CSV" in wrong.stderr) == (2, True)


def codes_of(result: Any) -> list[str]:
    assert result.returncode == 0
    return [row["code"] for row in csv.DictReader(result.stdout.splitlines())]
