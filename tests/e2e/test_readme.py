"""The commands of README and docs, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from devtools.database import insert_rooms, sample_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from schema.reader_login import READER
from tests.contracts.room_repository import a_room
from tests.support.commands import clean_environ, free_port, get, run_in_shell, running
from tests.support.engine import docker, ensure_docker
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

README = (ROOT / "README.md").read_text()
IMPORT = (ROOT / "docs" / "import.md").read_text()
PAGES = [page.read_text() for pattern in ("*.md", "docs/*.md", "tests/*/*.md") for page in sorted(ROOT.glob(pattern))]
BLOCKS = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]
SCRIPTS = [block for block in BLOCKS if block.startswith("#!")]
COMMANDS = [
    line
    for block in BLOCKS
    if block not in SCRIPTS
    for line in block.replace("\\\n", "").splitlines()
    if line and not line.startswith("#")
]
REQUESTS = [line for line in README.splitlines() if line.startswith("curl ") and ":3000/" in line]

LAMBDA_IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
GENERATE = ".venv/bin/python manage.py generate "
DOCTOR = ".venv/bin/python manage.py doctor"
ON_DOCKER = ("docker compose ", "POSTGRES_PORT=5433 docker compose ", "sam local ")
RUN_BELOW = ("make run", "curl ", "ogrinfo ", ".venv/bin/python manage.py ", ".venv/bin/alembic ", *ON_DOCKER)
RUN_ELSEWHERE = {
    "make test": "it is what runs this",
    "make check": "`make test` runs it first",
    ".venv/bin/python -m tests.mutants": "it takes an hour or two",
    "make mutants": "likewise",
    "make soak": "it takes minutes; tests/soak/test_soak.py runs it in small",
    "make scale": "it takes minutes; test_plans.py reads the plan of each query",
    ".venv/bin/python -m pytest": "it is what runs this",
    "make bench": "it takes minutes; tests/integration/test_benchmark.py tests what it says",
    "export PATH": "it is a setting, which `make test` makes too",
    "sam build": "test_emulator.py runs it, and what needs Docker below",
    "sam deploy": "it needs an AWS account; test_stack.py creates the stack in moto",
    "aws cloudformation": "it needs an AWS account",
    "aws secretsmanager": "it needs an AWS account",
    "make rehearse": "it takes minutes; test_rehearsal.py takes the same steps on moto",
    "aws lambda invoke": "it needs an AWS account; test_emulator.py sends the event",
    "aws ": "it needs an AWS account; test_pages.py looks up its options",
    "sam delete": "likewise",
    'curl "$URL': "likewise",
    "export AWS_": "it is a setting",
    "gh ": "it needs a repository on GitHub",
    "python3 manage.py compose ": "test_containers.py runs them",
    "docker build --tag endpoint": "test_containers.py runs it",
    "(cd tests/e2e/clients": "it changes the lock; `make` installs what it has",
    ".venv/bin/python manage.py documents --swagger-ui": "test_manage.py runs it",
    "git pull": "it needs a repository elsewhere",
    "make .venv/.installed": "the other commands of make do it first",
}


def test_every_command_is_run_or_is_known_to_be_run_elsewhere() -> None:
    known = (*RUN_BELOW, *RUN_ELSEWHERE)

    assert [command for command in COMMANDS if not command.startswith(known)] == []


def ask(request: str, port: int) -> tuple[str, str]:
    """Return the answer to a request of the README, and its status."""
    words = [*shlex.split(request.replace(":3000/", f":{port}/")), "--silent", "--write-out", "\n%{http_code}"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    answer, _, status = result.stdout.rpartition("\n")
    return answer, status


def test_the_first_screen_does_what_it_says(clone: Path) -> None:
    port = free_port()
    (make_run,) = (command for command in COMMANDS if command == "make run")
    (answer,) = re.findall(r"```json\n(.*?)\n```", README, re.DOTALL)
    with running([*shlex.split(make_run), f"PORT={port}"], clone, clean_environ(), clone.parent / "output") as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")

        first, *others = (ask(request, port) for request in REQUESTS)

        server.press_ctrl_c()
    assert first == (answer, "200")
    assert [status for _, status in others] == ["200", "200", "200", "200", "400"]


@pytest.fixture(scope="module")
def catalogue(
    tmp_path_factory: pytest.TempPathFactory,
    make_clone: Callable[[Path], Path],
    make_cluster: Callable[[Path], None],
) -> Iterator[int]:
    """The port of the API that `make run` serves, with the rooms that the README generates, but fewer of them."""
    clone, port = make_clone(tmp_path_factory.mktemp("catalogue")), free_port()
    make_cluster(clone / ".data" / "postgres")
    (generate,) = (command for command in COMMANDS if command.startswith(GENERATE))
    with running(["make", "run", f"PORT={port}"], clone, clean_environ(), clone.parent / "output") as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")
        words = shlex.split(generate.replace("1000000", "2000"))
        subprocess.run(words, cwd=clone, env=clean_environ(), capture_output=True, timeout=60, check=True)
        yield port
        server.press_ctrl_c()


def test_the_script_of_the_docs_walks_finds_and_reports_errors(tmp_path: Path, catalogue: int) -> None:
    (script,) = SCRIPTS
    script = script.replace(":3000/", f":{catalogue}/").replace("limit=10000", "limit=300")

    result = subprocess.run(["/bin/sh", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    count, columns, *lines = result.stdout.splitlines()
    nearest, wrong = lines[:20], lines[20:]
    distances = [float(line.rpartition(",")[2]) for line in nearest]
    assert count == "2012 rooms"
    assert columns == "code,size,price,latitude,longitude,distance_m"
    assert distances == sorted(distances)
    assert distances[-1] < 5000
    assert [line.rpartition(" -> ")[2] for line in wrong] == ["400"] * 5
    for line, name in zip(wrong, ["limit", "near", "sort", "filter_prize__lt", "cursor"], strict=True):
        assert [error["name"] for error in json.loads(line.rpartition(" -> ")[0])["errors"]] == [name]


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="GDAL is not here: Debian's gdal-bin has ogrinfo")
def test_a_gis_counts_the_rooms(catalogue: int) -> None:
    (ogrinfo,) = (command for command in COMMANDS if command.startswith("ogrinfo ") and "OAPIF" not in command)
    words = shlex.split(ogrinfo.replace(":3000/", f":{catalogue}/").replace("limit=10000", "limit=50"))

    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)

    assert "Geometry: Point" in result.stdout
    assert "Feature Count: 50" in result.stdout


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="GDAL is not here: Debian's gdal-bin has ogrinfo")
def test_a_gis_opens_the_rooms_as_a_layer(catalogue: int) -> None:
    count, cheap = (command for command in COMMANDS if command.startswith("ogrinfo ") and "OAPIF" in command)

    outputs = [
        subprocess.run(
            shlex.split(command.replace(":3000/", f":{catalogue}/")),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for command in (count, cheap)
    ]

    assert "Feature Count: 2012" in outputs[0]
    assert set(re.findall(r"price \(Integer\) = (.*)", outputs[1])) == {"40"}


@pytest.mark.parametrize(
    "command",
    [
        command
        for command in COMMANDS
        # A function on AWS is not there, and the doctor finds fault with a database that is not migrated.
        if command.startswith((".venv/bin/python manage.py", ".venv/bin/alembic"))
        and not command.startswith((GENERATE, DOCTOR))
        and "$FUNCTION" not in command
    ],
)
def test_the_commands_of_the_virtual_environment_run(clone: Path, command: str, empty_database: dict[str, str]) -> None:
    environ = {**clean_environ(), **empty_database}
    (clone / "rooms.csv").write_text("code,size,price,latitude,longitude\na,20,40,53.55,9.99\n")
    if re.search("manage.py (import|export|add|change|remove) ", command):
        upgrade(empty_database, print)
    if re.search("manage.py (change|remove) ", command):
        with connect(read_postgres_settings(empty_database)) as owner:
            insert_rooms(owner, [a_room(code="garden"), *sample_rooms()])
    command = command.replace("manage.py remove ", "manage.py remove --yes ")  # there is no terminal

    subprocess.run(command, shell=True, cwd=clone, env=environ, capture_output=True, timeout=60, check=True)  # noqa: S602 - the README's own


def test_the_listings_are_imported_as_the_page_says(clone: Path, database: Mapping[str, str]) -> None:
    environ = {**clean_environ(), **database}
    (command,) = {line for line in COMMANDS if "manage.py import docs/listings.csv" in line}
    added, unchanged = re.findall(r"```text\n(Read .*?)```", IMPORT, re.DOTALL)
    (refused,) = re.findall(r'^\{"line": .*$', IMPORT, re.MULTILINE)

    def run(command: str) -> str:
        words = shlex.split(command)
        return subprocess.run(words, cwd=clone, env=environ, capture_output=True, text=True, check=True).stdout

    first, again = run(command), run(command)
    run(command.replace("--round", "--report exact.jsonl"))

    assert added in first
    assert unchanged in again
    assert (clone / "exact.jsonl").read_text().splitlines()[0] == refused


def test_the_diff_of_the_docs_adds_a_field_to_filter_and_sort_by(clone: Path) -> None:
    (diff,) = re.findall(r"```diff\n(.*?)```", "".join(PAGES), re.DOTALL)
    subprocess.run(["git", "apply", "-"], input=diff, cwd=clone, text=True, check=True)
    program = """
from rentomatic.repository.memrepo import MemRepo
from rentomatic.requests.room_search import build_room_search_request
room = {"code": "c", "size": 20, "price": 40, "longitude": 9.99, "latitude": 53.55}
rooms = MemRepo([{**room, "code": str(floor), "floor": floor} for floor in range(4)])
request = build_room_search_request({"filter_floor__gte": ["2"], "sort": ["-floor"]})
print(*(room.floor for room in rooms.search(request.search).rooms))
"""

    result = subprocess.run([".venv/bin/python", "-c", program], cwd=clone, capture_output=True, text=True, check=True)

    assert result.stdout == "3 2\n"
    subprocess.run([".venv/bin/python", "manage.py", "documents"], cwd=clone, capture_output=True, check=True)
    schemas = json.loads((clone / "rentomatic/http/openapi.json").read_text())["components"]["schemas"]
    assert schemas["Room"]["properties"]["floor"]["description"] == "0 is the ground floor"
    assert "floor" in schemas["Feature"]["properties"]["properties"]["required"]
    searched = "MemRepoSearched or PostgresRepoSearched and not AsTheReader and not ByThePublicInterface"
    contracts = ["tests/unit/test_memrepo.py", "tests/integration/test_postgresrepo.py", "-k", searched, "-q"]
    subprocess.run([".venv/bin/python", "-m", "pytest", *contracts], cwd=clone, capture_output=True, check=True)


def test_the_doctor_says_what_the_docs_show_of_a_migrated_database(clone: Path, database: Mapping[str, str]) -> None:
    (shown,) = re.findall(r"```text\n(ok .*?)```", "".join(PAGES), re.DOTALL)
    password = {"POSTGRES_HOSTNAME": "127.0.0.1", "POSTGRES_USER": READER, "POSTGRES_PASSWORD": "..."}
    command = shlex.split(DOCTOR)
    environ = {**clean_environ(), **database, **password}
    with connect(read_postgres_settings(database)) as owner:
        owner.run(f"ALTER ROLE {READER} LOGIN PASSWORD '...'")

        good = subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, check=True)
        owner.run(f"ALTER ROLE {READER} RESET statement_timeout")
        bad = subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, check=False)
        # The role is the cluster's, in which there are other tests.
        owner.run(f"ALTER ROLE {READER} NOLOGIN PASSWORD NULL; ALTER ROLE {READER} SET statement_timeout = '8s'")

    assert {line.split()[0] for line in good.stdout.splitlines()} == {"ok"}
    assert bad.returncode == 1
    assert shown in bad.stdout


class OnDocker:
    """Runs the commands of the docs that need Docker, beside whatever else runs on the engine.

    Attributes:
        ran: The commands, as they stand in the docs.
    """

    def __init__(self, clone: Path) -> None:
        self.ran: set[str] = set()
        self.clone = clone
        self.project = f"rentomatic-test-{uuid4().hex[:8]}"
        self.environ = {
            **clean_environ(),
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "COMPOSE_PROJECT_NAME": self.project,  # or it would be the clone's folder, whose volume is the user's
            "POSTGRES_PORT": str(free_port()),
        }
        if not subprocess.run(
            ["docker", "image", "inspect", LAMBDA_IMAGE], capture_output=True, check=False
        ).returncode:
            self.environ["SAM_SKIP_PULL_IMAGE"] = "true"  # there may be no registry

    def run(self, command: str) -> str:
        """Run a command, and return its output; fail unless it succeeds."""
        self.ran.add(command)
        return run_in_shell(command.replace("=5433 ", f"={free_port()} "), self.clone, self.environ)

    @contextmanager
    def serve(self, command: str) -> Iterator[str]:
        """Run `sam local start-api` on a free port until the block is left: its URL."""
        self.ran.add(command)
        port = str(free_port())
        words = [*shlex.split(command), "--port", port]
        with running(words, self.clone, self.environ, self.clone.parent / "output") as server:
            server.wait_for(f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
            server.press_ctrl_c()

    def left(self) -> list[str]:
        """Return the containers, networks and volumes of the project."""
        kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        mine = ["--quiet", "--filter", f"label=com.docker.compose.project={self.project}"]
        return [word for kind in kinds for word in docker(*kind, *mine).split()]


@pytest.fixture
def on_docker(clone: Path, lambda_python: str) -> Iterator[OnDocker]:  # noqa: ARG001 - what `sam build` needs
    ensure_docker()
    commands = OnDocker(clone)
    yield commands
    commands.run("docker compose down --volumes")


def test_the_commands_with_docker_run(on_docker: OnDocker) -> None:
    """Use one database and one build for all, since `sam build` takes long."""
    run = on_docker.run
    run("docker compose up -d")
    run("sam build")
    rooms = json.loads(run("sam local invoke -e events/list_rooms.json"))
    found = json.loads(run("sam local invoke -e events/doctor.json"))
    with on_docker.serve("sam local start-api") as api:
        status, of_get, body = get(f"{api}/rooms?limit=2", X_Forwarded_Proto="https")
        _, of_head, _ = get(f"{api}/rooms?limit=2", "HEAD")
    run("POSTGRES_PORT=5433 docker compose up -d")
    run("docker compose down --volumes")

    sample = [room["code"] for room in json.loads((ROOT / "devtools/sample_rooms.json").read_text())]
    assert [room["code"] for room in json.loads(rooms["body"])] == sample
    assert found["is_good"]
    assert {each["check"]: each["verdict"] for each in found["findings"] if each["verdict"] != "ok"} == {
        "TLS": "warning"
    }
    assert (status, [room["code"] for room in json.loads(body)]) == (200, sample[:2])
    assert of_head["Content-Length"] == of_get["Content-Length"]
    assert of_get["Link"].startswith(f"<{api}/rooms?")  # of http, as docs/api.md says
    assert on_docker.left() == []
    assert on_docker.ran == {command for command in COMMANDS if command.startswith((*ON_DOCKER, "sam build"))}
