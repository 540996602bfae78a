"""The OpenAPI document, from the declarations that the code runs on; examples are real answers.

No request imports this: what `/openapi.json` serves is written before (`manage.py documents`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.json import schema_components

from rentomatic import __version__
from rentomatic.domain.geography import EARTH_RADIUS_M, RADIUS_MAX_KM
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, IN_MAX
from rentomatic.domain.room_search import LIMIT_DEFAULT, LIMIT_MAX
from rentomatic.http.negotiation import FORMAT
from rentomatic.http.problems import MEDIA_TYPE, STATUS_CODES, TITLES
from rentomatic.http.resources import SERVER
from rentomatic.requests.room_search import ALLOWED, FILTER_PREFIX, SORT_KEYS
from rentomatic.serializers.formats import FORMATS, GEOJSON, JSON
from rentomatic.serializers.room import MEMBERS, ShownRoomWithDistance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.serializers.formats import Format

    # Returns the body of the answer to a GET, given a path with a query, and the Accept header.
    Ask = Callable[[str, str], str]

Schema = dict[str, Any]

_INTEGER: Schema = {"type": "integer", "minimum": INTEGER_MIN, "maximum": INTEGER_MAX}
_CODE = "f853578c-fc0f-4e65-81b8-566c5dffa35a"
_TAG: Schema = {"description": "for `If-None-Match`", "schema": {"type": "string"}}
_TAGS = {
    "rooms": "Rooms for rent",
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
}
_SINGLE: dict[str, tuple[str, Schema]] = {
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
        "What to sort by; the rest by order of insertion, reversed if the last key has a minus. NULL is the highest.",
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
            "/rooms": _path(
                "searchRooms",
                "Search for rooms",
                "Answers a page of the rooms that meet all filters, and a link to the next page if there is one.",
                _rooms_answers(ask),
                [*_filters(), *_others(), _format(), *_tags()],
            ),
            "/rooms/{code}": _path(
                "showRoom",
                "Show one room",
                "Answers the room with this code.",
                _room_answers(ask),
                [_parameter_in_path("code", "The room's code", _CODE), _format(), *_tags()],
            ),
            "/openapi.json": _path(
                "showOpenapi",
                "Show this document",
                "Answers the description of this API that clients can be generated from.",
                _text_answer("application/json", "object"),
                tag="documentation",
            ),
            "/docs": _path(
                "showDocs",
                "Show this document as a web page",
                "Answers the same description for people.",
                {**_text_answer("text/html", "string"), **_unchanged()},
                [_tag()],
                tag="documentation",
            ),
            "/docs/{file}": _path(
                "showDocsFile",
                "Show a file of the web page",
                "Answers a script, a style sheet or a licence that the page names.",
                _file_answers(),
                [_parameter_in_path("file", "The file's name", "page.js"), _tag()],
                tag="documentation",
            ),
            "/health": _path(
                "sayAlive",
                "Say whether the function runs",
                "Needs no database.",
                _status_answers("alive"),
                tag="health",
            ),
            "/health/ready": _path(
                "sayReady",
                "Say whether rooms can be read",
                "Asks the database.",
                {**_status_answers("ready"), **_problems(ask, 500, 503, 504)},
                tag="health",
            ),
            "/": _path(
                "showFrontPage",
                "Show the front page",
                "Answers links to the rest of the API, and browsers a page with the first rooms.",
                _front_page_answers(),
                [_tag()],
                tag="documentation",
            ),
        },
        "components": {"schemas": {"Room": _room(), "Feature": _feature(), "Link": _link(), "Problem": _problem()}},
    }


def _path(  # noqa: PLR0913, PLR0917 - what an operation has
    operation: str,
    summary: str,
    description: str,
    answers: Schema,
    parameters: list[Schema] | None = None,
    tag: str = "rooms",
) -> Schema:
    # What stands in front of the function may refuse any request, such as one of too many.
    refusal = {
        "description": "Refused, such as one of too many",
        "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
    }
    one = {
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": parameters or [],
    }
    responses = {**answers, "4XX": refusal}
    return {
        "get": {"operationId": operation, **one, "responses": responses},
        "head": {"operationId": f"{operation}Head", **one, "responses": _without_content(responses)},
    }


def _without_content(answers: Schema) -> Schema:
    return {status: {key: answer[key] for key in answer if key != "content"} for status, answer in answers.items()}


def _filters() -> list[Schema]:
    return [_filter(key) for key in FILTER_KEYS]


def _filter(key: str) -> Schema:
    name, operator = key.split("__")
    field = FIELDS[name]
    schema: Schema = _INTEGER if isinstance(field.kind, Integer) else {"type": "string", "pattern": r"^[^\x00]*$"}
    if operator == "in":
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": IN_MAX}
    return _parameter(
        f"{FILTER_PREFIX}{key}", f"Keeps rooms whose {name} {_OPERATORS[operator]}. {field.meaning}.", schema
    )


def _others() -> list[Schema]:
    return [_parameter(name, text, schema) for name, (text, schema) in _SINGLE.items()]


def _parameter(name: str, text: str, schema: Schema) -> Schema:
    parameter = {"name": name, "in": "query", "description": f"{text} Allowed: {ALLOWED[name]}.", "schema": schema}
    return {**parameter, "style": "form", "explode": False} if schema.get("type") == "array" else parameter


def _parameter_in_path(name: str, text: str, example: str) -> Schema:
    schema = {"type": "string", "minLength": 1, "examples": [example]}
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _format() -> Schema:
    schema = {"type": "string", "enum": [format_.name for format_ in FORMATS]}
    text = "The format, whatever the `Accept` header prefers. Links have it, too."
    return {"name": FORMAT, "in": "query", "description": text, "schema": schema}


def _tags() -> list[Schema]:
    return [_tag(), _tag("If-Match", "412 if something")]


def _tag(name: str = "If-None-Match", then: str = "304 without a body if nothing") -> Schema:
    text = f"The `ETag` of an earlier answer; the answer is a {then} has changed."
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _rooms_answers(ask: Ask) -> Schema:
    target = "/rooms?near=53.55,9.99&sort=distance&limit=2"
    rooms = {"type": "array", "items": _reference("Room"), "maxItems": LIMIT_MAX}
    collection = {
        "type": "object",
        "required": ["type", "features", "links", "numberReturned"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": _reference("Feature")},
            "links": {"type": "array", "items": _reference("Link")},
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
    answer = _answer(ask, "A page of rooms", target, headers, {JSON: rooms, GEOJSON: collection})
    return {"200": answer, **_unchanged(), **_problems(ask, 400, 406, 412, 500, 503, 504)}


def _room_answers(ask: Ask) -> Schema:
    schemas = {JSON: _reference("Room"), GEOJSON: _reference("Feature")}
    answer = _answer(ask, "The room", f"/rooms/{_CODE}", {}, schemas)
    return {"200": answer, **_unchanged(), **_problems(ask, 400, 404, 406, 412, 500, 503, 504)}


def _answer(ask: Ask, text: str, target: str, headers: Schema, schemas: Mapping[Format, Schema]) -> Schema:
    content = {
        format_.media_type: {
            "schema": schemas.get(format_, {"type": "string"}),
            "examples": {f"GET {target}": {"value": _example(ask, target, format_.media_type)}},
        }
        for format_ in FORMATS
    }
    return {"description": text, "headers": {**headers, "ETag": _TAG}, "content": content}


def _example(ask: Ask, target: str, media_type: str) -> Any:
    body = ask(target, media_type)
    return json.loads(body) if media_type in (JSON.media_type, GEOJSON.media_type) else body


def _unchanged() -> Schema:
    return {
        "304": {"description": "Not modified since the answer that `If-None-Match` names", "headers": {"ETag": _TAG}}
    }


def _status_answers(status: str) -> Schema:
    schema = {"type": "object", "required": ["status"], "properties": {"status": {"const": status}}}
    return {"200": {"description": f"It is {status}", "content": {"application/json": {"schema": schema}}}}


def _text_answer(media_type: str, type_: str) -> Schema:
    return {"200": {"description": "The document", "content": {media_type: {"schema": {"type": type_}}}}}


def _file_answers() -> Schema:
    text = {"schema": {"type": "string"}}
    content = dict.fromkeys(("text/javascript", "text/css", "text/plain"), text)
    missing = {"description": "Not Found", "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
    return {"200": {"description": "The file", "content": content}, **_unchanged(), "404": missing}


def _front_page_answers() -> Schema:
    links = {"type": "array", "items": _reference("Link")}
    schema = {
        "type": "object",
        "required": ["title", "links"],
        "properties": {"title": {"type": "string"}, "links": links},
    }
    content = {"application/json": {"schema": schema}, "text/html": {"schema": {"type": "string"}}}
    return {"200": {"description": "The front page", "content": content}, **_unchanged()}


_PROBLEM_EXAMPLES = {400: "/rooms?filter_price_lt=60&limit=0", 404: "/rooms/nobody-s"}


def _problems(ask: Ask, *statuses: int) -> Schema:
    titles = {status: TITLES[type_] for type_, status in STATUS_CODES.items() if type_ in TITLES}
    problems: Schema = {}
    for status in statuses:
        content: Schema = {"schema": _reference("Problem")}
        if target := _PROBLEM_EXAMPLES.get(status):
            content["examples"] = {f"GET {target}": {"value": json.loads(ask(target, JSON.media_type))}}
        problems[str(status)] = {"description": titles[status], "content": {MEDIA_TYPE: content}}
    if "503" in problems:
        retry = {"description": "seconds after which to ask again", "schema": {"type": "integer"}}
        problems["503"]["headers"] = {"Retry-After": retry}
    return problems


_DESCRIPTIONS = {
    **{name: field.meaning for name, field in FIELDS.items()},
    "latitude": "Degrees north",
    "longitude": "Degrees east",
    "distance_m": "Metres from near",
}
_IN_GEOMETRY = ("latitude", "longitude")


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


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
        "properties": {name: {"type": "string"} for name in texts},
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
