"""Stands for Lambda's runtime in a process of its own: imports the function, then asks it what it is told to.

Its standard library aside it can import the artifact and Lambda's own packages, and nothing else: see `processes.py`.
What it is told comes line by line on standard input, what came of it goes to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from time import monotonic, monotonic_ns
from typing import Any

_TIMEOUT_S = 15


class Context:
    """What the function is told about its invocation (Lambda developer guide, "Python context object")."""

    function_name = "RoomsFunction"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:RoomsFunction"
    memory_limit_in_mb = 512
    aws_request_id = "6f1c9d3e-2b4a-4c5d-8e7f-0a1b2c3d4e5f"
    log_group_name = "/aws/lambda/RoomsFunction"
    log_stream_name = "bench"
    identity = None
    client_context = None

    def __init__(self) -> None:
        self._ends = monotonic() + _TIMEOUT_S

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - monotonic()) * 1000)


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where the function's log goes
    from app import handler  # type: ignore[import-not-found] # noqa: PLC0415 - after the log has its place

    for line in sys.stdin:
        print(json.dumps(_ask(handler, **json.loads(line))), file=replies)


def _ask(handler: Any, event: str, calls: int, seconds: float) -> dict[str, Any]:
    """Ask so often, but not for longer; what the runtime does around the handler is done, and not measured."""
    begun_ns = ended_ns = monotonic_ns()
    elapsed_ns: list[int] = []
    while len(elapsed_ns) < calls and ended_ns - begun_ns < seconds * 1e9:
        parsed, context = json.loads(event), Context()
        asked_ns = monotonic_ns()
        answer = handler(parsed, context)
        answered_ns = monotonic_ns()
        elapsed_ns.append(answered_ns - asked_ns)
        json.dumps(answer)
        ended_ns = monotonic_ns()
    return {
        "answer": answer,
        "elapsed_ns": elapsed_ns,
        "loop_ns": ended_ns - begun_ns,
        "answered_ns": answered_ns,  # on the clock of all processes
    }


main()
