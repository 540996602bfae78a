"""A copy of the repository to run, and the API running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.canaries import assert_no_canary
from tests.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30


class Command:
    """A command in a session of its own, as a terminal starts it; its output goes to a file."""

    def __init__(self, command: list[str], folder: Path, environ: Mapping[str, str], output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=folder, env=dict(environ), stdout=file, stderr=file, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def family(self) -> list[psutil.Process]:
        """Return the command's process and all that came of it."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def press_ctrl_c(self) -> int:
        """Send SIGINT to the session, as a terminal does, and return the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(_STOP_TIMEOUT_S)

    def wait_for(self, url: str) -> None:
        """Wait until something answers, whatever its status."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                get(url)
            except URLError:
                self._pause()
            else:
                return
        pytest.fail(f"nothing answers at {url}:\n{self.output}")

    def wait_for_output(self, text: str) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if text in self.output:
                return
            self._pause()
        pytest.fail(f"it never said {text!r}:\n{self.output}")

    def _pause(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.05)


def get(url: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Return status, headers and body, of an error too."""
    try:
        with urlopen(Request(url, method=method), timeout=30) as answer:  # noqa: S310 - a server of the test's own
            status, headers, body = answer.status, dict(answer.headers), answer.read().decode()
    except HTTPError as error:
        with error:
            status, headers, body = error.code, dict(error.headers), error.read().decode()
    assert_no_canary(f"{headers} {body}")
    return status, headers, body


@contextmanager
def running(command: list[str], folder: Path, environ: Mapping[str, str], output: Path) -> Iterator[Command]:
    """Run a command; whatever is left of it in the end is killed."""
    run = Command(command, folder, environ, output)
    try:
        yield run
    finally:
        family = run.family() if run.process.poll() is None else []
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        run.process.wait()
    for line in run.output.splitlines():
        if line.startswith("{"):  # the function's log
            assert_no_canary(line)


def clean_environ() -> dict[str, str]:
    """Return this process' environment without what the project, make or Python would read of it."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("APPLICATION_", "AWS_", "MAKE", "MFLAGS", "PORT", "POSTGRES_", "PYTHONDONTWRITEBYTECODE")
        )
    }


@pytest.fixture(scope="session")
def api(migrated: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the API under `manage.py serve`, over the tests' database."""
    port = str(free_port())
    output = tmp_path_factory.mktemp("serve") / "output"
    command = [sys.executable, "manage.py", "serve", "--port", port]
    with running(command, ROOT, {**clean_environ(), **migrated}, output) as server:
        server.wait_for(f"http://127.0.0.1:{port}/rooms")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the repository as git would clone it, with this one's virtual environment."""
    clone = tmp_path / "rentomatic"
    left_out = shutil.ignore_patterns(".git", ".venv", ".data", ".aws-sam", ".*_cache", ".hypothesis", "__pycache__")
    shutil.copytree(ROOT, clone, ignore=left_out)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    os.utime(clone / "requirements-dev.txt", (0, 0))  # or make would install what is installed
    return clone


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
    folder = tmp_path_factory.mktemp("sam") / "build"
    command = [sys.executable, "-m", "samcli", "build", "--build-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder
