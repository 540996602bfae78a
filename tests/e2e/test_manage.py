"""What a newcomer types, in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from devtools.api_documents import FOLDER
from devtools.database import insert_rooms
from devtools.swagger_ui import COPIES
from tests.contracts.room_repository import OTHER_CODE, a_room
from tests.support.commands import Command, clean_environ, free_port, get, running
from tests.support.injectors import listener_that_says
from tests.support.manage import MANAGE, assert_one_clear_line, run_manage, run_sql, start_manage
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from pg8000.native import Connection


@contextmanager
def serving(clone: Path, command: str = "manage.py serve", **environ: str) -> Iterator[tuple[Command, str]]:
    """Serve from the clone until the block is left: the command and the URL."""
    port = free_port()
    words = ["make", "run", f"PORT={port}"] if command == "make run" else [sys.executable, "manage.py", "serve"]
    arguments = [] if command == "make run" else ["--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running([*words, *arguments], clone, {**clean_environ(), **environ}, clone.parent / "output") as server:
        server.wait_for(f"{url}/rooms")
        yield server, url


def postgres_of(clone: Path) -> list[psutil.Process]:
    data = str(clone / ".data" / "postgres")
    return [process for process in psutil.process_iter() if _is_running(process) and data in process.cmdline()]


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.cmdline())  # a zombie has none
    except psutil.NoSuchProcess:
        return False


def test_links_have_the_scheme_of_the_proxy_in_front(clone: Path, migrated: dict[str, str], admin: Connection) -> None:
    insert_rooms(admin, [a_room(), a_room(code=OTHER_CODE)])
    with serving(clone, **migrated) as (_, url):
        links = [
            get(f"{url}/rooms?limit=1", Host="rooms.example", **sent)[1]["Link"].partition("://rooms.example/rooms?")[0]
            for sent in ({}, {"X_Forwarded_Proto": "https"}, {"X_Forwarded_Proto": "http, https"})
        ]

    assert links == ["<http", "<https", "<https"]


def test_make_run_serves_until_ctrl_c_and_keeps_the_database(new_clone: Path) -> None:
    bodies = []
    for _ in range(2):
        with serving(new_clone, "make run") as (server, url):
            status, _, body = get(f"{url}/rooms?filter_price__lt=60")
            family = server.family()

            server.press_ctrl_c()

            assert status == 200
            assert postgres_of(new_clone) == []
            assert [process for process in family if _is_running(process)] == []
            assert "Traceback" not in server.output
            bodies.append(body)

    assert bodies[0] == bodies[1]
    prices = [room["price"] for room in json.loads(bodies[0])]
    assert prices
    assert all(price < 60 for price in prices)


def test_changed_code_is_served_without_a_restart(clone: Path) -> None:
    api = clone / "rentomatic" / "http" / "resources.py"
    with serving(clone) as (server, url):
        source = api.read_text()

        api.write_text(source.replace("No resource at this path", "Nothing to see here"))
        assert json.loads(get(f"{url}/nothing")[2])["message"] == "Nothing to see here"

        api.write_text("this is no Python")
        assert get(f"{url}/nothing")[0] == 500  # SAM CLI's answer where API Gateway's is 502

        api.write_text(source)
        assert json.loads(get(f"{url}/nothing")[2])["message"] == "No resource at this path"

        responses = clone / "rentomatic" / "responses.py"
        responses.write_text(responses.read_text().replace('"ResourceError"', '"NoSuchThing"'))
        assert get(f"{url}/rooms")[0] == 200
        assert json.loads(get(f"{url}/nothing")[2])["type"] == "NoSuchThing"
        server.press_ctrl_c()

        assert '"GET /nothing HTTP/1.1" 404' in server.output
        assert "\x1b" not in server.output  # no colours, as it is no terminal


@pytest.mark.parametrize("said", ["Starting the embedded Postgres", "Migrated to revision", "Listening on"])
def test_ctrl_c_while_it_starts_leaves_nothing(new_clone: Path, said: str) -> None:
    command = [sys.executable, "manage.py", "serve", "--port", str(free_port())]
    with running(command, new_clone, clean_environ(), new_clone.parent / "output") as server:
        server.wait_for_output(said)
        family = server.family()

        server.press_ctrl_c()

        assert postgres_of(new_clone) == []
        assert [process for process in family if _is_running(process)] == []
        assert "Traceback" not in server.output


def test_a_second_ctrl_c_leaves_nothing_either(clone: Path) -> None:
    with serving(clone) as (server, _):
        os.killpg(server.process.pid, signal.SIGINT)
        server.press_ctrl_c()

        _, alive = psutil.wait_procs(postgres_of(clone), timeout=10)
        assert alive == []


def test_an_orphaned_postgres_is_stopped_by_serve_and_down(clone: Path) -> None:
    for _ in range(2):  # the second stops what the first has left
        with serving(clone) as (server, _url):
            assert len(postgres_of(clone)) == 1
            server.process.kill()
            server.process.wait()
        assert len(postgres_of(clone)) == 1

    assert start_manage(clone, "down").stdout == "Stopped the embedded Postgres\n"
    assert postgres_of(clone) == []
    assert start_manage(clone, "down").stdout == "No embedded Postgres was left behind\n"


def test_a_server_whose_terminal_is_closed_stops_its_postgres(clone: Path) -> None:
    with serving(clone) as (server, _):
        os.kill(server.process.pid, signal.SIGHUP)
        server.process.wait(30)

        assert postgres_of(clone) == []
        assert "Traceback" not in server.output


def test_a_server_ends_with_its_postgres_and_says_why(clone: Path) -> None:
    with serving(clone) as (server, url):
        (postgres,) = postgres_of(clone)
        postgres.suspend()
        postgres.resume()
        assert get(f"{url}/rooms")[0] == 200

        postgres.kill()

        assert server.process.wait(30) == 1
        assert "Error: The embedded Postgres has stopped; the end of " in server.output
        assert "Traceback" not in server.output


def test_a_server_under_nohup_runs_until_it_is_terminated(clone: Path) -> None:
    port = free_port()
    command = ["nohup", sys.executable, "manage.py", "serve", "--port", str(port)]
    with running(command, clone, clean_environ(), clone.parent / "output") as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")

        os.kill(server.process.pid, signal.SIGHUP)
        assert get(f"http://127.0.0.1:{port}/rooms")[0] == 200

        server.process.terminate()
        server.process.wait(30)
        assert postgres_of(clone) == []
        assert "Traceback" not in server.output


def test_two_servers_cannot_share_the_embedded_database(clone: Path) -> None:
    with serving(clone) as (server, url):
        second = start_manage(clone, "serve", "--port", str(free_port()))
        down = start_manage(clone, "down", "--delete-data")

        for result in (second, down):
            assert_one_clear_line(
                result, "Another process uses the embedded database", f"process {server.process.pid},"
            )
        assert second.stdout == ""
        assert get(f"{url}/rooms")[0] == 200
        server.press_ctrl_c()
    assert start_manage(clone, "down", "--delete-data").returncode == 0
    assert not (clone / ".data").exists()


def test_a_database_of_the_user_s_own_gets_a_table_if_it_has_none(clone: Path, server: Mapping[str, str]) -> None:
    run_sql(server, "CREATE DATABASE without_table")

    with serving(clone, **{**server, "APPLICATION_DB": "without_table"}) as (own, url):
        status, _, body = get(f"{url}/rooms")
        assert own.press_ctrl_c() == 0

    assert status == 200
    assert json.loads(body) != []
    assert postgres_of(clone) == []


def test_a_room_table_of_the_user_s_own_is_served_as_it_is(clone: Path, server: Mapping[str, str]) -> None:
    run_sql(server, "CREATE DATABASE with_table")
    own_database = {**server, "APPLICATION_DB": "with_table"}
    columns = "code varchar(36) NOT NULL, size integer, price integer, longitude float8, latitude float8"
    run_sql(own_database, f"CREATE TABLE room (id serial PRIMARY KEY, {columns})")

    with serving(clone, **own_database) as (own, url):
        status, _, body = get(f"{url}/rooms")
        own.press_ctrl_c()

    assert (status, body) == (200, "[]")
    assert run_sql(own_database, "SELECT to_regclass('alembic_version')") == [[None]]


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

        result = run_manage(tmp_path, "serve", "--port", str(port))

    assert_one_clear_line(result, f"127.0.0.1:{port}", "another port")


@pytest.mark.parametrize(
    ("port", "said"),
    [("abc", "'abc' is not a valid number from 1 to 65535"), ("0", "0 is not in the range 1<=x<=65535")],
)
def test_an_invalid_port_is_named_as_it_was_typed(clone: Path, port: str, said: str) -> None:
    result = subprocess.run(
        ["make", "run", f"PORT={port}"], cwd=clone, env=clean_environ(), capture_output=True, text=True, check=False
    )

    assert result.returncode != 0
    assert f"Error: Invalid value for '--port' (or PORT): {said}" in result.stderr


@pytest.mark.parametrize("rate", ["nan", "inf"])
def test_a_rate_of_requests_must_be_finite(tmp_path: Path, rate: str) -> None:
    result = run_manage(tmp_path, "costs", "--requests-per-second", rate)

    assert result.returncode == 2
    assert "--requests-per-second: must be a finite number" in result.stderr


def test_an_empty_port_is_the_usual_one(tmp_path: Path) -> None:
    result = run_manage(tmp_path, "serve", "--host", "192.0.2.1", environ={"PORT": ""})  # nobody's address (RFC 5737)

    assert_one_clear_line(result, "192.0.2.1:3000")


def test_an_unreachable_database_is_one_clear_line(tmp_path: Path, server: Mapping[str, str]) -> None:
    environ = {**server, "POSTGRES_HOSTNAME": "127.0.0.1", "POSTGRES_PORT": str(free_port())}

    for command in ("serve", "migrate"):
        assert_one_clear_line(run_manage(tmp_path, command, environ=environ), "POSTGRES_PORT", "refused")


@pytest.mark.parametrize("answer", [b"S" + bytes(100), b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_on_the_database_s_port_is_one_clear_line(
    tmp_path: Path, server: Mapping[str, str], answer: bytes
) -> None:
    with listener_that_says(answer) as port:
        environ = {**server, "POSTGRES_HOSTNAME": "127.0.0.1", "POSTGRES_PORT": str(port)}

        results = [run_manage(tmp_path, command, environ=environ) for command in ("serve", "migrate")]

    for result in results:
        assert_one_clear_line(result)


def test_a_secret_without_a_region_is_one_clear_line(clone: Path) -> None:
    environ = {"POSTGRES_SECRET_ID": "rooms", "AWS_CONFIG_FILE": "/nowhere"}

    assert_one_clear_line(start_manage(clone, "migrate", environ=environ), "You must specify a region")


def test_what_the_database_says_is_one_clear_line(tmp_path: Path, server: Mapping[str, str]) -> None:
    environ = {**server, "APPLICATION_DB": "nowhere"}

    for command in ("serve", "migrate"):
        assert_one_clear_line(run_manage(tmp_path, command, environ=environ), ': database "nowhere" does not exist')


def test_a_missing_setting_is_one_clear_line(tmp_path: Path) -> None:
    environ = {"POSTGRES_HOSTNAME": "127.0.0.1"}

    result = run_manage(tmp_path, "migrate", environ=environ)

    assert_one_clear_line(result, "POSTGRES_USER is missing", "APPLICATION_DB is missing")


def test_without_a_database_the_embedded_one_is_explained(tmp_path: Path) -> None:
    migrate, doctor = run_manage(tmp_path, "migrate"), run_manage(tmp_path, "doctor")

    said = "The POSTGRES_* variables name no database: set POSTGRES_HOSTNAME or POSTGRES_SECRET_ID; `make run` manages"
    assert_one_clear_line(migrate, said, "the embedded one")
    assert (doctor.returncode, len(doctor.stdout.splitlines())) == (1, 14)
    assert doctor.stdout.splitlines()[1].endswith(
        "-> Set these variables; on AWS, through the parameters of template.yaml"
    )
    assert doctor.stdout.splitlines()[-1].startswith(said)


def test_a_missing_python_is_one_clear_line(clone: Path) -> None:
    (clone / ".venv").unlink()

    result = subprocess.run(
        ["make", "run", "PYTHON="], cwd=clone, env=clean_environ(), capture_output=True, text=True, check=False
    )

    assert result.returncode != 0
    assert result.stderr.splitlines()[0] == (
        "rentomatic needs Python 3.11, 3.12 or 3.13, and none was found: install one, or name it with PYTHON=..."
    )


@pytest.mark.parametrize(
    "command",
    [
        *([], ["serve"], ["migrate"], ["generate"], ["import"], ["add"], ["change"], ["remove"], ["export"]),
        *(["doctor"], ["documents"], ["down"]),
    ],
)
def test_every_command_has_help(tmp_path: Path, command: list[str]) -> None:
    result = run_manage(tmp_path, *command, "--help")

    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")


def test_the_list_of_commands_cuts_no_help_short(tmp_path: Path) -> None:
    assert "..." not in run_manage(tmp_path, "--help").stdout.partition("Commands:")[2]


def test_the_document_is_written_as_it_is_here(clone: Path) -> None:
    document = clone / "rentomatic" / "http" / "openapi.json"
    document.write_text("stale")

    result = start_manage(clone, "documents")

    assert result.stdout == "Wrote rentomatic/http/openapi.json\nWrote rentomatic/http/openapi30.json\n"
    assert document.read_text(encoding="utf-8") == (FOLDER / "openapi.json").read_text(encoding="utf-8")


def test_swagger_ui_is_copied_from_its_package(clone: Path) -> None:
    copies = clone / "rentomatic" / "http" / "docs" / "swagger-ui"
    for file in copies.iterdir():
        file.write_text("stale")

    result = start_manage(clone, "documents", "--swagger-ui", ".venv/clients/node_modules/swagger-ui-dist")

    assert result.stdout.startswith("Copied rentomatic/http/docs/swagger-ui\nWrote rentomatic/http/openapi.json\n")
    assert {file.name: file.read_bytes() for file in copies.iterdir()} == {
        file.name: file.read_bytes() for file in COPIES.iterdir()
    }


def test_another_folder_is_not_copied_as_swagger_ui(clone: Path) -> None:
    result = start_manage(clone, "documents", "--swagger-ui", "docs")

    assert_one_clear_line(result, "docs/package.json")


def test_migrate_reports_each_step(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    result = run_manage(tmp_path, "migrate", environ=empty_database)

    *steps, last = result.stdout.splitlines()
    assert result.returncode == 0
    assert steps[0] == "Migrated to revision 4d4c19952a36: Create the room table."
    assert last == "The database is up to date"


def test_migrate_gives_the_reader_the_login_of_its_secret(
    tmp_path: Path, empty_database: Mapping[str, str], aws: Mapping[str, str], secrets: SecretsManagerClient
) -> None:
    secret = {"username": "rentomatic_reader", "password": "of the reader"}
    secrets.create_secret(Name="reader", SecretString=json.dumps(secret))

    result = run_manage(tmp_path, "migrate", environ={**empty_database, **aws, "READER_SECRET_ID": "reader"})

    assert result.stdout.splitlines()[-2:] == ["Set the login of rentomatic_reader", "The database is up to date"]


def test_the_sql_fits_an_empty_or_the_named_database(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    for_an_empty_one = run_manage(tmp_path, "migrate", "--sql").stdout
    run_manage(tmp_path, "migrate", environ=empty_database)

    for_one_that_is_up_to_date = run_manage(tmp_path, "migrate", "--sql", environ=empty_database).stdout

    assert for_an_empty_one == (ROOT / "devtools/docker/schema.sql").read_text()
    assert "CREATE TABLE room" in for_an_empty_one
    assert "room" not in for_one_that_is_up_to_date


def test_a_seed_generates_its_rooms_only_once(clone: Path) -> None:
    first = start_manage(clone, "generate", "--rooms", "10", "--seed", "1")
    with serving(clone) as (server, url):
        second = start_manage(clone, "generate", "--rooms", "5", "--seed", "2")
        again = start_manage(clone, "generate", "--rooms", "20", "--seed", "1")
        rooms = json.loads(get(f"{url}/rooms")[2])
        server.press_ctrl_c()

    assert re.fullmatch(r"Generated 10 rooms in \d+ s", first.stdout.splitlines()[-1])
    assert re.fullmatch(r"Generated 5 rooms in \d+ s", second.stdout.splitlines()[-1])
    assert_one_clear_line(again, "Rooms of seed 1 are in this database already", "--seed")
    assert len(rooms) == 10 + 5  # a sample is added to an empty table only


def test_rooms_are_added_to_a_named_database_only_if_confirmed(
    tmp_path: Path, empty_database: Mapping[str, str]
) -> None:
    arguments = ("generate", "--rooms", "10")

    assert run_manage(tmp_path, *arguments, environ=empty_database).stderr == "Aborted!\n"
    assert run_manage(tmp_path, *arguments, "--yes", environ=empty_database).returncode == 0
    assert run_sql(empty_database, "SELECT count(*) FROM room") == [[10]]  # without a sample


def test_a_generation_that_is_stopped_adds_nothing_and_says_so(tmp_path: Path, database: Mapping[str, str]) -> None:
    command = [sys.executable, MANAGE, "generate", "--yes"]
    with running(command, tmp_path, {**clean_environ(), **database}, tmp_path / "output") as generate:
        generate.wait_for_output("Added 25,000 of 1,000,000 rooms")

        generate.process.terminate()

        assert generate.process.wait(30) == 130
        assert generate.output.splitlines()[-1] == "Stopped: either nothing or everything was added"
    assert run_sql(database, "SELECT count(*) FROM room") == [[0]]


@pytest.mark.parametrize("command", ["serve", "doctor", "generate"])
def test_ctrl_c_while_a_command_is_being_imported_is_one_line(clone: Path, command: str) -> None:
    (clone / "devtools" / "database.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")

    result = start_manage(clone, command)

    assert result.returncode == (0 if command == "serve" else 130)
    assert (result.stdout, len(result.stderr.splitlines())) == ("", 1)
    assert result.stderr.startswith("Stopped")


def test_the_doctor_exits_with_0_despite_warnings(tmp_path: Path, empty_database: Mapping[str, str]) -> None:
    run_manage(tmp_path, "migrate", environ=empty_database)
    name = empty_database["APPLICATION_DB"]
    run_sql(empty_database, f"ALTER DATABASE {name} SET statement_timeout = '8s'")

    result = run_manage(tmp_path, "doctor", environ=empty_database)

    assert (result.returncode, result.stderr) == (0, "")
    assert re.findall(r"^(\w+) +([\w-]+) ", result.stdout, re.MULTILINE) == [
        *[("ok", check) for check in ("settings", "credentials", "name", "port", "TLS", "login")],
        *[("warning", "grants"), ("warning", "timeouts")],
        *[("ok", check) for check in ("migrations", "schema", "indexes", "queries")],
    ]
    assert result.stdout.splitlines()[6].endswith("The user is a superuser, but needs only to read the table room")
    assert result.stdout.splitlines()[7].startswith(" " * 26 + "-> Give the function its own role")


def test_the_doctor_exits_with_1_and_says_what_is_wrong(tmp_path: Path, server: Mapping[str, str]) -> None:
    environ = {**server, "POSTGRES_HOSTNAME": "127.0.0.1", "POSTGRES_PASSWORD": "canary-5e7a"}

    result = run_manage(tmp_path, "doctor", environ=environ)

    assert (result.returncode, result.stderr) == (1, "")
    assert re.search("^wrong        login        .*28P01.*\n {26}-> Correct POSTGRES_USER", result.stdout, re.MULTILINE)
    assert "not checked  grants       Fix the login first" in result.stdout.splitlines()
    assert "canary" not in result.stdout
