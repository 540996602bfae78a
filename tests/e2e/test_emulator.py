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
from urllib.request import Request, urlopen

import pytest

from local.database import insert_rooms
from tests.conftest import free_port
from tests.contracts.room_repository import a_room
from tests.e2e.conftest import Command, clean_environ, running
from tests.events import STATUS, an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
def emulator(artifact: Path, runtime: Path, migrated: Mapping[str, str], tmp_path: Path) -> Iterator[Invoke]:
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
        **migrated,
        "AWS_LAMBDA_FUNCTION_NAME": "RoomsFunction",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "15",
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(artifact / "RoomsFunction"),
        "PYTHONPATH": search_path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(event: dict[str, Any]) -> Any:
        with urlopen(Request(url, json.dumps(event).encode()), timeout=30) as answer:
            return json.loads(answer.read())

    with running(command, artifact, environ, tmp_path / "output") as emulating:
        emulating.wait_for(f"http://127.0.0.1:{port}/")
        yield invoke
        _print(emulating)


def _print(emulating: Command) -> None:
    print(emulating.output)  # noqa: T201 - pytest shows it with a failure


def test_the_artifact_answers_under_lambda_s_own_runtime_client(emulator: Invoke, admin: Connection) -> None:
    insert_rooms(admin, [a_room(price=39), a_room(code="other", price=66)])

    answer = emulator(an_event("list_rooms_cheaper_than_60"))

    assert answer["statusCode"] == 200
    assert [room["price"] for room in json.loads(answer["body"])] == [39]

    answer = emulator(an_event("filter_given_twice"))

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["request_id"]


@pytest.mark.usefixtures("admin")
def test_every_sample_event_is_answered_by_the_artifact(emulator: Invoke) -> None:
    statuses = {name: emulator(an_event(name))["statusCode"] for name in STATUS}

    assert statuses == STATUS


def test_the_layers_hold_what_is_needed_and_no_more(artifact: Path) -> None:
    dependencies = {path.name for path in (artifact / "DependenciesLayer" / "python").iterdir() if "-" not in path.name}

    assert dependencies == {
        *("aws_lambda_powertools", "asn1crypto", "dateutil", "jmespath", "pg8000", "scramp", "six.py"),
        *("typing_extensions.py", "requirements.txt"),
    }
    assert {path.name for path in (artifact / "RentomaticLayer" / "python").iterdir()} == {"rentomatic"}
    assert {path.name for path in (artifact / "RoomsFunction").iterdir()} == {"__init__.py", "app.py"}
    assert not list(artifact.rglob("__pycache__"))
