"""The API, behind each front door of the template in turn; `make run` and containers have tests of their own."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import clean_environ, free_port, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def api(migrated: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the API behind each front door of the template in turn; or of the one that TESTED_API names."""
    if url := os.environ.get("TESTED_API"):
        yield url
        return
    with _served(migrated, tmp_path_factory.mktemp("doors")) as url:
        yield url


@pytest.fixture
def http_api(migrated: Mapping[str, str], tmp_path: Path) -> Iterator[str]:
    """The URL of the API behind an HTTP API alone."""
    with _served(migrated, tmp_path, "http") as url:
        yield url


@contextmanager
def _served(migrated: Mapping[str, str], folder: Path, *doors: str) -> Iterator[str]:
    port = str(free_port())
    command = [sys.executable, "-m", "tests.support.front_door_server", port, *doors]
    as_in_the_template = {"CORS_ALLOW_ORIGIN": "*"}
    environ = {**clean_environ(), **migrated, **as_in_the_template}
    with running(command, ROOT, environ, folder / "output") as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")
        yield f"http://127.0.0.1:{port}"
