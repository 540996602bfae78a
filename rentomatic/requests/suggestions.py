"""Suggests what a client may have meant, by the words that other APIs use. Only errors need this module."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_NAME_MAX = 50  # characters; a longer name is not a typing error
_FILTER = "filter"

# Without punctuation.
_FIELDS = {
    "code": "id ident identifier key name number ref reference room uuid",
    "price": "amount cost fee prices priceperday rate rent",
    "size": "m2 qm sqm squaremeters squaremetres surface",
}
_BOUNDS = {
    "lte": "atmost below highest lessthan max maximum to under until upto",
    "gte": "above atleast from lowest min minimum morethan over since",
}
_PARAMETERS = {
    "filter": "condition cql cql2 expression predicate q query where",
    "near": "around at center centre coordinates lat latitude latlng latlon lng location lon longitude place point",
    "radius_km": "dist distance km radius range within",
    "bbox": "area boundingbox bounds box envelope extent viewport",
    "sort": "order orderby ordering sortby sorting",
    "limit": "max maxresults pagesize perpage results rows take top",
    "cursor": "after offset page pagetoken skip start startat token",
    "count": "includetotal resulttype total withcount",
    "f": "accept fmt format output outputformat type",
}
_DIRECTIONS = {"asc": "", "ascending": "", "desc": "-", "descending": "-"}


def suggest_parameter(name: str, allowed: Collection[str]) -> str | None:
    """Return the parameter that a client may have meant by an unknown one."""
    if len(name) > _NAME_MAX:
        return None
    text = _plain(name)
    by_text = {_plain(each): each for each in allowed}
    named = (by_text.get(each) for each in (text, _FILTER + text, *_filters(text.removeprefix(_FILTER)), *_meant(text)))
    if known := next(filter(None, named), None):
        return known
    lowered = name.lower()
    completions = [each for each in allowed if lowered and each.startswith(lowered)]
    matches = completions or get_close_matches(lowered, allowed, n=1, cutoff=0.7)
    return matches[0] if matches else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _filters(text: str) -> Iterator[str]:
    """Yield the filter that words such as `maxprice` stand for, without punctuation."""
    for field, synonyms in _FIELDS.items():
        for word in (field, *synonyms.split()):
            if text == word:
                yield f"{_FILTER}{field}eq"
            for operator, bounds in _BOUNDS.items():
                if text.removeprefix(word) in bounds.split() or text.removesuffix(word) in bounds.split():
                    yield f"{_FILTER}{field}{operator}"


def _meant(text: str) -> Iterator[str]:
    for name, synonyms in _PARAMETERS.items():
        if text in synonyms.split():
            yield _plain(name)


def suggest_field(name: str) -> str | None:
    """Return the field that a client may have meant by an unknown one."""
    return None if len(name) > _NAME_MAX else _sort_key(name, _FIELDS)


def suggest_sort(text: str, keys: Collection[str]) -> str | None:
    """Return the sort keys that a client may have meant, such as `-price` by `Price:desc`."""
    if len(text) > _NAME_MAX:
        return None
    meant = [key for each in text.split(",") if (key := _sort_key(each, keys))]
    is_new = len({key.removeprefix("-") for key in meant}) == text.count(",") + 1
    return ",".join(meant) if is_new else None


def _sort_key(text: str, keys: Collection[str]) -> str | None:
    if text in keys:
        return text
    word, *rest = re.findall(r"[a-z0-9]+", text.lower()) or [""]
    fields = {synonym: field for field, synonyms in _FIELDS.items() for synonym in (field, *synonyms.split())}
    field = {**fields, "distance": "distance", **dict.fromkeys(_PARAMETERS["radius_km"].split(), "distance")}.get(word)
    sign = "-" if text.strip().startswith("-") else _DIRECTIONS.get(rest[0], "") if rest else ""
    similar = get_close_matches(word, keys, n=1, cutoff=0.7)
    key = f"{sign}{field or ''.join(similar)}"
    return key if key in keys else None


def swap_places(text: str) -> str:
    """Return comma-separated coordinates with latitude and longitude swapped; unchanged if there is an odd number."""
    numbers = text[: 4 * _NAME_MAX].split(",")
    if len(numbers) % 2:
        return text
    return ",".join(f"{second},{first}" for first, second in zip(numbers[::2], numbers[1::2], strict=True))
