"""What a file may be, and how what it may not be is named."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.requests.room_import import Row, UnusableFileError
from rentomatic.serializers.files import row_source, spreadsheets
from tests.support.room_files import ods_of, rows_of, source_of, values_of, xlsx_of, zip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpyxl import Workbook

CSV = b"code,price\na,1\n"
FULL = Path("/dev/full")
READ = [{"code": "a", "price": "1"}]
UNPLACED = {"latitude": None, "longitude": None}


def error_of(data: bytes | str, format_: str | None = None, **options: Any) -> str:
    with pytest.raises(UnusableFileError) as caught:
        rows_of(data, format_, **options)
    return str(caught.value)


def feature(geometry: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"price": 20}, "geometry": geometry, **members}


# Rows, however they are written


names = st.text(st.characters(categories=["L"]), min_size=1, max_size=6).map("column {}".format)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n\t\x85\u2028\u2029"), max_size=8
).filter(lambda text: text == text.strip() and "_x" not in text)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Columns of text with a code, and rows that are not taken for a total."""
    header = ["code", *draw(st.lists(names, min_size=1, max_size=3, unique=True))]
    number = draw(st.integers(1, 4))
    return [header, *([f"r{index}", *(draw(texts) for _ in header[1:])] for index in range(number))]


def written_csv(table: Sequence[Sequence[str]], delimiter: str, end: str, quoting: Any, spaces: str) -> str:
    output = io.StringIO()
    csv.writer(output, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    text = output.getvalue()
    return text if not spaces else text.replace(f'"{delimiter}"', f'"{spaces}{delimiter}{spaces}"')


@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    pack=st.sampled_from([bytes, gzip.compress, zip_of, lambda data: zip_of(gzip.compress(data))]),
    has_separator_line=st.booleans(),
)
def test_rows_are_the_same_however_their_csv_is_written(  # noqa: PLR0913 - each is a way
    *,
    table: list[list[str]],
    delimiter: str,
    end: str,
    encoding: str,
    quoting: Any,
    pack: Callable[[bytes], bytes],
    has_separator_line: bool,
) -> None:
    text = written_csv(table, delimiter, end, quoting, "")
    data = f"sep={delimiter}{end}{text}" if has_separator_line else text
    named = encoding if encoding == "utf-16-le" else ""

    rows = values_of(pack(data.encode(encoding)), encoding=named)

    assert rows == [dict(zip(table[0], row, strict=True)) for row in table[1:]]


@given(table=tables())
def test_rows_are_the_same_in_every_format(table: list[list[str]]) -> None:
    header, *rows = table
    objects = [dict(zip(header, row, strict=True)) for row in rows]
    features = [{"type": "Feature", "properties": each} for each in objects]
    lines = [json.dumps(each) for each in objects]
    files = {
        "ndjson": "\n".join(lines).encode(),
        "json": json.dumps(objects).encode("utf-16"),
        "geojson": json.dumps({"type": "FeatureCollection", "features": features}, indent=1).encode(),
        "spreadsheet": xlsx_of(table),
    }
    sequence = "".join(f"\x1e{json.dumps(each, indent=1)}\n" for each in objects)
    by_line = "\n".join(map(json.dumps, features))

    for format_, data in files.items():
        with source_of(data) as source:
            assert [row.values for row in source] == objects
            assert source.format_ == format_
    for data in (sequence.encode(), by_line.encode(), gzip.compress(files["spreadsheet"]), zip_of(files["json"])):
        assert values_of(data) == objects


@given(table=tables())
def test_rows_are_the_same_in_an_ods_file(table: list[list[str]]) -> None:
    spaced = [[" ".join(cell.split()) for cell in row] for row in table]  # spaces are elements of their own in ODS

    assert values_of(ods_of(spaced)) == [dict(zip(spaced[0], row, strict=True)) for row in spaced[1:]]


class Pipe(io.BytesIO):
    """A stream that can be read once."""

    def seekable(self) -> bool:
        return False


def test_rows_can_be_read_again_also_from_a_stream_that_cannot() -> None:
    for data in (CSV, gzip.compress(CSV), zip_of(CSV), gzip.compress(zip_of(CSV)), xlsx_of([["code"], ["a"]])):
        with source_of(Pipe(data)) as source:
            assert list(source) == list(source) != []


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_copy_that_cannot_be_written_is_explained(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_source, "TemporaryFile", lambda buffering: FULL.open("r+b", buffering))

    with (
        pytest.raises(UnusableFileError, match=r"cannot be written \(No space left on device\): free space in"),
        source_of(Pipe(b"x" * size)) as source,
    ):
        list(source)


def test_an_error_of_the_stream_is_left_as_it_is() -> None:
    class Broken(Pipe):
        def readinto(self, _: Any) -> int:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError), source_of(Broken(CSV)) as source:
        list(source)


def test_rows_begin_where_the_stream_stands() -> None:
    stream = io.BufferedReader(io.BytesIO(b"read already" + CSV))
    stream.read(12)

    with source_of(stream) as source:
        assert [row.values for row in source] == [row.values for row in source] == READ


# CSV


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"code";"price, per day, in euros"\na;1\n', {"code": "a", "price, per day, in euros": "1"}),
        ('"price\nper; day; now",code\n1,a\n', {"price\nper; day; now": "1", "code": "a"}),
        ("a, b, c;code\nx;1,2,3\n", {"a, b, c": "x", "code": "1,2,3"}),
        ("Preis, kalt;Fläche, ca., m²\n12,5;3\n9,5;4\n", {"Preis, kalt": "12,5", "Fläche, ca., m²": "3"}),
        ("sep=~\ncode~price\na~1\n", {"code": "a", "price": "1"}),
        ('"sep=|"\r\ncode|price;x\r\na|1\r\n', {"code": "a", "price;x": "1"}),
        ("code\na,b;c\n", {"code": "a"}),
    ],
)
def test_the_delimiter_is_that_of_the_header(text: str, expected: dict[str, str]) -> None:
    row = rows_of(text)[0]

    assert row.values == expected or (row.parse_error and list(expected) == ["code"])


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        (' "a" , "1"  ', ["a", "1"]),
        ('"a" ,"x, ""y"" , z" ', ["a", 'x, "y" , z']),
        (' a , "1"', [" a ", "1"]),
        ('5" pipe, "1"', ['5" pipe', "1"]),
        (' "a\n b" , "1" ', ["a\n b", "1"]),
        ('"says "" , "" and", "1"', ['says " , " and', "1"]),
        ('a," "', ["a", " "]),
        ('" ""a"" "," 1 "', [' "a" ', " 1 "]),
    ],
)
def test_spaces_around_quotes_are_left_out_and_others_kept(line: str, cells: list[str]) -> None:
    assert [list(values.values()) for values in values_of(f"code,price\n{line}\nb,2\n")] == [cells, ["b", "2"]]


@given(
    table=tables(), delimiter=st.sampled_from(",;|"), spaces=st.sampled_from([" ", "   "]), end=st.sampled_from("\n\r")
)
def test_spaces_around_all_quotes_change_nothing(table: list[list[str]], delimiter: str, spaces: str, end: str) -> None:
    plain = [[cell.replace('"', "'") for cell in row] for row in table]

    text = written_csv(plain, delimiter, end, csv.QUOTE_ALL, spaces)

    expected = [[cell.replace(f'"{delimiter}"', "") for cell in row] for row in plain[1:]]
    assert [list(values.values()) for values in values_of(text)] == expected


def test_extra_cells_may_be_empty_and_missing_ones_unnamed() -> None:
    empty, extra, short, unnamed, blank = rows_of("code,price,,\na,1,,,,\nb,2,,,x\nc\nd,4\n \n")

    assert (empty.values, unnamed.values) == ({"code": "a", "price": "1"}, {"code": "d", "price": "4"})
    assert extra.parse_error
    assert extra.parse_error[2] == "Must have 4 cells, as line 1 has, but has 5"
    assert short.parse_error
    assert short.parse_error[2] == "Must have 4 cells, as line 1 has, but has 1"
    assert blank.values == {"code": " ", "price": ""}


def test_repeated_names_are_left_out_and_known() -> None:
    with source_of(b"code,note, note,price,,\na,x,y,1,z,z\n") as source:
        assert [row.values for row in source] == READ
        assert source.repeated == {"note"}


def test_a_long_unused_field_is_read_up_to_the_limit_of_a_line() -> None:
    assert values_of(f"code,x\na,{'x' * 1_000_000}\n")[0]["code"] == "a"
    assert "Line 2 is longer than 1,048,576 characters" in error_of(f"code,x\na,{'x' * 1_100_000}\n")
    assert "Line 2 is longer than 1,048,576 characters" in error_of(f"code,x\na,{'x' * 1_100_000}\n".encode("utf-16"))


# A title and a total


@pytest.mark.parametrize(
    ("text", "numbers", "passed_over"),
    [
        ("Rooms 2026,,\ncode,size,price\na,1,2\nTotal,,2\n", [3], [1, 4]),
        (
            "Rooms\n\nAs of,1 May\nCode;Size;Price\na;1;2\n;;\nSumme:;1;2\nin euros\n\nask us\n",
            [5, 6],
            [1, 3, 7, 8, 10],
        ),
        ("Unsere Zimmer\nZimmer;Miete;Lage\na;1;2\nGesamt (1 Zimmer);1;2\n", [3], [1, 4]),
        ("Unsere Zimmer\ncode\na\nb\n", [3, 4], [1]),
        ("code,price\na,2\nTotal view,1\n", [2, 3], []),
        ("code,price\na,2\nTotally,\n", [2, 3], []),
        ("code,price\na,2\n,1\n", [2, 3], []),
        ("code,price\na,2\nnote,\n", [2, 3], []),
        ("price\n2\n3\n", [2, 3], []),
        ("price,size\ncode,1\n", [2], []),
        ("Zimmer,Miete\nsize,3\n", [2], []),
        ("Zimmer,Miete,\nsize,3,4\n", [], [1]),
    ],
)
def test_a_title_and_a_total_are_passed_over_and_said(text: str, numbers: list[int], passed_over: list[int]) -> None:
    with source_of(text.encode()) as source:
        assert [row.number for row in source] == numbers
        assert [int(said.split()[3]) for said in source.passed_over] == passed_over


@pytest.mark.parametrize(
    ("text", "numbers", "total"),
    [
        ("code,size,price\na,1,2\nSumme,1,\nb,3,4\nSumme,4,\nc,1,2\n", [2, 3, 4, 5, 6], "Line 3"),
        ("code,price\nTotal,1\na,2\n", [2, 3], "Line 2"),
        ("code,price\nTotal\na,2\n", [2, 3], "Line 2"),
    ],
)
def test_the_first_total_that_rows_follow_is_said(text: str, numbers: list[int], total: str) -> None:
    with source_of(text.encode()) as source:
        assert [row.number for row in source] == numbers
        (said,) = source.passed_over
        assert said.startswith(f"{total} looks like a total, but is read as a room, since rows follow: ")


def test_any_number_of_blank_rows_may_follow_a_total() -> None:
    with source_of(b"code,price\na,1\nTotal,1\n" + b",\n" * 1_000 + b"in euros,\n") as source:
        assert [row.values["code"] for row in source] == ["a", *([""] * 1_000)]
        assert [int(said.split()[3]) for said in source.passed_over] == [3, 1004]


def test_what_was_passed_over_is_said_in_words() -> None:
    with source_of(b"Rooms, 2026\ncode,size,price\na,1,2\n,Total,2\n") as source:
        list(source)

        assert list(source.passed_over) == [
            "Passed over line 1 above the header: Rooms, 2026",
            "Passed over line 4 below the rows: Total, 2",
        ]


def test_the_names_that_are_known_may_be_others() -> None:
    text = "a,b,c,d\nx,Miete\n1,2\n"

    assert values_of(text, known_names={"MIETE", "x_"}) == [{"x": "1", "Miete": "2"}]


# Encodings


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-15", "mac_roman", "cp850", "gb18030"])
def test_a_named_encoding_is_used(encoding: str) -> None:
    assert values_of("code,price\nGröße\x85\u2028".encode(encoding, "ignore") + b",1\n", encoding=encoding)[0][
        "code"
    ].startswith("Größe")


@pytest.mark.parametrize("name", ["cp1253x", "hex", "", "\x00", "ü", "utf-8"])
def test_an_unknown_encoding_is_refused_by_name(name: str) -> None:
    if name in ("", "utf-8"):
        assert values_of(CSV, encoding=name) == READ
        return
    assert error_of(CSV, encoding=name).startswith("There is no encoding ")


def test_what_is_not_utf_8_is_offered_as_windows_1252_and_not_taken() -> None:
    lines = "code;Ort\n" + "a;b\n" * 20_000 + "x;près de Köln “ab 39 €”\n"

    assert error_of(lines.encode("cp1252")) == (
        'Line 20002 is not UTF-8 (byte 0xe8). If it should read "x;près de Köln “ab 39 €”", give --encoding cp1252; '
        "otherwise save the file as UTF-8, or give its --encoding (IMPORT_ENCODING)"
    )
    assert values_of(lines.encode("cp1252"), encoding="cp1252")[-1] == {"code": "x", "Ort": "près de Köln “ab 39 €”"}


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (b"code\na\xfc\x81\n", {}, "Line 2 is not UTF-8 (byte 0xfc). Save the file as UTF-8, or give its --encoding"),
        (b"code\na\x81\n", {"encoding": "cp1252"}, "Line 2 is not cp1252 (byte 0x81): give its --encoding"),
        (b'[{"code": 1},\n{"code": "\xfc"}]', {}, "Line 2 is not UTF-8 (byte 0xfc). If it should read"),
        ("code\na\n".encode("utf-16")[:-1], {}, "Line 2 is not utf-16"),
        ("code;price\na;1\n".encode("utf-16-le"), {}, "The file is UTF-16 without a byte order mark: give --encoding"),
        (bytes(1_000), {}, "The file is not text"),
    ],
)
def test_an_encoding_that_does_not_fit_is_explained(data: bytes, options: Any, said: str) -> None:
    assert error_of(data, **options).startswith(said)


# What is packed


def test_a_zip_may_have_files_that_do_not_count() -> None:
    others = {"__MACOSX/._a.csv": b"x", "data/": b"", ".DS_Store": b"x", "data/._b": b""}

    assert values_of(zip_of({"data/a.txt": CSV, **others})) == READ


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zip_of({"a.csv": CSV, "b.csv": CSV}), "The zip file has 2 files: a.csv, b.csv. Unpack it, and import the one"),
        (zip_of({f"{number}": b"" for number in range(12)}), "The zip file has 12 files: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (zip_of({"a.shp": b"", "a.dbf": b""}), "The zip file has 2 files: a.shp, a.dbf. Unpack it, and import the one"),
        (zip_of({"__MACOSX/a": b""}), "The zip file has no file in it"),
        (gzip.compress(zip_of(gzip.compress(CSV))), "The file is packed more than twice: unpack it first"),
        (zip_of(CSV).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), "rooms in the zip"),
        (zip_of(CSV)[:-10], "The compressed data is cut off or damaged"),
        (zip_of(CSV)[:40] + b"\xff\xff" + zip_of(CSV)[42:], "The compressed data is cut off or damaged"),
        (zip_of(b"code\n" + b"a" * 10_000_000), "The file expands to more than 100 times its size"),
        (gzip.compress(zip_of(b"code\n" + b"a\n" * 10_000_000)), "The file expands to more than 100 times its size"),
        (zip_of({"word/document.xml": b"", "[Content_Types].xml": b""}), "The file is a Word document, which cannot"),
        (zip_of({"mimetype": b"application/epub+zip"}), "The file is a document other than a spreadsheet, which"),
        (zip_of({"Index/Document.iwa": b""}), "The file is a document of Apple's Numbers, Pages or Keynote, which"),
    ],
    ids=range(13),
)
def test_what_cannot_be_unpacked_is_explained(data: bytes, said: str) -> None:
    assert error_of(data).startswith(said)


# What is not supported


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PAR1\x15\x04", "a Parquet file, which cannot be imported: convert it to CSV"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old Office program (such as .xls)"),
        (b"SQLite format 3\x00", "GeoPackage"),
        (b"\x00\x00\x27\x0a", "a shapefile"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"x" * 257 + b"ustar\x00", "a tar archive"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <!-- a\n <x> -->\n<HTML lang=de>", "an HTML page"),
        ("<html>".encode("utf-16"), "an HTML page"),
        (b"<table><tr><td>code</td></tr></table>", "an HTML page"),
        (b'<?xml version="1.0"?>\n<kml>', "XML (kml)"),
        (b"<osm version='0.6'/>", "XML (osm)"),
        (b" \r\n", "The file is empty"),
        (b"", "The file is empty"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zip_of])
def test_an_unsupported_file_is_named(data: bytes, said: str, pack: Callable[[bytes], bytes]) -> None:
    assert said in error_of(pack(data))


def test_a_format_that_is_told_is_not_looked_for() -> None:
    assert values_of("[code],<price\n{a,1\n") == [{"[code]": "{a", "<price": "1"}]
    assert values_of("<code>,price\n{a,1\n", "csv") == [{"<code>": "{a", "price": "1"}]
    assert rows_of("[1]\n", "ndjson")[0].parse_error == ("", [1], "Must be an object")


# GeoJSON


SQUARE = [[9, 53], [10, 53], [10, 54], [9, 54], [9, 53]]


@pytest.mark.parametrize(
    ("geometry", "place"),
    [
        ({"type": "Polygon", "coordinates": [SQUARE]}, (Decimal("9.5"), Decimal("53.5"))),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE]]}, (Decimal("9.5"), Decimal("53.5"))),
        ({"type": "Polygon", "coordinates": [[[*each, 7] for each in SQUARE]]}, (Decimal("9.5"), Decimal("53.5"))),
        ({"type": "Point", "coordinates": [9.5, 53.5, 7]}, (Decimal("9.5"), Decimal("53.5"))),
        ({"type": "Polygon", "coordinates": []}, (None, None)),
        (None, (None, None)),
    ],
)
def test_a_polygon_is_a_place_if_that_is_told(geometry: Any, place: tuple[Any, Any]) -> None:
    (row,) = rows_of(json.dumps(feature(geometry)), has_centroids=True)

    assert (row.values.get("longitude"), row.values.get("latitude"), row.values["price"]) == (*place, 20)


@pytest.mark.parametrize(
    ("geometry", "has_centroids", "reason"),
    [
        ({"type": "Polygon", "coordinates": [SQUARE]}, False, "--centroid"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE]]}, False, "--centroid"),
        ({"type": "LineString", "coordinates": SQUARE}, True, "but is a LineString"),
        ({"type": "GeometryCollection", "geometries": []}, True, "but is a GeometryCollection"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, True, "Must have an area"),
        ({"type": "Polygon", "coordinates": [SQUARE, "x"]}, True, "Must have positions of numbers"),
        ({"type": "Polygon", "coordinates": [[[0, "nan"], [1, 1], [0, 1]]]}, True, "Must have positions of numbers"),
        ({"type": "Polygon", "coordinates": 5}, True, "Must be a Point, a Polygon or null"),
        ("x", True, "Must be a Point, a Polygon or null"),
    ],
)
def test_another_geometry_refuses_its_row_alone(geometry: Any, has_centroids: bool, reason: str) -> None:  # noqa: FBT001
    other, good = rows_of(json.dumps([feature(geometry), feature(None)]), has_centroids=has_centroids)

    assert other.parse_error
    assert reason in other.parse_error[2]
    assert good.values == {"price": 20, **UNPLACED}


@pytest.mark.parametrize(
    ("properties", "code"),
    [({}, "f1"), ({"code": "own"}, "own"), ({" Code": "own"}, None), ({"id": "own"}, "own")],
)
def test_a_features_id_is_the_code_unless_it_has_one(properties: dict[str, str], code: str | None) -> None:
    (row,) = rows_of(json.dumps({"type": "Feature", "id": "f1", "geometry": None, "properties": properties}))

    assert row.values.get("code") == code


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:EPSG::3857", "EPSG:25832", "EPSG:14326", "local"])
def test_places_in_another_system_are_refused_by_its_name(name: str) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    first = {"type": "FeatureCollection", "crs": crs, "features": [feature(None)]}
    last = {"type": "FeatureCollection", "features": [feature(None)], "crs": crs}

    for collection in (first, last):
        assert f"are in {name} instead of WGS 84" in error_of(json.dumps(collection))


@pytest.mark.parametrize(
    "crs", [None, *({"properties": {"name": f"{name}"}} for name in ("OGC:CRS84", "EPSG:4326", "urn:x:EPSG::4979"))]
)
def test_places_in_wgs_84_are_taken(crs: Any) -> None:
    collection = {"type": "FeatureCollection", "crs": crs, "features": [feature(None)]}

    assert values_of(json.dumps(collection)) == [{"price": 20, **UNPLACED}]


def test_a_sequence_may_have_values_of_several_lines() -> None:
    rows = rows_of('\x1e{"code":\n "a"}\n\x1e\n\x1e{"code": "b"}\n')

    assert [(row.number, row.values) for row in rows] == [(1, {"code": "a"}), (4, {"code": "b"})]
    assert error_of('\x1e{"code":\n a}\n').startswith("Line 2 is not JSON")


# Spreadsheets


def test_cells_are_text_integers_decimals_and_dates_in_iso_8601() -> None:
    cells = [
        1001.0,
        39.9,
        0.1 + 0.2,
        True,
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4),  # noqa: DTZ001 - spreadsheets know no time zones
        time(3, 4),
        " x ",
        None,
        10.0**20,
    ]

    (values,) = values_of(xlsx_of([["code", *map(str, range(1, 10))], cells]))

    assert list(values.values()) == [
        1001,
        Decimal("39.9"),
        Decimal("0.3"),
        True,
        "2026-01-02",
        "2026-01-02T03:04:00",
        "03:04:00",
        " x ",
        "",
        Decimal("1E+20"),
    ]
    assert values_of(xlsx_of([["code"], [timedelta(hours=30)]])) == [{"code": "1 day, 6:00:00"}]


def test_a_sheet_may_have_a_title_a_total_and_notes_beside_it() -> None:
    table: list[list[Any]] = [
        [None, "Our rooms"],
        [],
        [None, "Code", "Price"],
        [None, "a", 1, None, "note"],
        [],
        [None, "Total", 1],
    ]

    with source_of(xlsx_of(table)) as source:
        rows = list(source)
        assert rows[0] == Row(4, {"Code": "a", "Price": 1}, "row")
        assert rows[1] == Row(5, {"Code": "", "Price": ""}, "row")
        assert [said.split(":")[0] for said in source.passed_over] == [
            "Passed over row 1 above the header",
            "Passed over row 6 below the rows",
        ]


def test_a_merged_cell_has_its_value_in_the_first() -> None:
    def merge(book: Workbook) -> None:
        book.worksheets[0].merge_cells("A2:A3")

    assert values_of(xlsx_of([["code", "price"], ["a", 1], [None, 2]], merge)) == [
        {"code": "a", "price": 1},
        {"code": "", "price": 2},
    ]


@pytest.mark.parametrize(("sheet", "code"), [("", "shown"), ("Zwei", "shown"), ("1", "hidden"), ("3", "last")])
def test_a_sheet_is_named_or_counted_or_the_first_shown(sheet: str, code: str) -> None:
    def add(book: Workbook) -> None:
        book.worksheets[0].sheet_state = "hidden"
        for name, value in (("Zwei", "shown"), ("Drei", "last")):
            other = book.create_sheet(name)
            other.append(["code"])
            other.append([value])

    data = xlsx_of([["code"], ["hidden"]], add)

    assert values_of(data, sheet=sheet) == [{"code": code}]
    for unknown in ("Vier", "0", "4", "²"):
        assert error_of(data, sheet=unknown).endswith("takes a name or number of Sheet, Zwei, Drei")


@pytest.mark.parametrize("cell", ["XFD1048576", "ALL6000"])
def test_a_sheet_with_a_value_far_away_is_refused_before_it_is_loaded(cell: str) -> None:
    def far(book: Workbook) -> None:
        book.worksheets[0][cell] = 1

    assert error_of(xlsx_of([["code"], ["a"]], far)).startswith("A sheet extends over more than 5,000,000 cells")


def test_a_sheet_of_repeated_cells_is_refused_before_it_is_loaded() -> None:
    assert error_of(ods_of([["code"], ["a"]], repeated=10_000)).startswith("A sheet extends over more than 5,000,000")
    assert values_of(ods_of([["code"], ["a"]], repeated=3))[-1] == {"code": "a", "x": "x"}


def test_a_sheet_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "UNPACKED_MAX", 2_000)

    assert error_of(xlsx_of([["code"], ["a"]])).startswith("The spreadsheet unpacks to more than 2,000 bytes")


SHEETS = {"xlsx": xlsx_of([["code"], ["a"]]), "ods": ods_of([["code"], ["a"]])}


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind in SHEETS for part in parts_of(SHEETS[kind])])
def test_a_part_that_is_not_xml_ends_the_reading(kind: str, part: str) -> None:
    parts = parts_of(SHEETS[kind])
    contents = [
        parts[part][:-20],
        b"",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<?xml version='1.0' encoding='x'?><a/>",
    ]

    for content in contents:
        try:
            rows = rows_of(zip_of(parts | {part: content}))
        except UnusableFileError:
            continue
        assert [row.values for row in rows] == [{"code": "a"}]  # of a part that is not read


def test_parts_that_are_not_read_may_be_anything() -> None:
    others = {"Configurations2/accelerator/current.xml": b"", "customXml/item1.xml": b"<"}

    for data in SHEETS.values():
        assert values_of(zip_of(parts_of(data) | others)) == [{"code": "a"}]


# Any bytes


SAMPLES = {
    "csv": CSV * 3,
    "utf-16": (CSV * 3).decode().encode("utf-16"),
    "gzip": gzip.compress(CSV * 3),
    "zip": zip_of(CSV * 3),
    "both": gzip.compress(zip_of(CSV * 3)),
    "xlsx": xlsx_of([["code", "price"], ["a", 1]]),
    "ods": ods_of([["code", "price"], ["a", "1"]]),
    "geojson": json.dumps(
        {"type": "FeatureCollection", "features": [feature({"type": "Polygon", "coordinates": [SQUARE]})]}
    ).encode(),
    "sequence": b'\x1e{"code":\n "a"}\n\x1e{"code": "b"}\n',
}


def assert_is_rows_or_unusable(data: bytes, **options: Any) -> None:
    try:
        rows = rows_of(data, has_centroids=True, **options)
    except UnusableFileError:
        return
    assert all(isinstance(row, Row) for row in rows)


@given(data=st.data())
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_that_is_cut_or_changed_is_rows_or_unusable(kind: str, data: st.DataObject) -> None:
    whole = SAMPLES[kind]
    cut = data.draw(st.integers(0, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(min_size=1, max_size=3))

    assert_is_rows_or_unusable(whole[:cut])
    assert_is_rows_or_unusable(whole[:at] + other + whole[at + len(other) :])


@given(
    data=st.binary(max_size=80),
    begin=st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1e", b"<", b"sep="]),
    encoding=st.sampled_from(
        ["", "cp1252", "utf-16-le", "utf-7", "idna", "undefined", "raw_unicode_escape", "gb18030"]
    ),
)
def test_any_bytes_in_any_encoding_are_rows_or_unusable(data: bytes, begin: bytes, encoding: str) -> None:
    assert_is_rows_or_unusable(begin + data, encoding=encoding)
