from __future__ import annotations

import socket
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pg8000.native import literal

from devtools.database import insert_rooms
from rentomatic import __version__
from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.domain.room_filters import parse_filters
from rentomatic.postgres import room_sql
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.postgres.wire import pipelined_connection as one_round_trip
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from tests.contracts.room_repository import RepositoryOf, RoomRepositoryContract, a_room, integers
from tests.contracts.room_search import Change, RoomSearchContract, SearchableOf
from tests.support.canaries import PASSWORD
from tests.support.injectors import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pg8000.native import Connection

    from rentomatic.domain.room import Room


@pytest.fixture
def postgres_repo_of(migrated: Mapping[str, str], admin: Connection) -> Callable[[Sequence[Room]], PostgresRepo]:
    repo = PostgresRepo(migrated)

    def postgres_repo_of(rooms: Sequence[Room]) -> PostgresRepo:
        admin.run("DELETE FROM room")  # for a few rooms a tenth of the time of TRUNCATE
        insert_rooms(admin, rooms)
        return repo

    return postgres_repo_of


class TestPostgresRepo(RoomRepositoryContract):
    @pytest.fixture
    def repository_of(self, postgres_repo_of: RepositoryOf) -> RepositoryOf:
        return postgres_repo_of


class TestPostgresRepoSearched(RoomSearchContract):
    @pytest.fixture
    def searchable_of(self, postgres_repo_of: SearchableOf) -> SearchableOf:
        return postgres_repo_of

    @pytest.fixture
    def change(self, change_table: Change) -> Change:
        return change_table


class AsTheReader:
    """Asks as the role that the migrations make for the API."""

    @pytest.fixture
    def migrated(self, migrated: Mapping[str, str], server: Mapping[str, str]) -> Mapping[str, str]:
        with connect(read_postgres_settings(server)) as owner:
            owner.run(f"ALTER ROLE rentomatic_reader LOGIN PASSWORD {literal(PASSWORD)}")
        return {**migrated, "POSTGRES_USER": "rentomatic_reader", "POSTGRES_PASSWORD": PASSWORD}


class TestPostgresRepoAsTheReader(AsTheReader, TestPostgresRepo):
    pass


class TestPostgresRepoSearchedAsTheReader(AsTheReader, TestPostgresRepoSearched):
    pass


class ByThePublicInterface:
    """Uses what every release of pg8000 has."""

    @pytest.fixture(autouse=True)
    def by_the_public_interface(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(one_round_trip, "PG8000_VERSION", "another")


class TestPostgresRepoByThePublicInterface(ByThePublicInterface, TestPostgresRepo):
    pass


class TestPostgresRepoSearchedByThePublicInterface(ByThePublicInterface, TestPostgresRepoSearched):
    pass


class TestPostgresRepoSearchedRepeatedly(TestPostgresRepoSearched):
    @pytest.fixture(autouse=True)
    def as_if_asked_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room_sql, "_requests", lambda _search: count(1))


class TestPostgresRepoOnTheFirstRevision(TestPostgresRepo):
    @pytest.fixture
    def admin(self, empty_database: Mapping[str, str]) -> Iterator[Connection]:
        upgrade(empty_database, print, revision="4d4c19952a36")
        with connect(read_postgres_settings(empty_database)) as connection:
            yield connection

    @pytest.fixture
    def migrated(self, empty_database: Mapping[str, str]) -> Mapping[str, str]:
        return empty_database


def test_numbers_that_together_look_like_null_are_numbers(postgres_repo_of: RepositoryOf) -> None:
    # In hexadecimal 7f and ffff ffff ffff ff00: with the end of the one, the other looks like what stands for NULL.
    rooms = [a_room(code="1", size=127), a_room(code="2", size=-256), a_room(code="3", size=None)]

    assert postgres_repo_of(rooms).list() == rooms


def test_a_unix_socket_is_named_by_its_directory(server: Mapping[str, str], admin: Connection) -> None:
    insert_rooms(admin, [a_room()])

    assert server["POSTGRES_HOSTNAME"].startswith("/")
    assert PostgresRepo(server).list() == [a_room()]


def test_constructing_a_repository_opens_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.1)
        PostgresRepo(
            {
                "POSTGRES_USER": "visitor",
                "POSTGRES_PASSWORD": "open sesame",
                "POSTGRES_HOSTNAME": "127.0.0.1",
                "POSTGRES_PORT": str(listener.getsockname()[1]),
                "APPLICATION_DB": "rentomatic",
            }
        )

        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_malformed_setting_is_an_error_of_the_call(migrated: Mapping[str, str]) -> None:
    repository = PostgresRepo({**migrated, "POSTGRES_PORT": "abc"})

    with pytest.raises(SettingsError, match="POSTGRES_PORT must be an integer from 1 to 65535"):
        repository.list()


def test_insertion_order_survives_updates(migrated: Mapping[str, str], admin: Connection) -> None:
    rooms = [a_room(code=code) for code in "abc"]
    insert_rooms(admin, rooms)
    admin.run("UPDATE room SET size = size WHERE code = 'a'")  # moves its row behind the others

    assert PostgresRepo(migrated).list() == rooms


@pytest.mark.parametrize(
    ("wrong", "said", "server_message"),
    [
        (
            {"POSTGRES_PASSWORD": "wrong"},
            "28P01: the login was refused",
            'password authentication failed for user "visitor"',
        ),
        ({"APPLICATION_DB": "nowhere"}, "3D000: there is no such database", 'database "nowhere" does not exist'),
        ({"POSTGRES_HOSTNAME": "/nowhere"}, "No such file or directory", ""),
        ({"POSTGRES_PORT": "1"}, "Connection refused", ""),
    ],
)
def test_no_error_of_the_driver_gets_out(
    migrated: Mapping[str, str], wrong: dict[str, str], said: str, server_message: str
) -> None:
    with pytest.raises(RepositoryError, match=said) as raised:
        PostgresRepo({**migrated, **wrong}).list()

    assert raised.value.server_message == server_message


class TestTheFiveKeysOfTheBook:
    """An existing endpoint passes these, and knows of no other setting."""

    @pytest.fixture
    def five_keys(self, migrated: Mapping[str, str]) -> Iterator[dict[str, str]]:
        # An address that is this machine's, and not known to be: as that of a container.
        host = "127.0.0.2"
        with closing(Proxy(int(migrated["POSTGRES_PORT"]), host)) as proxy:
            yield {**migrated, "POSTGRES_HOSTNAME": host, "POSTGRES_PORT": str(proxy.port)}

    def test_encryption_is_the_default_and_can_be_turned_off(self, five_keys: dict[str, str]) -> None:
        with pytest.raises(UnavailableError, match="the server does not offer TLS; POSTGRES_SSLMODE=disable "):
            PostgresRepo(five_keys).list()

    def test_what_they_lack_is_taken_from_the_environment(
        self, five_keys: dict[str, str], admin: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        insert_rooms(admin, [a_room()])
        monkeypatch.setenv("POSTGRES_SSLMODE", "disable")
        assert PostgresRepo(five_keys).list() == [a_room()]

        monkeypatch.setenv("POSTGRES_TIMEOUT_S", "none")
        with pytest.raises(SettingsError, match="POSTGRES_TIMEOUT_S must be a number of seconds"):
            PostgresRepo(five_keys).list()

    def test_what_they_have_is_not(self, five_keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POSTGRES_SSLMODE", "verify-full")
        monkeypatch.setenv("POSTGRES_SECRET_ID", "another's")
        monkeypatch.setenv("POSTGRES_AUTH", "iam")

        PostgresRepo({**five_keys, "POSTGRES_SSLMODE": "disable"}).check()


def test_a_missing_table_is_named(server: Mapping[str, str]) -> None:
    with pytest.raises(RepositoryError, match='relation "room" does not exist'):
        PostgresRepo({**server, "APPLICATION_DB": "postgres"}).list()


def test_a_repository_has_one_connection_which_goes_with_it(migrated: Mapping[str, str], admin: Connection) -> None:
    def connections() -> int:
        ((count,),) = admin.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'visitor'")
        return int(count)

    before = connections()
    repository = PostgresRepo(migrated)
    repository.list()
    repository.list(filters={"price__lt": 1})
    assert connections() == before + 1

    del repository
    for _ in range(100):  # a backend takes a moment to leave
        if connections() == before:
            break
        admin.run("SELECT pg_sleep(0.05)")
    assert connections() == before


def test_the_server_sees_whose_connection_it_is(migrated: Mapping[str, str], admin: Connection) -> None:
    repository = PostgresRepo(migrated)
    repository.list()

    names = admin.run("SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = 'visitor'")
    assert names == [[f"rentomatic/{__version__}"]]


@given(number=integers, sign=st.sampled_from(["", "+"]), zeros=st.integers(0, 30))
def test_a_price_s_text_means_to_postgres_what_it_means_to_us(
    admin: Connection, number: int, sign: str, zeros: int
) -> None:
    text = f"{'-' if number < 0 else sign}{'0' * zeros}{abs(number)}"

    ((read_by_postgres,),) = admin.run("SELECT CAST(CAST(:text AS text) AS integer)", text=text)

    assert [criterion.value for criterion in parse_filters({"price__eq": text})] == [read_by_postgres] == [number]
