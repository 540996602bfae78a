"""Rooms in Postgres."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import RoomPage
from rentomatic.postgres.room_sql import build_check, build_get, build_list, build_search
from rentomatic.postgres.session import PostgresSession, SessionEvent
from rentomatic.postgres.wire.column_codec import decode_columns, decode_room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomSearch
    from rentomatic.postgres.wire.pipelined_connection import Row


class PostgresRepo:
    """Implements the reading ports of the use cases over the table `room`, on pooled connections.

    A size, price, longitude or latitude that is NULL becomes None; the book's table allows it.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT` and
            `APPLICATION_DB`. For optional settings see `read_postgres_settings`, `read_session_settings` and
            `credentials_from_settings`. Address and credentials are read for each connection, the rest once.
        remaining_s: Returns how many seconds the caller has left; by default only the settings limit the time.
        count: Called with each event that the caller does not see, for a metric.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        remaining_s: Callable[[], float] = lambda: math.inf,
        count: Callable[[SessionEvent], None] = lambda _event: None,
    ) -> None:
        self._session = PostgresSession(configuration, remaining_s, count)

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        return list(self._session.fetch(build_list(parse_filters(filters)), decode_columns).rooms)

    def search(self, search: RoomSearch) -> RoomPage:
        return self._session.fetch(build_search(search), lambda row: _page(search, row))

    def get(self, code: str) -> Room | None:
        return self._session.fetch(build_get(code), decode_room)

    def check(self) -> None:
        self._session.fetch(build_check(), decode_columns)

    def close(self) -> None:
        """Close the pooled connections; the next call opens another."""
        self._session.close()


def _page(search: RoomSearch, row: Row) -> RoomPage:
    count = int.from_bytes(row.pop() or b"") if search.is_counted else None
    has_chords = search.circle is not None
    rooms, row_ids, chords, has_more = decode_columns(row, search.limit, with_chords=has_chords)
    return RoomPage(search, rooms, row_ids, chords if has_chords else None, has_more, count)
