"""Many rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, overload

from rentomatic.domain.room import Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

ATTRIBUTES = tuple(field.name for field in fields(Room))


class RoomColumns(Sequence[Room]):
    """Rooms kept attribute by attribute: a `Room` is made when somebody looks at it.

    To make, spell and forget thousands of rooms takes half the time like this.

    Args:
        columns: The values of each attribute of `Room`, in the order of its attributes.

    Raises:
        ValueError: a column is missing, or longer than another.
    """

    def __init__(self, columns: Iterable[Sequence[Any]]) -> None:
        self._columns = tuple(columns)
        if len(self._columns) != len(ATTRIBUTES) or len(set(map(len, self._columns))) != 1:
            raise ValueError("The columns must be those of all attributes, of one length")

    @classmethod
    def of(cls, rooms: Sequence[Room]) -> RoomColumns:
        """Return these rooms, kept like this."""
        if isinstance(rooms, RoomColumns):
            return rooms
        return cls([getattr(room, name) for room in rooms] for name in ATTRIBUTES)

    def columns(self, names: Iterable[str]) -> list[Sequence[Any]]:
        """Return the values of these attributes, room by room."""
        return [self._columns[ATTRIBUTES.index(name)] for name in names]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[Room]:
        return map(Room, *self._columns)

    @overload
    def __getitem__(self, index: int) -> Room: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Room | Self:
        values: Any = [column[index] for column in self._columns]
        return type(self)(values) if isinstance(index, slice) else Room(*values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # as a list has none

    def __repr__(self) -> str:
        return repr(list(self))
