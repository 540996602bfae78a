"""Run by the tests: ask the function for rooms until the input ends, and print a line for each answer."""

from __future__ import annotations

import json
import sys
from itertools import cycle
from threading import Thread

from devtools.runner import LocalLambdaContext
from functions.rooms.app import handler
from tests.support.events import an_event

QUESTIONS = (
    an_event(limit="20"),
    an_event(filter_code__eq="code-7"),
    an_event(filter_price__lt="3", limit="20"),
    an_event(sort="-price", limit="20"),
)

waiting = Thread(target=sys.stdin.read, daemon=True)
waiting.start()
for question in cycle(QUESTIONS):
    answer = handler(question, LocalLambdaContext("RoomsFunction", 512, 15))  # type: ignore[arg-type] # as complete as Lambda's
    codes = [room["code"] for room in json.loads(answer["body"])] if answer["statusCode"] == 200 else answer["body"]
    print(json.dumps([answer["statusCode"], codes]), flush=True)  # noqa: T201 - what the test reads
    if not waiting.is_alive():
        break
