"""Sends golden queries to a new version before it gets traffic, and reports the result to CodeDeploy.

The queries are valid for any rooms, also for none. The CodeDeploy user guide, "AppSpec 'hooks' section", describes the
hook; without a report CodeDeploy waits for an hour.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_lambda import LambdaClient

    Ask = Callable[..., "Answer"]

_RESERVE_S = 36  # for the slowest answer and the report to CodeDeploy
_PAUSE_S = 1
_OK = 200
_RESUMING = (503, 504)
_HOST = "smoke-test.invalid"
_ROOM = {"code", "size", "price", "latitude", "longitude"}
_HAMBURG = "53.55,9.99"
_LIMIT = 5

_log = logging.getLogger()


class NoTimeLeftError(Exception):
    """The remaining time is needed for the report to CodeDeploy."""


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        query: The path and the parameters.
        status: The HTTP status; 0 if the version did not answer.
        content: The decoded body, or Lambda's error.
    """

    query: str
    status: int
    content: Any

    def fault(self, expected: str) -> str:
        return f"{self.query}: expected {expected}, got {self.status} with {str(self.content)[:300]}"


def handler(event: dict[str, str], context: LambdaContext) -> None:
    """Report `Succeeded` or `Failed` for the deployment that the event names."""
    try:
        faults = list(_examine(context))
    except Exception:  # noqa: BLE001 - CodeDeploy must get a report
        _log.exception("The queries could not be sent")
        faults = ["The queries could not be sent"]
    for fault in faults:
        _log.error(fault)
    _codedeploy().put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Failed" if faults else "Succeeded",
    )


def _examine(context: LambdaContext) -> Iterator[str]:
    def ask(path: str, **parameters: str) -> Answer:
        if _seconds_left(context) < _RESERVE_S:
            raise NoTimeLeftError
        return _ask(path, parameters)

    yield from examine(ask)


def _seconds_left(context: LambdaContext) -> float:
    return context.get_remaining_time_in_millis() / 1000


def examine(ask: Ask) -> Iterator[str]:
    """Yield the faults in a version's answers."""
    try:
        ready = _wait_until_ready(ask)
        if ready.status != _OK:
            yield ready.fault("200")
            return
        yield from _examine_pages(ask)
        yield from _problem(ask("/rooms", filter_prize__lt="1"), 400)
        yield from _problem(ask(f"/rooms/{uuid4()}"), 404)
    except NoTimeLeftError:
        yield "Not enough time left: the database is paused, or the version is slow"


def _wait_until_ready(ask: Ask) -> Answer:
    """Request the readiness until the database has resumed."""
    while (answer := ask("/health/ready")).status in _RESUMING:
        _log.warning(answer.fault("200"))
        time.sleep(_PAUSE_S)
    return answer


def _examine_pages(ask: Ask) -> Iterator[str]:
    limit = str(_LIMIT)
    page = ask("/rooms", limit=limit)
    yield from _rooms(page, _ROOM)
    filtered = ask("/rooms", filter_price__lt="1000000", sort="price", limit=limit)
    yield from _rooms(filtered, _ROOM, ascending="price")
    nearest = ask("/rooms", near=_HAMBURG, sort="distance", limit=limit)
    yield from _rooms(nearest, _ROOM | {"distance_m"}, ascending="distance_m")
    if page.status == _OK and page.content:
        yield from _examine_room(ask, page.content[0])


def _examine_room(ask: Ask, room: dict[str, Any]) -> Iterator[str]:
    # By a filter if its code would need encoding in a path.
    if set(room["code"]) & set("/?#%"):
        answer = ask("/rooms", filter_code__eq=room["code"])
        found = answer.content
    else:
        answer = ask(f"/rooms/{room['code']}")
        found = [answer.content]
    if answer.status != _OK or room not in found:
        yield answer.fault("200 and the room of the page")


def _problem(answer: Answer, expected: int) -> Iterator[str]:
    if answer.status != expected or not (isinstance(answer.content, dict) and "type" in answer.content):
        yield answer.fault(f"{expected} and a problem")


def _rooms(answer: Answer, members: set[str], ascending: str = "") -> Iterator[str]:
    rooms = answer.content
    if answer.status != _OK or not isinstance(rooms, list) or len(rooms) > _LIMIT:
        yield answer.fault(f"200 and up to {_LIMIT} rooms")
    elif any(not isinstance(room, dict) or set(room) < members for room in rooms):
        yield answer.fault(f"rooms with {sorted(members)}")
    elif ascending and [room[ascending] for room in rooms] != sorted(room[ascending] for room in rooms):
        yield answer.fault(f"rooms in the order of {ascending}")


def _ask(path: str, parameters: dict[str, str]) -> Answer:
    query = f"{path}?{urlencode(parameters)}" if parameters else path
    invoked = _lambda().invoke(
        FunctionName=os.environ["NEW_VERSION"],
        Payload=json.dumps(EVENTS[os.environ["FRONT_DOOR"]](path, parameters)).encode(),
    )
    answer = json.loads(invoked["Payload"].read())
    if "FunctionError" in invoked:
        return Answer(query, 0, answer)
    return Answer(query, answer["statusCode"], json.loads(answer["body"]))


def _rest_api(path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the event of a GET (API Gateway developer guide, "Input format of a Lambda function")."""
    headers = {"Accept": "application/json", "Host": _HOST, "X-Forwarded-Proto": "https"}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": parameters or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in parameters.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"requestId": str(uuid4()), "path": path, "stage": "smoke-test"},
        "body": None,
        "isBase64Encoded": False,
    }


def _payload_2(path: str, parameters: dict[str, str], host: str = _HOST) -> dict[str, Any]:
    """Return the event of a GET (API Gateway developer guide, "payload format version" 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(parameters),
        "headers": {"accept": "application/json", "host": host, "x-forwarded-proto": "https"},
        **({"queryStringParameters": parameters} if parameters else {}),
        "requestContext": {
            "domainName": host,
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1"},
            "requestId": str(uuid4()),
            "routeKey": "$default",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


# By the template's parameter FrontDoor.
EVENTS: Mapping[str, Callable[[str, dict[str, str]], dict[str, Any]]] = {
    "http": _payload_2,
    "rest": _rest_api,
    "url": partial(_payload_2, host="smoke-test.lambda-url.invalid"),  # which is how the function tells it apart
}


@cache
def _lambda() -> LambdaClient:
    # The version answers within 28 s. No retries: a missing answer is a fault.
    return boto3.client("lambda", config=Config(connect_timeout=5, read_timeout=31, retries={"total_max_attempts": 1}))


@cache
def _codedeploy() -> Any:
    return boto3.client("codedeploy", config=Config(connect_timeout=2, read_timeout=2))
