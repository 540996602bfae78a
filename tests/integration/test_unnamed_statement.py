from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pg8000 import core
from pg8000.exceptions import DatabaseError

from rentomatic.repository import unnamed_statement

if TYPE_CHECKING:
    from rentomatic.repository.unnamed_statement import UnnamedStatementConnection as Connection

SQL = "SELECT $1::integer + 1, $2::text, NULL, $10::text, $3, $4, $5, $6, $7, $8, $9"
VALUES = [41, "é'\\", *"3456789", "ten"]


def test_pg8000_is_the_release_whose_private_parts_are_used() -> None:
    assert core.ver == unnamed_statement.PG8000_VERSION, "look through unnamed_statement.py, then move its version on"


@pytest.mark.parametrize("version", [unnamed_statement.PG8000_VERSION, "another"])
def test_rows_come_back_undecoded_by_either_way(
    admin: Connection, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(unnamed_statement, "PG8000_VERSION", version)

    assert admin.fetch(SQL, VALUES) == [[b"42", "é'\\".encode(), None, b"ten", *(b"%d" % n for n in range(3, 10))]]
    assert admin.fetch("SELECT 1 WHERE $1::integer = 2", [1]) == []


def test_an_error_leaves_the_connection_in_step(admin: Connection) -> None:
    for _ in range(3):
        with pytest.raises(DatabaseError, match="22012"):
            admin.fetch("SELECT 1 / $1::integer", [0])
        assert admin.fetch("SELECT $1::integer", [7]) == [[b"7"]]


def test_nothing_is_left_on_the_server(admin: Connection) -> None:
    admin.fetch("SELECT $1::integer", [7])

    assert admin.run("SELECT count(*) FROM pg_prepared_statements") == [[0]]
    assert admin.run("SELECT count(*) FROM pg_cursors") == [[0]]
