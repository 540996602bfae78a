from __future__ import annotations

import io
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from samcli.lib.utils.stream_writer import StreamWriter

from devtools.runner import InProcessRunner, LocalLambdaContext

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = """
import os, time

running = 0

def handler(event, context):
    global running
    running += 1
    overlapped, given_ms = running > 1, context.get_remaining_time_in_millis()
    time.sleep(event.get("seconds", 0))
    running -= 1
    if event.get("fails"):
        raise LookupError("no such room")
    return {"overlapped": overlapped, "given_ms": given_ms, "left_ms": context.get_remaining_time_in_millis(),
            "arn": context.invoked_function_arn, "FROM_TEMPLATE": os.environ["FROM_TEMPLATE"]}
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcessRunner:
    """A runner over a template with one function, `Sleepy`."""
    folder = tmp_path / "sleepy_functions" / "sleepy"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("sleepy_functions")]:
        monkeypatch.delitem(sys.modules, name)  # another test's
    monkeypatch.delenv("FROM_TEMPLATE", raising=False)
    function = SimpleNamespace(
        name="Sleepy",
        handler="app.handler",
        codeuri="sleepy_functions/sleepy",
        timeout=60,
        memory=None,
        environment={"Variables": {"FROM_TEMPLATE": "yes"}},
    )
    return InProcessRunner(SimpleNamespace(get={"Sleepy": function}.get), tmp_path, [tmp_path])


def invoke(runner: InProcessRunner, **event: Any) -> dict[str, Any]:
    output = io.StringIO()
    runner.invoke("Sleepy", json.dumps(event), stdout=StreamWriter(output))
    answer: dict[str, Any] = json.loads(output.getvalue())
    return answer


def test_parallel_requests_run_one_at_a_time_with_all_their_time(runner: InProcessRunner) -> None:
    with ThreadPoolExecutor(5) as gateway:
        answers = list(gateway.map(lambda _: invoke(runner, seconds=0.7), range(5)))

    assert not runner.is_debugging()
    assert [answer["overlapped"] for answer in answers] == [False] * 5
    assert all(answer["given_ms"] > 58_000 for answer in answers)  # the last one waits for 2.8 s
    assert all(answer["left_ms"] <= answer["given_ms"] - 700 for answer in answers)


def test_an_error_of_the_function_looks_as_on_lambda(
    runner: InProcessRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = invoke(runner, fails=True)

    assert answer == {"errorMessage": "no such room", "errorType": "LookupError", "stackTrace": []}
    assert "LookupError: no such room" in capsys.readouterr().err


def test_the_shell_overrides_the_templates_environment(
    runner: InProcessRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert invoke(runner)["FROM_TEMPLATE"] == "yes"
    del os.environ["FROM_TEMPLATE"]

    monkeypatch.setenv("FROM_TEMPLATE", "no")
    under_the_shell = InProcessRunner(runner._functions, tmp_path, [tmp_path])  # noqa: SLF001 - the same template

    assert invoke(under_the_shell)["FROM_TEMPLATE"] == "no"


def test_changed_code_is_run_by_the_next_request(runner: InProcessRunner, tmp_path: Path) -> None:
    invoke(runner)
    app = tmp_path / "sleepy_functions" / "sleepy" / "app.py"

    for text in ("no such bath", "no such roof"):  # of one length, and within a second
        app.write_text(FUNCTION.replace("no such room", text))
        assert invoke(runner, fails=True)["errorMessage"] == text


def test_a_lock_file_of_an_editor_is_not_code(runner: InProcessRunner, tmp_path: Path) -> None:
    (tmp_path / "sleepy_functions" / "sleepy" / ".#app.py").symlink_to("user@host.1")

    assert "errorType" not in invoke(runner)


def test_unchanged_code_is_loaded_once(runner: InProcessRunner) -> None:
    invoke(runner)
    loaded = sys.modules["sleepy_functions.sleepy.app"]

    invoke(runner)

    assert sys.modules["sleepy_functions.sleepy.app"] is loaded


def test_a_function_that_the_template_has_not_is_an_error(runner: InProcessRunner) -> None:
    with pytest.raises(LookupError, match="The template has no function Nobody"):
        runner.invoke("Nobody", "{}", stdout=StreamWriter(io.StringIO()))


def test_the_context_counts_down_to_zero_from_the_timeout() -> None:
    assert 2900 < LocalLambdaContext("Sleepy", 128, 3).get_remaining_time_in_millis() <= 3000
    over = LocalLambdaContext("Sleepy", 128, 3, _started_s=time.monotonic() - 10)
    assert over.get_remaining_time_in_millis() == 0


def test_every_invocation_has_an_id_of_its_own() -> None:
    first, second = (LocalLambdaContext("Sleepy", 128, 3) for _ in range(2))

    assert first.aws_request_id != second.aws_request_id
