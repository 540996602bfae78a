"""What tests ask of OGC API - Features, and a few rooms to find by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tests.contracts.room_repository import a_room
from tests.support import ogc_schemas
from tests.support.commands import get

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = [
    *(a_room(code=f"in-{number}", price=40 + number, latitude=53.5, longitude=9.9) for number in range(3)),
    a_room(code="far/away", price=40, latitude=-33.87, longitude=151.21),
    a_room(code="nowhere", price=41, size=None, latitude=None, longitude=None),
]


def ask(url: str, schema: ogc_schemas.Schema | None = None, media_type: str = "application/json") -> Any:
    """Return the document at a URL; fail unless it has this type and schema."""
    status, headers, body = get(url)
    assert (status, headers["Content-Type"]) == (200, media_type), body
    document = json.loads(body)
    Draft202012Validator(schema or {}, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    return document


def items(api: str, query: str = "") -> Any:
    url = f"{api}/collections/rooms/items{query}"
    return ask(url, ogc_schemas.FEATURE_COLLECTION, "application/geo+json")


def codes(collection: Any) -> list[str]:
    return [feature["id"] for feature in collection["features"]]


def pages(collection: Any) -> Iterator[Any]:
    """Yield a page and all that follow it."""
    yield collection
    while urls := linked(collection, "next"):
        collection = ask(urls[0], ogc_schemas.FEATURE_COLLECTION, "application/geo+json")
        yield collection


def linked(document: Any, relation: str) -> list[str]:
    """Return the URLs of the links of a relation, which say their media type."""
    links = [link for link in document["links"] if link["rel"] == relation]
    assert all(link["type"] for link in links)
    return [link["href"] for link in links]


def parameters(api: str) -> dict[str, Any]:
    """Return the parameters of the items by name, as the API describes them."""
    described = description(api)["paths"]["/collections/rooms/items"]["get"]["parameters"]
    return {each["name"]: each for each in described}


def description(api: str) -> Any:
    return ask(f"{api}/api", None, "application/vnd.oai.openapi+json;version=3.0")


def refused(url: str) -> list[str]:
    """Return the names of the parameters for which a URL is refused."""
    status, headers, body = get(url)
    assert (status, headers["Content-Type"]) == (400, "application/problem+json"), body
    return [error["name"] for error in json.loads(body)["errors"]]
