from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.room_fields import INTEGER_MAX, INTEGER_MIN
from rentomatic.domain.room_filters import FILTER_KEYS
from rentomatic.requests.room_list import RoomListInvalidRequest, RoomListValidRequest, build_room_list_request
from tests.contracts.room_repository import filters

NOT_AN_INTEGER = f"Must be an integer from {INTEGER_MIN} to {INTEGER_MAX}"


def errors_of(filters: object) -> list[dict[str, str]]:
    request = build_room_list_request(filters=filters)
    assert not request
    assert isinstance(request, RoomListInvalidRequest)
    assert request.has_errors()
    return request.errors


def test_a_request_without_filters_is_valid() -> None:
    request = build_room_list_request()

    assert request
    assert isinstance(request, RoomListValidRequest)
    assert request.filters is None


def test_the_filters_of_the_book_are_among_those_there_are() -> None:
    assert {"code__eq", "price__eq", "price__lt", "price__gt"} < set(FILTER_KEYS)
    assert [key for key in FILTER_KEYS if key.startswith("code")] == ["code__eq", "code__in"]


@pytest.mark.parametrize("key", FILTER_KEYS)
def test_each_filter_can_be_used(key: str) -> None:
    filters = {key: "null" if key.endswith("__is") else 1}

    request = build_room_list_request(filters=filters)

    assert isinstance(request, RoomListValidRequest)
    assert request.filters == filters


def test_what_is_unknown_is_null_or_not_null() -> None:
    assert build_room_list_request(filters={"price__is": "null", "size__is": "not_null"})
    assert errors_of({"price__is": "unknown", "size__is": None}) == [
        {"parameter": key, "message": "Must be null or not_null"} for key in ("price__is", "size__is")
    ]


@given(filters=filters)
def test_the_filters_of_a_valid_request_are_what_was_passed(filters: dict[str, Any]) -> None:
    request = build_room_list_request(filters=MappingProxyType(filters))

    assert isinstance(request, RoomListValidRequest)
    assert request.filters == filters
    assert {key: type(value) for key, value in request.filters.items()} == {k: type(v) for k, v in filters.items()}


@pytest.mark.parametrize("filters", [5, "price__lt", [], 0, False])
def test_filters_that_are_not_a_mapping_are_one_error(filters: object) -> None:
    assert errors_of(filters) == [{"parameter": "filters", "message": "Is not iterable"}]


@given(keys=st.lists(st.text().filter(lambda key: key not in FILTER_KEYS) | st.integers(), min_size=1, unique_by=str))
def test_every_unknown_key_is_an_error(keys: list[Any]) -> None:
    assert errors_of(dict.fromkeys(keys, 1)) == [
        {"parameter": "filters", "message": f"Key {key} cannot be used"} for key in keys
    ]


@pytest.mark.parametrize("text", ["0", "-0", "+0", "007", "+40", "-40", str(INTEGER_MAX), str(INTEGER_MIN), "0" * 9999])
def test_an_optional_sign_and_digits_are_a_price(text: str) -> None:
    assert build_room_list_request(filters={"price__lt": text})


@pytest.mark.parametrize(
    "value",
    [
        *("", "cheap", "1_000", " 12 ", "12 ", "\n12", "12\n", "١٢", "²", "1e3", "12.0", "--1", "+-1", "+", "0x1f"),
        *("NaN", "Infinity", "12\0", "\ud800", "9" * 10_000, str(INTEGER_MAX + 1), str(INTEGER_MIN - 1)),
        *(INTEGER_MAX + 1, INTEGER_MIN - 1, 10**30, 12.0, 12.5, float("nan"), True, None, b"12", ("1", "2"), {}),
    ],
)
@pytest.mark.parametrize("key", ["price__eq", "price__lt", "price__gt"])
def test_a_price_that_does_not_fit_an_integer_is_an_error(key: str, value: object) -> None:
    assert errors_of({key: value}) == [{"parameter": key, "message": NOT_AN_INTEGER}]


@given(value=st.text())
def test_any_text_is_a_price_or_an_error(value: str) -> None:
    digits = value[1:] if value[:1] in {"+", "-"} else value
    is_integer = digits != "" and set(digits) <= set("0123456789") and INTEGER_MIN <= int(value) <= INTEGER_MAX

    assert bool(build_room_list_request(filters={"price__eq": value})) == is_integer


@pytest.mark.parametrize("value", ["\0", "a\0b", chr(0xD800), f"a{chr(0xDFFF)}"])
def test_text_that_postgres_cannot_hold_is_an_error(value: str) -> None:
    (error,) = errors_of({"code__eq": value})

    assert error == {"parameter": "code__eq", "message": "Must be text without NUL or unpaired surrogates"}


@pytest.mark.parametrize("value", [None, 1.5, b"f853578c", {}])
def test_a_code_that_is_not_text_is_an_error(value: object) -> None:
    assert errors_of({"code__eq": value}) == [{"parameter": "code__eq", "message": "Must be text"}]


def test_a_filter_that_was_given_twice_is_an_error() -> None:
    assert errors_of({"price__lt": ["1", "2"]}) == [{"parameter": "price__lt", "message": "Must be given once"}]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert errors_of({"price__lt": "cheap", "colour": "red", "code__eq": "\0", "price__gt": "1"}) == [
        {"parameter": "price__lt", "message": NOT_AN_INTEGER},
        {"parameter": "filters", "message": "Key colour cannot be used"},
        {"parameter": "code__eq", "message": "Must be text without NUL or unpaired surrogates"},
    ]


def test_errors_can_be_added() -> None:
    request = RoomListInvalidRequest()
    assert not request.has_errors()

    request.add_error("price__lt", "Is too low")

    assert request.has_errors()
    assert request.errors == [{"parameter": "price__lt", "message": "Is too low"}]
