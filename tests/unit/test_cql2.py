"""Filters in CQL2: what they mean, what is refused, and that another parser reads the same."""

from __future__ import annotations

import json
from typing import Any

import cql2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.geography import Box
from rentomatic.domain.polygon import Polygon
from rentomatic.domain.room_conditions import AllOf, AnyOf, Condition, HasPlace, IsIn, Not
from rentomatic.domain.room_fields import INTEGER_MAX, INTEGER_MIN
from rentomatic.domain.room_filters import Criterion
from rentomatic.requests.cql2 import FILTER_MAX, JSON, OPERATORS, read_filter
from rentomatic.requests.cql2_text import parse_text
from tests.contracts.room_search import conditions
from tests.support.cql2 import as_json, as_text

TRIANGLE = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)),)
CHEAP, LARGE = Criterion("price", "lt", 40), Criterion("size", "gte", 20)
ALL_KNOWN, NONE = Criterion("price", "lte", INTEGER_MAX), Criterion("price", "gt", INTEGER_MAX)
# Of no arithmetic and of few parentheses: the other parser takes 2**n steps for n that are not closed.
_WORDS = (
    *("price", "code", '"size"', "geometry", "40", "-1.5e1", "'a%'", "=", "<>", "<", ">=", "(", ")", ","),
    *("AND", "OR", "not", "IN", "LIKE", "IS", "NULL", "BETWEEN", "TRUE", "POINT", "POLYGON", "BBOX", "f"),
)


@given(conditions)
def test_what_another_parser_writes_is_read(condition: Condition) -> None:
    content = json.loads(json.dumps(as_json(condition)))

    assert _flat(parse_text(as_text(condition))) == _flat(content)
    read_filter(as_text(condition))


@given(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=9).map(" ".join))
def test_another_parser_reads_the_same(text: str) -> None:
    try:
        content = parse_text(text)
    except ValueError:
        return  # stricter: it takes keywords as names, for example
    assert _flat(content) == _flat(cql2.parse_text(text).to_json())


def _flat(content: Any) -> Any:
    """Return the content with what is joined by the same operator in one list."""
    if isinstance(content, list):
        return list(map(_flat, content))
    if not isinstance(content, dict) or "op" not in content:
        return content
    operator, arguments = content["op"].lower(), list(map(_flat, content["args"]))
    if operator in ("and", "or"):
        nested = [isinstance(each, dict) and each.get("op") == operator for each in arguments]
        pairs = zip(arguments, nested, strict=True)
        arguments = [inner for each, is_nested in pairs for inner in (each["args"] if is_nested else [each])]
    return {"op": operator, "args": arguments}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("price < 40", CHEAP),
        ("40 > price", CHEAP),
        ('"price"<40.0', CHEAP),
        ("price<40 AND size>=20", AllOf((CHEAP, LARGE))),
        ("price<40 or size>=20 and TRUE", AnyOf((CHEAP, AllOf((LARGE, AllOf()))))),
        ("(price<40 OR size>=20) AND FALSE", AllOf((AnyOf((CHEAP, LARGE)), AnyOf()))),
        ("NOT NOT price<40", Not(Not(CHEAP))),
        ("price BETWEEN 1 AND 2", AllOf((Criterion("price", "gte", 1), Criterion("price", "lte", 2)))),
        ("price NOT IN (1, 2.5, 1, 3)", Not(Criterion("price", "in", (1, 3)))),
        ("code IN ('a', 'it''s')", Criterion("code", "in", ("a", "it's"))),
        ("code >= 'a'", Criterion("code", "gte", "a")),
        (r"code LIKE 'a\_%\\'", Criterion("code", "like", r"a\_%\\")),
        (r"code LIKE '%%%a\%%%\\%%_%%'", Criterion("code", "like", r"%a\%%\\%_%")),
        ("price IS NULL", Criterion("price", "is", "null")),
        ("code IS NULL", AnyOf()),
        ("geometry IS NOT NULL", Not(HasPlace(value=False))),
        ("S_INTERSECTS(geometry, POINT(9.99 53.55))", IsIn(Box(9.99, 53.55, 9.99, 53.55))),
        ("s_intersects(POLYGON((0 0, 1 0, 1 1, 0 0)), geometry)", IsIn(Polygon(TRIANGLE))),
        ("S_INTERSECTS(geometry, POLYGON Z((0 0 5, 1 0 5, 1 1 5, 0 0 5)))", IsIn(Polygon(TRIANGLE))),
        ("S_INTERSECTS(geometry, MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0))))", AnyOf((IsIn(Polygon(TRIANGLE)),))),
        ("S_INTERSECTS(geometry, BBOX(170, 10, -170, 20))", IsIn(Box(170, 10, -170, 20))),
        ("S_INTERSECTS(geometry, BBOX(1, 2, 0, 3, 4, 100))", IsIn(Box(1, 2, 3, 4))),
    ],
)
def test_a_filter_means(text: str, meant: Condition) -> None:
    assert read_filter(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("price < 40.5", Criterion("price", "lt", 41)),
        ("price <= 40.5", Criterion("price", "lte", 40)),
        ("price > 40.5", Criterion("price", "gt", 40)),
        ("price >= 40.5", Criterion("price", "gte", 41)),
        ("price = 40.5", NONE),
        ("price <> 40.5", ALL_KNOWN),
        ("price IN (40.5)", NONE),
        (f"price < {INTEGER_MAX + 1}", ALL_KNOWN),
        (f"price = {INTEGER_MAX + 1}", NONE),
        (f"price > {INTEGER_MIN - 1}", ALL_KNOWN),
        (f"price < {INTEGER_MIN - 1}", NONE),
        ("price >= 1e999", NONE),
        ("price > -1e999", ALL_KNOWN),
        (f"price <> {'9' * 5000}", ALL_KNOWN),
    ],
)
def test_numbers_that_no_room_has_can_be_compared(text: str, meant: Condition) -> None:
    assert read_filter(text) == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("price < 40 AND", "Cannot be read to its end"),
        ("price < 40 ANDsize", "Cannot be read at character 12, 'ANDsize'"),
        ("code = 'a", 'Cannot be read at character 8, "\'a"'),
        ("price + 1 = 2", "Cannot be read at character 7, '+ 1 = 2'"),
        (" ", "Must not be empty"),
        ("price != 40", "Cannot be read at character 7, '!= 40': did you mean <>?"),
        ("price == 40", "Cannot be read at character 8, '= 40': did you mean =?"),
        ("price => 40", "Cannot be read at character 8, '> 40': did you mean >=?"),
        ("code ilike 'a'", "Cannot be read at character 6, \"ilike 'a'\": did you mean LIKE?"),
        ("price = null", "Cannot be read at character 9, 'null': did you mean IS NULL?"),
        ('{"op": "not"}', 'Cannot be read at character 1, \'{"op": "not"}\': did you mean filter-lang=cql2-json?'),
        ("price", "Must be a condition, as in price < 40"),
        ("rent < 40", "No property is called rent: did you mean price?"),
        ("Price < 40", "No property is called Price: did you mean price?"),
        ("colour = 'red'", "No property is called colour: allowed are code, price, size, geometry"),
        ("price = '40'", "price: Must be compared with numbers"),
        (
            "price = size",
            "Must not compare a property with another: one side must be a value, as in price < 40",
        ),
        ("code = 40", "code: Must be compared with text, as in code = 'A1'"),
        ("code = 'a\0'", "Must be text without NUL or unpaired surrogates"),
        ("price LIKE '4%'", "price: LIKE compares text"),
        (r"code LIKE 'a\\\'", "code: Must not end with a single backslash, which is for the next character"),
        ("1 = 1", "Must have a property beside =, and a value, as in price < 40"),
        ("geometry = 1", "geometry: Must be used with S_INTERSECTS or IS NULL"),
        ("S_INTERSECTS(price, POINT(1 1))", "S_INTERSECTS: the property must be geometry"),
        (
            "S_INTERSECTS(geometry, LINESTRING(0 0, 1 1))",
            "S_INTERSECTS: Must have a POINT, POLYGON, MULTIPOLYGON or BBOX",
        ),
        ("S_INTERSECTS(geometry, BBOX(0, 2, 1, 1))", "BBOX: Must not have south above north"),
        (
            "S_INTERSECTS(geometry, POINT(53.55 99))",
            "Must have points of a longitude from -180 to 180 and a latitude from -90 to 90",
        ),
        (
            "S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 1 1)))",
            "POLYGON: Must have rings of 4 or more points, the last of which is the first",
        ),
        (
            "T_AFTER(code, 1)",
            f"Must not use t_after: allowed are {OPERATORS}",
        ),
        ("CASEI(code) = casei('a')", f"Must not use casei: allowed are {OPERATORS}"),
        ("isNull(price)", f"Must not use isnull: allowed are {OPERATORS}"),
        ("NOT " * 102 + "TRUE", "Must not be nested more than 100 deep"),
        ("(" * FILTER_MAX, "Cannot be read to its end"),
        ("price IN (" + "1," * FILTER_MAX + "1)", "Must have at most 8,000 characters"),
    ],
)
def test_what_is_wrong_with_a_filter(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        read_filter(text)

    assert str(raised.value) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Must not be empty"),
        ("price < 40", "Must be JSON, as filter-lang says: Expecting value: line 1 column 1 (char 0)"),
        ('{"op": "not", "args": [' * 200 + "true" + "]}" * 200, "Must not be nested more than 100 deep"),
        ('"price < 40"', "Must be a condition, as in price < 40"),
        ('{"op": ["="], "args": []}', "Must be a condition, as in price < 40"),
        ('{"op": "AND", "args": [true]}', "Must not use AND: did you mean and?"),
        ('{"op": "IS NULL", "args": [{"property": "price"}]}', "Must not use IS NULL: did you mean isNull?"),
        ('{"op": "!=", "args": [{"property": "price"}, 1]}', f"Must not use !=: allowed are {OPERATORS}"),
        ('{"op": "=", "args": [{"op": "+", "args": [1, 2]}, 1]}', f"Must not use +: allowed are {OPERATORS}"),
        ('{"op": "and", "args": []}', "Must have a property beside and, and a value, as in price < 40"),
        (
            '{"op": "=", "args": [{"property": []}, 1]}',
            "No property is called []: allowed are code, price, size, geometry",
        ),
        ('{"op": "=", "args": [{"property": "price"}, NaN]}', "price: Must be compared with numbers"),
        ('{"op": "=", "args": [{"property": "price"}, true]}', "price: Must be compared with numbers"),
        (
            '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": []}]}',
            "POLYGON: Must be a list of rings",
        ),
        (
            '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [NaN, 1]}]}',
            "Must have points of a longitude from -180 to 180 and a latitude from -90 to 90",
        ),
    ],
)
def test_what_is_wrong_with_a_filter_in_json(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        read_filter(text, JSON)

    assert str(raised.value) == problem


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.sampled_from(["price", "geometry", "Point"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["op", "args", "property", "type", "coordinates", "bbox"]), inner)
        | st.builds(
            lambda operator, arguments: {"op": operator, "args": arguments},
            st.sampled_from(["and", "or", "not", "=", "in", "between", "like", "isNull", "s_intersects"]),
            st.lists(inner | st.just({"property": "geometry"}) | st.just({"property": "price"}), max_size=3),
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_condition_or_an_error(content: Any) -> None:
    try:
        read_filter(json.dumps(content), JSON)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both are right
