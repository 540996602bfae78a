"""How a file is read, found out from all of its rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.domain.room_code import derived_code
from rentomatic.repository.memrepo import MemRepo
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.room_import import RoomImportRequest, UnusableFileError, build_room_import_request
from rentomatic.requests.room_list import RoomListInvalidRequest
from rentomatic.responses import ResponseSuccess
from rentomatic.use_cases.room_import import NOTHING_TO_DERIVE_FROM, room_import_use_case
from rentomatic.use_cases.room_survey import Survey, survey
from tests.support.import_reports import ListedReport
from tests.support.listed_rows import ListedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.domain.room import Room

HAMBURG = {"latitude": "53.55", "longitude": "9.99"}


def survey_of(*rows: Mapping[str, Any], repeated: frozenset[str] = frozenset(), **how: Any) -> Survey:
    return survey(ListedRows(*rows, repeated=repeated), RoomImportRequest(**how))


def imported(*rows: Mapping[str, Any], **options: Any) -> tuple[list[Room], list[str]]:
    repo, report = MemRepo([]), ListedReport()
    request = build_room_import_request(options.pop("mapping", ""), **options)
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(repo, codes, request, ListedRows(*rows), report)
    assert isinstance(response, ResponseSuccess)
    return list(repo.list()), [refusal.reason for refusal in report.refusals]


@pytest.mark.parametrize("name", ["price", "Price", "PRICE", "pr ice", "p_r-ice", "\u00a0Price"])
def test_names_match_whatever_their_case_and_spaces(name: str) -> None:
    assert survey_of({"code": "a", name: "1"}).format.columns == {"code": "code", "price": name}


def test_mapped_names_match_likewise_and_in_any_form_of_accents() -> None:
    surveyed = survey_of({"Gro\u0308ße": "1", "Code": "a"}, mapped={"size": "größe"}, code_from=("CODE",))

    assert surveyed.format.columns == {"code": "Code", "size": "Gro\u0308ße"}
    assert surveyed.code_from == ("Code",)


def test_an_exact_name_wins() -> None:
    assert survey_of({"Price": "1", "price": "2", "PRICE": "3"}).format.columns == {"price": "price"}


def test_two_names_that_match_are_refused() -> None:
    with pytest.raises(UnusableFileError, match=r"The columns Price and PRICE match price: .* --map price=Price"):
        survey_of({"Price": "1", "PRICE": "3"})


@pytest.mark.parametrize("how", [{"mapped": {"price": "rent"}}, {"code_from": ("rent",)}])
def test_a_repeated_column_that_is_used_is_refused(how: Mapping[str, Any]) -> None:
    with pytest.raises(UnusableFileError, match="Two columns have the name rent, which is used: rename one"):
        survey_of({"code": "a"}, repeated=frozenset({"rent"}), **how)


def test_a_repeated_column_that_is_not_used_is_no_matter() -> None:
    assert survey_of({"code": "a"}, repeated=frozenset({"rent"})).format.columns == {"code": "code"}


def test_a_repeated_column_that_looks_right_is_named() -> None:
    notes = survey_of({"code": "a"}, repeated=frozenset({"Kaltmiete", "Bild"})).notes

    assert notes == ("Not read, since two columns have the name Kaltmiete, like price: rename one of them in the file",)


@pytest.mark.parametrize("name", ["square_feet", "Size (sq ft)", "sqft_living", "SquareFeet"])
def test_sizes_in_square_feet_are_warned_of(name: str) -> None:
    (warning,) = survey_of({"code": "a", name: "500"}, mapped={"size": name}).warnings

    assert warning.startswith(f"Column {name} seems to be in square feet")
    assert survey_of({"code": "a", name: "500", "size": "46"}).warnings == ()


def test_a_column_of_later_rows_is_found() -> None:
    surveyed = survey_of({"code": "a"}, {"code": "b", "Price": "1.234,56"})

    assert surveyed.format.columns == {"code": "code", "price": "Price"}
    assert surveyed.format.styles["price"].decimal == ","


def test_very_many_names_take_no_memory_and_hide_no_column() -> None:
    rows = [{f"key {number} {each}": 1 for each in range(500)} for number in range(9)]

    surveyed = survey_of(*rows, {"Price": 1})

    assert surveyed.format.columns == {"price": "Price"}
    assert len(surveyed.names) == 1_001


@pytest.mark.parametrize(
    ("names", "mapping"),
    [
        (
            ["Objekt-Nr.", "Wohnfläche (m²)", "Kaltmiete", "Warmmiete", "Breitengrad", "Längengrad"],
            "--map 'code=Objekt-Nr.,size=Wohnfläche (m²),price=Kaltmiete,longitude=Längengrad,latitude=Breitengrad'",
        ),
        (["id", "lat", "lng", "host_id"], "--map code=id,longitude=lng,latitude=lat"),
        (["Größe", "Preis", "Breite", "Länge"], "--map 'size=Größe,price=Preis,longitude=Länge,latitude=Breite'"),
        (["Référence", "surface", "loyer HC"], "--map 'code=Référence,size=surface,price=loyer HC'"),
        (["Tamaño", "Precio", "Latitud", "Longitud"], "--map 'size=Tamaño,price=Precio,longitude=Longitud,latitude="),
        (["m²", "Kaltmiete"], "--map 'size=m²,price=Kaltmiete'"),
        (["scoutId", "livingSpace", "baseRent"], "--map code=scoutId,size=livingSpace,price=baseRent"),
        (['Miete, "warm"'], """--map '"price=Miete, ""warm""\"'"""),
    ],
)
def test_common_names_are_suggested_and_not_taken(names: list[str], mapping: str) -> None:
    row = {name: str(number) for number, name in enumerate(names)}

    with pytest.raises(UnusableFileError) as error:
        survey_of(row)

    assert mapping in str(error.value)
    assert survey_of({**row, "CODE": "a"}).format.columns == {"code": "CODE"}


def test_a_suggested_mapping_is_the_whole_one() -> None:
    (note,) = survey_of({"code": "a", "Betrag": "1", "Wohnfläche": "2"}, mapped={"price": "Betrag"}).notes

    assert note == "Not read, but looks right: Wohnfläche like size: --map 'price=Betrag,size=Wohnfläche'"


@pytest.mark.parametrize(
    "name", ["price_per_sqm", "rent_type", "square_feet", "host_id", "Hausnummer", "lat", "lat,lng"]
)
def test_names_that_only_look_alike_are_not_suggested(name: str) -> None:
    assert survey_of({"code": "a", name: "1"}).suggested == {}


def test_missing_codes_are_said() -> None:
    rows = [{"Nr": "1", "Straße": "A", "price": "1"}, {"Nr": "2", "Straße": "A", "price": "1"}]

    suggestion, derived = survey_of(*rows).notes

    assert suggestion == "Not read, but looks right: Nr like code: --map code=Nr"
    assert derived.startswith(
        "No column has the rooms' codes: codes are derived from Nr, Straße. A change in one of these"
    )
    (derived,) = survey_of(*({"code": code, "Straße": "A", "price": "1"} for code in ("", "a"))).notes
    assert derived.startswith("1 row has no code: codes are derived from Straße. ")


def test_blank_rows_lack_no_code() -> None:
    assert survey_of({"code": "a", "price": "1"}, {"code": "", "price": " ", "Straße": "A"}).notes == ()


@pytest.mark.parametrize("code", ["", " ", "-"])
def test_a_code_that_is_not_known_is_not_derived_from(code: str) -> None:
    rows = ({"code": code, "price": "1", "street": "A"}, {"code": code, "price": "2"})
    rooms, reasons = imported(*rows, null="-")

    assert [room.code for room in rooms] == [derived_code({"street": "A"})]
    assert reasons == [NOTHING_TO_DERIVE_FROM]


@pytest.mark.parametrize("values", [("1", "1"), ("1", ""), ("1", "x" * 37)])
def test_a_column_that_repeats_or_lacks_values_is_no_identity(values: tuple[str, str]) -> None:
    assert survey_of(*({"Nr": value, "Straße": "A", "price": "1"} for value in values)).suggested == {}


def test_open_numbers_are_refused_and_the_others_taken() -> None:
    rooms, reasons = imported({"code": "a", "price": "950"}, {"code": "b", "price": "1.200"})

    assert [room.price for room in rooms] == [950]
    assert [("--numbers 1.200,50" in reason, "--round" in reason) for reason in reasons] == [(True, False)]


def test_numbers_of_json_are_never_open() -> None:
    rooms, _ = imported({"code": "a", "price": Decimal("1.200")}, {"code": "b", "price": 1200}, is_rounded=True)

    assert [room.price for room in rooms] == [1, 1200]


@pytest.mark.parametrize(
    ("prices", "note"),
    [
        (("1.234,56", "1.200"), "Column price: numbers are read as 1.200,50, the only way to read 1.234,56"),
        (
            ("573.768", "54.5"),
            "Column price: a point is before decimals, as 54.5 shows, so 573.768 has decimals too",
        ),
        (("$1,200.00",), "Column price: 1,200.00 is read as 1200.00, the only way to read it"),
        (("1 200",), "Column price: 1 200 is read as 1200, the only way to read it"),
    ],
)
def test_how_numbers_are_read_is_said(prices: tuple[str, ...], note: str) -> None:
    assert survey_of(*({"code": price, "price": price} for price in prices)).notes == (note,)


def test_ordinary_numbers_need_no_word() -> None:
    assert survey_of({"code": "a", "price": "12.5", "size": "20", **HAMBURG}).notes == ()


@pytest.mark.parametrize("unknown", ["NULL", "null", r"\N", "n/a", "N/A", " - "])
def test_texts_for_what_is_not_known_are_named(unknown: str) -> None:
    row = {"code": "a", "price": unknown, "size": unknown, "latitude": unknown, "longitude": unknown}

    (room,) = imported(row, null=r"NULL,\N,n/a,-")[0]

    assert room.to_dict() == {**dict.fromkeys(("price", "size", "latitude", "longitude")), "code": "a"}


@pytest.mark.parametrize(
    ("price", "per", "stored"),
    [
        *[("900", "month", 30), ("900", "year", 2), ("210", "week", 30), ("29.5", "night", 30), ("29.4", "day", 29)],
        *[("15.21875", "month", 1), ("15.2", "month", 0), ("900 €/month", "month", 30), ("30 € a night", "day", 30)],
        *[(900, "month", 30), ("365.25", "year", 1), ("182.6250", "year", 1), ("182.6240", "year", 0)],
    ],
)
def test_prices_are_stored_for_a_day_and_rounded(price: object, per: str, stored: int) -> None:
    rooms, reasons = imported({"code": "a", "price": price}, price_per=per, is_rounded=per in ("day", "night"))

    assert ([room.price for room in rooms], reasons) == ([stored], [])


@pytest.mark.parametrize(("per", "stored"), [("month", 900), ("year", 75), ("day", 27394)])
def test_prices_are_stored_for_the_unit_of_the_settings(per: str, stored: int) -> None:
    rooms, reasons = imported({"code": "a", "price": "900"}, price_per=per, price_unit="month")

    assert ([room.price for room in rooms], reasons) == ([stored], [])


def test_a_wrong_unit_of_the_settings_is_named() -> None:
    request = build_room_import_request(price_unit="minute")

    assert isinstance(request, RoomListInvalidRequest)
    assert "PRICE_UNIT must be one of day, night, week, month, year" in request.errors[0]["message"]


def test_a_price_for_another_time_is_refused() -> None:
    rooms, reasons = imported({"code": "a", "price": "30 €/night"}, price_per="month")

    assert (rooms, reasons) == ([], ["Is for a night, but --price-per (IMPORT_PRICE_PER) says month"])


def test_only_the_price_is_for_a_time() -> None:
    rooms, reasons = imported({"code": "a", "size": "30.5"}, price_per="month")

    assert (rooms, reasons) == ([], ["Must be an integer; --round (IMPORT_ROUND) rounds it"])


def test_prices_for_a_month_and_other_currencies_are_warned_of() -> None:
    warnings = survey_of({"code": "a", "price": "900 €/month"}, {"code": "b", "price": "$900"}).warnings

    currencies, period = warnings
    assert currencies == "Column price has several currencies, and none is converted: €, $"
    assert period.startswith("Column price has prices for a month, which are taken as they are: --price-per month ")


@pytest.mark.parametrize(
    ("latitude", "longitude", "is_swapped"),
    [("139.7", "35.7", True), ("-120", "90", True), ("139.7", "95", False), ("535.5", "9.9", False)],
)
def test_a_place_that_fits_only_when_swapped_says_so(latitude: str, longitude: str, *, is_swapped: bool) -> None:
    _, reasons = imported({"code": "a", "Lat": latitude, "longitude": longitude}, mapping="latitude=Lat")

    assert ["swapped" in reason for reason in reasons] == [is_swapped]
    assert ["--map latitude=longitude,longitude=Lat" in reason for reason in reasons] == [is_swapped]


def test_places_far_from_all_others_are_warned_of() -> None:
    near = [{"code": str(number), "latitude": f"53.{number}", "longitude": "9.99"} for number in range(50)]
    far = {"code": "far", "latitude": "9.99", "longitude": "53.55"}
    zero = {"code": "zero", "latitude": 0, "longitude": "0.0"}

    assert survey_of(*near, far, zero, zero).warnings == (
        "2 places are at 0, 0, in the sea, where places are put that are not known: line 53 for example",
        "1 place is far from all others: line 52 for example, at 9.99, 53.55",
    )
    assert survey_of(*near).warnings == ()


def test_places_all_over_the_earth_are_not_warned_of() -> None:
    rows = [{"latitude": north, "longitude": east} for north in range(-85, 90, 20) for east in range(-180, 180, 20)]

    assert survey_of(*rows).warnings == ()


def test_places_on_both_sides_of_the_antimeridian_are_near() -> None:
    rows = [{"latitude": -17, "longitude": east} for east in (179.9, 179.8, -179.9, -179.8, 180, -180)]

    assert survey_of(*rows).warnings == ()
