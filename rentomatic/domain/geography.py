"""Places on the earth, modelled as a sphere of its mean radius."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of GRS 80 (Moritz, "Geodetic Reference System 1980")
RADIUS_MAX_KM = 20_016  # just over half the circumference, so the whole earth
_EVERYWHERE = 2.1  # longer than any chord of the unit sphere, whatever the rounding

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """A place.

    Attributes:
        latitude: Degrees north, -90 to 90.
        longitude: Degrees east, -180 to 180.
    """

    latitude: float
    longitude: float

    @classmethod
    def of(cls, latitude: float | None, longitude: float | None) -> Self | None:
        """Return the place; None if it is unknown or not on the earth."""
        if latitude is None or longitude is None:
            return None
        # Also False for NaN.
        is_on_earth = -90 <= latitude <= 90 and -180 <= longitude <= 180  # noqa: PLR2004
        return cls(latitude, longitude) if is_on_earth else None

    def vector(self) -> Vector:
        """Return the place as a point of the unit sphere."""
        latitude, longitude = math.radians(self.latitude), math.radians(self.longitude)
        return (
            math.cos(latitude) * math.cos(longitude),
            math.cos(latitude) * math.sin(longitude),
            math.sin(latitude),
        )


@dataclass(frozen=True)
class Circle:
    """The places within a great-circle distance of a centre, inclusive.

    Attributes:
        radius_km: Above 0, at most `RADIUS_MAX_KM`; None for the whole earth.
    """

    centre: Place
    radius_km: float | None = None

    @property
    def radius(self) -> float | None:
        """The radius as a chord of the unit sphere; None for the whole earth."""
        return None if self.radius_km is None else chord_of(self.radius_km * 1000)


@dataclass(frozen=True)
class Box:
    """The places between two meridians and two parallels, inclusive; a pole is on every meridian.

    Attributes:
        west: Degrees east; more than `east` if the box crosses the antimeridian (RFC 7946, section 5.2).
        south: Degrees north, at most `north`.
        keeps_unplaced: Whether a search in it also finds rooms whose place is unknown.
    """

    west: float
    south: float
    east: float
    north: float
    keeps_unplaced: bool = False

    @property
    def longitudes(self) -> tuple[tuple[float, float], ...]:
        """The ranges of longitude; -180 and 180 are the same meridian."""
        ranges = [(self.west, self.east)] if self.west <= self.east else [(self.west, 180.0), (-180.0, self.east)]
        if any(east == 180.0 for _, east in ranges):  # noqa: PLR2004
            ranges.append((-180.0, -180.0))
        if any(west == -180.0 for west, _ in ranges):  # noqa: PLR2004
            ranges.append((180.0, 180.0))
        return tuple(dict.fromkeys(ranges))

    def __contains__(self, place: Place) -> bool:
        return self.south <= place.latitude <= self.north and (
            abs(place.latitude) == 90.0  # noqa: PLR2004
            or any(west <= place.longitude <= east for west, east in self.longitudes)
        )

    def vectors(self) -> tuple[Vector, Vector]:
        """Return opposite corners of a cuboid that contains the box on the unit sphere."""
        south, north = math.radians(self.south), math.radians(self.north)
        cosines = _cosines(south, north)
        x = _product(cosines, _hull([_cosines(*map(math.radians, longitudes)) for longitudes in self.longitudes]))
        quarter = math.pi / 2
        sines = [_cosines(math.radians(west) - quarter, math.radians(east) - quarter) for west, east in self.longitudes]
        y = _product(cosines, _hull(sines))
        z = (math.sin(south), math.sin(north))
        margin = 1e-9  # 6 mm
        low, high = zip(*((minimum - margin, maximum + margin) for minimum, maximum in (x, y, z)), strict=True)
        return low, high


def chord_of(distance_m: float) -> float:
    """Return the chord of the unit sphere that subtends a great-circle distance.

    From half the circumference on it is longer than any real chord.
    """
    angle = distance_m / EARTH_RADIUS_M
    return 2 * math.sin(angle / 2) if angle < math.pi else _EVERYWHERE


def distance_of(chord: float) -> float:
    """Return the great-circle distance in metres that a chord of the unit sphere subtends."""
    return 2 * EARTH_RADIUS_M * math.asin(min(chord / 2, 1))


def _cosines(low: float, high: float) -> tuple[float, float]:
    """Return the range of the cosine over a range of angles."""
    ends = (math.cos(low), math.cos(high))
    period = 2 * math.pi
    has_maximum = math.floor(high / period) * period >= low
    has_minimum = math.floor((high - math.pi) / period) * period + math.pi >= low
    return (-1.0 if has_minimum else min(ends)), (1.0 if has_maximum else max(ends))


def _hull(ranges: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _product(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    products = [a * b for a in first for b in second]
    return min(products), max(products)
