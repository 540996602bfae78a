"""Rooms in Postgres."""

from __future__ import annotations

import math
from types import NoneType
from typing import TYPE_CHECKING, Any

import orjson

from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import RoomPage
from rentomatic.domain.rooms import ATTRIBUTES, Rooms
from rentomatic.repository.postgres_session import PostgresSession, SessionEvent
from rentomatic.repository.room_sql import build_check, build_get, build_list, build_search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomSearch
    from rentomatic.repository.one_round_trip import Statement


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
        return list(_rooms(self._fetch(build_list(parse_filters(filters)))))

    def search(self, search: RoomSearch) -> RoomPage:
        *columns, numbers, chords, count = self._fetch(build_search(search))
        page = RoomPage(
            search,
            rooms=_rooms(columns),
            numbers=numbers or [],
            chords=list(map(float, chords or [])) if search.circle else None,  # JSON has 2.0 as 2
            count=count,
        )
        return page.first(search.limit)

    def get(self, code: str) -> Room | None:
        rooms = _rooms(self._fetch(build_get(code)))
        return rooms[0] if rooms else None

    def check(self) -> None:
        self._session.fetch(build_check())

    def close(self) -> None:
        """Close the connection, if there is one; the next call opens another."""
        self._session.close()

    def _fetch(self, statement: Statement) -> Any:
        value = self._session.fetch(statement)
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:  # of a database whose encoding lets any byte pass
            raise CorruptDataError(f"The rooms cannot be read: {error.msg}", phase="read") from None


def _rooms(columns: Sequence[Sequence[Any] | None]) -> Rooms:
    named = {name: column or [] for name, column in zip(ATTRIBUTES, columns, strict=True)}
    for name in ("longitude", "latitude"):
        named[name] = _coordinates(named[name], named["code"])
    return Rooms(named.values())


def _coordinates(column: Sequence[Any], codes: Sequence[str]) -> Sequence[Any]:
    """Return the column as numbers: JSON has 53.0 as 53, and NaN and infinity as text."""
    if set(map(type, column)) <= {float, NoneType}:
        return column
    for value, code in zip(column, codes, strict=True):
        if isinstance(value, str):
            raise CorruptDataError(
                f"The row of the room {code!r} cannot be read: {value} is no coordinate", phase="read"
            )
    return [None if value is None else float(value) for value in column]
