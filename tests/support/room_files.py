"""Files with rooms, as bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

from rentomatic.serializers.files.row_source import FileOptions, RowSource

if TYPE_CHECKING:
    from rentomatic.requests.room_import import Row


def source_of(data: bytes | io.BytesIO, format_: str | None = None, **options: Any) -> RowSource:
    """Return the rows of bytes, by default in the format that they seem to have."""
    stream = data if isinstance(data, io.BytesIO) else io.BytesIO(data)
    return RowSource(io.BufferedReader(cast("io.RawIOBase", stream)), FileOptions(format_, **options))


def rows_of(data: bytes | str, format_: str | None = None, **options: Any) -> list[Row]:
    with source_of(data.encode() if isinstance(data, str) else data, format_, **options) as source:
        return list(source)


def values_of(data: bytes | str, format_: str | None = None, **options: Any) -> list[Any]:
    return [row.values for row in rows_of(data, format_, **options)]
