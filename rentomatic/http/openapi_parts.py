"""What the paths of the OpenAPI document are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rentomatic.http.negotiation import FORMAT
from rentomatic.http.problems import MEDIA_TYPE, STATUS_CODES, TITLES
from rentomatic.requests.cql2 import FILTER_MAX, LANGUAGES, TEXT
from rentomatic.requests.room_search import CRS84
from rentomatic.serializers.formats import FORMATS, GEOJSON, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rentomatic.serializers.formats import Format

    # Returns the body of the answer to a GET, given a path with a query, and the Accept header.
    Ask = Callable[[str, str], str]

Schema = dict[str, Any]

CODE = "f853578c-fc0f-4e65-81b8-566c5dffa35a"  # of a sample room
_CODING: Schema = {
    "Content-Encoding": {
        "description": "`gzip` if `Accept-Encoding` allows it and the body is long enough",
        "schema": {"type": "string", "enum": ["gzip"]},
    }
}
_TIMING: Schema = {
    "Server-Timing": {
        "description": "how many milliseconds the database took, if it was asked, and the whole answer",
        "schema": {"type": "string", "examples": ["db;dur=1.9, total;dur=2.6"]},
    }
}
TAG: Schema = {"description": "for `If-None-Match`", "schema": {"type": "string"}}


def path_item(  # noqa: PLR0913, PLR0917 - what an operation has
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
        "content": {MEDIA_TYPE: {"schema": reference("Problem")}},
    }
    one = {
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": parameters or [],
    }
    responses = {**answers, "4XX": refusal}
    headers = _TIMING if tag == "health" else {**_CODING, **_TIMING}
    responses["200"] = {**answers["200"], "headers": {**answers["200"].get("headers", {}), **headers}}
    return {
        "get": {"operationId": operation, **one, "responses": responses},
        "head": {"operationId": f"{operation}Head", **one, "responses": _without_content(responses)},
    }


def _without_content(answers: Schema) -> Schema:
    return {status: {key: one[key] for key in one if key != "content"} for status, one in answers.items()}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def query_parameter(name: str, text: str, allowed: str, schema: Schema) -> Schema:
    parameter = {"name": name, "in": "query", "description": f"{text} Allowed: {allowed}.", "schema": schema}
    return {**parameter, "style": "form", "explode": False} if schema.get("type") == "array" else parameter


def format_parameter(names: Iterable[str] = ()) -> Schema:
    schema = {"type": "string", "enum": list(names) or [each.name for each in FORMATS]}
    text = "The format, whatever the `Accept` header prefers. Links have it, too."
    return {"name": FORMAT, "in": "query", "description": text, "schema": schema}


def tag_parameters() -> list[Schema]:
    texts = {
        "If-None-Match": "The `ETag` of an earlier answer; the answer is a 304 without a body if nothing has changed.",
        "If-Match": "The `ETag` of an earlier answer; the answer is a 412 if something has changed.",
    }
    return [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in texts.items()
    ]


def cql2_parameters() -> dict[str, tuple[str, Schema]]:
    """Return the text and the schema of the parameters that are a filter in CQL2, by their names."""
    return {
        "filter": (
            "Keeps rooms for which a condition in CQL2 is true, on `price`, `size`, `code` and `geometry`.",
            {
                "type": "string",
                "minLength": 1,
                "maxLength": FILTER_MAX,
                "examples": ["price < 40 OR NOT size < 20", "S_INTERSECTS(geometry, BBOX(9.9, 53.5, 10.1, 53.6))"],
            },
        ),
        "filter-lang": (
            f"The language of `filter`; default `{TEXT}`.",
            {"type": "string", "enum": list(LANGUAGES)},
        ),
        "filter-crs": (
            "The coordinate reference system of areas in `filter`.",
            {"type": "string", "enum": [CRS84]},
        ),
    }


def code_parameter() -> Schema:
    return path_parameter("code", "The room's code", CODE)


def path_parameter(name: str, text: str, example: str) -> Schema:
    schema = {"type": "string", "minLength": 1, "examples": [example]}
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def answer(ask: Ask, text: str, target: str, headers: Schema, schemas: Mapping[Format, Schema]) -> Schema:
    content = {
        format_.media_type: {
            "schema": schemas.get(format_, {"type": "string"}),
            "examples": {f"GET {target}": {"value": example(ask, target, format_.media_type)}},
        }
        for format_ in FORMATS
    }
    return {"description": text, "headers": {**headers, "ETag": TAG}, "content": content}


def example(ask: Ask, target: str, media_type: str) -> Any:
    body = ask(target, media_type)
    return json.loads(body) if media_type in (JSON.media_type, GEOJSON.media_type) else body


def unchanged() -> Schema:
    return {
        "304": {"description": "Not modified since the answer that `If-None-Match` names", "headers": {"ETag": TAG}}
    }


def text_answer(media_type: str, type_: str) -> Schema:
    return {"200": {"description": "The document", "content": {media_type: {"schema": {"type": type_}}}}}


_PROBLEM_EXAMPLES = {400: "/rooms?filter_price_lt=60&limit=0", 404: "/rooms/nobody-s"}


def problems(ask: Ask, *statuses: int) -> Schema:
    titles = {status: TITLES[type_] for type_, status in STATUS_CODES.items() if type_ in TITLES}
    answers: Schema = {}
    for status in statuses:
        content: Schema = {"schema": reference("Problem")}
        if target := _PROBLEM_EXAMPLES.get(status):
            content["examples"] = {f"GET {target}": {"value": json.loads(ask(target, JSON.media_type))}}
        answers[str(status)] = {"description": titles[status], "content": {MEDIA_TYPE: content}}
    if "503" in answers:
        retry = {"description": "seconds after which to ask again", "schema": {"type": "integer"}}
        answers["503"]["headers"] = {"Retry-After": retry}
    return answers
