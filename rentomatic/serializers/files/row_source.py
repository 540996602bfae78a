"""The rows of a file, to be read more than once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, cast

from rentomatic.serializers.files.readers import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedReader

    from rentomatic.requests.room_import import Row


@dataclass(frozen=True)
class FileOptions:
    """What a file does not say of itself."""

    format_: str | None = None


class RowSource:
    """The rows of a file, which can be read as often as wanted."""

    repeated: frozenset[str] = frozenset()
    passed_over: Sequence[str] = ()

    def __init__(self, stream: BufferedReader, options: FileOptions) -> None:
        self.format_ = options.format_ or "csv"
        self._stream = stream
        if not stream.seekable():
            self._stream = cast("BufferedReader", TemporaryFile())  # noqa: SIM115 - it ends with this object
            shutil.copyfileobj(stream, self._stream)

    def __iter__(self) -> Iterator[Row]:
        self._stream.seek(0)
        yield from read_rows(self._stream, self.format_)
