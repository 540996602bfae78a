"""What an import would do, and the options that a file needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.domain.room import Room
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.column_names import period_of_price
from rentomatic.requests.import_settings import SettingsError, read_settings, settings_text
from rentomatic.requests.room_import import RoomImportRequest, build_room_import_request
from rentomatic.responses import ResponseFailure, ResponseSuccess
from rentomatic.use_cases.room_preview import Example, Preview, room_preview_use_case
from tests.support.listed_rows import BrokenRows, ListedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = ("map", "code-from", "numbers", "null", "price-per", "round")
GERMAN = {"Nr": "7", "Wohnfläche": "54,5", "Kaltmiete": "1.234,56", "Breite": "53,55", "Länge": "9,99"}


def preview_of(*rows: Mapping[str, Any], **how: Any) -> Preview:
    response = room_preview_use_case(SqliteSeenCodes, RoomImportRequest(**how), ListedRows(*rows))
    assert isinstance(response, ResponseSuccess)
    preview: Preview = response.value
    return preview


def test_a_german_file_gets_all_options_that_it_needs() -> None:
    preview = preview_of(GERMAN)

    assert settings_text(preview.request).splitlines() == [
        'numbers = "1.200,50"',
        'price-per = "month"',
        "round = true",
        "[map]",
        'code = "Nr"',
        'size = "Wohnfläche"',
        'price = "Kaltmiete"',
        'longitude = "Länge"',
        'latitude = "Breite"',
    ]
    assert preview.rooms == (Room("7", 55, 41, longitude=9.99, latitude=53.55),)
    assert preview.names == tuple(GERMAN)
    assert preview.examples["price"] == Example("Kaltmiete", "1.234,56")


def test_a_file_that_is_as_it_should_be_needs_no_option() -> None:
    preview = preview_of({"code": "a", "price": "20", "size": "1"}, {"code": "b", "price": "?", "size": ""})

    assert (preview.request, preview.reasons) == (RoomImportRequest(), ())
    assert (preview.summary.read, preview.summary.added, preview.summary.refused) == (2, 1, 1)
    assert [(reason.number, reason.value) for reason in preview.summary.reasons] == [(3, "?")]


def test_five_rooms_are_shown_and_all_are_counted() -> None:
    preview = preview_of(*({"code": str(number)} for number in range(9)))

    assert [room.code for room in preview.rooms] == ["0", "1", "2", "3", "4"]
    assert preview.summary.added == 9


@pytest.mark.parametrize(
    ("column", "prices", "per"),
    [
        *[(name, ["900"], "month") for name in ("rent", "Miete", "loyer", "monthly rent", "Kaltmiete (€)", "alquiler")],
        *[("weekly rent", ["900"], "week"), ("price", ["900 €/month"], "month"), ("price", ["20 €/month"], "month")],
        *[("Price (per month)", ["900"], "month"), ("price [per week]", ["900"], "week")],
        *[("price", ["900"], ""), ("rent", ["40", "900", "45"], ""), ("price per night", ["900"], "")],
    ],
)
def test_rents_are_proposed_to_be_for_a_month(column: str, prices: list[str], per: str) -> None:
    rows = [{"code": str(number), column: price} for number, price in enumerate(prices)]

    assert preview_of(*rows).request.price_per == per


def test_high_prices_of_an_unknown_period_are_in_doubt() -> None:
    (doubt,) = preview_of({"code": "a", "price": "900"}).reasons

    assert doubt.endswith("are taken as for a day; if they are for a month, give --price-per month")
    assert preview_of({"code": "a", "price": "900"}, price_unit="month").reasons == ()


def test_a_file_without_rows_has_no_preview() -> None:
    response = room_preview_use_case(SqliteSeenCodes, RoomImportRequest(), ListedRows())

    assert isinstance(response, ResponseFailure)
    assert response.message == "The file has no rows"


def test_low_rents_are_said_to_be_in_doubt() -> None:
    (reason,) = preview_of({"code": "a", "price": "40"}, {"code": "b", "price": "1"}, mapped={}).reasons or ("",)
    (doubt,) = preview_of({"code": "a", "rent": "40"}, mapped={"price": "rent"}).reasons

    assert reason == ""
    assert "if they are for a month, give --price-per month" in doubt


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([{"code": "a", "price": "1.200"}], 'numbers = "1.200,50"'),
        ([{"code": "a", "price": "1,200"}], 'numbers = "1,200.50"'),
        ([{"code": "a", "latitude": "53,55", "longitude": "9,99"}], 'numbers = "1.200,50"'),
        ([{"code": "a", "price": "1 200,5", "latitude": "53,55", "longitude": "9,99"}], 'numbers = "1 200,50"'),
        ([{"price": "20"}], 'code-from = ["price"]'),
        ([{"code": "a", "price": "20.5"}], "round = true"),
        ([{"code": "a", "price": "N/A", "size": "-"}], 'null = ["-", "n/a"]'),
        ([{"code": "a", "price": "\u2014"}], 'null = ["\u2014"]'),
        ([{"code": "a", "Wfl.": "20"}], 'size = "Wfl."'),
    ],
)
def test_an_option_is_proposed_where_rows_would_be_refused(rows: list[Mapping[str, Any]], line: str) -> None:
    preview = preview_of(*rows)

    assert line in settings_text(preview.request).splitlines()
    assert (preview.summary.refused, len(preview.rooms)) == (0, 1)


def test_an_open_number_stays_in_doubt() -> None:
    (reason,) = preview_of({"code": "a", "size": "1.200"}).reasons

    assert reason.endswith("if 1.200 means something else, give --numbers 1,200.50")


def test_options_that_are_given_stay() -> None:
    given = {"mapped": {"price": "Warmmiete"}, "price_per": "week", "code_from": ("Nr",), "nulls": frozenset({"-"})}

    request = preview_of({"Nr": "1", "Kaltmiete": "900", "Warmmiete": "950"}, **given).request

    assert (request.mapped["price"], request.price_per, request.code_from) == ("Warmmiete", "week", ("Nr",))
    assert request.nulls == {"-"}


def test_a_file_without_anything_of_a_room_has_no_preview() -> None:
    response = room_preview_use_case(SqliteSeenCodes, RoomImportRequest(), ListedRows({"a": "1", "b": "2"}))

    assert isinstance(response, ResponseFailure)
    assert response.message.startswith("No row has any of the columns code, size, price, longitude, latitude: ")


def test_a_broken_file_has_no_preview() -> None:
    response = room_preview_use_case(SqliteSeenCodes, RoomImportRequest(), BrokenRows({"code": "a"}))

    assert isinstance(response, ResponseFailure)
    assert (response.message, response.exception) == ("It is cut off", None)


def test_wrong_options_have_no_preview() -> None:
    request = build_room_import_request(numbers="1200", price_per="hour")

    response = room_preview_use_case(SqliteSeenCodes, request, ListedRows())

    assert isinstance(response, ResponseFailure)
    assert "numbers: must be one of '1,200.50'" in response.message
    assert "price-per: must be one of day, night, week, month, year" in response.message


def test_settings_are_read_as_they_are_written() -> None:
    request = RoomImportRequest(
        {"price": 'Miete, "warm"\x7f', "size": "Größe"}, ("a,b", "c"), nulls=frozenset({"-", "n/a"}), is_rounded=True
    )

    settings = read_settings(settings_text(request).encode(), OPTIONS)

    again = build_room_import_request(
        str(settings["map"]),
        str(settings["code-from"]),
        null=str(settings["null"]),
        is_rounded=settings["round"] is True,
    )
    assert again == request


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numbrs = '1'", "numbrs is not an option: do you mean numbers?"),
        ("pricePer = 'month'", "pricePer is not an option: do you mean price-per?"),
        ("xyz = 1", "xyz is not an option: allowed are code-from, map, null, numbers, price-per, round"),
        ("map = [1]", "map must be text, a number, true or false, a list of texts, or a table of texts"),
        ("map", "must be TOML: "),
    ],
)
def test_wrong_settings_say_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(text.encode(), OPTIONS)

    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    ("column", "period"),
    [
        ("rent p.a.", "year"),
        ("Miete (p. a.)", "year"),
        ("rent per annum", "year"),
        ("rent p.w.", "week"),
        ("rent p.m.", "month"),
        ("price", ""),
    ],
)
def test_a_name_says_what_a_price_is_for(column: str, period: str) -> None:
    assert period_of_price(column) == period
