"""Secrets, planted in the settings of the tests, that no answer and no line of the log may hold."""

from __future__ import annotations

PASSWORD = "canary-password"
SECRET = "canary-secret"
HOST = "LocalHost"  # in letters that nothing else uses
_SQL = "FROM room"
_CANARIES = (PASSWORD, SECRET, HOST, _SQL)


def assert_no_canary(text: str) -> None:
    """Fail if a body, a header or a line of the function's log holds what it must not."""
    found = [canary for canary in _CANARIES if canary in text]
    assert not found, f"{found} in {text}"
