"""The paths of OGC API - Features in the OpenAPI document.

The parameters are those of OGC 17-069r4, sections 7.15.2 to 7.15.5, and of OGC 19-079r2, section 7.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_search import LIMIT_DEFAULT, LIMIT_MAX
from rentomatic.http.ogc import ITEM_FORMATS, JSON_SCHEMA, OPENAPI_3_0
from rentomatic.http.openapi_parts import (
    CODE,
    TAG,
    Schema,
    code_parameter,
    cql2_parameters,
    example,
    format_parameter,
    path_item,
    problems,
    query_parameter,
    reference,
    tag_parameters,
    text_answer,
    unchanged,
)
from rentomatic.requests.cql2 import TEXT
from rentomatic.requests.room_items import ALLOWED_OF_ITEMS
from rentomatic.serializers.formats import CSV, GEOJSON, GEOJSON_SEQUENCE, JSON

if TYPE_CHECKING:
    from rentomatic.http.openapi_parts import Ask

_TIME = "2026-11-27T12:00:00Z"  # of every example, so that the document is the same whenever it is written
_TAG = "features"


def ogc_paths(ask: Ask) -> Schema:
    """Return the paths, with the answers to `ask` as examples."""
    documents = {
        "/": ("showLandingPage", "Show where everything is", "LandingPage"),
        "/conformance": ("showConformance", "Show what this API conforms to", "Conformance"),
        "/collections": ("listCollections", "List the collections", "Collections"),
        "/collections/rooms": ("showCollection", "Show the collection of rooms", "Collection"),
    }
    return {
        **{path: _document(ask, path, *words) for path, words in documents.items()},
        "/collections/rooms/queryables": path_item(
            "showQueryables",
            "Show what a filter may name",
            "Answers a JSON schema of the properties.",
            {**text_answer(JSON_SCHEMA, "object"), **problems(ask, 400)},
            [format_parameter(("json",))],
            _TAG,
        ),
        "/collections/rooms/items": path_item(
            "listItems",
            "List rooms as features",
            "Answers a page of the rooms that meet all parameters, and a link to the next page if there is one.",
            _items(ask),
            [*_parameters(), *tag_parameters()],
            _TAG,
        ),
        "/collections/rooms/items/{code}": path_item(
            "showItem",
            "Show one room as a feature",
            "Answers the room with this code.",
            _item(ask),
            [code_parameter(), format_parameter(tuple(ITEM_FORMATS)), *tag_parameters()],
            _TAG,
        ),
        "/api": path_item(
            "showApi",
            "Show this document in OpenAPI 3.0",
            "Answers the same description, for clients that do not read OpenAPI 3.1.",
            {**text_answer(OPENAPI_3_0, "object"), **problems(ask, 400)},
            [format_parameter(("json",))],
            "documentation",
        ),
    }


def ogc_schemas() -> Schema:
    """Return the schemas that the paths refer to."""
    text = {"type": "string"}
    links = {"type": "array", "items": reference("Link")}
    return {
        "LandingPage": _object({"title": text, "description": text, "links": links}),
        "Conformance": _object({"conformsTo": {"type": "array", "items": text}}),
        "Collections": _object({"links": links, "collections": {"type": "array", "items": reference("Collection")}}),
        "Collection": _object(
            {
                **dict.fromkeys(("id", "title", "description", "itemType"), text),
                "crs": {"type": "array", "items": text},
                "extent": _object({"spatial": _object({"bbox": _boxes(), "crs": text})}),
                "links": links,
            }
        ),
        "Item": {"allOf": [reference("Feature"), _object({"links": links})]},
        "Items": _object(
            {
                "type": {"const": "FeatureCollection"},
                "features": {"type": "array", "items": reference("Feature"), "maxItems": LIMIT_MAX},
                "links": links,
                "numberReturned": {"type": "integer"},
                "timeStamp": {"type": "string", "format": "date-time"},
            },
            numberMatched={"type": "integer"},
        ),
    }


def _object(required: Schema, **others: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **others}}


def _boxes() -> Schema:
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    return {"type": "array", "items": numbers, "minItems": 1}


def _document(ask: Ask, path: str, operation: str, summary: str, schema: str) -> Schema:
    examples = {f"GET {path}": {"value": json.loads(ask(path, JSON.media_type))}}
    content = {JSON.media_type: {"schema": reference(schema), "examples": examples}}
    if path == "/":  # where browsers get a page
        content["text/html"] = {"schema": {"type": "string"}}
    answers = {"200": {"description": summary.replace("Show ", "Shows ", 1), "content": content}}
    return path_item(
        operation,
        summary,
        "Answers a document with links.",
        {**answers, **problems(ask, 400)},
        [format_parameter(("json",))],
        _TAG,
    )


def _items(ask: Ask) -> Schema:
    link = {"description": 'the next page, with `rel="next"`; none on the last', "schema": {"type": "string"}}
    count = {"description": "how many rooms match, if `count=exact`", "schema": {"type": "integer"}}
    target = "/collections/rooms/items?price=40&limit=1"
    answer = _features(ask, "A page of rooms", target, "Items", {"Link": link, "X-Total-Count": count})
    return {"200": answer, **unchanged(), **problems(ask, 400, 412, 500, 503, 504)}


def _item(ask: Ask) -> Schema:
    answer = _features(ask, "The room", f"/collections/rooms/items/{CODE}", "Item", {})
    return {"200": answer, **unchanged(), **problems(ask, 400, 404, 412, 500, 503, 504)}


def _features(ask: Ask, text: str, target: str, schema: str, headers: Schema) -> Schema:
    schemas: dict[str, Schema] = {
        GEOJSON.media_type: reference(schema),
        **{format_.media_type: {"type": "string"} for format_ in (CSV, GEOJSON_SEQUENCE)},
    }
    content = {}
    for media_type, each in schemas.items():
        value = example(ask, target, media_type)
        if isinstance(value, dict) and "timeStamp" in value:
            value["timeStamp"] = _TIME
        content[media_type] = {"schema": each, "examples": {f"GET {target}": {"value": value}}}
    return {"description": text, "headers": {**headers, "ETag": TAG}, "content": content}


def _parameters() -> list[Schema]:
    numbers = {"type": "array", "items": {"type": "number"}}
    sizes = [{"minItems": size, "maxItems": size} for size in (4, 6)]
    described: dict[str, tuple[str, Schema]] = {
        "limit": (
            f"Maximum rooms per page; default {LIMIT_DEFAULT}.",
            {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        ),
        "bbox": ("Where a room must be, if its place is known. Heights are ignored.", {**numbers, "oneOf": sizes}),
        "datetime": ("When; rooms have no time, so each has all of them.", {"type": "string"}),
        **{name: (f"Keeps rooms with this {name}. {field.meaning}.", _value(name)) for name, field in FIELDS.items()},
        **cql2_parameters(),
        "count": ("Whether to count all that match, for `numberMatched`.", {"type": "string", "enum": ["exact"]}),
        "resultType": (
            "Whether to answer rooms, or only how many match, as `numberMatched`.",
            {"type": "string", "enum": ["results", "hits"], "default": "results"},
        ),
        "cursor": ("Where the page begins, as a link to a next page has it.", {"type": "string", "maxLength": 500}),
    }
    described["filter-lang"][1]["default"] = TEXT  # which Swagger UI sends; `/rooms` has none, to keep its URLs short
    form = {"required": False, "style": "form", "explode": False}  # as the standard has it, word for word
    return [
        *(
            query_parameter(name, text, ALLOWED_OF_ITEMS[name], schema) | form
            for name, (text, schema) in described.items()
        ),
        format_parameter(tuple(ITEM_FORMATS)),
    ]


def _value(name: str) -> Schema:
    if isinstance(FIELDS[name].kind, Integer):
        return {"type": "integer", "minimum": INTEGER_MIN, "maximum": INTEGER_MAX}
    return {"type": "string", "pattern": r"^[^\x00]*$"}
