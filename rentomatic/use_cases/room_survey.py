"""Find out how the rows of a file are to be read, from all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rentomatic.domain.likely_names import likely_names, listed
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.requests.column_names import AmbiguousColumnError, matching_column
from rentomatic.requests.room_import import COLUMNS_MAX, UnusableFileError
from rentomatic.requests.room_row import RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rentomatic.requests.room_import import RoomImportRequest, Rows


@dataclass(frozen=True)
class Survey:
    """What a first reading of a file has shown.

    Attributes:
        format: How to read its rows.
        names: The columns of the file, at most `COLUMNS_MAX`, in its order.
        code_from: The columns from which missing codes are derived; empty for all but the price's.
        open_columns: The columns in which a point or comma may be before decimals or between thousands.
        notes: What was decided, in words.
        warnings: What is probably wrong, in words.
    """

    format: RowFormat
    names: tuple[str, ...] = ()
    code_from: tuple[str, ...] = ()
    open_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def survey(rows: Rows, request: RoomImportRequest) -> Survey:
    """Read all rows once and decide how to read them.

    Raises:
        UnusableFileError: the file cannot be read, or lacks a column that the request names, or has no column of a
            room, or has several that may be meant.
    """
    names: dict[str, None] = {}
    is_empty = True
    for row in rows:
        is_empty = is_empty and bool(row.parse_error)
        if not row.values.keys() <= names.keys() and len(names) < COLUMNS_MAX:
            names.update(dict.fromkeys(row.values))
    columns = _Columns((*names, *rows.repeated), rows.repeated)
    found = {name: columns.find(request.mapped.get(name, name), f"--map {name}=") for name in ATTRIBUTES}
    code_from = {name: columns.find(name, "--code-from ") for name in request.code_from}
    if not is_empty:
        wanted = {request.mapped[name]: found[name] for name in request.mapped} | code_from
        _check_columns([name for name, column in wanted.items() if column is None], found.values(), tuple(names))
    return Survey(
        RowFormat({name: column for name, column in found.items() if column is not None}, request.is_rounded),
        tuple(names),
        tuple(column for column in code_from.values() if column is not None),
        notes=tuple(rows.passed_over),
    )


class _Columns:
    def __init__(self, names: tuple[str, ...], repeated: frozenset[str]) -> None:
        self._names = names
        self._repeated = repeated

    def find(self, name: str, option: str) -> str | None:
        try:
            column = matching_column(name, self._names)
        except AmbiguousColumnError as error:
            first, *_ = error.columns
            raise UnusableFileError(
                f"The columns {' and '.join(error.columns)} both match {name}: name one, such as {option}{first}"
            ) from None
        if column in self._repeated:
            raise UnusableFileError(
                f"Two columns have the name {column}, which is used: rename one of them in the file"
            )
        return column


def _check_columns(missing: list[str], found: Iterable[str | None], names: tuple[str, ...]) -> None:
    if not missing and any(found):
        return
    what = f"the column {', '.join(missing)}" if missing else f"any of the columns {', '.join(ATTRIBUTES)}"
    raise UnusableFileError(
        f"No row has {what}: name the right ones with --map (IMPORT_MAP) or --code-from (IMPORT_CODE_FROM). "
        f"Columns in the file: {listed(likely_names(names, missing or ATTRIBUTES))}"
    )
