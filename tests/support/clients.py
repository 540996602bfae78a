"""Clients that ask for rooms over and over, and what each of them was answered."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TIMEOUT_S = 15  # nginx' own: what takes longer hangs


@dataclass(frozen=True)
class Answer:
    """An answer, with the times of `time.monotonic` at which its request was sent and it was read."""

    url: str
    sent_at: float
    read_at: float
    status: int
    body: Any


@dataclass(frozen=True)
class Outage:
    """When the database began to stop, had stopped, began to start, and was ready."""

    stopping_at: float
    stopped_at: float
    starting_at: float
    ready_at: float


class Clients:
    """Clients that each ask one URL after the other until they are told to end.

    Attributes:
        answers: Those that `wait_for` has seen; in the end all.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.answers: list[Answer] = []
        self._urls = urls
        self._unseen: SimpleQueue[Answer] = SimpleQueue()
        self._is_over = Event()

    def wait_for(self, number: int, watch: Callable[[], None] = lambda: None) -> None:
        """Wait until this many more requests have been answered. Call `watch` now and then."""
        for count in range(self._unseen.qsize() + number):
            self.answers.append(self._unseen.get(timeout=2 * _TIMEOUT_S))
            if count % 25 == 0:
                watch()

    def ask(self, first: int) -> None:
        """Ask from this URL on until the end."""
        opener = build_opener(ProxyHandler({}))
        for url in islice(cycle(self._urls), first, None):
            if self._is_over.is_set():
                return
            sent_at = time.monotonic()
            try:
                with opener.open(url, timeout=_TIMEOUT_S) as answer:
                    status, body = answer.status, answer.read()
            except HTTPError as error:
                with error:
                    status, body = error.code, error.read()
            self._unseen.put(Answer(url, sent_at, time.monotonic(), status, json.loads(body)))

    def end(self) -> None:
        self._is_over.set()


@contextmanager
def asking(number: int, urls: Sequence[str]) -> Iterator[Clients]:
    """Let this many clients ask during the block. A client that gets no answer in time fails it."""
    clients = Clients(urls)
    with ThreadPoolExecutor(number) as pool:
        done = [pool.submit(clients.ask, first) for first in range(number)]
        try:
            yield clients
        finally:
            clients.end()
    for each in done:
        each.result()
    clients.wait_for(0)


def stop_and_start(clients: Clients, stop: Callable[[], object], number: int, start: Callable[[], object]) -> Outage:
    """Stop the database, start it after this many answers without it, and return when that was."""
    stopping_at = time.monotonic()
    stop()
    stopped_at = time.monotonic()
    clients.wait_for(number)
    starting_at = time.monotonic()
    start()
    return Outage(stopping_at, stopped_at, starting_at, time.monotonic())


def wait_until_equal(read: Callable[[], Any], expected: object) -> None:
    """Wait until what is read is as expected: what is closed, and its process, take a moment to go."""
    deadline = time.monotonic() + _TIMEOUT_S
    while (found := read()) != expected:
        assert time.monotonic() < deadline, f"{found} instead of {expected}"
        time.sleep(0.1)


def wait_until_closed(read_descriptors: Callable[[], Mapping[Any, int]], before: Mapping[Any, int]) -> None:
    """Wait until each worker has no more descriptors open than before. Fail if it is another one."""

    def more() -> dict[Any, int]:
        now = read_descriptors()
        assert now.keys() == before.keys()
        return {worker: number for worker, number in now.items() if number > before[worker]}

    wait_until_equal(more, {})


def assert_right(answers: Sequence[Answer], expected: Mapping[str, Any], outage: Outage) -> None:
    """Fail unless all answers are right: the rooms, or the book's SystemError while there is no database."""
    without = [each for each in answers if outage.stopped_at < each.sent_at and each.read_at < outage.starting_at]
    around = [each for each in answers if outage.stopping_at < each.read_at and each.sent_at < outage.ready_at]
    assert without
    assert [each for each in without if each.status == 200] == []
    assert [each for each in around if each.status != 200 and not _is_system_error(each)] == []
    right = [each for each in answers if each not in around or each.status == 200]
    assert [each for each in right if (each.status, each.body) != (200, expected[each.url])] == []


def _is_system_error(answer: Answer) -> bool:
    return answer.status == 500 and list(answer.body) == ["type", "message"] and answer.body["type"] == "SystemError"
