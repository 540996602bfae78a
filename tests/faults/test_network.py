"""Rows 7 to 14 of the faults: the network, and what is at its other end."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

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
    mute_listener,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.faults.conftest import Client

    Invoke = Callable[..., dict[str, Any]]


def test_row_7_accepts_and_never_answers(
    ask: Client, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str]
) -> None:
    with mute_listener() as port:
        monkeypatch.setenv("POSTGRES_PORT", str(port))
        status, error = ask()

    assert (status, error["phase"]) == (504, "auth")
    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    assert ask() == (200, None)


def test_row_9_name_does_not_resolve(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOSTNAME", "no-such-host.invalid")

    status, error = ask()

    assert (status, error["phase"]) == (503, "dns")


def test_row_9_resolver_is_mute(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_HOSTNAME", "db.example")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(3 * TIMEOUT_S))

    status, error = ask()

    assert (status, error["phase"]) == (503, "dns")


def test_row_10_peer_silently_gone(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.mute = True

    status, error = ask()

    assert (status, error["phase"]) == (504, "query")
    proxy.mute = False
    assert ask() == (200, None)


@pytest.mark.parametrize("with_reset", [True, False])
@pytest.mark.parametrize("after", [1, 7, 40, 100, 130, 150])
def test_row_11_and_12_broken_in_the_middle(ask: Client, proxy: Proxy, after: int, with_reset: bool) -> None:  # noqa: FBT001
    assert ask() == (200, None)
    proxy.break_after, proxy.with_reset = after, with_reset

    assert ask() == (200, None)  # once more, on a connection of its own
    assert proxy.connections == 2


def test_row_11_broken_on_a_fresh_connection_is_not_tried_again(ask: Client, proxy: Proxy) -> None:
    proxy.break_after = 1

    status, _ = ask()

    assert (status, proxy.connections) == (503, 1)
    assert ask() == (200, None)


def test_row_13_slow_drip(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.pause_s = 0.05

    status, _ = ask()

    assert status == 504
    proxy.pause_s = 0
    assert ask() == (200, None)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(100), b"\xff" * 100])
def test_row_14_not_postgres(
    ask: Client, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str], answer: bytes
) -> None:
    with listener_that_says(answer) as port:
        monkeypatch.setenv("POSTGRES_PORT", str(port))
        status, _ = ask()

    assert status in {503, 504}
    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    assert ask() == (200, None)


def test_row_14_corrupted_bytes(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    proxy.garble = True

    status, _ = ask()

    assert status in {503, 504}
    proxy.garble = False
    assert ask() == (200, None)


def test_row_31_a_certificate_for_another_name_is_refused_without_naming_it(
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


def test_row_31_server_without_tls(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for sslmode in ("require", "verify-full"):
        monkeypatch.setenv("POSTGRES_SSLMODE", sslmode)

        status, error = ask()

        assert (status, error["phase"]) == (503, "tls")
    monkeypatch.setenv("POSTGRES_SSLMODE", "disable")
    assert ask() == (200, None)


def test_row_14_an_error_without_any_code(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_row_8_syn_black_hole(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as (host, port):
        monkeypatch.setenv("POSTGRES_HOSTNAME", host)
        monkeypatch.setenv("POSTGRES_SSLMODE", "disable")
        monkeypatch.setenv("POSTGRES_PORT", str(port))

        status, error = ask()

    assert (status, error["phase"]) == (504, "connect")
