"""How it is written what became of a file: a line of JSON for each thing that is wrong with a row."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rentomatic.domain.room_import import RowError, RowErrorCount

SUFFIX = ".report.jsonl"
_VALUE_MAX = 200  # characters


def serialize_row_error(refusal: RowError) -> str:
    """Return the line of one refusal, with its end; a long value is cut."""
    members = {
        refusal.unit: refusal.number,
        "column": refusal.column or None,
        "value": _shown(refusal.value),
        "reason": refusal.reason,
    }
    return report_line(members)


def serialize_count(count: RowErrorCount) -> str:
    """Return the line of how often something was wrong, with its end."""
    return report_line(asdict(count))


def report_line(members: dict[str, Any]) -> str:
    """Return a line of JSON that a terminal can print, with its end."""
    return json.dumps(members, default=str).replace("\x7f", "\\u007f") + "\n"


def _shown(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}..."
