"""Run by the tests in a network namespace: ask for the rooms, then over the Unix socket, and print both statuses."""

from __future__ import annotations

import json
import os
import sys

from devtools.runner import LocalLambdaContext
from functions.rooms.app import handler
from tests.support.events import an_event

for directory in (None, sys.argv[1]):
    if directory:
        os.environ["POSTGRES_HOSTNAME"] = directory
    context = LocalLambdaContext("RoomsFunction", 512, 15)
    answer = handler(an_event(), context)  # type: ignore[arg-type] # as complete as Lambda's
    print(json.dumps({"answered": answer["statusCode"]}))  # noqa: T201 - what the test reads
