"""The schemas that more than one operation of the OpenAPI document refers to."""

from __future__ import annotations

from typing import Any

from rentomatic.domain.room_fields import FIELDS, Integer
from rentomatic.serializers.room import MEMBERS

Schema = dict[str, Any]

_MEMBERS: dict[str, Schema] = {  # that are none of the fields that can be searched by, or never null
    "code": {"type": "string"},
    "latitude": {"type": ["number", "null"], "description": "Degrees north"},
    "longitude": {"type": ["number", "null"], "description": "Degrees east"},
}
_IN_GEOMETRY = ("latitude", "longitude")


def schemas() -> Schema:
    """Return the schemas by their names."""
    return {"Room": _room(), "Feature": _feature(), "Problem": _problem()}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _room() -> Schema:
    return {
        "type": "object",
        "required": list(MEMBERS),
        "properties": {
            **{name: _MEMBERS.get(name) or _of_field(name) for name in MEMBERS},
            "distance_m": {"type": "number", "description": "Metres from near"},
        },
    }


def _of_field(name: str) -> Schema:
    kind = "integer" if isinstance(FIELDS[name].kind, Integer) else "string"
    return {"type": [kind, "null"], "description": FIELDS[name].meaning}


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
