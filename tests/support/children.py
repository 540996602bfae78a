"""Scripts in processes of their own, which the tests talk to line by line."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TextIO, cast

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TIMEOUT_S = 60


class Child:
    """A script that ends by itself when its input does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._unread: SimpleQueue[str] = SimpleQueue()
        self._lines: list[str] = []
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in cast("TextIO", self._process.stdout):
            self._unread.put(line.rstrip())

    def wait_for_line(self) -> str:
        """Return the next line that it says, or has said."""
        self._lines.append(self._unread.get(timeout=_TIMEOUT_S))
        return self._lines[-1]

    def wait_for_new_lines(self, number: int) -> None:
        """Wait until it says this many lines from now on."""
        for _ in range(self._unread.qsize() + number):
            self.wait_for_line()

    def end(self) -> list[str]:
        """End its input, wait for its own end, and return all that it has said."""
        cast("TextIO", self._process.stdin).close()
        assert self._process.wait(_TIMEOUT_S) == 0
        self._thread.join()
        self.wait_for_new_lines(0)
        return self._lines


@contextmanager
def child(script: str, environ: Mapping[str, str]) -> Iterator[Child]:
    """Run a script of this repository, with arguments; if it has not ended in the end, it is killed."""
    process = subprocess.Popen(
        [sys.executable, *script.split()],
        env={**os.environ, **environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Child(process)
        finally:
            process.kill()
