"""Tells the summary of an import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.text import amount
from rentomatic.domain.likely_names import listed
from rentomatic.use_cases.room_import import ROW_ERRORS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rentomatic.domain.room_import import ImportSummary
    from rentomatic.requests.room_import import RoomImportRequest

_REASONS_MAX = 10


def summary_lines(summary: ImportSummary, request: RoomImportRequest, report: Path) -> Iterator[str]:
    """Yield what has become of the rows, most important first.

    Args:
        summary: The summary.
        request: How they were imported.
        report: The file with the errors in rows.
    """
    if not summary.read:
        return
    yield _counts(summary, request)
    yield from _errors(summary, report)
    if summary.unidentified:
        rows = amount(summary.unidentified, "refused row")
        yield (
            f"No room {'would be' if request.is_dry_run else 'was'} removed: {rows} may be about any of them, because "
            "the code is wrong or unreadable; correct the file and import it again"
        )
    if summary.code_only:
        yield f"Nothing but the code is known of {amount(summary.code_only, 'room')}"
    yield from (*summary.notes, *summary.warnings)
    if summary.missing_columns:
        yield (
            f"No row has a column for {', '.join(summary.missing_columns)}: unknown in new rooms, unchanged in others; "
            f"name the columns with --map (the file has {listed(summary.columns, summary.more_columns)})"
        )


def _counts(summary: ImportSummary, request: RoomImportRequest) -> str:
    added = f"{amount(summary.added, 'room')}{' would be' if request.is_dry_run else ''} added"
    removed = f", {summary.removed:,} removed" if request.replacement else ""
    blank = f", {summary.blank:,} blank" if summary.blank else ""
    return (
        f"Read {amount(summary.read, 'row')}: {added}, {summary.changed:,} changed, {summary.unchanged:,} unchanged"
        f"{removed}; {amount(summary.refused, 'row')} refused{blank}"
    )


def _errors(summary: ImportSummary, report: Path) -> Iterator[str]:
    for reason in summary.reasons[:_REASONS_MAX]:
        column = f"column {reason.column}: " if reason.column else ""
        yield f'{reason.count:>9,} {column}{reason.reason}, such as "{reason.value}" in {reason.unit} {reason.number}'
    if len(summary.reasons) > _REASONS_MAX:
        yield f"{'':>9} and {len(summary.reasons) - _REASONS_MAX:,} more reasons, which are rarer"
    number = sum(reason.count for reason in summary.reasons)
    if number > ROW_ERRORS_MAX:
        yield f"The first {ROW_ERRORS_MAX:,} of {number:,} errors, and the number of each, are in {report}"
    elif number:
        yield f"Every error is in {report}"
