"""Events of each front door for one and the same request, and the answers read back.

The frames are AWS' own (`sam local generate-event`), which lack payload 1.0 of an HTTP API and function URLs: these are
those of a REST API and of payload 2.0, with the members that the developer guides of API Gateway and Lambda name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from samcli.lib.generated_sample_events.events import Events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "rooms.example"


@dataclass(frozen=True)
class Sent:
    """What a client sent.

    Attributes:
        target: Path and query, percent-encoded.
        mapping: The base path of a custom domain, which precedes the path in the URL; API Gateway matches without it.
    """

    target: str
    method: str = "GET"
    headers: Mapping[str, str] | None = None
    mapping: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def all_headers(self) -> dict[str, str]:
        return {"Host": HOST, "X-Forwarded-Proto": "https", **(self.headers or {})}


def _frame(service: str, type_: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(_generated(service, type_))
    return event | {"body": None, "isBase64Encoded": False}


@cache
def _generated(service: str, type_: str) -> str:
    event: str = Events().generate_event(service, type_, {"querystringparameters": "{}"})
    return event


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]] | None:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists or None


def rest_api(sent: Sent) -> dict[str, Any]:
    pairs = parse_qsl(sent.query, keep_blank_values=True)
    event = _frame("apigateway", "aws-proxy")
    context = event["requestContext"]
    context |= {"path": (sent.mapping or f"/{context['stage']}") + sent.path, "resourcePath": "/{proxy+}"}
    return event | {
        "resource": "/{proxy+}",
        "path": sent.mapping + sent.path,
        "httpMethod": sent.method,
        "pathParameters": {"proxy": sent.path.removeprefix("/")},
        "headers": sent.all_headers,
        "multiValueHeaders": {name: [value] for name, value in sent.all_headers.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": _lists(pairs),
    }


def rest_api_with_domain(sent: Sent) -> dict[str, Any]:
    event = rest_api(sent)
    event["requestContext"]["path"] = event["path"]
    return event


def console_test(sent: Sent) -> dict[str, Any]:
    """Return what the console's button "Test" sends: nothing but a method and a path."""
    event = rest_api(sent)
    nothing = dict.fromkeys(
        ["headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "stageVariables"]
    )
    event["requestContext"] |= {"stage": "test-invoke-stage", "domainName": "testPrefix.testDomainName"}
    return event | nothing


def http_api_path(path: str) -> str:
    """Return the path that an HTTP API hands over: decoded, cut at a `?`, and decoded once more."""
    return unquote(unquote(path).partition("?")[0])


def http_api_1(sent: Sent) -> dict[str, Any]:
    path = http_api_path(sent.path)
    return rest_api(sent) | {
        "version": "1.0",
        "path": sent.mapping + path,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "requestContext": {**rest_api(sent)["requestContext"], "path": sent.mapping + path, "stage": "$default"},
    }


def http_api_2(sent: Sent) -> dict[str, Any]:
    path = http_api_path(sent.path)
    event = _payload_2(sent, path)
    event["requestContext"] |= {"domainName": HOST, "stage": "$default", "routeKey": "ANY /{proxy+}"}
    return event | {"routeKey": "ANY /{proxy+}", "pathParameters": {"proxy": path.removeprefix("/")}}


def function_url(sent: Sent) -> dict[str, Any]:
    event = _payload_2(sent, sent.path)
    event["requestContext"] |= {"domainName": "abc123.lambda-url.eu-central-1.on.aws", "stage": "$default"}
    return event


def _payload_2(sent: Sent, path: str) -> dict[str, Any]:
    event = _frame("apigateway", "http-api-proxy")
    event["requestContext"]["http"] |= {"method": sent.method, "path": path}
    lists = _lists(parse_qsl(sent.query, keep_blank_values=True)) or {}
    return event | {
        "rawPath": path,
        "rawQueryString": sent.query,
        "queryStringParameters": {name: ",".join(values) for name, values in lists.items()},
        "pathParameters": None,
        "headers": {name.lower(): value for name, value in sent.all_headers.items()},
    }


def load_balancer(sent: Sent) -> dict[str, Any]:
    return _frame("alb", "request") | {
        "httpMethod": sent.method,
        "path": sent.path,
        "headers": {name.lower(): value for name, value in sent.all_headers.items()},
        "queryStringParameters": dict(_encoded_pairs(sent)),
    }


def load_balancer_with_lists(sent: Sent) -> dict[str, Any]:
    event = load_balancer(sent)
    event["multiValueHeaders"] = {name: [value] for name, value in event.pop("headers").items()}
    event["multiValueQueryStringParameters"] = _lists(_encoded_pairs(sent)) or {}
    del event["queryStringParameters"]
    return event


def _encoded_pairs(sent: Sent) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (pair.partition("=") for pair in sent.query.split("&") if pair)]


FRONT_DOORS: dict[str, Callable[[Sent], dict[str, Any]]] = {
    "REST API": rest_api,
    "HTTP API, payload 1.0": http_api_1,
    "HTTP API, payload 2.0": http_api_2,
    "function URL": function_url,
    "load balancer": load_balancer,
    "load balancer with lists": load_balancer_with_lists,
}
# Those of the template, by its parameter FrontDoor; the REST API under a domain, where no path begins with a stage.
OFFERED: dict[str, Callable[[Sent], dict[str, Any]]] = {
    "http": http_api_2,
    "rest": rest_api_with_domain,
    "url": function_url,
}
# Those that hand over the path as it was sent.
EXACT = [name for name in FRONT_DOORS if not name.startswith("HTTP API")]


def response_form(door: str) -> set[str]:
    """Return the members of a response to a front door."""
    headers = "headers" if door in ("HTTP API, payload 2.0", "function URL", "load balancer") else "multiValueHeaders"
    return {"statusCode", headers, "body", "isBase64Encoded", *(["statusDescription"] if "balancer" in door else [])}


def header(answer: Mapping[str, Any], name: str) -> str | None:
    """Return a header of a proxy response; None if it is missing."""
    if "headers" in answer:
        value: str | None = answer["headers"].get(name)
        return value
    values = answer["multiValueHeaders"].get(name, [])
    assert len(values) <= 1
    return values[0] if values else None


def without_timing(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of a REST API without `Server-Timing`, which it must have, and which no two answers share."""
    headers = dict(answer["multiValueHeaders"])
    assert len(headers.pop("Server-Timing")) == 1
    return {**answer, "multiValueHeaders": headers}
