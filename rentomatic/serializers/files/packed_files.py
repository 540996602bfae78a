"""Unpacks gzip and zip files as streams, and rejects decompression bombs."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from rentomatic.requests.room_import import UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from _typeshed import WriteableBuffer

BUFFER = 131_072  # bytes
_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # APPNOTE.TXT, sections 4.3.7 and 4.3.16
_LAYERS_MAX = 2
_RATIO_MAX = 100
_RATIO_EXEMPT = 1_048_576  # bytes; small files may compress better
_DIRECTORY_MAX = 4_194_304  # bytes
_NAMED_MAX = 10
_NOT_FILES = (".ds_store", "desktop.ini", "thumbs.db")
_IS_ENCRYPTED = 0x1  # APPNOTE.TXT, section 4.4.4
_ERRORS = (
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class DamagedFileError(UnusableFileError):
    """Packed data is damaged."""


class Unpacker:
    """Opens a file without its packing.

    Args:
        open_: Returns the packed file at its beginning, which must be seekable.
        copy: Returns a seekable copy of a stream.
        size: The size of the packed file in bytes.
    """

    def __init__(
        self, open_: Callable[[], io.BufferedReader], copy: Callable[[IO[bytes]], io.BufferedReader], size: int
    ) -> None:
        self._open = open_
        self._copy = copy
        self._limit = max(_RATIO_EXEMPT, _RATIO_MAX * size)
        self._inner: io.BufferedReader | None = None  # a zip file that was packed itself

    def open(self) -> io.BufferedReader:
        """Return the file at its beginning, unpacked unless it is a document such as a workbook.

        Raises:
            UnusableFileError: it has another number of files than one, or cannot be unpacked.
        """
        return self._unpacked(self._open(), _LAYERS_MAX)

    def _unpacked(self, stream: io.BufferedReader, layers: int) -> io.BufferedReader:
        head = stream.peek(4)[:4]
        if not head.startswith((_GZIP, *_ZIP)):
            return stream
        if head.startswith(_GZIP):
            unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
        else:
            stream = self._seekable(stream)
            begin = stream.tell()
            archive = open_zip(stream)
            if is_document(archive.namelist()):
                stream.seek(begin)
                return stream
            with reading_zip():
                unpacked = archive.open(_only_file(archive))
        if not layers:
            raise UnusableFileError("The file is packed more than twice: unpack it first")
        return self._unpacked(io.BufferedReader(_Unpacked(unpacked, self._limit), BUFFER), layers - 1)

    def _seekable(self, stream: io.BufferedReader) -> io.BufferedReader:
        if stream.seekable():
            return stream
        self._inner = self._inner or self._copy(stream)
        self._inner.seek(0)
        return self._inner


def open_zip(stream: io.BufferedReader) -> zipfile.ZipFile:
    """Return a zip file to read.

    Raises:
        UnusableFileError: it is damaged or has too many files.
    """
    with reading_zip():
        return zipfile.ZipFile(cast("IO[bytes]", _Bounded(stream)))


def is_zip(head: bytes) -> bool:
    return head.startswith(_ZIP)


def is_document(names: Sequence[str]) -> bool:
    """Return whether a zip file with these names is a document of an office program."""
    return "[Content_Types].xml" in names or "mimetype" in names or "Index/Document.iwa" in names


@contextmanager
def reading_zip() -> Iterator[None]:
    """Turn errors into DamagedFileError."""
    try:
        yield
    except UnusableFileError:
        raise
    except (*_ERRORS, OSError) as error:
        raise DamagedFileError("The compressed data is cut off or damaged") from error


def _only_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [each for each in archive.infolist() if _is_file(each)]
    if not files:
        raise UnusableFileError("The zip file has no file in it")
    if len(files) > 1:
        names = ", ".join(each.filename for each in files[:_NAMED_MAX])
        more = f" and {len(files) - _NAMED_MAX:,} more" if len(files) > _NAMED_MAX else ""
        is_shape = any(each.filename.lower().endswith(".shp") for each in files)
        hint = "; of a shapefile, export the layer as GeoJSON, for instance with QGIS" if is_shape else ""
        raise UnusableFileError(
            f"The zip file has {len(files):,} files: {names}{more}. Unpack it, and import the one with the rooms{hint}"
        )
    (file,) = files
    if file.flag_bits & _IS_ENCRYPTED:
        raise UnusableFileError(f"{file.filename} in the zip file is encrypted: unpack it with its password first")
    return file


def _is_file(info: zipfile.ZipInfo) -> bool:
    folder, _, name = info.filename.rpartition("/")
    return not (
        info.is_dir() or folder.split("/")[0] == "__MACOSX" or name.startswith("._") or name.lower() in _NOT_FILES
    )


class _Unpacked(io.RawIOBase):
    """Reads unpacked data up to a limit."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(target))
        except _ERRORS as error:
            raise DamagedFileError("The compressed data is cut off or damaged") from error
        self._left -= len(data)
        if self._left < 0:
            raise UnusableFileError(
                f"The file expands to more than {_RATIO_MAX} times its size: if that is intended, decompress it first"
            )
        target[: len(data)] = data
        return len(data)


class _Bounded:
    """A zip file whose directory must not take all memory."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_MAX:
            raise UnusableFileError("The zip file has too many files: unpack it, and import the one with the rooms")
        return self._stream.read(size)
