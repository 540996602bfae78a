"""Changes one thing at a time in the modules that most depends on, and counts the changes that no test notices.

Each mutant is tested by a child of a process that has imported what is slow to import, in a copy of the repository
and on a Postgres of its own, copied as well: that takes a second, where a command of its own would take five.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Mutant = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = [str(ROOT / ".venv/mutants/bin/python"), "tests/mutants/generate.py"]
LISTED = ROOT / "tests/mutants/equivalent.toml"
# None of these imports anything of this repository, which each child must import again.
SLOW_IMPORTS = (
    *("alembic", "aws_lambda_powertools", "boto3", "botocore.auth", "cryptography.x509", "hypothesis.strategies"),
    *("moto.server", "moto.secretsmanager.models"),
)
OPTIONS = (
    *("-x", "-q", "--tb=no", "--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("-p", "no:randomly", "-p", "no:xdist", "-p", "no:anyio", "-p", "no:cacheprovider"),
)
WORKERS = int(os.environ.get("MUTANTS_WORKERS", "2"))
TIMEOUT_FACTOR, TIMEOUT_LEAST_S = 3, 20

# Each module, and the tests that are about it, the fastest first. Of room_sql, the contracts on the newest revision.
SECRETS = ("tests/integration/test_secretsmanager.py", "tests/integration/test_rotation.py")
DOCUMENTS, FRONT_DOORS = "tests/unit/test_api_documents.py", "tests/integration/test_front_doors.py"
HTTP = (
    *("tests/unit/test_pagination.py", "tests/unit/test_front_page.py", "tests/unit/test_docs_page.py"),
    *("tests/unit/test_server_timing.py", "tests/unit/test_wsgi.py", "tests/unit/test_compression.py"),
    *("tests/integration/test_rooms_api.py", "tests/integration/test_rooms_function.py", FRONT_DOORS),
    *(DOCUMENTS, "tests/faults/test_data.py"),
)
DOCUMENTS_FIRST = (DOCUMENTS, *(tests for tests in HTTP if tests != DOCUMENTS))
FRONT_DOORS_FIRST = (FRONT_DOORS, *(tests for tests in HTTP if tests != FRONT_DOORS))
OGC = ("tests/e2e/test_ogc_features.py", "tests/e2e/test_ogc_filtering.py", *HTTP)
POSTGRES, WIRE = Path("rentomatic/postgres"), Path("rentomatic/postgres/wire")
TESTS: dict[Path, Sequence[str]] = {
    WIRE / "column_codec.py": (
        *("tests/unit/test_column_codec.py", "tests/integration/test_postgresrepo.py::TestPostgresRepo"),
        "tests/faults/test_data.py",
    ),
    WIRE / "deadline_socket.py": (
        *("tests/unit/test_socket_file.py", "tests/unit/test_keep_alive.py", "tests/integration/test_tls.py"),
        *("tests/faults/test_network.py", "tests/faults/test_connection.py", "tests/faults/test_stream.py"),
    ),
    WIRE / "driver.py": ("tests/integration/test_pipelined_connection.py", "tests/integration/test_budgets.py"),
    WIRE / "pipelined_connection.py": (
        *("tests/integration/test_pipelined_connection.py", "tests/faults/test_connection.py"),
        *("tests/faults/test_pooler.py", "tests/faults/test_stream.py"),
    ),
    POSTGRES / "session.py": (
        *("tests/integration/test_session.py", "tests/faults/test_process.py", "tests/faults/test_connection.py"),
        *("tests/faults/test_server.py", "tests/faults/test_waking.py", "tests/integration/test_rotation.py"),
        *("tests/integration/test_hosts.py", "tests/faults/test_replicas.py"),
    ),
    POSTGRES / "credentials/__init__.py": ("tests/integration/test_tls.py", *SECRETS),
    POSTGRES / "credentials/aws_request.py": ("tests/unit/test_aws_request.py", *SECRETS),
    POSTGRES / "credentials/iam.py": ("tests/integration/test_tls.py", "tests/integration/test_hosts.py", *SECRETS),
    POSTGRES / "credentials/secrets_manager.py": SECRETS,
    POSTGRES / "room_sql.py": (
        *("tests/integration/test_pipelined_connection.py", "tests/integration/test_plans.py"),
        "tests/integration/test_postgresrepo.py::TestPostgresRepo",
        "tests/integration/test_postgresrepo.py::TestPostgresRepoSearched",
    ),
    Path("rentomatic/requests/cursor.py"): ("tests/unit/test_cursor.py", "tests/integration/test_rooms_api.py"),
    **dict.fromkeys(sorted(path.relative_to(ROOT) for path in (ROOT / "rentomatic/http").glob("[a-z]*.py")), HTTP),
    **{Path(f"rentomatic/http/{name}.py"): DOCUMENTS_FIRST for name in ("openapi", "openapi30", "openapi_parts")},
    Path("rentomatic/http/ogc_openapi.py"): DOCUMENTS_FIRST,
    Path("rentomatic/http/ogc.py"): OGC,
    Path("rentomatic/http/lambda_events.py"): FRONT_DOORS_FIRST,
}


class FewerExamples:
    """Properties fail soon or not at all, and nobody reads with which example."""

    def pytest_sessionstart(self) -> None:
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        default = hypothesis.settings.get_profile("default")
        hypothesis.settings.register_profile("mutants", default, max_examples=40, phases=phases)
        hypothesis.settings.load_profile("mutants")


class Copy:
    """A copy of the repository, in which a child may change what it likes."""

    def __init__(self, folder: Path, source: Path = ROOT) -> None:
        self.root = folder / "rentomatic"
        self._base = folder / "base"
        self._output = folder / "output"
        self._template = folder.parent / "template"
        left_out = shutil.ignore_patterns(".git", ".venv", ".data", ".aws-sam", ".*_cache", ".hypothesis")
        shutil.copytree(source, self.root, ignore=left_out)
        (self.root / ".venv").symlink_to(ROOT / ".venv")

    def make_template(self) -> None:
        """Make the database that each child gets a copy of."""
        assert self._run(self._make_template, 60) == 0, self._output.read_text()

    def test(self, tests: Sequence[str], timeout_s: float, mutant: Mutant | None = None) -> tuple[bool, str]:
        """Return whether the tests pass, and the end of what they say."""
        module = self.root / mutant["module"] if mutant else None
        if module and mutant:
            for compiled in module.parent.glob(f"__pycache__/{module.stem}.*"):
                compiled.unlink()
            module.write_text(mutant["code"])
        try:
            status = self._run(lambda: self._pytest(tests, is_compiling=mutant is None), timeout_s)
        finally:
            if module:
                shutil.copy(ROOT / module.relative_to(self.root), module)
        lines = [line for line in self._output.read_text(errors="replace").splitlines() if line]
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-3:]
        return status == 0, "too slow" if status is None else " ".join(failed)

    def _make_template(self) -> int:
        embedded_postgres: Any = importlib.import_module("devtools.embedded_postgres")
        with embedded_postgres.embedded_postgres_server(self._template) as server:
            importlib.import_module("schema").upgrade(server, print)
        return 0

    def _pytest(self, tests: Sequence[str], *, is_compiling: bool) -> int:
        sys.dont_write_bytecode = not is_compiling
        embedded_postgres: Any = importlib.import_module("devtools.embedded_postgres")

        def initialise(data: Path) -> None:
            subprocess.run(["cp", "-a", self._template, data], check=True)
            embedded_postgres.give_to_system_user(data)

        embedded_postgres.initialise = initialise  # which takes seconds
        return pytest.main([*OPTIONS, f"--basetemp={self._base}", *tests], plugins=[FewerExamples()])

    def _run(self, work: Callable[[], int], timeout_s: float) -> int | None:
        """Return the status of a child that does the work, or None if it takes too long."""
        child = os.fork()
        if child == 0:
            self._be_child(work)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                self._stop_servers()
                return status
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self._stop_servers()
        return None

    def _be_child(self, work: Callable[[], int]) -> None:
        status = 1
        try:
            os.setsid()
            with self._output.open("wb") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            os.chdir(self.root)
            sys.path[:] = [str(self.root), *(entry for entry in sys.path if entry not in {"", str(ROOT)})]
            for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
                del sys.modules[name]
            status = work()
        except BaseException as error:  # noqa: BLE001 - a mutant may do anything
            os.write(2, repr(error).encode())
        finally:
            os._exit(int(status))

    def _stop_servers(self) -> None:
        """Stop the servers of a child that was killed."""
        for process in psutil.process_iter(["cmdline"]):
            if any(argument.startswith(str(self._base)) for argument in process.info["cmdline"] or ()):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGQUIT)


def main(names: Sequence[str]) -> int:
    modules = [module for module in TESTS if not names or any(name in str(module) for name in names)]
    command = [*GENERATOR, *map(str, modules)]
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    mutants = [json.loads(line) for line in made.splitlines()]
    listed = equivalents()
    unlisted = [mutant for mutant in mutants if key(mutant) not in listed]
    random.Random(0).shuffle(unlisted)  # noqa: S311 - so that the time that is left can be told
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - Postgres runs as another user
        for name in SLOW_IMPORTS:
            importlib.import_module(name)
        survivors = survivors_of(Path(folder), modules, unlisted)
    report(modules, mutants, listed, survivors)
    return 0 if len(survivors) * 10 <= len(unlisted) else 1


def survivors_of(folder: Path, modules: Sequence[Path], mutants: Sequence[Mutant]) -> list[Mutant]:
    """Test the mutants, as many at a time as there are processors, and return those whose tests pass."""
    first = Copy(folder / "0")
    first.make_template()
    by_tests = {tests: patience(tests, first) for tests in dict.fromkeys(TESTS[module] for module in modules)}
    timeouts = {str(module): by_tests[TESTS[module]] for module in modules}
    # With what has been compiled by now.
    copies = [first, *(Copy(folder / str(number), first.root) for number in range(1, WORKERS))]
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()

    def work(copy: Copy, share: Sequence[Mutant]) -> None:
        for mutant in share:
            results.put((mutant, *copy.test(TESTS[Path(mutant["module"])], timeouts[mutant["module"]], mutant)))

    shares = [mutants[number :: len(copies)] for number in range(len(copies))]
    workers = [context.Process(target=work, args=each) for each in zip(copies, shares, strict=True)]
    for worker in workers:
        worker.start()
    survivors = list(watch(results.get, len(mutants)))
    for worker in workers:
        worker.join()
    return survivors


def patience(tests: Sequence[str], copy: Copy) -> float:
    """Return how many seconds a mutant may take, from what its tests take without one."""
    said = ""
    for _ in range(3):  # a machine that is busy fails those that have deadlines
        begun = time.monotonic()
        has_passed, said = copy.test(tests, 600)
        took_s = time.monotonic() - begun
        if has_passed:
            print(f"{tests[0]} and {len(tests) - 1} others take {took_s:.1f} s", flush=True)  # noqa: T201
            return max(TIMEOUT_LEAST_S, TIMEOUT_FACTOR * took_s)
    raise SystemExit(f"The tests fail without a mutant: {said}")


def watch(next_result: Callable[[], tuple[Mutant, bool, str]], count: int) -> Iterator[Mutant]:
    for number in range(1, count + 1):
        mutant, has_survived, said = next_result()
        what = "SURVIVED" if has_survived else f"killed by {said}"
        print(f"{number}/{count} {key(mutant)} line {mutant['line']}: {what}", flush=True)  # noqa: T201
        if has_survived:
            yield mutant


def key(mutant: Mutant) -> str:
    """Return what tells a mutant in the list from others, wherever in its module the line may move."""
    return f"{mutant['module']}: {mutant['was']} => {mutant['becomes']}"


def equivalents() -> frozenset[str]:
    groups = tomllib.loads(LISTED.read_text("utf-8"))["equivalent"]
    return frozenset(mutant for group in groups for mutant in group["mutants"])


def report(
    modules: Sequence[Path], mutants: Sequence[Mutant], listed: frozenset[str], survivors: Sequence[Mutant]
) -> None:
    made = Counter(mutant["module"] for mutant in mutants)
    equivalent = Counter(mutant["module"] for mutant in mutants if key(mutant) in listed)
    survived = Counter(mutant["module"] for mutant in survivors)
    print("\n| Module | Mutants | Killed | Survived | Listed as equivalent |\n|---|--:|--:|--:|--:|")  # noqa: T201
    for name in (*map(str, modules), "all"):
        numbers = [count.total() if name == "all" else count[name] for count in (made, survived, equivalent)]
        print(f"| {name} | {numbers[0]} | {numbers[0] - numbers[1] - numbers[2]} | {numbers[1]} | {numbers[2]} |")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
