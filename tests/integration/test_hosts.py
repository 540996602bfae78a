"""Several hosts, tried in order: `POSTGRES_HOSTNAME=reader,writer`."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from devtools.database import insert_rooms
from devtools.generated_rooms import add_generated_rooms
from rentomatic.domain.errors import SettingsError, TimedOutError, UnavailableError
from rentomatic.postgres.credentials import iam
from rentomatic.postgres.doctor import CHECKS, Verdict, examine
from rentomatic.postgres.room_writer import PostgresRoomWriter
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from tests.contracts.room_repository import a_room
from tests.support.commands import free_port
from tests.support.injectors import (
    Proxy,
    TlsProxy,
    black_hole,
    listener_that_says,
    make_authority,
    make_certificate,
    refusal,
    silent_listener,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rentomatic.postgres.session import SessionEvent
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, [a_room()])


@pytest.fixture
def writer(migrated: Mapping[str, str]) -> Iterator[Proxy]:
    """The last host of each list."""
    with closing(Proxy(int(migrated["POSTGRES_PORT"]))) as proxy:
        yield proxy


def named(settings: Mapping[str, str], *hosts: tuple[str, int]) -> dict[str, str]:
    names, ports = zip(*hosts, strict=True)
    return {
        **settings,
        "POSTGRES_HOSTNAME": ",".join(names),
        "POSTGRES_PORT": ",".join(map(str, ports)),
        "POSTGRES_SSLMODE": "disable",
        "POSTGRES_TIMEOUT_S": "2",
    }


def at(settings: Mapping[str, str], *ports: int) -> dict[str, str]:
    return named(settings, *(("127.0.0.1", port) for port in ports))


def test_the_first_host_that_accepts_the_login_is_kept(migrated: Mapping[str, str], writer: Proxy) -> None:
    with closing(Proxy(int(migrated["POSTGRES_PORT"]))) as reader:
        repo = PostgresRepo(at(migrated, free_port(), reader.port, writer.port))

        assert [repo.list() for _ in range(3)] == [[a_room()]] * 3

        assert (reader.connections, writer.connections) == (1, 0)
        repo.close()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(silent_listener, id="silent"),
        pytest.param(lambda: listener_that_says(refusal("57P03")), id="starting"),
        pytest.param(lambda: listener_that_says(refusal("57P01")), id="shutting down"),
        pytest.param(lambda: listener_that_says(refusal("53300")), id="full"),
        pytest.param(lambda: listener_that_says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="not Postgres"),
        pytest.param(lambda: listener_that_says(b""), id="closing"),
    ],
)
def test_a_host_that_cannot_serve_is_passed_over(
    migrated: Mapping[str, str], writer: Proxy, broken: Callable[[], AbstractContextManager[int]]
) -> None:
    with broken() as port:
        repo = PostgresRepo(at(migrated, port, writer.port))

        assert repo.list() == [a_room()]

    assert writer.connections == 1
    repo.close()


def test_a_name_without_an_address_is_passed_over(migrated: Mapping[str, str], writer: Proxy) -> None:
    settings = named(migrated, ("nowhere.invalid", 5432), ("127.0.0.1", writer.port))
    repo = PostgresRepo(settings)

    assert repo.list() == [a_room()]
    repo.close()


def test_each_host_has_a_share_of_what_is_left(migrated: Mapping[str, str], writer: Proxy) -> None:
    with ExitStack() as stack:
        hosts = [stack.enter_context(black_hole()), ("127.0.0.1", stack.enter_context(silent_listener()))]
        repo = PostgresRepo(named(migrated, *hosts, ("127.0.0.1", writer.port)))

        assert repo.list() == [a_room()]
    repo.close()


def test_the_last_host_has_all_the_time_that_is_left(migrated: Mapping[str, str], admin: Connection) -> None:
    settings = at(migrated, free_port(), int(migrated["POSTGRES_PORT"]))
    admin.run("ALTER TABLE room RENAME TO stored")
    admin.run("CREATE VIEW room AS SELECT stored.* FROM stored, pg_sleep(1.2)")
    admin.run("GRANT SELECT ON room TO visitor")
    try:
        assert PostgresRepo(settings).list() == [a_room()]
    finally:
        admin.run("DROP VIEW room")
        admin.run("ALTER TABLE stored RENAME TO room")


def test_if_no_host_accepts_the_last_one_says_why(
    migrated: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with silent_listener() as silent:
        with pytest.raises(TimedOutError):
            PostgresRepo({**at(migrated, free_port(), silent), "POSTGRES_TIMEOUT_S": "0.5"}).list()
        assert caplog.messages == [
            "Trying the next host after number 1 of POSTGRES_HOSTNAME: phase connect, sqlstate -"
        ]

        with pytest.raises(UnavailableError, match="ConnectionRefusedError"):
            PostgresRepo({**at(migrated, silent, free_port()), "POSTGRES_TIMEOUT_S": "0.5"}).list()


def test_a_list_of_hosts_is_not_for_changes(migrated: Mapping[str, str]) -> None:
    settings = at(migrated, free_port(), int(migrated["POSTGRES_PORT"]))
    said = "POSTGRES_HOSTNAME must be one host, the writer, to change the database"

    with pytest.raises(SettingsError, match=said):
        upgrade(settings, print)
    with pytest.raises(SettingsError, match=said):
        PostgresRoomWriter(settings).write([])
    with pytest.raises(SettingsError, match=said):
        add_generated_rooms(settings, 1, seed=0)


@pytest.mark.parametrize(
    ("changed", "error", "sqlstate"),
    [
        ({"POSTGRES_PASSWORD": "wrong"}, UnavailableError, "28P01"),
        ({"APPLICATION_DB": "nowhere"}, SettingsError, "3D000"),
    ],
)
def test_a_refused_login_is_not_tried_elsewhere(
    migrated: Mapping[str, str], writer: Proxy, changed: dict[str, str], error: type[Exception], sqlstate: str
) -> None:
    settings = {**at(migrated, int(migrated["POSTGRES_PORT"]), writer.port), **changed}

    with pytest.raises(error, match=sqlstate):
        PostgresRepo(settings).list()

    assert writer.connections == 0


def test_a_host_that_dies_hands_over_to_the_next(migrated: Mapping[str, str], writer: Proxy) -> None:
    events: list[SessionEvent] = []
    reader = Proxy(int(migrated["POSTGRES_PORT"]))
    repo = PostgresRepo(at(migrated, reader.port, writer.port), count=events.append)
    assert repo.list() == [a_room()]

    reader.refuse = True
    reader.close()

    assert repo.list() == [a_room()]
    assert (writer.connections, set(events)) == (1, {"DatabaseReconnects"})
    repo.close()


def test_each_host_s_certificate_and_token_are_its_own(
    migrated: Mapping[str, str], admin: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make_authority()
    root = tmp_path / "root.pem"
    root.write_bytes(authority[0].public_bytes(Encoding.PEM))
    certificate = make_certificate(tmp_path / "server.pem", "localhost", authority, 1)
    admin.run("DROP ROLE IF EXISTS signed")
    admin.run("CREATE ROLE signed LOGIN PASSWORD 'localhost'")
    admin.run("GRANT SELECT ON room TO signed")
    signed = []

    def sign(hostname: str, port: int, user: str) -> str:
        signed.append((hostname, port, user))
        return hostname

    monkeypatch.setattr(iam, "_sign", sign)
    with closing(TlsProxy(int(migrated["POSTGRES_PORT"]), certificate)) as proxy:
        by_iam = {
            **named(migrated, ("127.0.0.1", proxy.port), ("localhost", proxy.port)),
            "POSTGRES_AUTH": "iam",
            "POSTGRES_USER": "signed",
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(root),
        }
        repo = PostgresRepo(by_iam)

        # The certificate is for the second name, and so is the token.
        assert repo.list() == [a_room()]
        assert signed == [("127.0.0.1", proxy.port, "signed"), ("localhost", proxy.port, "signed")]
        findings = {finding.check: finding for finding in examine(by_iam)}
        repo.close()

    assert (findings["TLS 1"].verdict, findings["TLS 2"].verdict) == (Verdict.WRONG, Verdict.OK)
    assert "the certificate is for another name" in findings["TLS 1"].message
    assert findings["login 2"].verdict == Verdict.OK
    admin.run("DROP OWNED BY signed")


def test_the_doctor_shows_each_host(migrated: Mapping[str, str]) -> None:
    closed, open_ = free_port(), int(migrated["POSTGRES_PORT"])

    findings = examine(at(migrated, open_, closed))

    per_host = CHECKS[2:]
    assert [finding.check for finding in findings] == [
        *CHECKS[:2],
        *(f"{check} 1" for check in per_host),
        *(f"{check} 2" for check in per_host),
    ]
    found = {finding.check: finding for finding in findings}
    assert found["login 1"].message == f"127.0.0.1:{open_}: The login works"
    assert found["port 2"].verdict == Verdict.WRONG
    assert found["port 2"].message.startswith(f"127.0.0.1:{closed}: ")
    assert found["queries 2"].verdict == Verdict.NOT_CHECKED
    assert found["queries 1"].verdict == Verdict.OK
