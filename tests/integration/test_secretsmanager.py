from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.canaries import SECRET
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from pg8000.native import Connection

    from tests.support.invocation import Invoke


@pytest.fixture(params=["signed here", "boto3"])
def put_secret(
    monkeypatch: pytest.MonkeyPatch,
    migrated: Mapping[str, str],
    secrets: SecretsManagerClient,
    request: pytest.FixtureRequest,
) -> Callable[[str | bytes], None]:
    """Put the text of the secret that the environment names; there is none before."""
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "false" if request.param == "boto3" else "")  # boto3's alone
    name = f"rooms-{uuid4()}"
    monkeypatch.setenv("POSTGRES_SECRET_ID", name)
    for variable in migrated:
        monkeypatch.setenv(variable, "")

    def put_secret(text: str | bytes) -> None:
        value = {"SecretString": text} if isinstance(text, str) else {"SecretBinary": text}
        try:
            secrets.create_secret(Name=name, **value)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, **value)

    return put_secret


@pytest.fixture
def secret(migrated: Mapping[str, str]) -> dict[str, Any]:
    """A secret as RDS writes it."""
    return {
        "engine": "postgres",
        "username": migrated["POSTGRES_USER"],
        "password": migrated["POSTGRES_PASSWORD"],
        "host": migrated["POSTGRES_HOSTNAME"],
        "port": int(migrated["POSTGRES_PORT"]),
        "dbname": migrated["APPLICATION_DB"],
    }


def test_the_settings_are_those_of_the_secret(
    invoke: Invoke, put_secret: Callable[[str], None], secret: dict[str, Any], admin: Connection
) -> None:
    put_secret(json.dumps(secret))
    insert_rooms(admin, [a_room()])

    answer = invoke(an_event())

    assert (answer["statusCode"], len(json.loads(answer["body"]))) == (200, 1)


@pytest.mark.usefixtures("admin")
def test_the_secret_is_read_once_for_many_requests(
    invoke: Invoke, put_secret: Callable[[str], None], secret: dict[str, Any]
) -> None:
    put_secret(json.dumps(secret))
    assert invoke(an_event())["statusCode"] == 200

    put_secret("not read yet")

    assert invoke(an_event())["statusCode"] == 200


@pytest.mark.usefixtures("put_secret")
def test_a_request_that_is_invalid_reads_no_secret(invoke: Invoke) -> None:
    # There is none to read: a request that did would be a 500.
    assert invoke(an_event("filter_unknown"))["statusCode"] == 400
    assert invoke(an_event())["statusCode"] == 500


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (SECRET, "The secret that POSTGRES_SECRET_ID names is not a JSON object"),
        (f'["{SECRET}"]', "The secret that POSTGRES_SECRET_ID names is not a JSON object"),
        (SECRET.encode(), "The secret that POSTGRES_SECRET_ID names is not a JSON object"),
        (b"\xff\xfe\x00" + SECRET.encode(), "The secret that POSTGRES_SECRET_ID names is not a JSON object"),
        (json.dumps({"password": SECRET}), "POSTGRES_USER is missing"),
        (json.dumps({"username": 5, "password": SECRET}), "POSTGRES_USER must be text"),
        (json.dumps({"username": "u", "password": SECRET, "port": SECRET}), "POSTGRES_PORT must be an integer"),
        (None, "SettingsError: The secret that POSTGRES_SECRET_ID names could not be read"),
    ],
)
def test_row_21_and_22_a_secret_that_is_no_use_is_named_without_its_text_and_works_once_corrected(  # noqa: PLR0913, PLR0917 - fixtures
    invoke: Invoke,
    put_secret: Callable[[str | bytes], None],
    secret: dict[str, Any],
    text: str | bytes | None,
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if text is not None:
        put_secret(text)

    answer = invoke(an_event())

    assert answer["statusCode"] == 500
    assert named in capsys.readouterr().out

    put_secret(json.dumps(secret))
    assert invoke(an_event())["statusCode"] == 200
