"""Runs a statement with parameters in one round trip; pg8000's own `run` takes three.

A statement is sent with a number, and its answer is valid only if the row begins and ends with it. Without integrity
checks on the network, bytes may be lost or duplicated, so that an answer would belong to the previous statement.
"""

from __future__ import annotations

import math
import struct
import time
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from itertools import count
from random import getrandbits
from typing import TYPE_CHECKING, Any, NamedTuple

from rentomatic.postgres.wire.driver import Connection, DatabaseError, InterfaceError, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.postgres.wire.deadline_socket import DeadlineSocket

    Row = list[bytes | None]

# The release whose private interface is used here. With any other, `make test` fails and the function uses the public
# interface, with two more round trips a call, until this module has been reviewed. (The public interface only reads
# `bytea` in hexadecimal, the default of `bytea_output`.)
PG8000_VERSION = "1.31.6"

# The first and the last column of every statement. `bigint` because Postgres has no unsigned integers.
ECHO = "int8send($1::bigint)"
ANSWER_MAX = 64 * 2**20  # bytes; a page of 10,000 rooms has some 1 MiB
_OTHER_ANSWER = "The server did not send the one row that answers the statement"
_FAREWELL_S = 0.1
_NAMES_MAX = 100
# Messages that a server may send at any time (PostgreSQL manual, "Asynchronous Operations").
_ASYNCHRONOUS = {core.NOTICE_RESPONSE, core.NOTIFICATION_RESPONSE, core.PARAMETER_STATUS}
# No such name, a name in use, or a changed result type (PostgreSQL manual, "Error Codes").
_STALE_NAME = ("26000", "42", "0A000")
_NO_NAME = b""
# BindComplete and the type of a DataRow; CommandComplete and ReadyForQuery outside of a transaction.
_AROUND_USUAL_ROW = (b"2\0\0\0\4D", b"C\0\0\0\rSELECT 1\0Z\0\0\0\5I")
# Postgres plans a prepared statement for its values so often, before it looks for a plan for all (plancache.c).
_CUSTOM_PLANS = 5
_TEXT_PARAMETERS, _BINARY_COLUMNS = b"\0\0", b"\0\1\0\1"
_NUMBER, _COUNT, _LENGTH, _ECHOED = map(struct.Struct, ("!h", "!H", "!i", "!q"))


class Statement(NamedTuple):
    """A statement that returns one row of `bytea` columns.

    Attributes:
        sql: SQL with parameters `$2`, `$3`, ... for the values; the first and last columns are `ECHO`.
        prepare: Whether the server keeps the statement for the connection, and does not parse it again.
        has_generic_plan: Whether one plan suits all values. If not, the statement is parsed again before Postgres
            would look for such a plan, so that each execution is planned for its values.
        answer_max: The maximum size of the answer in bytes.
    """

    sql: str
    values: Sequence[float | str] = ()
    prepare: bool = False
    has_generic_plan: bool = True
    answer_max: float = ANSWER_MAX

    @property
    def name(self) -> bytes:
        """The prepared statement's name, unique for the SQL since a pooler may share the server's connection."""
        return _name_of(self.sql)


_ECHO_ALONE = Statement(f"SELECT {ECHO}, {ECHO}")


class PipelinedConnection(Connection):  # type: ignore[misc] # pg8000 has no types
    """A connection that sends all messages of a statement in one write.

    Args:
        sock: An open socket, with TLS if needed.
        arguments: The other arguments of pg8000's `Connection`.
    """

    def __init__(self, *, sock: DeadlineSocket, **arguments: Any) -> None:
        self.socket = sock
        # How often each of the server's prepared statements was executed, by name, least recently used first. None: do
        # not prepare any more.
        self._executions: dict[bytes, int] | None = {}
        # Starts at random, so that another connection's answer, through a pooler, has another number.
        self._numbers = count(getrandbits(62))
        self._is_in_doubt = False
        super().__init__(sock=sock, **arguments)

    def fetch(self, statement: Statement) -> Row:
        """Run a statement and return its row without the echoes.

        Raises:
            pg8000's and the socket's errors; struct.error, ValueError and KeyError for malformed messages.
        """
        self.socket.allowance = statement.answer_max
        try:
            return self._fetch(statement)
        finally:
            self.socket.allowance = math.inf

    def _fetch(self, statement: Statement) -> Row:
        name = self._name(statement)
        try:
            return self._ask(name, statement)
        except DatabaseError as error:
            if name == _NO_NAME or not error.args[0].get("C", "").startswith(_STALE_NAME):
                raise
        # A pooler uses another server connection for each transaction, or the table was altered so that the prepared
        # statement's types do not match. (Outside the handler, so that a new error does not have this one, which may
        # quote SQL, as its context.)
        self._executions = None
        return self._ask(_NO_NAME, statement)

    def _ask(self, name: bytes, statement: Statement) -> Row:
        """Run a statement and return its row, after checking that the answer belongs to it."""
        if self._is_in_doubt:
            self._confirm()
        number = next(self._numbers)
        values = [str(value) for value in (number, *statement.values)]
        execute = self._execute if core.ver == PG8000_VERSION else self._execute_by_public_interface
        try:
            row = execute(name, statement, values)
        except DatabaseError:
            self._is_in_doubt = True
            raise
        echo, *columns, last_echo = row  # raises a ValueError if the row is too short
        if not echo == last_echo == _ECHOED.pack(number):
            raise InterfaceError(_OTHER_ANSWER)
        return columns

    def _confirm(self) -> None:
        """Request only the echo: an error has no echo, and the last one might arrive twice."""
        self._is_in_doubt = False
        try:
            self._ask(_NO_NAME, _ECHO_ALONE)
        except DatabaseError:
            raise InterfaceError(_OTHER_ANSWER) from None

    @property
    def is_in_sync(self) -> bool:
        """Whether the server has sent only asynchronous messages since its last answer."""
        try:
            return _ASYNCHRONOUS.issuperset(self._sock.unread_types())
        except (OSError, ValueError):
            return False

    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
        return self.socket.fileno() >= 0

    def end(self) -> None:
        """Send the termination, without which the server counts the session as abandoned, and close the socket."""
        self.socket.deadline = time.monotonic() + _FAREWELL_S
        with suppress(OSError):
            self.socket.sendall(core.TERMINATE_MSG)
        self.abandon()

    def abandon(self) -> None:
        """Close the socket without notifying the server, which may be gone or busy."""
        self.socket.close()

    def _name(self, statement: Statement) -> bytes:
        return statement.name if statement.prepare and self._executions is not None else _NO_NAME

    def _execute(self, name: bytes, statement: Statement, values: Sequence[str]) -> Row:
        self._sock.write(self._prepare(name, statement) + _bind(name, values) + core.EXECUTE_MSG + core.SYNC_MSG)
        self._sock.flush()
        # Most answers are these bytes around a row: to look at nothing else takes 10 of 170 microseconds less.
        if (usual := self._sock.read_between(*_AROUND_USUAL_ROW)) is not None:
            return _row(usual)
        context = _RowContext(statement.sql, name)
        self.handle_messages(context)
        if context.row_count != 1 or context.row is None:
            raise InterfaceError(_OTHER_ANSWER)
        return context.row

    def _prepare(self, name: bytes, statement: Statement) -> bytes:
        """Return the messages that prepare a statement, if the server does not have it yet."""
        if name == _NO_NAME or self._executions is None:
            return _parse(name, statement.sql)
        executions = self._executions.pop(name, 0)
        if executions and (statement.has_generic_plan or executions < _CUSTOM_PLANS):
            self._executions[name] = executions + 1
            return b""
        # A pooler counts the executions of equal texts together: this text is nobody else's.
        sql = statement.sql if statement.has_generic_plan else f"{statement.sql} /* {next(self._numbers)} */"
        if executions:
            return _close(name) + _parse(name, sql)
        if len(self._executions) < _NAMES_MAX:
            return _parse(name, sql)
        oldest = next(iter(self._executions))
        del self._executions[oldest]
        return _close(oldest) + _parse(name, sql)

    def _execute_by_public_interface(self, _name: bytes, statement: Statement, values: Sequence[str]) -> Row:
        sql = statement.sql
        parameters = {f"value_{number}": value for number, value in enumerate(values, start=1)}
        # pg8000's placeholders have names. Backwards, so that $1 does not match in $10.
        for number in range(len(parameters), 0, -1):
            sql = sql.replace(f"${number}", f":value_{number}")
        rows: list[Row] = self.run(sql, **parameters)
        if len(rows) != 1:
            raise InterfaceError(_OTHER_ANSWER)
        return rows[0]

    def handle_messages(self, context: core.Context) -> None:
        # Like pg8000's, but without copying each message three times, a fifth of the driver's work.
        code = b""
        while code != core.READY_FOR_QUERY:
            code, body = self._sock.read_message()
            self.message_types[code](body, context)
        if context.error is not None:
            raise context.error

    def handle_ERROR_RESPONSE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        super().handle_ERROR_RESPONSE(data, context)
        if context.error.args[0].get("V") != "ERROR":
            raise context.error  # nothing follows, since the server closes the connection

    def handle_PARSE_COMPLETE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        super().handle_PARSE_COMPLETE(data, context)
        # Recorded here, since the server has it even if this call fails.
        if self._executions is not None and isinstance(context, _RowContext) and context.name:
            self._executions[context.name] = 1

    def handle_DATA_ROW(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        if isinstance(context, _RowContext):
            if context.row is not None:
                raise InterfaceError(_OTHER_ANSWER)
            context.row = _row(data)
        else:
            super().handle_DATA_ROW(data, context)


class _RowContext(core.Context):  # type: ignore[misc] # pg8000 has no types
    """The state of a call that is waiting for its row."""

    def __init__(self, sql: str, name: bytes) -> None:
        super().__init__(sql)
        self.name = name
        self.row: Row | None = None


@lru_cache(maxsize=_NAMES_MAX)
def _name_of(sql: str) -> bytes:
    return b"rentomatic_" + sha256(sql.encode()).hexdigest()[:32].encode()


def _message(code: bytes, body: bytes) -> bytes:
    # PostgreSQL manual, "Extended Query" and "Message Formats". The server infers types.
    return code + _LENGTH.pack(len(body) + _LENGTH.size) + body


def _parse(name: bytes, sql: str) -> bytes:
    return _message(core.PARSE, name + b"\0" + sql.encode() + b"\0\0\0")


def _close(name: bytes) -> bytes:
    return _message(core.CLOSE, core.STATEMENT + name + b"\0")


def _bind(name: bytes, values: Sequence[str]) -> bytes:
    parameters = b"".join([_LENGTH.pack(len(value)) + value for value in map(str.encode, values)])
    body = b"\0" + name + b"\0" + _TEXT_PARAMETERS + _COUNT.pack(len(values)) + parameters + _BINARY_COLUMNS
    return _message(core.BIND, body)


def _row(data: bytes) -> Row:
    (number,) = _NUMBER.unpack_from(data)
    row: Row = []
    end = _NUMBER.size
    unpack, size = _LENGTH.unpack_from, _LENGTH.size
    for _ in range(number):
        (length,) = unpack(data, end)
        start = end + size
        end = start + length if length > 0 else start
        row.append(data[start:end] if length >= 0 else None)  # -1 means NULL
    if end != len(data):
        raise InterfaceError("The row's length is wrong")
    return row
