"""The handler of the rooms function, as a fresh execution environment has it."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.metrics.provider.cold_start import reset_cold_start_flag

from devtools.runner import LocalLambdaContext
from tests.support.canaries import assert_no_canary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Invoke = Callable[..., dict[str, Any]]

REQUEST_ID = "0e6f1a2b-request-id"


@pytest.fixture
def invoke(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    migrated: Mapping[str, str],
) -> Iterator[Invoke]:
    """Invoke the handler with an event; the environment names the tests' database."""
    for variable, value in migrated.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("CORS_ALLOW_ORIGIN", "https://www.example.com")
    sys.modules.pop("functions.rooms.app", None)
    reset_cold_start_flag()  # type: ignore[no-untyped-call] # Powertools left it out
    app = importlib.import_module("functions.rooms.app")
    logging.Logger.manager.loggerDict.pop("rooms", None)  # it writes to an earlier test's captured output

    def invoke(event: dict[str, Any], timeout_s: float = 15) -> dict[str, Any]:
        context = LocalLambdaContext("RoomsFunction", 512, timeout_s, aws_request_id=REQUEST_ID)
        answer: dict[str, Any] = app.handler(event, context)
        output = capsys.readouterr()
        assert_no_canary(json.dumps(answer) + output.out + output.err)
        sys.stdout.write(output.out)  # for the test to read
        sys.stderr.write(output.err)
        return answer

    yield invoke
    app._repository().close()  # noqa: SLF001 - its connection goes, as with the environment
