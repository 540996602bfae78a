"""The OpenAPI document, from the declarations that the code runs on; examples are real answers.

No request imports this: what `/openapi.json` serves is written before (`manage.py documents`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.json import schema_components

from rentomatic import __version__
from rentomatic.domain.geography import EARTH_RADIUS_M, RADIUS_MAX_KM
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, IN_MAX, IS_VALUES
from rentomatic.domain.room_search import LIMIT_DEFAULT, LIMIT_MAX
from rentomatic.http.ogc_openapi import ogc_paths, ogc_schemas
from rentomatic.http.openapi_parts import (
    CODE,
    Schema,
    answer,
    code_parameter,
    cql2_parameters,
    format_parameter,
    path_item,
    path_parameter,
    problems,
    query_parameter,
    reference,
    tag_parameters,
    text_answer,
    unchanged,
)
from rentomatic.http.problems import MEDIA_TYPE
from rentomatic.http.resources import SERVER
from rentomatic.requests.room_search import ALLOWED, FILTER_PREFIX, SORT_KEYS
from rentomatic.serializers.formats import GEOJSON, JSON
from rentomatic.serializers.room import MEMBERS, ShownRoomWithDistance

if TYPE_CHECKING:
    from rentomatic.http.openapi_parts import Ask

_INTEGER: Schema = {"type": "integer", "minimum": INTEGER_MIN, "maximum": INTEGER_MAX}
_TAGS = {
    "rooms": "Rooms for rent",
    "features": "Rooms as a collection of OGC API - Features, for a GIS",
    "documentation": "The description of this API",
    "health": "Whether it works",
}
_OPERATORS = {
    "eq": "is this",
    "ne": "is not this",
    "lt": "is less than this",
    "lte": "is at most this",
    "gt": "is more than this",
    "gte": "is at least this",
    "in": "is one of these",
    "is": "is not known (null) or known (not_null)",
}
_SINGLE: dict[str, tuple[str, Schema]] = {
    **cql2_parameters(),
    "near": (
        f"A place. Rooms have a `distance_m` then, great-circle on a sphere of {EARTH_RADIUS_M / 1000:.4f} km.",
        {
            "type": "array",
            "prefixItems": [
                {"type": "number", "minimum": -90, "maximum": 90},
                {"type": "number", "minimum": -180, "maximum": 180},
            ],
            "items": {"type": "number"},
            "minItems": 2,
            "maxItems": 2,
            "examples": [[53.55, 9.99]],
        },
    ),
    "radius_km": (
        "How far from `near` a room may be.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": RADIUS_MAX_KM, "examples": [5]},
    ),
    "bbox": (
        "Where a room must be; `west` is more than `east` across the antimeridian.",
        {
            "type": "array",
            "prefixItems": [{"type": "number", "minimum": -most, "maximum": most} for most in (180, 90, 180, 90)],
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "examples": [[9.7, 53.4, 10.3, 53.7]],
        },
    ),
    "sort": (
        "What to sort by; the rest by order of insertion, reversed if the last key has a minus. NULL comes last.",
        {
            "type": "array",
            "items": {
                "type": "string",
                "enum": list(SORT_KEYS),
                # Generators of clients name a constant by it.
                "x-enum-varnames": [key.lstrip("-") + ("_descending" if key[0] == "-" else "") for key in SORT_KEYS],
            },
            "minItems": 1,
            "uniqueItems": True,
        },
    ),
    "limit": (
        f"Maximum rooms per page; default {LIMIT_DEFAULT}.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    "count": (
        "Whether to count all that match, for the header `X-Total-Count`.",
        {"type": "string", "enum": ["exact"]},
    ),
    "cursor": (
        "Where the page begins: follow the link to the next page instead of making one.",
        {"type": "string", "minLength": 1, "maxLength": 500},
    ),
}


def openapi(ask: Ask) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, with the answers to `ask` as examples."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rentomatic",
            "version": __version__,
            "description": 'Search for rooms. Answers that have a `Link` with `rel="next"` continue at that link.',
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": SERVER}],
        "security": [],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": {
            "/rooms": path_item(
                "searchRooms",
                "Search for rooms",
                "Answers a page of the rooms that meet all filters, and a link to the next page if there is one.",
                _rooms_answers(ask),
                [*_filters(), *_others(), format_parameter(), *tag_parameters()],
            ),
            "/rooms/{code}": path_item(
                "showRoom",
                "Show one room",
                "Answers the room with this code.",
                _room_answers(ask),
                [code_parameter(), format_parameter(), *tag_parameters()],
            ),
            **ogc_paths(ask),
            "/openapi.json": path_item(
                "showOpenapi",
                "Show this document",
                "Answers the description of this API that clients can be generated from.",
                text_answer("application/json", "object"),
                tag="documentation",
            ),
            "/docs": path_item(
                "showDocs",
                "Show this document as a web page",
                "Answers the same description for people.",
                {**text_answer("text/html", "string"), **unchanged()},
                tag_parameters()[:1],
                tag="documentation",
            ),
            "/docs/{file}": path_item(
                "showDocsFile",
                "Show a file of the web page",
                "Answers a script, a style sheet or a licence that the page names.",
                _file_answers(),
                [path_parameter("file", "The file's name", "page.js"), *tag_parameters()[:1]],
                tag="documentation",
            ),
            "/health": path_item(
                "sayAlive",
                "Say whether the function runs",
                "Needs no database.",
                _status_answers("alive"),
                tag="health",
            ),
            "/health/ready": path_item(
                "sayReady",
                "Say whether rooms can be read",
                "Asks the database.",
                {**_status_answers("ready"), **problems(ask, 500, 503, 504)},
                tag="health",
            ),
        },
        "components": {
            "schemas": {
                "Room": _room(),
                "Feature": _feature(),
                "Link": _link(),
                "Problem": _problem(),
                **ogc_schemas(),
            }
        },
    }


def _filters() -> list[Schema]:
    return [_filter(key) for key in FILTER_KEYS]


def _filter(key: str) -> Schema:
    name, operator = key.split("__")
    field = FIELDS[name]
    schema: Schema = _INTEGER if isinstance(field.kind, Integer) else {"type": "string", "pattern": r"^[^\x00]*$"}
    if operator == "in":
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": IN_MAX}
    elif operator == "is":
        schema = {"type": "string", "enum": list(IS_VALUES)}
    parameter = f"{FILTER_PREFIX}{key}"
    text = f"Keeps rooms whose {name} {_OPERATORS[operator]}. {field.meaning}."
    return query_parameter(parameter, text, ALLOWED[parameter], schema)


def _others() -> list[Schema]:
    return [query_parameter(name, text, ALLOWED[name], schema) for name, (text, schema) in _SINGLE.items()]


def _rooms_answers(ask: Ask) -> Schema:
    target = "/rooms?near=53.55,9.99&sort=distance&limit=2"
    rooms = {"type": "array", "items": reference("Room"), "maxItems": LIMIT_MAX}
    collection = {
        "type": "object",
        "required": ["type", "features", "links", "numberReturned"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": reference("Feature")},
            "links": {"type": "array", "items": reference("Link")},
            "numberReturned": {"type": "integer"},
            "numberMatched": {"type": "integer"},
        },
    }
    link = {
        "description": 'the next page, with `rel="next"`; none on the last; see the docs for `related`',
        "schema": {"type": "string"},
    }
    count = {"description": "how many rooms match, if `count=exact`", "schema": {"type": "integer"}}
    headers = {"Link": link, "X-Total-Count": count}
    page = answer(ask, "A page of rooms", target, headers, {JSON: rooms, GEOJSON: collection})
    return {"200": page, **unchanged(), **problems(ask, 400, 406, 412, 500, 503, 504)}


def _room_answers(ask: Ask) -> Schema:
    schemas = {JSON: reference("Room"), GEOJSON: reference("Feature")}
    room = answer(ask, "The room", f"/rooms/{CODE}", {}, schemas)
    return {"200": room, **unchanged(), **problems(ask, 400, 404, 406, 412, 500, 503, 504)}


def _status_answers(status: str) -> Schema:
    schema = {"type": "object", "required": ["status"], "properties": {"status": {"const": status}}}
    return {"200": {"description": f"It is {status}", "content": {"application/json": {"schema": schema}}}}


def _file_answers() -> Schema:
    text = {"schema": {"type": "string"}}
    content = dict.fromkeys(("text/javascript", "text/css", "text/plain"), text)
    missing = {"description": "Not Found", "content": {MEDIA_TYPE: {"schema": reference("Problem")}}}
    return {"200": {"description": "The file", "content": content}, **unchanged(), "404": missing}


_DESCRIPTIONS = {
    **{name: field.meaning for name, field in FIELDS.items()},
    "latitude": "Degrees north",
    "longitude": "Degrees east",
    "distance_m": "Metres from near",
}
_IN_GEOMETRY = ("latitude", "longitude")


def _room() -> Schema:
    _, schemas = schema_components([ShownRoomWithDistance])
    (schema,) = schemas.values()
    properties = {name: {**each, "description": _DESCRIPTIONS[name]} for name, each in schema["properties"].items()}
    return {"type": "object", "required": list(MEMBERS), "properties": properties}


def _feature() -> Schema:
    coordinates = {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
        "description": "Longitude, latitude",
    }
    point = {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"const": "Point"}, "coordinates": coordinates},
    }
    properties = {name: schema for name, schema in _room()["properties"].items() if name not in _IN_GEOMETRY}
    return {
        "type": "object",
        "description": "RFC 7946",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"const": "Feature"},
            "id": {"type": "string"},
            "geometry": {"oneOf": [point, {"type": "null"}]},
            "properties": {
                "type": "object",
                "required": [name for name in MEMBERS if name not in _IN_GEOMETRY],
                "properties": properties,
            },
        },
    }


def _link() -> Schema:
    texts = ("rel", "type", "href")
    return {
        "type": "object",
        "description": "RFC 8288",
        "required": list(texts),
        "properties": {name: {"type": "string"} for name in (*texts, "title")},
    }


def _problem() -> Schema:
    error = {
        "type": "object",
        "required": ["name", "detail"],
        "properties": {
            "name": {"type": "string"},
            "detail": {"type": "string"},
            "allowed": {"type": "string"},
            "did_you_mean": {"type": "string"},
        },
    }
    texts = ("type", "title", "detail", "message", "request_id")
    return {
        "type": "object",
        "description": "RFC 9457",
        "required": [*texts, "status"],
        "properties": {
            **{name: {"type": "string"} for name in texts},
            "status": {"type": "integer"},
            "errors": {"type": "array", "items": error},
        },
    }
