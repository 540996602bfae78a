"""`manage.py import` and `manage.py export`, as a user types them."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_manage import serving
from tests.support.commands import clean_environ, get
from tests.support.manage import MANAGE, assert_one_clear_line, run_manage, run_sql, start_manage, waiting_import
from tests.support.paths import SHARED
from tests.support.room_files import xlsx_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


CSV = "code,size,price,latitude,longitude\r\na,20,40,53.55,9.99\r\nb,21,,,\r\n"
MAPPED = ("--map", "price=cold_rent,size=living_space", "--round")
REFUSALS = '{"code": "a"}\n' + '{"code": 1}\n' * 10  # one room, and a report


def rooms_of(database: Mapping[str, str]) -> Any:
    return run_sql(database, "SELECT code, size, price, latitude, longitude FROM room ORDER BY id")


def test_a_file_is_imported_and_exported_as_it_was(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_bytes(CSV.encode())

    first = start_manage(tmp_path, "import", "rooms.csv", environ=database)
    again = start_manage(tmp_path, "import", "rooms.csv", environ=database)
    export = start_manage(tmp_path, "export", environ=database)

    said = "Read 2 rows: {} rooms added, 0 changed, {} unchanged; 0 rows refused"
    assert (first.returncode, first.stdout.splitlines()[-1], first.stderr) == (0, said.format(2, 0), "")
    assert again.stdout.splitlines()[-1] == said.format(0, 2)
    assert (export.returncode, export.stderr) == (0, "Exported 2 rooms\n")
    assert export.stdout == CSV.replace("\r\n", "\n")  # read as text
    assert rooms_of(database) == [["a", 20, 40, 53.55, 9.99], ["b", 21, None, None, None]]
    assert not list(tmp_path.glob("*.report.jsonl"))


@pytest.mark.parametrize("name", ["rooms.ndjson.gz", "rooms.geojson", "rooms.json"])
def test_what_one_database_exports_another_imports(
    tmp_path: Path, database: Mapping[str, str], server: Mapping[str, str], name: str
) -> None:
    assert run_manage(tmp_path, "generate", "--rooms", "1000", "--yes", environ=database).returncode == 0
    other = {**server, "APPLICATION_DB": f"{database['APPLICATION_DB']}_other"}
    run_sql(server, f"CREATE DATABASE {other['APPLICATION_DB']}")
    assert run_manage(tmp_path, "migrate", environ=other).returncode == 0

    export = run_manage(tmp_path, "export", name, environ=database)
    first = run_manage(tmp_path, "import", name, environ=other)
    again = run_manage(tmp_path, "import", name, environ=other)

    assert (export.stdout, export.stderr) == ("", "Exported 1,000 rooms\n")
    assert first.stdout.endswith("1,000 rooms added, 0 changed, 0 unchanged; 0 rows refused\n")
    assert again.stdout.endswith("0 rooms added, 0 changed, 1,000 unchanged; 0 rows refused\n")
    assert rooms_of(other) == rooms_of(database)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    run_sql(server, f"DROP DATABASE {other['APPLICATION_DB']} WITH (FORCE)")


def test_a_sheet_is_imported_and_what_was_passed_over_said(tmp_path: Path, database: Mapping[str, str]) -> None:
    table: list[list[object]] = [["Our rooms", None], ["code", "price"], [1001.0, 40], ["Total", 40]]
    (tmp_path / "rooms.xls").write_bytes(xlsx_of(table))  # not what it is

    result = run_manage(tmp_path, "import", "rooms.xls", "--sheet", "Sheet", environ=database)
    other = run_manage(tmp_path, "import", "rooms.xls", "--sheet", "Rooms", environ=database)

    assert (
        "Passed over row 1 above the header: Our rooms\nPassed over row 4 below the rows: Total, 40\n" in result.stdout
    )
    assert rooms_of(database) == [["1001", None, 40, None, None]]
    assert_one_clear_line(other, "There is no sheet Rooms: --sheet (IMPORT_SHEET) takes a name or number of Sheet")


def test_bad_rows_are_in_the_report_and_the_good_ones_in_the_database(
    tmp_path: Path, database: Mapping[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "rooms.csv").write_text(CSV + "c,1.5,-2,91,\n")
    report = tmp_path / "rooms.csv.report.jsonl"

    result = run_manage(tmp_path, "import", "data/rooms.csv", environ=database)

    assert result.returncode == 0
    assert result.stdout.splitlines()[-6:] == [
        "Read 3 rows: 2 rooms added, 0 changed, 0 unchanged; 1 row refused",
        '        1 column size: Must be an integer; --round (IMPORT_ROUND) rounds it, such as "1.5" in line 4',
        '        1 column price: Must not be negative, such as "-2" in line 4',
        '        1 column longitude: Required, since there is a latitude, such as "" in line 4',
        '        1 column latitude: Must be from -90 to 90 degrees, such as "91" in line 4',
        "Every error is in rooms.csv.report.jsonl",
    ]
    refusals = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(each["line"], each["column"], each["value"]) for each in refusals] == [
        *((4, "size", "1.5"), (4, "price", "-2"), (4, "longitude", ""), (4, "latitude", "91"))
    ]

    (data / "rooms.csv").write_text(CSV)
    run_manage(tmp_path, "import", "data/rooms.csv", environ=database)
    assert not report.exists()


def test_an_attribute_without_a_column_lists_the_columns(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text("code,rent,size,latitude,longitude\na,40,20,,\n")

    result = run_manage(tmp_path, "import", "rooms.csv", environ=database)

    _, summary, *_, unknown = result.stdout.splitlines()
    assert "Not read, but looks right: rent like price: --map price=rent" in result.stdout.splitlines()
    assert summary == "Read 1 row: 1 room added, 0 changed, 0 unchanged; 0 rows refused"
    assert unknown == (
        "No row has a column for price: unknown in new rooms, unchanged in others; "
        "name the columns with --map (the file has rent, code, latitude, longitude, size)"
    )


@pytest.mark.parametrize(("name", "text"), [("a.csv", "code,price\n"), ("a.json", "[]")])
def test_a_file_without_rows_is_reported(tmp_path: Path, database: Mapping[str, str], name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    result = run_manage(tmp_path, "import", name, environ=database)

    assert (result.returncode, result.stderr) == (1, f"Error: {name} was not imported. The file has no rows\n")


def test_a_file_of_which_no_row_is_accepted_is_a_failure(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "a.csv").write_text("code,price\na,free\nb,on request\n,\n")

    result = run_manage(tmp_path, "import", "a.csv", environ=database)

    assert (result.returncode, result.stderr) == (1, "Error: a.csv was not imported. No row was accepted\n")
    assert result.stdout.splitlines()[1:3] == [
        "Read 3 rows: 0 rooms added, 0 changed, 0 unchanged; 2 rows refused, 1 blank",
        '        2 column price: Must be a number: digits, and a point before decimals, such as "free" in line 2',
    ]


def test_unchanged_rooms_are_accepted_rows(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "a.csv").write_text("code,price\na,1\nb,free\n")

    statuses = [run_manage(tmp_path, "import", "a.csv", environ=database).returncode for _ in range(2)]

    assert statuses == [0, 0]


def test_the_rarest_of_many_reasons_are_only_counted(tmp_path: Path, database: Mapping[str, str]) -> None:
    lines = ['{"code": "a", "price": "?"}'] * 2
    lines += ["[]", *(f'{{"code": {code}}}' for code in ('"\\u0000"', "1.5", f'"{"x" * 37}"'))]
    lines += [f'{{"size": {size}}}' for size in (-1, '"?"', 0.5, "1e99")]
    lines += ['{"price": -1}', '{"price": 0.5}', '{"latitude": 91, "longitude": 181}', '{"latitude": 1}']
    (tmp_path / "a.ndjson").write_text("\n".join(lines))

    said = run_manage(tmp_path, "import", "a.ndjson", environ=database).stdout.splitlines()

    assert said[2].startswith("        2 ")
    assert said[12] == "          and 4 more reasons, which are rarer"


def test_a_stock_replaces_the_rooms_after_a_question(
    tmp_path: Path, database: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "all.csv").write_text("code,price\n" + "".join(f"{code},1\n" for code in "abcdefghij"))
    (tmp_path / "stock.csv").write_text("code,price\n" + "".join(f"{code},2\n" for code in "abcdefghi"))
    run_manage(tmp_path, "import", "all.csv", environ=database)
    command = ("import", "stock.csv", "--replace")

    unasked = run_manage(tmp_path, *command, environ=database)
    dry = run_manage(tmp_path, *command, "--dry-run", environ=database)
    too_many = run_manage(tmp_path, *command, "--yes", "--max-removed", "0", environ=database)
    monkeypatch.setattr("manage._has_terminal", lambda: True)
    refused = run_manage(tmp_path, *command, environ=database, answer="n\n")
    before = rooms_of(database)
    agreed = run_manage(tmp_path, *command, environ=database, answer="y\n")

    assert (unasked.returncode, "there is no terminal: use --yes" in unasked.stderr) == (2, True)
    assert dry.stdout.startswith("Read 9 rows: 0 rooms would be added, 9 changed, 0 unchanged, 1 removed; 0 rows")
    assert_one_clear_line(too_many, "1 of 10 rooms are not in the file", "more than 0", "--max-removed 1")
    assert (refused.returncode, "1 of 10 rooms are not in stock.csv. Remove them?" in refused.stdout) == (1, True)
    assert refused.stderr == "Error: stock.csv was not imported. Nothing was changed, as you answered\n"
    assert (len(before), {price for _, _, price, *_ in before}) == (10, {1})
    assert "Read 9 rows: 0 rooms added, 9 changed, 0 unchanged, 1 removed; 0 rows refused" in agreed.stdout
    assert [code for code, *_ in rooms_of(database)] == list("abcdefghi")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-removed", "5"], "--max-removed requires --replace"),
        (["--replace", "--yes", "--max-removed", "many"], "--max-removed: 'many' is neither a number of rooms"),
    ],
)
def test_a_wrong_limit_of_removals_is_explained(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "rooms.csv").write_text(CSV)

    result = run_manage(tmp_path, "import", "rooms.csv", *arguments)

    assert (result.returncode, said in result.stderr) == (2, True)


def test_a_dry_run_and_a_strict_one_change_nothing(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV + "c,1.5,,,\n")

    dry = run_manage(tmp_path, "import", "rooms.csv", "--dry-run", environ=database)
    strict = run_manage(tmp_path, "import", "rooms.csv", "--strict", "--report", "said.jsonl", environ=database)

    assert (dry.returncode, dry.stdout.splitlines()[0]) == (
        0,
        "Read 3 rows: 2 rooms would be added, 0 changed, 0 unchanged; 1 row refused",
    )
    assert strict.returncode == 1
    assert_one_clear_line(strict, "rooms.csv was not imported", "In line 4, column size", "--round", "see said.jsonl")
    assert len((tmp_path / "said.jsonl").read_text().splitlines()) == 1
    assert rooms_of(database) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.csv"], 2, "No such file or directory"),
        (["rooms.csv", "--map", "prize=x"], 2, "'prize=x' is not attribute=column"),
        (["rooms.csv", "--format", "xml"], 2, "is not one of 'csv', 'ndjson', 'geojson', 'json'"),
        (["rooms.csv", "--report", "rooms.csv"], 1, "name another file with --report"),
        (["rooms.csv", "--report", "nowhere/x"], 1, "Error: There is no folder nowhere\n"),
        (["rooms.csv", "--report", "rooms.txt/x"], 1, "Error: There is no folder rooms.txt\n"),
        (["rooms.txt", "--format", "geojson"], 1, "The file is neither a FeatureCollection nor"),
        (["rooms.csv", "--map", "price=rent"], 1, "No row has the column rent"),
        (["broken.csv.gz"], 1, "The compressed data is cut off or damaged"),
    ],
)
def test_a_wrong_command_or_file_is_explained(
    tmp_path: Path, database: Mapping[str, str], arguments: list[str], status: int, said: str
) -> None:
    (tmp_path / "rooms.csv").write_text(CSV + "c,?,,,\n")
    (tmp_path / "rooms.txt").write_text(CSV)
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-4])

    result = run_manage(tmp_path, "import", *arguments, environ=database)

    assert (result.returncode, "Traceback" in result.stderr) == (status, False)
    assert said in result.stderr
    assert result.stderr.count("Error: ") == 1
    assert rooms_of(database) == []
    assert (tmp_path / "rooms.csv").read_text().startswith("code")


def test_a_database_without_the_table_is_left_as_it_is(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text(CSV)

    for arguments in (["import", "rooms.csv"], ["export"]):
        assert_one_clear_line(run_manage(tmp_path, *arguments, environ=empty_database), "room")
    assert "run manage.py migrate" in run_manage(tmp_path, "import", "rooms.csv", environ=empty_database).stderr
    assert run_sql(empty_database, "SELECT to_regclass('room')") == [[None]]


@pytest.mark.parametrize("name", ["x.txt", "x.ods.gz", "x.XLSX", "json"])
def test_an_export_names_the_formats_that_it_writes(tmp_path: Path, name: str) -> None:
    result = run_manage(tmp_path, "export", name)

    names = ".csv, .ndjson, .jsonl, .geojson, .json"
    said = f"Error: The name must end with one of {names}, optionally with .gz: {name!r};"
    assert (result.returncode, said in result.stderr, "Traceback" in result.stderr) == (2, True, False)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_leaves_the_older_file(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text("older")

    assert_one_clear_line(
        run_manage(tmp_path, "export", "rooms.csv", environ=empty_database), 'relation "room" does not exist'
    )
    export = run_manage(tmp_path, "export", "nowhere/rooms.csv", environ=empty_database)
    assert export.stderr == "Error: There is no folder nowhere\n"

    assert (tmp_path / "rooms.csv").read_text() == "older"
    assert not list(tmp_path.glob("*.part"))


def test_what_is_not_a_file_is_neither_deleted_nor_replaced(tmp_path: Path, database: Mapping[str, str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "rooms.csv").write_text("code,price\na,41\n")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    run_manage(tmp_path, "import", "rooms.csv", "--report", "pipe", environ=database)
    run_manage(tmp_path, "export", "pipe", "--format", "csv", environ=database)

    assert pipe.is_fifo()
    assert reader.communicate()[0].splitlines()[1:] == ["a,,41,,"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_one_line_and_nothing_is_imported(
    tmp_path: Path, database: Mapping[str, str], number: signal.Signals
) -> None:
    (tmp_path / "rooms.ndjson").write_text(REFUSALS)
    with waiting_import(tmp_path, "rooms.ndjson", database) as (process, _):
        process.send_signal(number)
        output, errors = process.communicate()

    assert (process.returncode, output, errors) == (130, "", "Stopped: no partial import remains; run it again\n")
    assert rooms_of(database) == []


def test_a_lost_connection_is_one_line_and_imports_nothing(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.ndjson").write_text(REFUSALS)
    with waiting_import(tmp_path, "rooms.ndjson", database) as (process, other):
        other.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        _, errors = process.communicate()

    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert re.fullmatch(
        "Error: .*Postgres .* No partial import remains: fix this and run the command again.*\n", errors
    )
    assert rooms_of(database) == []


def test_a_terminal_gets_a_progress_bar_by_the_bytes_of_the_file(tmp_path: Path, database: Mapping[str, str]) -> None:
    (tmp_path / "rooms.csv").write_text("code\n" + "".join(f"{number}\n" for number in range(3_000)))
    primary, secondary = pty.openpty()
    command = [sys.executable, MANAGE, "import", "rooms.csv"]

    process = subprocess.Popen(
        command, cwd=tmp_path, env={**clean_environ(), **database, "TERM": "xterm"}, stdout=secondary, stderr=secondary
    )
    os.close(secondary)
    output = b""
    try:
        while data := os.read(primary, 4096):
            output += data
    except OSError:  # Linux' way to say that the other side has been closed
        pass
    os.close(primary)

    assert process.wait() == 0
    assert re.search(rb"Reading +\[[#-]+\] +\d+%", output)
    assert b"Reading  [####################################]  100%" in output
    assert b"3,000 rooms added" in output


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")
def test_imported_listings_of_hamburg_are_served_at_once(clone: Path) -> None:
    (clone.parent / "shared").symlink_to(SHARED)
    command = ("import", "../shared/data/hamburg_rentals.csv", *MAPPED)

    with serving(clone) as (server, url):
        result = start_manage(clone, *command)
        status, _, body = get(f"{url}/rooms?near=53.55,9.99&sort=distance&limit=20")
        totals = [
            int(get(f"{url}/rooms?count=exact&limit=1&{place}")[1]["X-Total-Count"])
            for place in ("", "bbox=-180,-90,180,90")
        ]
        server.press_ctrl_c()

    assert "Read 12,500 rows: 12,500 rooms added, 0 changed, 0 unchanged; 0 rows refused\n" in result.stdout
    distances_m = [room["distance_m"] for room in json.loads(body)]
    assert (status, len(distances_m), distances_m) == (200, 20, sorted(distances_m))
    assert totals == [12_500 + 12, 12_500 + 12 - 80]  # 80 have no place
