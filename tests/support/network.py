"""Whom this process asks over the network."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_asked: list[list[str]] = []


@contextmanager
def addresses_asked() -> Iterator[list[str]]:
    """Collect the names that are resolved, and the addresses that are connected to, within the block."""
    _listen()
    asked: list[str] = []
    _asked.append(asked)
    try:
        yield asked
    finally:
        _asked.remove(asked)


@cache
def _listen() -> None:
    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("socket.getaddrinfo", "socket.connect"):
            for asked in _asked:
                asked.append(f"{event} {arguments}")

    sys.addaudithook(hear)  # which cannot be taken back
