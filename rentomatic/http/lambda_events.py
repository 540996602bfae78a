"""Events of Lambda's front doors in, their responses out.

The front doors are REST APIs and HTTP APIs of API Gateway, function URLs and Application Load Balancers (API Gateway
developer guide, "Lambda proxy integration" and "payload format version"; Lambda developer guide, "Invoking Lambda
function URLs"; Elastic Load Balancing user guide, "Lambda functions as targets").
"""

from __future__ import annotations

import re
from base64 import b64encode
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, unquote_plus

from rentomatic.http.request import RESPONSE_MAX, Request, printable_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.http.response import Response

_LOAD_BALANCER_RESPONSE_MAX = 1_000_000 - 20_000  # of all of the response "1 MB"
_PARAMETER = re.compile(r"\{(\w+)\+?\}")
_SCHEDULERS = ("aws.events", "aws.scheduler", "serverless-plugin-warmup")


class FrontDoor(Enum):
    """What a request came through."""

    REST_API = auto()
    HTTP_API_1 = auto()
    HTTP_API_2 = auto()
    FUNCTION_URL = auto()
    LOAD_BALANCER = auto()


class UnknownEventError(ValueError):
    """The event is neither a request nor a call to keep the function warm."""

    def __init__(self, event: object) -> None:
        members = f" with the members {', '.join(sorted(map(str, event)))[:300]}" if isinstance(event, dict) else ""
        super().__init__(
            "Expected a request from a REST API, an HTTP API, a function URL or a load balancer, or {} to warm up; "
            f"got a {type(event).__name__}{members}"
        )


def is_warm_up(event: Any) -> bool:
    """Return whether an event only keeps the function warm.

    That is an empty event, a scheduled one of EventBridge, or what serverless-plugin-warmup and lambda-warmer send.
    """
    if event in ({}, None):
        return True
    if not isinstance(event, dict) or event.get("requestContext"):
        return False
    return event.get("source") in _SCHEDULERS or event.get("warmer") is True


def read_request(event: Any, request_id: str) -> Request:
    """Return the request of an event.

    Args:
        event: What Lambda hands over.
        request_id: See `Request.id`.

    Raises:
        UnknownEventError: the event is not a request.
    """
    door = front_door(event)
    if door in (FrontDoor.HTTP_API_2, FrontDoor.FUNCTION_URL):
        return _read_payload_2(event, door, request_id)
    return _read_payload_1(event, door, request_id)


def front_door(event: Any) -> FrontDoor:
    """Return what an event came through.

    Raises:
        UnknownEventError: the event is not a request.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    if isinstance(context, dict):
        if isinstance(event.get("httpMethod"), str) and "path" in event:
            if "elb" in context:
                return FrontDoor.LOAD_BALANCER
            return FrontDoor.HTTP_API_1 if event.get("version") == "1.0" else FrontDoor.REST_API
        http = context.get("http")
        if isinstance(http, dict) and isinstance(http.get("method"), str) and "rawPath" in event:
            is_url = ".lambda-url." in (context.get("domainName") or "")
            return FrontDoor.FUNCTION_URL if is_url else FrontDoor.HTTP_API_2
    raise UnknownEventError(event)


def _read_payload_1(event: Mapping[str, Any], door: FrontDoor, request_id: str) -> Request:
    context = event["requestContext"]
    lists = event.get("multiValueHeaders") or _listed(event.get("headers"))
    headers = {name.lower(): ", ".join(values) for name, values in lists.items()}
    parameters = event.get("multiValueQueryStringParameters") or _listed(event.get("queryStringParameters"))
    if door is FrontDoor.LOAD_BALANCER:  # which leaves them as they were sent
        parameters = _decoded(parameters)
    is_exact = door is not FrontDoor.HTTP_API_1
    base, path = _split_base(event["path"] or "/", _resource(event.get("resource"), event), context)
    # The path of the context begins with the stage, too. Under `sam local` it is a pattern.
    public_path = context.get("path") or ""
    is_public = public_path.endswith(path) or (path == "/" and public_path)  # `/prod` is the root, too
    return Request(
        event["httpMethod"].upper(),
        path=_encoded(path, is_exact=is_exact),
        parameters=parameters,
        headers=_with_host(headers, context),
        base_path=_base_path(public_path.removesuffix(path) if is_public else base),
        id=request_id,
        correlation_id=context.get("requestId") or headers.get("x-amzn-trace-id", ""),
        is_path_exact=is_exact,
        response_max=_LOAD_BALANCER_RESPONSE_MAX if door is FrontDoor.LOAD_BALANCER else RESPONSE_MAX,
        # A REST API would have to list the media types whose bodies it decodes.
        carries_bytes=door is not FrontDoor.REST_API,
    )


def _read_payload_2(event: Mapping[str, Any], door: FrontDoor, request_id: str) -> Request:
    context = event["requestContext"]
    is_exact = door is FrontDoor.FUNCTION_URL
    _, _, pattern = (event.get("routeKey") or "").rpartition(" ")
    base, path = _split_base(event["rawPath"] or "/", _resource(pattern, event), context)
    return Request(
        context["http"]["method"].upper(),
        path=_encoded(path, is_exact=is_exact),
        parameters=parse_qs(event.get("rawQueryString") or "", keep_blank_values=True),
        headers=_with_host({name.lower(): value for name, value in (event.get("headers") or {}).items()}, context),
        base_path=_base_path(base),
        id=request_id,
        correlation_id=context.get("requestId") or "",
        is_path_exact=is_exact,
        carries_bytes=True,
    )


def _listed(values: Mapping[str, str] | None) -> Mapping[str, Sequence[str]]:
    return {name: [value] for name, value in (values or {}).items()}


def _decoded(parameters: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    decoded: dict[str, list[str]] = {}
    for name, values in parameters.items():
        decoded.setdefault(unquote_plus(name), []).extend(map(unquote_plus, values))
    return decoded


def _with_host(headers: dict[str, str], context: Mapping[str, Any]) -> dict[str, str]:
    if not headers.get("host"):
        headers["host"] = context.get("domainName") or ""
    return headers


def _resource(pattern: str | None, event: Mapping[str, Any]) -> str:
    """Return the path that API Gateway matched: a pattern such as `/{proxy+}`, with its parameters filled in.

    It is empty if they are missing.
    """
    if not pattern or "{" not in pattern:
        return pattern or ""
    parameters = event.get("pathParameters") or {}
    resource = _PARAMETER.sub(lambda match: parameters.get(match[1]) or "", pattern)
    return "" if resource == "/" else resource


def _split_base(path: str, resource: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return the base path, which may be empty, and the rest of a path.

    Args:
        path: What was sent, or that decoded.
        resource: What API Gateway matched, without the base path; `$default` if it did not look at the path.
        context: Of the event; the stage is part of the path where it is not the default one.
    """
    if resource == "$default":
        resource = path.removeprefix(f"/{context.get('stage')}") or "/"
    if resource == "/":
        return path.rstrip("/"), "/"
    if not resource.startswith("/") or path == resource:
        return "", path
    # Whether the parameters of the resource are decoded depends on the front door.
    for whole, rest in ((path, resource), (unquote(path), resource), (unquote(path), unquote(resource))):
        base = whole.rstrip("/").removesuffix(rest.rstrip("/"))
        if base != whole.rstrip("/") and path.startswith(base):
            return base, path[len(base) :]
    return "", path


def _base_path(base: str) -> str:
    """Return a base path with one slash at its front, as no link may begin with two; empty for none."""
    base = base.strip("/")
    return f"/{base}" if base else ""


def _encoded(path: str, *, is_exact: bool) -> str:
    """Return a path percent-encoded, as it was sent if that is known."""
    return printable_path(path) if is_exact else quote(path)


def write_response(response: Response, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a response in the form that the front door of an event expects."""
    answer: dict[str, Any] = {"statusCode": response.status, "body": response.body, "isBase64Encoded": False}
    if isinstance(response.body, bytes):
        answer |= {"body": b64encode(response.body).decode(), "isBase64Encoded": True}
    if "elb" in event["requestContext"]:
        answer["statusDescription"] = f"{response.status} {HTTPStatus(response.status).phrase}"
    if event.get("multiValueHeaders") is not None:  # who sends lists takes them, and a load balancer nothing else
        answer["multiValueHeaders"] = {name: [value] for name, value in response.headers.items()}
    else:
        answer["headers"] = response.headers
    return answer
