"""Conditions on rooms: criteria and places, joined by AND, OR and NOT.

As in SQL a condition is true, false or, where a room's value is unknown, neither; then its opposite is neither, too. A
search finds the rooms for which its conditions are true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rentomatic.domain.room_filters import NOT_NULL, NULL, Criterion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rentomatic.domain.geography import Box
    from rentomatic.domain.polygon import Polygon


_OPPOSITES = {"eq": "ne", "lt": "gte", "gt": "lte", "like": "not_like", "in": "not_in"}
_OPPOSITES |= {opposite: operator for operator, opposite in _OPPOSITES.items()}


@dataclass(frozen=True)
class AllOf:
    """Every condition is true; without any it is always true."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class AnyOf:
    """A condition is true; without any it never is."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True)
class IsIn:
    """The room's place is in an area, or with `is_outside` it is not; neither if it is unknown."""

    area: Box | Polygon
    is_outside: bool = False


@dataclass(frozen=True)
class HasPlace:
    """The room's place is known, or with False it is not."""

    value: bool = True


Condition = Criterion | AllOf | AnyOf | Not | IsIn | HasPlace


def replace_criteria(condition: Condition, change: Callable[[Criterion], Condition]) -> Condition:
    """Return a condition whose criteria are changed."""
    match condition:
        case Criterion():
            return change(condition)
        case Not(inner):
            return Not(replace_criteria(inner, change))
        case AllOf(conditions) | AnyOf(conditions):
            return replace(condition, conditions=tuple(replace_criteria(each, change) for each in conditions))
        case _:
            return condition


def parts_of(condition: Condition) -> Iterator[Condition]:
    """Yield conditions that are all true if and only if this one is, as many as there are."""
    if isinstance(condition, AllOf):
        for each in condition.conditions:
            yield from parts_of(each)
    else:
        yield condition


def without_not(condition: Condition) -> Condition:
    """Return an equivalent condition, in which no `Not` occurs, by De Morgan's laws."""
    if isinstance(condition, Not):
        return _opposite(condition.condition)
    if isinstance(condition, AllOf | AnyOf):
        return replace(condition, conditions=tuple(map(without_not, condition.conditions)))
    return condition


def _opposite(condition: Condition) -> Condition:  # noqa: PLR0911 - a case for each
    """Return a condition without `Not` that is true where the other is false."""
    match condition:
        case Not(inner):
            return without_not(inner)
        case AllOf(conditions):
            return AnyOf(tuple(map(_opposite, conditions)))
        case AnyOf(conditions):
            return AllOf(tuple(map(_opposite, conditions)))
        case IsIn(_, is_outside):
            return replace(condition, is_outside=not is_outside)
        case HasPlace(value):
            return HasPlace(not value)
        case Criterion(_, "is", value):
            return replace(condition, value=NOT_NULL if value == NULL else NULL)
        case _:
            return replace(condition, operator=_OPPOSITES[condition.operator])
