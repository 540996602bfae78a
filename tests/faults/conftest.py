"""A function whose database is behind a proxy, and a client that checks what every answer must be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pg8000.native import literal

from devtools.database import insert_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.faults.faulty import ROOMS, TIMEOUT_S
from tests.support.canaries import PASSWORD
from tests.support.events import an_event
from tests.support.injectors import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

    Invoke = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def migrated(server: Mapping[str, str], migrated: Mapping[str, str]) -> Mapping[str, str]:
    """The settings of a role of these tests' own, whose connections nobody else has."""
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE ROLE faulty LOGIN PASSWORD {literal(PASSWORD)}")
        admin.run("GRANT SELECT ON room TO faulty")
    return {**migrated, "POSTGRES_USER": "faulty"}


@pytest.fixture(autouse=True)
def rooms(admin: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    insert_rooms(admin, ROOMS)
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", str(TIMEOUT_S))


@pytest.fixture
def proxy(
    invoke: Invoke,  # noqa: ARG001 - which sets the environment before
    monkeypatch: pytest.MonkeyPatch,
    migrated: Mapping[str, str],
) -> Iterator[Proxy]:
    """The proxy through which the function reaches its database."""
    proxy = Proxy(int(migrated["POSTGRES_PORT"]))
    monkeypatch.setenv("POSTGRES_PORT", str(proxy.port))
    yield proxy
    proxy.close()


class Client:
    """Asks for the rooms, and checks that the answer is right or tells nothing."""

    def __init__(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        self._invoke = invoke
        self._capsys = capsys
        self.counted: set[str] = set()  # the metrics of the last answer

    def __call__(self, **invocation: Any) -> tuple[int, Any]:
        """Return an answer's status, and the one line that was logged about it; None if it is 200."""
        answer = self._invoke(an_event(), **invocation)
        lines = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        metrics = [line["_aws"]["CloudWatchMetrics"][0]["Metrics"] for line in lines if "_aws" in line]
        self.counted = {metric["Name"] for each in metrics for metric in each}
        errors = [line for line in lines if line.get("level") == "ERROR"]
        status = answer["statusCode"]
        if status == 200:
            assert [room["price"] for room in json.loads(answer["body"])] == [room.price for room in ROOMS]
            assert errors == []
            return status, None
        assert set(json.loads(answer["body"])) == {"type", "title", "status", "detail", "message", "request_id"}
        assert not [word for word in ("Postgres", "Error:", "SELECT") if word in answer["body"]]
        retry_after = answer["multiValueHeaders"].get("Retry-After")
        assert (retry_after is not None) == (status == 503)
        assert retry_after is None or 1 <= int(retry_after[0]) <= 5
        (error,) = errors
        assert error["elapsed_s"] >= 0
        return status, error


@pytest.fixture
def ask(invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> Client:
    return Client(invoke, capsys)
