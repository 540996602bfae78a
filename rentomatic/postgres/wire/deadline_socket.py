"""Sockets on which everything together ends at a deadline.

A socket's own timeout bounds each call: a server that sends a byte now and then outlives any. Here the
timeout of each call is what is left until the deadline, which is a time of `time.monotonic`.
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
_STEP = 1_048_576  # bytes: what a longer message takes at first, and then as much again as has arrived
# Whatever speaks in text, such as a web server, would announce more: ASCII from "    " on.
LENGTH_MAX = 0x20000000
# SSLRequest: its length and its code (PostgreSQL manual, "Message Formats").
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
# Seconds, seconds, probes, and milliseconds (Linux manual, tcp(7)).
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
    """A socket that waits until `deadline`, a time of `time.monotonic`, and then raises a TimeoutError.

    It is to be used by the methods below; they are all that pg8000 and TLS use.

    Attributes:
        allowance: How many more bytes a file of it may read.
    """

    deadline = math.inf
    allowance = math.inf

    def _apply_deadline(self) -> None:
        self.settimeout(None if self.deadline == math.inf else seconds_until(self.deadline))

    def recv(self, *args: Any) -> bytes:
        self._apply_deadline()
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self._apply_deadline()
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        self._apply_deadline()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self._apply_deadline()
        super().sendall(*args)

    def has_arrived(self) -> bool:
        """Return whether there is something to read, the end of the stream included."""
        return bool(self._poll.poll(0))

    @cached_property
    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return poll

    def makefile(self, *_args: object, **_named: object) -> SocketFile:  # type: ignore[override] # no other is needed
        return SocketFile(self)

    def connect(self, address: Any) -> None:
        self._apply_deadline()
        super().connect(address)


class SocketFile:
    """What pg8000 reads and writes a socket by, in fewer steps than the files of the standard library take.

    With them a request for 10,000 rooms takes a quarter longer.
    """

    def __init__(self, sock: DeadlineSocket) -> None:
        self._socket = sock
        self._unsent: list[bytes] = []
        # What has been received and not read is in the buffer from start to end.
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0

    def write(self, data: bytes) -> None:
        self._unsent.append(data)

    def flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Return so many bytes.

        Raises:
            ValueError: the socket's allowance has fewer, or no message of Postgres has so many.
        """
        if not 0 <= size < LENGTH_MAX:
            raise ValueError("no message of Postgres has this length")
        self._socket.allowance -= size
        if self._socket.allowance < 0:
            raise ValueError("the answer is longer than one to this question can be")
        if size > len(self._buffer):
            return self._read_large(size)
        if size > self._end - self._start:
            self._refill(size)
        start = self._start
        self._start += size
        return self._buffer[start : self._start].tobytes()

    def read_message(self) -> tuple[bytes, bytes]:
        """Return the type of a message of Postgres, and what is in it (PostgreSQL manual, "Message Formats")."""
        if self._end - self._start < _HEADER.size:
            self._refill(_HEADER.size)
        code, length = _HEADER.unpack_from(self._buffer, self._start)
        self._start += _HEADER.size
        self._socket.allowance -= _HEADER.size
        return code, self.read(length - 4)

    def unread_types(self) -> list[bytes]:
        """Return the types of the messages that have arrived and are still to be read, without waiting for any.

        Raises:
            OSError: the connection has ended.
            ValueError: these are no messages.
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
                raise ValueError("no message of Postgres has this length")
            at += length + 1
        return types

    def _read_large(self, size: int) -> bytes:
        # In steps: what a length announces may never arrive, and would take the memory all the same.
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

    def _refill(self, least: int) -> None:
        """Move what is unread to the front, and receive until there are at least so many bytes."""
        rest = self._buffer[self._start : self._end]
        self._buffer[: len(rest)] = rest
        self._start, self._end = 0, self._fill(self._buffer, len(rest), least)

    def _fill(self, buffer: memoryview, begin: int, least: int) -> int:
        """Receive into a buffer from `begin` on, at least as far as said, and return how far."""
        while begin < least:
            number = self._socket.recv_into(buffer[begin:])
            if number == 0:
                raise ConnectionError("the server has closed the connection")
            begin += number
        return begin


class _TlsDeadlineSocket(DeadlineSocket, ssl.SSLSocket):
    def has_arrived(self) -> bool:
        # What has arrived and is not decrypted may be TLS' own business, behind which nothing is to be read.
        return self.pending() > 0

    def do_handshake(self, *args: Any) -> None:
        self._apply_deadline()
        super().do_handshake(*args)


def seconds_until(deadline: float) -> float:
    """Return what is left, more than 0.

    Raises:
        TimeoutError: nothing is.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def connect_tcp(addresses: Sequence[_Address], deadline: float) -> DeadlineSocket:
    """Connect to the first address that answers; one that does not leaves the others their share of the time.

    Raises:
        OSError: none does; TimeoutError, if none did in time.
    """
    error: OSError | None = None
    for remaining, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        now = time.monotonic()
        try:
            connected = _connected(DeadlineSocket(family, kind, protocol), address, now + (deadline - now) / remaining)
        except OSError as this_error:
            error = this_error
        else:
            connected.deadline = deadline
            # Small requests, each waited for: Nagle's algorithm would only hold them back.
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
    """Notice within a minute that the other side is gone, and keep a silent connection known to what is in between."""
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # not on every system: it has its own times there
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def resolve(host: str, port: int, deadline: float) -> Sequence[_Address]:
    """Look up a name.

    Raises:
        OSError: there is no such name; TimeoutError, if no resolver said so in time.
    """
    return run_with_deadline(deadline, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def run_with_deadline(deadline: float, work: Callable[[], T]) -> T:
    """Return what `work` returns or raises, or give up on it: for work that has no time limit of its own.

    Raises:
        TimeoutError: the work is not done. A thread goes on with it, and what comes of it is lost.
    """
    results: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
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
    """Ask the server for TLS, and check its certificate as the context says.

    Raises:
        TlsRefusedError: the server has no TLS.
        TlsNameError: the certificate is not for this host.
        ssl.SSLError: the certificate is not to be trusted.
        OSError: the connection broke.
    """
    plain.send(_SSL_REQUEST)
    # Only this byte is read in the clear: more would be somebody in the middle (CVE-2021-23222).
    if plain.recv(1) != b"S":
        raise TlsRefusedError(
            "the server does not offer TLS; POSTGRES_SSLMODE=disable goes on without it, for a network where nobody"
            " can listen"
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
            raise TlsNameError("the certificate is for another name") from None  # the text of the cause says which
        raise
    except BaseException:
        secured.close()
        raise
    return secured
