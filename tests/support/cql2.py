"""Writes conditions as CQL2; cql2, a parser that is written in Rust, turns the JSON into text."""

from __future__ import annotations

from typing import Any

import cql2

from rentomatic.domain.geography import Box
from rentomatic.domain.room_conditions import AllOf, AnyOf, Condition, HasPlace, IsIn, Not
from rentomatic.domain.room_filters import NULL, Criterion

_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PLACE = {"property": "geometry"}


def as_text(condition: Condition) -> str:
    content = as_json(condition)
    return str(content).upper() if isinstance(content, bool) else cql2.Expr(content).to_text()


def as_json(condition: Condition) -> Any:  # noqa: PLR0911 - a case for each
    """Return the JSON of CQL2 that means the same."""
    match condition:
        case AllOf([]) | AnyOf([]):
            return isinstance(condition, AllOf)
        case AllOf([one]) | AnyOf([one]):
            return as_json(one)
        case AllOf(conditions) | AnyOf(conditions):
            return _operation("and" if isinstance(condition, AllOf) else "or", *map(as_json, conditions))
        case Not(inner):
            return _operation("not", as_json(inner))
        case HasPlace(value):
            is_null = _operation("isNull", _PLACE)
            return _operation("not", is_null) if value else is_null
        case IsIn(area, is_outside):
            is_inside = _operation("s_intersects", _PLACE, _area(area))
            return _operation("not", is_inside) if is_outside else is_inside
    return _criterion(condition)


def _criterion(criterion: Criterion) -> Any:
    operand = {"property": criterion.field}
    match criterion.operator:
        case "is":
            is_null = _operation("isNull", operand)
            return is_null if criterion.value == NULL else _operation("not", is_null)
        case "in":
            return _operation("in", operand, list(criterion.value))  # type: ignore[arg-type]
        case "like":
            return _operation("like", operand, criterion.value)
        case "not_like":
            return _operation("not", _operation("like", operand, criterion.value))
    return _operation(_COMPARISONS[criterion.operator], operand, criterion.value)


def _area(area: Any) -> Any:
    if isinstance(area, Box):
        return {"bbox": [area.west, area.south, area.east, area.north]}
    return {"type": "Polygon", "coordinates": area.rings}


def _operation(operator: str, *arguments: Any) -> Any:
    return {"op": operator, "args": list(arguments)}
