from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from rentomatic.postgres.wire.deadline_socket import DeadlineSocket, connect_tcp, connect_unix, keep_alive, resolve

if TYPE_CHECKING:
    from pathlib import Path


def test_a_silent_connection_is_probed_before_nat_forgets_it() -> None:
    with DeadlineSocket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        keep_alive(connection)

        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 350


def test_small_requests_are_not_held_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

        with connect_tcp(resolve(host, port, time.monotonic() + 5), time.monotonic() + 5) as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_unix_socket_needs_no_probes(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with connect_unix(path, time.monotonic() + 5) as connection:
            keep_alive(connection)

            assert not connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_name_without_an_address_cannot_be_connected_to() -> None:
    with pytest.raises(OSError, match="no address"):
        connect_tcp([], time.monotonic() + 5)
