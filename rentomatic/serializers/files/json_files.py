"""Reads rows from one JSON document: a GeoJSON FeatureCollection, or an array like the answer of `GET /rooms`."""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Any

from rentomatic.requests.room_import import Row, UnusableFileError
from rentomatic.serializers.files.json_values import TOO_DEEP, decode_value, json_row

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from io import BufferedReader

_CHUNK = 65_536  # bytes
_VALUE_MAX = 1_048_576  # characters
_SPACE = re.compile(r"[ \t\n\r]*")
_HINT = "for an object in each line use --format ndjson"


def document_rows(stream: BufferedReader) -> Iterator[Row]:
    """Yield the rows of a document.

    Raises:
        UnusableFileError: the document is invalid, or neither of the two.
    """
    document = _Document(stream)
    is_list = document.peek() == "["
    type_: object = None
    if is_list:
        for item in document.items():
            yield json_row(document.count, item, "item")
    elif document.peek() == "{":
        type_ = yield from _collection_rows(document)
    if not is_list and type_ != "FeatureCollection":
        raise UnusableFileError(f"The file is neither a FeatureCollection nor a list of rooms; {_HINT}")
    document.end()


def _collection_rows(document: _Document) -> Generator[Row, None, object]:
    """Yield the rows of an object's `features`; return its `type`, which may follow them, or None without features."""
    type_: object = None
    has_features = False
    for name in document.names():
        if name == "features" and document.peek() == "[":
            has_features = True
            for feature in document.items():
                yield _feature_row(document.count, feature)
            continue
        value = document.value(",}")
        if name == "type":
            type_ = value
    return type_ if has_features else None


def _feature_row(number: int, feature: Any) -> Row:
    """Return the row of a feature (RFC 7946, section 3.2) from its properties, id and geometry."""
    if feature is TOO_DEEP:
        return json_row(number, feature, "item")
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict | None):
        return Row(number, {}, "item", parse_error=("", feature, "Must be a Feature"))
    values = {**({"id": feature["id"]} if "id" in feature else {}), **(feature.get("properties") or {})}
    match feature.get("geometry"):
        case None:
            pass
        case {"type": "Point", "coordinates": [longitude, latitude, *_]}:
            values |= {"longitude": longitude, "latitude": latitude}
        case {"type": "Point", "coordinates": []}:  # null (RFC 7946, section 3.1)
            pass
        case geometry:
            return Row(number, {}, "item", parse_error=("geometry", geometry, "Must be a Point, or null"))
    return json_row(number, values, "item")


class _Document:
    """Reads the values of a document as a stream.

    Attributes:
        count: The number of array items that have been read.
    """

    def __init__(self, stream: BufferedReader) -> None:
        self.count = 0
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
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
        data = self._stream.read(max(_CHUNK, len(rest)))
        try:
            self._text = rest + self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            wrong = error.object[error.start]
            raise self._error(f"Byte 0x{wrong:02x} is not UTF-8: convert the file") from error
        self._at = 0
        return bool(data)

    def _error(self, reason: str) -> UnusableFileError:
        hint = f"; {_HINT}" if self._is_object and not self.count else ""
        return UnusableFileError(f"The file is not valid JSON after item {self.count}: {reason}{hint}")


def _skip_whitespace(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr] # it always matches
