"""A search for rooms and a page of its results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from rentomatic.domain.geography import distance_of
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.geography import Box, Circle
    from rentomatic.domain.room import Room
    from rentomatic.domain.room_conditions import Condition

DISTANCE = "distance"
SORTABLE = (*(name for name, field in FIELDS.items() if field.is_sortable), DISTANCE)
LIMIT_MAX = 10_000
LIMIT_DEFAULT = 1_000

# The end of a page: the last room's value of each sort key, then its row id.
Position = tuple[int | float, ...]


@dataclass(frozen=True)
class SortKey:
    """A sort key: a sortable field, or the distance from the centre of the circle."""

    field: str
    is_descending: bool = False

    @property
    def unknown(self) -> int:
        """The value that sorts an unknown price or size after all others, in either direction."""
        return INTEGER_MIN - 1 if self.is_descending else INTEGER_MAX + 1


class RoomSearch(NamedTuple):
    """A search and the page of it to return.

    Attributes:
        criteria: Conditions, all of which a room must meet.
        circle: The area of the rooms; a room whose place is unknown is outside.
        box: The same, as a box, which may keep such rooms if there is no circle.
        order: Sort keys. Unknown values come last. Ties are in the order of insertion, reversed if the last key is
            descending.
        limit: The maximum number of rooms on a page, 1 to `LIMIT_MAX`.
        after: The end of the previous page; None for the first page.
        is_counted: Whether to count all matches.
    """

    criteria: tuple[Condition, ...] = ()
    circle: Circle | None = None
    box: Box | None = None
    order: tuple[SortKey, ...] = ()
    limit: int = LIMIT_DEFAULT
    after: Position | None = None
    is_counted: bool = False

    @property
    def is_reversed(self) -> bool:
        """Whether ties are in reverse order of insertion."""
        return bool(self.order) and self.order[-1].is_descending


def sort_value(room: Room, key: SortKey, chord: float | None) -> int | float:
    """Return the value that sorts a room; `chord` is the one to the centre of the circle, if any."""
    value: int | float | None = chord if key.field == DISTANCE else getattr(room, key.field)
    return key.unknown if value is None else value


@dataclass(frozen=True)
class RoomPage:
    """A page of the rooms that a search found, in its order.

    Attributes:
        search: The search.
        row_ids: The repository's unique id of each room, increasing in the order of insertion.
        chords: The chord of the unit sphere from each room to the centre of the circle; None without a circle.
        has_more: Whether more rooms follow the last one.
        count: The number of matches on all pages; None if they were not counted.
    """

    search: RoomSearch
    rooms: Sequence[Room]
    row_ids: Sequence[int]
    chords: Sequence[float] | None = None
    has_more: bool = False
    count: int | None = None

    def first(self, number: int) -> RoomPage:
        """Return a page with only the first rooms."""
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
        """The position after which the next page begins; None on the last page."""
        if not self.has_more:
            return None
        chord = None if self.chords is None else self.chords[-1]
        return (*(sort_value(self.rooms[-1], key, chord) for key in self.search.order), self.row_ids[-1])

    @property
    def distances_m(self) -> Sequence[float] | None:
        """Great-circle distances from the centre of the circle in metres; None without a circle."""
        return None if self.chords is None else list(map(distance_of, self.chords))
