"""What every `RoomWriter` must do. A class per adapter inherits it and says how to fill the adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.room import Room
from rentomatic.domain.room_fields import CODE_MAX, INTEGER_MAX
from rentomatic.domain.room_import import RoomUpdate, WrittenRooms
from rentomatic.use_cases.room_import import RoomWriter
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room


class WritableRooms(RoomWriter, Protocol):
    """A writer that says, to the tests, what it holds in the order of insertion."""

    def list(self) -> Sequence[Room]: ...


def updates(rooms: Iterable[Room], *absent: str) -> Iterator[RoomUpdate]:
    """Yield these rooms as a writer takes them, without what is absent."""
    unknown: dict[str, Any] = dict.fromkeys(absent)
    return (RoomUpdate(replace(room, **unknown), absent) for room in rooms)


WritableOf = Callable[[Sequence[Room]], WritableRooms]

# Few codes, so that rooms meet others; and text that a database's own format could take for something else.
codes = st.sampled_from(["a", "b", "c", "\\N", "\\", "\t", "\n", "\r", "'", '"', ",", "\\.", " "]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=CODE_MAX
)
amounts = st.none() | st.integers(0, 2) | st.integers(0, INTEGER_MAX)
places = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
rooms = st.builds(
    lambda code, size, price, place: Room(code, size, price, longitude=place and place[1], latitude=place and place[0]),
    codes,
    amounts,
    amounts,
    places,
)
room_lists = st.lists(rooms, max_size=8, unique_by=lambda room: room.code)
absences = st.sampled_from([(), ("price",), ("size", "price"), ("size", "longitude", "latitude")])


def code_of_update(update: tuple[Room, tuple[str, ...]]) -> str:
    return str(update[0].code)


class AgreedRemoval:
    """A removal whose user agrees, except at the step `refused`; and what it was told."""

    def __init__(self, spared: Sequence[str] | None, refused: str = "") -> None:
        self._spared = spared
        self._refused = refused
        self.calls: list[tuple[str, int, int]] = []

    def spared(self) -> Sequence[str] | None:
        return self._spared

    def announce(self, removed: int, existing: int) -> None:
        self._tell("announce", removed, existing)

    def check(self, removed: int, existing: int) -> None:
        self._tell("check", removed, existing)

    def _tell(self, step: str, removed: int, existing: int) -> None:
        self.calls.append((step, removed, existing))
        if step == self._refused:
            raise ZeroDivisionError


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

        written = writable.write(updates(coming))

        added = sum(room.code not in by_code for room in coming)
        unchanged = sum(by_code.get(room.code) == room for room in coming)
        assert written == WrittenRooms(added, len(coming) - added - unchanged, unchanged)
        assert writable.list() == list({**by_code, **{room.code: room for room in coming}}.values())

    @given(coming=room_lists)
    def test_to_write_the_same_again_changes_nothing(self, writable_of: WritableOf, coming: list[Room]) -> None:
        writable = writable_of([])
        writable.write(updates(coming))

        assert writable.write(updates(coming)) == WrittenRooms(0, 0, len(coming))
        assert writable.list() == coming

    @given(there=room_lists, coming=st.lists(st.tuples(rooms, absences), max_size=8, unique_by=code_of_update))
    def test_what_an_update_lacks_stays_as_it_is(
        self, writable_of: WritableOf, there: list[Room], coming: list[tuple[Room, tuple[str, ...]]]
    ) -> None:
        writable = writable_of(there)
        by_code = {room.code: room for room in there}
        lacking = [update for room, absent in coming for update in updates([room], *absent)]

        written = writable.write(lacking)

        expected = {
            room.code: replace(room, **{name: getattr(by_code.get(room.code, room), name) for name in absent})
            for room, absent in lacking
        }
        assert writable.list() == list({**by_code, **expected}.values())
        assert written.unchanged == sum(by_code.get(code) == room for code, room in expected.items())

    @given(there=room_lists, coming=room_lists)
    def test_a_dry_run_counts_alike_and_changes_nothing(
        self, writable_of: WritableOf, there: list[Room], coming: list[Room]
    ) -> None:
        writable = writable_of(there)

        counted = writable.write(updates(coming), is_dry_run=True)

        assert writable.list() == there
        assert writable.write(updates(coming)) == counted

    def test_nothing_is_written_if_the_rooms_fail(self, writable_of: WritableOf) -> None:
        writable = writable_of([a_room()])

        def failing() -> Iterator[Room]:
            yield a_room(price=41)
            yield a_room(code=OTHER_CODE)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            writable.write(updates(failing()))
        assert writable.list() == [a_room()]
        assert writable.write(updates([a_room(code=CODE, price=41)])) == WrittenRooms(0, 1, 0)

    @given(there=room_lists, coming=room_lists, spared=st.lists(codes, max_size=4, unique=True))
    def test_a_removal_leaves_what_comes_and_what_is_spared(
        self, writable_of: WritableOf, there: list[Room], coming: list[Room], spared: list[str]
    ) -> None:
        writable = writable_of(there)
        removal = AgreedRemoval(spared)

        written = writable.write(updates(coming), removal)

        stays = {*spared, *(str(room.code) for room in coming)}
        left = {room.code: room for room in there if room.code in stays}
        assert writable.list() == list({**left, **{room.code: room for room in coming}}.values())
        assert written.removed == len(there) - len(left)
        assert removal.calls == [(step, written.removed, len(there)) for step in ("announce", "check")]

    def test_nothing_is_removed_if_every_room_is_spared(self, writable_of: WritableOf) -> None:
        writable = writable_of([a_room()])
        removal = AgreedRemoval(None)

        assert writable.write([], removal) == WrittenRooms(0, 0, 0)
        assert (writable.list(), removal.calls) == ([a_room()], [])

    def test_a_dry_run_checks_a_removal_and_asks_nobody(self, writable_of: WritableOf) -> None:
        writable = writable_of([a_room()])
        removal = AgreedRemoval([])

        written = writable.write(updates([a_room(code=OTHER_CODE)]), removal, is_dry_run=True)

        assert written == WrittenRooms(1, 0, 0, removed=1)
        assert (writable.list(), removal.calls) == ([a_room()], [("check", 1, 1)])

    @pytest.mark.parametrize("refused", ["announce", "check"])
    def test_nothing_is_written_if_the_removal_is_refused(self, writable_of: WritableOf, refused: str) -> None:
        writable = writable_of([a_room()])

        with pytest.raises(ZeroDivisionError):
            writable.write(updates([a_room(code=OTHER_CODE)]), AgreedRemoval([], refused))
        assert writable.list() == [a_room()]
