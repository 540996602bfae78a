"""Fixtures that more than one kind of test needs."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import pytest
from hypothesis import HealthCheck, settings
from moto.server import ThreadedMotoServer
from pg8000.native import Connection, identifier, literal

from devtools.database import insert_rooms
from devtools.embedded_postgres import embedded_postgres_server, give_to_system_user, initialise
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import secrets_manager as secretsmanager
from rentomatic.postgres.credentials.aws_request import _FOR_BOTO3
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from tests.support.canaries import HOST, PASSWORD
from tests.support.commands import clean_environ, free_port, let_commands_be_interrupted
from tests.support.paths import ROOT, clone_repository
from tests.support.workers import made_once

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rentomatic.domain.room import Room
    from tests.contracts.room_search import Change

_MEMORY_MIN = 4 * 1024**3
_FEW_BYTES = 2**17  # of rooms, up to which DELETE takes a tenth of the time of TRUNCATE
# Autovacuum locks a table at moments that nobody chooses.
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")

pytest_plugins = ["tests.support.invocation"]


settings.register_profile(
    "default",
    max_examples=25,  # other ones each time, and each contract is run by up to seven adapters
    deadline=None,  # these machines are noisy
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # a database may serve many examples
        HealthCheck.differing_executors,  # a contract is run by a class per adapter
    ],
)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    let_commands_be_interrupted()
    if not config.option.basetemp:
        # pytest's own folder is shut by each run that starts, before the eyes of an embedded Postgres of another.
        config.option.basetemp = tempfile.mkdtemp(prefix="rentomatic-tests-", dir=_memory())
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import the tests without looking for garbage, which takes 3 of 10 s of each worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()  # nothing of it becomes garbage later
        gc.enable()


def _memory() -> str | None:
    """Return Linux's folder in memory if it has room for all workers and may run programs, otherwise None.

    There CREATE DATABASE takes 22 ms of processor time, on ext4 200 ms.
    """
    folder = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder of this user's own in it
    try:
        space = os.statvfs(folder)
    except OSError:
        return None
    has_room = space.f_bavail * space.f_frsize >= _MEMORY_MIN
    return folder if has_room and not space.f_flag & os.ST_NOEXEC else None


@pytest.fixture(scope="session")
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Copies an empty data directory to a new path, which takes a tenth of the time to make one."""
    made = made_once("cluster", tmp_path_factory, initialise)

    def copy(data: Path) -> None:
        data.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", made, data], check=True)
        give_to_system_user(data)

    return copy


@pytest.fixture(scope="session")
def server(
    make_cluster: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """A Postgres of the tests' own: the settings of its superuser. Or the one that TESTED_POSTGRES has, in JSON."""
    if tested := os.environ.get("TESTED_POSTGRES"):
        yield json.loads(tested)
        return
    data = tmp_path_factory.mktemp("embedded") / "postgres"
    make_cluster(data)
    fast = [option for setting in _FAST for option in ("-c", setting)]
    with embedded_postgres_server(data, host="127.0.0.1", port=free_port(), options=fast) as configuration:
        yield configuration


@pytest.fixture(scope="session")
def aws() -> Iterator[Mapping[str, str]]:
    """The environment of a caller of an AWS of the tests' own, which other processes can reach too."""
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }
    service.stop()


@pytest.fixture
def aws_environ(aws: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process ask the tests' AWS, as a Lambda function would."""
    for variable in _FOR_BOTO3:  # a developer's machine, or CI, may have a proxy
        monkeypatch.delenv(variable, raising=False)
    for variable, value in aws.items():
        monkeypatch.setenv(variable, value)


@pytest.fixture
def secrets(aws_environ: None) -> SecretsManagerClient:  # noqa: ARG001 - set before
    """A Secrets Manager that this process asks."""
    secretsmanager._client.cache_clear()  # noqa: SLF001 - it asks an earlier test's
    return boto3.client("secretsmanager")


@pytest.fixture
def empty_database(server: Mapping[str, str], request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """The settings of a database of this test's own, without any table."""
    with _a_database(server, request, template="template1") as settings:
        yield settings


@pytest.fixture(scope="session")
def newest_schema(server: Mapping[str, str]) -> str:
    """The name of a database whose schema is up to date, to copy: that takes a seventh of the time to migrate one."""
    name = "newest_schema"
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE DATABASE {name}")
    upgrade({**server, "APPLICATION_DB": name}, print)
    return name


@pytest.fixture
def database(
    server: Mapping[str, str], newest_schema: str, request: pytest.FixtureRequest
) -> Iterator[Mapping[str, str]]:
    """The settings of a database of this test's own, whose schema is up to date, without any room."""
    with _a_database(server, request, newest_schema) as settings:
        yield settings


@contextmanager
def _a_database(
    server: Mapping[str, str], request: pytest.FixtureRequest, template: str
) -> Iterator[Mapping[str, str]]:
    name = f"test_{abs(hash(request.node.nodeid))}"
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(template)} STRATEGY FILE_COPY")
        yield {**server, "APPLICATION_DB": name}
        admin.run(f"DROP DATABASE {identifier(name)} WITH (FORCE)")


@pytest.fixture
def connection(empty_database: Mapping[str, str]) -> Iterator[Connection]:
    """A superuser's connection to the database of `empty_database`."""
    with connect(read_postgres_settings(empty_database)) as connection:
        yield connection


@pytest.fixture(scope="session")
def migrated(server: Mapping[str, str]) -> Mapping[str, str]:
    """The settings, over TCP and with a password, of a database whose schema is up to date."""
    upgrade(server, print)
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE ROLE visitor LOGIN PASSWORD {literal(PASSWORD)}")
        admin.run("GRANT SELECT ON room TO visitor")
    return {
        **server,
        "POSTGRES_HOSTNAME": HOST,
        "POSTGRES_USER": "visitor",
        "POSTGRES_PASSWORD": PASSWORD,
    }


@pytest.fixture
def admin(server: Mapping[str, str], migrated: Mapping[str, str]) -> Iterator[Connection]:
    """A superuser's connection to the database of `migrated`, whose room table starts empty."""
    assert migrated["APPLICATION_DB"] == server["APPLICATION_DB"]
    with connect(read_postgres_settings(server)) as connection:
        ((size,),) = connection.run("SELECT pg_relation_size('room')")
        connection.run("TRUNCATE room" if size > _FEW_BYTES else "DELETE FROM room")
        yield connection


@pytest.fixture
def change_table(admin: Connection) -> Change:
    def change(added: Sequence[Room], removed: Sequence[str]) -> None:
        insert_rooms(admin, added)
        admin.run("DELETE FROM room WHERE code = ANY(CAST(:codes AS text[]))", codes=list(removed))

    return change


@pytest.fixture
def clone(new_clone: Path, make_cluster: Callable[[Path], None]) -> Path:
    """A copy of the repository whose embedded Postgres has been made, but never been started."""
    make_cluster(new_clone / ".data" / "postgres")
    return new_clone


@pytest.fixture
def new_clone(make_clone: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of the repository as git would clone it, with this one's virtual environment and bytecode."""
    return make_clone(tmp_path)


@pytest.fixture(scope="session")
def make_clone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Copies the repository as git would clone it into a folder, and returns the copy's path."""
    made = made_once("clone", tmp_path_factory, clone_repository)

    def copy(folder: Path) -> Path:
        clone = folder / "rentomatic"
        subprocess.run(["cp", "-a", made, clone], check=True)  # a quarter of the time of shutil's
        return clone

    return copy


@pytest.fixture(scope="session")
def lambda_python() -> str:
    """The Python that Lambda has, which `sam build` needs."""
    python = shutil.which("python3.13")
    # pyenv has a command for each version, and only some of them run.
    if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("sam build needs a python3.13 on PATH, and there is none")
    return python


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory, lambda_python: str) -> Path:  # noqa: ARG001 - found, or all of it is skipped
    """What `sam build` makes: a folder for each function and layer."""

    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "samcli", "build", "--build-dir", str(folder)]
        result = subprocess.run(command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    return made_once("artifact", tmp_path_factory, build)
