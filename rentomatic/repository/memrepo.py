"""Rooms in memory."""

from __future__ import annotations

import operator
import re
from dataclasses import replace
from functools import partial
from math import dist
from typing import TYPE_CHECKING, Any

from rentomatic.domain.geography import Place
from rentomatic.domain.room import Room
from rentomatic.domain.room_conditions import AllOf, AnyOf, HasPlace, IsIn, Not
from rentomatic.domain.room_filters import NULL, Criterion, parse_filters
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.domain.room_search import RoomPage, sort_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rentomatic.domain.geography import Box, Circle
    from rentomatic.domain.room_conditions import Condition
    from rentomatic.domain.room_import import RoomUpdate
    from rentomatic.domain.room_search import Position, RoomSearch
    from rentomatic.use_cases.room_import import Removal


def _is_like(text: str, pattern: str) -> bool:
    r"""Return whether a pattern fits a text: % is any text, _ any character, and \ takes the meaning from the next."""
    wildcards = {"%": ".*", "_": "."}
    parts = (wildcards.get(part) or re.escape(part[-1]) for part in re.findall(r"\\?.", pattern, re.DOTALL))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "in": lambda value, values: value in values,
    "not_in": lambda value, values: value not in values,
    "like": _is_like,
    "not_like": lambda text, pattern: not _is_like(text, pattern),
}


class MemRepo:
    """Implements the ports of the use cases over dictionaries with a room's attributes as keys."""

    def __init__(self, data: Sequence[Mapping[str, Any]]) -> None:
        self.data = data
        self._row_ids: dict[str, int] = {}

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        criteria = parse_filters(filters)
        return [room for room in self._rooms() if _meets_all(room, criteria)]

    def search(self, search: RoomSearch) -> RoomPage:
        rooms = self._rooms()
        for room in rooms:  # a room keeps its id when others are added or removed
            self._row_ids.setdefault(str(room.code), len(self._row_ids))
        matches = [room for room in rooms if _meets_all(room, search.criteria) and _is_in_area(room, search)]
        positions = {room.code: self._position(room, search) for room in matches}
        key = partial(_sort_key, search)
        if search.after is not None:
            remaining = [room for room in matches if key(positions[room.code]) > key(search.after)]
        else:
            remaining = matches
        remaining.sort(key=lambda room: key(positions[room.code]))
        page = RoomPage(
            search,
            rooms=remaining,
            row_ids=[self._row_ids[str(room.code)] for room in remaining],
            chords=[_chord(room, search.circle) for room in remaining] if search.circle else None,
            count=len(matches) if search.is_counted else None,
        )
        return page.first(search.limit)

    def get(self, code: str) -> Room | None:
        return next((room for room in self._rooms() if room.code == code), None)

    def check(self) -> None:
        pass

    def write(
        self,
        updates: Iterable[RoomUpdate],
        removal: Removal | None = None,
        *,
        is_dry_run: bool = False,
    ) -> WrittenRooms:
        existing = {str(room.code): room for room in self._rooms()}
        new = {str(room.code): _kept(existing.get(str(room.code)), room, absent) for room, absent in updates}
        removed = self._removed(existing.keys() - new.keys(), removal, is_dry_run=is_dry_run)
        added = sum(code not in existing for code in new)
        unchanged = sum(existing.get(code) == room for code, room in new.items())
        if not is_dry_run:
            self.data = [room.to_dict() for code, room in {**existing, **new}.items() if code not in removed]
        return WrittenRooms(added, len(new) - added - unchanged, unchanged, len(removed))

    def _removed(self, codes: AbstractSet[str], removal: Removal | None, *, is_dry_run: bool) -> AbstractSet[str]:
        spared = removal.spared() if removal else None
        if removal is None or spared is None:
            return frozenset()
        removed = codes - set(spared)
        if not is_dry_run:
            removal.announce(len(removed), len(self.data))
        removal.check(len(removed), len(self.data))
        return removed

    def _rooms(self) -> Sequence[Room]:
        return [Room.from_dict({**fields, "code": str(fields["code"])}) for fields in self.data]

    def _position(self, room: Room, search: RoomSearch) -> Position:
        chord = _chord(room, search.circle) if search.circle else None
        return (*(sort_value(room, key, chord) for key in search.order), self._row_ids[str(room.code)])


def _kept(existing: Room | None, room: Room, absent: Sequence[str]) -> Room:
    """Return a room with the absent attributes of the existing one."""
    return replace(room, **{name: getattr(existing, name) for name in absent}) if existing and absent else room


def _meets_all(room: Room, conditions: Sequence[Condition]) -> bool:
    return all(_truth(room, condition) for condition in conditions)


def _truth(room: Room, condition: Condition) -> bool | None:
    """Return whether a condition is true or false; None if it is neither."""
    match condition:
        case Criterion():
            return _meets(room, condition)
        case Not(inner):
            truth = _truth(room, inner)
            return None if truth is None else not truth
        case AllOf(conditions):
            truths = {_truth(room, each) for each in conditions}
            return False if False in truths else None if None in truths else True
        case AnyOf(conditions):
            truths = {_truth(room, each) for each in conditions}
            return True if True in truths else None if None in truths else False
        case IsIn(area, is_outside):
            place = Place.of(room.latitude, room.longitude)
            return None if place is None else (place in area) != is_outside
        case HasPlace(value):
            return (Place.of(room.latitude, room.longitude) is not None) == value


def _meets(room: Room, criterion: Criterion) -> bool | None:
    value = getattr(room, criterion.field)
    if criterion.operator == "is":
        return (value is None) == (criterion.value == NULL)
    if value is None:
        return None
    return _OPERATORS[criterion.operator](value, criterion.value)


def _is_in_area(room: Room, search: RoomSearch) -> bool:
    place = Place.of(room.latitude, room.longitude)
    if place is None:
        return search.circle is None and (search.box is None or search.box.keeps_unplaced)
    return _is_in_circle(place, search.circle) and _is_in_box(place, search.box)


def _is_in_circle(place: Place, circle: Circle | None) -> bool:
    if circle is None or circle.radius is None:
        return True
    return dist(place.vector(), circle.centre.vector()) <= circle.radius


def _is_in_box(place: Place, box: Box | None) -> bool:
    return box is None or place in box


def _chord(room: Room, circle: Circle) -> float:
    return dist(Place(room.latitude, room.longitude).vector(), circle.centre.vector())


def _sort_key(search: RoomSearch, position: Position) -> tuple[float, ...]:
    *values, row_id = position
    signs = [-1 if key.is_descending else 1 for key in search.order]
    return (
        *(sign * value for sign, value in zip(signs, values, strict=True)),
        -row_id if search.is_reversed else row_id,
    )
