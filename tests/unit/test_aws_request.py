from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.postgres.credentials import aws_request
from rentomatic.postgres.credentials.aws_request import AwsError, can_request, request, signed
from tests.soak.secrets_service import SecretsService

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/+", "AWS_REGION": "eu-central-1"}
OPERATION = ("Secrets Manager", "secretsmanager.GetSecretValue")


@given(
    body=st.binary(max_size=200),
    token=st.text("abcdefgh/+=", max_size=20),
    now=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_a_request_is_signed_as_botocore_signs_it(body: bytes, token: str, now: datetime) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.1", "Host": "localhost:5000", "X-Amz-Target": "t.Operation"}
    now = now.replace(tzinfo=UTC)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    botocores = AWSRequest("POST", "http://localhost:5000/", headers=headers, data=body)
    botocores.context["timestamp"] = moment
    botocores.headers["X-Amz-Date"] = moment
    if token:
        botocores.headers["X-Amz-Security-Token"] = token
    auth = SigV4Auth(Credentials("AKIDEXAMPLE", "secret/+", token or None), "secretsmanager", "eu-central-1")
    text = auth.string_to_sign(botocores, auth.canonical_request(botocores))

    ours = signed(headers, body, "Secrets Manager", {**ENVIRON, "AWS_SESSION_TOKEN": token}, now)

    assert ours["Authorization"].endswith(f"Signature={auth.signature(text, botocores)}")
    assert f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(botocores))}" in ours["Authorization"]
    assert f"Credential=AKIDEXAMPLE/{moment[:8]}/eu-central-1/secretsmanager/aws4_request" in ours["Authorization"]


@pytest.mark.parametrize(
    ("change", "is_enough"),
    [
        ({}, True),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-gov-west-1"}, True),
        ({"AWS_REGION": "us-iso-east-1"}, False),
        ({"AWS_REGION": ""}, False),
        ({"AWS_REGION": "../evil-1"}, False),
        ({"AWS_SECRET_ACCESS_KEY": ""}, False),
        ({"AWS_PROFILE": "mine"}, False),
        ({"https_proxy": "http://proxy"}, False),
        ({"AWS_ENDPOINT_URL": "http://localhost:4566"}, True),
        ({"AWS_ENDPOINT_URL": "http://localhost/prefix"}, False),
        ({"AWS_ENDPOINT_URL": "localhost:4566"}, False),
        ({"AWS_SESSION_TOKEN": "secret\n"}, False),
    ],
)
def test_what_only_boto3_knows_is_left_to_it(change: dict[str, str], is_enough: bool) -> None:  # noqa: FBT001 - a case
    assert can_request("Secrets Manager", {**ENVIRON, **change}) == is_enough


@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({}, "https://secretsmanager.eu-central-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://localhost:1"}, "http://localhost:1"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://b"}, "http://b"),
    ],
)
def test_the_service_is_where_boto3_looks_for_it(change: dict[str, str], url: str) -> None:
    assert aws_request._endpoint("Secrets Manager", {**ENVIRON, **change}) == url  # noqa: SLF001


@pytest.fixture
def service() -> Iterator[SecretsService]:
    service = SecretsService()
    yield service
    service.close()


def test_an_answer_comes_back(service: SecretsService) -> None:
    service.put("rooms", username="u")

    answer = request(*OPERATION, {"SecretId": "rooms"}, {**ENVIRON, "AWS_ENDPOINT_URL": service.url}, 2)

    assert json.loads(answer["SecretString"]) == {"username": "u"}


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("throttled", 400, "ThrottlingException"),
        ("down", 500, "InternalServiceError"),
        (None, 400, "ResourceNotFoundException"),
    ],
)
def test_an_error_has_its_status_and_code(service: SecretsService, how: str | None, status: int, code: str) -> None:
    if how:
        service.failing["rooms"] = how

    with pytest.raises(AwsError, match=code) as raised:
        request(*OPERATION, {"SecretId": "rooms"}, {**ENVIRON, "AWS_ENDPOINT_URL": service.url}, 2)

    assert (raised.value.status, raised.value.code) == (status, code)


def test_who_does_not_answer_is_given_up_on(service: SecretsService) -> None:
    service.failing["rooms"] = "unresponsive"

    with pytest.raises(TimeoutError):
        request(*OPERATION, {"SecretId": "rooms"}, {**ENVIRON, "AWS_ENDPOINT_URL": service.url}, 0.1)
