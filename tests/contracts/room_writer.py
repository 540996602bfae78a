"""What every `RoomWriter` must do. A class per adapter inherits it and says how to fill the adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.room import Room
from rentomatic.domain.room_fields import CODE_MAX, INTEGER_MAX
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.use_cases.room_import import RoomWriter
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room


class WritableRooms(RoomWriter, Protocol):
    """A writer that says, to the tests, what it holds in the order of insertion."""

    def list(self) -> Sequence[Room]: ...


WritableOf = Callable[[Sequence[Room]], WritableRooms]

# Few codes, so that rooms meet others; and text that a database's own format could take for something else.
codes = st.sampled_from(["a", "b", "c", "\\N", "\\", "\t", "\n", "\r", "'", '"', ",", "\\.", " "]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=CODE_MAX
)
amounts = st.none() | st.integers(0, 2) | st.integers(0, INTEGER_MAX)
places = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
room_lists = st.lists(
    st.builds(
        lambda code, size, price, place: Room(
            code, size, price, longitude=place and place[1], latitude=place and place[0]
        ),
        codes,
        amounts,
        amounts,
        places,
    ),
    max_size=8,
    unique_by=lambda room: room.code,
)


class RoomWriterContract:
    """Inherit, and define the fixture `writable_of`: rooms in, an adapter that holds just these out."""

    @pytest.fixture
    def writable_of(self) -> WritableOf:
        raise NotImplementedError

    @given(there=room_lists, coming=room_lists)
    def test_new_rooms_come_last_and_others_are_replaced(
        self, writable_of: WritableOf, there: list[Room], coming: list[Room]
    ) -> None:
        writable = writable_of(there)
        by_code = {room.code: room for room in there}

        written = writable.write(coming)

        added = sum(room.code not in by_code for room in coming)
        unchanged = sum(by_code.get(room.code) == room for room in coming)
        assert written == WrittenRooms(added, len(coming) - added - unchanged, unchanged)
        assert writable.list() == list({**by_code, **{room.code: room for room in coming}}.values())

    @given(coming=room_lists)
    def test_to_write_the_same_again_changes_nothing(self, writable_of: WritableOf, coming: list[Room]) -> None:
        writable = writable_of([])
        writable.write(coming)

        assert writable.write(coming) == WrittenRooms(0, 0, len(coming))
        assert writable.list() == coming

    @given(there=room_lists, coming=room_lists)
    def test_what_is_not_known_of_any_room_is_left_as_it_is(
        self, writable_of: WritableOf, there: list[Room], coming: list[Room]
    ) -> None:
        writable = writable_of(there)
        by_code = {room.code: room for room in there}
        unknown: dict[str, Any] = dict.fromkeys(("size", "latitude", "longitude"))
        coming = [replace(room, **unknown) for room in coming]

        writable.write(coming, lambda: list(unknown))

        expected = [replace(by_code.get(room.code, room), price=room.price) for room in coming]
        assert writable.list() == list({**by_code, **{room.code: room for room in expected}}.values())

    @given(there=room_lists, coming=room_lists)
    def test_a_dry_run_counts_alike_and_changes_nothing(
        self, writable_of: WritableOf, there: list[Room], coming: list[Room]
    ) -> None:
        writable = writable_of(there)

        counted = writable.write(coming, is_dry_run=True)

        assert writable.list() == there
        assert writable.write(coming) == counted

    def test_nothing_is_written_if_the_rooms_fail(self, writable_of: WritableOf) -> None:
        writable = writable_of([a_room()])

        def failing() -> Iterator[Room]:
            yield a_room(price=41)
            yield a_room(code=OTHER_CODE)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            writable.write(failing())
        assert writable.list() == [a_room()]
        assert writable.write([a_room(code=CODE, price=41)]) == WrittenRooms(0, 1, 0)
