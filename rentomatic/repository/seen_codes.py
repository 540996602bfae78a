"""The codes of a file, in a temporary SQLite database that can exceed memory."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_CACHE_KIB = 16_384
_ENTER = """
    INSERT INTO seen VALUES (?, 1, ?) ON CONFLICT (code) DO UPDATE SET times = times + 1 RETURNING times, number
"""


class SqliteSeenCodes:
    """Counts codes in a temporary file, which SQLite creates and deletes."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)  # SQLite manual, "Temporary Databases"
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.execute(
            "CREATE TABLE seen (code TEXT PRIMARY KEY, times INTEGER, number INTEGER) WITHOUT ROWID"
        )
        self._connection.execute("CREATE TABLE spared (code TEXT PRIMARY KEY) WITHOUT ROWID")
        self._connection.execute("BEGIN")  # one transaction: one for each code takes longer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def enter(self, code: str, number: int) -> tuple[int, int]:
        ((times, first),) = self._connection.execute(_ENTER, (code, number)).fetchall()
        return times, first

    def find(self, code: str) -> int | None:
        row = self._connection.execute("SELECT number FROM seen WHERE code = ?", (code,)).fetchone()
        return row[0] if row else None

    def spare(self, code: str) -> None:
        self._connection.execute("INSERT OR IGNORE INTO spared VALUES (?)", (code,))

    def spared(self) -> Iterator[str]:
        for (code,) in self._connection.execute("SELECT code FROM spared"):
            yield code
