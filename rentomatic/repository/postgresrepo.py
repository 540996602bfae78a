"""Rooms in Postgres."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.room_filters import Criterion, parse_filters
from rentomatic.domain.room_search import RoomPage
from rentomatic.postgres.errors import drop_tracebacks
from rentomatic.postgres.room_sql import build_check, build_get, build_list, build_search, build_text_check
from rentomatic.postgres.session import PostgresSession, SessionEvent
from rentomatic.postgres.wire.column_codec import decode_columns, decode_room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_conditions import Condition
    from rentomatic.domain.room_search import RoomSearch
    from rentomatic.postgres.wire.pipelined_connection import Row, Statement

T = TypeVar("T")

# Untranslatable character, character not in repertoire (PostgreSQL manual, appendix A).
_NOT_IN_ENCODING = ("22P05", "22021")
# The operators that compare text as the database has it; the others compare it as UTF-8.
_IN_ITS_ENCODING = ("eq", "in", "like")


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
        criteria = parse_filters(filters)
        return list(self._find(build_list(criteria), decode_columns, criteria, build_list).rooms)

    def search(self, search: RoomSearch) -> RoomPage:
        return self._find(
            build_search(search),
            lambda row: _page(search, row),
            search.criteria,
            lambda criteria: build_search(search._replace(criteria=tuple(criteria))),
        )

    def get(self, code: str) -> Room | None:
        try:
            return self._session.fetch(build_get(code), decode_room)
        except CorruptDataError as error:
            if error.sqlstate not in _NOT_IN_ENCODING or self._can_hold(code):
                raise
            drop_tracebacks(error)
        return None

    def check(self) -> None:
        self._session.fetch(build_check(), decode_columns)

    def close(self) -> None:
        """Close the pooled connections; the next call opens another."""
        self._session.close()

    def _find(
        self,
        statement: Statement,
        decode: Callable[[Row], T],
        conditions: Sequence[Condition],
        build: Callable[[Sequence[Condition]], Statement],
    ) -> T:
        """Run a statement, and if the database cannot hold all of its texts, build it again without them."""
        try:
            return self._session.fetch(statement, decode)
        except CorruptDataError as error:
            # The error does not say whether a value or a row is to blame.
            if error.sqlstate not in _NOT_IN_ENCODING:
                raise
            from rentomatic.domain.room_conditions import replace_criteria  # noqa: PLC0415 - see `_reduced`

            reduced = [replace_criteria(condition, self._reduced) for condition in conditions]
            if reduced == [*conditions]:
                raise
            drop_tracebacks(error)
        return self._session.fetch(build(reduced), decode)

    def _reduced(self, criterion: Criterion) -> Condition:
        """Return an equivalent condition without texts that no room can have."""
        from rentomatic.domain.room_conditions import AnyOf  # noqa: PLC0415 - only such texts need it

        values = criterion.value if isinstance(criterion.value, tuple) else (criterion.value,)
        possible = [value for value in values if isinstance(value, int) or self._can_hold(value)]
        if len(possible) == len(values) or criterion.operator not in _IN_ITS_ENCODING:
            return criterion
        return replace(criterion, value=tuple(possible)) if possible else AnyOf()

    def _can_hold(self, text: str) -> bool:
        """Return whether the database's encoding has every character of a text.

        The server is asked, because its conversions differ from Python's in some characters.
        """
        if text.isascii():
            return True
        try:
            self._session.fetch(build_text_check(text), lambda _row: None)
        except CorruptDataError as error:
            if error.sqlstate not in _NOT_IN_ENCODING:
                raise
            drop_tracebacks(error)
            return False
        return True


def _page(search: RoomSearch, row: Row) -> RoomPage:
    count = int.from_bytes(row.pop() or b"") if search.is_counted else None
    has_chords = search.circle is not None
    rooms, row_ids, chords, has_more = decode_columns(row, search.limit, with_chords=has_chords)
    return RoomPage(search, rooms, row_ids, chords if has_chords else None, has_more, count)
