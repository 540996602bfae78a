"""The connections of a process, one on Lambda: opened late, kept long, trusted never."""

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
from rentomatic.postgres.errors import ConnectionPhase, server_error, translate_errors
from rentomatic.postgres.settings import read_session_settings
from rentomatic.postgres.wire.driver import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.postgres.credentials import Credentials
    from rentomatic.postgres.settings import SessionSettings
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection, Row, Statement

T = TypeVar("T")

_LEAST_S = 0.1  # with less than this left nothing is begun
_STARTING_UP = "57P03"
_STARTING_UP_PAUSE_S = 0.3
_NOT_LET_IN = ("28P01", "28000")


class SessionEvent(StrEnum):
    """What happens to a session that a client may not see."""

    RECONNECT = "DatabaseReconnects"
    RETRY = "DatabaseRetries"
    RENEWAL = "CredentialRefreshes"
    TIMEOUT = "DatabaseTimeouts"


@dataclass
class _PooledConnection:
    """A connection between two uses. Times are of `time.time`: a frozen environment's other clocks may stop.

    Attributes:
        process: The process that opened it; one forked from it must not use the socket of both.
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
            self.connection.abandon()  # its server must hear nothing from this process


def _end_all(kept: deque[_PooledConnection]) -> None:
    with suppress(IndexError):  # other threads may take them all meanwhile
        while kept:
            kept.pop().end()


class PostgresSession:
    """Runs statements that read, each within a deadline, on a connection that it opens and keeps.

    Args:
        configuration: Of `read_session_settings`, which reads it once, and of `credentials_from_settings`.
        remaining_s: How many seconds the caller has left.
        count: Is told each `SessionEvent`.
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
        # Those that nobody uses. Whoever needs one takes it out, which no two threads can do, or opens another.
        self._kept: deque[_PooledConnection] = deque()
        # An existing user may make a repository for each request, and not know that it has anything to close.
        weakref.finalize(self, _end_all, self._kept)
        self._has_connected = False

    def close(self) -> None:
        """Close the connections that are kept; the next call opens another."""
        _end_all(self._kept)

    def fetch(self, statement: Statement, decode: Callable[[Row], T]) -> T:
        """Return the decoded row of a statement that only reads, which may be run twice.

        Args:
            statement: What to run.
            decode: Raises an exception for a row that is not an answer to it: the connection is not used again then.

        Raises:
            RepositoryError: see its tree.
        """
        budget_s = min(self._settings.timeout_s, self._remaining_s())
        if budget_s < _LEAST_S:
            raise UnavailableError("There is no time left to begin")
        deadline = time.monotonic() + budget_s
        try:
            return self._fetch(statement, decode, deadline)
        except TimedOutError:
            self._count(SessionEvent.TIMEOUT)
            raise

    @cached_property  # an error is not kept
    def _settings(self) -> SessionSettings:
        return read_session_settings(self._configuration)

    def _fetch(self, statement: Statement, decode: Callable[[Row], T], deadline: float) -> T:
        if kept := self._take_good(deadline):
            try:
                return self._run(kept, statement, decode)
            except (UnavailableError, TimedOutError, CorruptDataError) as error:
                # A connection that died while it was kept, or now: once more, on one that was alive a moment ago.
                # One that is still open brought the server's own answer, and too late is too late.
                is_too_late = isinstance(error, TimedOutError) and error.sqlstate
                if kept.connection.is_open or is_too_late or deadline - time.monotonic() < _LEAST_S:
                    raise
            self._count(SessionEvent.RETRY)
        return self._run(self._open(deadline), statement, decode)

    def _take_good(self, deadline: float) -> _PooledConnection | None:
        """Return a kept connection that can be used; close those that cannot."""
        while kept := self._take():
            if not kept.is_own or not kept.is_fresh(self._settings):
                kept.end()
                continue
            kept.connection.socket.deadline = deadline
            if kept.connection.is_in_step:
                return kept
            kept.connection.abandon()
        return None

    def _take(self) -> _PooledConnection | None:
        """Return the connection that was used last, which is not kept any more; None if none is kept."""
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _keep(self, kept: _PooledConnection) -> None:
        """Keep a connection; close those that are too many, or have not been used for too long."""
        kept.used_at = time.time()
        self._kept.append(kept)
        with suppress(IndexError):  # other threads may take them all meanwhile
            while len(self._kept) > 1 and self._has_one_too_many():
                self._kept.popleft().end()

    def _has_one_too_many(self) -> bool:
        return len(self._kept) > self._settings.pool_size or not self._kept[0].is_fresh(self._settings)

    def _run(self, kept: _PooledConnection, statement: Statement, decode: Callable[[Row], T]) -> T:
        """Run the statement and keep the connection, if nothing that was sent or received can still be on its way.

        That is so after success, and after an error of severity ERROR, behind which pg8000 has read all there was.
        After anything else, an exception from outside included, the next answer might be this call's.
        """
        is_clean = False
        try:
            with translate_errors(ConnectionPhase("query")):
                try:
                    value = decode(kept.connection.fetch(statement))
                except DatabaseError as error:
                    is_clean = (server_error(error) or {}).get("V") == "ERROR"
                    raise
            is_clean = True
        finally:
            if is_clean:
                self._keep(kept)
            else:
                kept.connection.abandon()
        return value

    def _open(self, deadline: float) -> _PooledConnection:
        """Connect; once more if the server is just starting, or if credentials may have been renewed."""
        if self._has_connected:
            self._count(SessionEvent.RECONNECT)
        try:
            return self._connect(deadline)
        except UnavailableError as error:
            if error.sqlstate == _STARTING_UP and deadline - time.monotonic() > _STARTING_UP_PAUSE_S + _LEAST_S:
                time.sleep(_STARTING_UP_PAUSE_S)
                self._count(SessionEvent.RETRY)
            elif error.sqlstate in _NOT_LET_IN and self._credentials and self._credentials.renew(deadline):
                self._count(SessionEvent.RENEWAL)
            else:
                raise
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
