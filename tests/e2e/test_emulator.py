"""What `sam build` makes, run by Lambda's own runtime client under the Runtime Interface Emulator.

Both come from PyPI: the client is awslambdaric, and SAM CLI's wheel carries the emulator.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.database import insert_rooms
from local.documents import FOLDER
from tests.canaries import assert_no_canary
from tests.conftest import free_port
from tests.contracts.room_repository import a_room
from tests.e2e.conftest import Command, clean_environ, running
from tests.events import STATUS, an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import psutil
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from pg8000.native import Connection

    Invoke = Callable[[dict[str, Any]], Any]

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux", reason="The Runtime Interface Emulator is a program for Linux"
)

# What Lambda's own image has besides the standard library.
RUNTIME = (
    *("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A folder with what Lambda's image has, and nothing else of this virtual environment."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name in RUNTIME:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        (folder / target.name).symlink_to(target)
    return folder


@pytest.fixture
def settings(migrated: Mapping[str, str]) -> Mapping[str, str]:
    """The function's environment; a test may override it."""
    return migrated


@pytest.fixture
def emulator(artifact: Path, runtime: Path, settings: Mapping[str, str], tmp_path: Path) -> Iterator[Emulator]:
    """Invoke the built function as Lambda runs it, its code read-only."""
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    rapid = Path(find_spec("samcli").origin).parent / "local" / "rapid"  # type: ignore[union-attr, arg-type]
    program = str(rapid / f"aws-lambda-rie-{architecture}")
    port, api_port = free_port(), free_port()
    layers = [artifact / layer / "python" for layer in ("DependenciesLayer", "RentomaticLayer")]
    search_path = os.pathsep.join(map(str, [artifact / "RoomsFunction", *layers, runtime]))
    command = [
        *(program, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        # -S: nothing of this virtual environment but what is in the search path.
        *(sys.executable, "-S", "-m", "awslambdaric", "app.handler"),
    ]
    environ = {
        **{name: value for name, value in clean_environ().items() if name in {"HOME", "PATH", "LANG"}},
        **settings,
        "AWS_LAMBDA_FUNCTION_NAME": "RoomsFunction",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "15",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(artifact / "RoomsFunction"),
        "PYTHONPATH": search_path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    with running(command, artifact, environ, tmp_path / "output") as emulating:
        emulating.wait_for(f"http://127.0.0.1:{port}/")
        yield Emulator(url, emulating)
        print(emulating.output)  # noqa: T201 - pytest shows it with a failure


class Emulator:
    """The emulator, to invoke the function by and to do things to the function's process."""

    def __init__(self, url: str, command: Command) -> None:
        self._url = url
        self._command = command

    def __call__(self, event: dict[str, Any]) -> Any:
        try:
            with urlopen(Request(self._url, json.dumps(event).encode()), timeout=30) as answer:  # noqa: S310 - our own
                body = answer.read().decode()
        except HTTPError as error:
            with error:
                return {"statusCode": error.code}
        assert_no_canary(body)
        return json.loads(body)

    @property
    def output(self) -> str:
        return self._command.output

    def runtime(self) -> psutil.Process:
        (process,) = (process for process in self._command.family() if "awslambdaric" in process.cmdline()[1:5])
        return process


def test_the_artifact_answers_under_lambda_s_own_runtime_client(emulator: Emulator, admin: Connection) -> None:
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
    assert verdicts["time-outs"] == "wrong"  # the tests' role has none
    assert answer["is_good"] is False


def test_the_artifact_has_its_documents(emulator: Emulator) -> None:
    answer = emulator({**an_event(), "path": "/docs"})

    assert (answer["statusCode"], answer["body"]) == (200, (FOLDER / "docs.html").read_text(encoding="utf-8"))


def test_the_layers_hold_what_is_needed_and_no_more(artifact: Path) -> None:
    dependencies = {path.name for path in (artifact / "DependenciesLayer" / "python").iterdir() if "-" not in path.name}

    assert dependencies == {
        *("aws_lambda_powertools", "asn1crypto", "dateutil", "jmespath", "orjson", "pg8000", "scramp", "six.py"),
        *("typing_extensions.py", "__pycache__"),
    }
    assert {path.name for path in (artifact / "RentomaticLayer" / "python").iterdir()} == {"rentomatic"}
    function = {path.name for path in (artifact / "RoomsFunction").iterdir()}
    assert function == {"__init__.py", "app.py", "docs.html", "openapi.json", "__pycache__"}


def test_every_module_is_there_as_bytecode_that_needs_no_time_stamp_and_names_lambda_s_own_folders(
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
def test_what_is_compiled_is_there_for_either_architecture(artifact: Path, machine: str) -> None:
    compiled = {path.name.split(".")[0] for path in artifact.rglob(f"*-{machine}-linux-gnu.so")}

    assert compiled == {"orjson"}


@pytest.mark.usefixtures("admin")
def test_row_39_killed_while_it_waits(emulator: Emulator) -> None:
    assert emulator(an_event())["statusCode"] == 200
    emulator.runtime().kill()

    assert emulator(an_event())["statusCode"] == 502  # is told of the death
    assert emulator(an_event())["statusCode"] == 200


def test_row_40_frozen_and_thawed_onto_a_dead_connection(emulator: Emulator, admin: Connection) -> None:
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
    def service(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManagerClient]:
        """A Secrets Manager of the test's own, that the function can reach too."""
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield boto3.client("secretsmanager", region_name="us-east-1", endpoint_url=f"http://{host}:{port}")
        server.stop()

    @pytest.fixture
    def settings(self, migrated: Mapping[str, str], service: SecretsManagerClient) -> Mapping[str, str]:
        service.create_secret(Name="rooms", SecretString=json.dumps({"username": "thawed", "password": "first"}))
        return {
            **migrated,
            "POSTGRES_SECRET_ID": "rooms",
            "AWS_ENDPOINT_URL": service.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    def test_row_40_frozen_and_thawed_onto_a_rotated_password(
        self, emulator: Emulator, admin: Connection, service: SecretsManagerClient
    ) -> None:
        admin.run("CREATE ROLE thawed LOGIN PASSWORD 'first'")
        admin.run("GRANT SELECT ON room TO thawed")
        assert emulator(an_event())["statusCode"] == 200
        process = emulator.runtime()

        process.suspend()
        admin.run("ALTER ROLE thawed PASSWORD 'second'")
        service.put_secret_value(
            SecretId="rooms", SecretString=json.dumps({"username": "thawed", "password": "second"})
        )
        admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'thawed'")
        process.resume()

        assert emulator(an_event())["statusCode"] == 200
        assert emulator.runtime() == process
        assert '"CredentialsRenewals":[1.0]' in emulator.output
