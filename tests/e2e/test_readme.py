"""The README's commands, run as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from migrations import upgrade
from rentomatic.repository.postgres_connection import connect
from rentomatic.repository.postgres_settings import read_postgres_settings
from tests.conftest import free_port
from tests.e2e.conftest import clean_environ, running

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]

RUN_BELOW = ("make run", "curl ", ".venv/bin/python manage.py ", ".venv/bin/alembic ")
RUN_ELSEWHERE = {
    "make test": "it is what runs this",
    "make soak": "it takes minutes; tests/soak/test_soak.py runs it in small",
    "export PATH": "it is a setting, which `make test` makes too",
    "sam build": "test_emulator.py runs it",
    "sam deploy": "it needs an AWS account; test_stack.py creates the stack in moto",
    "docker compose": "it needs Docker",
    "sam local": "it needs Docker",
    "aws lambda invoke": "it needs an AWS account; test_emulator.py sends the event",
}


def test_every_command_of_the_readme_is_run_or_is_known_to_be_run_elsewhere() -> None:
    known = (*RUN_BELOW, *RUN_ELSEWHERE)

    assert [command for command in COMMANDS if not command.startswith(known)] == []


def test_the_first_screen_does_what_it_says(clone: Path) -> None:
    port = free_port()
    (make_run,) = (command for command in COMMANDS if command == "make run")
    (curl,) = (command for command in COMMANDS if command.startswith("curl "))
    (answer,) = re.findall(r"```json\n(.*?)\n```", README, re.DOTALL)
    with running([*shlex.split(make_run), f"PORT={port}"], clone, clean_environ(), clone.parent / "output") as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")

        words = shlex.split(curl.replace(":3000/", f":{port}/"))
        result = subprocess.run([*words, "--silent"], capture_output=True, text=True, timeout=30, check=True)

        assert result.stdout == answer
        server.press_ctrl_c()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith(".venv/bin/")])
def test_the_commands_of_the_virtual_environment_run(clone: Path, command: str, empty_database: dict[str, str]) -> None:
    environ = {**clean_environ(), **empty_database}

    subprocess.run(command, shell=True, cwd=clone, env=environ, capture_output=True, timeout=60, check=True)  # noqa: S602 - the README's own


def test_the_doctor_finds_nothing_wrong_with_the_role_of_the_readme_and_says_what_the_readme_shows(
    clone: Path, empty_database: dict[str, str]
) -> None:
    (make_role,) = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    (shown,) = re.findall(r"```text\n(ok .*?)```", README, re.DOTALL)
    password = {"POSTGRES_HOSTNAME": "127.0.0.1", "POSTGRES_USER": "rooms", "POSTGRES_PASSWORD": "..."}
    command = [".venv/bin/python", "manage.py", "doctor"]
    environ = {**clean_environ(), **empty_database, **password}
    upgrade(empty_database, print)
    with connect(read_postgres_settings(empty_database)) as owner:
        owner.run(make_role)

        good = subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, check=True)
        owner.run("ALTER ROLE rooms RESET statement_timeout")
        bad = subprocess.run(command, cwd=clone, env=environ, capture_output=True, text=True, check=False)
        owner.run("DROP OWNED BY rooms; DROP ROLE rooms")

    assert {line.split()[0] for line in good.stdout.splitlines()} == {"ok"}
    assert bad.returncode == 1
    assert shown in bad.stdout


def test_every_file_that_the_readme_names_is_there() -> None:
    names = re.findall(r"`((?:\w+/)+[\w.]*|[\w-]+\.(?:py|toml|yaml|txt))`", README)

    assert names
    for name in names:
        assert (ROOT / name).exists() or any(ROOT.glob(f"rentomatic/**/{name}")) or name == ".data/", name
