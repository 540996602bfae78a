"""Cursors: the end of a page as opaque text."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rentomatic.domain.room_search import DISTANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room_conditions import Condition
    from rentomatic.domain.room_search import Position, RoomSearch

_ORDER_UNCHANGED, _UNKNOWN_LAST = _VERSIONS = (1, 2)
_HEADER = 2  # version and fingerprint
_INVALID = "Invalid cursor: pass it back unchanged"
_LENGTH_MAX = 500
_CHECK_BYTES = 6
_INTEGER_MAX = 2**63 - 1


@lru_cache(maxsize=100)  # the first page is the most requested one, and seldom ends elsewhere
def encode_cursor(search: RoomSearch, position: Position) -> str:
    """Return the cursor for the page after a position of a search."""
    # JSON, as Python writes numbers as `json` does: a third of its time.
    values = "".join([f",{value!r}" for value in position])
    return _text(f'[{_version(search)},"{_fingerprint(search)}"{values}]'.encode())


@dataclass(frozen=True)
class Cursor:
    """An intact cursor of a version that this API writes."""

    version: int
    fingerprint: str
    values: tuple[Any, ...]


def read_cursor(text: str) -> Cursor:
    """Read a cursor of any search.

    Raises:
        ValueError: it is invalid or of another version; the message says which.
    """
    version, fingerprint, *values = _content(text)
    if version not in _VERSIONS:
        raise ValueError("From another version of this API: start again without a cursor")
    return Cursor(version, fingerprint, tuple(values))


def position_of(cursor: Cursor, search: RoomSearch) -> Position:
    """Return the position that a cursor of this search encodes.

    Raises:
        ValueError: it belongs to another search, or is from before the order changed.
    """
    if cursor.fingerprint != _fingerprint(search):
        raise ValueError("Belongs to other filters, another place or another order: start again without a cursor")
    if cursor.version != _version(search):
        raise ValueError("The order has changed, unknown values now come last: start again without a cursor")
    if not _fits(cursor.values, search):
        raise ValueError(_INVALID)
    return cursor.values


def _content(text: str) -> list[Any]:
    invalid = ValueError(_INVALID)
    if len(text) > _LENGTH_MAX:
        raise invalid
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[_CHECK_BYTES:]
        values = json.loads(content)
    except ValueError:
        raise invalid from None
    if text != _text(content) or not isinstance(values, list) or len(values) < _HEADER:
        raise invalid
    return values


def _text(content: bytes) -> str:
    # The checksum detects corruption only. A forged position is validated, and harmless.
    check = sha256(content).digest()[:_CHECK_BYTES]
    return base64.urlsafe_b64encode(check + content).decode().rstrip("=")


def _version(search: RoomSearch) -> int:
    """Return the version of the order. Until version 2, unknown values came first in descending order."""
    return _UNKNOWN_LAST if any(key.is_descending for key in search.order) else _ORDER_UNCHANGED


@lru_cache(maxsize=100)  # of a repeated search, whose parts are not compared then
def _fingerprint(search: RoomSearch) -> str:
    """Return a hash of everything but the limit, which may change from page to page."""
    return _fingerprint_of(search.criteria, search.circle, search.box, search.order)


@lru_cache(maxsize=100)
def _fingerprint_of(criteria: Sequence[Condition], *others: object) -> str:
    return sha256(repr((sorted(map(repr, criteria)), *others)).encode()).hexdigest()[:12]


def _fits(position: Sequence[Any], search: RoomSearch) -> bool:
    fields = [*(key.field for key in search.order), "id"]
    return len(position) == len(fields) and all(map(_is_value, fields, position))


def _is_value(field: str, value: object) -> bool:
    if field == DISTANCE:
        return isinstance(value, float) and math.isfinite(value)
    return type(value) is int and abs(value) <= _INTEGER_MAX
