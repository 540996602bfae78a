"""Reads CQL2 as text (OGC 21-065r2, annex B) into the JSON of CQL2. Only a request with a filter needs this module.

The parser is LALR: its time grows with the length, and nesting needs no recursion.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

Json = Any

_SHOWN_MAX = 20  # characters
_KEYWORDS = (
    *("AND", "BBOX", "BETWEEN", "FALSE", "IN", "IS", "LIKE", "LINESTRING", "MULTIPOLYGON", "NOT", "NULL", "OR"),
    *("POINT", "POLYGON", "TRUE", "Z"),
)
# What other languages have, and a JSON without its parameter.
_MEANT = {
    "!=": "<>",
    "==": "=",
    "=>": ">=",
    "=<": "<=",
    "&&": "AND",
    "||": "OR",
    "NULL": "IS NULL",
    "ILIKE": "LIKE",
    "{": "filter-lang=cql2-json",
}
_GRAMMAR = rf"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: factor (_AND factor)*
?factor: predicate | _NOT factor -> negation
?predicate: operand
    | operand COMPARISON operand -> comparison
    | operand _IS _NULL -> is_null
    | operand _IS _NOT _NULL -> is_not_null
    | operand _LIKE operand -> like
    | operand _NOT _LIKE operand -> not_like
    | operand _IN operands -> is_in
    | operand _NOT _IN operands -> is_not_in
    | operand _BETWEEN operand _AND operand -> between
    | operand _NOT _BETWEEN operand _AND operand -> not_between
?operand: "(" disjunction ")" | NUMBER | TEXT | _TRUE -> true | _FALSE -> false
    | (NAME | QUOTED) -> property
    | NAME (operands | "(" ")") -> function
    | _BBOX "(" NUMBER ("," NUMBER)* ")" -> bbox
    | _POINT _Z? "(" position ")" -> point
    | _LINESTRING _Z? line -> line_string
    | _POLYGON _Z? lines -> polygon
    | _MULTIPOLYGON _Z? "(" lines ("," lines)* ")" -> multi_polygon
operands: "(" operand ("," operand)* ")"
lines: "(" line ("," line)* ")"
line: "(" position ("," position)* ")"
position: NUMBER NUMBER NUMBER?

COMPARISON: "<>" | "<=" | ">=" | "=" | "<" | ">"
NUMBER: /[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
TEXT: /'([^']|'')*'/
QUOTED: /"[^"]+"/
NAME: /[^\W\d][\w.:]*/
%ignore /\s+/
%declare {" ".join(f"_{keyword}" for keyword in _KEYWORDS)}
"""


def parse_text(text: str) -> Json:
    """Return the JSON that means the same.

    Raises:
        ValueError: it is not CQL2; the message says where.
    """
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        is_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        at = None if is_end else error.pos_in_stream
    where = "to its end" if at is None else f"at character {at + 1}, {text[at : at + _SHOWN_MAX]!r}{_hint(text, at)}"
    raise ValueError(f"Cannot be read {where}")


def _hint(text: str, at: int) -> str:
    """Return what may have been meant at a place or from the character before it, if anything."""
    around = [text[start:].upper() for start in (at, max(at - 1, 0))]
    meant = next((meant for wrong, meant in _MEANT.items() if any(each.startswith(wrong) for each in around)), None)
    return f": did you mean {meant}?" if meant else ""


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR, parser="lalr", lexer="basic", lexer_callbacks={"NAME": _keyword_or_name}, transformer=_ToJson()
    )


def _keyword_or_name(token: Token) -> Token:
    """Return a name, or the keyword that it is in capital or small letters."""
    return token.update(type=f"_{token.upper()}") if token.upper() in _KEYWORDS else token


def _operation(operator: str, *arguments: Json) -> Json:
    return {"op": operator, "args": list(arguments)}


def _opposite(operator: str, *arguments: Json) -> Json:
    return _operation("not", _operation(operator, *arguments))


def _geometry(type_: str, coordinates: Json) -> Json:
    return {"type": type_, "coordinates": coordinates}


class _ToJson(Transformer[Token, Json]):
    """Makes JSON of something as soon as it is read; each function has the name of its rule or terminal."""

    NAME = COMPARISON = staticmethod(str)
    NUMBER = staticmethod(float)
    TEXT = staticmethod(lambda token: token[1:-1].replace("''", "'"))
    QUOTED = staticmethod(lambda token: token[1:-1])
    operands = lines = line = position = staticmethod(lambda parts: parts)
    true = staticmethod(lambda _: True)
    false = staticmethod(lambda _: False)
    property = staticmethod(lambda parts: {"property": parts[0]})
    function = staticmethod(lambda parts: _operation(parts[0].lower(), *(parts[1] if parts[1:] else ())))
    disjunction = staticmethod(lambda parts: _operation("or", *parts))
    conjunction = staticmethod(lambda parts: _operation("and", *parts))
    negation = staticmethod(lambda parts: _operation("not", *parts))
    comparison = staticmethod(lambda parts: _operation(parts[1], parts[0], parts[2]))
    is_null = staticmethod(lambda parts: _operation("isNull", *parts))
    is_not_null = staticmethod(lambda parts: _opposite("isNull", *parts))
    like = staticmethod(lambda parts: _operation("like", *parts))
    not_like = staticmethod(lambda parts: _opposite("like", *parts))
    is_in = staticmethod(lambda parts: _operation("in", *parts))
    is_not_in = staticmethod(lambda parts: _opposite("in", *parts))
    between = staticmethod(lambda parts: _operation("between", *parts))
    not_between = staticmethod(lambda parts: _opposite("between", *parts))
    bbox = staticmethod(lambda parts: {"bbox": parts})
    point = staticmethod(lambda parts: _geometry("Point", parts[0]))
    line_string = staticmethod(lambda parts: _geometry("LineString", parts[0]))
    polygon = staticmethod(lambda parts: _geometry("Polygon", parts[0]))
    multi_polygon = staticmethod(lambda parts: _geometry("MultiPolygon", parts))
