"""An Aurora that has paused: it takes the connection, and says nothing until it is awake."""

from __future__ import annotations

from threading import Timer
from typing import TYPE_CHECKING

from tests.integration.faults.faulty import TIMEOUT_S

if TYPE_CHECKING:
    from tests.injectors import Proxy
    from tests.integration.faults.conftest import Client


def test_a_database_that_wakes_up_in_time_is_waited_for(ask: Client, proxy: Proxy) -> None:
    proxy.mute = True
    waking = Timer(TIMEOUT_S / 4, setattr, (proxy, "mute", False))
    waking.start()

    assert ask() == (200, None)
    waking.join()


def test_one_that_takes_longer_is_asked_again_by_the_next_request(ask: Client, proxy: Proxy) -> None:
    proxy.mute = True
    _, error = ask()
    assert error["phase"] == "auth"

    proxy.mute = False
    assert ask() == (200, None)
