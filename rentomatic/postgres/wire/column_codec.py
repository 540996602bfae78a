"""Many rooms in one row: how the server is told to pack them, and how they are decode_columns.

They are packed column by column, numbers in binary: a page is decoded by a few calls, however long it is, and no
number is spelled out on the way. For a long page the server takes three quarters of the time that the same columns in
JSON take it.
"""

from __future__ import annotations

import math
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.json import decode

from rentomatic.domain.errors import CorruptDataError, UnavailableError
from rentomatic.domain.room import Room
from rentomatic.domain.room_columns import ATTRIBUTES, RoomColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

# Annotations that begin with `int` or `float` are packed as such; any other value comes back as JSON has it.
_INTEGERS = ("id", *(name for name in ATTRIBUTES if Room.__annotations__[name].startswith("int")))
_FLOATS = tuple(name for name in ATTRIBUTES if Room.__annotations__[name].startswith("float"))
_IN_JSON = tuple(name for name in ATTRIBUTES if name not in {*_INTEGERS, *_FLOATS})
_CHORD = "chord"

_NUMBER_BYTES = 8
# What stand for NULL: an integer that the columns cannot have, and a float that no coordinate is.
_NO_INTEGER, _NO_FLOAT = 2**63 - 1, sys.float_info.max
_NULLS = (struct.pack("!q", _NO_INTEGER), struct.pack("!d", _NO_FLOAT))


@cache
def encode_columns_sql(*, with_chords: bool = False) -> tuple[str, ...]:
    """Return the expressions that pack all rooms of a FROM clause, whose columns have the names of the table's.

    Args:
        with_chords: Whether there is a column `chord` besides.
    """
    floats = (*_FLOATS, _CHORD) if with_chords else _FLOATS
    return (
        *(f"json_send(json_agg({name}))" for name in _IN_JSON),
        *(f"string_agg(int8send(COALESCE({name}, {_NO_INTEGER})), '')" for name in _INTEGERS),
        *(f"string_agg(float8send(COALESCE({name}::float8, '{_NO_FLOAT}')), '')" for name in floats),
    )


class DecodedRooms(NamedTuple):
    """Rooms, with the number and the chord of each; no chords if none were packed."""

    rooms: RoomColumns
    row_ids: Sequence[int]
    chords: Sequence[float]
    has_more: bool


def decode_columns(row: Sequence[bytes | None], limit: int = sys.maxsize, *, with_chords: bool = False) -> DecodedRooms:
    """Return the rooms of a row that was packed, but not more than the limit.

    Raises:
        CorruptDataError: text is not UTF-8, or a number is not finite.
        UnavailableError: this is not what the server has packed: its bytes were changed on the way.
    """
    if len(row) != len(encode_columns_sql(with_chords=with_chords)):
        raise _changed(f"{len(row)} columns")
    sent = [column or b"" for column in row]  # NULL of no rooms
    values: dict[str, list[Any]] = {name: _loads(column) for name, column in zip(_IN_JSON, sent, strict=False)}
    size = len(values[_IN_JSON[0]])
    end = min(size, limit)
    for name in _IN_JSON:
        del values[name][end:]
    numbers = _numbers(sent[len(_IN_JSON) :], size)
    for at, name in enumerate((*_INTEGERS, *_FLOATS, _CHORD)):  # of chords, if there are none, what is behind the end
        values[name] = numbers[at * size : at * size + end]
    if not math.isfinite(sum(filter(None, numbers[len(_INTEGERS) * size :]))):
        _check(values)
    rooms = RoomColumns([values[name] for name in ATTRIBUTES])
    return DecodedRooms(rooms, values["id"], values[_CHORD], has_more=end < size)


def _loads(sent: bytes) -> list[Any]:
    try:
        values = decode(sent or b"[]")
    except UnicodeDecodeError as error:
        if _is_json(sent.decode(errors="replace")):
            raise CorruptDataError(f"The rooms cannot be read: {error}", phase="read") from None
    except ValueError:  # of msgspec
        pass
    else:
        if isinstance(values, list):
            return values
    raise _changed("a column that is not a list in JSON")


def _is_json(text: str) -> bool:
    try:
        decode(text)
    except ValueError:
        return False
    return True


def _changed(what: str) -> UnavailableError:
    return UnavailableError(f"The server's answer has {what}: it was changed on the way", phase="read")


def _numbers(sent: Sequence[bytes], size: int) -> list[Any]:
    """Return the numbers of all columns, of which some are of integers and the others of floats."""
    if set(map(len, sent)) != {size * _NUMBER_BYTES}:
        raise _changed("columns that are not of one length")
    packed_numbers = b"".join(sent)
    integers, floats = len(_INTEGERS) * size, (len(sent) - len(_INTEGERS)) * size
    numbers = list(struct.unpack(f"!{integers}q{floats}d", packed_numbers))
    for null in _NULLS:
        at = packed_numbers.find(null)
        while at >= 0:
            if at % _NUMBER_BYTES == 0:
                numbers[at // _NUMBER_BYTES] = None
            at = packed_numbers.find(null, at + 1)
    return numbers


def _check(values: dict[str, list[Any]]) -> None:
    for name in _FLOATS:
        for code, value in zip(values["code"], values[name], strict=True):
            if value is not None and not math.isfinite(value):
                reason = f"The row of the room {code!r} cannot be read: its {name} is {value}"
                raise CorruptDataError(reason, phase="read")
