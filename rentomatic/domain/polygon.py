"""A polygon on a map of longitude and latitude."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from rentomatic.domain.geography import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rentomatic.domain.geography import Place

    Point = tuple[float, float]
    Edge = tuple[float, float, float, float]

SHIFT = 512.0


@dataclass(frozen=True)
class Polygon:
    """The places inside of one ring and outside of those within it, borders included.

    An edge is a straight line in degrees, as GIS draw it with CRS84, and not a great circle.

    Attributes:
        rings: Points (longitude, latitude) in degrees, at least four in each ring, of which the last is the first.
    """

    rings: tuple[tuple[Point, ...], ...]

    @property
    def box(self) -> Box:
        """The box around the polygon."""
        longitudes, latitudes = zip(*self.rings[0], strict=True)
        return Box(min(longitudes), min(latitudes), max(longitudes), max(latitudes))

    def edges(self) -> Iterator[Edge]:
        """Yield the southern and the northern end of each edge as x, y, x, y, all `shifted`."""
        for ring in self.rings:
            for points in pairwise(ring):
                south, north = sorted(points, key=itemgetter(1))
                yield (*map(shifted, south), *map(shifted, north))  # type: ignore[misc] # of four numbers

    def __contains__(self, place: Place) -> bool:
        if place not in self.box:  # `shifted` rounds, and a hole of an invalid polygon may be elsewhere
            return False
        x, y = shifted(place.longitude), shifted(place.latitude)
        is_inside = False
        for x1, y1, x2, y2 in self.edges():
            if not y1 <= y <= y2:
                continue
            # Twice the area of the triangle of the edge and the point: its sign says on which side the point is.
            side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
            if side == 0 and min(x1, x2) <= x <= max(x1, x2):
                return True
            # The edge crosses the parallel of the point, east of it (the even-odd rule).
            if side > 0 and y < y2:
                is_inside = not is_inside
        return is_inside


def shifted(degrees: float) -> float:
    """Return an angle plus 512, which rounds it to 2**-43 degrees, 13 nanometres.

    The product of two differences of such numbers is zero or above 2**-89, where products of smaller numbers may be too
    small for a float, which Postgres reports as an error.
    """
    return degrees + SHIFT
