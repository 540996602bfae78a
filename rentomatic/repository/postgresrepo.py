"""Rooms in Postgres."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import Criterion, parse_filters
from rentomatic.repository.postgres_session import PostgresSession, SessionEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SELECT = "SELECT code, size, price, longitude, latitude FROM room"
_TRY = f"{_SELECT} ORDER BY id LIMIT 1"
_OPERATORS = {"eq": "=", "lt": "<", "gt": ">"}


class PostgresRepo:
    """A `RoomRepository` and `ReadableRepository` over the table `room`, on one connection, opened late and kept.

    A size, price, longitude or latitude that is NULL comes back as None: the table of the book allows it.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT` and
            `APPLICATION_DB`, and maybe more: see `read_postgres_settings`, `read_time_settings` and
            `credentials_of`. Times are read by each call, where and as whom by each connect, and how to
            prove that once.
        remaining_s: How many seconds the caller of the moment has left; as many as the settings allow
            if there is none.
        count: Is told what happens that the caller does not see, for a metric.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        remaining_s: Callable[[], float] = lambda: math.inf,
        count: Callable[[SessionEvent], None] = lambda _event: None,
    ) -> None:
        self._session = PostgresSession(configuration, remaining_s, count)

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        sql, values = build_select(parse_filters(filters))
        return [_room(row) for row in self._session.fetch(sql, values)]

    def check(self) -> None:
        self._session.fetch(_TRY, [])

    def close(self) -> None:
        """Close the connection, if there is one; the next call opens another."""
        self._session.close()


def build_select(criteria: Sequence[Criterion]) -> tuple[str, Sequence[int | str]]:
    """Return the statement for the rooms that meet every criterion, and the values of `$1`, `$2`, ... in it."""
    conditions = [
        f"{criterion.field} {_OPERATORS[criterion.operator]} ${number}"
        for number, criterion in enumerate(criteria, start=1)
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{_SELECT}{where} ORDER BY id", [criterion.value for criterion in criteria]


def _room(row: Sequence[bytes | None]) -> Room:
    code, size, price, longitude, latitude = row
    try:
        room = Room(
            code=(code or b"").decode(),
            size=_optional(int, size),
            price=_optional(int, price),
            longitude=_optional(_finite, longitude),
            latitude=_optional(_finite, latitude),
        )
    except ValueError as error:
        raise CorruptDataError(f"The row of the room {code!r} cannot be read: {error}", phase="read") from error
    return room


def _optional(read: Callable[[bytes], Any], value: bytes | None) -> Any:
    return None if value is None else read(value)


def _finite(value: bytes) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no coordinate")
    return number
