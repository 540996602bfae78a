"""An execution environment of Lambda: a process of its own that runs the real handler, one request at a time."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from devtools.runner import LocalLambdaContext
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection as Pipe

    from tests.soak.questions import Question

REQUEST_ID = "a-request-of-the-soak"
INTERRUPTED = 0

_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    Attributes:
        status: Of HTTP; `INTERRUPTED` if an exception from outside left the handler.
        retry_after: The values of that header.
        elapsed_s: How long the handler took.
    """

    status: int
    body: str
    retry_after: list[str]
    elapsed_s: float


class ExecutionEnvironment:
    """The process, seen from outside.

    Args:
        variables: Of its environment, in addition to those of this process.
        is_plain: Whether it has the plain repository instead of ours.
    """

    def __init__(self, variables: Mapping[str, str], *, is_plain: bool) -> None:
        context = multiprocessing.get_context("spawn")  # what the parent has open is not the child's
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, dict(variables), is_plain), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def process(self) -> int:
        return self._process.pid or 0

    def wait_until_ready(self) -> None:
        self._wait(_START_TIMEOUT_S)
        self._pipe.recv()

    def send(self, question: Question) -> None:
        self._pipe.send(question)

    def receive(self, timeout_s: float) -> Answer | None:
        """Return the answer, or None before it arrives."""
        if not self._pipe.poll(timeout_s):
            return None
        answer: Answer = self._pipe.recv()
        return answer

    def ask(self, question: Question) -> Answer:
        self.send(question)
        return self.last_answer()

    def last_answer(self) -> Answer:
        self._wait(_START_TIMEOUT_S)
        answer: Answer = self._pipe.recv()
        return answer

    def descriptors(self) -> int:
        number: int = psutil.Process(self._process.pid).num_fds()
        return number

    def memory_mib(self) -> float:
        bytes_: int = psutil.Process(self._process.pid).memory_info().rss
        return bytes_ / 2**20

    def stop(self) -> None:
        """End it as Lambda does, without a word to the function."""
        self._process.kill()
        self._process.join(_STOP_TIMEOUT_S)
        self._process.close()
        self._pipe.close()

    def _wait(self, timeout_s: float) -> None:
        if not self._pipe.poll(timeout_s):
            raise TimeoutError("An execution environment does not answer")


def _serve(pipe: Pipe, variables: Mapping[str, str], is_plain: bool) -> None:  # noqa: FBT001 - of a process
    os.environ.update(variables)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the function's log, as long as the process lives
    sys.stderr = sys.stdout
    signal.signal(signal.SIGALRM, _interrupt)
    handler = _handler(is_plain=is_plain)
    pipe.send(None)
    while True:
        pipe.send(_answer(handler, pipe.recv()))


def _handler(*, is_plain: bool) -> Callable[..., dict[str, Any]]:
    import boto3  # noqa: PLC0415 - not in the parent

    from tests.soak.plain_repository import PlainRepo  # noqa: PLC0415

    boto3.client("secretsmanager")  # the first takes longer than a request of the soak may
    app: Any = importlib.import_module("functions.rooms.app")
    if is_plain:
        app._repository = cache(lambda: PlainRepo(os.environ))  # noqa: SLF001 - the composition root
    handler: Callable[..., dict[str, Any]] = app.handler
    return handler


def _answer(handler: Callable[..., dict[str, Any]], question: Question) -> Answer:
    event = an_event("list_rooms", **question.parameters)
    context = LocalLambdaContext("RoomsFunction", 512, question.timeout_s, aws_request_id=REQUEST_ID)
    begun = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, question.alarm_s)
        try:
            answer = handler(event, context)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return Answer(INTERRUPTED, "", [], time.monotonic() - begun)
    retry_after = answer["multiValueHeaders"].get("Retry-After", [])
    return Answer(answer["statusCode"], answer["body"], retry_after, time.monotonic() - begun)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
