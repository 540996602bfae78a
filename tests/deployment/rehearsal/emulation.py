"""Functions as they were built, under Lambda's runtime client and its emulator, instead of moto's Docker."""

from __future__ import annotations

import json
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.awslambda.models import LambdaFunction

from tests.support.emulator import emulated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Emulation:
    """Runs the functions of a build, each invocation in a new execution environment.

    Args:
        built: The folder that `sam build` made.
        scratch: Where logs go.
        environ: What every function's environment has in addition to the template's variables.
    """

    def __init__(self, built: Path, scratch: Path, environ: Mapping[str, str]) -> None:
        self._built = built
        self._scratch = scratch
        self._environ = environ
        self._count = 0

    def invoke(self, function: LambdaFunction, event: Any) -> Any:
        """Return what a function that moto has answers."""
        logical_id = function.function_name.split("-")[-2]  # between the stack's name and chance
        self._count += 1
        folder = self._scratch / f"{self._count}-{logical_id}"
        folder.mkdir()
        variables = {name: str(value) for name, value in function.environment_vars.items()}
        settings = {**variables, **self._environ}
        built = self._built / logical_id
        with (
            redirect_stdout(StringIO()),  # the output is in the folder, too
            emulated(built, self._built, settings, folder, int(function.timeout)) as emulator,
        ):
            return emulator(event)

    @contextmanager
    def instead_of_docker(self) -> Iterator[None]:
        """Have moto's Lambda run functions here, whoever asks it to."""

        def invoke(function: LambdaFunction, body: str, _request_headers: Any, response_headers: Any) -> str:
            answer = self.invoke(function, json.loads(body))
            if isinstance(answer, dict) and "errorType" in answer:
                response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(answer)

        with patch.object(LambdaFunction, "invoke", invoke):
            yield
