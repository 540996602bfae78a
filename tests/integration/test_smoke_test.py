"""The hook that asks a new version golden queries, over the real function and database."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from devtools.runner import LocalLambdaContext
from functions.smoke_test import app
from rentomatic.http.lambda_events import front_door, read_request
from tests.contracts.room_repository import a_room
from tests.deployment.templates import parsed
from tests.support.events import an_event
from tests.support.front_doors import OFFERED, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from pg8000.native import Connection

HOOK = {"DeploymentId": "d-ABC", "LifecycleEventHookExecutionId": "an-execution"}


class Version:
    """Stands for Lambda's and CodeDeploy's API in front of a version, whose answers a test may spoil."""

    def __init__(self, invoke: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._invoke = invoke
        self.spoil: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _path, answer: answer
        self.asked: list[str] = []
        self.told: list[dict[str, str]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert FunctionName == "arn:of:the:version:2"
        event = json.loads(Payload)
        path = event["rawPath"] if "rawPath" in event else event["path"]
        self.asked.append(path)
        answer = self.spoil(path, self._invoke(event))
        error = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **error}

    def put_lifecycle_event_hook_execution_status(self, **told: str) -> None:
        self.told.append(told)


@pytest.fixture
def version(invoke: Callable[[dict[str, Any]], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Version:
    version = Version(invoke)
    monkeypatch.setattr(app, "_lambda", lambda: version)
    monkeypatch.setattr(app, "_codedeploy", lambda: version)
    monkeypatch.setattr(app, "_PAUSE_S", 0)
    monkeypatch.setenv("NEW_VERSION", "arn:of:the:version:2")
    monkeypatch.setenv("FRONT_DOOR", "http")
    return version


def status_of(version: Version, timeout_s: float = 120) -> str:
    context: Any = LocalLambdaContext("SmokeTestFunction", 256, timeout_s)
    app.handler(HOOK, context)
    (told,) = version.told
    assert told["deploymentId"] == HOOK["DeploymentId"]
    assert told["lifecycleEventHookExecutionId"] == HOOK["LifecycleEventHookExecutionId"]
    return told["status"]


@pytest.mark.parametrize("door", OFFERED)
def test_a_version_that_answers_rightly_gets_traffic(
    version: Version, admin: Connection, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    monkeypatch.setenv("FRONT_DOOR", door)
    insert_rooms(admin, [a_room(code=f"code-{number}", price=number) for number in range(1, 9)])

    assert status_of(version) == "Succeeded"
    assert version.asked[:5] == ["/health/ready", "/rooms", "/rooms", "/rooms", "/rooms/code-1"]
    assert len(version.asked) == 7


@pytest.mark.usefixtures("admin")
def test_a_first_deployment_without_rooms_gets_traffic(version: Version) -> None:
    assert status_of(version) == "Succeeded"


@pytest.mark.parametrize("door", OFFERED)
@pytest.mark.parametrize("code", ["a/b", "50%", "what?", "#1", "Straße 1", "a b"])
def test_any_code_can_be_asked_for(
    version: Version, admin: Connection, monkeypatch: pytest.MonkeyPatch, code: str, door: str
) -> None:
    monkeypatch.setenv("FRONT_DOOR", door)
    insert_rooms(admin, [a_room(code=code)])

    assert status_of(version) == "Succeeded"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/health/ready", {"statusCode": 500, "body": "{}"}),
        ("/rooms", {"statusCode": 503, "body": "{}"}),
        ("/rooms", {"statusCode": 200, "body": "{}"}),
        ("/rooms", {"statusCode": 200, "body": '[{"code": "a"}]'}),
        ("/rooms", {"statusCode": 200, "body": "<html>"}),
        ("/rooms/code-1", {"statusCode": 200, "body": '{"code": "another"}'}),
        ("/rooms/code-1", {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'pg8000'"}),
        ("/rooms/code-1", {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 15.00 seconds"}),
    ],
)
def test_a_version_that_answers_wrongly_gets_none(
    version: Version, admin: Connection, path: str, answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    insert_rooms(admin, [a_room(code="code-1")])
    version.spoil = lambda asked, right: answer if asked == path else right

    assert status_of(version) == "Failed"
    assert caplog.records


def test_rooms_out_of_order_are_a_fault() -> None:
    rooms = [{**dict.fromkeys(app._ROOM, 1), "price": price} for price in (2, 1)]  # noqa: SLF001 - its members
    answer = app.Answer("/rooms?sort=price", 200, rooms)

    assert list(app._rooms(answer, app._ROOM, ascending="price"))  # noqa: SLF001 - what is tested
    assert not list(app._rooms(replace(answer, content=rooms[::-1]), app._ROOM, ascending="price"))  # noqa: SLF001


@pytest.mark.usefixtures("admin")
def test_a_database_that_has_to_wake_up_is_waited_for(version: Version) -> None:
    asleep = [503, 504, 503]
    version.spoil = lambda _path, right: {"statusCode": asleep.pop(), "body": "{}"} if asleep else right

    assert status_of(version) == "Succeeded"
    assert version.asked[:4] == ["/health/ready"] * 4


@pytest.mark.usefixtures("admin")
def test_codedeploy_gets_an_answer_before_the_timeout(version: Version) -> None:
    assert status_of(version, timeout_s=20) == "Failed"
    assert version.asked == []


def test_the_golden_events_have_the_members_of_api_gateway_s() -> None:
    event, sample = app.EVENTS["rest"]("/rooms", {"limit": "1"}), an_event(limit="1")

    assert set(event) == set(sample)
    assert event["multiValueQueryStringParameters"] == sample["multiValueQueryStringParameters"]
    assert app.EVENTS["rest"]("/rooms", {})["queryStringParameters"] is an_event()["queryStringParameters"]


@pytest.mark.parametrize("door", OFFERED)
def test_the_golden_events_are_of_the_door_that_is_named(door: str) -> None:
    event = app.EVENTS[door]("/rooms", {"limit": "1", "near": "53.55,9.99"})
    sample = OFFERED[door](Sent("/rooms?limit=1&near=53.55,9.99"))

    assert front_door(event) is front_door(sample)
    for name in ("method", "path", "parameters", "base_path", "carries_bytes"):
        assert getattr(read_request(event, ""), name) == getattr(read_request(sample, ""), name)
    assert list(app.EVENTS) == list(OFFERED) == parsed("template.yaml")["Parameters"]["FrontDoor"]["AllowedValues"]
