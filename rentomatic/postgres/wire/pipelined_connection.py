"""One round trip for a statement with parameters; pg8000's own `run` takes three.

An answer belongs to a statement only if its row begins and ends with the number that the statement was sent with. Where
nothing checks the bytes on their way, a stretch of them may be lost or arrive twice: each later answer would be that of
the statement before, or have a part of it.
"""

from __future__ import annotations

import math
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import count
from random import getrandbits
from typing import TYPE_CHECKING, Any

from rentomatic.postgres.wire.driver import Connection, DatabaseError, InterfaceError, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.postgres.wire.deadline_socket import DeadlineSocket

    Row = list[bytes | None]

# The release whose private parts are used here. `make test` fails when the lock moves on, and the function
# then uses the public interface, at two round trips more a call, until this has been looked through. (That reads
# `bytea` in hexadecimal only, as servers spell it unless `bytea_output` says otherwise.)
PG8000_VERSION = "1.31.6"

# The first and the last column of every statement. `bigint` because Postgres has no unsigned integers.
ECHO = "int8send($1::bigint)"
ANSWER_MAX = 64 * 2**20  # bytes; a page of 10,000 rooms has some 1 MiB
_OTHER_ANSWER = "What the server sent is not the one row that answers the statement"
_FAREWELL_S = 0.1
_NAMES_MAX = 100
# What a server may send at any time (PostgreSQL manual, "Asynchronous Operations").
_ASYNCHRONOUS = {core.NOTICE_RESPONSE, core.NOTIFICATION_RESPONSE, core.PARAMETER_STATUS}
# No such name; name in use, or anything else that does not fit (PostgreSQL manual, "Error Codes").
_NAME_TROUBLE = ("26000", "42", "0A000")
_NO_NAME = b""
_TEXT_PARAMETERS, _BINARY_COLUMNS = b"\0\0", b"\0\1\0\1"
_NUMBER, _LENGTH, _ECHOED = struct.Struct("!h"), struct.Struct("!i"), struct.Struct("!q")


@dataclass(frozen=True)
class Statement:
    """A statement that answers with one row, of columns of type `bytea`.

    Attributes:
        sql: With the parameters `$2`, `$3`, ... for the values; the first and the last column are `ECHO`.
        prepare: Whether one plan is good for all values: the server then keeps it as long as the connection lasts, and
            neither parses nor plans the next time.
        answer_max: How many bytes the answer may have.
    """

    sql: str
    values: Sequence[float | str] = ()
    prepare: bool = False
    answer_max: float = ANSWER_MAX

    @property
    def name(self) -> bytes:
        """What the server keeps it under: who shares the server's connection, through a pooler, has the same text."""
        return _name_of(self.sql)


_ECHO_ALONE = Statement(f"SELECT {ECHO}, {ECHO}")


class PipelinedConnection(Connection):  # type: ignore[misc] # pg8000 has no types
    """A connection that sends all of a statement in one write.

    Args:
        sock: An open socket, with TLS if there is to be any.
        arguments: The others of pg8000's `Connection`.
    """

    def __init__(self, *, sock: DeadlineSocket, **arguments: Any) -> None:
        self.socket = sock
        # Of the statements that the server keeps. None: this connection goes on without.
        # The one that was not used for longest comes first.
        self._names: dict[bytes, None] | None = {}
        # From anywhere, so that the answer to another connection, through a pooler, has another number.
        self._numbers = count(getrandbits(62))
        self._is_in_doubt = False
        super().__init__(sock=sock, **arguments)

    def fetch(self, statement: Statement) -> Row:
        """Run a statement and return its row, without the echoes.

        Raises:
            pg8000's errors and those of the socket; and struct.error, ValueError and KeyError for what no server sends.
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
            if name == _NO_NAME or not error.args[0].get("C", "").startswith(_NAME_TROUBLE):
                raise
        # A pooler hands each transaction to another server connection, or somebody has altered the table, to which the
        # types of a kept statement do not fit any more. (Behind the handler: what it fails with shall not have this
        # error, which may quote SQL, as its context.)
        self._names = None
        return self._ask(_NO_NAME, statement)

    def _ask(self, name: bytes, statement: Statement) -> Row:
        """Run a statement and return its row, if it is an answer to it."""
        if self._is_in_doubt:
            self._confirm()
        number = next(self._numbers)
        values = [str(value) for value in (number, *statement.values)]
        execute = self._execute if core.ver == PG8000_VERSION else self._execute_by_public_interface
        try:
            row = execute(name, statement.sql, values)
        except DatabaseError:
            self._is_in_doubt = True
            raise
        echo, *columns, last_echo = row  # or a ValueError, of a row that has not even these
        if not echo == last_echo == _ECHOED.pack(number):
            raise InterfaceError(_OTHER_ANSWER)
        return columns

    def _confirm(self) -> None:
        """Ask for nothing but the echo: an error has none, and the last one may be about to arrive again."""
        self._is_in_doubt = False
        try:
            self._ask(_NO_NAME, _ECHO_ALONE)
        except DatabaseError:
            raise InterfaceError(_OTHER_ANSWER) from None

    @property
    def is_in_step(self) -> bool:
        """Whether the server has sent nothing since its last answer but what it may send at any time."""
        try:
            return all(type_ in _ASYNCHRONOUS for type_ in self._sock.unread_types())
        except (OSError, ValueError):
            return False

    @property
    def is_open(self) -> bool:
        """Whether `abandon` has not been called."""
        return self.socket.fileno() >= 0

    def end(self) -> None:
        """Tell the server that this is the end, which it otherwise counts as abandoned, and close the socket."""
        self.socket.deadline = time.monotonic() + _FAREWELL_S
        with suppress(OSError):
            self.socket.sendall(core.TERMINATE_MSG)
        self.abandon()

    def abandon(self) -> None:
        """Close the socket without a word to the server, which may not be there, or not be waiting for one."""
        self.socket.close()

    def _name(self, statement: Statement) -> bytes:
        return statement.name if statement.prepare and self._names is not None else _NO_NAME

    def _execute(self, name: bytes, sql: str, values: Sequence[str]) -> Row:
        context = _RowContext(sql, name)
        self._sock.write(self._prepare(name, sql) + _bind(name, values) + core.EXECUTE_MSG + core.SYNC_MSG)
        self._sock.flush()
        self.handle_messages(context)
        if context.row_count != 1 or context.row is None:
            raise InterfaceError(_OTHER_ANSWER)
        return context.row

    def _prepare(self, name: bytes, sql: str) -> bytes:
        """Return the messages after which the server has a statement of this name, if it has none yet."""
        parse = _message(core.PARSE, name + b"\0" + sql.encode() + b"\0\0\0")
        if name == _NO_NAME or self._names is None:
            return parse
        if name in self._names:
            self._names[name] = self._names.pop(name)
            return b""
        if len(self._names) < _NAMES_MAX:
            return parse
        oldest = next(iter(self._names))
        del self._names[oldest]
        return _message(core.CLOSE, core.STATEMENT + oldest + b"\0") + parse

    def _execute_by_public_interface(self, _name: bytes, sql: str, values: Sequence[str]) -> Row:
        parameters = {f"value_{number}": value for number, value in enumerate(values, start=1)}
        # pg8000's placeholders have names; from the last number on, so that $1 does not match in $10.
        for number in range(len(parameters), 0, -1):
            sql = sql.replace(f"${number}", f":value_{number}")
        rows: list[Row] = self.run(sql, **parameters)
        if len(rows) != 1:
            raise InterfaceError(_OTHER_ANSWER)
        return rows[0]

    def handle_messages(self, context: core.Context) -> None:
        # As pg8000 does it, but for its three copies of each message, which are a fifth of the driver's work.
        code = b""
        while code != core.READY_FOR_QUERY:
            code, body = self._sock.read_message()
            self.message_types[code](body, context)
        if context.error is not None:
            raise context.error

    def handle_ERROR_RESPONSE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        super().handle_ERROR_RESPONSE(data, context)
        if context.error.args[0].get("V") != "ERROR":
            raise context.error  # nothing follows: waiting for more would only find that the connection is gone

    def handle_PARSE_COMPLETE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        super().handle_PARSE_COMPLETE(data, context)
        # Now the server has it, whatever becomes of this call.
        if self._names is not None and isinstance(context, _RowContext) and context.name:
            self._names[context.name] = None

    def handle_DATA_ROW(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        if isinstance(context, _RowContext):
            if context.row is not None:
                raise InterfaceError(_OTHER_ANSWER)
            context.row = _row(data)
        else:
            super().handle_DATA_ROW(data, context)


class _RowContext(core.Context):  # type: ignore[misc] # pg8000 has no types
    """What is known of a call that is waiting for its row."""

    def __init__(self, sql: str, name: bytes) -> None:
        super().__init__(sql)
        self.name = name
        self.row: Row | None = None


@lru_cache(maxsize=_NAMES_MAX)
def _name_of(sql: str) -> bytes:
    return b"rentomatic_" + sha256(sql.encode()).hexdigest()[:32].encode()


def _message(code: bytes, body: bytes) -> bytes:
    # PostgreSQL manual, "Extended Query" and "Message Formats". Types are left to the server.
    return code + struct.pack("!i", len(body) + 4) + body


def _bind(name: bytes, values: Sequence[str]) -> bytes:
    parameters = b"".join(struct.pack("!i", len(value)) + value for value in map(str.encode, values))
    body = b"\0" + name + b"\0" + _TEXT_PARAMETERS + struct.pack("!H", len(values)) + parameters + _BINARY_COLUMNS
    return _message(core.BIND, body)


def _row(data: bytes) -> Row:
    (number,) = _NUMBER.unpack_from(data)
    row: Row = []
    end = _NUMBER.size
    for _ in range(number):
        (length,) = _LENGTH.unpack_from(data, end)
        start = end + _LENGTH.size
        end = start + length if length > 0 else start
        row.append(data[start:end] if length >= 0 else None)  # -1 of NULL
    if end != len(data):
        raise InterfaceError("The row is not as long as it says")
    return row
