from __future__ import annotations

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from rentomatic.domain.errors import UnavailableError
from rentomatic.postgres.errors import ConnectionPhase, translate_errors


def fail_within(error: BaseException) -> None:
    with translate_errors(ConnectionPhase("query")):
        raise error


def test_an_exception_from_outside_stays_one_whatever_hides_it() -> None:
    hiding = RuntimeError("release unlocked lock")
    hiding.__context__ = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        fail_within(hiding)


def test_what_the_caller_handles_is_not_a_cause() -> None:
    refused = DatabaseError({"C": "42501", "M": "permission denied", "V": "ERROR"})
    try:
        fail_within(refused)
    except Exception:  # noqa: BLE001 - the caller's, of whatever kind
        with pytest.raises(UnavailableError) as raised:
            fail_within(InterfaceError("network error"))

    assert raised.value.sqlstate is None
