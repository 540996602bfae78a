"""Reads rows from objects in JSON, such as GeoJSON's features."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from rentomatic.requests.room_import import Row, UnusableFileError
from rentomatic.serializers.files.geometry import point_inside
from rentomatic.serializers.files.json_values import TOO_DEEP, json_row

_WGS84 = re.compile(r"(.*[^0-9])?(CRS84H?|4326|4979)", re.IGNORECASE | re.DOTALL)


def object_row(number: int, value: Any, unit: str, *, has_centroids: bool) -> Row:
    """Return the row of an object, which may be a Feature."""
    if isinstance(value, dict) and value.get("type") == "Feature" and ("geometry" in value or "properties" in value):
        return feature_row(number, value, unit, has_centroids=has_centroids)
    return json_row(number, value, unit)


_NOWHERE = {"longitude": None, "latitude": None}


def feature_row(number: int, feature: Any, unit: str, *, has_centroids: bool) -> Row:
    """Return the row of a feature (RFC 7946, section 3.2) from its properties, id and geometry."""
    if feature is TOO_DEEP:
        return json_row(number, feature, unit)
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict | None):
        return Row(number, {}, unit, ("", feature, "Must be a Feature"))
    values = dict(feature.get("properties") or {})
    if "id" in feature:
        values = {"id": feature["id"], **values}
        if "code" not in values and not any(name.strip().casefold() == "code" for name in values):
            values["code"] = values["id"]
    try:
        place = _place(feature.get("geometry"), has_centroids=has_centroids)
    except (TypeError, ValueError, OverflowError) as error:
        return Row(number, {}, unit, ("geometry", feature["geometry"], str(error)))
    if "geometry" in feature and not any(name.strip().casefold() in _NOWHERE for name in values):
        place = place or _NOWHERE  # a place that is null is unknown, one that is absent stays as it is
    return json_row(number, {**values, **place}, unit)


def reject_other_crs(crs: Any) -> None:
    """Raise UnusableFileError if places are in another system than WGS 84 (GeoJSON of 2008, section 3)."""
    properties = crs.get("properties") if isinstance(crs, dict) else None
    if not isinstance(properties, dict):
        return
    name = str(properties.get("name") or properties.get("code") or properties.get("href") or "")
    if name and not _WGS84.fullmatch(name):
        raise UnusableFileError(
            f"The file's places are in {name} instead of WGS 84 (EPSG:4326): export it again with that one, for "
            "instance with QGIS"
        )


def _place(geometry: Any, *, has_centroids: bool) -> dict[str, Any]:
    match geometry:
        case None | {"type": "Point" | "Polygon" | "MultiPolygon", "coordinates": []}:  # null (RFC 7946, section 3.1)
            return {}
        case {"type": "Point", "coordinates": [longitude, latitude, *_]}:
            return {"longitude": longitude, "latitude": latitude}
        case {"type": "Polygon" | "MultiPolygon" as kind, "coordinates": list(coordinates)}:
            if not has_centroids:
                raise ValueError(f"Must be a Point, but is a {kind}; --centroid (IMPORT_CENTROID) takes a point inside")
            return _place_inside([coordinates] if kind == "Polygon" else coordinates)
        case {"type": "MultiPoint" | "LineString" | "MultiLineString" | "GeometryCollection" as kind}:
            raise ValueError(f"Must be a Point, a Polygon or null, but is a {kind}")
    raise ValueError("Must be a Point, a Polygon or null")


def _place_inside(polygons: list[Any]) -> dict[str, Any]:
    try:
        point = point_inside(polygons)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("Must have positions of numbers") from None
    if not point:
        raise ValueError("Must have an area")
    longitude, latitude = point
    return {"longitude": Decimal(repr(longitude)), "latitude": Decimal(repr(latitude))}
