"""A session's connections, when the clock is put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rentomatic.postgres.room_sql import build_check
from rentomatic.postgres.session import PostgresSession, SessionEvent
from tests.support.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize("put_back", ["after it was opened", "after it was used"])
def test_a_connection_is_replaced_when_the_clock_was_put_back(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, put_back: str
) -> None:
    clock = Clock(monkeypatch)
    events: list[SessionEvent] = []
    session = PostgresSession(migrated, lambda: 8, events.append)

    def check(then_ahead_s: float) -> None:
        session.fetch(build_check(), lambda _row: setattr(clock, "ahead_s", then_ahead_s))

    if put_back == "after it was opened":
        check(-100)
    else:
        check(100)
        check(100)
        clock.ahead_s = 50
    assert events == []

    check(50)

    assert events == [SessionEvent.RECONNECT]
    session.close()
