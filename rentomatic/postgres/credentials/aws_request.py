"""Signed requests to AWS services without an SDK: importing boto3 takes 250 ms, this module 10 ms.

It supports what Lambda functions have, credentials in the environment. Use boto3 for anything else.
Signature Version 4: AWS Identity and Access Management user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"
_REQUIRED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_SENT = (*_REQUIRED, "AWS_SESSION_TOKEN")
# Only boto3 supports these.
_FOR_BOTO3 = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
)
_ENDPOINT = re.compile(r"https?://[a-zA-Z0-9.:\[\]-]+/?")  # no path and no user
# The partitions with amazonaws.com or amazonaws.com.cn. Only boto3 supports others.
_REGION = re.compile(r"(?!.*-iso)[a-z]{2}(-[a-z]+)+-[0-9]+")


class AwsError(Exception):
    """The service answered with an error.

    Attributes:
        status: The HTTP status.
        code: The service's error code, such as `ThrottlingException`; may be empty.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code or status}: {message}")
        self.status = status
        self.code = code


class ProtocolError(Exception):
    """The response is not valid."""


def can_request(service: str, environ: Mapping[str, str]) -> bool:
    """Return whether the environment has everything that `request` needs and nothing that it does not support."""
    return (
        all(environ.get(name, "").isascii() and environ.get(name, "").isprintable() for name in _SENT)
        and all(map(environ.get, _REQUIRED))
        and not any(map(environ.get, _FOR_BOTO3))
        and bool(_REGION.fullmatch(_region(environ)))
        and bool(_ENDPOINT.fullmatch(_endpoint(service, environ)))
    )


def request(
    service: str, target: str, content: Mapping[str, Any], environ: Mapping[str, str], timeout_s: float
) -> Mapping[str, Any]:
    """Send a request in AWS's JSON protocol and return the response.

    Args:
        service: The service's name, such as "Secrets Manager".
        target: The operation, with the service's prefix.
        content: The operation's parameters.
        environ: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION`; optionally `AWS_SESSION_TOKEN`,
            `AWS_ENDPOINT_URL` or the service's own endpoint variable.
        timeout_s: The timeout of connecting and of each read.

    Raises:
        AwsError: the service answered with an error.
        OSError: the service cannot be reached or the connection broke.
        ProtocolError: the response is not HTTP, or not a JSON object.
    """
    # Takes 8 ms, which only a function with a secret pays.
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: PLC0415

    endpoint = urlsplit(_endpoint(service, environ))
    body = json.dumps(content).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": endpoint.netloc,
        "X-Amz-Target": target,
    }
    connect = HTTPConnection if endpoint.scheme == "http" else HTTPSConnection
    connection = connect(endpoint.netloc, timeout=timeout_s)
    try:
        connection.request("POST", "/", body, signed(headers, body, service, environ, datetime.now(UTC)))
        response = connection.getresponse()
        text = response.read()
    except HTTPException as error:
        raise ProtocolError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if response.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise _error(response.status, text)
    answer = _parsed(text)
    if answer is None:
        raise ProtocolError("the answer is not a JSON object")
    return answer


def signed(
    headers: Mapping[str, str], body: bytes, service: str, environ: Mapping[str, str], now: datetime
) -> Mapping[str, str]:
    """Return the headers of a POST to `/` with those of the signature."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    token = environ.get("AWS_SESSION_TOKEN")
    headers = {**headers, "X-Amz-Date": moment, **({"X-Amz-Security-Token": token} if token else {})}
    canonical = {name.lower(): value for name, value in sorted(headers.items(), key=lambda item: item[0].lower())}
    lines = [f"{name}:{value}" for name, value in canonical.items()]
    names = ";".join(canonical)
    request_text = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = [moment[:8], _region(environ), _id(service), "aws4_request"]
    text = "\n".join([_ALGORITHM, moment, "/".join(scope), hashlib.sha256(request_text.encode()).hexdigest()])
    key = f"AWS4{environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in [*scope, text]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = "/".join([environ["AWS_ACCESS_KEY_ID"], *scope])
    proof = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
    return {**headers, "Authorization": proof}


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


def _endpoint(service: str, environ: Mapping[str, str]) -> str:
    variable = f"AWS_ENDPOINT_URL_{service.replace(' ', '_').upper()}"
    own = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
    region = _region(environ)
    return own or f"https://{_id(service)}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _id(service: str) -> str:
    return service.replace(" ", "").lower()


def _error(status: int, text: bytes) -> AwsError:
    answer = _parsed(text) or {}
    code = str(answer.get("__type", "")).rpartition("#")[2]
    return AwsError(status, code, str(answer.get("message") or answer.get("Message") or ""))


def _parsed(text: bytes) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
