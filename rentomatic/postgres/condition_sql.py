"""Builds the SQL of conditions that only a filter in CQL2 has. Values are parameters, as in `room_sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rentomatic.domain.geography import Box
from rentomatic.domain.polygon import SHIFT
from rentomatic.domain.room_conditions import AllOf, AnyOf, HasPlace, IsIn, without_not
from rentomatic.domain.room_filters import Criterion

if TYPE_CHECKING:
    from collections.abc import Callable

    from rentomatic.domain.polygon import Polygon
    from rentomatic.domain.room_conditions import Condition

_COMPARISONS = {"ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# As `Polygon.__contains__`, in the same order of operations, so that both come to the same result.
_IS_IN_POLYGON = """(
    SELECT count(*) FILTER (WHERE side = 0 AND x BETWEEN least(x1, x2) AND greatest(x1, x2)) > 0
        OR count(*) FILTER (WHERE side > 0 AND y < y2) % 2 = 1
    FROM (SELECT longitude + {shift} AS x, latitude + {shift} AS y) AS place
    CROSS JOIN unnest({edges}) AS edge (x1, y1, x2, y2)
    CROSS JOIN LATERAL (SELECT (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1) AS side) AS triangle
    WHERE y BETWEEN y1 AND y2
)"""


class _Values(Protocol):
    def add(self, value: float | str) -> str:
        """Add a value and return its parameter."""


def build_condition(
    condition: Condition,
    values: _Values,
    place: str,
    build_criterion: Callable[[Criterion], str],
    build_box: Callable[[Box], list[str]],
) -> str:
    """Return SQL that is true where a condition is, and false or NULL elsewhere.

    Args:
        condition: The condition.
        values: What its values are added to.
        place: SQL of a room's place, or NULL if it is unknown.
        build_criterion: Returns the SQL of a criterion.
        build_box: Returns parts of SQL that are all true for a room in a box.
    """

    def build(condition: Condition) -> str:
        match condition:
            case Criterion():
                return f"({build_criterion(condition)})"
            case IsIn(area, is_outside):
                box, ring = (area, []) if isinstance(area, Box) else (area.box, [_is_in_polygon(area, values)])
                is_inside = " AND ".join([*build_box(box), *ring])
                return f"({place} IS NOT NULL AND NOT ({is_inside}))" if is_outside else f"({is_inside})"
            case HasPlace(value):
                return f"{place} IS {'NOT ' if value else ''}NULL"
            case AllOf(conditions):
                return f"({' AND '.join(map(build, conditions))})" if conditions else "true"
            case AnyOf(conditions):
                return f"({' OR '.join(map(build, conditions))})" if conditions else "false"
        raise TypeError(condition)

    return build(without_not(condition))


def build_text_criterion(criterion: Criterion, values: _Values) -> str:
    """Return SQL for a criterion on text other than equality.

    Texts are compared by their characters' numbers, as Python does, whatever the database's collation and encoding.
    """
    column, value = criterion.field, str(criterion.value)
    if operator := _COMPARISONS.get(criterion.operator):
        return f"convert_to({column}, 'UTF8') {operator} decode({values.add(value.encode().hex())}, 'hex')"
    return f"{column} {'NOT LIKE' if criterion.operator == 'not_like' else 'LIKE'} {values.add(value)}"


def _is_in_polygon(polygon: Polygon, values: _Values) -> str:
    columns = zip(*polygon.edges(), strict=True)
    edges = ", ".join(f"{values.add('{' + ','.join(map(repr, column)) + '}')}::float8[]" for column in columns)
    return _IS_IN_POLYGON.format(shift=SHIFT, edges=edges)
