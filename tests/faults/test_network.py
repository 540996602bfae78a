"""Faults of the network, and of what is at its other end."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.faults.faulty import (
    TIMEOUT_S,
)
from tests.support.injectors import (
    Proxy,
    TlsProxy,
    black_hole,
    listener_that_says,
    make_authority,
    make_certificate,
    silent_listener,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.conftest import Client


def test_a_database_that_accepts_and_never_answers_is_a_504(
    ask: Client, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str]
) -> None:
    with silent_listener() as port:
        monkeypatch.setenv("POSTGRES_PORT", str(port))
        status, error = ask()

    assert (status, error["phase"]) == (504, "auth")
    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    assert ask() == (200, None)


def test_a_name_that_does_not_resolve_is_a_503(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOSTNAME", "no-such-host.invalid")

    status, error = ask()

    assert (status, error["phase"]) == (503, "dns")


def test_a_resolver_that_does_not_answer_is_a_503(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOSTNAME", "db.example")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(3 * TIMEOUT_S))

    status, error = ask()

    assert (status, error["phase"]) == (503, "dns")


def test_a_peer_that_vanishes_is_a_504(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.is_stalled = True

    status, error = ask()

    assert (status, error["phase"]) == (504, "query")
    proxy.is_stalled = False
    assert ask() == (200, None)


@pytest.mark.parametrize("with_reset", [True, False])
@pytest.mark.parametrize("after", [1, 7, 40, 100, 130, 150])
def test_a_connection_broken_in_mid_answer_is_unseen(ask: Client, proxy: Proxy, after: int, with_reset: bool) -> None:  # noqa: FBT001
    assert ask() == (200, None)
    proxy.break_after, proxy.with_reset = after, with_reset

    assert ask() == (200, None)  # once more, on a connection of its own
    assert proxy.connections == 2


def test_a_break_on_a_new_connection_is_not_retried(ask: Client, proxy: Proxy) -> None:
    proxy.break_after = 1

    status, _ = ask()

    assert (status, proxy.connections) == (503, 1)
    assert ask() == (200, None)


def test_an_answer_that_drips_is_a_504(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.pause_s = 0.05

    status, _ = ask()

    assert status == 504
    proxy.pause_s = 0
    assert ask() == (200, None)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(100), b"\xff" * 100])
def test_a_server_that_is_not_postgres_is_a_503(
    ask: Client, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str], answer: bytes
) -> None:
    with listener_that_says(answer) as port:
        monkeypatch.setenv("POSTGRES_PORT", str(port))
        status, _ = ask()

    assert status in {503, 504}
    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    assert ask() == (200, None)


def test_corrupted_bytes_are_a_503(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.garble = True

    status, _ = ask()

    assert status in {503, 504}
    proxy.garble = False
    assert ask() == (200, None)


def test_a_certificate_for_another_name_is_refused(
    ask: Client, migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = make_authority()
    certificate = make_certificate(tmp_path / "server.pem", "elsewhere.example", authority)
    root = tmp_path / "root.pem"
    root.write_bytes(authority[0].public_bytes(Encoding.PEM))
    with closing(TlsProxy(int(migrated["POSTGRES_PORT"]), certificate)) as tls:
        monkeypatch.setenv("POSTGRES_SSLMODE", "verify-full")
        monkeypatch.setenv("POSTGRES_SSLROOTCERT", str(root))
        monkeypatch.setenv("POSTGRES_PORT", str(tls.port))

        status, error = ask()

    assert (status, error["phase"]) == (503, "tls")
    assert "the certificate is for another name" in error["message"]


def test_a_server_without_tls_never_gets_plain_text(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for sslmode in ("require", "verify-full"):
        monkeypatch.setenv("POSTGRES_SSLMODE", sslmode)

        status, error = ask()

        assert (status, error["phase"]) == (503, "tls")
    monkeypatch.setenv("POSTGRES_SSLMODE", "disable")
    assert ask() == (200, None)


def test_an_error_without_a_code_is_a_503(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener_that_says(b"E\0\0\0\x08SX\0\0") as port:
        monkeypatch.setenv("POSTGRES_PORT", str(port))

        assert ask()[0] == 503


def test_an_address_that_swallows_everything_leaves_time_for_the_next(
    ask: Client, migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as address:
        good = socket.getaddrinfo("127.0.0.1", int(migrated["POSTGRES_PORT"]), type=socket.SOCK_STREAM)
        bad = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: bad + good)

        assert ask() == (200, None)


def test_an_address_that_never_answers_is_a_504(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as (host, port):
        monkeypatch.setenv("POSTGRES_HOSTNAME", host)
        monkeypatch.setenv("POSTGRES_SSLMODE", "disable")
        monkeypatch.setenv("POSTGRES_PORT", str(port))

        status, error = ask()

    assert (status, error["phase"]) == (504, "connect")
