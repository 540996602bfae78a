"""Run by the tests: migrate the database that the environment names, and pause in the middle until the input ends."""

from __future__ import annotations

import os
import sys

from schema import upgrade


def report(step: str) -> None:
    print(step, flush=True)  # noqa: T201 - what the test reads
    sys.stdin.read()


upgrade(os.environ, report)
