"""Rooms in memory."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import Criterion, parse_filters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HOLDS = {"eq": operator.eq, "lt": operator.lt, "gt": operator.gt}


class MemRepo:
    """A `RoomRepository`, and a `ReadableRepository`, over dictionaries with the attributes of a room as keys."""

    def __init__(self, data: Sequence[Mapping[str, Any]]) -> None:
        self.data = data

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        criteria = parse_filters(filters)
        rooms = (Room.from_dict({**fields, "code": str(fields["code"])}) for fields in self.data)
        return [room for room in rooms if all(_meets(room, criterion) for criterion in criteria)]

    def check(self) -> None:
        pass


def _meets(room: Room, criterion: Criterion) -> bool:
    value = getattr(room, criterion.field)
    return value is not None and _HOLDS[criterion.operator](value, criterion.value)
