from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.errors import UnavailableError
from rentomatic.domain.room import Room
from rentomatic.domain.room_import import ImportSummary, RoomUpdate, RowError, RowErrorCount, WrittenRooms
from rentomatic.repository.memrepo import MemRepo
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.room_import import RoomImportRequest, build_room_import_request
from rentomatic.requests.room_replacement import Replacement, read_removal_limit
from rentomatic.responses import ResponseFailure, ResponseSuccess, ResponseTypes
from rentomatic.use_cases.room_import import ROW_ERRORS_MAX, Removal, room_import_use_case
from tests.support.import_reports import ListedReport
from tests.support.listed_rows import BrokenRows, ListedRows

Values = Mapping[str, Any]
A_ROW = {"code": "a", "size": "20", "price": "40", "latitude": "53.55", "longitude": "9.99"}
_NO_NUMBERS: list[Any] = [
    *("cheap", "1,5 or more", "1_000", "nan", "infinity", "١٢", "1e9999", "--1", ".", "1 2"),
    *(True, [1], {}),
]
A_ROOM = Room("a", 20, 40, longitude=9.99, latitude=53.55)


class Import:
    """An import into memory: what there is then, and what was refused."""

    def __init__(self, *rows: Values, repo: MemRepo | None = None, **how: Any) -> None:
        self.repo = repo or MemRepo([])
        self.report = ListedReport()
        request = RoomImportRequest(**how)
        with SqliteSeenCodes() as codes:
            self.response = room_import_use_case(self.repo, codes, request, ListedRows(*rows), self.report)

    @property
    def refusals(self) -> list[RowError]:
        return self.report.refusals

    @property
    def rooms(self) -> list[Room]:
        return list(self.repo.list())

    @property
    def codes(self) -> list[str]:
        return [str(room.code) for room in self.rooms]

    @property
    def refused(self) -> list[tuple[int, str, str]]:
        return [(refusal.number, refusal.column, refusal.reason) for refusal in self.refusals]


def test_text_becomes_a_room() -> None:
    imported = Import(A_ROW)

    assert imported.rooms == [A_ROOM]
    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value == ImportSummary(read=1, added=1, changed=0, unchanged=0, refused=0)


def test_columns_may_have_other_names_and_others_are_ignored() -> None:
    row = {"code": "a", "living_space": "20", "cold_rent": "40", "latitude": "53.55", "longitude": "9.99", "x": "?"}

    assert Import(row, mapped={"size": "living_space", "price": "cold_rent"}).rooms == [A_ROOM]


@pytest.mark.parametrize("unknown", ["", " ", None])
def test_what_is_empty_or_missing_is_not_known(unknown: str | None) -> None:
    expected = [Room("a", None, None, None, None)]  # type: ignore[arg-type] # as the table allows

    assert Import({**dict.fromkeys(A_ROW, unknown), "code": "a"}).rooms == expected
    assert Import({"code": "a"}).rooms == expected


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        *[("12.0", 12), ("12.4", 12), ("12.5", 13), ("13.5", 14), ("0.5", 1), ("1.2e1", 12), (" 7 ", 7), ("+7", 7)],
        *[(".5", 1), ("7.", 7), ("2147483647.4", 2147483647), ("12.49999999999999999999", 12), (12, 12)],
    ],
)
def test_decimals_are_rounded_half_away_from_zero_if_that_is_asked(text: Any, rounded: int) -> None:
    (room,) = Import({**A_ROW, "price": text}, is_rounded=True).rooms

    assert room.price == rounded


@pytest.mark.parametrize("text", ["12.0", "12.00", "1.2e1", 12])
def test_a_decimal_that_is_an_integer_needs_no_rounding(text: Any) -> None:
    assert [room.price for room in Import({**A_ROW, "price": text}).rooms] == [12]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("price", "12.5", "Must be an integer; --round (IMPORT_ROUND) rounds it"),
        ("price", "-1", "Must not be negative"),
        ("size", "-0.4", "Must not be negative"),
        ("price", "2147483648", "Must be an integer from -2147483648 to 2147483647"),
        *[("price", value, "Must be a number: digits, and a point before decimals") for value in _NO_NUMBERS],
        ("latitude", "190.1", "Must be from -90 to 90 degrees"),
        ("longitude", "-180.1", "Must be from -180 to 180 degrees"),
        ("longitude", "1e999", "Must be from -180 to 180 degrees"),
        ("longitude", "nan", "Must be a number: digits, and a point before decimals"),
        ("latitude", "", "Required, since there is a longitude"),
        ("longitude", None, "Required, since there is a latitude"),
        ("code", "x" * 37, "Must have at most 36 characters"),
        ("code", "a\0", "Must be text without NUL or unpaired surrogates"),
        ("code", "\ud800", "Must be text without NUL or unpaired surrogates"),
        ("code", True, "Must be text"),
        ("code", 1.5, "Must be text"),
    ],
)
def test_a_value_that_no_room_has_refuses_its_row_and_no_other(column: str, value: Any, reason: str) -> None:
    imported = Import({**A_ROW, "code": "b"}, {**A_ROW, column: value}, {**A_ROW, "code": "c"})

    assert imported.codes == ["b", "c"]
    assert imported.refusals == [RowError("line", 3, column, value, reason)]
    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value.read, imported.response.value.refused) == (3, 1)


def test_every_error_of_a_row_has_the_files_column_names() -> None:
    row = {"code": "a" * 37, "m2": "x", "price": "-1", "latitude": "91", "longitude": "181"}

    imported = Import(row, mapped={"size": "m2"})

    assert [refusal.column for refusal in imported.refusals] == ["code", "m2", "price", "longitude", "latitude"]
    assert imported.rooms == []


def test_one_bad_row_refuses_a_file_that_is_read_strictly() -> None:
    imported = Import(A_ROW, {**A_ROW, "code": "b", "price": "?"}, {**A_ROW, "price": "!"}, is_strict=True)

    assert isinstance(imported.response, ResponseFailure)
    assert imported.response.type == ResponseTypes.PARAMETERS_ERROR
    assert imported.response.message.startswith("In line 3, column price: Must be a number")
    assert (imported.rooms, len(imported.refusals)) == ([], 1)


def test_a_dry_run_finds_what_is_wrong_and_changes_nothing() -> None:
    imported = Import(A_ROW, {**A_ROW, "code": "b", "price": "?"}, is_dry_run=True)

    assert isinstance(imported.response, ResponseSuccess)
    reasons = (RowErrorCount("price", "Must be a number: digits, and a point before decimals", 1, "line", 3, "?"),)
    assert imported.response.value == ImportSummary(2, added=1, changed=0, unchanged=0, refused=1, reasons=reasons)
    assert (imported.rooms, len(imported.refusals)) == ([], 1)


def test_of_rows_with_one_code_the_first_that_is_good_is_taken() -> None:
    rows = [{**A_ROW, "price": price} for price in ("?", "1", "2", "?")]

    imported = Import(*rows)

    assert [room.price for room in imported.rooms] == [1]
    assert imported.refused == [
        (2, "price", "Must be a number: digits, and a point before decimals"),
        (4, "code", "Must be unique in the file: line 3 has it too"),
        (5, "price", "Must be a number: digits, and a point before decimals"),
        (5, "code", "Must be unique in the file: line 3 has it too"),
    ]


def test_the_report_is_safe_before_the_first_room_is_written() -> None:
    report = ListedReport()

    class Writer(MemRepo):
        def write(self, updates: Iterable[RoomUpdate], *_: Any, **__: Any) -> WrittenRooms:
            coming = list(updates)
            assert (len(report.refusals), report.finished) == (1, [()])
            return WrittenRooms(len(coming), 0, 0)

    rows = ListedRows(A_ROW, {"code": "b", "price": "?"})
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(Writer([]), codes, RoomImportRequest(), rows, report)

    assert isinstance(response, ResponseSuccess)


def test_an_unfinished_report_leaves_the_rooms_unchanged() -> None:
    class FullDisk(ListedReport):
        def finish(self, counts: object) -> None:
            raise OSError(f"No space left for {counts}")

    repo = MemRepo([])
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(repo, codes, RoomImportRequest(), ListedRows(A_ROW), FullDisk())

    assert isinstance(response, ResponseFailure)
    assert isinstance(response.exception, OSError)
    assert repo.list() == []


def test_many_row_errors_are_all_counted_and_the_first_reported() -> None:
    number = ROW_ERRORS_MAX + 7
    rows = [{"code": "a"}, *({"code": "a", "price": "?"} for _ in range(number))]

    imported = Import(*rows)

    counts = (
        RowErrorCount("price", "Must be a number: digits, and a point before decimals", number, "line", 3, "?"),
        RowErrorCount("code", "Must be unique in the file", number, "line", 3, "a"),
    )
    assert [refusal.number for refusal in imported.refusals] == [3 + each // 2 for each in range(ROW_ERRORS_MAX)]
    assert imported.report.finished == [counts]
    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value.refused, imported.response.value.reasons) == (number, counts)


def test_a_number_of_a_sheet_is_an_example_without_quotes() -> None:
    imported = Import({"code": "a", "size": Decimal("40.5")})

    assert isinstance(imported.response, ResponseSuccess)
    assert [reason.value for reason in imported.response.value.reasons] == ["40.5"]


@pytest.mark.parametrize(
    ("column", "prices", "how", "is_warned"),
    [
        ("Kaltmiete (€)", ["900", "850", "40"], {}, True),
        ("rent", ["40", "900", "45"], {}, False),
        ("price", ["900"], {}, False),
        ("rent", ["900"], {"price_per": "month"}, False),
        ("rent", ["900"], {"price_unit": "month"}, False),
    ],
)
def test_rents_that_are_taken_for_a_day_are_warned_of(
    column: str, prices: list[str], how: dict[str, Any], *, is_warned: bool
) -> None:
    rows = [{"code": str(number), column: price} for number, price in enumerate(prices)]

    imported = Import(*rows, mapped={"price": column}, **how)

    assert isinstance(imported.response, ResponseSuccess)
    expected = (
        f"Column {column} seems to have prices for a month, which are taken as they are, for a day: "
        "--price-per month (IMPORT_PRICE_PER) makes them prices for a day"
    )
    assert imported.response.value.warnings == ((expected,) if is_warned else ())


def test_column_names_are_escaped_and_cut_in_messages() -> None:
    name = "\x1b[31m\ud800" + "x" * 1_000
    row = {"code": "a", name: "1"}

    said = Import(row).response
    refused = Import(row, mapped={"price": "rent"}).response
    strict = Import({**row, name: "?"}, mapped={"price": name}, is_strict=True).response

    shown = "\\x1b[31m\\ud800" + "x" * 94 + "..."
    assert isinstance(said, ResponseSuccess)
    assert said.value.columns == (shown, "code")
    assert isinstance(refused, ResponseFailure)
    assert refused.message.endswith(f"Columns in the file: {shown}, code")
    assert isinstance(strict, ResponseFailure)
    assert strict.message.startswith("In line 2, column \\x1b[31m\\ud800xxx")


uncoded = st.fixed_dictionaries(
    {"price": st.sampled_from(["1", "2", "?"]), "quarter": st.sampled_from(["Horn", "Horn ", ""])}
)


@given(rows=st.lists(uncoded, max_size=12))
def test_rows_without_a_code_are_each_a_room_and_the_same_one_again(rows: list[Values]) -> None:
    once = Import(*rows)
    again = Import(*rows, repo=once.repo)

    good = [row for row in rows if row["price"] != "?" and row["quarter"]]
    assert [room.price for room in once.rooms] == [int(row["price"]) for row in good]
    assert len(set(once.codes)) == len(good)
    assert all(UUID(code).version == 8 and UUID(code).variant == "specified in RFC 4122" for code in once.codes)
    assert again.rooms == once.rooms
    assert isinstance(again.response, ResponseSuccess)
    assert again.response.value.unchanged == len(good)


def test_derived_codes_are_the_same_on_every_machine() -> None:
    row = {"price": "40", "quarter": "Horn"}

    assert Import(row, row).codes == ["fb4bc96b-8eaa-8b6f-80d5-1bf882fc3446", "4c456147-0cee-892f-8ed7-f769bdb7896c"]


def test_codes_from_all_columns_are_those_of_earlier_versions() -> None:
    row = {"price": "40", "quarter": "Horn"}

    codes = Import(row, row, code_from=("price", "quarter")).codes

    assert codes == ["92d81be7-e0ee-8787-8e17-6f6beaf73c25", "994c952f-0e83-87b0-89c0-8d47cbedf161"]


def test_a_changed_price_keeps_a_derived_code() -> None:
    before = {"cold_rent": "40", "quarter": "Horn"}

    imported = Import(before, mapped={"price": "cold_rent"})
    again = Import({**before, "cold_rent": "41"}, mapped={"price": "cold_rent"}, repo=imported.repo)

    assert [room.price for room in again.rooms] == [41]


def test_a_code_is_not_derived_from_a_price_alone() -> None:
    imported = Import({"price": "40"}, {"price": "41", "quarter": ""}, {"price": "42", "quarter": "Horn"})

    assert [room.price for room in imported.rooms] == [42]
    assert [refusal.number for refusal in imported.refusals] == [2, 3]
    assert all("--code-from" in refusal.reason for refusal in imported.refusals)


def test_column_order_and_empty_columns_keep_a_derived_code() -> None:
    codes = [
        Import(row).codes
        for row in ({"price": "40", "x": "1"}, {"x": "1", "price": "40"}, {"price": "40", "x": "1", "y": ""})
    ]

    assert codes[0] == codes[1] == codes[2]


def test_a_derived_code_is_the_same_for_json_and_for_text() -> None:
    json_row = {"price": 40, "heated": True, "tags": {"b": [1], "a": None}}
    text_row = {"price": "40", "heated": "true", "tags": '{"a": null, "b": [1]}'}

    assert Import(json_row).codes == Import(text_row).codes


def test_a_code_may_be_derived_from_some_columns_only() -> None:
    first = Import({"price": "40", "street": "A"}, {"price": "40", "street": "B"}, code_from=("street",))

    again = Import({"price": "41", "street": "A"}, {"price": "41", "street": "B"}, code_from=("street",))

    assert first.codes == again.codes
    assert len(set(first.codes)) == 2


def test_a_derived_code_never_meets_one_that_is_given() -> None:
    row = {"price": "40", "quarter": "Horn"}
    first, second = Import(row, row).codes

    imported = Import({"code": first, **row}, {"code": second, **row}, row, row)

    assert Counter(imported.codes).most_common(1)[0][1] == 1
    assert len(imported.rooms) == 4


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"mapped": {"price": "cold_rent"}}, "No row has the column cold_rent: "),
        ({"code_from": ("street", "price")}, "No row has the column street: "),
    ],
)
def test_a_column_that_is_named_and_not_there_refuses_the_file(how: dict[str, Any], said: str) -> None:
    imported = Import(A_ROW, **how)

    assert isinstance(imported.response, ResponseFailure)
    assert imported.response.message.startswith(said)
    names = imported.response.message.partition("Columns in the file: ")[2].split(", ")
    assert sorted(names) == ["code", "latitude", "longitude", "price", "size"]
    assert imported.rooms == []


def test_a_file_without_any_attribute_of_a_room_is_refused() -> None:
    imported = Import({"a;b": "1;2"})

    assert isinstance(imported.response, ResponseFailure)
    assert imported.response.message.startswith(
        "No row has any of the columns code, size, price, longitude, latitude: "
    )


def test_an_attribute_without_a_column_is_reported() -> None:
    imported = Import({"code": "a", "price": "1"})

    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value.missing_columns == ("size", "longitude", "latitude")
    assert imported.response.value.columns == ("code", "price")


def test_of_half_a_place_none_is_taken_for_missing() -> None:
    imported = Import({"code": "a", "price": "1", "latitude": ""})

    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value.missing_columns == ("size",)


def test_no_rows_are_no_rooms() -> None:
    imported = Import(mapped={"price": "cold_rent"})

    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value == ImportSummary(0, 0, 0, 0, 0)


def test_a_file_that_breaks_in_the_middle_imports_nothing() -> None:
    repo = MemRepo([])
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(repo, codes, RoomImportRequest(), BrokenRows(A_ROW), ListedReport())

    assert (response.type, response.value["message"]) == (ResponseTypes.PARAMETERS_ERROR, "It is cut off")
    assert repo.list() == []


@pytest.mark.parametrize(
    "blank", [{}, {"street": "A"}, {**dict.fromkeys(A_ROW, " "), "code": ""}, {"price": None}, {"code": " "}]
)
def test_a_row_with_nothing_known_is_passed_over_and_counted(blank: Values) -> None:
    imported = Import(A_ROW, blank, blank)

    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value, imported.codes) == (ImportSummary(3, 1, 0, 0, 0, blank=2), ["a"])


def test_rooms_with_a_code_alone_go_in_and_are_counted_apart() -> None:
    imported = Import(A_ROW, {**dict.fromkeys(A_ROW, ""), "code": "b"}, {"size": "1"})

    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value.added, imported.response.value.code_only) == (3, 1)


def test_an_absent_key_leaves_a_room_as_it_is_and_null_does_not() -> None:
    once = Import({"code": "a", "price": 1, "size": 2, "latitude": 3, "longitude": 4}, {"code": "b", "price": 1})

    again = Import(
        {"code": "a", "price": 5}, {"code": "b", "price": None, "size": 6}, {"code": "c", "size": 7}, repo=once.repo
    )

    assert again.rooms == [
        Room("a", 2, 5, longitude=4.0, latitude=3.0),
        Room("b", 6, None, None, None),  # type: ignore[arg-type] # as the table allows
        Room("c", 7, None, None, None),  # type: ignore[arg-type]
    ]


def test_of_half_a_place_that_is_null_nothing_stays() -> None:
    once = Import(A_ROW)

    again = Import({"code": "a", "latitude": None}, repo=once.repo)

    expected = Room("a", 20, 40, longitude=None, latitude=None)  # type: ignore[arg-type] # as the table allows
    assert again.rooms == [expected]


def test_the_columns_that_may_be_meant_come_first() -> None:
    row = {"code": "a", "Prices": "1", **{f"column {number:02}": "" for number in range(30)}}

    imported = Import(row)

    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value.columns[:3] == ("Prices", "code", "column 00")
    assert (len(imported.response.value.columns), imported.response.value.more_columns) == (20, 12)


THERE = [{"code": code, "size": None, "price": 1, "latitude": None, "longitude": None} for code in "abcdefghij"]


class Replacing(Import):
    """An import of a file that is the whole stock, into `THERE`; and what the user was asked."""

    def __init__(self, *rows: Values, limit: str = "20%", answer: bool = True, **how: Any) -> None:
        self.asked: list[tuple[int, int]] = []

        def confirm(removed: int, existing: int) -> bool:
            self.asked.append((removed, existing))
            return answer

        replacement = Replacement(confirm, read_removal_limit(limit))
        super().__init__(*rows, repo=MemRepo(THERE), replacement=replacement, **how)


def priced(codes: str, price: str = "1") -> list[Values]:
    return [{"code": code, "price": price} for code in codes]


def test_rooms_that_the_whole_stock_lacks_are_removed() -> None:
    imported = Replacing(*priced("bcdefghijk"))

    assert imported.codes == list("bcdefghijk")
    assert imported.asked == [(1, 10)]
    assert isinstance(imported.response, ResponseSuccess)
    assert imported.response.value == ImportSummary(
        10, 1, 0, 9, 0, ("size", "longitude", "latitude"), ("code", "price"), removed=1
    )


def test_nobody_is_asked_if_no_room_goes() -> None:
    assert Replacing(*priced("abcdefghijk")).asked == []


def test_rooms_of_refused_rows_stay() -> None:
    imported = Replacing(*priced("cdefghij"), *priced("a", "free"), *priced("ca"))

    assert imported.codes == list("acdefghij")


@pytest.mark.parametrize("refused", [{"code": "x" * 37, "price": "1"}, {"price": "1", "size": "two"}])
def test_no_room_goes_if_a_refused_row_may_be_any_of_them(refused: Values) -> None:
    imported = Replacing(*priced("cdefghij"), refused)

    assert imported.codes == list("abcdefghij")
    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value.removed, imported.response.value.unidentified) == (0, 1)


def test_a_derived_code_is_certain_if_what_is_wrong_is_no_part_of_it() -> None:
    row = {"street": "A", "price": "1"}
    first = Import(row, code_from=("street",))
    replacement = Replacement(lambda *_: True, read_removal_limit("100%"))

    again = Import(
        {**row, "price": "?"}, {**row, "street": "B"}, code_from=("street",), repo=first.repo, replacement=replacement
    )

    assert again.codes[:1] == first.codes[:1]
    assert isinstance(again.response, ResponseSuccess)
    assert (again.response.value.unidentified, len(again.rooms)) == (0, 2)


@pytest.mark.parametrize(("limit", "said"), [("20%", "more than 20%"), ("2", "more than 2"), ("29 %", "more than 29%")])
def test_more_rooms_than_allowed_change_nothing(limit: str, said: str) -> None:
    for how in ({}, {"is_dry_run": True}):
        imported = Replacing(*priced("cdefghi", "2"), limit=limit, **how)

        assert isinstance(imported.response, ResponseFailure)
        assert imported.response.message == (
            f"3 of 10 rooms are not in the file and would be removed, {said}: nothing was changed; "
            "if that is right, use --max-removed 3"
        )
        assert (imported.asked, imported.repo.data) == ([], THERE)


@pytest.mark.parametrize("limit", ["30%", "3", "100%"])
def test_as_many_rooms_as_allowed_are_removed(limit: str) -> None:
    assert Replacing(*priced("abcdefg"), limit=limit).codes == list("abcdefg")


def test_a_no_changes_nothing() -> None:
    imported = Replacing(*priced("abcdefghi", "2"), answer=False)

    assert isinstance(imported.response, ResponseFailure)
    assert (imported.response.message, imported.repo.data) == ("Nothing was changed, as you answered", THERE)


def test_more_rooms_than_announced_change_nothing() -> None:
    class Growing(MemRepo):
        def _removed(self, codes: AbstractSet[str], removal: Removal | None, *, is_dry_run: bool) -> AbstractSet[str]:
            assert removal
            removal.announce(1, 10)
            removal.check(2, 11)
            return codes if is_dry_run else frozenset()

    repo = Growing(THERE)
    with SqliteSeenCodes() as codes:
        request = RoomImportRequest(replacement=Replacement(lambda *_: True))
        response = room_import_use_case(repo, codes, request, ListedRows(*priced("abcdefghi")), ListedReport())

    assert response.value["message"].startswith("2 of 11 rooms would be removed, and not 1 as announced")
    assert repo.data == THERE


@pytest.mark.parametrize("rows", [[], [{"price": ""}], priced("a", "free")])
def test_a_file_without_a_room_removes_none(rows: list[Values]) -> None:
    imported = Replacing(*rows, limit="100%")

    assert isinstance(imported.response, ResponseSuccess)
    assert (imported.response.value.removed, imported.asked, imported.repo.data) == (0, [], THERE)


@pytest.mark.parametrize("text", ["", "-1", "20 percent", "101%", "1.5%", "٣"])
def test_a_limit_is_a_number_or_a_percentage(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a number of rooms, such as 500, nor a percentage, such as 20%"):
        read_removal_limit(text)


def test_a_writer_s_failure_is_the_answer() -> None:
    class Unavailable:
        def write(self, updates: Iterable[RoomUpdate], *_: Any, **__: Any) -> WrittenRooms:
            raise UnavailableError(f"not now {updates}")

    with SqliteSeenCodes() as codes:
        response = room_import_use_case(Unavailable(), codes, RoomImportRequest(), ListedRows(), ListedReport())

    assert response.type == ResponseTypes.UNAVAILABLE_ERROR


_MAPPINGS: list[tuple[str, Mapping[str, str]]] = [
    ("", {}),
    ("price=cold_rent,size=living_space", {"price": "cold_rent", "size": "living_space"}),
    (' price = cold rent ,"size=Size, m²"', {"price": "cold rent", "size": "Size, m²"}),
    ("price=a=b", {"price": "a=b"}),
]


@pytest.mark.parametrize(("text", "mapped"), _MAPPINGS)
def test_a_mapping_is_read_from_text(text: str, mapped: Mapping[str, str]) -> None:
    request = build_room_import_request(text, "street, floor", is_strict=True)

    assert request == RoomImportRequest(mapped, ("street", "floor"), is_strict=True)


@pytest.mark.parametrize("text", ["prize=x", "price", "price=", "=x", "price=a,price=b"])
def test_a_mapping_that_means_nothing_is_refused(text: str) -> None:
    request = build_room_import_request(text)

    assert not request
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(MemRepo([]), codes, request, ListedRows(), ListedReport())
    assert response.type == ResponseTypes.PARAMETERS_ERROR


def test_codes_are_counted_whatever_their_number_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rentomatic.repository.seen_codes._CACHE_KIB", 16)  # so that they go to the disk
    with SqliteSeenCodes() as codes:
        counts = [codes.enter(f"code {number % 3000}", number) for number in range(6000)]

        assert counts == [*((1, number) for number in range(3000)), *((2, number) for number in range(3000))]
        assert (codes.find("code 7"), codes.find("another")) == (7, None)
