"""Files with rooms, as bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook

from rentomatic.serializers.files.row_source import FileOptions, RowSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rentomatic.requests.room_import import Row


def source_of(data: bytes | io.BufferedIOBase, format_: str | None = None, **options: Any) -> RowSource:
    """Return the rows of bytes, by default in the format that they seem to have."""
    if isinstance(data, bytes):
        data = io.BytesIO(data)
    stream = data if isinstance(data, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", data))
    return RowSource(cast("io.BufferedReader", stream), FileOptions(format_, **options))


def rows_of(data: bytes | str, format_: str | None = None, **options: Any) -> list[Row]:
    with source_of(data.encode() if isinstance(data, str) else data, format_, **options) as source:
        return list(source)


def values_of(data: bytes | str, format_: str | None = None, **options: Any) -> list[Any]:
    return [row.values for row in rows_of(data, format_, **options)]


def zip_of(files: bytes | Mapping[str, bytes]) -> bytes:
    """Return a zip file, with one file if it is given bytes."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files if isinstance(files, Mapping) else {"rooms": files}).items():
            archive.writestr(name, content)
    return output.getvalue()


def xlsx_of(table: Iterable[Iterable[Any]], change: Callable[[Workbook], object] = lambda _: None) -> bytes:
    """Return a workbook; an empty text is no cell."""
    book = Workbook()
    for row in table:
        book.worksheets[0].append([None if cell == "" else cell for cell in row])
    for cells in book.worksheets[0].iter_rows():
        for cell in cells:
            if isinstance(cell.value, str):
                cell.data_type = "s"  # also if it begins with "="
    change(book)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def ods_of(table: Iterable[Iterable[str]], repeated: int = 1) -> bytes:
    """Return an OpenDocument spreadsheet of text; each row is there as often as its last cell, one beside the other."""
    document = OpenDocumentSpreadsheet()
    sheet = Table(name="Sheet")
    document.spreadsheet.addElement(sheet)
    for row in table:
        line = TableRow(numberrowsrepeated=repeated)
        sheet.addElement(line)
        for text in row:
            cell = TableCell(valuetype="string")
            cell.addElement(P(text=text))
            line.addElement(cell)
        if repeated > 1:
            line.addElement(TableCell(numbercolumnsrepeated=repeated))
            cell = TableCell(valuetype="string")
            cell.addElement(P(text="x"))
            line.addElement(cell)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()
