"""Codes for rooms that come without one."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def derived_code(values: Mapping[str, Any]) -> str:
    """Return the code for a row's values by column.

    Equal values give equal codes. The order of columns does not matter and empty ones are ignored.
    """
    pairs = sorted([name, _text(value)] for name, value in values.items() if value is not None and value != "")
    return _uuid(json.dumps(pairs))


def repeated_code(code: str, times: int) -> str:
    """Return the code for the second, third, ... row of a file with the same derived code."""
    return _uuid(f"{code} {times}")


def _text(value: object) -> str:
    # A number has the same text in every format. Only JSON has other types than text and numbers.
    return json.dumps(value, default=str, sort_keys=True) if isinstance(value, dict | list | bool) else str(value)


def _uuid(text: str) -> str:
    """Return a UUID of version 8 (RFC 9562, section 5.8): a hash with the version and variant bits set."""
    digits = sha256(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"
