"""Lambda execution environments as processes that can import only an artifact and Lambda's own packages."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import Request, urlopen

import psutil

from benchmarks.artifacts import emulator
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.artifacts import Artifact

# -S and -P exclude this virtual environment and folder; -u writes the log without buffering, as on Lambda.
_PYTHON = (sys.executable, "-S", "-P", "-u")
_FOREVER = 1e9
_START_TIMEOUT_S = 30


@dataclass(frozen=True)
class Reply:
    """The result of a question.

    Attributes:
        answer: The last answer.
        elapsed_ms: The duration of each call of the handler.
        loop_ms: The duration of all calls, including the runtime's own work.
        answered_ns: The time of the last answer, on the clock of all processes.
    """

    answer: dict[str, Any]
    elapsed_ms: list[float]
    loop_ms: float
    answered_ns: int


class Environment:
    """A process that runs a function.

    Attributes:
        begun_ns: The time of its start, on the clock of all processes.
    """

    def __init__(self, artifact: Artifact, runtime: Path, variables: Mapping[str, str]) -> None:
        command = [*_PYTHON, str(Path(__file__).with_name("environment.py"))]
        environ = _environ(artifact, runtime, variables)
        self.begun_ns = time.monotonic_ns()
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, event: Mapping[str, Any], calls: int = 1, seconds: float = _FOREVER) -> Reply:
        """Send an event up to `calls` times, within a time limit."""
        order = {"event": json.dumps(event), "calls": calls, "seconds": seconds}
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(order), file=self._process.stdin)
        reply = json.loads(self._process.stdout.readline())
        elapsed_ms = [nanoseconds / 1e6 for nanoseconds in reply["elapsed_ns"]]
        return Reply(reply["answer"], elapsed_ms, reply["loop_ns"] / 1e6, reply["answered_ns"])

    def resident_mib(self) -> float:
        resident: int = psutil.Process(self._process.pid).memory_info().rss
        return resident / 2**20

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cold_start_ms(artifact: Artifact, runtime: Path, variables: Mapping[str, str], event: Mapping[str, Any]) -> float:
    """Return the time from a process's start to its first answer."""
    with Environment(artifact, runtime, variables) as environment:
        reply = environment.ask(event)
    assert reply.answer["statusCode"] == 200
    return (reply.answered_ns - environment.begun_ns) / 1e6


def emulated_cold_start_ms(
    artifact: Artifact, runtime: Path, variables: Mapping[str, str], event: Mapping[str, Any]
) -> float:
    """Return the duration of the first request under the Runtime Interface Emulator, which starts the function."""
    with _emulated(_environ(artifact, runtime, variables)) as url:
        request = Request(url, json.dumps(event).encode())  # noqa: S310 - our own
        begun_ns = time.monotonic_ns()
        with urlopen(request, timeout=_START_TIMEOUT_S) as response:  # noqa: S310
            answer = response.read()
        elapsed_ns = time.monotonic_ns() - begun_ns
    assert json.loads(answer)["statusCode"] == 200
    return elapsed_ns / 1e6


@contextmanager
def _emulated(environ: Mapping[str, str]) -> Iterator[str]:
    port, api_port = free_port(), free_port()
    command = [
        *(str(emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}", *_PYTHON, "-m", "awslambdaric", "app.handler"),
    ]
    process = psutil.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("The Runtime Interface Emulator did not start")


def _environ(artifact: Artifact, runtime: Path, variables: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",  # so that boto3 finds no configuration
        "LANG": "C.UTF-8",
        "LAMBDA_TASK_ROOT": str(artifact.folders[0]),
        "PYTHONPATH": os.pathsep.join(map(str, [*artifact.folders, runtime])),
        "PYTHONDONTWRITEBYTECODE": "1",  # the file system of a function is read-only
        **variables,
        **artifact.variables,
    }
