"""One round trip for a statement with parameters; pg8000's own `run` takes three."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pg8000 import core
from pg8000.exceptions import InterfaceError
from pg8000.native import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.repository.deadline_socket import DeadlineSocket

    Rows = Sequence[Sequence[bytes | None]]

# The release whose private parts are used here. `make test` fails when the lock moves on, and the function
# then uses the public interface, at two round trips more a call, until this has been looked through.
PG8000_VERSION = "1.31.6"


class UnnamedStatementConnection(Connection):  # type: ignore[misc] # pg8000 has no types
    """A connection that sends all of a statement in one write, and leaves nothing of it on the server.

    Args:
        sock: An open socket, with TLS if there is to be any.
        arguments: The others of pg8000's `Connection`.
    """

    def __init__(self, *, sock: DeadlineSocket, **arguments: Any) -> None:
        self.socket = sock
        super().__init__(sock=sock, **arguments)

    def fetch(self, sql: str, values: Sequence[float | str]) -> Rows:
        """Run a statement with the parameters `$1`, `$2`, ... and return its rows, each value as Postgres spells it."""
        if core.ver != PG8000_VERSION:
            return self._fetch_by_public_interface(sql, values)
        context = _UndecodedContext(sql)
        self._sock.write(_messages(sql, [str(value).encode() for value in values]))
        self._sock.flush()
        self.handle_messages(context)
        rows: Rows = context.rows or []
        if context.row_count != len(rows):
            raise InterfaceError(f"The server announces {context.row_count} rows, and sent {len(rows)}")
        return rows

    @property
    def is_open(self) -> bool:
        """Whether `abandon` has not been called."""
        return self.socket.fileno() >= 0

    def abandon(self) -> None:
        """Close the socket without a word to the server; `close` would send one, and fail on a dead socket."""
        self.socket.abandon()
        with suppress(OSError, ValueError):  # of what is still to be sent, which nobody waits for
            self._sock.close()

    def _fetch_by_public_interface(self, sql: str, values: Sequence[float | str]) -> Rows:
        parameters = {f"value_{number}": value for number, value in enumerate(values, start=1)}
        # pg8000's placeholders have names; from the last number on, so that $1 does not match in $10.
        for number in range(len(values), 0, -1):
            sql = sql.replace(f"${number}", f":value_{number}")
        rows = self.run(sql, **parameters)
        return [[None if value is None else str(value).encode() for value in row] for row in rows]

    def handle_ERROR_RESPONSE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        super().handle_ERROR_RESPONSE(data, context)
        if context.error.args[0].get("V") != "ERROR":
            raise context.error  # nothing follows: waiting for more would only find that the connection is gone

    def handle_DATA_ROW(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        # Values are decoded when all messages have been read: an error of ours then leaves none behind.
        if isinstance(context, _UndecodedContext):
            context.rows.append(_undecoded(data))
        else:
            super().handle_DATA_ROW(data, context)


class _UndecodedContext(core.Context):  # type: ignore[misc] # pg8000 has no types
    """Tells the connection to leave the values of rows as they are."""


def _messages(sql: str, values: Sequence[bytes]) -> bytes:
    """Spell Parse, Bind, Describe, Execute and Sync of the unnamed statement.

    PostgreSQL manual, "Extended Query" and "Message Formats". Types and formats are left to the server: text.
    """
    parse = b"\0" + sql.encode() + b"\0" + core.H_pack(0)
    parameters = b"".join(core.i_pack(len(value)) + value for value in values)
    bind = b"\0\0" + core.H_pack(0) + core.H_pack(len(values)) + parameters + core.H_pack(0)
    messages = (
        (core.PARSE, parse),
        (core.BIND, bind),
        (core.DESCRIBE, b"P\0"),
        (core.EXECUTE, b"\0" + core.i_pack(0)),
        (core.SYNC, b""),
    )
    return b"".join(code + core.i_pack(len(body) + 4) + body for code, body in messages)


def _undecoded(data: bytes) -> list[bytes | None]:
    values: list[bytes | None] = []
    position = 2  # behind the number of values
    for _ in range(core.H_unpack(data)[0]):
        (length,) = core.i_unpack(data, position)
        position += 4
        if length == -1:
            values.append(None)
        else:
            values.append(data[position : position + length])
            position += length
    if position != len(data):
        raise InterfaceError("The values of a row are not as long as the row")
    return values
