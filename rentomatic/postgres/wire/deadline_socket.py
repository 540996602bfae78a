"""Sockets with one deadline for all operations together.

A socket's own timeout applies to each call, so a server that sends a byte now and then is never timed out. Here the
timeout of each call is the time left until the deadline, which is a time of `time.monotonic`.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import struct
import time
from functools import cached_property
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HEADER = struct.Struct("!ci")
_LENGTH_MIN = 4  # bytes: a length counts itself
_BUFFER = 65_536  # bytes
_STEP = 1_048_576  # bytes: the first allocation for a longer message, which then doubles as bytes arrive
# A text protocol such as HTTP would appear to announce more: its bytes are ASCII from "    " on.
LENGTH_MAX = 0x20000000
# SSLRequest: its length and its code (PostgreSQL manual, "Message Formats").
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
# In seconds, seconds, probes and milliseconds (Linux manual, tcp(7)).
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h).
_OTHER_NAME = (62, 64)

T = TypeVar("T")
_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class TlsRefusedError(Exception):
    """The server does not offer TLS."""


class TlsNameError(Exception):
    """The server's certificate is for another name."""


class DeadlineSocket(socket.socket):
    """A socket that raises a TimeoutError after `deadline`, a time of `time.monotonic`.

    Only the methods below apply it; pg8000 and TLS use no others.

    Attributes:
        allowance: How many more bytes its file may read.
    """

    deadline = math.inf
    allowance = math.inf

    def _apply_deadline(self) -> None:
        self.settimeout(None if self.deadline == math.inf else seconds_until(self.deadline))

    def connect(self, address: Any) -> None:
        self._apply_deadline()
        super().connect(address)

    def makefile(self, *_args: object, **_named: object) -> SocketFile:  # type: ignore[override] # needed for pg8000 only
        # Waits by itself from here on: a system call for the timeout of each call would take 4 microseconds.
        self.settimeout(0)
        return SocketFile(self)

    def recv(self, *args: Any) -> bytes:
        self._apply_deadline()
        return super().recv(*args)

    def send(self, *args: Any) -> int:
        self._apply_deadline()
        return super().send(*args)

    def recv_into(self, *args: Any) -> int:
        while True:
            self._wait(self._incoming)
            try:
                return super().recv_into(*args)
            except BlockingIOError:  # what had arrived was discarded
                continue

    def sendall(self, data: bytes) -> None:  # type: ignore[override] # needed for pg8000 only
        seconds_until(self.deadline)
        unsent = memoryview(data)
        while unsent:
            try:
                unsent = unsent[super().send(unsent) :]
            except BlockingIOError:
                self._wait(self._outgoing)

    def has_arrived(self) -> bool:
        """Return whether there is something to read, including the end of the stream."""
        return bool(self._incoming.poll(0))

    def _wait(self, poll: select.poll) -> None:
        if not poll.poll(None if self.deadline == math.inf else 1000 * seconds_until(self.deadline)):
            raise TimeoutError("timed out")

    @cached_property
    def _incoming(self) -> select.poll:
        return self._poll(select.POLLIN)

    @cached_property
    def _outgoing(self) -> select.poll:
        return self._poll(select.POLLOUT)

    def _poll(self, events: int) -> select.poll:
        poll = select.poll()
        poll.register(self, events)
        return poll


class SocketFile:
    """A buffered file for pg8000, with fewer steps than the standard library's.

    With the latter a request for 10,000 rooms takes a quarter longer.
    """

    def __init__(self, sock: DeadlineSocket) -> None:
        self._socket = sock
        self._unsent: list[bytes] = []
        # The unread bytes are those from start to end.
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0

    def write(self, data: bytes) -> None:
        self._unsent.append(data)

    def flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes.

        Raises:
            ValueError: the size exceeds the socket's allowance, or is invalid for a message of Postgres.
        """
        if not 0 <= size < LENGTH_MAX:
            raise ValueError("not the length of a Postgres message")
        self._socket.allowance -= size
        if self._socket.allowance < 0:
            raise ValueError("the answer is longer than any valid one")
        if size > len(self._buffer):
            return self._read_large(size)
        if size > self._end - self._start:
            self._refill(size)
        start = self._start
        self._start += size
        return self._buffer[start : self._start].tobytes()

    def read_message(self) -> tuple[bytes, bytes]:
        """Return the type and the body of a message of Postgres (PostgreSQL manual, "Message Formats")."""
        if self._end - self._start < _HEADER.size:
            self._refill(_HEADER.size)
        code, length = _HEADER.unpack_from(self._buffer, self._start)
        start, end = self._start + _HEADER.size, self._start + 1 + length
        if start <= end <= self._end and end - self._start <= self._socket.allowance:  # the usual case
            self._socket.allowance -= end - self._start
            self._start = end
            return code, self._buffer[start:end].tobytes()
        self._start += _HEADER.size
        self._socket.allowance -= _HEADER.size
        return code, self.read(length - 4)

    def read_between(self, prefix: bytes, suffix: bytes) -> bytes | None:
        """Return the body of a message, if it has arrived with nothing but these bytes around it; wait for any.

        Args:
            prefix: What precedes its length.
            suffix: What follows it.
        """
        if self._start == self._end:
            self._refill(1)
        arrived = self._buffer[self._start : self._end]
        start, end = len(prefix) + _LENGTH_MIN, len(arrived) - len(suffix)
        is_as_expected = (
            start <= end
            and arrived[: len(prefix)] == prefix
            and arrived[end:] == suffix
            and int.from_bytes(arrived[len(prefix) : start]) == end - len(prefix)
            and len(arrived) <= self._socket.allowance
        )
        if not is_as_expected:
            return None
        self._socket.allowance -= len(arrived)
        self._start = self._end
        return arrived[start:end].tobytes()

    def unread_types(self) -> list[bytes]:
        """Return the types of the unread messages that have arrived, without blocking.

        Raises:
            OSError: the connection is closed.
            ValueError: the bytes are not messages.
        """
        if self._socket.has_arrived():
            self._refill(self._end - self._start + 1)
        types: list[bytes] = []
        at = self._start
        while at < self._end:
            types.append(bytes(self._buffer[at : at + 1]))
            if self._end - at < _HEADER.size:
                break
            _, length = _HEADER.unpack_from(self._buffer, at)
            if length < _LENGTH_MIN:
                raise ValueError("not the length of a Postgres message")
            at += length + 1
        return types

    def _read_large(self, size: int) -> bytes:
        # In steps: an announced message may never arrive, and must not take the memory beforehand.
        large = bytearray(min(size, _STEP))
        begin = self._end - self._start
        large[:begin] = self._buffer[self._start : self._end]
        self._start = self._end = 0
        while True:
            with memoryview(large) as view:
                begin = self._fill(view, begin, len(large))
            if begin == size:
                return bytes(large)
            large += bytes(min(size - begin, begin))

    def _refill(self, size: int) -> None:
        """Move the unread bytes to the front, and receive until there are at least `size`."""
        rest = self._buffer[self._start : self._end]
        self._buffer[: len(rest)] = rest
        self._start, self._end = 0, self._fill(self._buffer, len(rest), size)

    def _fill(self, buffer: memoryview, begin: int, end: int) -> int:
        """Receive into a buffer from `begin` at least to `end`, and return the actual end."""
        while begin < end:
            number = self._socket.recv_into(buffer[begin:])
            if number == 0:
                raise ConnectionError("the server has closed the connection")
            begin += number
        return begin


class _TlsDeadlineSocket(DeadlineSocket, ssl.SSLSocket):
    # OpenSSL decides what to wait for.

    def makefile(self, *_args: object, **_named: object) -> SocketFile:  # type: ignore[override] # needed for pg8000 only
        return SocketFile(self)

    def recv_into(self, *args: Any) -> int:
        self._apply_deadline()
        return ssl.SSLSocket.recv_into(self, *args)

    def sendall(self, data: bytes) -> None:  # type: ignore[override] # needed for pg8000 only
        self._apply_deadline()
        ssl.SSLSocket.sendall(self, data)

    def has_arrived(self) -> bool:
        # Undecrypted bytes may be TLS's own messages, with nothing to read.
        return self.pending() > 0

    def do_handshake(self, *args: Any) -> None:
        self._apply_deadline()
        super().do_handshake(*args)


def seconds_until(deadline: float) -> float:
    """Return the time left, more than 0.

    Raises:
        TimeoutError: the deadline has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def connect_tcp(addresses: Sequence[_Address], deadline: float) -> DeadlineSocket:
    """Connect to the first address that answers; each address has an equal share of the remaining time.

    Raises:
        OSError: none answers; a TimeoutError if none answers in time.
    """
    error: OSError | None = None
    for remaining, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        now = time.monotonic()
        try:
            connected = _connected(DeadlineSocket(family, kind, protocol), address, now + (deadline - now) / remaining)
        except OSError as last_error:
            error = last_error
        else:
            connected.deadline = deadline
            # Nagle's algorithm would only delay small requests.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
    raise error or OSError("the name has no address")


def connect_unix(path: str, deadline: float) -> DeadlineSocket:
    """Connect to a Unix socket."""
    return _connected(DeadlineSocket(socket.AF_UNIX, socket.SOCK_STREAM), path, deadline)


def _connected(connecting: DeadlineSocket, address: Any, deadline: float) -> DeadlineSocket:
    connecting.deadline = deadline
    try:
        connecting.connect(address)
    except BaseException:
        connecting.close()
        raise
    return connecting


def keep_alive(connected: DeadlineSocket) -> None:
    """Detect a dead peer within a minute, and keep an idle connection open in NAT gateways and firewalls."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # not on every system
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def resolve(host: str, port: int, deadline: float) -> Sequence[_Address]:
    """Resolve a host name.

    Raises:
        OSError: the name does not exist; a TimeoutError if no resolver answers in time.
    """
    return run_with_deadline(deadline, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def run_with_deadline(deadline: float, work: Callable[[], T]) -> T:
    """Run work that has no time limit of its own, and return its result or raise its error.

    Raises:
        TimeoutError: the deadline has passed. A thread continues the work, but its result is discarded.
    """
    results: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised in the waiting thread
            results.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        result, error = results.get(timeout=None if deadline == math.inf else seconds_until(deadline))
    except Empty:
        raise TimeoutError("the deadline has passed") from None
    if error is not None:
        raise error
    return cast("T", result)


def start_tls(plain: DeadlineSocket, context: ssl.SSLContext, host: str) -> DeadlineSocket:
    """Request TLS from the server, and verify its certificate according to the context.

    Raises:
        TlsRefusedError: the server does not offer TLS.
        TlsNameError: the certificate is not for this host.
        ssl.SSLError: the certificate is not trusted.
        OSError: the connection broke.
    """
    plain.send(_SSL_REQUEST)
    # Read only this byte unencrypted: more could be from a man in the middle (CVE-2021-23222).
    if plain.recv(1) != b"S":
        raise TlsRefusedError(
            "the server does not offer TLS; POSTGRES_SSLMODE=disable connects without it, for networks that nobody can"
            " listen to"
        )
    context.sslsocket_class = _TlsDeadlineSocket
    secured = cast(
        "_TlsDeadlineSocket", context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    )
    secured.deadline = plain.deadline
    try:
        secured.do_handshake()
    except ssl.SSLCertVerificationError as error:
        secured.close()
        if error.verify_code in _OTHER_NAME:
            raise TlsNameError("the certificate is for another name") from None  # the cause's text has the name
        raise
    except BaseException:
        secured.close()
        raise
    return secured
