"""What the paths of OGC API - Features answer, Part 1 (OGC 17-069r4) and Part 3 (19-079r2): rooms as a layer of a GIS.

No cold start for rooms needs this: `routes` imports it when one of its paths is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rentomatic.domain.room_fields import FIELDS, GEOMETRY, Integer
from rentomatic.http.negotiation import FORMAT, preferred_format
from rentomatic.http.pagination import encode_page
from rentomatic.http.problems import invalid_parameter
from rentomatic.http.request import with_query
from rentomatic.http.resources import openapi_document, representation
from rentomatic.http.response import Response
from rentomatic.requests.room_items import HITS, build_room_items_request
from rentomatic.requests.room_search import CRS84
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.formats import CSV, GEOJSON, GEOJSON_SEQUENCE, feature
from rentomatic.serializers.room import show, show_all
from rentomatic.trimmed_msgspec import encode
from rentomatic.use_cases.room_detail import room_detail_use_case
from rentomatic.use_cases.room_search import room_search_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.domain.room_search import RoomPage
    from rentomatic.http.request import Request
    from rentomatic.http.resources import Service
    from rentomatic.serializers.formats import Format

Link = dict[str, str]

OPENAPI_3_0 = "application/vnd.oai.openapi+json;version=3.0"
_CONFORMANCE: Mapping[str, Sequence[str]] = {
    "ogcapi-features-1": ("core", "geojson", "oas30"),
    "ogcapi-features-3": ("queryables", "queryables-query-parameters", "filter", "features-filter"),
    "cql2": ("cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions"),
}
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/{standard}/1.0/conf/{name}"
    for standard, names in _CONFORMANCE.items()
    for name in names
)
JSON_SCHEMA = "application/schema+json"
_QUERYABLES_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
# JSON is GeoJSON here, as clients of the standard expect.
ITEM_FORMATS: Mapping[str, Format] = {
    "json": GEOJSON,
    **{format_.name: format_ for format_ in (GEOJSON, CSV, GEOJSON_SEQUENCE)},
}
_JSON = "application/json"
_HEADERS = {"Content-Type": _JSON, "Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding, Origin"}
_COLLECTIONS = "/collections"
_ROOMS = f"{_COLLECTIONS}/rooms"
_ITEMS = f"{_ROOMS}/items"
_QUERYABLES = f"{_ROOMS}/queryables"


def show_landing_page(service: Service, request: Request) -> Response | ResponseFailure:
    """Answer the landing page in JSON; what browsers get is another function's."""
    url = _urls(service, request)
    links = [
        _link("self", _JSON, url("/"), "This document"),
        _link("service-desc", OPENAPI_3_0, url("/api"), "The API in OpenAPI 3.0"),
        _link("service-doc", "text/html", url("/docs"), "The API as a web page"),
        _link("conformance", _JSON, url("/conformance"), "What the API conforms to"),
        _link("data", _JSON, url(_COLLECTIONS), "The collections"),
    ]
    description = "Rooms for rent, as a collection of points."
    return _document(request, {"title": "Rentomatic", "description": description, "links": links})


def show_conformance(_service: Service, request: Request) -> Response | ResponseFailure:
    return _document(request, {"conformsTo": CONFORMANCE})


def list_collections(service: Service, request: Request) -> Response | ResponseFailure:
    url = _urls(service, request)
    links = [_link("self", _JSON, url(_COLLECTIONS), "This document")]
    return _document(request, {"links": links, "collections": [_collection(service, request)]})


def show_collection(service: Service, request: Request) -> Response | ResponseFailure:
    return _document(request, _collection(service, request))


def show_queryables(service: Service, request: Request) -> Response | ResponseFailure:
    """Answer which properties a filter may name, as a JSON schema."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    meanings = {**{name: field.meaning for name, field in FIELDS.items()}, "price": service.settings.price_meaning}
    types = {name: "integer" if isinstance(field.kind, Integer) else "string" for name, field in FIELDS.items()}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_urls(service, request)(_QUERYABLES)}",
        "type": "object",
        "title": "Rooms",
        "properties": {
            **{name: {"title": name.title(), "description": meanings[name], "type": types[name]} for name in FIELDS},
            GEOMETRY: {"title": "Place", "x-ogc-role": "primary-geometry", "format": "geometry-point"},
        },
        "additionalProperties": False,
    }
    return Response(200, {**_HEADERS, "Content-Type": JSON_SCHEMA}, _encode(schema))


def list_items(service: Service, request: Request) -> Response | ResponseFailure:
    format_ = _item_format(request)
    if isinstance(format_, ResponseFailure):
        return format_
    response = service.run(request, room_search_use_case, build_room_items_request(request.parameters))
    if isinstance(response, ResponseFailure):
        return response
    page = response.value
    if HITS in request.parameters.get("resultType", ()):
        page = replace(page, rooms=[], row_ids=[], has_more=False)
    url = _urls(service, request)
    others = [_link("collection", _JSON, url(_ROOMS), "The collection"), *_alternates(request, url(_ITEMS), format_)]
    if format_ is GEOJSON:
        format_ = replace(GEOJSON, encode_page=lambda page, links: _feature_collection(page, links, others))
    linked = request.parameters if format_.has_links else {**request.parameters, FORMAT: [format_.name]}
    body, headers = encode_page(page, format_, url(_ITEMS), linked, request)
    return _representation(service, request, format_, body, headers)


def show_item(service: Service, request: Request, code: str) -> Response | ResponseFailure:
    unknown = _unknown_parameter(request)
    format_ = _item_format(request) if unknown is None else unknown
    if isinstance(format_, ResponseFailure):
        return format_
    response = service.run(request, room_detail_use_case, code)
    if isinstance(response, ResponseFailure):
        return response
    if format_ is not GEOJSON:
        return representation(service, request, format_, format_.encode_room(response.value), {})
    url = _urls(service, request)
    item = f"{url(_ITEMS)}/{quote(code, safe='')}"
    links = [
        _link("self", GEOJSON.media_type, with_query(item, request.parameters), "This room"),
        _link("collection", _JSON, url(_ROOMS), "The collection"),
        *_alternates(request, item, format_),
    ]
    body = _encode({**feature(show(response.value)), "links": links})
    return representation(service, request, GEOJSON, body, {})


def show_api(service: Service, request: Request) -> Response | ResponseFailure:
    refusal = _refusal(request)
    return refusal if refusal is not None else openapi_document(service, request, "openapi30.json", OPENAPI_3_0)


def _urls(service: Service, request: Request) -> Callable[[str], str]:
    """Return a function that makes a URL of a path."""
    base = service.url(request)
    return lambda path: f"{base}{path}"


def _link(relation: str, media_type: str, url: str, title: str) -> Link:
    return {"rel": relation, "type": media_type, "href": url, "title": title}


def _collection(service: Service, request: Request) -> dict[str, Any]:
    url = _urls(service, request)
    return {
        "id": "rooms",
        "title": "Rooms",
        "description": f"Rooms for rent. Price: {service.settings.price_meaning}. Size: {FIELDS['size'].meaning}.",
        "itemType": "feature",
        "crs": [CRS84],
        # To know where rooms are now would be to read all of them.
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]], "crs": CRS84}},
        "links": [
            _link("self", _JSON, url(_ROOMS), "This document"),
            _link("items", GEOJSON.media_type, url(_ITEMS), "The rooms"),
            _link(_QUERYABLES_RELATION, JSON_SCHEMA, url(_QUERYABLES), "What a filter may name"),
            _link("items", CSV.media_type, f"{url(_ITEMS)}?{FORMAT}=csv", "The rooms as CSV"),
        ],
    }


def _document(request: Request, content: object) -> Response | ResponseFailure:
    refusal = _refusal(request)  # which is falsy, as all failures are
    return refusal if refusal is not None else Response(200, dict(_HEADERS), _encode(content))


def _refusal(request: Request) -> ResponseFailure | None:
    """Return what is wrong with the parameters of a document that has only one format."""
    unknown = _unknown_parameter(request)
    if unknown is not None:
        return unknown
    is_json = list(request.parameters.get(FORMAT, ["json"])) == ["json"]
    return None if is_json else invalid_parameter(FORMAT, "Must be json", "json")


def _unknown_parameter(request: Request) -> ResponseFailure | None:
    unknown = next((name for name in request.parameters if name != FORMAT), None)
    return invalid_parameter(unknown, "Is not a parameter of this resource", FORMAT) if unknown is not None else None


def _item_format(request: Request) -> Format | ResponseFailure:
    """Return the format of items, or what is wrong with the parameter that chooses it.

    It is GeoJSON if the client accepts none of them, as RFC 9110, section 12.4.1, allows.
    """
    values = request.parameters.get(FORMAT)
    if values is None:
        preferred = preferred_format(request.header("accept"))
        return preferred if preferred in (CSV, GEOJSON_SEQUENCE) else GEOJSON
    format_ = ITEM_FORMATS.get(values[0]) if len(values) == 1 else None
    allowed = " or ".join(ITEM_FORMATS)
    return format_ or invalid_parameter(FORMAT, f"Must be {allowed}", allowed)


def _alternates(request: Request, url: str, format_: Format) -> list[Link]:
    """Return links to the same in other formats."""
    others = {each.media_type: name for name, each in ITEM_FORMATS.items() if each is not format_}
    return [
        _link("alternate", media_type, with_query(url, {**request.parameters, FORMAT: [name]}), f"The same as {name}")
        for media_type, name in others.items()
    ]


def _feature_collection(page: RoomPage, links: Mapping[str, str], others: list[Link]) -> str:
    titles = {"self": "This page", "next": "The next page"}
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": list(map(feature, show_all(page.rooms))),
        "links": [*(_link(name, GEOJSON.media_type, url, titles[name]) for name, url in links.items()), *others],
        "numberReturned": len(page.rooms),
    }
    is_whole = page.search.after is None and not page.has_more
    if page.count is not None or is_whole:
        collection["numberMatched"] = len(page.rooms) if page.count is None else page.count
    return _encode(collection)


def _representation(
    service: Service, request: Request, format_: Format, body: str, headers: dict[str, str]
) -> Response | ResponseFailure:
    """Return a page, in GeoJSON with the time; the time does not change its tag, which is therefore a weak one."""
    response = representation(service, request, format_, body, headers)
    if isinstance(response, Response) and format_.media_type == GEOJSON.media_type:
        response.headers["ETag"] = f"W/{response.headers['ETag']}"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        response.body = f'{body[:-1]},"timeStamp":"{now}"}}' if response.body else ""
    return response


def _encode(content: object) -> str:
    return encode(content).decode()
