"""Faults in the process that the function runs in."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from rentomatic.repository.postgresrepo import PostgresRepo
from tests.faults.faulty import (
    ROOMS,
    locked_rooms,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.conftest import Client
    from tests.support.injectors import (
        Proxy,
    )


@pytest.mark.filterwarnings("ignore:No application metrics to publish:UserWarning")
def test_an_exception_in_mid_query_is_raised(ask: Client, server: Mapping[str, str]) -> None:
    assert ask() == (200, None)

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    with locked_rooms(server):
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            ask()
    signal.signal(signal.SIGALRM, previous)

    assert ask() == (200, None)


def test_forked_children_have_their_own_connections(migrated: Mapping[str, str], proxy: Proxy) -> None:
    repo = PostgresRepo({**migrated, "POSTGRES_PORT": str(proxy.port)})
    assert repo.list() == ROOMS

    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            answers = [repo.list() == ROOMS for _ in range(5)]
            os._exit(0 if all(answers) else 1)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]

    assert statuses == [0, 0, 0]
    assert repo.list() == ROOMS
    assert proxy.connections == 4
    repo.close()


def test_with_little_time_left_nothing_is_begun(ask: Client, proxy: Proxy) -> None:
    status, error = ask(timeout_s=0.2)

    assert (status, proxy.connections) == (503, 0)
    assert "Not enough time left" in error["message"]
    assert ask() == (200, None)


def test_a_bug_is_a_500(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("rentomatic.http.resources.room_search_use_case", lambda *_: 1 / 0)
        status, error = ask()

    assert (status, error["exception_name"]) == (500, "ZeroDivisionError")
    assert ask() == (200, None)
