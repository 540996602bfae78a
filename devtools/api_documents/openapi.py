"""The OpenAPI document: parameters from the declaration of what can be searched, examples from real answers."""

from __future__ import annotations

import json
from typing import Any

from devtools.api_documents.examples import ask
from devtools.api_documents.schemas import Schema, reference, schemas
from rentomatic import __version__
from rentomatic.domain.geography import EARTH_RADIUS_M, RADIUS_MAX_KM
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, IN_MAX
from rentomatic.domain.room_search import LIMIT_DEFAULT, LIMIT_MAX
from rentomatic.http.problems import PROBLEM, STATUS_CODES, TITLES
from rentomatic.requests.room_search import ALLOWED, FILTER_PREFIX, SORT_KEYS
from rentomatic.serializers.formats import CSV, FORMATS, GEOJSON, JSON

_INTEGER: Schema = {"type": "integer", "minimum": INTEGER_MIN, "maximum": INTEGER_MAX}
_CODE = "f853578c-fc0f-4e65-81b8-566c5dffa35a"
_TAG: Schema = {"description": "for `If-None-Match`", "schema": {"type": "string"}}
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
            "items": False,
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
            "items": False,
            "minItems": 4,
            "maxItems": 4,
            "examples": [[9.7, 53.4, 10.3, 53.7]],
        },
    ),
    "sort": (
        "What to sort by; the rest by order of insertion, reversed if the last key has a minus. NULL is the highest.",
        {"type": "array", "items": {"enum": list(SORT_KEYS)}, "minItems": 1, "uniqueItems": True},
    ),
    "limit": (
        f"The most rooms of a page; {LIMIT_DEFAULT} without it.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    "count": ("Whether to count all that match, for the header `X-Total-Count`.", {"enum": ["exact"]}),
    "cursor": (
        "Where the page begins: follow the link to the next page instead of making one.",
        {"type": "string", "minLength": 1, "maxLength": 500},
    ),
}


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rentomatic",
            "version": __version__,
            "description": 'Search for rooms. Answers that have a `Link` with `rel="next"` go on there.',
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "."}],
        "paths": {
            "/rooms": _path("searchRooms", "Search for rooms", _rooms_answers(), [*_filters(), *_others(), _tag()]),
            "/rooms/{code}": _path("showRoom", "Show one room", _room_answers(), [_code(), _tag()]),
            "/openapi.json": _path("showOpenapi", "Show this document", _text_answer("application/json", "object")),
            "/docs": _path("showDocs", "Show this document to people", _text_answer("text/html", "string")),
            "/health": _path("sayAlive", "Say whether the function runs", _status_answers("alive")),
            "/health/ready": _path(
                "sayReady", "Say whether rooms can be read", {**_status_answers("ready"), **_problems(500, 503, 504)}
            ),
        },
        "components": {"schemas": schemas()},
    }


def _path(operation: str, summary: str, answers: Schema, parameters: list[Schema] | None = None) -> Schema:
    one = {"summary": summary, "parameters": parameters or [], "responses": answers}
    return {
        "get": {"operationId": operation, **one},
        "head": {"operationId": f"{operation}Head", **one, "responses": _without_content(answers)},
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


def _code() -> Schema:
    schema = {"type": "string", "minLength": 1, "examples": [_CODE]}
    return {"name": "code", "in": "path", "required": True, "description": "The room's code", "schema": schema}


def _tag() -> Schema:
    text = "What the `ETag` of an earlier answer said; the answer is a 304 without a body if it would say so again."
    return {"name": "If-None-Match", "in": "header", "description": text, "schema": {"type": "string"}}


def _rooms_answers() -> Schema:
    target = "/rooms?near=53.55,9.99&sort=distance&limit=2"
    rooms = {"type": "array", "items": reference("Room"), "maxItems": LIMIT_MAX}
    collection = {
        "type": "object",
        "required": ["type", "features", "links", "numberReturned"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": reference("Feature")},
            "links": {"type": "array", "items": {"type": "object", "required": ["rel", "type", "href"]}},
            "numberReturned": {"type": "integer"},
            "numberMatched": {"type": "integer"},
        },
    }
    link = {"description": 'the next page, with `rel="next"`; none on the last', "schema": {"type": "string"}}
    count = {"description": "how many rooms match, if `count=exact`", "schema": {"type": "integer"}}
    answer = _answer("A page of rooms", target, {"Link": link, "X-Total-Count": count}, rooms, collection)
    return {"200": answer, **_unchanged(), **_problems(400, 406, 500, 503, 504)}


def _room_answers() -> Schema:
    answer = _answer("The room", f"/rooms/{_CODE}", {}, reference("Room"), reference("Feature"))
    return {"200": answer, **_unchanged(), **_problems(404, 406, 500, 503, 504)}


def _answer(text: str, target: str, headers: Schema, json_schema: Schema, geojson_schema: Schema) -> Schema:
    schemas = {JSON: json_schema, GEOJSON: geojson_schema, CSV: {"type": "string"}}
    content = {
        format_.media_type: {
            "schema": schemas[format_],
            "examples": {f"GET {target}": {"value": _example(target, format_.media_type)}},
        }
        for format_ in FORMATS
    }
    return {"description": text, "headers": {**headers, "ETag": _TAG}, "content": content}


def _example(target: str, media_type: str) -> Any:
    body = ask(target, media_type)["body"]
    return body if media_type == CSV.media_type else json.loads(body)


def _unchanged() -> Schema:
    return {"304": {"description": "What `If-None-Match` names is still so", "headers": {"ETag": _TAG}}}


def _status_answers(status: str) -> Schema:
    schema = {"type": "object", "required": ["status"], "properties": {"status": {"const": status}}}
    return {"200": {"description": f"It is {status}", "content": {"application/json": {"schema": schema}}}}


def _text_answer(media_type: str, type_: str) -> Schema:
    return {"200": {"description": "The document", "content": {media_type: {"schema": {"type": type_}}}}}


_PROBLEM_EXAMPLES = {400: "/rooms?filter_price_lt=60&limit=0", 404: "/rooms/nobody-s"}


def _problems(*statuses: int) -> Schema:
    titles = {status: TITLES[type_] for type_, status in STATUS_CODES.items() if type_ in TITLES}
    problems: Schema = {}
    for status in statuses:
        content: Schema = {"schema": reference("Problem")}
        if target := _PROBLEM_EXAMPLES.get(status):
            content["examples"] = {f"GET {target}": {"value": json.loads(ask(target)["body"])}}
        problems[str(status)] = {"description": titles[status], "content": {PROBLEM: content}}
    if "503" in problems:
        retry = {"description": "seconds after which to ask again", "schema": {"type": "integer"}}
        problems["503"]["headers"] = {"Retry-After": retry}
    return problems
