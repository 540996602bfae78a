"""The formats of files, by the ends of their names."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from rentomatic.requests.room_import import UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Collection

_BY_SUFFIX = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".geojson": "geojson",
    ".json": "json",
}
READABLE = (*dict.fromkeys(_BY_SUFFIX.values()), "spreadsheet")
WRITABLE = ("csv", "ndjson", "geojson", "json")


def format_of(name: str, formats: Collection[str] = READABLE) -> str:
    """Return the format of a file by its name, which may also end with `.gz`.

    Raises:
        UnusableFileError: the name has none of `formats`.
    """
    suffixes = [suffix for suffix, format_ in _BY_SUFFIX.items() if format_ in formats]
    suffix = PurePath(name.lower().removesuffix(".gz")).suffix
    if suffix not in suffixes:
        raise UnusableFileError(f"The name must end with one of {', '.join(suffixes)}, optionally with .gz: {name!r}")
    return _BY_SUFFIX[suffix]
