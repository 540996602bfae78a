"""The rows of a file, as often as they are wanted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, cast

from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.readers import detected_format, read_rows

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Sequence
    from typing import Self

    from rentomatic.requests.room_import import Row

_BUFFER = 131_072  # bytes


@dataclass(frozen=True)
class FileOptions:
    """How to read a file.

    Attributes:
        format_: One of `READABLE`; None to find it by the content.
        encoding: The encoding of text without a byte order mark; empty for UTF-8.
        sheet: The name or number of a spreadsheet's sheet; empty for the first.
        has_centroids: Whether polygons are read as a point inside them.
    """

    format_: str | None = None
    encoding: str = ""
    sheet: str = ""
    has_centroids: bool = False


class RowSource:
    """The rows of a file; each iteration reads it from its beginning.

    A context manager, which removes the temporary copy of a stream that cannot be read twice.

    Attributes:
        passed_over: What an iteration has passed over above the header and below the rows, in words.
        repeated: The columns that the header has more than once; rows have none of them. Known after the first row.

    Raises:
        UnusableFileError: from an iteration; the file is damaged, unsupported or too large; the message says where.
    """

    def __init__(self, stream: io.BufferedReader, options: FileOptions | None = None) -> None:
        self.passed_over: Sequence[str] = ()
        self.repeated: frozenset[str] = frozenset()
        self._stream = stream
        self._options = options or FileOptions()
        self._begin = stream.tell() if stream.seekable() else None
        self._copy: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._copy:
            self._copy.close()

    def __iter__(self) -> Iterator[Row]:
        format_ = self.format_
        return read_rows(self._rewound(), format_)

    @property
    def format_(self) -> str:
        """The format, one of `READABLE`."""
        return self._options.format_ or detected_format(self._rewound())

    def _rewound(self) -> io.BufferedReader:
        """Return the file at its beginning."""
        if self._begin is not None:
            self._stream.seek(self._begin)
            return self._stream
        if not self._copy:
            self._copy = self._copied()
        self._copy.seek(0)
        return cast("io.BufferedReader", self._copy)

    def _copied(self) -> IO[bytes]:
        copy = TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - closed by __exit__
        try:
            shutil.copyfileobj(self._stream, copy, _BUFFER)
        except OSError as error:
            copy.close()
            raise UnusableFileError(
                f"A temporary copy of the file cannot be written ({error.strerror}): free space in the folder for"
                " temporary files, or name another folder with TMPDIR"
            ) from error
        return copy
