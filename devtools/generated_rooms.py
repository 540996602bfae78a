"""Adds millions of generated rooms, the same for the same seed on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from devtools.cities import CITIES
from devtools.text import amount
from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, translate_errors
from rentomatic.postgres.room_writer import lock_rooms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pg8000.native import Connection

_INSERT = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_BATCH = 25_000  # rooms; a statement goes on for 2 s at most if the client is stopped
_MARK = b"genera".hex()  # the last group of each code
# Of all codes that this program makes, only those of generated rooms end so, but for one in 2**48 that are derived.
GENERATED_CODES = f"^[0-9a-f]{{8}}-[0-9a-f]{{4}}-8[0-9a-f]{{3}}-8[0-9a-f]{{3}}-{_MARK}$"
_UNIQUE_VIOLATION = "23505"


class RoomsExistError(Exception):
    """Rooms of this seed have been added before."""

    def __init__(self, seed: int) -> None:
        super().__init__(f"Rooms of seed {seed} are in this database already: choose another --seed.")


def add_generated_rooms(
    configuration: Mapping[str, str], number: int, seed: int, report: Callable[[str], None] = lambda _: None
) -> None:
    """Add plausible rooms in one transaction, and analyze the table.

    Most are small and in cities; a few lack a price or a place. A larger number begins with the same rooms.

    Args:
        configuration: The Postgres settings of the table's owner by variable.
        number: The number of rooms.
        seed: Another seed gives other rooms.
        report: Called with a message on progress.

    Raises:
        RoomsExistError: rooms of this seed exist; nothing was added.
        RepositoryError: nothing was added, or everything if the last report says so.
    """
    try:
        with (
            translate_errors(ConnectionPhase("query")),
            connect(credentials_from_settings(configuration).read().of_one_host()) as connection,
        ):
            connection.run("SET statement_timeout = 0")
            _add(connection, number, seed, report)
            connection.run("VACUUM ANALYZE room")
    except RepositoryError as error:
        if error.sqlstate == _UNIQUE_VIOLATION:
            raise RoomsExistError(seed) from None
        raise


def _add(connection: Connection, number: int, seed: int, report: Callable[[str], None]) -> None:
    connection.run("BEGIN")
    lock_rooms(connection, "ROW EXCLUSIVE", report)
    for first in range(1, number + 1, _BATCH):
        last = min(first + _BATCH - 1, number)
        _insert(connection, first, last, seed)
        report(f"Added {last:,} of {amount(number, 'room')}")
    connection.run("COMMIT")


def _insert(connection: Connection, first: int, last: int, seed: int) -> None:
    connection.run(
        _INSERT,
        first=first,
        last=last,
        seed=str(seed),
        mark=_MARK,
        cities=len(CITIES),
        norths=[round(latitude * 1_000_000) for _, latitude, _ in CITIES],
        easts=[round(longitude * 1_000_000) for _, _, longitude in CITIES],
    )
