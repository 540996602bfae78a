"""Commands in processes of their own, and answers of a server they start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.support.canaries import assert_no_canary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30


def let_commands_be_interrupted() -> None:
    """Let what is started from here heed SIGINT and SIGHUP, which are ignored in the background and under nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def run_in_shell(command: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Run a command of the docs without input, and return its output; fail unless it succeeds."""
    result = subprocess.run(  # noqa: S602 - the docs' own
        command,
        shell=True,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body, of an error too.

    Args:
        url: Of a server of the test's own.
        method: Another method than GET.
        headers: With `_` for `-` in their names.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(url, headers=sent, method=method), timeout=30) as answer:  # noqa: S310 - see above
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
