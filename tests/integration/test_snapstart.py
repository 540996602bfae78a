"""Copies of one execution environment, as SnapStart makes them; here they are forks."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.events import an_event
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pg8000.native import Connection

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="Lambda's runtime client is for Linux")

# Runs the hooks as Lambda's runtime client does, forks, and has each copy answer.
SCRIPT = """
import json, os, random, sys
from awslambdaric import lambda_runtime_hooks_runner as hooks
from functions.rooms import app
from devtools.runner import LocalLambdaContext

event = json.load(sys.stdin)
hooks.run_before_snapshot()
prepared = {"boto3": "boto3" in sys.modules, "children": []}
before = set(sys.modules)
for _ in range(3):
    read, write = os.pipe()
    if os.fork() == 0:
        hooks.run_after_restore()
        drawn = random.random()
        answer = app.handler(event, LocalLambdaContext("RoomsFunction", 512, 15))
        late = sorted(name for name in set(sys.modules) - before if not name.startswith("encodings"))
        os.write(write, json.dumps([drawn, answer["statusCode"], json.loads(answer["body"]), late]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        prepared["children"].append(json.load(pipe))
    os.wait()
print(json.dumps(prepared))
"""


@pytest.fixture
def snapshot(migrated: Mapping[str, str], admin: Connection) -> dict[str, Any]:
    """What copies of an environment answer, of a table with one room."""
    insert_rooms(admin, [a_room(code="one")])
    environ = {**migrated, "PATH": "", "PYTHONPATH": str(ROOT), "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environ,
        input=json.dumps(an_event()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    prepared: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return prepared


def test_every_copy_answers_over_a_connection_of_its_own(snapshot: dict[str, Any]) -> None:
    assert [(status, [room["code"] for room in rooms]) for _, status, rooms, _ in snapshot["children"]] == [
        (200, ["one"])
    ] * 3


def test_no_two_copies_draw_the_same_random_numbers(snapshot: dict[str, Any]) -> None:
    assert len({drawn for drawn, *_ in snapshot["children"]}) == 3


def test_a_copy_imports_next_to_nothing(snapshot: dict[str, Any]) -> None:
    assert snapshot["boto3"]
    for *_, late in snapshot["children"]:
        assert len(late) < 10, late
