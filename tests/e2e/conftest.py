"""The API, served by `manage.py serve`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import clean_environ, free_port, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="session")
def api(migrated: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the API under `manage.py serve`, over the tests' database; or of the one that TESTED_API names."""
    if url := os.environ.get("TESTED_API"):
        yield url
        return
    port = str(free_port())
    output = tmp_path_factory.mktemp("serve") / "output"
    command = [sys.executable, "manage.py", "serve", "--port", port]
    with running(command, ROOT, {**clean_environ(), **migrated}, output) as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def doors(migrated: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the API behind each front door of the template in turn; or of the one that TESTED_API names."""
    if url := os.environ.get("TESTED_API"):
        yield url
        return
    port = str(free_port())
    output = tmp_path_factory.mktemp("doors") / "output"
    command = [sys.executable, "-m", "tests.support.front_door_server", port]
    with running(command, ROOT, {**clean_environ(), **migrated}, output) as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")
        yield f"http://127.0.0.1:{port}"
