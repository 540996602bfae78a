"""What Schemathesis may find and need not report; `schemathesis.toml` names this module."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UndefinedStatusCode

from rentomatic.domain.room_search import LIMIT_MAX
from rentomatic.http.negotiation import FORMAT
from rentomatic.requests.room_items import build_room_items_request
from rentomatic.requests.room_list import RoomListInvalidRequest
from rentomatic.requests.room_search import build_room_search_request

if TYPE_CHECKING:
    from schemathesis import Case, HookContext, Response
    from schemathesis.core.failures import Failure

_ITEMS = "/collections/rooms/items"
# What makes parameters wrong of which each is right by itself, which no schema of OpenAPI can say.
_BEYOND_SCHEMAS = {
    ("near", "Requires radius_km, or sort=distance and limit"),
    ("radius_km", "Requires near"),
    ("sort", "Requires near"),
    ("sort", "Must name each field at most once"),  # price and -price
    ("bbox", "Must not have south above north"),
    ("cursor", "Invalid cursor: pass it back unchanged"),  # made up
}
# Of the items of a collection, whose parameters the standard declares more loosely.
_BEYOND_SCHEMAS_OF_ITEMS = {"bbox", "datetime", "filter", "cursor"}


@schemathesis.hook
def filter_failure(_context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Say whether a failure is to be reported."""
    url = urlsplit(response.request.url or "")
    if isinstance(failure, RejectedPositiveData):
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            return False  # no tag that is made up is the right one
        is_beyond = _is_beyond_schemas_of_items if url.path == _ITEMS else _is_beyond_schemas
        return response.status_code != 400 or not is_beyond(url.query)
    if isinstance(failure, AcceptedNegativeData):
        if url.path == _ITEMS and _has_large_limit(url.query):
            return False  # which is lowered
        # An empty object is put into a query as nothing at all, and nothing is right.
        return {} not in (case.query or {}).values()
    if isinstance(failure, UndefinedStatusCode):
        # The local gateway itself answers 403 to a path with a line break.
        return not (response.status_code == 403 and "%0A" in url.path)
    return True


def _is_beyond_schemas_of_items(query: str) -> bool:
    """As `_is_beyond_schemas`, for the items of a collection."""
    request = build_room_items_request(parse_qs(query, keep_blank_values=True))
    if not isinstance(request, RoomListInvalidRequest):
        return False
    return {error["name"] for error in request.errors} <= _BEYOND_SCHEMAS_OF_ITEMS


def _has_large_limit(query: str) -> bool:
    (limit, *_) = parse_qs(query).get("limit", ["0"])
    return limit.isdecimal() and int(limit) > LIMIT_MAX


def _is_beyond_schemas(query: str) -> bool:
    """Say whether what is wrong with a query is nothing but what schemas cannot say."""
    # Read from the request: an answer to HEAD does not say what was wrong.
    parameters = parse_qs(query, keep_blank_values=True)
    parameters.pop(FORMAT, None)
    request = build_room_search_request(parameters)
    if not isinstance(request, RoomListInvalidRequest):
        return False
    errors = {(error["name"], error["message"]) for error in request.errors if error["name"] != "filter"}
    return errors <= _BEYOND_SCHEMAS  # and a filter is a language
