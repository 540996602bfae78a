"""The function that migrates, as `sam build` makes it, under the Runtime Interface Emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rentomatic.postgres.doctor import NEWEST_REVISION
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.support.canaries import SECRET
from tests.support.cloudformation import SIGNATURE, CloudFormation, cloudformation
from tests.support.commands import free_port
from tests.support.emulator import AS_ON_LAMBDA, Emulator, emulated
from tests.support.events import an_event
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

pytestmark = AS_ON_LAMBDA

TABLE = """
    CREATE TABLE room (
        id integer PRIMARY KEY, code varchar(36) NOT NULL,
        size integer, price integer, longitude float8, latitude float8
    )
"""


@pytest.fixture
def function(artifact: Path) -> Path:
    """The folder of the function in what `sam build` makes."""
    return artifact / "MigrateFunction"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[CloudFormation]:
    with cloudformation(tmp_path) as stack:
        yield stack


@pytest.fixture
def settings(
    empty_database: Mapping[str, str], stack: CloudFormation, aws: Mapping[str, str], secrets: SecretsManagerClient
) -> Mapping[str, str]:
    secret = {"username": "rentomatic_reader", "password": SECRET}
    secrets.create_secret(Name=empty_database["APPLICATION_DB"], SecretString=json.dumps(secret))
    reader = {"READER_SECRET_ID": empty_database["APPLICATION_DB"], "READER_CONNECTION_LIMIT": "30"}
    return {**empty_database, **aws, **stack.environ, **reader}


@pytest.fixture
def emulator(function: Path, artifact: Path, settings: Mapping[str, str], tmp_path: Path) -> Iterator[Emulator]:
    with emulated(function, artifact, settings, tmp_path, timeout_s=25) as emulator:
        yield emulator
        assert SIGNATURE not in emulator.output


def test_a_stack_that_is_created_has_a_schema_and_a_reader_who_may_log_in(
    emulator: Emulator, stack: CloudFormation, empty_database: Mapping[str, str]
) -> None:
    assert emulator(stack.event("schema_created")) is None

    told = stack.told()
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", "rentomatic-schema"), told
    login = {"POSTGRES_USER": "rentomatic_reader", "POSTGRES_PASSWORD": SECRET, "POSTGRES_HOSTNAME": "127.0.0.1"}
    assert PostgresRepo({**empty_database, **login}).list() == []

    emulator(stack.event("schema_updated"))
    assert stack.told()["Status"] == "SUCCESS"
    emulator(stack.event("schema_deleted"))
    assert stack.told()["Status"] == "SUCCESS"
    assert emulator(an_event("migrate")) == {
        "is_done": True,
        "steps": ["Set the login of rentomatic_reader"],
        "problem": None,
    }


def test_a_migration_that_fails_is_told_and_rolled_back_whole(
    emulator: Emulator, stack: CloudFormation, connection: Connection
) -> None:
    connection.run(TABLE)
    connection.run("INSERT INTO room (id, code) VALUES (1, 'twice'), (2, 'twice')")

    emulator(stack.event("schema_created"))

    told = stack.told()
    assert told["Status"] == "FAILED"
    assert told["Reason"] == ("Codes must be unique, but more than one room has twice: give each room its own code")
    assert connection.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [["room"]]
    assert connection.run("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'") == [[1]]


def test_an_answer_that_does_not_get_through_leaves_the_database_migrated(
    function: Path, artifact: Path, settings: Mapping[str, str], connection: Connection, tmp_path: Path
) -> None:
    event = {**an_event("schema_created"), "ResponseURL": f"https://localhost:{free_port()}/?{SIGNATURE}"}

    with emulated(function, artifact, settings, tmp_path, timeout_s=8) as emulator:
        with pytest.raises(json.JSONDecodeError) as raised:
            emulator(event)
        assert raised.value.doc == "Task timed out after 8.00 seconds"
        assert "Retrying" in emulator.output
        assert SIGNATURE not in emulator.output

    assert connection.run("SELECT version_num FROM alembic_version") == [[NEWEST_REVISION]]


def test_the_function_brings_the_migrations_and_their_libraries(function: Path) -> None:
    assert {path.name for path in function.iterdir() if not path.name.endswith(".dist-info")} == {
        *("__init__.py", "__pycache__", "app.py", "migrations", "schema"),
        *("alembic", "crhelper", "mako", "markupsafe", "sqlalchemy", "typing_extensions.py"),
    }
    versions = {path.name for path in (function / "migrations/versions").glob("*.py")}
    assert versions == {path.name for path in (ROOT / "migrations/versions").glob("*.py")}


def test_every_module_is_there_as_bytecode_that_needs_no_time_stamp(function: Path) -> None:
    for source in function.rglob("*.py"):
        (bytecode,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-313.pyc")
        assert bytecode.read_bytes()[4:8] == b"\1\0\0\0", source  # an unchecked hash (PEP 552)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_compiled_is_there_for_either_architecture(function: Path, machine: str) -> None:
    compiled = {path.relative_to(function).parts[0] for path in function.rglob(f"*-{machine}-linux-gnu.so")}

    assert compiled == {"markupsafe", "sqlalchemy"}
