"""What brings a fault about: a proxy that misbehaves, a silent listener, a server that refuses."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Proxy:
    """Forwards between a client and a server on 127.0.0.1, and misbehaves as it is told, at once.

    Attributes:
        port: Where it listens.
        round_trips: How often a client has sent something after an answer.
        connections: How often a client has connected.
        bytes_from_clients: How many bytes all clients have sent.
        is_stalled: Forward nothing more, and keep every connection.
        refuse: Close every new connection at once.
        break_after: After so many more bytes of the server, break the connection...
        with_reset: ...with a reset, not with an orderly end.
        pause_s: Forward the server's bytes one by one, with such a pause between them.
        garble: Change the server's bytes.
        rewrite: Is given the server's bytes, and returns what to forward instead, or None to be given more of them;
            until it has changed something. (See `tests.support.streams`.)
    """

    def __init__(self, server_port: int, host: str = "127.0.0.1") -> None:
        self._server_port = server_port
        self._listener = socket.create_server((host, 0))
        self._sockets: list[socket.socket] = []
        self._last_was_server = True
        self.port: int = self._listener.getsockname()[1]
        self.round_trips = 0
        self.connections = 0
        self.is_stalled = False
        self.refuse = False
        self.break_after: int | None = None
        self.with_reset = False
        self.pause_s = 0.0
        self.garble = False
        self.rewrite: Callable[[bytes], bytes | None] | None = None
        self.bytes_from_clients = 0
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for each in list(self._sockets):
            _hang_up(each)

    def say(self, data: bytes) -> None:
        """Send something to every client that the server has not said."""
        for client in self._sockets[::2]:
            client.sendall(data)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.refuse:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:  # it is down, and may come back
                    client.close()
                    continue
                Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets += [client, server]
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is slow is not to be the proxy
        upwards = Thread(target=self._pump, args=(client, server, False), daemon=True)
        upwards.start()
        self._pump(server, client, True)  # noqa: FBT003
        upwards.join()
        for each in (client, server):
            each.close()
            self._sockets.remove(each)

    def _pump(self, source: socket.socket, target: socket.socket, is_server: bool) -> None:  # noqa: FBT001
        held = b""
        with suppress(OSError):
            while data := source.recv(65536):
                if not is_server and self._last_was_server:
                    self.round_trips += 1
                self._last_was_server = is_server
                self.bytes_from_clients += 0 if is_server else len(data)
                while self.is_stalled:
                    time.sleep(0.01)
                if not is_server:
                    target.sendall(data)
                    continue
                held, data = self._rewrite(held + data)
                if data and not self._forward_from_server(data, source, target):
                    return
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _rewrite(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what to hold back, and what to forward."""
        rewrite = self.rewrite  # read once: whoever tells the proxy is another thread
        if rewrite is None:
            return b"", data
        rewritten = rewrite(data)
        if rewritten is None:
            return data, b""
        if rewritten != data:
            self.rewrite = None
        return b"", rewritten

    def _forward_from_server(self, data: bytes, source: socket.socket, target: socket.socket) -> bool:
        if self.garble:
            data = bytes(byte ^ 0xFF for byte in data)
        if (break_after := self.break_after) is not None:
            self.break_after = break_after - len(data) if break_after > len(data) else None
            target.sendall(data[:break_after])
            if break_after <= len(data):
                self._break(source, target)
                return False
        elif self.pause_s:
            for position in range(len(data)):
                target.sendall(data[position : position + 1])
                time.sleep(self.pause_s)
        else:
            target.sendall(data)
        return True

    def _break(self, source: socket.socket, target: socket.socket) -> None:
        if self.with_reset:
            target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                target.shutdown(socket.SHUT_RD)
            target.close()
        _hang_up(source)
        _hang_up(target)


def _hang_up(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def silent_listener() -> Iterator[int]:
    """Accept connections on the port, and never say anything."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """Answer no attempt to connect to the address: the queue of those who wait to be accepted is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(closing(socket.socket()))
            waiting.settimeout(0)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()


@contextmanager
def listener_that_says(*answers: bytes) -> Iterator[int]:
    """Answer each new connection with the next of `answers`, the last one ever after, and hang up."""
    remaining = list(answers)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with closing(client):
                        client.recv(65536)
                        client.sendall(remaining.pop(0) if len(remaining) > 1 else remaining[0])
                        client.shutdown(socket.SHUT_WR)

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def refusal(sqlstate: str) -> bytes:
    """Return the ErrorResponse with which a server refuses a connection (PostgreSQL manual, "Message Formats")."""
    body = b"".join(f"{key}{value}\0".encode() for key, value in (("S", "FATAL"), ("V", "FATAL"), ("C", sqlstate)))
    body += b"Mno\0\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


class TlsProxy:
    """Speaks TLS with the client, as a Postgres that has it does, and plain text with one that has not.

    Args:
        server_port: Where the Postgres is, on 127.0.0.1.
        certificate: A file with the certificate and its key.
    """

    def __init__(self, server_port: int, certificate: Path) -> None:
        self._server_port = server_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client):
            client.recv(8)
            client.sendall(b"S")
            with (
                self._context.wrap_socket(client, server_side=True) as secured,
                socket.create_connection(("127.0.0.1", self._server_port)) as server,
            ):
                Thread(target=_copy, args=(server, secured), daemon=True).start()
                _copy(secured, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def make_authority() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Return a certificate that signs itself, and its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of the tests")])
    builder = _certificate(name, name, key, days=1)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()), key


def make_certificate(
    file: Path, hostname: str, authority: tuple[x509.Certificate, rsa.RSAPrivateKey], days: int = 1
) -> Path:
    """Write a server's certificate and its key to the file; with negative `days` it has expired."""
    issuer, issuer_key = authority
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hostname)])
    builder = _certificate(name, issuer.subject, key, days)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + key_pem)
    return file


def _certificate(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, days: int) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
    )
