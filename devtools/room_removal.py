"""Removes rooms: by their codes, the sample, or generated ones."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from devtools.database import sample_rooms
from devtools.generated_rooms import GENERATED_CODES
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, translate_errors
from rentomatic.postgres.room_writer import lock_rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pg8000.native import Connection

_BATCH = 100_000  # rooms
_SELECT_CODES = "INSERT INTO selected SELECT code FROM room WHERE code = ANY(CAST(:codes AS text[]))"
_SELECT_MARKED = "INSERT INTO selected SELECT code FROM room WHERE code ~ :pattern ON CONFLICT DO NOTHING"
# How codes were generated before they had a mark: from the hash of the seed and the room's number alone.
_SELECT_UNMARKED = """
    WITH hashed AS (
        SELECT encode(sha256(convert_to(:seed || ' ' || number, 'UTF8')), 'hex') AS hash
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS number
    ), old AS (
        SELECT CAST(CAST(overlay(overlay(substr(hash, 1, 32) PLACING '8' FROM 13) PLACING '8' FROM 17) AS uuid) AS text)
               AS code
        FROM hashed
    ), added AS (
        INSERT INTO selected SELECT code FROM room JOIN old USING (code) ON CONFLICT DO NOTHING RETURNING code
    )
    SELECT count(*) FROM added
"""
_REMOVE = "DELETE FROM room USING selected WHERE room.code = selected.code"


@dataclass(frozen=True)
class Selection:
    """The rooms to remove.

    Attributes:
        codes: Their codes.
        has_sample: Whether to include the rooms that `make run` adds.
        has_generated: Whether to include generated rooms.
        seed: The seed of generated rooms of earlier versions, whose codes do not show that they are.
    """

    codes: Sequence[str] = ()
    has_sample: bool = False
    has_generated: bool = False
    seed: int = 1


@dataclass(frozen=True)
class RemovedRooms:
    """The outcome: the number of removed rooms, and the given codes that no room has."""

    number: int
    unknown: Sequence[str]


def remove_rooms(
    configuration: Mapping[str, str],
    selection: Selection,
    confirm: Callable[[int], None] = lambda _: None,
    report: Callable[[str], None] = lambda _: None,
) -> RemovedRooms:
    """Remove rooms.

    Args:
        configuration: The Postgres settings of the table's owner by variable.
        selection: Which rooms.
        confirm: Called with their number if there are any; raises to remove none.
        report: Called with a message if other writers have the table.

    Raises:
        RepositoryError: nothing was removed, or everything if the connection broke at the very end.
    """
    with ExitStack() as stack:
        with _errors():
            connection = stack.enter_context(connect(credentials_from_settings(configuration).read().of_one_host()))
            number, unknown = _select(connection, selection)
        if number:
            confirm(number)
            with _errors():
                connection.run("BEGIN")
                lock_rooms(connection, "ROW EXCLUSIVE", report)
                connection.run(_REMOVE)
                number = connection.row_count
                connection.run("COMMIT")
        return RemovedRooms(number, unknown)


def _select(connection: Connection, selection: Selection) -> tuple[int, Sequence[str]]:
    """Note the codes of the rooms; return how many there are, and the given codes that no room has."""
    connection.run("SET statement_timeout = 0")
    connection.run("CREATE TEMPORARY TABLE selected (code text PRIMARY KEY)")
    sample = [str(room.code) for room in sample_rooms()] if selection.has_sample else []
    connection.run(_SELECT_CODES, codes=[*selection.codes, *sample])
    found = {code for (code,) in connection.run("SELECT code FROM selected")}
    if selection.has_generated:
        _select_generated(connection, str(selection.seed))
    ((number,),) = connection.run("SELECT count(*) FROM selected")
    return number, [code for code in dict.fromkeys(selection.codes) if code not in found]


def _select_generated(connection: Connection, seed: str) -> None:
    connection.run(_SELECT_MARKED, pattern=GENERATED_CODES)
    for first in count(1, _BATCH):
        ((number,),) = connection.run(_SELECT_UNMARKED, first=first, last=first + _BATCH - 1, seed=seed)
        if not number:
            return


def _errors() -> AbstractContextManager[None]:
    return translate_errors(ConnectionPhase("query"))
