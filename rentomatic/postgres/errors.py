"""Translates errors of the network, TLS, pg8000 and Postgres into those of the repository."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rentomatic.domain.errors import CorruptDataError, RepositoryError, SettingsError, TimedOutError, UnavailableError
from rentomatic.postgres.wire.driver import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

# SQLSTATE codes or their two-character classes (PostgreSQL manual, appendix A).
_MEANINGS: dict[str, type[RepositoryError]] = {
    "": UnavailableError,  # without a code, hardly Postgres
    "08": UnavailableError,  # connection exception
    "22021": CorruptDataError,  # character not in repertoire
    "22P05": CorruptDataError,  # untranslatable character
    "25": UnavailableError,  # the server ended an idle transaction
    "25P04": TimedOutError,  # transaction timeout
    "28": UnavailableError,  # invalid authorization: a retry finds new credentials
    "3D": SettingsError,  # no such database
    "3F": SettingsError,  # no such schema
    "40": UnavailableError,  # transaction rollback
    "42": SettingsError,  # no such table or column, or no permission
    "53": UnavailableError,  # too many connections, disk or memory full
    "55P03": TimedOutError,  # lock not available in the lock timeout
    "57014": TimedOutError,  # cancelled by the statement timeout
    "57": UnavailableError,  # shutting down, starting up
    "58": UnavailableError,  # system error
}
_TRUST = (
    "; set POSTGRES_SSLROOTCERT to the file of the authority's certificate; POSTGRES_SSLMODE=require encrypts without"
    " checking the certificate"
)
LOGIN_REFUSED = "28"
_OPENING = ("dns", "connect", "tls", "auth")
# Replace the server's messages at login, which name the client's address, the user and the database.
_LOGIN_REASONS = {
    "28": "the login was refused",
    "3D": "there is no such database",
    "42": "the user may not connect to the database",
    "53": "no connection is available",
    "57": "the server is starting or shutting down",
}


@dataclass
class ConnectionPhase:
    """The phase that a call has reached.

    Attributes:
        phase: As in `RepositoryError`.
    """

    phase: str = ""


class translate_errors:  # noqa: N801 - used like a function
    """Translate errors of the block into a RepositoryError."""

    def __init__(self, progress: ConnectionPhase) -> None:
        self._progress = progress

    def __enter__(self) -> None:
        self._handled = sys.exception()  # the caller's: it ends the chain of contexts and is not part of this error

    def __exit__(self, _class: object, error: BaseException | None, _traceback: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, RepositoryError):
            return
        for cause in _causes(error, self._handled):
            if not isinstance(cause, Exception):
                raise cause from None  # such as KeyboardInterrupt, which a library's clean-up had hidden
        raise translate(error, self._progress, self._handled) from error


def server_error(error: BaseException, shown: str = "SVCM") -> dict[str, str] | None:
    """Return the fields of the server's ErrorResponse; None if the error is not from the server.

    Only the fields in `shown` remain in the error, which is logged: by default severity, code and message. Others may
    contain SQL.
    """
    if not isinstance(error, DatabaseError) or not isinstance(error.args[0], dict):
        return None
    fields: dict[str, str] = error.args[0]
    error.args = ({key: text for key, text in fields.items() if key in shown},)
    return fields


def translate(error: BaseException, progress: ConnectionPhase, handled: BaseException | None = None) -> RepositoryError:
    """Return the RepositoryError for an error that was raised while `handled` was being handled."""
    # When the server refuses a connection and closes it, pg8000 1.31.6 may raise that it could not send the
    # termination. The refusal is then that error's context.
    causes = list(_causes(error, handled))
    phase = progress.phase
    is_login = phase == "auth"
    shown = "SVC" if is_login else "SVCM"
    for fields in filter(None, [server_error(cause, shown) for cause in causes]):
        sqlstate, message = fields.get("C", ""), fields.get("M", "")
        meaning = _MEANINGS.get(sqlstate) or _MEANINGS.get(sqlstate[:2], RepositoryError)
        reason = _LOGIN_REASONS.get(sqlstate[:2], "the login failed") if is_login else message
        translated = _error(meaning, f"Postgres error {sqlstate}: {reason}", phase, sqlstate)
        translated.server_message = message
        return translated
    where = " at POSTGRES_HOSTNAME and POSTGRES_PORT" if phase in _OPENING else ""
    reason = f"Communication with Postgres{where} failed: {type(causes[-1]).__name__}: {causes[-1]}"
    if isinstance(causes[-1], ssl.SSLCertVerificationError):
        reason += _TRUST
    is_late = any(isinstance(each, TimeoutError) for each in causes) and phase != "dns"
    return _error(TimedOutError if is_late else UnavailableError, reason, phase)


def drop_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of an error that has been dealt with, and of its causes.

    pg8000's frames refer to their errors. These cycles would keep the callers, and so a session and its connections,
    until the garbage collector runs.
    """
    for each in list(_causes(error, None)):
        each.__traceback__ = None


def _causes(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each and each is not handled:
        yield each
        each = each.__cause__ if each.__cause__ or each.__suppress_context__ else each.__context__


def _error(meaning: type[RepositoryError], reason: str, phase: str, sqlstate: str | None = None) -> RepositoryError:
    if issubclass(meaning, SettingsError):
        return SettingsError([reason], phase=phase, sqlstate=sqlstate)
    return meaning(reason, phase=phase, sqlstate=sqlstate)
