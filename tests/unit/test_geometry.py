"""A point inside of polygons."""

from __future__ import annotations

from math import cos, pi, sin

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, mapping

from rentomatic.serializers.files.geometry import point_inside

coordinates = st.integers(-1_000, 1_000).map(lambda number: number / 10)
rings = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=12, unique=True)


def star(radii: list[float], x: float = 0, y: float = 0) -> list[tuple[float, float]]:
    """Return the corners of a star, which is a simple polygon, with these radii."""
    angles = [2 * pi * index / len(radii) for index in range(len(radii))]
    return [(x + radius * cos(angle), y + radius * sin(angle)) for radius, angle in zip(radii, angles, strict=True)]


stars = st.lists(st.floats(1, 20), min_size=3, max_size=30).map(star)


@given(ring=rings)
def test_the_point_is_inside_of_any_valid_ring(ring: list[tuple[float, float]]) -> None:
    polygon = Polygon(ring)
    assume(polygon.is_valid and polygon.area > 1e-6)

    point = point_inside([mapping(polygon)["coordinates"]])

    assert point
    assert polygon.contains(Point(point))


@given(
    outer=stars, holes=st.lists(st.tuples(rings, coordinates, coordinates), max_size=3), places=st.lists(coordinates)
)
def test_the_point_is_outside_of_holes_and_in_one_of_the_parts(
    outer: list[tuple[float, float]], holes: list[tuple[list[tuple[float, float]], float, float]], places: list[float]
) -> None:
    shape = Polygon(outer)
    for ring, x, y in holes:
        shape = shape.difference(Polygon([(x / 10 + each / 50, y / 10 + other / 50) for each, other in ring]).buffer(0))
    parts = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon)]
    whole = MultiPolygon([part for part in parts if part.area > 1e-6][: len(places) + 1])
    assume(not whole.is_empty and whole.is_valid)

    point = point_inside(mapping(whole)["coordinates"])

    assert point
    assert whole.contains(Point(point))


def test_it_is_in_the_middle_of_what_is_wide() -> None:
    square = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)]

    assert point_inside([[square]]) == (2, 2)
    assert point_inside([[square, [(1, 1), (2, 1), (2, 3), (1, 3), (1, 1)]]]) == (3, 2)
    assert point_inside([[[(9, 9), (10, 9), (10, 10), (9, 10)]], [square]]) == (2, 2)


@pytest.mark.parametrize("polygons", [[], [[]], [[[]]], [[[(0, 0), (1, 1), (0, 0)]]], [[[(0, 0), (1, 0), (2, 0)]]]])
def test_what_has_no_area_has_no_point(polygons: list[list[list[tuple[float, float]]]]) -> None:
    assert point_inside(polygons) is None
