"""TLS: who is trusted, and that plain text is never fallen back to."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from devtools.database import insert_rooms
from rentomatic.domain.errors import SettingsError, TimedOutError, UnavailableError
from rentomatic.postgres import connection as postgres_connection
from rentomatic.postgres.credentials import iam
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.support.injectors import Proxy, TlsProxy, make_authority, make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.postgres.session import SessionEvent
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

    Serve = Callable[[str, int], dict[str, str]]

RDS_ROOTS = postgres_connection._RDS_ROOTS  # noqa: SLF001 - the file that is loaded
AUTHORITY = make_authority()


@pytest.fixture
def serve(migrated: Mapping[str, str], admin: Connection, tmp_path: Path) -> Iterator[Serve]:
    """Serve Postgres with TLS, under a certificate for a name and some days: the settings to reach it."""
    insert_rooms(admin, [a_room()])
    root = tmp_path / "root.pem"
    root.write_bytes(AUTHORITY[0].public_bytes(Encoding.PEM))
    proxies = []

    def serve(name: str, days: int) -> dict[str, str]:
        certificate = make_certificate(tmp_path / "server.pem", name, AUTHORITY, days)
        proxies.append(TlsProxy(int(migrated["POSTGRES_PORT"]), certificate))
        return {
            **migrated,
            "POSTGRES_HOSTNAME": "localhost",
            "POSTGRES_PORT": str(proxies[-1].port),
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(root),
        }

    yield serve
    for proxy in proxies:
        proxy.close()


def test_a_certificate_that_is_trusted_for_the_name_is_accepted(serve: Serve) -> None:
    repo = PostgresRepo(serve("localhost", 1))

    assert repo.list() == [a_room()]
    assert repo.list() == [a_room()]


@pytest.mark.parametrize(
    ("name", "days", "change", "said"),
    [
        ("localhost", 1, {"POSTGRES_SSLROOTCERT": ""}, "CERTIFICATE_VERIFY_FAILED"),  # nobody's authority
        ("elsewhere.example", 1, {}, "the certificate is for another name"),
        ("localhost", 1, {"POSTGRES_HOSTNAME": "127.0.0.1"}, "the certificate is for another name"),
        ("localhost", -1, {}, "certificate has expired"),
    ],
)
def test_a_certificate_that_is_not_to_be_trusted_is_refused(
    serve: Serve, name: str, days: int, change: dict[str, str], said: str
) -> None:
    with pytest.raises(UnavailableError, match=said) as raised:
        PostgresRepo({**serve(name, days), **change}).list()

    assert raised.value.phase == "tls"


@pytest.mark.parametrize("whose", ["RDS", "the system"])
def test_without_a_file_the_roots_of_rds_and_the_system_are_trusted(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    settings = serve("localhost", 1)
    root = settings.pop("POSTGRES_SSLROOTCERT")
    if whose == "RDS":
        monkeypatch.setattr(postgres_connection, "_RDS_ROOTS", Path(root))
    else:
        monkeypatch.setenv("SSL_CERT_FILE", root)
    postgres_connection._tls_context.cache_clear()  # noqa: SLF001 - of an earlier test

    rooms = PostgresRepo(settings).list()

    postgres_connection._tls_context.cache_clear()  # noqa: SLF001 - for a later test
    assert rooms == [a_room()]


def test_what_is_sent_in_the_clear_before_tls_is_not_dropped(serve: Serve) -> None:
    settings = serve("localhost", 1)
    with closing(Proxy(int(settings["POSTGRES_PORT"]))) as somebody_in_the_middle:
        somebody_in_the_middle.rewrite = lambda data: data + b"Z\0\0\0\5I"

        with pytest.raises(UnavailableError) as raised:
            PostgresRepo({**settings, "POSTGRES_PORT": str(somebody_in_the_middle.port)}).list()

    assert raised.value.phase == "tls"


def test_a_handshake_ends_at_the_deadline(serve: Serve) -> None:
    settings = {**serve("localhost", 1), "POSTGRES_TIMEOUT_S": "0.5"}
    with closing(Proxy(int(settings["POSTGRES_PORT"]))) as proxy:

        def fall_silent(data: bytes) -> bytes:
            proxy.is_stalled = True
            return data

        proxy.rewrite = fall_silent
        with pytest.raises(TimedOutError) as raised:
            PostgresRepo({**settings, "POSTGRES_PORT": str(proxy.port)}).list()
        proxy.is_stalled = False

    assert raised.value.phase == "tls"


def test_require_encrypts_and_trusts_anybody(serve: Serve) -> None:
    settings = {**serve("elsewhere.example", -1), "POSTGRES_SSLMODE": "require", "POSTGRES_SSLROOTCERT": ""}

    assert PostgresRepo(settings).list() == [a_room()]


def test_require_with_a_root_file_trusts_only_those_roots(serve: Serve, tmp_path: Path) -> None:
    settings = {**serve("elsewhere.example", 1), "POSTGRES_SSLMODE": "require"}
    assert PostgresRepo(settings).list() == [a_room()]

    other = tmp_path / "other.pem"
    other.write_bytes(make_authority()[0].public_bytes(Encoding.PEM))
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        PostgresRepo({**settings, "POSTGRES_SSLROOTCERT": str(other)}).list()


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_an_invalid_root_file_is_a_setting_error_until_fixed(serve: Serve, tmp_path: Path, text: str | None) -> None:
    settings = serve("localhost", 1)
    root = Path(settings["POSTGRES_SSLROOTCERT"])
    other = tmp_path / "other.pem"
    if text:
        other.write_text(text)
    repo = PostgresRepo({**settings, "POSTGRES_SSLROOTCERT": str(other)})

    with pytest.raises(SettingsError, match="POSTGRES_SSLROOTCERT is not a file of certificates"):
        repo.list()

    other.write_bytes(root.read_bytes())
    assert repo.list() == [a_room()]


def test_iam_authentication_sends_a_token_for_each_connect(
    serve: Serve, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.run("DROP ROLE IF EXISTS signed")
    admin.run("CREATE ROLE signed LOGIN PASSWORD 'localhost:signed'")
    admin.run("GRANT SELECT ON room TO signed")
    monkeypatch.setattr(iam, "_sign", lambda hostname, _port, user: f"{hostname}:{user}")
    settings = {
        **serve("localhost", 1),
        "POSTGRES_AUTH": "iam",
        "POSTGRES_USER": "signed",
        "POSTGRES_PASSWORD": "",
        "POSTGRES_MAX_AGE_S": "0",
    }
    repo = PostgresRepo(settings)

    assert [repo.list() for _ in range(2)] == [[a_room()]] * 2

    events: list[SessionEvent] = []
    monkeypatch.setattr(iam, "_sign", lambda *_: "another")
    with pytest.raises(UnavailableError, match="28P01"):
        PostgresRepo(settings, count=events.append).list()
    assert events == []  # it was new: another is as wrong

    repo.close()
    admin.run("DROP OWNED BY signed")


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
def test_a_server_without_tls_is_never_talked_to_in_plain_text(migrated: Mapping[str, str], sslmode: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        PostgresRepo({**migrated, "POSTGRES_SSLMODE": sslmode}).list()

    assert raised.value.phase == "tls"


def test_the_roots_of_rds_are_good_for_180_days_more() -> None:
    certificates = re.findall("-----BEGIN.*?-----END CERTIFICATE-----", RDS_ROOTS.read_text(), re.DOTALL)
    ends = [x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc for pem in certificates]

    assert len(ends) > 50
    assert min(ends) > datetime.now(UTC) + timedelta(days=180), f"refresh {RDS_ROOTS.name}: its first lines say how"
