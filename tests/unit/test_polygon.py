"""Polygons, by the word of GEOS."""

from __future__ import annotations

import shapely
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.geography import Box, Place
from rentomatic.domain.polygon import Polygon

corners = st.tuples(st.integers(-6, 6).map(float), st.integers(-6, 6).map(float))
halves = st.integers(-14, 14).map(lambda number: number / 2)


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """A valid polygon on a small grid, maybe with a hole, whose points often lie on its borders."""
    ring = draw(st.lists(corners, min_size=3, max_size=7, unique=True).filter(_is_valid))
    holes = [draw(st.lists(corners, min_size=3, max_size=4, unique=True))] if draw(st.booleans()) else []
    if not (holes and _is_valid(holes[0]) and shapely.Polygon(ring, holes).is_valid):
        holes = []
    return Polygon(tuple((*each, each[0]) for each in (ring, *holes)))


def _is_valid(ring: list[tuple[float, float]]) -> bool:
    return bool(shapely.Polygon(ring).is_valid)


@given(polygons(), halves, halves)
def test_a_place_is_in_a_polygon_or_on_its_border(polygon: Polygon, longitude: float, latitude: float) -> None:
    border, *holes = polygon.rings

    is_inside = Place(latitude, longitude) in polygon

    assert is_inside == shapely.Polygon(border, holes).covers(shapely.Point(longitude, latitude))
    assert Place(latitude, longitude) in polygon.box or not is_inside


def test_a_box_is_around_a_polygon() -> None:
    polygon = Polygon((((1.0, 2.0), (3.0, 2.5), (2.0, 4.0), (1.0, 2.0)),))

    assert polygon.box == Box(1.0, 2.0, 3.0, 4.0)
