"""A search for rooms, and a page of what it finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from rentomatic.domain.geography import distance_of
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.geography import Box, Circle
    from rentomatic.domain.room import Room
    from rentomatic.domain.room_filters import Criterion

DISTANCE = "distance"
SORTABLE = (*(name for name, field in FIELDS.items() if field.is_sortable), DISTANCE)
LIMIT_MAX = 10_000
LIMIT_DEFAULT = 1_000
UNKNOWN = INTEGER_MAX + 1  # stands for a price or size that is not known where rooms are sorted: as the highest

# Where a page ends: the last room's value of each sort key, and the number that the repository gave the room.
Position = tuple[int | float, ...]


@dataclass(frozen=True)
class SortKey:
    """One thing to sort by: a sortable field, or the distance from the centre of the circle."""

    field: str
    is_descending: bool = False


class RoomSearch(NamedTuple):
    """What is searched for, and which part of it.

    Attributes:
        criteria: All of them must be met.
        circle: Where the rooms must be; a room whose place is not known is nowhere.
        box: Likewise.
        order: What to sort by; ties, and everything if it is empty, by the order of insertion, reversed if the
            last key is descending.
        limit: The most rooms of a page, 1 to `LIMIT_MAX`.
        after: Where the page before ended; None for the first.
        is_counted: Whether to count all that match.
    """

    criteria: tuple[Criterion, ...] = ()
    circle: Circle | None = None
    box: Box | None = None
    order: tuple[SortKey, ...] = ()
    limit: int = LIMIT_DEFAULT
    after: Position | None = None
    is_counted: bool = False

    @property
    def is_reversed(self) -> bool:
        """Whether ties are in the reverse order of insertion."""
        return bool(self.order) and self.order[-1].is_descending


def sort_value(room: Room, key: SortKey, chord: float | None) -> int | float:
    """Return what a room is sorted by; the chord is that to the centre of the circle, if there is one."""
    value: int | float | None = chord if key.field == DISTANCE else getattr(room, key.field)
    return UNKNOWN if value is None else value


@dataclass(frozen=True)
class RoomPage:
    """Some of the rooms that a search found, in its order.

    Attributes:
        search: What was searched for.
        row_ids: What the repository tells each room from the others by, rising in the order of insertion.
        chords: Of the unit sphere, from each room to the centre of the circle; None if there is no circle.
        has_more: Whether there are rooms behind the last one.
        count: How many rooms match, on all pages; None if that was not asked.
    """

    search: RoomSearch
    rooms: Sequence[Room]
    row_ids: Sequence[int]
    chords: Sequence[float] | None = None
    has_more: bool = False
    count: int | None = None

    def first(self, number: int) -> RoomPage:
        """Return a page with the first of these rooms only."""
        if number >= len(self.rooms):
            return self
        return replace(
            self,
            rooms=self.rooms[:number],
            row_ids=self.row_ids[:number],
            chords=None if self.chords is None else self.chords[:number],
            has_more=True,
        )

    @property
    def end(self) -> Position | None:
        """Where the next page begins; None if this is the last one."""
        if not self.has_more:
            return None
        chord = None if self.chords is None else self.chords[-1]
        return (*(sort_value(self.rooms[-1], key, chord) for key in self.search.order), self.row_ids[-1])

    @property
    def distances_m(self) -> Sequence[float] | None:
        """The great-circle distance of each room from the centre of the circle; None if there is no circle."""
        return None if self.chords is None else list(map(distance_of, self.chords))
