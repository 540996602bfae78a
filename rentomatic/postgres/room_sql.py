"""Builds the SQL of searches. Values are parameters, `$2`, `$3`, ...; integers of a repeated search are constants."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import count, repeat
from typing import TYPE_CHECKING

from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import FIELDS, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, IN_MAX, NULL, Criterion
from rentomatic.domain.room_search import DISTANCE, SortKey
from rentomatic.postgres.wire.column_codec import encode_columns_sql, encode_room_sql
from rentomatic.postgres.wire.pipelined_connection import ECHO, Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rentomatic.domain.geography import Box, Circle, Vector
    from rentomatic.domain.room_conditions import Condition
    from rentomatic.domain.room_search import Position, RoomSearch

# A row without aggregates, also if there is no room: 25 microseconds less than a page of one.
_GET = f"SELECT {', '.join([ECHO, *encode_room_sql(), ECHO])} FROM (SELECT) AS one LEFT JOIN room ON code = $2 LIMIT 1"
_TEXT_CHECK = f"SELECT {ECHO}, {ECHO} WHERE $2::text IS NOT NULL"
_PLACE = "room_place(latitude, longitude)"
_UNPLACED = f"{_PLACE} IS NULL"
_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_LISTS = {"in": "IN", "not_in": "NOT IN"}
# By `is_descending`.
_MATCHES_NULL_SENTINEL = {False: ("ne", "not_in", "gt", "gte"), True: ("ne", "not_in", "lt", "lte")}


class _Values(list[float | str]):
    """The values of a statement that is being built; parameters are numbered in the order of adding."""

    def add(self, value: float | str) -> str:
        """Add a value and return its parameter."""
        self.append(value)
        return f"${len(self) + 1}"  # $1 is the echo


class _ValuesWithConstants(_Values):
    """Values of which integers are constants of the SQL, so that Postgres plans for them once and keeps the plan."""

    def add(self, value: float | str) -> str:
        """Add a value and return its parameter, or an integer's literal; its type is inferred like a parameter's."""
        return f"'{value:d}'" if isinstance(value, int) else super().add(value)


def build_list(criteria: Sequence[Condition]) -> Statement:
    """Return a statement for the rooms that meet every criterion, in the order of insertion.

    `column_codec.decode_columns` reads its row, whose size is not limited.
    """
    values = _Values()
    where = _where([_meets(criterion, values) for criterion in criteria])
    sql = _select(f"{where} ORDER BY id")
    return Statement(sql, values, prepare=True, has_generic_plan=not criteria, answer_max=math.inf)


def build_check() -> Statement:
    """Return a statement that needs everything that reading rooms needs, but reads none."""
    return Statement(_select(" LIMIT 0"), prepare=True)


def build_text_check(text: str) -> Statement:
    """Return a statement that fails if the database's encoding lacks a character of the text; its row is empty."""
    return Statement(_TEXT_CHECK, [text])


def build_get(code: str) -> Statement:
    """Return a statement for the room with this code; `column_codec.decode_room` reads its row."""
    return Statement(_GET, [code], prepare=True)


def build_search(search: RoomSearch) -> Statement:
    """Return a statement for a page and one more room, if there is one.

    Its row has the format of `build_list`, with chords from the centre of the circle if there is one. If the search
    counts, the number of matches follows, encoded by `int8send`.
    """
    return _search(search, is_repeated=bool(search.criteria) and next(_requests(search)) > 0)


def _is_plain(search: RoomSearch) -> bool:
    """Return whether all conditions are criteria, and few, so that many searches have the same SQL.

    A hundred long ones would take 90 MB of each connection's process if it kept them.
    """
    return len(search.criteria) <= len(FILTER_KEYS) and all(
        isinstance(condition, Criterion) and not (isinstance(condition.value, tuple) and len(condition.value) > IN_MAX)
        for condition in search.criteria
    )


@lru_cache(maxsize=100)
def _requests(search: RoomSearch) -> Iterator[int]:
    """Return the counter of the requests for a search, as long as it is one of the latest.

    It stays 0 if the search must not be planned for all its values together.
    """
    # One plan for all values would be the same for a price that most rooms have and one that few have. But planning
    # takes longer than running: 20 filtered rooms take the server 180 microseconds, 65 with a plan that it has kept.
    # (An area has no constants: the plan would know the price, but not the place.)
    has_constants = search.circle is None and search.box is None and _is_plain(search)
    return count() if has_constants else repeat(0)


@lru_cache(maxsize=100)
def _search(search: RoomSearch, *, is_repeated: bool) -> Statement:
    values = _ValuesWithConstants() if is_repeated else _Values()
    chord = f"{_PLACE} <-> {values.add(_cube(search.circle.centre.vector()))}::cube" if search.circle else ""
    descending = [key.field for key in search.order if key.is_descending]
    matches = [_meets(criterion, values, descending) for criterion in search.criteria]
    area = _is_in_circle(search.circle, chord, values) + _is_in_box(search.box, values)
    has_unplaced = search.circle is None and search.box is not None and search.box.keeps_unplaced
    all_matches = [*matches, *([f"({' AND '.join(area)} OR {_UNPLACED})"] if has_unplaced else area)]
    more = (f"int8send((SELECT count(*) FROM room{_where(all_matches)}))",) if search.is_counted else ()
    keys = [(chord if key.field == DISTANCE else _indexed(key), key.is_descending) for key in search.order]
    keys.append(("id", search.is_reversed))
    if search.after is not None:
        matches = [*matches, _is_after(keys, search.after, values)]
    page = _placed_and_unplaced(matches, area, keys, search) if has_unplaced else _page([*matches, *area], keys, search)
    has_generic_plan = is_repeated or not search.criteria
    sql = _select(page, chord, more)
    return Statement(sql, values, prepare=_is_plain(search), has_generic_plan=has_generic_plan)


def _page(conditions: Sequence[str], keys: Sequence[tuple[str, bool]], search: RoomSearch) -> str:
    return f"{_where(conditions)} {_order(keys, search)} LIMIT {search.limit + 1:d}"


def _placed_and_unplaced(
    matches: Sequence[str], area: Sequence[str], keys: Sequence[tuple[str, bool]], search: RoomSearch
) -> str:
    """Return the clauses for a page of the rooms in an area and of those without a place.

    Each come from an index of their own: where half of the rooms lack a place, one condition for both takes 79 ms for
    20 of a hundred thousand rooms, and this 13.
    """
    anywhere = search._replace(box=None)
    pages = [_page([*matches, *area], keys, search), _page([*matches, _UNPLACED], keys, anywhere)]
    ids = " UNION ALL ".join(f"(SELECT id FROM room{page})" for page in pages)
    return _page([f"id = ANY(ARRAY({ids}))"], keys, anywhere)


@lru_cache(maxsize=100)  # few variants: the limit is the only value in the text
def _select(clauses: str, chord: str = "", more: tuple[str, ...] = ()) -> str:
    columns = ["id", *ATTRIBUTES, *([f"{chord} AS chord"] if chord else [])]
    sent = [ECHO, *encode_columns_sql(with_chords=bool(chord)), *more, ECHO]
    return f"SELECT {', '.join(sent)} FROM (SELECT {', '.join(columns)} FROM room{clauses}) AS page"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _indexed(key: SortKey) -> str:
    """Return the expression of the index for a field and a direction (see the migrations)."""
    is_integer = isinstance(FIELDS[key.field].kind, Integer)
    return f"COALESCE({key.field}, {key.unknown})" if is_integer else key.field


def _meets(condition: Condition, values: _Values, descending: Collection[str] = ()) -> str:
    if isinstance(condition, Criterion):
        return _meets_criterion(condition, values, descending)
    from rentomatic.postgres.condition_sql import build_condition  # noqa: PLC0415 - few filters need it

    return build_condition(
        condition,
        values,
        _PLACE,
        lambda criterion: _meets_criterion(criterion, values, descending),
        lambda box: _is_in_box(box, values),
    )


def _meets_criterion(criterion: Criterion, values: _Values, descending: Collection[str] = ()) -> str:
    """Return a condition on the index of the order, where it has one for the field."""
    if criterion.operator not in (*FIELDS[criterion.field].operators, *_LISTS):
        from rentomatic.postgres.condition_sql import build_text_criterion  # noqa: PLC0415 - as above

        return build_text_criterion(criterion, values)
    key = SortKey(criterion.field, criterion.field in descending)
    column = _indexed(key)
    is_known = f"{column} {'>' if key.is_descending else '<'} {key.unknown}"
    if criterion.operator == "is":
        return f"{column} = {key.unknown}" if criterion.value == NULL else is_known
    if isinstance(criterion.value, tuple):
        condition = f"{column} {_LISTS[criterion.operator]} ({', '.join(map(values.add, criterion.value))})"
    else:
        condition = f"{column} {_COMPARISONS[criterion.operator]} {values.add(criterion.value)}"
    if column != criterion.field and criterion.operator in _MATCHES_NULL_SENTINEL[key.is_descending]:
        condition += f" AND {is_known}"
    return condition


def _is_in_circle(circle: Circle | None, chord: str, values: _Values) -> list[str]:
    if circle is None:
        return []
    if circle.radius is None:
        return [f"{_PLACE} IS NOT NULL"]
    radius = circle.radius
    # The index finds a cuboid. The chord excludes its corners.
    corners = [tuple(x + sign * (radius + 1e-9) for x in circle.centre.vector()) for sign in (-1, 1)]
    cuboid = ",".join(map(_cube, corners))
    return [f"{_PLACE} <@ {values.add(cuboid)}::cube", f"{chord} <= {values.add(radius)}::float8"]


def _is_in_box(box: Box | None, values: _Values) -> list[str]:
    if box is None:
        return []
    cuboid = ",".join(map(_cube, box.vectors()))
    meridians = [
        f"longitude BETWEEN {values.add(west)}::float8 AND {values.add(east)}::float8" for west, east in box.longitudes
    ]
    return [
        f"{_PLACE} <@ {values.add(cuboid)}::cube",
        f"latitude BETWEEN {values.add(box.south)}::float8 AND {values.add(box.north)}::float8",
        f"({' OR '.join([*meridians, 'abs(latitude) = 90'])})",
    ]


def _is_after(keys: Sequence[tuple[str, bool]], after: Position, values: _Values) -> str:
    """Return the keyset pagination condition: a room comes after a position."""
    types = ["float8" if isinstance(value, float) else "bigint" for value in after]
    parameters = [f"{values.add(value)}::{type_}" for value, type_ in zip(after, types, strict=True)]
    expressions = [expression for expression, _ in keys]
    directions = {is_descending for _, is_descending in keys}
    if len(directions) == 1:
        # One row comparison, at which an index scan can start.
        comparison = "<" if directions.pop() else ">"
        return f"({', '.join(expressions)}) {comparison} ({', '.join(parameters)})"
    condition = ""
    for (expression, is_descending), value in reversed(list(zip(keys, parameters, strict=True))):
        further = f"{expression} {'<' if is_descending else '>'} {value}"
        condition = f"({further} OR {expression} = {value} AND {condition})" if condition else further
    first, is_descending = keys[0]
    return f"{first} {'<=' if is_descending else '>='} {parameters[0]} AND {condition}"


def _order(keys: Sequence[tuple[str, bool]], search: RoomSearch) -> str:
    is_in_area = (
        search.box is not None
        or (search.circle is not None and search.circle.radius is not None)
        or (not _is_plain(search) and _is_in_area(search))
    )
    is_by_distance = bool(search.order) and search.order[0].field == DISTANCE
    # Postgres estimates that any area holds a thousandth of the rooms. For a short page it would scan the index of the
    # order until it has found enough, 140 ms for a million rooms. Adding 0 makes it use the index of places.
    form = "({}) + 0" if is_in_area and not is_by_distance else "{}"
    return "ORDER BY " + ", ".join(form.format(key) + (" DESC" if is_descending else "") for key, is_descending in keys)


def _is_in_area(search: RoomSearch) -> bool:
    """Return whether the filter has only rooms in an area."""
    from rentomatic.domain.room_conditions import IsIn  # noqa: PLC0415 - see `_meets`

    return any(isinstance(condition, IsIn) and not condition.is_outside for condition in search.criteria)


def _cube(vector: Vector | tuple[float, ...]) -> str:
    return f"({','.join(map(repr, vector))})"
