"""Finds the format of a file by its content, and names what is not supported."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.json_values import RECORD_SEPARATOR, decode_value
from rentomatic.serializers.files.text_files import LINE_MAX

if TYPE_CHECKING:
    from rentomatic.serializers.files.text_files import TextFile

HEAD = 65_536  # bytes
_SPACE = "\ufeff \t\r\n"
_LINE = re.compile(r"[^\r\n]*")
_UNPACK = "unpack it first, or pack it as .gz or .zip"
_LAYER = "export the layer as GeoJSON, for instance with QGIS"
_SHEET = "open it in a spreadsheet program and save it as .xlsx, .ods or CSV"
_SIGNATURES = {
    b"PAR1": (
        "a Parquet file",
        "convert it to CSV, for instance with DuckDB: COPY (FROM 'rooms.parquet') TO 'rooms.csv'",
    ),
    b"ARROW1": ("an Arrow file", "convert it to CSV"),
    b"FEA1": ("a Feather file", "convert it to CSV"),
    b"ORC": ("an ORC file", "convert it to CSV"),
    b"Obj\x01": ("an Avro file", "convert it to CSV or NDJSON"),
    b"%PDF": ("a PDF", "ask for the table as a spreadsheet or CSV, or copy it into a spreadsheet and save that"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": (
        "a document of an old Office program (such as .xls), or has a password",
        "open it in a spreadsheet program and save it as .xlsx or .ods without a password",
    ),
    b"SQLite format 3\x00": ("a database (SQLite, GeoPackage)", "export the table or layer as CSV or GeoJSON"),
    b"\x00\x01\x00\x00Standard": ("an Access database", "export the table as CSV"),
    b"\x00\x00\x27\x0a": ("a shapefile", _LAYER),
    b"fgb\x03": ("a FlatGeobuf file", _LAYER),
    b"{\\rtf": ("a text document (RTF)", "copy its table into a spreadsheet and save that as .xlsx, .ods or CSV"),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"BZh": ("compressed with bzip2", _UNPACK),
    b"\xfd7zXZ": ("compressed with xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed with Zstandard", _UNPACK),
    b"\x04\x22\x4d\x18": ("compressed with LZ4", _UNPACK),
    b"\x1f\x9d": ("compressed with compress (.Z)", _UNPACK),
    b"\x89PNG": ("a picture", "enter what it shows in a spreadsheet"),
    b"\xff\xd8\xff": ("a picture", "enter what it shows in a spreadsheet"),
}
_BINARY_MIN = 512  # bytes; shorter text may have many zeros by chance
_TAR = slice(257, 262)  # POSIX, pax, "ustar Interchange Format"
_BEFORE_ELEMENT = re.compile(r"\ufeff?(?:\s+|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|title|body|table|script|meta|div|p)\b", re.IGNORECASE)
_XML = re.compile(r"(?:<!doctype\s+)?<?([a-z_][\w.:-]*)", re.IGNORECASE)
_LIST = re.compile(r"\[\s*(?:[\[{\"\]0-9-]|true\b|false\b|null\b|$)")


def reject_unsupported(head: bytes) -> None:
    """Raise UnusableFileError for known formats that are not text; the message says how to get a supported one."""
    found = next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)
    if head[_TAR] == b"ustar":
        found = ("a tar archive", "unpack it, and import the file with the rooms")
    if found:
        kind, advice = found
        raise UnusableFileError(f"The file is {kind}, which cannot be imported: {advice}")


def reject_unmarked(head: bytes) -> None:
    """Raise UnusableFileError for text that is UTF-16 without a byte order mark, and for other binary data."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if 0 in head[:2] and not min(even, odd) and max(even, odd) > len(head) // 4:
        encoding = "utf-16-le" if odd else "utf-16-be"
        raise UnusableFileError(f"The file is UTF-16 without a byte order mark: give --encoding {encoding}")
    if len(head) >= _BINARY_MIN and even + odd > len(head) // 8:
        raise UnusableFileError(
            "The file is not text: import CSV, a spreadsheet (.xlsx, .ods), NDJSON, JSON or GeoJSON"
        )


def text_format(text: TextFile) -> str:
    """Return the format of text.

    Raises:
        UnusableFileError: it is empty, or HTML or XML.
    """
    head = text.head(HEAD).lstrip(_SPACE)
    if not head:
        raise UnusableFileError("The file is empty: it has no rows")
    if head.startswith("<"):
        _reject_markup(head)
    if head.startswith(RECORD_SEPARATOR):
        return "ndjson"
    if _LIST.match(head):
        return "json"
    return _object_format(text) if head.startswith("{") else "csv"


def _reject_markup(head: str) -> None:
    element = head[_BEFORE_ELEMENT.match(head).end() :]  # type: ignore[union-attr] # it always matches
    if _HTML.match(element):
        raise UnusableFileError(
            "The file is an HTML page, such as an error of the site that should have sent the data: download it again; "
            f"if it shows a table of rooms, {_SHEET}"
        )
    if head.startswith("<?xml") or _XML.match(element):
        name = _XML.match(element)
        kind = f" ({name[1]})" if name else ""
        raise UnusableFileError(
            f"The file is XML{kind}, which cannot be imported: export CSV, .xlsx or GeoJSON instead, or {_SHEET}"
        )


def _object_format(text: TextFile) -> str:
    """Return the format of a file that begins with an object, which is alone in the first line or a document."""
    line = _LINE.match(text.head(LINE_MAX).lstrip(_SPACE))[0]  # type: ignore[index] # it always matches
    try:
        value, end = decode_value(line, 0)
    except json.JSONDecodeError:  # it goes on in the next line, or is a document of one long line
        return "geojson"
    is_collection = isinstance(value, dict) and isinstance(value.get("features"), list)
    return "geojson" if is_collection or line[end:].strip() else "ndjson"
