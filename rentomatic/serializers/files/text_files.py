"""Reads text as lines or pieces, in any encoding and with any line ends."""

from __future__ import annotations

import codecs
import io
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.packed_files import DamagedFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

LINE_MAX = 1_048_576  # characters
ROW_MAX = 2 * LINE_MAX  # characters; a row may have several lines
_SHOWN = 60  # characters of a line on each side of what is wrong
_CONTROL_CHARACTERS = frozenset(map(chr, range(32))) - {"\t", "\n", "\r"}

_BOMS = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(head: bytes, named: str = "") -> str:
    """Return the encoding of text by its byte order mark, or else the named one, or else UTF-8.

    Raises:
        UnusableFileError: the named one is unknown.
    """
    marked = next((encoding for mark, encoding in _BOMS.items() if head.startswith(mark)), "")
    if marked or not named:
        return marked or "utf-8"
    try:
        io.TextIOWrapper(io.BytesIO(), named)
    except (LookupError, ValueError):
        raise UnusableFileError(
            f"There is no encoding {named}: --encoding (IMPORT_ENCODING) takes a name such as cp1252 or utf-16-le"
        ) from None
    return named


class TextFile:
    """The text of a file.

    Args:
        open_: Returns the bytes of the file at their beginning; called again to explain an error.
        encoding: As `encoding_of` returns it.

    Attributes:
        number: The number of lines that have been read.
        is_marked: Whether it begins with a byte order mark.
        size: The number of characters that have been read since this was set to 0.
    """

    def __init__(self, open_: Callable[[], io.BufferedReader], encoding: str) -> None:
        self.number = 0
        self.size = 0
        self.is_marked = encoding in _BOMS.values()
        self._open = open_
        self._encoding = encoding

    def lines(self) -> Generator[str]:
        """Yield the lines with their ends, which are LF, CRLF or CR and no other characters."""
        with self._opened() as text:
            while line := text.readline(LINE_MAX):
                self.number += 1
                self.size += len(line)
                if self.size > ROW_MAX or len(line) == LINE_MAX:
                    raise self._too_long(line)
                yield line

    def pieces(self, size: int) -> Iterator[str]:
        """Yield the text in pieces of this many characters; the last one is shorter."""
        with self._opened() as text:
            while piece := text.read(size):
                yield piece

    def head(self, size: int) -> str:
        """Return the beginning of the text, with marks in place of what cannot be decoded."""
        with self._opened("replace") as text:
            return text.read(size)

    @contextmanager
    def _opened(self, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
        text = io.TextIOWrapper(self._open(), self._encoding, errors, newline="")
        try:
            yield text
        except UnicodeError as error:
            raise self._undecodable(error) from error
        except DamagedFileError as error:
            raise UnusableFileError(f"{error}{f' after line {self.number}' if self.number else ''}") from error
        finally:
            with suppress(ValueError):  # the stream has been closed already
                text.detach()  # otherwise the stream would be closed

    def _too_long(self, line: str) -> UnusableFileError:
        if len(line) == LINE_MAX:
            return UnusableFileError(
                f"Line {self.number} is longer than {LINE_MAX:,} characters: is it another format?"
            )
        return UnusableFileError(f"The row that extends to line {self.number} is longer than {ROW_MAX:,} characters")

    def _undecodable(self, error: UnicodeError) -> UnusableFileError:
        is_utf8 = self._encoding.startswith("utf-8")
        number, line = self._first_damaged_line("surrogateescape" if is_utf8 else "replace")
        where = f"Line {number}" if line else "The end of the file"
        at = next((at for at, character in enumerate(line) if _is_mark(character)), 0)
        byte = error.object[error.start] if isinstance(error, UnicodeDecodeError) and error.object else None
        if is_utf8 and line:
            byte = ord(line[at]) - 0xDC00
        has_byte = "" if byte is None else f" (byte 0x{byte:02x})"
        if not is_utf8:
            return UnusableFileError(
                f"{where} is not {self._encoding}{has_byte}: give its --encoding (IMPORT_ENCODING)"
            )
        return UnusableFileError(f"{where} is not UTF-8{has_byte}. {_advice(line, at)}")

    def _first_damaged_line(self, errors: str) -> tuple[int, str]:
        text = io.TextIOWrapper(self._open(), self._encoding, errors, newline="")
        number = 0
        try:
            while line := text.readline(LINE_MAX):
                number += 1
                if any(map(_is_mark, line)):
                    return number, line
        except UnicodeError:  # of a codec that cannot go on
            return number + 1, ""
        finally:
            text.detach()
        return number, ""


def _is_mark(character: str) -> bool:
    return "\udc80" <= character <= "\udcff" or character == "\ufffd"


def _advice(line: str, at: int) -> str:
    """Return what to do about a line that is not UTF-8, with the line as Windows-1252 has it."""
    other = "ave the file as UTF-8, or give its --encoding (IMPORT_ENCODING)"
    try:
        text = line.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeDecodeError:
        return f"S{other}"
    if not _CONTROL_CHARACTERS.isdisjoint(text):
        return f"S{other}"
    begin = max(0, at - _SHOWN)
    shown = text[begin : begin + 2 * _SHOWN].strip()
    return f'If it should read "{shown}", give --encoding cp1252; otherwise s{other}'
