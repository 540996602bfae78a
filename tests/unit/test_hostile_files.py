"""Files that are made to do harm, or look like it."""

from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.printable_text import printable
from rentomatic.domain.room_import import ImportSummary, RowErrorCount
from rentomatic.repository.memrepo import MemRepo
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.room_import import COLUMNS_MAX, RoomImportRequest, UnusableFileError
from rentomatic.serializers.files import json_files
from rentomatic.serializers.files.import_report import report_line, serialize_count, serialize_row_error
from rentomatic.use_cases.room_import import room_import_use_case
from tests.support.import_reports import ListedReport
from tests.support.room_files import rows_of, source_of

if TYPE_CHECKING:
    from rentomatic.domain.room_import import RowError

JSON_FORMATS = ("ndjson", "json", "geojson")


class CountingBytes(io.BytesIO):
    """Bytes that know how many of them have been read."""

    count = 0

    def readinto(self, buffer: Any) -> int:
        number = super().readinto(buffer)
        self.count += number
        return number


def import_of(data: bytes, format_: str = "csv", **how: Any) -> tuple[Any, list[RowError]]:
    report = ListedReport()
    rows = source_of(data, format_)
    with SqliteSeenCodes() as codes:
        response = room_import_use_case(MemRepo([]), codes, RoomImportRequest(**how), rows, report)
    return response, report.refusals


def file_of(objects: list[str], format_: str) -> bytes:
    if format_ == "ndjson":
        return "\n".join(objects).encode()
    if format_ == "json":
        return f"[{', '.join(objects)}]".encode()
    features = ", ".join(f'{{"type": "Feature", "properties": {each}}}' for each in objects)
    return f'{{"type": "FeatureCollection", "features": [{features}]}}'.encode()


BRACKETS = st.text(st.sampled_from('[]{}",\\ a'), max_size=300)


@given(texts=st.lists(BRACKETS, min_size=1, max_size=5), description=BRACKETS, is_first=st.booleans())
def test_brackets_inside_of_text_are_text(texts: list[str], description: str, *, is_first: bool) -> None:
    features = [{"type": "Feature", "properties": {"text": text}, "geometry": None} for text in texts]
    around = {"description": description}
    collection = {"type": "FeatureCollection", "features": features}
    whole = {**around, **collection} if is_first else {**collection, **around}
    documents = {
        "geojson": json.dumps(whole),
        "json": json.dumps([{"text": text} for text in texts]),
        "ndjson": "\n".join(json.dumps({"text": text}) for text in texts),
    }

    for format_, document in documents.items():
        rows = rows_of(document, format_)
        assert [row.values["text"] for row in rows] == texts


@pytest.mark.parametrize("format_", ["json", "ndjson"])
def test_text_where_an_object_should_be_refuses_its_row_alone(format_: str) -> None:
    rooms = ['{"code": "a"}', json.dumps("[" * 101), '{"code": "b"}', '{"code": "c"}']

    response, refusals = import_of(file_of(rooms, format_), format_)

    assert (response.value.added, [refusal.number for refusal in refusals]) == (3, [2])


@pytest.mark.parametrize("features", ["null", '"Features"', "{}"])
def test_a_collection_without_a_list_of_features_is_refused(features: str) -> None:
    response, _ = import_of(f'{{"type": "FeatureCollection", "features": {features}}}'.encode(), "geojson")

    assert "neither a FeatureCollection nor a list of rooms" in response.message


@pytest.mark.parametrize("columns", [COLUMNS_MAX + 1, 16_000, 1_000_000])
def test_a_header_of_too_many_columns_is_refused(columns: int) -> None:
    header = b"code" + b"," * (columns - 1)

    response, _ = import_of(header + b"\na\n")

    assert response.value["message"] == f"Line 1 must have at most 1,000 columns, but has {columns:,}"


def test_a_row_of_very_many_cells_is_refused_alone() -> None:
    response, (refusal,) = import_of(b"code,price\na,1\n" + b"x," * 500_000 + b"\nb,2\n")

    assert response.value.added == 2
    assert refusal.reason == "Must have 2 cells, as line 1 has, but has 500001"
    assert len(serialize_row_error(refusal)) < 1_000


def test_a_row_has_a_maximum_number_of_lines() -> None:
    stream = CountingBytes(b'a\n"' + b'\n","' * 3_000_000)

    with pytest.raises(
        UnusableFileError, match=r"The row that extends to line [0-9]+ is longer than 2,097,152 characters"
    ):
        list(source_of(stream, "csv"))
    assert stream.count < 2_200_000


@pytest.mark.parametrize("format_", JSON_FORMATS)
def test_an_object_of_too_many_members_is_refused_alone(format_: str) -> None:
    most, more = (json.dumps({"code": "a", **{str(each): each for each in range(number)}}) for number in (999, 1000))

    response, (refusal,) = import_of(file_of([more, most], format_), format_)

    assert response.value.added == 1
    assert (refusal.number, refusal.column, refusal.reason) == (1, "", "Must have at most 1,000 members")


@pytest.mark.parametrize("format_", JSON_FORMATS)
@pytest.mark.parametrize(
    ("value", "column", "reason"),
    [
        ("1e9999999999999999999", "price", "Must be a number: digits, and a point before decimals"),
        ("-1e-9999999999999999999", "price", "Must be a number: digits, and a point before decimals"),
        ("1e999999999999999999", "price", "Must be a number: digits, and a point before decimals"),
        ("1" * 5_000, "price", "Must be a number: digits, and a point before decimals"),
        ("1." + "1" * 5_000, "price", "Must be a number: digits, and a point before decimals"),
        ("NaN", "price", "Must be a number: digits, and a point before decimals"),
        ("[" * 50 + "]" * 50, "price", "Must be a number: digits, and a point before decimals"),
        ("[" * 101 + "]" * 101, "", "Must not be nested deeper than 100 levels"),
        ('{"[": ' * 50_000 + '"]"' + "}" * 50_000, "", "Must not be nested deeper than 100 levels"),
    ],
    ids=lambda value: value[:24],
)
def test_a_value_that_python_cannot_hold_refuses_its_row_alone(
    format_: str, value: str, column: str, reason: str
) -> None:
    objects = ['{"code": "a", "price": 1}', f'{{"code": "x", "price": {value}}}', '{"code": "b", "price": 2}']

    response, (refusal,) = import_of(file_of(objects, format_), format_)

    assert response.value.added == 2
    assert (refusal.number, refusal.column, refusal.reason) == (2, column, reason)
    assert len(serialize_row_error(refusal)) < 1_000


@pytest.mark.parametrize("format_", JSON_FORMATS)
def test_a_value_that_is_not_read_may_be_any_number(format_: str) -> None:
    objects = [f'{{"price": 1, "other": {value}}}' for value in ("1e9999999999999999999", "1" * 5_000)]

    response, refusals = import_of(file_of(objects, format_), format_)

    assert (response.value.added, refusals) == (2, [])


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,25})?", fullmatch=True)
escapes = st.sampled_from(["\\ud800", "\\udc00", "\\ud83d\\ude00", "\\u0000", "\\u001b", "\\\\", '\\"', "\u202e", "x"])
strings = st.lists(escapes, max_size=4).map(lambda parts: '"' + "".join(parts) + '"')
values = st.recursive(
    numbers | strings | st.sampled_from(["null", "true", "NaN", "-Infinity", "1" * 5_000]),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]") | inner.map('{{"a": {}}}'.format),
)
names = strings | st.sampled_from(['"code"', '"price"', '"size"', '"latitude"', '"longitude"', '"id"'])
objects_ = st.dictionaries(names, values, max_size=5).map(
    lambda members: "{" + ", ".join(f"{name}: {value}" for name, value in members.items()) + "}"
)


@given(objects=st.lists(objects_ | values, max_size=4))
@pytest.mark.parametrize("format_", JSON_FORMATS)
def test_any_json_values_give_a_summary_and_a_report(format_: str, objects: list[str]) -> None:
    response, refusals = import_of(file_of(objects, format_), format_)

    if isinstance(response.value, ImportSummary):
        summary = response.value
        assert (summary.read, summary.added + summary.changed + summary.unchanged) == (
            len(objects),
            len(objects) - summary.refused - summary.blank,
        )
    else:
        assert response.value["message"].startswith("No row has any of the columns ")
    for refusal in refusals:
        line = serialize_row_error(refusal)
        assert json.loads(line)["reason"] == refusal.reason
        assert line[:-1].isprintable()
        assert str(refusal).isprintable()


@pytest.mark.parametrize(
    ("member", "room"), [("unpaired", '{"code": "a", "\\ud800": 1}'), ("none", '{"\\ud800": "a"}')]
)
def test_a_name_that_no_encoding_has_is_escaped(member: str, room: str) -> None:
    response, _ = import_of(room.encode(), "ndjson", code_from=("\ud800",) if member == "none" else ())

    said = response.value.columns if isinstance(response.value, ImportSummary) else response.value["message"]
    assert "\\ud800" in str(said)
    str(said).encode()


def test_text_is_printed_so_that_a_terminal_does_not_obey_it() -> None:
    hostile = "é日 \x1b]0;x\x07\x9b31m\x7f\u202e\u2028\ud800\n"

    assert printable(hostile) == "é日 \\x1b]0;x\\x07\\x9b31m\\x7f\\u202e\\u2028\\ud800\\n"
    assert printable(printable(hostile)) == printable(hostile)
    assert printable("x" * 5_000) == "x" * 2_000 + "..."
    assert str(UnusableFileError(hostile)) == printable(hostile)
    assert report_line({"a": hostile})[:-1].isascii()
    assert report_line({"a": hostile})[:-1].isprintable()
    assert json.loads(report_line({"a": hostile})) == {"a": hostile}


def test_names_of_columns_in_errors_are_escaped() -> None:
    response, _ = import_of(b"code,\x1b[31m\na,1\n", mapped={"price": "rent"})

    assert "\\x1b[31m" in response.value["message"]
    assert response.value["message"].isprintable()


def test_a_count_of_refusals_is_a_line_of_json() -> None:
    assert json.loads(serialize_count(RowErrorCount("price", "Must be a number", 12, "line", 2, "free"))) == {
        "column": "price",
        "reason": "Must be a number",
        "count": 12,
    }


@pytest.mark.parametrize(
    ("format_", "header", "line"),
    [
        ("csv", b"code,price\n", b" " * 99 + b"\n"),
        ("csv", b"code,price\n", b"," + b"x" * 99 + b"\n"),
        ("ndjson", b'{"code": "a"}\n', b" " * 99 + b"\n"),
        ("json", b"[", b" " * 99 + b"\n"),
    ],
)
def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_refused(format_: str, header: bytes, line: bytes) -> None:
    packed = gzip.compress(header + line * 100_000)
    numbers = [0]

    with pytest.raises(UnusableFileError, match="expands to more than 100 times its size"):
        numbers.extend(row.number for row in source_of(packed, format_))

    assert numbers[-1] < len(packed) + 2_000  # of 100 bytes each, and what is buffered


@pytest.mark.parametrize(("line", "number"), [(b"a,1\n", 250_000), (b"room-%d," + b"1" * 100 + b"\n", 99_000)])
def test_a_regular_file_is_read_if_it_is_small_or_not_all_the_same(line: bytes, number: int) -> None:
    packed = gzip.compress(b"code,price\n" + b"".join(line.replace(b"%d", b"%d" % each) for each in range(number)))

    assert sum(1 for _ in source_of(packed, "csv")) == number


def test_numbers_keep_their_digits_wherever_a_document_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = [Decimal("1234.5678"), 12345678, Decimal("1.5E-7"), -12]
    document = "[" + ", ".join(f'{{"price": {price}, "ü": "\\u00fc"}}' for price in prices) + "]"

    for size in range(1, 60):
        monkeypatch.setattr(json_files, "_CHUNK", size)
        assert [row.values["price"] for row in rows_of(document, "json")] == prices
