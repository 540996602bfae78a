"""Searches for rooms in SQL. Values are parameters, always: `$1`, `$2`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rentomatic.domain.room_fields import FIELDS, Integer
from rentomatic.domain.room_search import DISTANCE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.geography import Box, Circle, Vector
    from rentomatic.domain.room_filters import Criterion
    from rentomatic.domain.room_search import Position, RoomSearch

_COLUMNS = "code, size, price, longitude, latitude"
# As the indexes have them (see the migrations): a value that is not known sorts as the highest.
_SORTED = {
    name: f"COALESCE({name}, {UNKNOWN})" if isinstance(field.kind, Integer) else name for name, field in FIELDS.items()
}
_PLACE = "room_place(latitude, longitude)"
_OPERATORS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_TRUE_OF_UNKNOWN = ("ne", "gt", "gte")


class Statement:
    """A statement in the making: its parameters get their numbers as they are added."""

    def __init__(self) -> None:
        self.values: list[float | str] = []

    def add(self, value: float | str) -> str:
        """Add a value, and return what stands for it in the statement."""
        self.values.append(value)
        return f"${len(self.values)}"


def build_list(criteria: Sequence[Criterion]) -> tuple[str, Sequence[float | str]]:
    """Return the statement for the rooms that meet every criterion, and the values of its parameters."""
    statement = Statement()
    where = _where([_meets(criterion, statement) for criterion in criteria])
    return f"SELECT {_COLUMNS} FROM room{where} ORDER BY id", statement.values


def build_get(code: str) -> tuple[str, Sequence[float | str]]:
    """Return the statement for the room with this code."""
    return f"SELECT {_COLUMNS} FROM room WHERE code = $1", [code]


def build_search(search: RoomSearch) -> tuple[str, Sequence[float | str]]:
    """Return the statement for a page and one room more, if there is one.

    Its columns are those of `build_list`, the room's number, the chord from the centre of the circle, and how many
    match; the last two are NULL if the search has no circle, or does not count.
    """
    statement = Statement()
    chord = "NULL"
    if search.circle:
        chord = f"{_PLACE} <-> {statement.add(_cube(search.circle.centre.vector()))}::cube"
    matches = [_meets(criterion, statement) for criterion in search.criteria]
    matches += _is_in_circle(search.circle, chord, statement) + _is_in_box(search.box, statement)
    count = f"(SELECT count(*) FROM room{_where(matches)})" if search.is_counted else "NULL"
    keys = [(chord if key.field == DISTANCE else _SORTED[key.field], key.is_descending) for key in search.order]
    keys.append(("id", search.is_reversed))
    if search.after is not None:
        matches = [*matches, _is_behind(keys, search.after, statement)]
    limit = statement.add(search.limit + 1)
    sql = f"SELECT {_COLUMNS}, id, {chord}, {count} FROM room{_where(matches)} {_order(keys, search)} LIMIT {limit}"
    return sql, statement.values


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _meets(criterion: Criterion, statement: Statement) -> str:
    column = _SORTED[criterion.field]
    if isinstance(criterion.value, tuple):
        return f"{column} IN ({', '.join(map(statement.add, criterion.value))})"
    condition = f"{column} {_OPERATORS[criterion.operator]} {statement.add(criterion.value)}"
    if column != criterion.field and criterion.operator in _TRUE_OF_UNKNOWN:
        condition += f" AND {column} < {UNKNOWN}"
    return condition


def _is_in_circle(circle: Circle | None, chord: str, statement: Statement) -> list[str]:
    if circle is None:
        return []
    if circle.radius is None:
        return [f"{_PLACE} IS NOT NULL"]
    radius = circle.radius
    # The index knows cuboids; what is in its corners is sorted out by the chord.
    corners = [tuple(x + sign * (radius + 1e-9) for x in circle.centre.vector()) for sign in (-1, 1)]
    cuboid = ",".join(map(_cube, corners))
    return [f"{_PLACE} <@ {statement.add(cuboid)}::cube", f"{chord} <= {statement.add(radius)}::float8"]


def _is_in_box(box: Box | None, statement: Statement) -> list[str]:
    if box is None:
        return []
    cuboid = ",".join(map(_cube, box.vectors()))
    meridians = [
        f"longitude BETWEEN {statement.add(west)}::float8 AND {statement.add(east)}::float8"
        for west, east in box.longitudes
    ]
    return [
        f"{_PLACE} <@ {statement.add(cuboid)}::cube",
        f"latitude BETWEEN {statement.add(box.south)}::float8 AND {statement.add(box.north)}::float8",
        f"({' OR '.join([*meridians, 'abs(latitude) = 90'])})",
    ]


def _is_behind(keys: Sequence[tuple[str, bool]], after: Position, statement: Statement) -> str:
    """Return the condition that a room comes after a position: keyset pagination."""
    types = ["float8" if isinstance(value, float) else "bigint" for value in after]
    values = [f"{statement.add(value)}::{type_}" for value, type_ in zip(after, types, strict=True)]
    expressions = [expression for expression, _ in keys]
    directions = {is_descending for _, is_descending in keys}
    if len(directions) == 1:
        # One comparison of rows, which an index can begin at.
        comparison = "<" if directions.pop() else ">"
        return f"({', '.join(expressions)}) {comparison} ({', '.join(values)})"
    condition = ""
    for (expression, is_descending), value in reversed(list(zip(keys, values, strict=True))):
        further = f"{expression} {'<' if is_descending else '>'} {value}"
        condition = f"({further} OR {expression} = {value} AND {condition})" if condition else further
    first, is_descending = keys[0]
    return f"{first} {'<=' if is_descending else '>='} {values[0]} AND {condition}"


def _order(keys: Sequence[tuple[str, bool]], search: RoomSearch) -> str:
    is_in_area = search.box is not None or (search.circle is not None and search.circle.radius is not None)
    is_by_distance = bool(search.order) and search.order[0].field == DISTANCE
    # Postgres takes every area for a thousandth of the rooms. For a short page it would walk the index of the order
    # until it comes upon enough of them, through a million rooms in 140 ms; to add nothing keeps it to that of places.
    form = "({}) + 0" if is_in_area and not is_by_distance else "{}"
    return "ORDER BY " + ", ".join(form.format(key) + (" DESC" if is_descending else "") for key, is_descending in keys)


def _cube(vector: Vector | tuple[float, ...]) -> str:
    return f"({','.join(map(repr, vector))})"
