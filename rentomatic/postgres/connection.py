"""Connections to Postgres: pg8000 on sockets with a deadline."""

from __future__ import annotations

import logging
import math
import ssl
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rentomatic import __version__
from rentomatic.domain.errors import SettingsError, TimedOutError, UnavailableError
from rentomatic.postgres.errors import LOGIN_REFUSED, ConnectionPhase, drop_tracebacks, translate_errors
from rentomatic.postgres.wire.deadline_socket import (
    DeadlineSocket,
    connect_tcp,
    connect_unix,
    keep_alive,
    resolve,
    start_tls,
)
from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pg8000.dbapi

    from rentomatic.postgres.settings import PostgresSettings

C = TypeVar("C")
CONNECT_S = 60  # a paused Aurora takes half of it to resume (Aurora user guide, "Scaling to zero")
_RDS_ROOTS = Path(__file__).with_name("rds_roots.pem")

_log = logging.getLogger(__name__)


def connect(
    settings: PostgresSettings, deadline: float = math.inf, progress: ConnectionPhase | None = None
) -> PipelinedConnection:
    """Open a connection to the first host that accepts the login.

    A host that cannot be reached, is starting or has no connection left costs no more than its share of the time that
    is left for it and those after it. A refused login ends the attempt, as with libpq (PostgreSQL manual, "Specifying
    Multiple Hosts"): the others would refuse it too.

    Args:
        settings: Addresses, user and password.
        deadline: When to give up, a time of `time.monotonic`.
        progress: Updated with the current phase.

    Raises:
        RepositoryError: the database cannot be reached or refuses the login.
    """
    progress = progress or ConnectionPhase()
    *hosts, last = settings.hosts
    for number, host in enumerate(hosts):
        now = time.monotonic()
        share = (deadline - now) / (len(hosts) + 1 - number)
        try:
            connection, sock = _connect(PipelinedConnection, host, now + share, progress)
        except (UnavailableError, TimedOutError) as error:
            if (error.sqlstate or "").startswith(LOGIN_REFUSED):
                raise
            why = f"phase {error.phase}, sqlstate {error.sqlstate or '-'}"  # its text may have the host
            _log.warning("Trying the next host after number %d of POSTGRES_HOSTNAME: %s", number + 1, why)
            drop_tracebacks(error)
        else:
            sock.deadline = deadline
            return connection
    connection, _ = _connect(PipelinedConnection, last, deadline, progress)
    return connection


@contextmanager
def dbapi_connection(settings: PostgresSettings, deadline: float = math.inf) -> Iterator[pg8000.dbapi.Connection]:
    """Open a PEP 249 connection, which SQLAlchemy needs, to one host, for statements that take minutes.

    At the end of the block the socket is closed without notifying the server, so nothing can block.

    Args:
        settings: As for `connect`.
        deadline: When everything in the block must be finished, a time of `time.monotonic`.

    Raises:
        RepositoryError: as for `connect`; or there are several hosts.
    """
    import pg8000.dbapi  # noqa: PLC0415 - requests do not need it

    connecting_until = min(deadline, time.monotonic() + CONNECT_S)
    connection, sock = _connect(pg8000.dbapi.Connection, settings.of_one_host(), connecting_until, ConnectionPhase())
    try:
        sock.deadline = deadline
        keep_alive(sock)
        yield connection
    finally:
        sock.close()


def _connect(
    class_: Callable[..., C], settings: PostgresSettings, deadline: float, progress: ConnectionPhase
) -> tuple[C, DeadlineSocket]:
    with translate_errors(progress):
        sock = _open_socket(settings, deadline, progress)
        progress.phase = "auth"
        try:
            connection = class_(
                user=settings.user,
                password=settings.password,
                database=settings.database,
                sock=sock,
                ssl_context=False,  # the socket already has TLS if the settings ask for it
                application_name=f"rentomatic/{__version__}",
                # The server converts if the database has another encoding.
                startup_params={"client_encoding": "UTF8"},
            )
        except BaseException:
            sock.close()
            raise
    return connection, sock


def _open_socket(settings: PostgresSettings, deadline: float, progress: ConnectionPhase) -> DeadlineSocket:
    if settings.unix_socket:
        progress.phase = "connect"
        return connect_unix(settings.unix_socket, deadline)
    progress.phase = "dns"
    addresses = resolve(settings.hostname, settings.port, deadline)
    progress.phase = "connect"
    plain = connect_tcp(addresses, deadline)
    if settings.sslmode == "disable":
        return plain
    progress.phase = "tls"
    try:
        return start_tls(plain, _tls_context(settings.sslmode, settings.sslrootcert), settings.hostname)
    except BaseException:
        plain.close()
        raise


@cache
def _tls_context(sslmode: str, sslrootcert: str) -> ssl.SSLContext:
    """Return a context with libpq's meaning of sslmode (PostgreSQL manual, "SSL Support").

    With a root certificate file, `require` verifies the certificate too.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = sslmode == "verify-full"
    if sslrootcert:
        try:
            context.load_verify_locations(sslrootcert)
        except OSError as error:
            raise SettingsError(["POSTGRES_SSLROOTCERT is not a file of certificates"], phase="tls") from error
    elif sslmode == "require":
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
        context.load_verify_locations(_RDS_ROOTS)
    return context
