"""What every `RoomRepository` must do. A class per adapter inherits it and says how to fill the adapter."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.room import Room
from rentomatic.domain.room_fields import INTEGER_MAX, INTEGER_MIN
from rentomatic.domain.room_filters import FILTER_KEYS, IS_VALUES, Criterion, InvalidFiltersError, parse_filters
from rentomatic.use_cases.room_list import RoomRepository

RepositoryOf = Callable[[Sequence[Room]], RoomRepository]

CODE = "f853578c-fc0f-4e65-81b8-566c5dffa35a"
OTHER_CODE = "fe2c3195-aeff-487a-a08f-e0bdc0ec6e9a"


def a_room(**fields: Any) -> Room:
    """Return a room of which only `fields` matter."""
    return Room(**{"code": CODE, "size": 20, "price": 40, "longitude": 9.99, "latitude": 53.55, **fields})


integers = st.integers(INTEGER_MIN, INTEGER_MAX)
# Few prices and codes, so that filters meet some rooms and not others; and now and then any at all.
prices = st.integers(-2, 3) | integers
codes = st.sampled_from([CODE, OTHER_CODE]) | st.uuids().map(str)
rooms = st.builds(
    Room,
    code=codes,
    size=integers,
    price=prices,
    longitude=st.floats(-180, 180),
    latitude=st.floats(-90, 90),
)
price_texts = st.builds(
    lambda price, plus, zeros: f"{'-' if price < 0 else plus}{'0' * zeros}{abs(price)}",
    prices,
    st.sampled_from(["", "+"]),
    st.integers(0, 3),
)
code_values = codes | codes.map(UUID) | st.text("0123456789abcdef-")
integer_values = prices | price_texts


def _filter_values(key: str) -> st.SearchStrategy[Any]:
    if key.endswith("is"):
        return st.sampled_from(IS_VALUES)
    values: st.SearchStrategy[Any] = code_values if key.startswith("code") else integer_values
    if not key.endswith("in"):
        return values
    several = st.lists(values, min_size=1, max_size=4)
    return several | several.map(lambda values: ",".join(map(str, values)))


filters = st.fixed_dictionaries({}, optional={key: _filter_values(key) for key in FILTER_KEYS})

_HOLDS = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def meets(room: Room, criterion: Criterion) -> bool:
    """Say in the fewest words whether a room meets a criterion: the oracle of the properties."""
    value = getattr(room, criterion.field)
    if criterion.operator == "is":
        return (value is None) == (criterion.value == "null")
    if value is None:
        return False
    if isinstance(criterion.value, tuple):
        return value in criterion.value
    return bool(_HOLDS[criterion.operator](value, criterion.value))


class RoomRepositoryContract:
    """Inherit, and define the fixture `repository_of`: rooms in, a repository that holds just these out."""

    @pytest.fixture
    def repository_of(self) -> RepositoryOf:
        raise NotImplementedError

    @given(rooms=st.lists(rooms, max_size=8, unique_by=lambda room: str(room.code)), filters=filters)
    def test_rooms_that_match_come_back_in_insertion_order(
        self, repository_of: RepositoryOf, rooms: list[Room], filters: dict[str, Any]
    ) -> None:
        criteria = parse_filters(filters)
        expected = [room for room in rooms if all(meets(room, criterion) for criterion in criteria)]

        assert repository_of(rooms).list(filters=filters) == expected

    def test_without_filters_every_room_comes_back(self, repository_of: RepositoryOf) -> None:
        every_room = [a_room(code=OTHER_CODE), a_room()]
        repository = repository_of(every_room)

        assert repository.list() == every_room
        assert repository.list(filters=None) == every_room
        assert repository.list(filters={}) == every_room

    def test_an_empty_repository_has_no_rooms(self, repository_of: RepositoryOf) -> None:
        assert repository_of([]).list() == []

    def test_the_code_comes_back_as_text(self, repository_of: RepositoryOf) -> None:
        (room,) = repository_of([a_room(code=UUID(CODE))]).list()

        assert room.code == CODE

    def test_a_code_can_be_given_as_a_uuid(self, repository_of: RepositoryOf) -> None:
        assert repository_of([a_room()]).list(filters={"code__eq": UUID(CODE)}) == [a_room()]

    @pytest.mark.parametrize("code", ["", "no UUID", "' OR 1=1 --", CODE.upper(), f"{CODE} ", "é☃\U0001f600", 1])
    def test_an_unknown_code_matches_no_room(self, repository_of: RepositoryOf, code: object) -> None:
        assert repository_of([a_room()]).list(filters={"code__eq": code}) == []

    @pytest.mark.parametrize(
        "key", [key for key in FILTER_KEYS if key.startswith("price") and not key.endswith("__is")]
    )
    def test_a_room_whose_price_is_not_known_meets_no_filter_on_it(self, repository_of: RepositoryOf, key: str) -> None:
        repository = repository_of([a_room(price=None)])

        assert repository.list(filters={key: 0}) == []
        assert repository.list() == [a_room(price=None)]

    @pytest.mark.parametrize("field", ["price", "size"])
    def test_a_filter_finds_what_is_unknown_or_known(self, repository_of: RepositoryOf, field: str) -> None:
        known = [a_room(**{field: INTEGER_MIN}), a_room(code=OTHER_CODE, **{field: INTEGER_MAX})]
        unknown = a_room(code="unknown", **{field: None})
        repository = repository_of([*known, unknown])

        assert repository.list(filters={f"{field}__is": "null"}) == [unknown]
        assert repository.list(filters={f"{field}__is": "not_null"}) == known

    @pytest.mark.parametrize(
        "filters",
        [
            {"colour__eq": "red"},
            {"price__lt": "cheap"},
            {"price__lt": ""},
            {"price__lt": "1_000"},
            {"price__lt": " 12 "},
            {"price__lt": "12\n"},
            {"price__lt": "١٢"},
            {"price__lt": "1e3"},
            {"price__lt": "12.0"},
            {"price__lt": str(INTEGER_MAX + 1)},
            {"price__gt": str(INTEGER_MIN - 1)},
            {"price__gt": "9" * 5000},
            {"price__eq": ["1", "2"]},
            {"code__eq": [CODE, CODE]},
            {"code__eq": f"{CODE}\0"},
            {"code__is": "null"},
            {"price__is": "NULL"},
            {"price__is": "0"},
            {"price__is": None},
            {"price__is": ["null", "not_null"]},
            {"price__is": "null,not_null"},
        ],
    )
    def test_filters_that_cannot_be_used_are_refused(
        self, repository_of: RepositoryOf, filters: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidFiltersError):
            repository_of([a_room()]).list(filters=filters)
