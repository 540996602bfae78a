"""Shows what an import would do, for `manage.py import --preview`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from devtools.room_files import RoomFileError, seen_codes
from devtools.text import amount
from rentomatic.domain.printable_text import printable
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.requests.import_settings import settings_text
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.files.row_source import RowSource
from rentomatic.use_cases.room_preview import ROOMS_SHOWN, room_preview_use_case
from rentomatic.use_cases.survey_notes import shown, shown_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from devtools.room_files import RoomFile
    from rentomatic.domain.room import Room
    from rentomatic.requests.room_import import RoomImportRequest
    from rentomatic.serializers.files.row_source import FileOptions
    from rentomatic.use_cases.room_preview import Preview

_CENTROID = "--centroid"
_VALUE_MAX = 40  # characters


def preview_rooms(
    file: RoomFile,
    request: RoomImportRequest,
    command: Callable[[RoomImportRequest, FileOptions], str],
    say: Callable[[str], None],
) -> None:
    """Print what an import would do; nothing is written, and no database is needed.

    Args:
        file: The file.
        request: The options that are known.
        command: Returns the command for a request and how to read the file.
        say: Called with each part of the text.

    Raises:
        RoomFileError: the file cannot be used.
    """
    options = file.options
    preview = _preview(file, request, options)
    reasons = [*preview.reasons]
    if file.stream.seekable() and any(_CENTROID in error.reason for error in preview.summary.reasons):
        file.stream.seek(0)
        options = replace(options, has_centroids=True)
        preview = _preview(file, request, options)
        reasons = [*preview.reasons, f"{_CENTROID}, since there are polygons and rooms have a point"]
    for part in _parts(preview):
        say(part)
    if reasons:
        say("\n".join(["\nProposed:", *(f"  {reason}" for reason in reasons)]))
    say(f"\nThe whole command:\n  {command(preview.request, options)}")
    others = {"format": options.format_, "encoding": options.encoding, "sheet": options.sheet}
    if settings := settings_text(preview.request, **others, centroid=options.has_centroids):
        say(f"\nOr with --settings FILE, and in FILE:\n{settings}")


def _preview(file: RoomFile, request: RoomImportRequest, options: FileOptions) -> Preview:
    with RowSource(file.stream, options) as rows:
        response = room_preview_use_case(seen_codes, request, rows)
    match response:
        case ResponseFailure(exception=OSError() as error):
            raise RoomFileError(f"{file.name}: {error}") from error
        case ResponseFailure(exception=Exception() as error):
            raise error
        case ResponseFailure():
            raise RoomFileError(f"{file.name}: {response.message}")
    preview: Preview = response.value
    return preview


def _parts(preview: Preview) -> Iterator[str]:
    yield f"Columns: {', '.join(map(shown, preview.names))}"
    yield "\n" + _table([("Room's", "from column", "for example"), *_mapping(preview)])
    yield f"\nThe first {ROOMS_SHOWN} rooms as they would be:\n" + _table([ATTRIBUTES, *map(_cells, preview.rooms)])
    summary = preview.summary
    yield (
        f"\nOf {amount(summary.read, 'row')} {amount(summary.added, 'room')} would go in, "
        f"and {amount(summary.refused, 'row')} would be refused"
    )
    for reason in summary.reasons:
        where = f"column {shown(reason.column)}: " if reason.column else ""
        yield f"{reason.count:>9,} {where}{reason.reason} ({reason.unit} {reason.number}: {reason.value})"
    yield from (*summary.notes, *summary.warnings)
    missing = [name for name in ATTRIBUTES if name != "code" and name not in preview.examples]
    if missing:
        yield (
            f"No column was found for {', '.join(missing)}: if there is one, add it to --map, such as "
            f"{missing[0]}=COLUMN"
        )


def _mapping(preview: Preview) -> Iterator[tuple[str, str, str]]:
    for name in ATTRIBUTES:
        example = preview.examples.get(name)
        if example:
            yield name, shown(example.column), shown_value(example.value, _VALUE_MAX)
        else:
            yield name, "(derived)" if name == "code" else "(none)", ""


def _cells(room: Room) -> tuple[str, ...]:
    values = (getattr(room, name) for name in ATTRIBUTES)
    return tuple("" if value is None else printable(str(value), _VALUE_MAX) for value in values)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"  {line.rstrip()}" for line in lines)
