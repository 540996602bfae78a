from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.geography import EARTH_RADIUS_M, Box, Circle, Place, chord_of, distance_of

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
boxes = st.builds(lambda w, e, a, b: Box(w, min(a, b), e, max(a, b)), longitudes, longitudes, latitudes, latitudes)
places = st.builds(Place, latitudes, longitudes)


@st.composite
def boxes_with_a_place(draw: st.DrawFn) -> tuple[Box, Place]:
    """Draw a box and a place in it; a pole is in it at any longitude."""
    box = draw(boxes)
    latitude = draw(st.floats(box.south, box.north))
    west, east = draw(st.sampled_from(box.longitudes)) if abs(latitude) < 90 else (-180.0, 180.0)
    return box, Place(latitude, draw(st.floats(west, east)))


@pytest.mark.parametrize(
    ("one", "other", "distance_m"),
    [
        (Place(0, 0), Place(0, 180), math.pi * EARTH_RADIUS_M),
        (Place(90, 0), Place(-90, 123), math.pi * EARTH_RADIUS_M),
        (Place(0, 0), Place(0, 1), math.pi / 180 * EARTH_RADIUS_M),
        (Place(10, 179.5), Place(10, -179.5), 109_505.7),
        (Place(53.55, 9.99), Place(52.52, 13.405), 255_400),  # Hamburg to Berlin
    ],
)
def test_distances_are_along_the_great_circle(one: Place, other: Place, distance_m: float) -> None:
    chord = math.dist(one.vector(), other.vector())

    assert distance_of(chord) == pytest.approx(distance_m, rel=1e-3)


@given(st.floats(0, 20_015_000))
def test_a_chord_and_its_distance_say_the_same(distance_m: float) -> None:
    assert distance_of(chord_of(distance_m)) == pytest.approx(distance_m, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("radius_km", [20_016.0, None])
def test_the_largest_circle_is_everywhere(radius_km: float | None) -> None:
    radius = Circle(Place(0, 0), radius_km).radius

    assert radius is None or radius >= math.dist(Place(0, 0).vector(), Place(0, 180).vector())


@given(box_and_place=boxes_with_a_place())
def test_the_cuboid_around_a_box_holds_all_of_it(box_and_place: tuple[Box, Place]) -> None:
    box, place = box_and_place
    assert place in box
    low, high = box.vectors()

    assert all(least <= x <= most for least, x, most in zip(low, place.vector(), high, strict=True))


@given(st.floats(-89, 89), st.floats(-179, 179))
def test_the_cuboid_around_a_small_box_is_small(latitude: float, longitude: float) -> None:
    low, high = Box(longitude, latitude, longitude + 0.1, latitude + 0.1).vectors()

    assert math.dist(low, high) < 0.01
