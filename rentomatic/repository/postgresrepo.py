"""Rooms in Postgres."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.geography import distance_of
from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import DISTANCE, UNKNOWN, RoomPage, RoomSearch
from rentomatic.repository.postgres_session import PostgresSession, SessionEvent
from rentomatic.repository.room_sql import build_get, build_list, build_search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.domain.room_search import Position
    from rentomatic.repository.unnamed_statement import Rows

_NUMBER, _CHORD, _COUNT = -3, -2, -1  # columns behind those of the room


class PostgresRepo:
    """Every port of the use cases, over the table `room`, on one connection, opened late and kept.

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
        return [_room(row) for row in self._session.fetch(*build_list(parse_filters(filters)))]

    def search(self, search: RoomSearch) -> RoomPage:
        rows = self._session.fetch(*build_search(search))
        page = rows[: search.limit]
        chords = [float(row[_CHORD] or b"nan") for row in page]
        rooms = [_room(row[:_NUMBER]) for row in page]
        return RoomPage(
            search,
            rooms=rooms,
            positions=[
                _position(search, room, chord, int(row[_NUMBER] or b""))
                for row, room, chord in zip(page, rooms, chords, strict=True)
            ],
            distances_m=list(map(distance_of, chords)) if search.circle else None,
            has_more=len(rows) > search.limit,
            count=self._count(search, rows),
        )

    def _count(self, search: RoomSearch, rows: Rows) -> int | None:
        if not search.is_counted:
            return None
        if rows:
            return int(rows[0][_COUNT] or b"")
        # Every row tells. There is none: nothing matches, or all that do are on the pages before.
        return self.search(replace(search, after=None, limit=1)).count if search.after else 0

    def get(self, code: str) -> Room | None:
        rows = self._session.fetch(*build_get(code))
        return _room(rows[0]) if rows else None

    def check(self) -> None:
        self.search(RoomSearch(limit=1))

    def close(self) -> None:
        """Close the connection, if there is one; the next call opens another."""
        self._session.close()


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


def _position(search: RoomSearch, room: Room, chord: float, number: int) -> Position:
    values = (chord if key.field == DISTANCE else getattr(room, key.field) for key in search.order)
    return (*(UNKNOWN if value is None else value for value in values), number)
