"""The formats of files, by the ends of their names."""

from __future__ import annotations

from pathlib import PurePath

from rentomatic.requests.room_import import UnusableFileError

_BY_SUFFIX = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".geojson": "geojson",
    ".json": "json",
}
READABLE = tuple(dict.fromkeys(_BY_SUFFIX.values()))
WRITABLE = tuple(format_ for format_ in READABLE if format_ != "json")


def format_of(name: str) -> str:
    """Return the format of a file by its name, which may also end with `.gz`.

    Raises:
        UnusableFileError: the name has no known format.
    """
    suffix = PurePath(name.lower().removesuffix(".gz")).suffix
    if suffix not in _BY_SUFFIX:
        raise UnusableFileError(f"The name must end with one of {', '.join(_BY_SUFFIX)}, optionally with .gz: {name!r}")
    return _BY_SUFFIX[suffix]
