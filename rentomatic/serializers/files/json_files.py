"""Reads rows from JSON: a GeoJSON FeatureCollection, an array like the answer of `GET /rooms`, or an object a line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.features import feature_row, object_row, reject_other_crs
from rentomatic.serializers.files.json_values import RECORD_SEPARATOR, decode_value

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from rentomatic.requests.room_import import Row
    from rentomatic.serializers.files.text_files import TextFile

_CHUNK = 65_536  # characters
_VALUE_MAX = 1_048_576  # characters
_SPACE = re.compile(r"[ \t\n\r]*")
_MEMBERS = ("type", "id", "properties", "geometry")
_HINT = "for an object in each line use --format ndjson"


def ndjson_rows(text: TextFile, *, has_centroids: bool = False) -> Iterator[Row]:
    """Yield the rows of lines, or of a sequence (RFC 8142) whose values may have several lines.

    Raises:
        UnusableFileError: a line is not JSON.
    """
    for number, line in _values(text):
        value_text = line.rstrip()
        start = len(value_text) - len(value_text.lstrip())
        if not value_text:
            continue
        try:
            value, end = decode_value(value_text, start)
            if end < len(value_text):
                raise json.JSONDecodeError("Extra data", value_text, end)  # noqa: TRY301 - reported like the decoder's
        except json.JSONDecodeError as error:
            where = f"Line {number + error.lineno - 1}"
            raise UnusableFileError(f"{where} is not JSON: {error.msg}, at column {error.colno}") from error
        yield object_row(number, value, "line", has_centroids=has_centroids)


def _values(text: TextFile) -> Iterator[tuple[int, str]]:
    begun = 0
    lines: list[str] = []
    for line in text.lines():
        if line.startswith(RECORD_SEPARATOR):
            if lines:
                yield begun, "".join(lines)
            begun, lines, text.size = text.number, [line], len(line)
        elif lines:
            lines.append(line)
        else:
            text.size = 0
            yield text.number, line
    if lines:
        yield begun, "".join(lines)


def document_rows(text: TextFile, *, has_centroids: bool = False) -> Iterator[Row]:
    """Yield the rows of a document.

    Raises:
        UnusableFileError: the document is invalid, or neither of the two.
    """
    document = _Document(text)
    is_list = document.peek() == "["
    is_geojson = False
    if is_list:
        for item in document.items():
            yield object_row(document.count, item, "item", has_centroids=has_centroids)
    elif document.peek() == "{":
        is_geojson = yield from _geojson_rows(document, has_centroids=has_centroids)
    if not is_list and not is_geojson:
        raise UnusableFileError(f"The file is neither a FeatureCollection nor a list of rooms; {_HINT}")
    document.end()


def _geojson_rows(document: _Document, *, has_centroids: bool) -> Generator[Row, None, bool]:
    """Yield the rows of an object's `features`, or of a Feature; return whether it is GeoJSON."""
    members: dict[str, Any] = {}
    has_features = False
    for name in document.names():
        if name == "features" and document.peek() == "[":
            has_features = True
            for feature in document.items():
                yield feature_row(document.count, feature, "item", has_centroids=has_centroids)
            continue
        value = document.value(",}")
        if name == "crs":
            reject_other_crs(value)
        if name in _MEMBERS:
            members[name] = value
    if members.get("type") == "Feature":
        yield feature_row(1, members, "item", has_centroids=has_centroids)
        return True
    return has_features and members.get("type") == "FeatureCollection"


class _Document:
    """Reads the values of a document as a stream.

    Attributes:
        count: The number of array items that have been read.
    """

    def __init__(self, text: TextFile) -> None:
        self.count = 0
        self._pieces = text.pieces(_CHUNK)
        self._text = ""
        self._at = 0
        self._is_object = False

    def peek(self) -> str:
        """Return the next character other than whitespace; empty at the end."""
        while True:
            self._at = _skip_whitespace(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def items(self) -> Iterator[Any]:
        """Yield the items of the next value, an array."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            value = self.value(",]")
            self.count += 1
            yield value
            if self._take(",]") == "]":
                return

    def names(self) -> Iterator[str]:
        """Yield the names of the next value, an object; the caller must read the value of each name."""
        self._is_object = True
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            name = self.value(":")
            if not isinstance(name, str):
                raise self._error("Expecting a name in quotes")
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def value(self, ends: str) -> Any:
        """Return the next value; one of `ends` must follow."""
        self.peek()
        while True:
            reason = f"Expecting {' or '.join(ends)}"
            try:
                value, end = decode_value(self._text, self._at)
                end = _skip_whitespace(self._text, end)
                if self._text[end : end + 1] in tuple(ends):
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                reason = error.msg
            # The value may be incomplete; an incomplete number is not even an error.
            if not self._read():
                raise self._error(reason)

    def end(self) -> None:
        """Raise UnusableFileError if anything follows."""
        if self.peek():
            raise self._error("Extra data")

    def _take(self, expected: str) -> str:
        character = self.peek()
        if not character or character not in expected:
            raise self._error(f"Expecting {' or '.join(expected)}")
        self._at += 1
        return character

    def _read(self) -> bool:
        """Read at least as much as is unparsed, so that retries stay few."""
        rest = self._text[self._at :]
        if len(rest) > _VALUE_MAX:
            raise self._error(f"a value is invalid or longer than {_VALUE_MAX:,} characters")
        pieces, size = [rest], 0
        while size <= len(rest) and (piece := next(self._pieces, "")):
            pieces.append(piece)
            size += len(piece)
        self._text = "".join(pieces)
        self._at = 0
        return bool(size)

    def _error(self, reason: str) -> UnusableFileError:
        hint = f"; {_HINT}" if self._is_object and not self.count else ""
        return UnusableFileError(f"The file is not valid JSON after item {self.count}: {reason}{hint}")


def _skip_whitespace(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr] # it always matches
