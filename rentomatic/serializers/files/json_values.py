"""Decodes JSON values leniently: numbers that Python cannot represent become text."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from rentomatic.requests.room_import import COLUMNS_MAX, Row

DEPTH_MAX = 100
RECORD_SEPARATOR = "\x1e"  # RFC 8142, section 2.1
TOO_DEEP = object()
_DIGITS_MAX = 4_000  # int() reads 4,300, the sign included
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def decode_value(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at `start`, and its end.

    Decimals become `Decimal`. NaN, and numbers that Python cannot represent, become text. A value that is nested deeper
    than `DEPTH_MAX` becomes `TOO_DEEP`.

    Raises:
        json.JSONDecodeError: the value is invalid or incomplete.
    """
    try:
        value, end = _decode(text, start)
        brackets = text.count("[", start, end) + text.count("{", start, end)
        if brackets <= DEPTH_MAX or not isinstance(value, dict | list):
            return value, end
    except RecursionError:
        value = TOO_DEEP
    depth, end = _nesting(text, start)
    return (TOO_DEEP if depth > DEPTH_MAX else value), end


def json_row(number: int, value: Any, unit: str) -> Row:
    """Return the row of a value, which is a parse error if it is not an object or has too many members."""
    reason = ""
    if value is TOO_DEEP:
        value, reason = None, f"Must not be nested deeper than {DEPTH_MAX} levels"
    elif not isinstance(value, dict):
        reason = "Must be an object"
    elif len(value) > COLUMNS_MAX:
        reason = f"Must have at most {COLUMNS_MAX:,} members"
    return Row(number, {}, unit, parse_error=("", value, reason)) if reason else Row(number, value, unit)


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except (ValueError, InvalidOperation):  # from int() and Decimal()
        return _LENIENT_DECODER.raw_decode(text, start)


def _nesting(text: str, start: int) -> tuple[int, int]:
    """Return the nesting depth of an array or object, and its end."""
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(text, start):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
            if not depth:
                return deepest, token.end()
    raise json.JSONDecodeError("Unclosed bracket", text, start)


def _decimal_or_text(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _integer_or_text(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS_MAX else text


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=str)  # NaN is not a number
_LENIENT_DECODER = json.JSONDecoder(parse_float=_decimal_or_text, parse_int=_integer_or_text, parse_constant=str)
