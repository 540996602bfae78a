from __future__ import annotations

import json
import re
import struct
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rentomatic.domain.errors import CorruptDataError, UnavailableError
from rentomatic.domain.room import Room
from rentomatic.postgres.wire.column_codec import decode_columns, decode_room, encode_columns_sql, encode_room_sql
from tests.contracts.room_repository import a_room

if TYPE_CHECKING:
    from collections.abc import Sequence

NULLS = {int: 2**63 - 1, float: sys.float_info.max}

# Two neighbours whose bytes together hold those that stand for NULL, and any others.
like_null = [256**length // 2 - 1 for length in range(1, 8)] + [-(256**length) for length in range(1, 8)]
integers = st.integers(-(2**63), 2**63 - 2) | st.sampled_from(like_null)
like_no_float = struct.unpack("!2d", bytes(7) + struct.pack("!d", NULLS[float]) + bytes(1))
floats = st.floats(-180, 180) | st.sampled_from(like_no_float)
rooms = st.builds(
    Room,
    code=st.text(st.characters(exclude_categories=["Cs"])),
    size=integers | st.none(),
    price=integers | st.none(),
    longitude=floats | st.none(),
    latitude=floats | st.none(),
)


def packed_row(rooms: Sequence[Room], numbers: Sequence[int], chords: Sequence[float] | None) -> list[bytes | None]:
    """Do what Postgres does with the expressions."""
    row: list[bytes | None] = []
    for expression in encode_columns_sql(with_chords=chords is not None):
        function, name = re.findall(r"(json_|int8|float8)send\(.*?(\w+)[^(]*$", expression)[0]
        values = {"id": numbers, "chord": chords}.get(name) or [getattr(room, name) for room in rooms]
        if not rooms:
            row.append(None)
        elif function == "json_":
            row.append(json.dumps(values).encode())
        else:
            letter, null = {"int8": ("q", NULLS[int]), "float8": ("d", NULLS[float])}[function]
            row.append(struct.pack(f"!{len(values)}{letter}", *(null if value is None else value for value in values)))
    return row


@given(rooms=st.lists(rooms, max_size=8), is_by_distance=st.booleans(), data=st.data())
def test_what_is_packed_is_unpacked(rooms: list[Room], data: st.DataObject, *, is_by_distance: bool) -> None:
    size = len(rooms)
    numbers = data.draw(st.lists(integers, min_size=size, max_size=size))
    chords = data.draw(st.lists(st.floats(0, 2), min_size=size, max_size=size)) if is_by_distance else None
    limit = data.draw(st.integers(1, size + 1))

    page = decode_columns(packed_row(rooms, numbers, chords), limit, with_chords=is_by_distance)

    assert page.rooms == rooms[:limit]
    assert (page.row_ids, page.chords) == (numbers[:limit], (chords or [])[:limit])
    assert page.has_more == (size > limit)


@pytest.mark.parametrize("name", ["longitude", "latitude"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_coordinate_that_json_has_not_is_named(name: str, value: float) -> None:
    rooms = [a_room(), a_room(code="bad", **{name: value})]

    with pytest.raises(CorruptDataError, match=f"room 'bad' cannot be read: its {name} is {value}"):
        decode_columns(packed_row(rooms, [1, 2], None))

    assert decode_columns(packed_row(rooms, [1, 2], None), limit=1).rooms == rooms[:1]


@given(
    with_chords=st.booleans(),
    at=st.integers(0, 6),
    sent=st.none() | st.sampled_from([b"", b"[", b"{}", b"null", b"[1]", b'["\xc3]']) | st.binary(max_size=40),
)
def test_a_column_that_the_server_cannot_have_sent_is_not_an_answer(
    at: int, sent: bytes | None, *, with_chords: bool
) -> None:
    row = packed_row([a_room(), a_room(code="other")], [1, 2], [0.0, 1.0] if with_chords else None)
    at %= len(row)
    assume(len(sent or b"") != len(row[at] or b""))
    row[at] = sent

    with pytest.raises(UnavailableError):
        decode_columns(row, with_chords=with_chords)


@given(with_chords=st.booleans(), removed=st.integers(0, 6), added=st.booleans())
def test_a_row_of_another_width_is_not_an_answer(removed: int, *, with_chords: bool, added: bool) -> None:
    row = packed_row([a_room()], [1], [0.0] if with_chords else None)
    at = removed % len(row)
    row = [*row[:at], row[at], *row[at:]] if added else [*row[:at], *row[at + 1 :]]

    with pytest.raises(UnavailableError):
        decode_columns(row, with_chords=with_chords)


def test_stored_text_that_is_not_utf8_is_corrupt_data() -> None:
    row = packed_row([a_room(), a_room(code="other")], [1, 2], None)
    row[0] = b'["\xe9", "other"]'

    with pytest.raises(CorruptDataError):
        decode_columns(row)


def test_text_that_is_neither_utf8_nor_whole_is_not_an_answer() -> None:
    row = packed_row([a_room()], [1], None)
    row[0] = b'["\xe9"'

    with pytest.raises(UnavailableError):
        decode_columns(row)


def packed_room(room: Room) -> list[bytes | None]:
    """Do what Postgres does with the expressions for one room."""
    row: list[bytes | None] = []
    for expression in encode_room_sql():
        function, name = re.findall(r"(json_|int8|float8)send\(.*?(\w+)[^(\w]*(?:::float8)?\)$", expression)[0]
        value = getattr(room, name)
        if value is None:
            row.append(None)
        elif function == "json_":
            row.append(json.dumps(value).encode())
        else:
            row.append(struct.pack({"int8": "!q", "float8": "!d"}[function], value))
    return row


@given(rooms)
def test_one_room_that_is_packed_is_unpacked(room: Room) -> None:
    assert decode_room(packed_room(room)) == room


def test_a_row_of_nulls_is_no_room() -> None:
    assert decode_room([None] * len(encode_room_sql())) is None


@pytest.mark.parametrize("name", ["longitude", "latitude"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_the_coordinate_of_one_room_that_json_has_not_is_named(name: str, value: float) -> None:
    with pytest.raises(CorruptDataError, match=f"room 'bad' cannot be read: its {name} is {value}"):
        decode_room(packed_room(a_room(code="bad", **{name: value})))


@given(
    at=st.integers(0, 4),
    sent=st.sampled_from([b"", b'"', b"{", b'"a","b"', b'"\xc3'])
    | st.binary(min_size=8, max_size=40).map(b"\0".__add__),
)
def test_a_value_that_the_server_cannot_have_sent_is_not_an_answer(at: int, sent: bytes) -> None:
    row = packed_room(a_room())
    row[at] = sent

    with pytest.raises(UnavailableError):
        decode_room(row)


@pytest.mark.parametrize("columns", [0, 4, 6])
def test_one_room_of_another_width_is_not_an_answer(columns: int) -> None:
    with pytest.raises(UnavailableError):
        decode_room([*packed_room(a_room()), b""][:columns])


def test_the_code_of_one_room_that_is_not_utf8_is_corrupt_data() -> None:
    row = packed_room(a_room())
    row[0] = b'"\xe9"'

    with pytest.raises(CorruptDataError):
        decode_room(row)
