"""An Aurora that has paused: it says nothing until it is awake. The system of a client connects all the same."""

from __future__ import annotations

from contextlib import closing
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from rentomatic.postgres.credentials import iam
from tests.deployment.templates import parsed
from tests.faults.faulty import TIMEOUT_S
from tests.support.canaries import PASSWORD
from tests.support.injectors import Proxy, TlsProxy, make_authority, make_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from tests.faults.conftest import Client


def test_a_database_that_wakes_up_in_time_is_waited_for(ask: Client, proxy: Proxy) -> None:
    proxy.is_stalled = True
    waking = Timer(TIMEOUT_S / 4, setattr, (proxy, "is_stalled", False))
    waking.start()

    assert ask() == (200, None)
    waking.join()


def test_a_login_by_iam_outlasts_the_16_seconds_that_aurora_takes(
    ask: Client, migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    condition, timeout_s, _ = parsed("database.yaml")["Outputs"]["PostgresTimeoutSeconds"]["Value"]["Fn::If"]
    of_function_s = parsed("template.yaml")["Mappings"]["Timeouts"][timeout_s]["Function"]
    assert condition == "Pauses"
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", timeout_s)
    monkeypatch.setenv("POSTGRES_AUTO_PAUSE", "true")
    monkeypatch.setenv("POSTGRES_AUTH", "iam")
    monkeypatch.setattr(iam, "_sign", lambda *_: PASSWORD)
    authority = make_authority()
    (tmp_path / "root.pem").write_bytes(authority[0].public_bytes(Encoding.PEM))
    certificate = make_certificate(tmp_path / "server.pem", "localhost", authority)
    monkeypatch.setenv("POSTGRES_SSLMODE", "verify-full")
    monkeypatch.setenv("POSTGRES_SSLROOTCERT", str(tmp_path / "root.pem"))
    monkeypatch.setenv("POSTGRES_HOSTNAME", "localhost")

    with (
        closing(TlsProxy(int(migrated["POSTGRES_PORT"]), certificate)) as aurora,
        closing(Proxy(aurora.port)) as paused,
    ):
        monkeypatch.setenv("POSTGRES_PORT", str(paused.port))
        paused.is_stalled = True
        waking = Timer(16, setattr, (paused, "is_stalled", False))
        waking.start()
        begun = monotonic()

        assert ask(timeout_s=of_function_s) == (200, None)

        assert monotonic() - begun >= 16
        waking.join()


def test_a_database_that_wakes_too_slowly_is_a_503(ask: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_AUTO_PAUSE", "true")
    proxy.is_stalled = True
    status, error = ask()
    assert (status, error["phase"]) == (503, "auth")

    proxy.is_stalled = False
    assert ask() == (200, None)


def test_a_slow_answer_of_a_database_that_pauses_is_still_a_504(
    ask: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_AUTO_PAUSE", "true")
    assert ask() == (200, None)

    proxy.is_stalled = True

    assert ask()[0] == 504
