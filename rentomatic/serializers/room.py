"""Serializes rooms for clients."""

from __future__ import annotations

import json
from itertools import starmap
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rentomatic.domain.room_columns import RoomColumns
from rentomatic.trimmed_msgspec import Struct, asdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room import Room


class ShownRoom(Struct, gc=False):  # its values contain no references
    """A room as clients see it, with the same order of members in every format."""

    code: str
    size: int | None
    price: int | None
    latitude: float | None
    longitude: float | None


class ShownRoomWithDistance(ShownRoom):
    """A room in the results of a search around a place."""

    distance_m: float


MEMBERS = ShownRoom.__struct_fields__
_members_of = attrgetter(*MEMBERS)
_DISTANCE_DIGITS = 1  # decimals of metres


class RoomJsonEncoder(json.JSONEncoder):
    """Encodes rooms anywhere in a value: `json.dumps(rooms, cls=RoomJsonEncoder)`."""

    def default(self, o: Any) -> Any:
        try:
            return asdict(show(o))
        except AttributeError:
            return super().default(o)


def show(room: Any) -> ShownRoom:
    """Return a room as clients see it.

    Raises:
        AttributeError: the argument is not a room.
    """
    code, *others = _members_of(room)
    return ShownRoom(str(code), *others)


def show_all(rooms: Sequence[Room], distances_m: Sequence[float] | None = None) -> list[ShownRoom]:
    """Return rooms as clients see them, with distances if given; UUIDs are not converted.

    Raises:
        ValueError: the numbers of rooms and distances differ.
    """
    columns = RoomColumns.of(rooms).columns(MEMBERS)
    if distances_m is None:
        return list(map(ShownRoom, *columns))
    rounded = [round(distance_m, _DISTANCE_DIGITS) for distance_m in distances_m]
    return list(starmap(ShownRoomWithDistance, zip(*columns, rounded, strict=True)))
