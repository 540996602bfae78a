"""What `sam build` makes, run by Lambda's own runtime client under the Runtime Interface Emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devtools.api_documents import FOLDER
from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.emulator import AS_ON_LAMBDA, Emulator, emulated
from tests.support.events import STATUS, an_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from pg8000.native import Connection


pytestmark = AS_ON_LAMBDA


@pytest.fixture
def settings(migrated: Mapping[str, str]) -> Mapping[str, str]:
    """The function's environment; a test may override it."""
    return migrated


@pytest.fixture
def emulator(artifact: Path, settings: Mapping[str, str], tmp_path: Path) -> Iterator[Emulator]:
    """Invoke the built function."""
    with emulated(artifact / "RoomsFunction", artifact, settings, tmp_path) as emulator:
        yield emulator


def test_the_artifact_answers_under_the_runtime_client_of_lambda(emulator: Emulator, admin: Connection) -> None:
    insert_rooms(admin, [a_room(price=39), a_room(code="other", price=66)])

    answer = emulator(an_event("list_rooms_cheaper_than_60"))

    assert answer["statusCode"] == 200
    assert [room["price"] for room in json.loads(answer["body"])] == [39]

    answer = emulator(an_event("filter_given_twice"))

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["request_id"]


@pytest.mark.usefixtures("admin")
def test_every_sample_event_is_answered_by_the_artifact(emulator: Emulator) -> None:
    statuses = {name: emulator(an_event(name))["statusCode"] for name in STATUS}

    assert statuses == STATUS


def test_the_artifact_answers_the_doctor_s_event(emulator: Emulator) -> None:
    answer = emulator(an_event("doctor"))

    verdicts = {finding["check"]: finding["verdict"] for finding in answer["findings"]}
    assert verdicts["grants"] == "ok"
    assert verdicts["timeouts"] == "wrong"  # the tests' role has none
    assert answer["is_good"] is False


def test_the_artifact_has_its_documents(emulator: Emulator) -> None:
    answer = emulator({**an_event(), "path": "/docs/page.js"})

    assert (answer["statusCode"], answer["body"]) == (200, (FOLDER / "docs/page.js").read_text(encoding="utf-8"))


def test_the_layers_hold_what_is_needed_and_no_more(artifact: Path) -> None:
    dependencies = {path.name for path in (artifact / "DependenciesLayer" / "python").iterdir() if "-" not in path.name}

    assert dependencies == {
        *("aws_lambda_powertools", "asn1crypto", "dateutil", "jmespath", "lark", "msgspec", "pg8000", "scramp"),
        *("six.py", "typing_extensions.py", "__pycache__"),
    }
    assert {path.name for path in (artifact / "RentomaticLayer" / "python").iterdir()} == {"rentomatic"}
    function = {path.name for path in (artifact / "RoomsFunction").iterdir()}
    assert function == {"__init__.py", "app.py", "openapi.json", "__pycache__"}


def test_every_module_has_bytecode_for_the_folders_of_lambda(
    artifact: Path,
) -> None:
    sources = list(artifact.rglob("*.py"))

    assert sources
    for source in sources:
        (bytecode,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-313.pyc")
        data = bytecode.read_bytes()
        assert data[4:8] == b"\1\0\0\0", source  # an unchecked hash (PEP 552)
        assert str(artifact).encode() not in data


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_compiled_modules_are_there_for_both_architectures(artifact: Path, machine: str) -> None:
    compiled = {path.parent.name for path in (artifact / "DependenciesLayer").rglob(f"*-{machine}-linux-gnu.so")}

    assert compiled == {"msgspec"}


@pytest.mark.usefixtures("admin")
def test_a_killed_runtime_answers_the_next_request(emulator: Emulator) -> None:
    assert emulator(an_event())["statusCode"] == 200
    emulator.runtime().kill()

    assert emulator(an_event())["statusCode"] == 502  # is told of the death
    assert emulator(an_event())["statusCode"] == 200


def test_a_thawed_function_survives_a_dead_connection(emulator: Emulator, admin: Connection) -> None:
    assert emulator(an_event())["statusCode"] == 200
    process = emulator.runtime()
    process.suspend()
    admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'visitor'")
    process.resume()

    assert emulator(an_event())["statusCode"] == 200
    assert emulator.runtime() == process
    # Once, and under the limit of Lambda's, which the emulator has too: it does nothing but import.
    assert emulator.output.count("INIT RTDONE(status: success)") == 1


class TestRotated:
    @pytest.fixture
    def settings(
        self, migrated: Mapping[str, str], aws: Mapping[str, str], secrets: SecretsManagerClient
    ) -> Mapping[str, str]:
        secrets.create_secret(Name="rooms", SecretString=json.dumps({"username": "thawed", "password": "first"}))
        return {**migrated, **aws, "POSTGRES_SECRET_ID": "rooms"}

    def test_a_thawed_function_survives_a_rotated_password(
        self, emulator: Emulator, admin: Connection, secrets: SecretsManagerClient
    ) -> None:
        admin.run("CREATE ROLE thawed LOGIN PASSWORD 'first'")
        admin.run("GRANT SELECT ON room TO thawed")
        assert emulator(an_event())["statusCode"] == 200
        process = emulator.runtime()

        process.suspend()
        admin.run("ALTER ROLE thawed PASSWORD 'second'")
        secrets.put_secret_value(
            SecretId="rooms", SecretString=json.dumps({"username": "thawed", "password": "second"})
        )
        admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'thawed'")
        process.resume()

        assert emulator(an_event())["statusCode"] == 200
        assert emulator.runtime() == process
        assert '"CredentialRefreshes":[1.0]' in emulator.output
