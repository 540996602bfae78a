"""Finds a point inside a polygon."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Ring = Sequence[tuple[float, float]]


_LINES_MAX = 8


def point_inside(polygons: Any) -> tuple[float, float] | None:
    """Return the x and y of a point inside polygons, or None if they have no area.

    It is on a horizontal line near the middle, halfway through the widest part that is inside.

    Args:
        polygons: The coordinates of a MultiPolygon (RFC 7946, section 3.1.7).

    Raises:
        ValueError, TypeError: the coordinates are something else.
    """
    parts = [[_ring(ring) for ring in polygon] for polygon in polygons]
    found = [_widest(part) for part in parts if part]
    depth, x, y = max(found, default=(0.0, 0.0, 0.0))
    return (x, y) if depth > 0 else None


def _ring(positions: Iterable[Any]) -> Ring:
    ring = [(float(x), float(y)) for x, y, *_ in positions]
    if not all(map(math.isfinite, (number for position in ring for number in position))):
        raise ValueError("A position is not finite")
    return ring


def _widest(rings: Sequence[Ring]) -> tuple[float, float, float]:
    """Return how far inside the rings a point is, and the point, on the best of a few lines between corners."""
    levels = sorted({y for ring in rings for _, y in ring})
    middle = (levels[0] + levels[-1]) / 2 if levels else 0.0
    gaps = sorted(pairwise(levels), key=lambda gap: abs(sum(gap) / 2 - middle))
    return max((_point(rings, low, high) for low, high in gaps[:_LINES_MAX]), default=(0.0, 0.0, 0.0))


def _point(rings: Sequence[Ring], low: float, high: float) -> tuple[float, float, float]:
    """Return the middle of the widest part inside of the line between two levels with no corner between them."""
    y = (low + high) / 2
    crossings = sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        for ring in rings
        for (x1, y1), (x2, y2) in pairwise([*ring, *ring[:1]])
        if (y1 > y) != (y2 > y)
    )
    spans = zip(crossings[::2], crossings[1::2], strict=True)
    width, left = max(((right - left, left) for left, right in spans), default=(0.0, 0.0))
    return min(width, high - low), left + width / 2, y
