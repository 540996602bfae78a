"""Finds places that are far from all others, in constant memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CELL = 5  # degrees
_ROWS = 180 // _CELL
_COLUMNS = 360 // _CELL
_PLACES_MIN = 4
_FAR_MAX = 0.01  # of all places, in one part of the earth
_ALL_FAR_MAX = 0.1  # of all places; beyond it they are spread over the earth

Cell = tuple[int, int]


class FarPlaces(NamedTuple):
    """Places far from all others.

    Attributes:
        total: How many there are.
        number: The number with which one of them was added; 0 if there are none.
        latitude, longitude: Where that one is.
    """

    total: int = 0
    number: int = 0
    latitude: float = 0
    longitude: float = 0


class PlaceGrid:
    """Counts places in cells of the earth, at most 2,592.

    Places in neighbouring cells belong together, so what is far from all others is at least `_CELL` degrees away.
    """

    def __init__(self) -> None:
        self._counts: dict[Cell, int] = {}
        self._first: dict[Cell, tuple[int, float, float]] = {}

    def add(self, latitude: float, longitude: float, number: int) -> None:
        """Count a place on the earth, which is told by its number."""
        cell = (
            min(int((latitude + 90) // _CELL), _ROWS - 1),
            int((longitude + 180) // _CELL) % _COLUMNS,
        )
        if cell in self._counts:
            self._counts[cell] += 1
        else:
            self._counts[cell] = 1
            self._first[cell] = number, latitude, longitude

    def far(self) -> FarPlaces:
        """Return the places that are few and far from all others; none if places are spread over the earth."""
        total = sum(self._counts.values())
        parts = sorted((sum(self._counts[cell] for cell in part), part) for part in self._parts())
        far = [(count, part) for count, part in parts[:-1] if count <= max(1, total * _FAR_MAX)]
        count = sum(count for count, _ in far)
        if not far or total < _PLACES_MIN or count > max(1, total * _ALL_FAR_MAX):
            return FarPlaces()
        return FarPlaces(count, *min(self._first[cell] for _, part in far for cell in part))

    def _parts(self) -> Iterator[list[Cell]]:
        """Yield the cells with places, those that are connected together."""
        left = dict.fromkeys(self._counts)
        while left:
            part = []
            todo = deque([next(iter(left))])
            left.pop(todo[0])
            while todo:
                row, column = cell = todo.popleft()
                part.append(cell)
                neighbours = [(row + up, (column + right) % _COLUMNS) for up in (-1, 0, 1) for right in (-1, 0, 1)]
                for each in neighbours:
                    if each in left:
                        left.pop(each)
                        todo.append(each)
            yield part
