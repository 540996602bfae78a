"""The documents say what the code does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from devtools.api_documents import FOLDER, documents
from rentomatic.http.negotiation import FORMAT
from rentomatic.http.problems import METHOD_NOT_ALLOWED, STATUS_CODES
from rentomatic.http.routes import ROUTES
from rentomatic.requests.room_search import ALLOWED
from rentomatic.serializers.room import RoomJsonEncoder
from tests.contracts.room_repository import a_room

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))


def test_the_document_is_that_of_this_code() -> None:
    written = {file: file.read_text(encoding="utf-8") for file in documents()}

    if written != documents():
        pytest.fail("rentomatic/http/openapi.json is stale: run `python manage.py documents`")


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_parameter_that_is_read_is_in_it_and_no_other() -> None:
    for method in ("get", "head"):
        parameters = DOCUMENT["paths"]["/rooms"][method]["parameters"]
        assert {each["name"] for each in parameters if each["in"] == "query"} == {*ALLOWED, FORMAT}


def test_every_route_is_in_it_and_no_other() -> None:
    assert {path: set(methods) - {"head"} for path, methods in DOCUMENT["paths"].items()} == {
        path: {method.lower() for method in methods} for path, methods in ROUTES.items()
    }
    assert {method for path in DOCUMENT["paths"].values() for method in path} == {"get", "head"}


def test_every_status_is_in_it_and_no_other() -> None:
    documented = {
        int(status)
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        for status in operation["responses"]
        if status != "4XX"  # of what stands in front of the function
    }
    # A 405 is the answer to operations that are not in the document, which is what it says.
    given = {status for type_, status in STATUS_CODES.items() if type_ != METHOD_NOT_ALLOWED} | {304}

    assert documented == given


def test_every_field_of_a_room_is_in_it_and_no_other() -> None:
    fields = RoomJsonEncoder().default(a_room())

    assert list(DOCUMENT["components"]["schemas"]["Room"]["properties"]) == [*fields, "distance_m"]
