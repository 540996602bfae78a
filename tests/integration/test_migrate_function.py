from __future__ import annotations

import importlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from devtools.runner import LocalLambdaContext
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from tests.contracts.room_repository import CODE, a_room
from tests.support.cloudformation import SIGNATURE, CloudFormation, cloudformation
from tests.support.commands import free_port
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.support.invocation import Invoke


PHYSICAL_ID = "rentomatic-schema"
TABLE = """
    CREATE TABLE room (
        id serial PRIMARY KEY, code varchar(36) NOT NULL,
        size integer, price integer, longitude float8, latitude float8
    )
"""


@pytest.fixture
def stack(tmp_path: Path, aws: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    with cloudformation(tmp_path) as stack:
        for variable, value in {**aws, **stack.environ}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")  # with the address to answer at, if it were heeded
        yield stack


@pytest.fixture
def app(empty_database: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function's module, as a fresh execution environment has it; the environment names an empty database."""
    for variable, value in empty_database.items():
        monkeypatch.setenv(variable, value)
    sys.modules.pop("functions.migrate.app", None)
    logging.Logger.manager.loggerDict.pop("migrate", None)  # it writes to an earlier test's captured output
    root, level = logging.getLogger(), logging.getLogger().level
    yield importlib.import_module("functions.migrate.app")
    root.setLevel(level)  # which crhelper sets


@pytest.fixture
def invoke(app: ModuleType, capsys: pytest.CaptureFixture[str]) -> Invoke:
    def invoke(event: dict[str, Any], timeout_s: float = 60) -> Any:
        answer = app.handler(event, LocalLambdaContext("MigrateFunction", 512, timeout_s))
        output = capsys.readouterr()
        for secret in (SIGNATURE, "SELECT", "CREATE", "[SQL", "127.0.0.1"):
            assert secret not in json.dumps(answer) + output.out + output.err
        sys.stdout.write(output.out)  # for the test to read
        return answer

    return invoke


def tables(connection: Connection) -> list[str]:
    return [table for (table,) in connection.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("event", ["schema_created", "schema_updated"])
def test_the_database_is_migrated_and_cloudformation_answered(
    invoke: Invoke, stack: CloudFormation, empty_database: Mapping[str, str], event: str
) -> None:
    invoke(stack.event(event))

    told = stack.told()
    assert (told["Status"], told["Reason"], told["PhysicalResourceId"]) == ("SUCCESS", "", PHYSICAL_ID)
    assert {told[name] == an_event(event)[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {True}
    assert PostgresRepo(empty_database).list() == []


def test_deleting_the_stack_keeps_the_rooms(
    invoke: Invoke, stack: CloudFormation, empty_database: Mapping[str, str], connection: Connection
) -> None:
    upgrade(empty_database, print)
    insert_rooms(connection, [a_room()])

    invoke(stack.event("schema_deleted"), timeout_s=900)

    told = stack.told()
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
    assert PostgresRepo(empty_database).list() == [a_room()]


@pytest.mark.parametrize("event", ["schema_created", "schema_updated"])
def test_a_refused_migration_fails_with_its_reason(
    invoke: Invoke, stack: CloudFormation, connection: Connection, capsys: pytest.CaptureFixture[str], event: str
) -> None:
    connection.run(TABLE)
    insert_rooms(connection, [a_room(), a_room()])

    invoke(stack.event(event))

    told = stack.told()
    reason = f"Codes must be unique, but more than one room has {CODE}: give each room its own code"
    assert (told["Status"], told["Reason"], told["PhysicalResourceId"]) == ("FAILED", reason, PHYSICAL_ID)
    assert tables(connection) == ["room"]
    (line,) = logged(capsys)
    assert (line["level"], line["service"], line["problem"]) == ("ERROR", "migrate", reason)


def test_a_long_reason_keeps_its_beginning_and_what_to_do(
    invoke: Invoke, stack: CloudFormation, connection: Connection
) -> None:
    connection.run(TABLE)
    connection.run("INSERT INTO room (code) SELECT 'code-' || n / 2 FROM generate_series(0, 999) AS n")

    invoke(stack.event("schema_created"))

    reason = stack.told()["Reason"]
    assert reason.startswith("Codes must be unique, but more than one room has code-0, ")
    assert reason.endswith(": give each room its own code")
    assert len(reason) == 256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"APPLICATION_DB": ""}, "APPLICATION_DB is missing"),
        ({"APPLICATION_DB": "nowhere"}, "Postgres error 3D000: there is no such database"),
        ({"POSTGRES_PORT": "{free}"}, "Communication with Postgres at POSTGRES_HOSTNAME and POSTGRES_PORT failed"),
        ({"READER_CONNECTION_LIMIT": "0"}, "READER_CONNECTION_LIMIT must be an integer from 1 to 262143"),
        ({"READER_SECRET_ID": "nowhere"}, "The secret that READER_SECRET_ID names could not be read"),
    ],
)
def test_what_to_correct_is_the_reason(
    invoke: Invoke, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    for variable, value in change.items():
        monkeypatch.setenv(variable, value.format(free=free_port()))

    invoke(stack.event("schema_created"))

    told = stack.told()
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith(said)


def test_a_bug_is_a_failure_whose_reason_says_nothing(
    invoke: Invoke, app: ModuleType, stack: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("canary")

    monkeypatch.setattr(app, "upgrade", fail)

    invoke(stack.event("schema_created"))

    told = stack.told()
    assert (told["Status"], "canary" in told["Reason"]) == ("FAILED", False)


def test_a_stack_that_is_rolled_back_leaves_a_newer_schema_as_it_is(
    invoke: Invoke, stack: CloudFormation, empty_database: Mapping[str, str], connection: Connection
) -> None:
    upgrade(empty_database, print)
    connection.run("UPDATE alembic_version SET version_num = 'later'")

    invoke(stack.event("schema_updated"))
    assert stack.told()["Status"] == "SUCCESS"
    assert connection.run("SELECT version_num FROM alembic_version") == [["later"]]

    invoke(stack.event("schema_created"))
    told = stack.told()
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("The schema has revision later, which this code does not know")
    assert "for the embedded database, delete its data with manage.py down --delete-data" in told["Reason"]


def test_a_timeout_is_rolled_back_before_lambda_ends(
    invoke: Invoke, stack: CloudFormation, connection: Connection
) -> None:
    connection.run(TABLE)
    connection.run("BEGIN")
    connection.run("LOCK TABLE room IN ROW EXCLUSIVE MODE")

    invoke(stack.event("schema_created"), timeout_s=6)

    told = stack.told()
    assert told["Status"] == "FAILED"
    assert "in time" in told["Reason"]
    connection.run("COMMIT")
    connection.run("BEGIN; LOCK TABLE room; COMMIT")  # which it gets when the migration's transaction is gone
    assert tables(connection) == ["room"]


def test_an_operator_migrates_and_sees_the_steps(invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    answer = invoke(an_event("migrate"))

    assert (answer["is_done"], answer["problem"]) == (True, None)
    assert answer["steps"][0] == "Migrated to revision 4d4c19952a36: Create the room table."
    (line,) = logged(capsys)
    assert (line["message"], line["steps"]) == ("Migrated", answer["steps"])
    assert invoke(an_event("migrate")) == {"is_done": True, "steps": [], "problem": None}


def test_an_operator_sees_why_a_migration_failed(invoke: Invoke, connection: Connection) -> None:
    connection.run("CREATE TABLE room ()")

    answer = invoke(an_event("migrate"))

    assert answer["is_done"] is False
    assert answer["problem"].startswith("The existing table room lacks id, code, size")


def test_another_event_is_refused(app: ModuleType) -> None:
    with pytest.raises(ValueError, match="The event is neither CloudFormation's nor"):
        app.handler({"rentomatic": "mitigate"}, LocalLambdaContext("MigrateFunction", 512, 60))
