from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room
from tests.support.canaries import HOST, PASSWORD
from tests.support.events import FOLDER, OF_ITS_OWN, STATUS, an_event
from tests.support.front_doors import header
from tests.support.invocation import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pg8000.native import Connection

    from tests.support.invocation import Invoke


ROOMS = [a_room(price=39), a_room(code=OTHER_CODE, price=66)]
CORS_ORIGIN = "https://www.example.com"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log's lines that are errors."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line.get("level") == "ERROR"]


@pytest.fixture
def rooms(admin: Connection) -> list[Any]:
    insert_rooms(admin, ROOMS)
    return ROOMS


def test_every_sample_event_that_is_a_request_has_a_status_here() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(STATUS) | OF_ITS_OWN


@pytest.mark.usefixtures("rooms")
@pytest.mark.parametrize(("name", "status"), STATUS.items())
def test_every_sample_event_is_answered_as_a_proxy_response(invoke: Invoke, name: str, status: int) -> None:
    answer = invoke(an_event(name))

    assert set(answer) == {"statusCode", "body", "isBase64Encoded", "multiValueHeaders"}
    assert answer["statusCode"] == status
    assert header(answer, "Access-Control-Allow-Origin") == CORS_ORIGIN
    assert not answer["isBase64Encoded"]
    assert json.dumps(answer).isascii()
    if status != 204:
        assert header(answer, "Content-Type") == ("application/json" if status == 200 else "application/problem+json")
        json.loads(answer["body"])


@pytest.mark.usefixtures("rooms")
@pytest.mark.parametrize(
    ("parameters", "codes"),
    [
        ({}, [CODE, OTHER_CODE]),
        ({"filter_price__lt": "60"}, [CODE]),
        ({"filter_price__gt": "40", "filter_price__lt": "70"}, [OTHER_CODE]),
        ({"filter_price__eq": "39"}, [CODE]),
        ({"filter_code__eq": OTHER_CODE}, [OTHER_CODE]),
        ({"filter_code__eq": "no UUID"}, []),
        ({"filter_size__gte": "20", "filter_price__ne": "39"}, [OTHER_CODE]),
        ({"filter_price__in": "1,66,39"}, [CODE, OTHER_CODE]),
        ({"filter_code__in": [OTHER_CODE, "a,b"]}, [OTHER_CODE]),
    ],
)
def test_rooms_are_listed_by_the_filters_in_the_query(
    invoke: Invoke, parameters: dict[str, str], codes: list[str]
) -> None:
    answer = invoke(an_event(**parameters))

    assert answer["statusCode"] == 200
    assert [room["code"] for room in json.loads(answer["body"])] == codes


@pytest.mark.usefixtures("admin")
def test_an_empty_table_is_an_empty_list(invoke: Invoke) -> None:
    answer = invoke(an_event())

    assert (answer["statusCode"], answer["body"]) == (200, "[]")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"filter_price__lt": "cheap"},
            "price__lt: Must be an integer from -2147483648 to 2147483647",
        ),
        ({"filter_price__lt": ["60", "70"]}, "price__lt: Must be given once"),
        ({"filter_code__eq": [CODE, CODE]}, "code__eq: Must be given once"),
        ({"filter_colour__eq": "red"}, "filters: Key colour__eq cannot be used"),
        ({"filter_": ""}, "filters: Key  cannot be used"),
        ({"filter_filter_price__lt": "1"}, "filters: Key filter_price__lt cannot be used"),
        ({"filter_code__eq": "\0"}, "code__eq: Must be text without NUL or unpaired surrogates"),
        ({"filter_\ud800": "1"}, "filters: Key \ud800 cannot be used"),
    ],
)
def test_a_wrong_filter_is_a_400_that_names_it(invoke: Invoke, parameters: dict[str, Any], message: str) -> None:
    answer = invoke(an_event(**parameters))

    assert answer["statusCode"] == 400
    problem = json.loads(answer["body"])
    assert (problem["type"], problem["message"], problem["request_id"]) == ("ParametersError", message, REQUEST_ID)
    assert [error["name"] for error in problem["errors"]] == list(parameters)


def test_an_event_may_lack_the_parameters_with_several_values(invoke: Invoke) -> None:
    event = an_event(filter_price__lt="cheap, very")
    del event["multiValueQueryStringParameters"]

    assert json.loads(invoke(event)["body"])["message"].startswith("price__lt: Must be an integer")


def test_health_is_the_functions_and_readiness_the_databases(
    invoke: Invoke, rooms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def health() -> list[tuple[int, str, str | None]]:
        answers = [invoke(an_event(name)) for name in ("health", "health_ready")]
        return [(answer["statusCode"], answer["body"], header(answer, "Cache-Control")) for answer in answers]

    assert rooms
    alive = (200, '{"status": "alive"}', "no-store")
    assert health() == [alive, (200, '{"status": "ready"}', "no-store")]

    monkeypatch.setenv("APPLICATION_DB", "")
    sys.modules["functions.rooms.app"]._repository().close()  # noqa: SLF001 - or the connection is good still

    assert [health()[0], health()[1][0]] == [alive, 500]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE room SET latitude = 'NaN' WHERE code = '2'",
        "UPDATE room SET longitude = '-infinity' WHERE code = '2'",
    ],
)
def test_an_unreadable_room_does_not_make_the_function_unready(invoke: Invoke, admin: Connection, change: str) -> None:
    insert_rooms(admin, [a_room(code="1", latitude=None, longitude=None), a_room(code="2")])
    admin.run(change)

    assert invoke(an_event("list_rooms"))["statusCode"] == 500
    assert invoke(an_event("health_ready"))["statusCode"] == 200


@pytest.mark.usefixtures("rooms")
@pytest.mark.parametrize(
    ("statement", "undo"),
    [
        ("REVOKE SELECT ON room FROM visitor", "GRANT SELECT ON room TO visitor"),
        ("ALTER TABLE room RENAME price TO away", "ALTER TABLE room RENAME away TO price"),
    ],
)
def test_a_function_that_cannot_read_rooms_is_not_ready(
    invoke: Invoke, admin: Connection, statement: str, undo: str
) -> None:
    admin.run(statement)
    try:
        assert invoke(an_event("health_ready"))["statusCode"] == 500
    finally:
        admin.run(undo)

    assert invoke(an_event("health_ready"))["statusCode"] == 200


def test_an_unknown_path_is_a_404(invoke: Invoke) -> None:
    answer = invoke(an_event("path_unknown"))

    assert json.loads(answer["body"])["type"] == "ResourceError"


@pytest.mark.parametrize("path", ["/nothing", "/rooms/1/beds", "//nothing", "/a\nb"])
@pytest.mark.parametrize("origin", ["", "*"])
def test_nothing_is_allowed_at_an_unknown_path(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, path: str, origin: str
) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGIN", origin)

    answer = invoke({**an_event("preflight"), "path": path})

    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (404, "ResourceError")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "PUT"])
def test_another_method_is_a_405_that_says_which_are_allowed(invoke: Invoke, method: str) -> None:
    answer = invoke({**an_event(), "httpMethod": method})

    assert answer["statusCode"] == 405
    assert header(answer, "Allow") == "GET, HEAD, OPTIONS"
    assert json.loads(answer["body"])["type"] == "MethodNotAllowedError"


def test_a_browser_is_told_what_it_may_ask(invoke: Invoke) -> None:
    answer = invoke(an_event("preflight"))

    assert header(answer, "Access-Control-Allow-Methods") == "GET, HEAD"


def test_without_an_origin_in_the_settings_no_page_may_ask(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGIN", "")

    for name in STATUS:
        assert header(invoke(an_event(name)), "Access-Control-Allow-Origin") is None


@pytest.mark.usefixtures("admin")
def test_a_corrected_setting_works_again(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "abc")
    monkeypatch.delenv("APPLICATION_DB")

    answer = invoke(an_event())

    assert answer["statusCode"] == 500
    (error,) = logged(capsys)
    assert error["message"] == (
        "SettingsError: POSTGRES_PORT must be an integer from 1 to 65535; APPLICATION_DB is missing"
    )

    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    monkeypatch.setenv("APPLICATION_DB", migrated["APPLICATION_DB"])
    assert invoke(an_event())["statusCode"] == 200


def test_what_went_wrong_is_in_the_log_and_not_in_the_answer(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPLICATION_DB", "nowhere")

    answer = invoke(an_event())

    assert answer["statusCode"] == 500
    message = "The server failed to answer. The request_id finds the reason in its log."
    assert json.loads(answer["body"]) == {
        "type": "SystemError",
        "title": "Internal Server Error",
        "status": 500,
        "detail": message,
        "message": message,
        "request_id": REQUEST_ID,
    }
    (error,) = logged(capsys)
    assert error["message"] == "SettingsError: Postgres error 3D000: there is no such database"
    assert (error["phase"], error["sqlstate"]) == ("auth", "3D000")
    assert error["function_request_id"] == REQUEST_ID
    assert error["correlation_id"] == an_event()["requestContext"]["requestId"]


def test_a_wrong_password_is_not_in_the_log(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", f"no {PASSWORD}")

    assert invoke(an_event())["statusCode"] == 503

    assert "Postgres error 28P01: the login was refused" in capsys.readouterr().out


def test_a_canary_would_be_seen(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=HOST):
        invoke(an_event(**{f"filter_{HOST}": "1"}))
    monkeypatch.setattr(PostgresRepo, "search", lambda *_: int(PASSWORD))  # which the log quotes
    with pytest.raises(AssertionError, match=PASSWORD):
        invoke(an_event())


def test_a_bug_is_a_500_and_the_next_request_is_right(
    invoke: Invoke, admin: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    insert_rooms(admin, ROOMS)
    admin.run("UPDATE room SET latitude = 'NaN'")

    assert invoke(an_event())["statusCode"] == 500
    (error,) = logged(capsys)
    assert error["exception_name"] == "CorruptDataError"

    admin.run("UPDATE room SET latitude = 53.55")
    assert invoke(an_event())["statusCode"] == 200


@pytest.mark.usefixtures("admin")
def test_only_cold_starts_and_failures_write_metrics(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "never")
    invoke(an_event())
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "8")
    for name in ("list_rooms", "filter_unknown", "path_unknown", "method_not_allowed", "preflight"):
        invoke(an_event(name))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [
        metric["Name"] for line in lines if "_aws" in line for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    assert counted == ["ColdStart", "Status500"]
    assert len(lines) == 2  # one of both, and the error


def test_the_next_request_s_log_has_nothing_of_the_one_before(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPLICATION_DB", "")
    invoke(an_event())
    event = an_event()
    event["requestContext"]["requestId"] = "another"
    invoke(event)

    first, second = logged(capsys)
    assert (first["correlation_id"], second["correlation_id"]) == (an_event()["requestContext"]["requestId"], "another")


class TestBeforeTheDatabaseIsMigrated:
    """A deployment may have the function's new code before the database has its new schema."""

    @pytest.fixture(params=["4d4c19952a36", "8c1f0e6a2b57", "c3a91f6d2e80"])
    def migrated(self, empty_database: Mapping[str, str], request: pytest.FixtureRequest) -> Mapping[str, str]:
        upgrade(empty_database, print, revision=request.param)
        with connect(read_postgres_settings(empty_database)) as owner:
            insert_rooms(owner, ROOMS)
        return empty_database

    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"limit": "2"},
            {"filter_price__gt": "38", "count": "exact"},
            {"filter_code__in": f"{CODE},{OTHER_CODE}"},
            {"sort": "price,-size"},
        ],
    )
    def test_rooms_are_answered(self, invoke: Invoke, parameters: dict[str, str]) -> None:
        answer = invoke(an_event(**parameters))

        assert answer["statusCode"] == 200
        assert [room["code"] for room in json.loads(answer["body"])] == [CODE, OTHER_CODE]

    def test_the_function_is_ready(self, invoke: Invoke) -> None:
        assert invoke(an_event("health_ready"))["statusCode"] == 200
