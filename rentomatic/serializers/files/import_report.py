"""Serializes the report of an import: a line of JSON for each error in a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rentomatic.domain.room_import import RowError, RowErrorCount

SUFFIX = ".report.jsonl"
_VALUE_MAX = 200  # characters


def serialize_row_error(error: RowError) -> str:
    """Return the line of an error, including the line break; a long value is truncated."""
    members = {
        error.unit: error.number,
        "column": error.column or None,
        "value": _truncated(error.value),
        "reason": error.reason,
    }
    return report_line(members)


def serialize_count(count: RowErrorCount) -> str:
    """Return the line of a count, including the line break."""
    return report_line({"column": count.column, "reason": count.reason, "count": count.count})


def report_line(members: dict[str, Any]) -> str:
    """Return a line of JSON that is safe to print, including the line break."""
    return json.dumps(members, default=str).replace("\x7f", "\\u007f") + "\n"


def _truncated(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}..."
