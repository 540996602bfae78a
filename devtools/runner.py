"""Runs the template's functions in this process for SAM CLI's local API Gateway."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from samcli.lib.providers.provider import Function
    from samcli.lib.providers.sam_function_provider import SamFunctionProvider
    from samcli.lib.utils.stream_writer import StreamWriter

_REGION = "us-east-1"
_DEFAULT_TIMEOUT_S = 3
_DEFAULT_MEMORY_MB = 128


@dataclass(frozen=True)
class LocalLambdaContext:
    """The context of an invocation (Lambda developer guide, "Python context object")."""

    function_name: str
    memory_limit_in_mb: int
    timeout_s: float
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    _started_s: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{_REGION}:123456789012:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        elapsed_s = time.monotonic() - self._started_s
        return max(0, int((self.timeout_s - elapsed_s) * 1000))


class InProcessRunner:
    """Invokes functions for the gateway one at a time, like one execution environment of Lambda.

    Code is loaded by the first request, and reloaded by the first request after a file has changed. The environment is
    the template's, overridden by that of this process.

    Args:
        functions: The template's functions.
        root: The template's folder.
        sources: The folders of code to watch for changes.
    """

    def __init__(self, functions: SamFunctionProvider, root: Path, sources: Iterable[Path]) -> None:
        self._functions = functions
        self._root = root
        self._sources = tuple(sources)
        self._prefixes = tuple(f"{source}{os.sep}" for source in self._sources)
        # Python detects stale bytecode by whole seconds and sizes, which two quick edits may share.
        sys.dont_write_bytecode = True
        self._environ = dict(os.environ)
        self._lock = Lock()
        self._modified_ns: dict[str, int] = {}

    def is_debugging(self) -> bool:
        """Return False, so that the gateway accepts requests in parallel; they queue here."""
        return False

    def invoke(
        self,
        function_identifier: str,
        event: str,
        stdout: StreamWriter,
        stderr: StreamWriter | None = None,  # noqa: ARG002 - the gateway's interface
        tenant_id: str | None = None,  # noqa: ARG002 - the gateway's interface
    ) -> None:
        """Write the function's result or error to `stdout` as JSON, like Lambda."""
        function = self._functions.get(function_identifier)
        if function is None:
            raise LookupError(f"The template has no function {function_identifier}")
        with self._lock:  # waiting does not count towards the function's timeout
            context = LocalLambdaContext(
                function_name=function.name,
                memory_limit_in_mb=function.memory or _DEFAULT_MEMORY_MB,
                timeout_s=function.timeout or _DEFAULT_TIMEOUT_S,
            )
            try:
                answer = json.dumps(self._load(function)(json.loads(event), context))
            except Exception as error:  # noqa: BLE001 - the gateway answers any error
                traceback.print_exc()
                answer = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []})
        stdout.write_str(answer)

    def _load(self, function: Function) -> Callable[[dict[str, Any], LocalLambdaContext], Any]:
        self._forget_changed_code()
        for variable, value in ((function.environment or {}).get("Variables") or {}).items():
            os.environ[variable] = self._environ.get(variable, str(value))
        module_name, _, handler_name = function.handler.partition(".")
        folder = Path(function.codeuri)
        package = (folder if folder.is_absolute() else self._root / folder).relative_to(self._root)
        module = importlib.import_module(".".join((*package.parts, module_name)))
        handler: Callable[[dict[str, Any], LocalLambdaContext], Any] = getattr(module, handler_name)
        return handler

    def _forget_changed_code(self) -> None:
        modified_ns = {path: time_ns for source in self._sources for path, time_ns in _modified_ns(source)}
        if modified_ns == self._modified_ns:
            return
        self._modified_ns = modified_ns
        for name, module in list(sys.modules.items()):
            if self._is_source(module):
                del sys.modules[name]
        importlib.invalidate_caches()

    def _is_source(self, module: ModuleType) -> bool:
        # As text: comparing paths takes 0.2 s for all modules.
        return (getattr(module, "__file__", None) or "").startswith(self._prefixes)


def _modified_ns(folder: str | Path) -> Iterator[tuple[str, int]]:
    """Yield the path of each Python file, and when it was modified; by `Path.rglob` that takes four times as long."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _modified_ns(entry.path)
            elif entry.name.endswith(".py"):
                with suppress(FileNotFoundError):  # an editor's lock is a broken link
                    yield entry.path, entry.stat().st_mtime_ns
