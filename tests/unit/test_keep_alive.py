from __future__ import annotations

import socket

from rentomatic.postgres.wire.deadline_socket import DeadlineSocket, keep_alive


def test_a_silent_connection_is_probed_before_nat_forgets_it() -> None:
    with DeadlineSocket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        keep_alive(connection)

        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 350
