"""Stands in for Lambda's runtime in a separate process: imports the function and invokes it on request.

It can import only the standard library, the artifact and Lambda's own packages: see `processes.py`. Requests are lines
of standard input, results lines of standard output.
"""

from __future__ import annotations

import json
import os
import sys
from time import monotonic, monotonic_ns
from typing import Any

_TIMEOUT_S = 15


class Context:
    """The context of an invocation (Lambda developer guide, "Python context object")."""

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
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # discards the function's log
    from app import handler  # type: ignore[import-not-found] # noqa: PLC0415 - after the redirection

    for line in sys.stdin:
        print(json.dumps(_invoke(handler, **json.loads(line))), file=replies)


def _invoke(handler: Any, event: str, calls: int, seconds: float) -> dict[str, Any]:
    """Invoke the handler up to `calls` times within a time limit; elapsed times exclude the runtime's own work."""
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
