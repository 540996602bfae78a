"""Reads records from the sheets of .xlsx and .ods files, which are loaded whole."""

from __future__ import annotations

import math
import re
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, cast
from xml.parsers.expat import ExpatError, ParserCreate

from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.packed_files import BUFFER, DamagedFileError, open_zip, reading_zip

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from python_calamine import CalamineSheet

    from rentomatic.serializers.files.tables import Record

UNPACKED_MAX = 268_435_456  # bytes
CELLS_MAX = 5_000_000  # of the rectangle that has all values
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_OTHERS = {  # by the beginnings of names in the file
    "xl/workbook.bin": "an Excel file of another kind (.xlsb)",
    "word/": "a Word document",
    "ppt/": "a presentation",
    "Index/": "a document of Apple's Numbers, Pages or Keynote",
    "mimetype": "a document other than a spreadsheet",
}
_PART = re.compile(r"(?:(?:xl|_rels|META-INF)/.*|[^/]*)\.(?:xml|rels)|mimetype", re.IGNORECASE)
_REFERENCE = re.compile(r"([A-Za-z]+)([0-9]+)")
_DAMAGED = "The spreadsheet is damaged: open it in a spreadsheet program and save it again"
_DIGITS = 15  # that spreadsheets keep


def sheet_records(sheet: CalamineSheet) -> Iterator[Record]:
    """Yield the rows of a sheet, with values as text, integers, decimals and booleans."""
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        yield number, [cell if type(cell) is str else _value(cell) for cell in cells]


def load_sheet(stream: io.BufferedReader, named: str) -> CalamineSheet:
    """Return a sheet.

    Args:
        stream: The file, which must be seekable.
        named: The name or number of the sheet; empty for the first that is not hidden.

    Raises:
        UnusableFileError: it is damaged, too large or another document, or has no such sheet.
    """
    # Loading it takes 6 ms, which other files need not wait for.
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415

    archive = open_zip(stream)
    with NamedTemporaryFile(suffix=_suffix(archive)) as copy:
        _copy_checked(archive, cast("IO[bytes]", copy))
        try:
            book = CalamineWorkbook.from_path(copy.name)
            return book.get_sheet_by_name(_name(book.sheets_metadata, named))
        except PasswordError:
            raise UnusableFileError("The spreadsheet has a password: save it without one") from None
        except CalamineError as error:
            raise DamagedFileError(_DAMAGED) from error


def _suffix(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    with reading_zip():
        if "mimetype" in names and archive.read("mimetype").strip().startswith(_ODS):
            return ".ods"
    other = next((kind for begin, kind in _OTHERS.items() if any(name.startswith(begin) for name in names)), "")
    if other or not any(name.lower().startswith("xl/") for name in names):
        raise UnusableFileError(
            f"The file is {other or 'a document'}, which cannot be imported: save its table as .xlsx, .ods or CSV"
        )
    return ".xlsx"


def _copy_checked(archive: zipfile.ZipFile, copy: IO[bytes]) -> None:
    """Copy what describes the sheets, so that what is loaded is what has been checked."""
    left = UNPACKED_MAX
    with reading_zip(), zipfile.ZipFile(copy, "w") as checked:
        for info in archive.infolist():
            if not _PART.fullmatch(info.filename):
                continue
            check = _Check() if info.filename != "mimetype" else None
            with archive.open(info) as part, checked.open(info.filename, "w") as target:
                while data := part.read(BUFFER):
                    left -= len(data)
                    if left < 0:
                        raise UnusableFileError(
                            f"The spreadsheet unpacks to more than {UNPACKED_MAX:,} bytes: save the sheet as CSV"
                        )
                    if check:
                        check.feed(data)
                    target.write(data)
            if check:
                check.feed(b"", is_end=True)
    copy.flush()


class _Check:
    """Checks that a part is XML, since the library may read what is not for ever, and how many cells a sheet has.

    The cells count between the corners of all values: the library takes memory for these.
    """

    def __init__(self) -> None:
        self._parser = ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._reject
        self._row = 0  # the last one of the element
        self._column = 0
        self._rows = 0  # with values
        self._columns = 0

    def feed(self, data: bytes, *, is_end: bool = False) -> None:
        try:
            self._parser.Parse(data, is_end)
        except (ExpatError, LookupError, ValueError) as error:
            raise DamagedFileError(_DAMAGED) from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "c":
                self._cell(attributes.get("r"))
            case "v" | "is" | "f" | "p":
                self._value()
            case "row":
                self._row, self._column = int(attributes.get("r", self._row + 1)), 0
            case "table-cell" | "covered-table-cell":
                self._column += int(attributes.get("table:number-columns-repeated", 1))
                if any(each.startswith("office:") for each in attributes):
                    self._value()
            case "table-row":
                self._row, self._column = self._row + int(attributes.get("table:number-rows-repeated", 1)), 0
            case "table":
                self._row = self._column = self._rows = self._columns = 0

    def _cell(self, reference: str | None) -> None:
        found = _REFERENCE.fullmatch(reference or "")
        if not found:
            self._column += 1
            return
        self._row, self._column = int(found[2]), 0
        for letter in found[1].upper():
            self._column = self._column * 26 + ord(letter) - ord("A") + 1

    def _value(self) -> None:
        self._rows = max(self._rows, self._row)
        self._columns = max(self._columns, self._column)
        if self._rows * self._columns > CELLS_MAX:
            raise UnusableFileError(
                f"A sheet extends over more than {CELLS_MAX:,} cells: delete what is far below or beside the table, or "
                "save the sheet as CSV"
            )

    def _reject(self, *_: object) -> None:
        raise DamagedFileError(_DAMAGED)


def _name(sheets: list[Any], named: str) -> str:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - see above

    tables = [sheet for sheet in sheets if sheet.typ == SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in tables]
    if named in names:
        return named
    if named.isdecimal() and 0 < int(named) <= len(names):
        return str(names[int(named) - 1])
    if named or not names:
        there = ", ".join(names) or "none"
        raise UnusableFileError(f"There is no sheet {named}: --sheet (IMPORT_SHEET) takes a name or number of {there}")
    visible = [sheet.name for sheet in tables if sheet.visible == SheetVisibleEnum.Visible]
    return str((visible or names)[0])


def _value(cell: object) -> object:
    match cell:
        case bool():
            return cell
        case float() if math.isfinite(cell):
            return int(cell) if cell.is_integer() and abs(cell) < 10**_DIGITS else Decimal(f"{cell:.{_DIGITS}g}")
        case datetime() if cell.time() == time.min:
            return cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta() | float():
            return str(cell)
    return cell
