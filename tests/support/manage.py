"""The commands of manage.py, in this process or in one of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import chdir, contextmanager
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

import manage
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.support.commands import clean_environ
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pg8000.native import Connection

MANAGE = str(ROOT / "manage.py")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_manage(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, answer: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, which saves the second that a new one takes to import what it needs.

    `answer` is what its standard input has.
    """
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    settings: dict[str, str | None] = dict.fromkeys(os.environ) | clean_environ() | dict(environ or {})
    try:
        with chdir(folder):
            result = CliRunner(mix_stderr=False).invoke(
                manage.main, arguments, input=answer, env=settings, prog_name="manage.py"
            )
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


@contextmanager
def waiting_import(
    folder: Path, file: str, database: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], Connection]]:
    """Start an import that waits in its transaction: its process, and the connection of the writer it waits for."""
    with connect(read_postgres_settings(database)) as other:
        other.run("BEGIN")
        other.run("LOCK TABLE room IN SHARE MODE")
        process = subprocess.Popen(
            [sys.executable, MANAGE, "import", file],
            cwd=folder,
            env={**clean_environ(), **database},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        said = [process.stdout.readline() for _ in range(2)]
        assert said == ["Writing\n", "Waiting until other writers, such as an import, have finished\n"]
        yield process, other
        other.run("ROLLBACK")


def start_manage(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as a user does: of a clone, if the folder is one."""
    program = folder / "manage.py" if (folder / "manage.py").exists() else MANAGE
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=folder,
        env={**clean_environ(), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode != 0
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.startswith("Error: ")
    for word in words:
        assert word in result.stderr


def run_sql(configuration: Mapping[str, str], sql: str) -> Any:
    with connect(read_postgres_settings(configuration)) as connection:
        return connection.run(sql)
