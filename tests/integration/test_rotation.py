"""A password that is rotated, and a Secrets Manager that is slow, down or behind."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError
from pg8000.native import identifier, literal

from devtools.database import insert_rooms
from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.postgres.credentials import secrets_manager as secretsmanager
from rentomatic.postgres.credentials.iam import IamCredentials
from rentomatic.postgres.credentials.secrets_manager import SecretsManagerCredentials, read_secret
from rentomatic.postgres.session import SessionEvent
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.support.clock import Clock
from tests.support.injectors import listener_that_says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection


class FakeSecretsManager:
    """A client of Secrets Manager that holds one secret, and does what it is told instead of answering."""

    def __init__(self, secret: dict[str, Any]) -> None:
        self.secret = secret
        self.next_secret: dict[str, Any] | None = None  # of the second request, and later
        self.asked = 0
        self.error: Exception | None = None
        self.delay_s = 0.0

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        assert SecretId == "rooms"
        self.asked += 1
        time.sleep(self.delay_s)
        if self.error:
            raise self.error
        secret = self.secret
        self.secret = self.next_secret or secret
        return {"SecretString": json.dumps(secret)}


@pytest.fixture
def rotating(admin: Connection, migrated: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The settings of a role whose password the test may change."""
    insert_rooms(admin, [a_room()])
    admin.run("CREATE ROLE rotating LOGIN PASSWORD 'first'")
    admin.run("GRANT SELECT ON room TO rotating")
    yield {**migrated, "POSTGRES_USER": "", "POSTGRES_PASSWORD": "", "POSTGRES_SECRET_ID": "rooms"}
    admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'rotating'")
    admin.run("DROP OWNED BY rotating")
    admin.run("DROP ROLE rotating")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeSecretsManager:
    service = FakeSecretsManager({"username": "rotating", "password": "first"})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)  # with which boto3 would not be asked
    monkeypatch.setattr(secretsmanager, "_client", lambda: service)
    return service


def rotate(admin: Connection, password: str) -> None:
    """Change the password, and drop the connections: a restart would."""
    admin.run(f"ALTER ROLE {identifier('rotating')} PASSWORD {literal(password)}")
    admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'rotating'")


def service_error(code: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "GetSecretValue")


def test_a_password_rotated_with_its_secret_is_unseen(
    rotating: Mapping[str, str], service: FakeSecretsManager, admin: Connection
) -> None:
    events: list[SessionEvent] = []
    repo = PostgresRepo(rotating, count=events.append)
    for password in ("first", "second", "third"):  # one soon after the other
        rotate(admin, password)
        service.secret["password"] = password
        assert repo.list() == [a_room()]

    assert events == [SessionEvent.RECONNECT, SessionEvent.CREDENTIAL_REFRESH] * 2
    assert service.asked == 3


def test_a_rotation_during_the_first_login_is_unseen(
    rotating: Mapping[str, str], service: FakeSecretsManager, admin: Connection
) -> None:
    rotate(admin, "second")
    service.next_secret = {"username": "rotating", "password": "second"}

    assert PostgresRepo(rotating).list() == [a_room()]


def test_a_secret_that_names_another_user_is_unseen(
    rotating: Mapping[str, str], service: FakeSecretsManager, admin: Connection, migrated: Mapping[str, str]
) -> None:
    repo = PostgresRepo(rotating)
    assert repo.list() == [a_room()]
    admin.run("ALTER ROLE rotating NOLOGIN")
    rotate(admin, "first")

    service.secret = {"username": migrated["POSTGRES_USER"], "password": migrated["POSTGRES_PASSWORD"]}

    assert repo.list() == [a_room()]


def test_a_password_rotated_before_its_secret_is_a_503(
    rotating: Mapping[str, str], service: FakeSecretsManager, admin: Connection
) -> None:
    events: list[SessionEvent] = []
    repo = PostgresRepo(rotating, count=events.append)
    assert repo.list() == [a_room()]
    rotate(admin, "second")

    for _ in range(5):
        with pytest.raises(UnavailableError) as raised:
            repo.list()
        assert raised.value.sqlstate == "28P01"

    assert service.asked == 2
    assert SessionEvent.CREDENTIAL_REFRESH not in events
    rotate(admin, "first")
    assert repo.list() == [a_room()]


@pytest.mark.parametrize(("fails", "soon_s", "later_s"), [(False, 5, 15), (True, 0, 5)])
def test_the_secret_is_read_again_after_a_pause(  # noqa: PLR0913, PLR0917 - fixtures
    rotating: Mapping[str, str],
    service: FakeSecretsManager,
    admin: Connection,
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,  # noqa: FBT001 - a case
    soon_s: float,
    later_s: float,
) -> None:
    clock = Clock(monkeypatch)
    repo = PostgresRepo(rotating)
    assert repo.list() == [a_room()]
    rotate(admin, "second")
    if fails:
        service.error = service_error("ThrottlingException")

    for seconds, asked in ((0, 2), (soon_s, 2), (later_s, 3)):
        clock.ahead_s = seconds
        with pytest.raises(UnavailableError):
            repo.list()
        assert service.asked == asked


def test_a_rotation_soon_after_a_refused_login_is_unseen(
    rotating: Mapping[str, str], service: FakeSecretsManager, admin: Connection
) -> None:
    repo = PostgresRepo(rotating)
    assert repo.list() == [a_room()]
    admin.run("ALTER ROLE rotating NOLOGIN")
    rotate(admin, "first")
    with pytest.raises(UnavailableError):
        repo.list()
    admin.run("ALTER ROLE rotating LOGIN")
    assert repo.list() == [a_room()]

    rotate(admin, "second")
    service.secret["password"] = "second"

    assert repo.list() == [a_room()]


@pytest.mark.parametrize("fault", ["throttled", "unresponsive"])
def test_credentials_are_kept_while_secrets_manager_fails(
    rotating: Mapping[str, str], service: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(secretsmanager, "_MAX_AGE_S", 0)
    monkeypatch.setattr(secretsmanager, "_TIMEOUT_S", 0.2)
    repo = PostgresRepo({**rotating, "POSTGRES_MAX_AGE_S": "0.000001"})
    assert repo.list() == [a_room()]
    service.error, service.delay_s = (service_error("ThrottlingException"), 0) if fault == "throttled" else (None, 2)

    for _ in range(3):
        assert repo.list() == [a_room()]

    assert service.asked == 2  # then there is a pause


@pytest.mark.parametrize("fault", ["throttled", "unresponsive"])
def test_without_any_credentials_rooms_are_unavailable(
    rotating: Mapping[str, str], service: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(secretsmanager, "_TIMEOUT_S", 0.2)
    service.error, service.delay_s = (service_error("ThrottlingException"), 0) if fault == "throttled" else (None, 2)
    repo = PostgresRepo(rotating)

    with pytest.raises(UnavailableError) as raised:
        repo.list()
    assert raised.value.phase == "credentials"

    service.error, service.delay_s = None, 0
    assert repo.list() == [a_room()]


def test_denied_access_to_the_secret_is_a_500_until_granted(
    rotating: Mapping[str, str], service: FakeSecretsManager
) -> None:
    repo = PostgresRepo(rotating)
    service.error = service_error("AccessDeniedException")
    for _ in range(2):
        with pytest.raises(SettingsError, match="AccessDenied"):
            repo.list()

    service.error = None

    assert repo.list() == [a_room()]


def test_an_unresponsive_service_leaves_time_for_the_database(
    rotating: Mapping[str, str], service: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secretsmanager, "_MAX_AGE_S", 0)
    repo = PostgresRepo({**rotating, "POSTGRES_MAX_AGE_S": "0", "POSTGRES_TIMEOUT_S": "1"})
    assert repo.list() == [a_room()]

    service.delay_s = 2

    assert repo.list() == [a_room()]


def test_a_new_secret_that_is_of_no_use_does_not_replace_the_last(
    rotating: Mapping[str, str], service: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secretsmanager, "_MAX_AGE_S", 0)
    repo = PostgresRepo({**rotating, "POSTGRES_MAX_AGE_S": "0"})
    assert repo.list() == [a_room()]

    service.secret = {"username": "rotating"}

    assert repo.list() == [a_room()]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"POSTGRES_PASSWORD": "wrong"}, "28P01"),
        ({"POSTGRES_AUTH": "token"}, "POSTGRES_AUTH must be iam or password"),
    ],
)
def test_credentials_that_are_configured_are_tried_once(
    migrated: Mapping[str, str], wrong: dict[str, str], error: str
) -> None:
    events: list[SessionEvent] = []

    with pytest.raises(RepositoryError, match=error):
        PostgresRepo({**migrated, **wrong}, count=events.append).list()

    assert events == []


def test_iam_sends_its_token_over_tls_alone(migrated: Mapping[str, str]) -> None:
    with pytest.raises(SettingsError, match="POSTGRES_SSLMODE must not be disable"):
        PostgresRepo({**migrated, "POSTGRES_AUTH": "iam"}).list()


@pytest.mark.parametrize("region", ["", "eu-central-1"])
def test_iam_without_region_or_role_is_a_wrong_setting(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # an earlier test's may have found credentials
    if region:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)

    with pytest.raises(SettingsError, match="No IAM token could be signed") as raised:
        PostgresRepo({**migrated, "POSTGRES_AUTH": "iam", "POSTGRES_SSLMODE": "require"}).list()
    assert raised.value.phase == "credentials"


def test_an_iam_token_is_signed_for_the_user_at_the_address(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ("AKIDEXAMPLE", "secret/+", "session")
    for variable, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"), keys, strict=True):
        monkeypatch.setenv(f"AWS_{variable}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # an earlier test's may have found credentials
    address = {"POSTGRES_HOSTNAME": "rooms.example", "POSTGRES_PORT": "5433", "POSTGRES_USER": "reader"}

    settings = IamCredentials({**migrated, **address}).read()

    address_, _, query = settings.password.partition("/?")
    signed, _, signature = query.partition("&X-Amz-Signature=")
    fields = dict(parse_qsl(signed))
    assert (settings.user, address_) == ("reader", "rooms.example:5433")
    assert (fields["Action"], fields["DBUser"], fields["X-Amz-Security-Token"]) == ("connect", "reader", "session")
    assert fields["X-Amz-Credential"] == f"AKIDEXAMPLE/{fields['X-Amz-Date'][:8]}/eu-central-1/rds-db/aws4_request"
    request = AWSRequest("GET", f"https://{address_}/?{signed}")
    request.context["timestamp"] = fields["X-Amz-Date"]
    auth = SigV4QueryAuth(BotocoreCredentials(*keys), "rds-db", "eu-central-1")
    assert signature == auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


@pytest.fixture(params=["signed here", "boto3"])
def answering(
    aws_environ: None,  # noqa: ARG001 - set before
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Callable[..., AbstractContextManager[None]]:
    """Let the service answer with one status after the other; of a 200, with a secret."""
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "false" if request.param == "boto3" else "")  # boto3's alone
    body = json.dumps({"SecretString": json.dumps({"username": "rotating"})})

    @contextmanager
    def answering(*statuses: int) -> Iterator[None]:
        answers = [f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\n\r\n{body}" for status in statuses]
        with listener_that_says(*map(str.encode, answers)) as port:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            secretsmanager._client.cache_clear()  # noqa: SLF001 - it asks an earlier test's
            yield

    return answering


@pytest.mark.parametrize("statuses", [(500, 200), (200, 500)])
def test_a_secret_is_requested_again_if_that_may_help(
    answering: Callable[..., AbstractContextManager[None]], statuses: tuple[int, ...]
) -> None:
    with answering(*statuses):
        assert read_secret("POSTGRES_SECRET_ID", "rooms") == {"username": "rotating"}


@pytest.mark.parametrize(("statuses", "error"), [((500, 500, 200), UnavailableError), ((400, 200), SettingsError)])
def test_a_secret_is_requested_twice_at_most(
    answering: Callable[..., AbstractContextManager[None]], statuses: tuple[int, ...], error: type[Exception]
) -> None:
    with answering(*statuses), pytest.raises(error, match="could not be read"):
        read_secret("POSTGRES_SECRET_ID", "rooms")


def test_no_representation_shows_a_secret(rotating: Mapping[str, str], service: FakeSecretsManager) -> None:
    credentials = SecretsManagerCredentials(rotating)
    settings = credentials.read(time.monotonic() + 5)

    assert service.asked == 1
    assert "first" not in repr(credentials) + repr(settings) + str(settings)
