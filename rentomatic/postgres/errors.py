"""What an error of the network, of TLS, of pg8000 or of Postgres means: translated here, and nowhere else."""

from __future__ import annotations

import ssl
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rentomatic.domain.errors import CorruptDataError, RepositoryError, SettingsError, TimedOutError, UnavailableError
from rentomatic.postgres.wire.driver import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

# PostgreSQL manual, appendix A; a code, or the two characters of its class.
_MEANINGS: dict[str, type[RepositoryError]] = {
    "": UnavailableError,  # none at all: hardly a Postgres
    "08": UnavailableError,  # connection exception
    "22021": CorruptDataError,  # character not in repertoire
    "22P05": CorruptDataError,  # untranslatable character
    "25": UnavailableError,  # the server ended an idle transaction
    "25P04": TimedOutError,  # transaction timeout
    "28": UnavailableError,  # invalid authorization: asking again finds renewed credentials
    "3D": SettingsError,  # no such database
    "3F": SettingsError,  # no such schema
    "40": UnavailableError,  # transaction rollback
    "42": SettingsError,  # no such table or column, or no right to it
    "53": UnavailableError,  # too many connections, disk or memory full
    "55P03": TimedOutError,  # lock not available in the lock timeout
    "57014": TimedOutError,  # cancelled by the statement timeout
    "57": UnavailableError,  # shutting down, starting up
    "58": UnavailableError,  # system error
}
_TRUST = (
    "; POSTGRES_SSLROOTCERT names the file of the authority's certificate, and POSTGRES_SSLMODE=require encrypts"
    " without checking any"
)
_OPENING = ("dns", "connect", "tls", "auth")
# Instead of the server's words at a login, which name the client's address, the user and the database.
_LOGIN_REASONS = {
    "28": "the login was refused",
    "3D": "there is no such database",
    "42": "the user may not connect to the database",
    "53": "there is no connection left",
    "57": "the server is starting or shutting down",
}


@dataclass
class ConnectionPhase:
    """How far a call has come.

    Attributes:
        phase: As of `RepositoryError`.
    """

    phase: str = ""


@contextmanager
def translate_errors(progress: ConnectionPhase) -> Iterator[None]:
    """Raise what goes wrong in the block as a RepositoryError: what the server said, or how talking to it failed."""
    handled = sys.exception()  # by the caller: the last context of whatever is raised here, and no part of it
    try:
        yield
    except RepositoryError:
        raise
    except Exception as error:
        for cause in _causes(error, handled):
            if not isinstance(cause, Exception):
                raise cause from None  # from outside; a library's cleaning up had hidden it
        raise translate(error, progress, handled) from error


def server_error(error: BaseException, shown: str = "SVCM") -> dict[str, str] | None:
    """Return the fields of the server's ErrorResponse that an error of pg8000 is; None if it is something else.

    Only those that are shown are left in the error, since the log has it whole: severity, code and message, unless
    said otherwise. The others may hold SQL.
    """
    if not isinstance(error, DatabaseError) or not isinstance(error.args[0], dict):
        return None
    fields: dict[str, str] = error.args[0]
    error.args = ({key: text for key, text in fields.items() if key in shown},)
    return fields


def translate(error: BaseException, progress: ConnectionPhase, handled: BaseException | None = None) -> RepositoryError:
    """Return the RepositoryError that says what went wrong, which happened while `handled` was."""
    # When the server refuses a connection and hangs up, pg8000 1.31.6 may raise that it could not say goodbye; the
    # refusal is the context of that error.
    causes = list(_causes(error, handled))
    phase = progress.phase
    is_login = phase == "auth"
    shown = "SVC" if is_login else "SVCM"
    for fields in filter(None, [server_error(cause, shown) for cause in causes]):
        sqlstate, message = fields.get("C", ""), fields.get("M", "")
        meaning = _MEANINGS.get(sqlstate) or _MEANINGS.get(sqlstate[:2], RepositoryError)
        reason = _LOGIN_REASONS.get(sqlstate[:2], "the login failed") if is_login else message
        found = _error(meaning, f"Postgres says {sqlstate}: {reason}", phase, sqlstate)
        found.server_message = message
        return found
    where = " where POSTGRES_HOSTNAME and POSTGRES_PORT say" if phase in _OPENING else ""
    reason = f"Postgres cannot be talked to{where}: {type(causes[-1]).__name__}: {causes[-1]}"
    if isinstance(causes[-1], ssl.SSLCertVerificationError):
        reason += _TRUST
    is_late = any(isinstance(each, TimeoutError) for each in causes) and phase != "dns"
    return _error(TimedOutError if is_late else UnavailableError, reason, phase)


def _causes(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each and each is not handled:
        yield each
        each = each.__cause__ if each.__cause__ or each.__suppress_context__ else each.__context__


def _error(meaning: type[RepositoryError], reason: str, phase: str, sqlstate: str | None = None) -> RepositoryError:
    if issubclass(meaning, SettingsError):
        return SettingsError([reason], phase=phase, sqlstate=sqlstate)
    return meaning(reason, phase=phase, sqlstate=sqlstate)
