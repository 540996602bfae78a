"""Lambda's own runtime client under the Runtime Interface Emulator.

Both come from PyPI: the client is awslambdaric, and SAM CLI's wheel carries the emulator.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.canaries import assert_no_canary
from tests.support.commands import Command, clean_environ, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psutil

LAMBDA_PYTHON = (3, 13)  # what is built is for
AS_ON_LAMBDA = pytest.mark.skipif(
    platform.system() != "Linux" or sys.version_info[:2] != LAMBDA_PYTHON,
    reason="The Runtime Interface Emulator is a program for Linux, and what is built is for Python 3.13",
)
# What Lambda's own image has besides the standard library.
_RUNTIME = (
    *("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)


@contextmanager
def emulated(
    function: Path, layers: Path, settings: Mapping[str, str], folder: Path, timeout_s: int = 15
) -> Iterator[Emulator]:
    """Run a built function as Lambda does, its code read-only.

    Args:
        function: The folder with its code.
        layers: The folder with what `sam build` made, the layers among it.
        settings: Its environment.
        folder: A folder for what this makes.
        timeout_s: The function's, which Lambda ends it after.
    """
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    rapid = Path(find_spec("samcli").origin).parent / "local" / "rapid"  # type: ignore[union-attr, arg-type]
    program = str(rapid / f"aws-lambda-rie-{architecture}")
    port, api_port = free_port(), free_port()
    layer_paths = [layers / layer / "python" for layer in ("DependenciesLayer", "RentomaticLayer")]
    search_path = os.pathsep.join(map(str, [function, *layer_paths, _runtime(folder)]))
    command = [
        *(program, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        # -S: nothing of this virtual environment but what is in the search path.
        *(sys.executable, "-S", "-m", "awslambdaric", "app.handler"),
    ]
    environ = {
        **{name: value for name, value in clean_environ().items() if name in {"HOME", "PATH", "LANG"}},
        **settings,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(function),
        "PYTHONPATH": search_path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    with running(command, layers, environ, folder / "output") as emulating:
        emulating.wait_for(f"http://127.0.0.1:{port}/")
        yield Emulator(url, emulating)
        print(emulating.output)  # noqa: T201 - pytest shows it with a failure


def _runtime(parent: Path) -> Path:
    """Make a folder with what Lambda's image has, and nothing else of this virtual environment."""
    folder = parent / "runtime"
    folder.mkdir()
    for name in _RUNTIME:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        (folder / target.name).symlink_to(target)
    return folder


class Emulator:
    """The emulator, to invoke the function by and to do things to the function's process."""

    def __init__(self, url: str, command: Command) -> None:
        self._url = url
        self._command = command

    def __call__(self, event: dict[str, Any]) -> Any:
        try:
            with urlopen(Request(self._url, json.dumps(event).encode()), timeout=30) as answer:  # noqa: S310 - our own
                body = answer.read().decode()
        except HTTPError as error:
            with error:
                return {"statusCode": error.code}
        assert_no_canary(body)
        return json.loads(body)

    @property
    def output(self) -> str:
        return self._command.output

    def runtime(self) -> psutil.Process:
        (process,) = (process for process in self._command.family() if "awslambdaric" in process.cmdline()[1:5])
        return process
