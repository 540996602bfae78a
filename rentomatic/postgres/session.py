"""The connection pool of a process, with one connection on Lambda."""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from rentomatic.domain.errors import CorruptDataError, TimedOutError, UnavailableError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, drop_tracebacks, server_error, translate_errors
from rentomatic.postgres.settings import read_session_settings
from rentomatic.postgres.wire.driver import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.postgres.credentials import Credentials
    from rentomatic.postgres.settings import SessionSettings
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection, Row, Statement

T = TypeVar("T")

_MIN_REMAINING_S = 0.1  # with less time left nothing is started
_STARTING_UP = "57P03"
_STARTING_UP_PAUSE_S = 0.3
_LOGIN_REFUSED = ("28P01", "28000")
_ROLLED_BACK = "40"  # the class of a replica's 40001, when it replays what the statement still needs


class SessionEvent(StrEnum):
    """An event of a session that the caller does not see, named as its metric."""

    RECONNECT = "DatabaseReconnects"
    RETRY = "DatabaseRetries"
    CREDENTIAL_REFRESH = "CredentialRefreshes"
    TIMEOUT = "DatabaseTimeouts"


@dataclass
class _PooledConnection:
    """A connection between two uses. Times are of `time.time`, since other clocks stop in a frozen environment.

    Attributes:
        process: The process that opened it; a fork must not use the shared socket.
    """

    connection: PipelinedConnection
    process: int
    opened_at: float
    used_at: float

    @property
    def is_own(self) -> bool:
        return self.process == os.getpid()

    def is_fresh(self, settings: SessionSettings) -> bool:
        now = time.time()
        return 0 <= now - self.opened_at < settings.max_age_s and 0 <= now - self.used_at < settings.max_idle_s

    def end(self) -> None:
        if self.is_own:
            self.connection.end()
        else:
            self.connection.abandon()  # sends nothing, since the other process may be using it


def _end_all(pool: deque[_PooledConnection]) -> None:
    with suppress(IndexError):  # other threads may take connections meanwhile
        while pool:
            pool.pop().end()


class PostgresSession:
    """Runs reading statements within a deadline, on pooled connections that are opened on demand.

    Args:
        configuration: As for `read_session_settings`, which reads it once, and `credentials_from_settings`.
        remaining_s: Returns how many seconds the caller has left.
        count: Called with each `SessionEvent`.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        remaining_s: Callable[[], float],
        count: Callable[[SessionEvent], None],
    ) -> None:
        self._configuration = configuration
        self._remaining_s = remaining_s
        self._count = count
        self._credentials: Credentials | None = None
        # The idle connections. A thread takes one out atomically, or opens another.
        self._pool: deque[_PooledConnection] = deque()
        # The book's callers may create a repository for each request and never close it.
        weakref.finalize(self, _end_all, self._pool)
        self._has_connected = False

    def close(self) -> None:
        """Close the pooled connections; the next call opens another."""
        _end_all(self._pool)

    def fetch(self, statement: Statement, decode: Callable[[Row], T]) -> T:
        """Return the decoded row of a statement. It must only read, since it may run twice.

        Args:
            statement: The statement to run.
            decode: Decodes the row. If it raises, the connection is closed.

        Raises:
            RepositoryError: or one of its subclasses, see `domain.errors`.
        """
        budget_s = min(self._settings.timeout_s, self._remaining_s())
        if budget_s < _MIN_REMAINING_S:
            raise UnavailableError("Not enough time left to start")
        deadline = time.monotonic() + budget_s
        try:
            return self._fetch(statement, decode, deadline)
        except TimedOutError:
            self._count(SessionEvent.TIMEOUT)
            raise

    @cached_property  # errors are not cached
    def _settings(self) -> SessionSettings:
        return read_session_settings(self._configuration)

    def _fetch(self, statement: Statement, decode: Callable[[Row], T], deadline: float) -> T:
        kept = self._take_usable(deadline)
        pooled = kept or self._open(deadline)
        try:
            return self._run(pooled, statement, decode)
        except (UnavailableError, TimedOutError, CorruptDataError) as error:
            # If the connection is still open, the error is the server's answer, and only after a rollback may there be
            # another. If it is not, a kept one had died. After the server's own timeout a retry would be too late.
            is_open = pooled.connection.is_open
            may_retry = (error.sqlstate or "").startswith(_ROLLED_BACK) if is_open else kept is not None
            is_server_timeout = isinstance(error, TimedOutError) and error.sqlstate
            if not may_retry or is_server_timeout or deadline - time.monotonic() < _MIN_REMAINING_S:
                raise
            drop_tracebacks(error)
        self._count(SessionEvent.RETRY)
        # A rollback is repeated where it was: another transaction needs only what has not been replayed yet.
        return self._run((is_open and self._take_usable(deadline)) or self._open(deadline), statement, decode)

    def _take_usable(self, deadline: float) -> _PooledConnection | None:
        """Take a usable connection out of the pool; close those that are not."""
        while pooled := self._take():
            if not pooled.is_own or not pooled.is_fresh(self._settings):
                pooled.end()
                continue
            pooled.connection.socket.deadline = deadline
            if pooled.connection.is_in_sync:
                return pooled
            pooled.connection.abandon()
        return None

    def _take(self) -> _PooledConnection | None:
        """Take the connection that was used last out of the pool; None if it is empty."""
        try:
            return self._pool.pop()
        except IndexError:
            return None

    def _put_back(self, pooled: _PooledConnection) -> None:
        """Return a connection to the pool; close excess and stale ones."""
        pooled.used_at = time.time()
        self._pool.append(pooled)
        if len(self._pool) > 1:
            with suppress(IndexError):  # other threads may take connections meanwhile
                while len(self._pool) > 1 and self._has_excess():
                    self._pool.popleft().end()

    def _has_excess(self) -> bool:
        return len(self._pool) > self._settings.pool_size or not self._pool[0].is_fresh(self._settings)

    def _run(self, pooled: _PooledConnection, statement: Statement, decode: Callable[[Row], T]) -> T:
        """Run the statement, and put the connection back if no message can still be in transit.

        That holds after success and after an error of severity ERROR, after which pg8000 has read everything. After
        anything else, such as KeyboardInterrupt, the next answer might belong to this call.
        """
        is_clean = False
        try:
            with translate_errors(ConnectionPhase("query")):
                try:
                    value = decode(pooled.connection.fetch(statement))
                except DatabaseError as error:
                    is_clean = (server_error(error) or {}).get("V") == "ERROR"
                    raise
            is_clean = True
        finally:
            if is_clean:
                self._put_back(pooled)
            else:
                pooled.connection.abandon()
        return value

    def _open(self, deadline: float) -> _PooledConnection:
        """Connect, with one retry if the server is starting up or if there are new credentials."""
        if self._has_connected:
            self._count(SessionEvent.RECONNECT)
        try:
            return self._connect(deadline)
        except UnavailableError as error:
            remaining_s = deadline - time.monotonic()
            if error.sqlstate == _STARTING_UP and remaining_s > _STARTING_UP_PAUSE_S + _MIN_REMAINING_S:
                time.sleep(_STARTING_UP_PAUSE_S)
                self._count(SessionEvent.RETRY)
            elif error.sqlstate in _LOGIN_REFUSED and self._credentials and self._credentials.renew(deadline):
                self._count(SessionEvent.CREDENTIAL_REFRESH)
            else:
                raise
            drop_tracebacks(error)
        return self._connect(deadline)

    def _connect(self, deadline: float) -> _PooledConnection:
        if self._credentials is None:
            self._credentials = credentials_from_settings(self._configuration)
        settings = self._credentials.read(deadline)
        try:
            connection = connect(settings, deadline)
        except TimedOutError as error:
            if self._settings.has_auto_pause:
                raise UnavailableError(f"The database may be resuming: {error}", phase=error.phase) from error
            raise
        self._credentials.mark_valid()
        self._has_connected = True
        now = time.time()
        return _PooledConnection(connection, os.getpid(), opened_at=now, used_at=now)
