"""What OGC 17-069r4 requires of the documents of an API, as JSON schemas (its sections 7.2 to 7.16, and RFC 7946)."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}


def _object(required: Schema, **others: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **others}}


def _list_of(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


_LINK = _object({"href": _TEXT}, rel=_TEXT, type=_TEXT, hreflang=_TEXT, title=_TEXT, length={"type": "integer"})
_LINKS = _list_of(_LINK)
_BBOX = {"oneOf": [_list_of(_NUMBER, minItems=size, maxItems=size) for size in (4, 6)]}
_SPATIAL = _object(
    {"bbox": _list_of(_BBOX, minItems=1)}, crs={"enum": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"]}
)
_POINT = _object({"type": {"const": "Point"}, "coordinates": _list_of(_NUMBER, minItems=2)})

LANDING_PAGE = _object({"links": _LINKS}, title=_TEXT, description=_TEXT)
CONFORMANCE = _object({"conformsTo": _list_of(_TEXT)})
COLLECTION = _object(
    {"id": _TEXT, "links": _LINKS},
    title=_TEXT,
    description=_TEXT,
    extent=_object({}, spatial=_SPATIAL),
    itemType={"const": "feature"},
    crs=_list_of(_TEXT),
)
COLLECTIONS = _object({"links": _LINKS, "collections": _list_of(COLLECTION)})
FEATURE = _object(
    {
        "type": {"const": "Feature"},
        "geometry": {"oneOf": [_POINT, {"type": "null"}]},
        "properties": {"type": ["object", "null"]},
    },
    id={"type": ["string", "integer"]},
    links=_LINKS,
)
FEATURE_COLLECTION = _object(
    {"type": {"const": "FeatureCollection"}, "features": _list_of(FEATURE)},
    links=_LINKS,
    timeStamp={"type": "string", "format": "date-time"},
    numberMatched={"type": "integer", "minimum": 0},
    numberReturned={"type": "integer", "minimum": 0},
)
