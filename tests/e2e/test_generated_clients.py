"""Clients that generators make of the OpenAPI document, unchanged, against the running API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.commands import clean_environ, get
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pg8000.native import Connection

CLIENTS = ROOT / ".venv" / "clients"  # which `make` sets up
SOURCES = ROOT / "tests" / "e2e" / "clients"
ROOMS = [
    a_room(code=f"code-{number}", price=20 + number, size=10 + number % 3, latitude=53.5, longitude=10 + number / 10)
    for number in range(5)
]


@pytest.fixture
def document(api: str, admin: Connection, tmp_path: Path) -> Path:
    """The document of the running API, which has five rooms."""
    insert_rooms(admin, ROOMS)
    status, _, body = get(f"{api}/openapi.json")
    assert status == 200
    file = tmp_path / "openapi.json"
    file.write_text(body)
    return file


def test_a_generated_python_client_reads_rooms_and_errors(api: str, document: Path, tmp_path: Path) -> None:
    _run("openapi-python-client", "generate", "--path", document, "--output-path", tmp_path / "client", cwd=tmp_path)

    answers = _run("python", SOURCES / "use_client.py", api, cwd=tmp_path, PYTHONPATH=str(tmp_path / "client"))

    assert json.loads(answers) == _expected()


def test_a_generated_typescript_client_reads_rooms_and_errors(api: str, document: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    for name in ("package.json", "tsconfig.json", "use_client.ts"):
        shutil.copy(SOURCES / name, tmp_path)
    _run("node", "node_modules/.bin/openapi-typescript", document, "--output", "types.ts", cwd=tmp_path)
    _run("node", "node_modules/.bin/tsc", cwd=tmp_path)

    answers = _run("node", "use_client.ts", api, cwd=tmp_path)

    assert json.loads(answers) == _expected() | {"links": ["self", "next"]}


def test_the_document_names_the_url_of_the_api(api: str, document: Path) -> None:
    assert json.loads(document.read_text())["servers"] == [{"url": api}]


def _expected() -> dict[str, Any]:
    return {
        "count": "5",
        "first": ["code-0", "code-1"],
        "second": ["code-2", "code-3"],
        "near": [["code-0", 0.0], ["code-1", 6614.1]],
        "cheap": ["code-1"],
        "one": asdict(ROOMS[1]),
        "missing": [404, "ResourceError"],
        "invalid": [400, "limit"],
    }


def _run(program: str, *arguments: str | Path, cwd: Path, **variables: str) -> str:
    """Run a program of the clients' environment, and return its output; fail unless it succeeds."""
    environ = {**clean_environ(), **variables, "PATH": f"{CLIENTS / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [CLIENTS / "bin" / program, *arguments]
    result = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
