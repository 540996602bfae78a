"""What must not grow, counted: none of it depends on the machine, or on what else it does."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.emulator import LAMBDA_PYTHON
from tests.support.events import an_event
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pg8000.native import Connection

    from tests.support.invocation import Invoke


BUDGET = ROOT / "tests/integration/start_up_modules.txt"

# Answers one request as a new execution environment does, without what a virtual environment imports by itself.
SCRIPT = """
import sys
sys.path += sys.argv[1:]
before = set(sys.modules)
import json
from functions.rooms.app import handler

class Context:
    function_name, function_version, invoked_function_arn = "RoomsFunction", "1", "arn"
    memory_limit_in_mb, aws_request_id = 512, "id"
    def get_remaining_time_in_millis(self):
        return 15000

status = handler(json.load(sys.stdin), Context())["statusCode"]
sys.stderr.write(json.dumps([status, sorted(set(sys.modules) - before)]))
"""


def test_a_cold_start_imports_nothing_new(migrated: Mapping[str, str], admin: Connection) -> None:
    insert_rooms(admin, [a_room()])
    site_packages = [path for path in sys.path if path.endswith("site-packages")]
    command = [sys.executable, "-S", "-c", SCRIPT, str(ROOT), *site_packages]
    environ = {**os.environ, **migrated, "CORS_ALLOW_ORIGIN": "*"}

    result = subprocess.run(
        command, env=environ, input=json.dumps(an_event()), capture_output=True, text=True, check=True
    )

    status, modules = json.loads(result.stderr)
    assert status == 200
    allowed = set(BUDGET.read_text().split())
    new = {of_budget(name) for name in modules} - {None} - allowed
    assert not new, f"look for a way to do without, or add to {BUDGET.name}: {sorted(map(str, new))}"


def of_budget(name: str) -> str | None:
    """Return a module as the budget has it; of the standard library, which is Lambda's, the package if it is public."""
    package = name.partition(".")[0]
    if package not in sys.stdlib_module_names:
        return name
    return None if package.startswith("_") or sys.version_info[:2] != LAMBDA_PYTHON else package


# An answer that may arrive in parts is read message by message: such pages are compared with each other.
@pytest.mark.parametrize(("few", "many"), [(2, 20), (1_000, 2_000)])
@pytest.mark.parametrize("parameters", [{}, {"filter_price__gte": "0"}, {"sort": "-price"}])
def test_a_page_takes_the_same_calls_for_any_number_of_rooms(
    invoke: Invoke, admin: Connection, parameters: dict[str, str], few: int, many: int
) -> None:
    insert_rooms(admin, [a_room(code=f"{number:036}", price=number) for number in range(2_100)])

    calls = {limit: calls_of(invoke, an_event(limit=str(limit), **parameters)) for limit in (few, many)}

    assert calls[many] - calls[few] == Counter()


def calls_of(invoke: Invoke, event: dict[str, Any]) -> Counter[str]:
    """Return how often each Python function is called, but those of sockets: the system cuts what they receive."""
    invoke(event)
    calls: Counter[str] = Counter()

    def count(frame: Any, what: str, _argument: object) -> None:
        if what == "call" and not frame.f_code.co_filename.endswith("socket.py"):
            calls[f"{frame.f_code.co_filename}:{frame.f_code.co_name}"] += 1

    gc.disable()  # others have hooked functions to it
    sys.setprofile(count)
    try:
        answer = invoke(event)
    finally:
        sys.setprofile(None)
        gc.enable()
    assert answer["statusCode"] == 200
    return calls
