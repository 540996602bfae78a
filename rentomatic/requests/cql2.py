"""Reads a filter in CQL2, as text or as JSON (OGC 21-065r2), into a condition. Only a request with one needs this.

It may use Basic CQL2, the advanced comparison operators, and S_INTERSECTS with a point, a polygon or a box.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from rentomatic.domain.geography import Box
from rentomatic.domain.polygon import Polygon
from rentomatic.domain.room_conditions import AllOf, AnyOf, HasPlace, IsIn, Not
from rentomatic.domain.room_fields import FIELDS, GEOMETRY, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import NULL, Criterion

if TYPE_CHECKING:
    from rentomatic.domain.polygon import Point
    from rentomatic.domain.room_conditions import Condition

# GDAL, up to 3.12, only lets an API filter that knows the name from a draft of the standard.
TEXT, JSON, TEXT_OF_DRAFT = LANGUAGES = ("cql2-text", "cql2-json", "cql-text")
FILTER_MAX = 8_000  # characters; API Gateway takes 10,240 bytes of a request without its body
_PROPERTIES = (*FIELDS, GEOMETRY)
_DEPTH_MAX = 100
_SHOWN_MAX = 20  # characters
_COMPARISONS = {"=": "eq", "<>": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
OPERATORS = "=, <>, <, <=, >, >=, AND, OR, NOT, BETWEEN, IN, LIKE, IS NULL and S_INTERSECTS"
_OPERATORS = (*_COMPARISONS, "and", "or", "not", "between", "in", "like", "isNull", "s_intersects")  # in JSON
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_RING_MIN = 4  # points (RFC 7946, section 3.1.6)
_ANY_TEXT = re.compile(r"((?<!\\)(?:\\\\)*)%{2,}")  # which Postgres takes seconds for if it is long
_HALF_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


def read_language(text: str) -> str:
    """Check the name of a language.

    Raises:
        ValueError: it is not one of `LANGUAGES`.
    """
    if text not in LANGUAGES:
        raise ValueError(f"Must be {TEXT} or {JSON}")
    return text


def read_filter(text: str, language: str = TEXT) -> Condition:
    """Read a filter in one of `LANGUAGES`.

    Raises:
        ValueError: it is invalid; the message says why.
    """
    if len(text) > FILTER_MAX:
        raise ValueError(f"Must have at most {FILTER_MAX:,} characters")
    if not text.strip():
        raise ValueError("Must not be empty")
    if language == JSON:
        return _condition(_from_json(text))
    from rentomatic.requests.cql2_text import parse_text  # noqa: PLC0415 - 100 ms, which JSON does not take

    return _condition(parse_text(text))


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_int=float)
    except RecursionError:
        raise ValueError(f"Must not be nested more than {_DEPTH_MAX} deep") from None
    except ValueError as error:
        raise ValueError(f"Must be JSON, as filter-lang says: {error}") from None


def _condition(content: Any, depth: int = 0) -> Condition:
    if isinstance(content, bool):
        return AllOf() if content else AnyOf()
    if depth > _DEPTH_MAX:
        raise ValueError(f"Must not be nested more than {_DEPTH_MAX} deep")
    match content:
        case {"op": "and" | "or" as operator, "args": [_, *_] as arguments}:
            conditions = tuple(_condition(argument, depth + 1) for argument in arguments)
            return AllOf(conditions) if operator == "and" else AnyOf(conditions)
        case {"op": "not", "args": [argument]}:
            return Not(_condition(argument, depth + 1))
        case {"op": str(operator), "args": list(arguments)}:
            return _predicate(operator, arguments)
    raise ValueError("Must be a condition, as in price < 40")


def _predicate(operator: str, arguments: list[Any]) -> Condition:  # noqa: PLR0911 - a case for each
    match operator, arguments:
        case "=" | "<>" | "<" | "<=" | ">" | ">=", [{"property": _}, {"property": _}]:
            raise ValueError("Must not compare a property with another: one side must be a value, as in price < 40")
        case "=" | "<>" | "<" | "<=" | ">" | ">=", [{"property": name}, value]:
            return _comparison(name, operator, value)
        case "=" | "<>" | "<" | "<=" | ">" | ">=", [value, {"property": name}]:
            return _comparison(name, _MIRRORED.get(operator, operator), value)
        case "between", [{"property": name}, low, high]:
            return AllOf((_comparison(name, ">=", low), _comparison(name, "<=", high)))
        case "in", [{"property": name}, [_, *_] as values]:
            return _is_in(name, values)
        case "like", [{"property": name}, pattern]:
            return _like(name, pattern)
        case "isNull", [{"property": name}]:
            return _is_null(name)
        case "s_intersects", [{"property": name}, area] | [area, {"property": name}]:
            return _intersects(name, area)
    inner = [each["op"] for each in arguments if isinstance(each, dict) and isinstance(each.get("op"), str)]
    unknown = next((each for each in (operator, *inner) if each not in _OPERATORS), None)
    if unknown is None:
        raise ValueError(f"Must have a property beside {operator}, and a value, as in price < 40")
    raise ValueError(f"Must not use {unknown[:_SHOWN_MAX]}: {_hint(unknown)}")


def _hint(operator: str) -> str:
    """Return what to use in place of an operator, which is in small letters if it comes from text."""
    written = {} if operator.islower() else {each.lower(): each for each in _OPERATORS}
    meant = written.get(operator.lower().replace(" ", ""))
    return f"did you mean {meant}?" if meant else f"allowed are {OPERATORS}"


def _comparison(name: Any, operator: str, value: Any) -> Criterion:
    if not _is_number(name):
        return Criterion(name, _COMPARISONS[operator], _text(name, value))
    number = _number(name, value)
    # A value that no room has means the same as the next one that a room may have.
    rounded = math.ceil(number) if operator in ("<", ">=") else math.floor(number)
    if operator in ("=", "<>") and rounded != number:
        rounded = INTEGER_MAX + 1
    if INTEGER_MIN <= rounded <= INTEGER_MAX:
        return Criterion(name, _COMPARISONS[operator], rounded)
    # Beyond what a room may have: true for every room whose value is known, or for none.
    is_true = operator == "<>" or (operator != "=" and (rounded > INTEGER_MAX) == operator.startswith("<"))
    return Criterion(name, "lte" if is_true else "gt", INTEGER_MAX)


def _is_in(name: Any, values: list[Any]) -> Condition:
    criteria = [_comparison(name, "=", value) for value in values]
    possible: Any = tuple(dict.fromkeys(criterion.value for criterion in criteria if criterion.operator == "eq"))
    return Criterion(name, "in", possible) if possible else criteria[0]


def _like(name: Any, pattern: Any) -> Criterion:
    if _is_number(name):
        raise ValueError(f"{name}: LIKE compares text")
    if _HALF_ESCAPE.search(_text(name, pattern)):
        raise ValueError(f"{name}: Must not end with a single backslash, which is for the next character")
    return Criterion(name, "like", _ANY_TEXT.sub(r"\1%", pattern))


def _is_null(name: Any) -> Condition:
    if name == GEOMETRY:
        return HasPlace(value=False)
    return Criterion(name, "is", NULL) if _is_number(name) else AnyOf()  # a room has a code


def _is_number(name: Any) -> bool:
    """Return whether a property's values are numbers and not text."""
    if name == GEOMETRY:
        raise ValueError(f"{GEOMETRY}: Must be used with S_INTERSECTS or IS NULL")
    if not isinstance(name, str) or name not in FIELDS:
        raise ValueError(_unknown(name))
    return isinstance(FIELDS[name].kind, Integer)


def _unknown(name: Any) -> str:
    from rentomatic.requests.suggestions import suggest_field  # noqa: PLC0415 - 3 ms, only needed for errors

    meant = suggest_field(name) if isinstance(name, str) else None
    hint = f"did you mean {meant}?" if meant else f"allowed are {', '.join(_PROPERTIES)}"
    return f"No property is called {str(name)[:_SHOWN_MAX]}: {hint}"


def _number(name: str, value: Any) -> float:
    if type(value) is not float or math.isnan(value):
        raise ValueError(f"{name}: Must be compared with numbers")
    return min(max(value, INTEGER_MIN - 1.0), INTEGER_MAX + 1.0)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}: Must be compared with text, as in {name} = 'A1'")  # noqa: TRY004 - bad input
    return str(FIELDS[name].kind.read(value))


def _intersects(name: Any, area: Any) -> Condition:
    if name != GEOMETRY:
        raise ValueError(f"S_INTERSECTS: the property must be {GEOMETRY}")
    match area:
        case {"bbox": [west, south, east, north] | [west, south, _, east, north, _]}:
            (west, south), (east, north) = _point([west, south]), _point([east, north])
            if south > north:
                raise ValueError("BBOX: Must not have south above north")
            return IsIn(Box(west, south, east, north))
        case {"type": "Point", "coordinates": coordinates}:
            return IsIn(Box(*_point(coordinates), *_point(coordinates)))
        case {"type": "Polygon", "coordinates": rings}:
            return IsIn(_polygon(rings))
        case {"type": "MultiPolygon", "coordinates": [*polygons]}:
            return AnyOf(tuple(IsIn(_polygon(rings)) for rings in polygons))
    raise ValueError("S_INTERSECTS: Must have a POINT, POLYGON, MULTIPOLYGON or BBOX")


def _polygon(rings: Any) -> Polygon:
    match rings:
        case [[*_], *_]:
            return Polygon(tuple(map(_ring, rings)))
    raise ValueError("POLYGON: Must be a list of rings")


def _ring(points: Any) -> tuple[Point, ...]:
    ring = tuple(map(_point, points)) if isinstance(points, list) else ()
    if len(ring) < _RING_MIN or ring[0] != ring[-1]:
        raise ValueError(f"POLYGON: Must have rings of {_RING_MIN} or more points, the last of which is the first")
    return ring


def _point(position: Any) -> Point:
    match position:
        case [float(longitude), float(latitude)] | [float(longitude), float(latitude), float(_)]:
            # Both comparisons are false for NaN. Adding 0 turns -0 into 0.
            if abs(longitude) <= 180 and abs(latitude) <= 90:  # noqa: PLR2004
                return longitude + 0.0, latitude + 0.0
    raise ValueError("Must have points of a longitude from -180 to 180 and a latitude from -90 to 90")
