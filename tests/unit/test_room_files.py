"""Files with rooms, read and written."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import json
import re
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.room_import import ImportSummary, RoomUpdate, RowError, WrittenRooms
from rentomatic.domain.room_search import RoomPage, RoomSearch
from rentomatic.repository.memrepo import MemRepo
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.room_import import RoomImportRequest, Row, UnusableFileError
from rentomatic.serializers.files.formats import READABLE, WRITABLE, format_of
from rentomatic.serializers.files.import_report import serialize_row_error
from rentomatic.serializers.files.row_source import FileOptions, RowSource
from rentomatic.serializers.files.writers import serialize_rooms
from rentomatic.serializers.formats import JSON
from rentomatic.use_cases.room_export import room_export_use_case
from rentomatic.use_cases.room_import import room_import_use_case
from tests.contracts.room_writer import room_lists
from tests.support.import_reports import ListedReport
from tests.support.paths import ROOT
from tests.support.room_files import rows_of, source_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rentomatic.domain.room import Room


def import_of(data: bytes, format_: str, repo: MemRepo, **how: Any) -> tuple[Any, list[RowError]]:
    report = ListedReport()
    with source_of(data, format_) as rows, SqliteSeenCodes() as codes:
        response = room_import_use_case(repo, codes, RoomImportRequest(**how), rows, report)
    return response.value, report.refusals


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("rooms.csv", "csv"),
        ("ROOMS.CSV", "csv"),
        ("a/b.c/rooms.ndjson.gz", "ndjson"),
        ("rooms.jsonl", "ndjson"),
        ("rooms.geojson", "geojson"),
        ("rooms.json.GZ", "json"),
    ],
)
def test_the_format_is_in_the_name(name: str, format_: str) -> None:
    assert format_of(name) == format_


@pytest.mark.parametrize("name", ["rooms", "rooms.gz", "rooms.xlsx", "csv", ".csv/rooms"])
def test_a_name_without_a_format_is_refused(name: str) -> None:
    with pytest.raises(UnusableFileError, match=r"must end with one of \.csv, "):
        format_of(name)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_csv_is_read_as_people_have_it(delimiter: str, end: str, mark: bytes, pack: Any) -> None:
    lines = [["code", " price "], ['"a;b,c"', "1"], ["ü", ""]]
    data = "".join(delimiter.join(line) + end for line in lines).encode()

    assert values_of(pack(mark + data)) == [{"code": "a;b,c", "price": "1"}, {"code": "ü", "price": ""}]


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["\n", "\r\n", '"', "\r", "a\nb"]
)


LINE_ENDS = re.compile("\r\n|\r|\n")


def cell_of(text: str) -> str:
    """Spell a cell as RFC 4180 has it; `csv` leaves a lone CR unquoted before Python 3.13."""
    return '"{}"'.format(text.replace('"', '""')) if set(text) & set('",\r\n') else text


@given(table=st.lists(st.tuples(cells, cells), max_size=6), end=st.sampled_from(["\n", "\r\n"]))
def test_the_line_of_a_row_is_where_it_begins_whatever_its_cells_hold(table: list[tuple[str, str]], end: str) -> None:
    text = f"a,b{end}"
    numbers = []
    for line in table:
        numbers.append(len(LINE_ENDS.findall(text)) + 1)
        text += ",".join(map(cell_of, line)) + end

    rows = rows_of(text, "csv")

    assert [tuple(row.values.values()) for row in rows] == table
    assert [row.number for row in rows] == numbers


def test_empty_lines_are_counted_and_skipped() -> None:
    assert [row.number for row in rows_of("a,b\n\n1,2\n\r\n\n3,4")] == [3, 6]
    assert [row.number for row in rows_of('\n{"a": 1}\n \n{"a": 2}', "ndjson")] == [2, 4]


def test_a_row_with_too_few_or_many_cells_is_an_error() -> None:
    short, long, good = rows_of("a,b\n1\n1,2,3\n1,2\n")

    assert short.parse_error == (
        "",
        ["1"],
        "Must have 2 cells, as line 1 has, but has 1",
        "Must have 2 cells, as line 1 has",
    )
    assert long.parse_error == (
        "",
        ["1", "2", "3"],
        "Must have 2 cells, as line 1 has, but has 3",
        "Must have 2 cells, as line 1 has",
    )
    assert good.values == {"a": "1", "b": "2"}


def test_json_keeps_decimals_to_the_digit() -> None:
    for data, format_ in (('{"a": 1.10}\n{"a": 2}', "ndjson"), ('[{"a": 1.10}, {"a": 2}]', "json")):
        assert values_of(data, format_) == [{"a": Decimal("1.10")}, {"a": 2}]


def test_a_line_or_item_that_is_not_an_object_is_an_error() -> None:
    for data, format_ in (('[1]\n{"a": 2}', "ndjson"), ('[[1], {"a": 2}]', "json")):
        problem, good = rows_of(data, format_)

        assert problem.parse_error == ("", [1], "Must be an object")
        assert (good.number, good.values) == (2, {"a": 2})


def test_a_feature_has_its_properties_id_and_place() -> None:
    point = {"type": "Point", "coordinates": [9.99, 53.55, 7]}
    features: list[Any] = [
        {"type": "Feature", "id": 1, "geometry": point, "properties": {"price": 40, "more": {"features": [{}]}}},
        {"type": "Feature", "geometry": None, "properties": None},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": []}, "properties": {"id": "own"}, "id": 2},
        {"type": "Feature", "properties": {"price": 1}},
        {"type": "Feature", "geometry": None, "properties": {"Latitude": 1}},
    ]
    nowhere = {"longitude": None, "latitude": None}  # which makes it unknown in a room that is there
    collection = {"name": "x", "features": features, "links": [{"a": 1}], "type": "FeatureCollection"}

    assert values_of(json.dumps(collection), "geojson") == [
        {
            "id": 1,
            "price": 40,
            "more": {"features": [{}]},
            "longitude": Decimal("9.99"),
            "latitude": Decimal("53.55"),
            "code": 1,
        },
        nowhere,
        {"id": "own", "code": "own", **nowhere},
        {"price": 1},
        {"Latitude": 1},
    ]


@pytest.mark.parametrize(
    ("feature", "column", "reason"),
    [
        (
            {"geometry": {"type": "LineString", "coordinates": []}},
            "geometry",
            "Must be a Point, a Polygon or null, but is a LineString",
        ),
        ({"geometry": {"type": "Point", "coordinates": [1]}}, "geometry", "Must be a Point, a Polygon or null"),
        ({"properties": []}, "", "Must be a Feature"),
        (3, "", "Must be a Feature"),
    ],
)
def test_a_feature_that_is_not_a_room_is_an_error(feature: Any, column: str, reason: str) -> None:
    (row,) = rows_of(json.dumps({"type": "FeatureCollection", "features": [feature]}), "geojson")

    assert row.parse_error is not None
    assert (row.unit, row.number, row.parse_error[0], row.parse_error[2]) == ("item", 1, column, reason)


MANY = b"code,price\n" + b"a,1\n" * 100_000
_BROKEN: list[tuple[bytes, str, str]] = [
    (
        b"code\nM\xfcnchen\n",
        "csv",
        'Line 2 is not UTF-8 (byte 0xfc). If it should read "M\xfcnchen", give --encoding cp1252; otherwise save',
    ),
    (b'{"code": "\xfc"}', "ndjson", "Line 1 is not UTF-8 (byte 0xfc). If it should read"),
    (
        b'[{"code": "\xfc"}]',
        "json",
        "Line 1 is not UTF-8 (byte 0xfc). If it should read",
    ),
    (b"", "csv", "The file has no names of columns and no rows"),
    (b"\n", "csv", "The file has no names of columns and no rows"),
    (b",\n,\n", "csv", "The file has no names of columns and no rows"),
    (b'a,b\n1,2\n"x,1\n2,3\n', "csv", "The row that begins in line 3 is not CSV: a quote is not closed"),
    (b'a,b\n"x"y,1\n', "csv", "The row that begins in line 2 is not CSV: text follows a quote that is closed"),
    (b'a\n"' + b"x\n" * 100_000, "csv", "The row that begins in line 2 is not CSV: a quote is not closed"),
    (b"a\n" + b"x" * 2_000_000, "csv", "Line 2 is longer than 1,048,576 characters: is it another format?"),
    (b'{"a": 1}\n{"a": }\n', "ndjson", "Line 2 is not JSON: Expecting value, at column 7"),
    (b"[" * 100_000, "ndjson", "Line 1 is not JSON: Unclosed bracket, at column 1"),
    (b'[{"a": 1}, {"a"', "json", "The file is not valid JSON after item 1: Expecting ':' delimiter"),
    (
        b'{"a": 1}\n{"a": 2}\n',
        "json",
        "The file is neither a FeatureCollection nor a list of rooms; for an object in each",
    ),
    (b'[{"a": 1}] x', "json", "The file is not valid JSON after item 1: Extra data"),
    (b'[{"a": 1} {"a": 2}]', "json", "The file is not valid JSON after item 0: Expecting , or ]"),
    (b"{1: 2}", "json", "The file is not valid JSON after item 0: Expecting a name in quotes; for an object in each"),
    (b'{"type" "Feature"}', "json", "The file is not valid JSON after item 0: Expecting :; for an object in each"),
    (
        b'{"type": "Topology"}',
        "geojson",
        "The file is neither a FeatureCollection nor a list of rooms; for an object in each",
    ),
    (b'"rooms"', "json", "The file is neither a FeatureCollection nor a list of rooms; for an object in each"),
    (b"", "json", "The file is neither a FeatureCollection nor a list of rooms; for an object in each"),
    (b"[" * 100_000, "json", "The file is not valid JSON after item 0: Unclosed bracket"),
    (b'{"features": [' + b"[" * 100_000, "geojson", "The file is not valid JSON after item 0: Unclosed bracket"),
    (
        b'[{"a": "' + b"x" * 2_000_000,
        "json",
        "The file is not valid JSON after item 0: a value is invalid or longer than 1,048,576 characters",
    ),
    (gzip.compress(MANY)[:-9], "csv", "The compressed data is cut off or damaged after line "),
    (gzip.compress(MANY)[:-8] + bytes(8), "csv", "The compressed data is cut off or damaged after line "),
    (b"\x1f\x8b" + bytes(100), "csv", "The compressed data is cut off or damaged"),
]


@pytest.mark.parametrize(("data", "format_", "said"), _BROKEN, ids=[said for _, _, said in _BROKEN])
def test_a_broken_file_is_refused_with_the_line(data: bytes, format_: str, said: str) -> None:
    with pytest.raises(UnusableFileError) as caught:
        rows_of(data, format_)

    assert str(caught.value).startswith(said)


@given(data=st.binary(max_size=60) | st.text('[]{}",:0129.eE- \nntfalse', max_size=40).map(str.encode))
@pytest.mark.parametrize("format_", READABLE)
def test_any_bytes_are_rows_or_an_unusable_file(data: bytes, format_: str) -> None:
    try:
        rows = rows_of(data, format_)
    except UnusableFileError:
        return
    assert all(isinstance(row, Row) for row in rows)


# An import takes a code of nothing but spaces for one that is not known.
coded_rooms = room_lists.map(lambda rooms: [room for room in rooms if str(room.code).strip()])


@given(rooms=coded_rooms)
@pytest.mark.parametrize("format_", WRITABLE)
def test_an_export_imports_as_it_was_and_then_changes_nothing(format_: str, rooms: list[Room]) -> None:
    repo = MemRepo([])
    data = b"".join(serialize_rooms(room_export_use_case(MemRepo([room.to_dict() for room in rooms])), format_))

    first, refusals = import_of(data, format_, repo)
    again, _ = import_of(data, format_, repo)

    assert (repo.list(), refusals) == (rooms, [])
    assert (first.added, again.unchanged, again.added) == (len(rooms), len(rooms), 0)


@given(rooms=room_lists)
def test_csv_for_spreadsheets_has_an_apostrophe_before_formulas_only(rooms: list[Room]) -> None:
    texts = [
        b"".join(serialize_rooms([rooms], "csv", is_for_spreadsheets=is_safe)).decode() for is_safe in (False, True)
    ]

    header, *plain = csv.reader(io.StringIO(texts[0], newline=""))
    safe_header, *safe = csv.reader(io.StringIO(texts[1], newline=""))
    formulas = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
    assert (safe_header, [cells[1:] for cells in safe]) == (header, [cells[1:] for cells in plain])
    assert [cells[0] for cells in safe] == [f"'{code}" if formulas.match(code) else code for code, *_ in plain]


@given(rooms=coded_rooms)
def test_what_the_api_answers_can_be_imported(rooms: list[Room]) -> None:
    repo = MemRepo([])
    page = RoomPage(RoomSearch(), rooms, list(range(len(rooms))))

    import_of(JSON.encode_page(page, {}).encode(), "json", repo)

    assert repo.list() == rooms


def test_an_export_is_made_of_all_pages() -> None:
    rooms = [{"code": str(each), "size": 1, "price": 2, "longitude": None, "latitude": None} for each in range(10_001)]

    parts = list(room_export_use_case(MemRepo(rooms)))

    assert [len(part) for part in parts] == [10_000, 1]
    assert [room.code for part in parts for room in part] == [room["code"] for room in rooms]


def test_a_refusal_is_a_line_of_json_with_a_value_that_may_be_cut() -> None:
    lines = [
        serialize_row_error(RowError("line", 2, "price", "x" * 1000, "Must be a number")),
        serialize_row_error(RowError("item", 3, "", {"a": Decimal("1.5")}, "Must be a Feature")),
    ]

    assert [json.loads(line) for line in lines] == [
        {"line": 2, "column": "price", "value": "x" * 200 + "...", "reason": "Must be a number"},
        {"item": 3, "column": None, "value": {"a": "1.5"}, "reason": "Must be a Feature"},
    ]
    assert all(line.endswith("}\n") for line in lines)


class Counting:
    """A writer that keeps nothing."""

    def write(self, updates: Iterable[RoomUpdate], *_: Any, **__: Any) -> WrittenRooms:
        return WrittenRooms(sum(1 for _ in updates), 0, 0)


def _big(format_: str, number: int) -> Iterator[bytes]:
    lines = (b'{"code": "%d", "price": 1.5, "x": "%s"}' % (each, b"x" * 100) for each in range(number))
    if format_ == "csv":
        yield b"code,price,x\n"
        yield from (b"%d,1.5,%s\n" % (each, b"x" * 100) for each in range(number))
    elif format_ == "ndjson":
        yield from (line + b"\n" for line in lines)
    else:
        yield b"["
        yield b",".join(lines)
        yield b"]"


@pytest.mark.parametrize("format_", ["csv", "ndjson", "json"])
def test_memory_does_not_depend_on_the_size_of_the_file(format_: str, tmp_path: Any) -> None:
    def peak(number: int) -> int:
        file = tmp_path / f"rooms-{number}.gz"
        with gzip.open(file, "wb", 1) as output:
            output.writelines(_big(format_, number))
        gc.collect()
        with file.open("rb") as stream, SqliteSeenCodes() as codes:
            tracemalloc.start()
            rows = RowSource(stream, FileOptions(format_))
            response = room_import_use_case(Counting(), codes, RoomImportRequest(is_rounded=True), rows, ListedReport())
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert response.value == ImportSummary(
            number, number, 0, 0, 0, ("size", "longitude", "latitude"), ("code", "price", "x")
        )
        return peak

    peak(100)  # what is imported late, and cached
    assert peak(10_000) < 1.3 * peak(2_000)


def test_the_listings_become_the_rooms_that_the_page_counts() -> None:
    data = (ROOT / "docs" / "listings.csv").read_bytes()
    how: dict[str, Any] = {"mapped": {"price": "rent", "size": "living_space"}, "is_rounded": True}
    repo = MemRepo([])

    first, refusals = import_of(data, "csv", repo, **how)
    again, _ = import_of(data, "csv", repo, **how)

    assert (first.read, first.added, first.refused) == (200, 194, 6)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 194)
    assert len({refusal.number for refusal in refusals}) == 6
    assert sum(room.price is None for room in repo.list()) == 18
    assert sum(room.latitude is None for room in repo.list()) == 18
    rows = [tuple(values.items()) for values in values_of(data)]
    assert len(rows) - len(set(rows)) == 6
