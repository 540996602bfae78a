from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rentomatic.domain.geography import Circle, Place
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import DISTANCE, RoomSearch, SortKey
from rentomatic.requests import cursor as module
from rentomatic.requests.cursor import encode_cursor, position_of, read_cursor

if TYPE_CHECKING:
    from rentomatic.domain.room_search import Position

SEARCH = RoomSearch(
    criteria=tuple(parse_filters({"price__lt": 60, "code__in": ["a", "b"]})),
    circle=Circle(Place(53.55, 9.99), 5.0),
    order=(SortKey(DISTANCE), SortKey("price", is_descending=True)),
)
ASCENDING = SEARCH._replace(order=(SortKey(DISTANCE), SortKey("price")))
POSITION = (0.25, 40, 7)
OF_VERSION_1 = "jtkzd_4KWzEsImQxMjE5ZDIxYTZkOSIsMC4yNSw0MCw3XQ"  # of SEARCH, from before unknown values came last


def decode_cursor(text: str, search: RoomSearch) -> Position:
    return position_of(read_cursor(text), search)


@given(st.floats(0, 2), st.integers(-(2**31), 2**31), st.integers(1, 2**63 - 1))
@example(0.0, 0, 2**63 - 1)
def test_a_cursor_is_read_as_it_was_written(chord: float, price: int, number: int) -> None:
    position = (chord, price, number)

    assert decode_cursor(encode_cursor(SEARCH, position), SEARCH) == position


@pytest.mark.parametrize(("search", "version"), [(SEARCH, 2), (ASCENDING, 1)])
@given(st.floats(0, 2), st.integers(-(2**31), 2**31))
def test_a_cursor_holds_compact_json_as_it_always_did(
    search: RoomSearch, version: int, chord: float, price: int
) -> None:
    text = encode_cursor(search, (chord, price, 7))

    fingerprint = read_cursor(text).fingerprint
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[6:]
    assert content.decode() == json.dumps([version, fingerprint, chord, price, 7], separators=(",", ":"))


def test_a_page_may_have_another_size_and_filter_order() -> None:
    filters = tuple(parse_filters({"code__in": ["a", "b"], "price__lt": 60}))
    other = SEARCH._replace(limit=5, is_counted=True, after=POSITION, criteria=filters)

    assert decode_cursor(encode_cursor(SEARCH, POSITION), other) == POSITION


@pytest.mark.parametrize(
    "change",
    [
        {"criteria": ()},
        {"circle": Circle(Place(53.55, 9.99), 6.0)},
        {"order": (SortKey(DISTANCE), SortKey("price"))},
    ],
)
def test_a_cursor_of_another_search_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^Belongs to other filters"):
        decode_cursor(encode_cursor(SEARCH, POSITION), SEARCH._replace(**change))


def test_a_cursor_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode_cursor(SEARCH, POSITION)
    monkeypatch.setattr(module, "_VERSIONS", (1,))

    with pytest.raises(ValueError, match=r"^From another version"):
        decode_cursor(text, SEARCH)


def test_a_later_version_may_need_no_position() -> None:
    with pytest.raises(ValueError, match=r"^From another version"):
        read_cursor(module._text(b'[3,"x"]'))  # noqa: SLF001 - as a later release may


def test_a_cursor_outlives_the_release_that_made_it() -> None:
    assert decode_cursor("jDDIOsQSWzEsIjZlYjZlMWNkZGQxMCIsMC4yNSw0MCw3XQ", ASCENDING) == POSITION
    assert decode_cursor("RrJYACMNWzIsImQxMjE5ZDIxYTZkOSIsMC4yNSw0MCw3XQ", SEARCH) == POSITION


def test_a_cursor_of_an_order_that_has_changed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^The order has changed, unknown values now come last: start again"):
        decode_cursor(OF_VERSION_1, SEARCH)


def test_a_cursor_has_at_most_500_characters() -> None:
    longest, longer = (
        module._text(json.dumps([2, "", "x" * number]).encode())  # noqa: SLF001 - as somebody could who has read it
        for number in (358, 359)
    )

    assert (len(longest), read_cursor(longest).values) == (500, ("x" * 358,))
    with pytest.raises(ValueError, match=r"^Invalid cursor"):
        read_cursor(longer)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_other_text_is_damaged(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid cursor"):
        decode_cursor(text, SEARCH)


@pytest.mark.parametrize(
    "position",
    [[], [0.25, 40], [0.25, 40, 7, 8], ["a", 40, 7], [0.25, 40.0, 7], [0.25, True, 7], [0.25, 40, 2**63], [1, 40, 7]],
)
def test_a_made_up_position_is_checked(position: list[Any]) -> None:
    fingerprint = module._fingerprint(SEARCH)  # noqa: SLF001 - as somebody could who has read it
    content = json.dumps([2, fingerprint, *position]).encode()
    text = module._text(content)  # noqa: SLF001

    with pytest.raises(ValueError, match=r"^Invalid cursor"):
        decode_cursor(text, SEARCH)


def test_a_long_cursor_is_damaged_whatever_is_in_it() -> None:
    fingerprint = module._fingerprint(SEARCH)  # noqa: SLF001 - as somebody could who has read it
    content = json.dumps([1, fingerprint, "x" * 1_000]).encode()

    with pytest.raises(ValueError, match=r"^Invalid cursor"):
        read_cursor(module._text(content))  # noqa: SLF001


@pytest.mark.parametrize("content", [b"{}", b"1", b"[1]", b"[" * 400, b"\xff", b'[1,"x",NaN]'])
def test_made_up_content_is_checked(content: bytes) -> None:
    text = module._text(content)  # noqa: SLF001

    with pytest.raises(ValueError, match=r"^(Invalid cursor|Belongs to)"):
        decode_cursor(text, SEARCH)
