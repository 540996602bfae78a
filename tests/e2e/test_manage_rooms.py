"""`manage.py add`, `change` and `remove`, as a user types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from devtools.database import insert_rooms, sample_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.contracts.room_repository import a_room
from tests.support.manage import assert_one_clear_line, run_manage, run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Of the generator as it was before its codes had a mark: the first two rooms of seed 1, and the first of seed 2.
UNMARKED = ("020a7c91-e307-85bb-8918-18987340dec6", "f71998fe-363b-8c29-816c-80b5eecf33a2")
DERIVED = "92d81be7-e0ee-8787-8e17-6f6beaf73c25"


def rooms_of(database: Mapping[str, str]) -> Any:
    return run_sql(database, "SELECT code, size, price, latitude, longitude FROM room ORDER BY id")


def codes_of(database: Mapping[str, str]) -> list[str]:
    return [code for code, *_ in rooms_of(database)]


def insert(database: Mapping[str, str], *codes: str) -> None:
    with connect(read_postgres_settings(database)) as connection:
        insert_rooms(connection, [a_room(code=code) for code in codes])


def test_a_room_is_added_changed_and_removed(tmp_path: Path, database: Mapping[str, str]) -> None:
    add = run_manage(tmp_path, "add", "--code", "a", "--price", "39", "--size", "21", environ=database)
    change = run_manage(tmp_path, "change", "a", "--price", "41", environ=database)
    again = run_manage(tmp_path, "change", "a", "--price", "41", environ=database)

    assert (add.returncode, add.stdout) == (0, "Added room a\n")
    assert (change.stdout, again.stdout) == ("Changed room a\n", "Nothing to change in room a\n")
    assert rooms_of(database) == [["a", 21, 41, None, None]]

    remove = run_manage(tmp_path, "remove", "a", "b", "--yes", environ=database)

    assert (remove.returncode, remove.stdout, remove.stderr) == (0, "Removed 1 room\n", "No room has the code b\n")
    assert rooms_of(database) == []


def test_a_room_without_a_code_gets_a_new_one(tmp_path: Path, database: Mapping[str, str]) -> None:
    for _ in range(2):
        run_manage(tmp_path, "add", "--price", "39", environ=database)

    codes = codes_of(database)
    assert [UUID(code).version for code in codes] == [4, 4]
    assert len(set(codes)) == 2


def test_a_value_that_is_unknown_now_is_forgotten(tmp_path: Path, database: Mapping[str, str]) -> None:
    place = ("--latitude", "53.551", "--longitude", "-9.99")
    run_manage(tmp_path, "add", "--code", "a", "--price", "39.5", "--round", *place, environ=database)
    before = rooms_of(database)

    run_manage(tmp_path, "change", "a", "--price", "unknown", environ=database)

    assert (before, rooms_of(database)) == ([["a", None, 40, 53.551, -9.99]], [["a", None, None, 53.551, -9.99]])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "--price", "free"], "--price: Must be a number"),
        (["add", "--price", "1.200", "--round"], "--price: 1.200 could be two numbers: write 1200 or 1.2\n"),
        (["add", "--price", "€1,200", "--round"], "--price: 1,200 could be two numbers: write 1200 or 1.2\n"),
        (["add", "--price", "1.250,50"], "--price: Must be an integer; --round rounds it\n"),
        (["add", "--latitude", "53,55", "--longitude", "9"], "--latitude: Must have a point before decimals\n"),
        (["add", "--price", "1", "--code", " "], "Give a code that is not blank"),
        (["change", "", "--size", "1"], "Give a code that is not blank"),
        (["add", "--price", "-1", "--size", "1e99"], "--size: Must be an integer from"),
        (["add", "--price", "1", "--code", "x" * 37], "--code: Must have at most 36 characters"),
        (["change", "a", "--latitude", "1"], "--longitude: Required, since there is a latitude"),
        (["change", "a"], "Give one of --price, --size, --latitude, --longitude"),
        (["change", "a", "--rent", "1"], "No such option: --rent"),
        (["remove"], "Name the codes of rooms, or use --sample or --generated"),
        (["remove", "a"], "there is no terminal: use --yes"),
    ],
)
def test_a_wrong_value_names_its_option(
    tmp_path: Path, database: Mapping[str, str], arguments: list[str], said: str
) -> None:
    insert(database, "a")
    before = rooms_of(database)

    result = run_manage(tmp_path, *arguments, environ=database)

    assert (result.returncode, said in result.stderr, rooms_of(database)) == (2, True, before)


def test_only_a_new_room_is_added_and_only_an_old_one_changed(tmp_path: Path, database: Mapping[str, str]) -> None:
    insert(database, "a")
    before = rooms_of(database)

    add = run_manage(tmp_path, "add", "--code", "a", "--price", "1", environ=database)
    change = run_manage(tmp_path, "change", "b", "--price", "1", environ=database)

    assert_one_clear_line(add, "There is a room a already: use change, or another --code")
    assert_one_clear_line(change, "No room has the code b: use add")
    assert (add.returncode, change.returncode, rooms_of(database)) == (1, 1, before)


def test_the_sample_is_known_by_its_codes(tmp_path: Path, database: Mapping[str, str]) -> None:
    insert(database, *(str(room.code) for room in sample_rooms()[1:]), "own")

    result = run_manage(tmp_path, "remove", "--sample", "--yes", environ=database)
    again = run_manage(tmp_path, "remove", "--sample", "--yes", environ=database)

    assert (result.returncode, result.stdout) == (0, "Removed 11 rooms\n")
    assert (again.returncode, again.stdout) == (1, "Removed 0 rooms\n")
    assert codes_of(database) == ["own"]


def test_generated_rooms_of_any_seed_are_known_by_their_codes(tmp_path: Path, database: Mapping[str, str]) -> None:
    for seed in ("1", "-7"):
        run_manage(tmp_path, "generate", "--rooms", "10", "--seed", seed, "--yes", environ=database)
    insert(database, *UNMARKED, "own", DERIVED, "my 67656e657261")

    result = run_manage(tmp_path, "remove", "--generated", "--yes", environ=database)

    assert result.stdout == "Removed 22 rooms\n"
    assert codes_of(database) == ["own", DERIVED, "my 67656e657261"]


def test_rooms_go_from_a_named_database_only_if_confirmed(
    tmp_path: Path, database: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manage._has_terminal", lambda: True)
    insert(database, "a", "b")

    refused = run_manage(tmp_path, "remove", "a", environ=database, answer="n\n")
    before = codes_of(database)
    agreed = run_manage(tmp_path, "remove", "a", environ=database, answer="y\n")

    assert (refused.returncode, refused.stderr, before) == (1, "Aborted!\n", ["a", "b"])
    assert agreed.stdout.startswith("Remove 1 room from the database that the settings name? [y/N]: y\n")
    assert codes_of(database) == ["b"]


def test_an_import_never_adds_the_sample(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    run_manage(tmp_path, "migrate", environ=empty_database)
    (tmp_path / "a.ndjson").write_text(json.dumps({"code": "a"}))

    run_manage(tmp_path, "import", "a.ndjson", environ=empty_database)

    assert codes_of(empty_database) == ["a"]
