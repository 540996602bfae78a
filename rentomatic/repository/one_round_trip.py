"""One round trip for a statement with parameters; pg8000's own `run` takes three."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rentomatic.repository.driver import Connection, DatabaseError, InterfaceError, core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.repository.deadline_socket import DeadlineSocket

    Row = list[bytes | None]

# The release whose private parts are used here. `make test` fails when the lock moves on, and the function
# then uses the public interface, at two round trips more a call, until this has been looked through. (That reads
# `bytea` in hexadecimal only, as servers spell it unless `bytea_output` says otherwise.)
PG8000_VERSION = "1.31.6"

_NAMES_MAX = 100
# No such name; name in use, or anything else that does not fit (PostgreSQL manual, "Error Codes").
_NAME_TROUBLE = ("26000", "42", "0A000")
_NO_NAME = b""
_TEXT_PARAMETERS, _BINARY_COLUMNS = b"\0\0", b"\0\1\0\1"
_NUMBER, _LENGTH = struct.Struct("!h"), struct.Struct("!i")


@dataclass(frozen=True)
class Statement:
    """A statement that answers with one row, of columns of type `bytea`.

    Attributes:
        sql: With the parameters `$1`, `$2`, ...
        is_kept: Whether one plan is good for all values: the server then keeps it as long as the connection lasts, and
            neither parses nor plans the next time.
    """

    sql: str
    values: Sequence[float | str] = ()
    is_kept: bool = False

    @property
    def name(self) -> bytes:
        """What the server keeps it under: who shares the server's connection, through a pooler, has the same text."""
        return _name_of(self.sql)


class OneRoundTripConnection(Connection):  # type: ignore[misc] # pg8000 has no types
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
        super().__init__(sock=sock, **arguments)

    def fetch(self, statement: Statement) -> Row:
        """Run a statement and return its row."""
        if core.ver != PG8000_VERSION:
            return self._fetch_by_public_interface(statement)
        name = self._name(statement)
        try:
            return self._execute(name, statement)
        except DatabaseError as error:
            if name == _NO_NAME or not error.args[0].get("C", "").startswith(_NAME_TROUBLE):
                raise
        # A pooler hands each transaction to another server connection, or somebody has altered the table, to which the
        # types of a kept statement do not fit any more. (Behind the handler: what it fails with shall not have this
        # error, which may quote SQL, as its context.)
        self._names = None
        return self._execute(_NO_NAME, statement)

    @property
    def is_open(self) -> bool:
        """Whether `abandon` has not been called."""
        return self.socket.fileno() >= 0

    def abandon(self) -> None:
        """Close the socket without a word to the server; `close` would send one, and fail on a dead socket."""
        self.socket.close()

    def _name(self, statement: Statement) -> bytes:
        return statement.name if statement.is_kept and self._names is not None else _NO_NAME

    def _execute(self, name: bytes, statement: Statement) -> Row:
        context = _RowContext(statement.sql, name)
        values = [str(value).encode() for value in statement.values]
        self._sock.write(self._prepare(name, statement.sql) + _bind(name, values) + core.EXECUTE_MSG + core.SYNC_MSG)
        self._sock.flush()
        self.handle_messages(context)
        if context.row_count != 1 or context.row is None:
            raise InterfaceError("The server sent something else than one row")
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

    def _fetch_by_public_interface(self, statement: Statement) -> Row:
        sql = statement.sql
        parameters = {f"value_{number}": value for number, value in enumerate(statement.values, start=1)}
        # pg8000's placeholders have names; from the last number on, so that $1 does not match in $10.
        for number in range(len(parameters), 0, -1):
            sql = sql.replace(f"${number}", f":value_{number}")
        rows: list[Row] = self.run(sql, **parameters)
        if len(rows) != 1:
            raise InterfaceError("The server sent something else than one row")
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


def _bind(name: bytes, values: Sequence[bytes]) -> bytes:
    parameters = b"".join(struct.pack("!i", len(value)) + value for value in values)
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
