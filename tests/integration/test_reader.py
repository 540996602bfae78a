"""The role that the API reads with. Roles are the cluster's, so these tests have a cluster of their own."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from pg8000.native import DatabaseError, identifier, literal

from devtools.embedded_postgres import embedded_postgres_server
from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.doctor import examine
from rentomatic.postgres.settings import read_postgres_settings
from schema import MigrationError, upgrade
from tests.support.commands import free_port
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

CANARY = "canary-p$ss'word-ü"
BEFORE = "c3a91f6d2e80"
SETTINGS = [
    "statement_timeout=8s",
    "idle_in_transaction_session_timeout=8s",
    "idle_session_timeout=10min",
    "default_transaction_read_only=on",
]
ROLE = """
    SELECT rolcanlogin, rolconnlimit, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication, rolconfig
    FROM pg_roles WHERE rolname = 'rentomatic_reader'
"""
GRANTS = """
    SELECT table_name, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = 'rentomatic_reader' ORDER BY 1, 2
"""
GRANTED = [["alembic_version", "SELECT"], ["room", "SELECT"]]


@pytest.fixture(scope="module")
def cluster(
    make_cluster: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    data = tmp_path_factory.mktemp("reader") / "postgres"
    make_cluster(data)
    with embedded_postgres_server(data, host="127.0.0.1", port=free_port(), options=("-c", "fsync=off")) as settings:
        yield settings


@contextmanager
def a_database(cluster: Mapping[str, str]) -> Iterator[dict[str, str]]:
    name = f"test_{uuid4().hex}"
    with connect(read_postgres_settings(cluster)) as superuser:
        superuser.run(f"CREATE DATABASE {identifier(name)}")
        yield {**cluster, "APPLICATION_DB": name}
        superuser.run(f"DROP DATABASE {identifier(name)} WITH (FORCE)")


@pytest.fixture
def database(cluster: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The settings of an empty database of a cluster without a reader; there is none afterwards either."""
    with a_database(cluster) as settings:
        yield settings
    with connect(read_postgres_settings(cluster)) as superuser:
        superuser.run("DROP ROLE IF EXISTS rentomatic_reader, keeper, rds_iam")


@pytest.fixture
def superuser(database: dict[str, str]) -> Iterator[Connection]:
    with connect(read_postgres_settings(database)) as connection:
        yield connection


@pytest.fixture
def keeper(database: dict[str, str], superuser: Connection) -> dict[str, str]:
    """The settings of one who owns the database, and may not make roles."""
    superuser.run("CREATE ROLE keeper LOGIN")
    superuser.run(f"ALTER DATABASE {identifier(database['APPLICATION_DB'])} OWNER TO keeper")
    superuser.run("GRANT CREATE ON SCHEMA public TO keeper")
    return {**database, "POSTGRES_USER": "keeper"}


@pytest.fixture
def secret(secrets: SecretsManagerClient) -> Callable[..., dict[str, str]]:
    """Put a secret, and return the setting that names it."""

    def secret(**members: Any) -> dict[str, str]:
        named: dict[str, Any] = {"username": "rentomatic_reader", "password": CANARY, **members}
        name = f"reader-{uuid4()}"
        secrets.create_secret(Name=name, SecretString=json.dumps(named))
        return {"READER_SECRET_ID": name}

    return secret


def as_reader(database: Mapping[str, str]) -> dict[str, str]:
    return {
        **database,
        "POSTGRES_HOSTNAME": "127.0.0.1",  # where Postgres asks for a password
        "POSTGRES_USER": "rentomatic_reader",
        "POSTGRES_PASSWORD": CANARY,
    }


def test_the_migration_makes_a_role_that_may_read_rooms_and_no_more(
    database: dict[str, str], superuser: Connection
) -> None:
    upgrade(database, print)

    assert superuser.run(ROLE) == [[False, 50, False, SETTINGS]]
    assert superuser.run(GRANTS) == GRANTED


def test_a_table_that_comes_later_is_not_the_reader_s_to_read(database: dict[str, str], superuser: Connection) -> None:
    upgrade(database, print)
    superuser.run("CREATE TABLE later ()")

    assert superuser.run(GRANTS) == GRANTED


def test_a_role_that_is_there_keeps_what_it_has_been_given(database: dict[str, str], superuser: Connection) -> None:
    superuser.run("CREATE ROLE rentomatic_reader LOGIN CONNECTION LIMIT 7")
    superuser.run("ALTER ROLE rentomatic_reader SET statement_timeout = '2s'")

    upgrade(database, print)

    assert superuser.run(ROLE) == [[True, 7, False, ["statement_timeout=2s", *SETTINGS[1:]]]]
    assert superuser.run(GRANTS) == GRANTED


def test_two_databases_share_the_role_while_either_needs_it(
    cluster: Mapping[str, str], database: dict[str, str], superuser: Connection
) -> None:
    upgrade(database, print)
    with a_database(cluster) as other:
        upgrade(other, print)
        downgrade(other)
        assert superuser.run(GRANTS) == GRANTED

        upgrade(other, print)
        downgrade(database)
        assert len(superuser.run(ROLE)) == 1
        assert superuser.run(GRANTS) == []

        downgrade(other)
    assert superuser.run(ROLE) == []


def downgrade(database: Mapping[str, str]) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["configuration"] = database
    command.downgrade(config, BEFORE)


def test_an_owner_without_createrole_learns_who_can_create_it(keeper: dict[str, str], superuser: Connection) -> None:
    steps: list[str] = []

    upgrade(keeper, steps.append)

    assert superuser.run("SELECT version_num FROM alembic_version") != [[BEFORE]]
    assert superuser.run(ROLE) == []
    (told,) = (step for step in steps if "rentomatic_reader" in step)
    assert "have an administrator create it" in told


def test_a_limit_for_a_missing_role_is_ignored(keeper: dict[str, str], superuser: Connection) -> None:
    upgrade({**keeper, "READER_CONNECTION_LIMIT": "3"}, print)

    assert superuser.run(ROLE) == []
    assert superuser.run("SELECT count(*) FROM room") == [[0]]


def test_the_reader_may_connect_where_the_public_may_not(
    database: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    superuser.run(f"REVOKE ALL ON DATABASE {identifier(database['APPLICATION_DB'])} FROM PUBLIC")
    superuser.run("REVOKE ALL ON SCHEMA public FROM PUBLIC")

    upgrade({**database, **secret()}, print)

    assert {finding.verdict for finding in examine(as_reader(database))} == {"ok"}


def test_an_owner_without_createrole_grants_to_a_given_role(keeper: dict[str, str], superuser: Connection) -> None:
    superuser.run("CREATE ROLE rentomatic_reader")

    upgrade(keeper, print)

    assert superuser.run(GRANTS) == GRANTED


def test_the_reader_logs_in_with_the_password_of_the_secret(
    database: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    upgrade({**database, **secret(), "READER_CONNECTION_LIMIT": "12"}, print)

    assert superuser.run(ROLE) == [[True, 12, False, SETTINGS]]
    assert {finding.verdict for finding in examine(as_reader(database))} == {"ok"}


def test_the_password_may_be_a_setting_of_the_migration(database: dict[str, str], superuser: Connection) -> None:
    upgrade({**database, "READER_PASSWORD": CANARY}, print)

    assert superuser.run(ROLE) == [[True, 50, False, SETTINGS]]
    assert {finding.verdict for finding in examine(as_reader(database))} == {"ok"}


@pytest.mark.parametrize("statement", ["DELETE FROM room", "CREATE TABLE more ()", "CREATE TEMPORARY TABLE more ()"])
def test_the_reader_writes_nothing(
    database: dict[str, str], secret: Callable[..., dict[str, str]], statement: str
) -> None:
    upgrade({**database, **secret()}, print)

    with connect(read_postgres_settings(as_reader(database))) as connection:
        with pytest.raises(DatabaseError, match="read-only transaction"):
            connection.run(statement)
        connection.run("SET default_transaction_read_only = off")
        if "TEMPORARY" not in statement:
            with pytest.raises(DatabaseError, match="permission denied"):
                connection.run(statement)


def test_the_password_never_reaches_the_server(
    database: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    upgrade({**database, **secret()}, print)

    ((kept,),) = superuser.run("SELECT rolpassword FROM pg_authid WHERE rolname = 'rentomatic_reader'")
    assert kept.startswith("SCRAM-SHA-256$4096:")


def test_a_new_password_comes_with_the_next_migration(
    database: dict[str, str], secret: Callable[..., dict[str, str]]
) -> None:
    upgrade({**database, **secret(password="the first")}, print)
    upgrade({**database, **secret()}, print)

    connect(read_postgres_settings(as_reader(database))).close()


def test_a_limit_alone_leaves_the_login_as_it_is(database: dict[str, str], superuser: Connection) -> None:
    upgrade({**database, "READER_CONNECTION_LIMIT": "3"}, print)

    assert superuser.run(ROLE) == [[False, 3, False, SETTINGS]]


IS_BY_IAM = "SELECT pg_has_role('rentomatic_reader', 'rds_iam', 'MEMBER')"


def test_a_reader_that_logs_in_by_iam_is_in_the_role_of_rds(database: dict[str, str], superuser: Connection) -> None:
    superuser.run("CREATE ROLE rds_iam")

    upgrade({**database, "READER_AUTH": "iam"}, print)
    upgrade({**database, "READER_AUTH": "iam"}, print)

    assert superuser.run(IS_BY_IAM) == [[True]]
    assert superuser.run(ROLE) == [[True, 50, False, SETTINGS]]


def test_a_reader_with_a_password_is_in_it_no_longer(
    database: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    superuser.run("CREATE ROLE rds_iam")
    upgrade({**database, "READER_AUTH": "iam"}, print)

    upgrade({**database, **secret()}, print)

    assert superuser.run(IS_BY_IAM) == [[False]]


@pytest.mark.parametrize("settings", [{}, {"READER_CONNECTION_LIMIT": "3"}])
def test_a_migration_without_a_login_leaves_the_old_one(
    database: dict[str, str], superuser: Connection, settings: dict[str, str]
) -> None:
    superuser.run("CREATE ROLE rds_iam")
    upgrade({**database, "READER_AUTH": "iam"}, print)

    upgrade({**database, **settings}, print)

    assert superuser.run(IS_BY_IAM) == [[True]]


def test_an_owner_with_admin_option_lets_the_reader_log_in_by_iam(
    keeper: dict[str, str], superuser: Connection
) -> None:
    superuser.run("CREATE ROLE rds_iam; GRANT rds_iam TO keeper WITH ADMIN OPTION; ALTER ROLE keeper CREATEROLE")

    upgrade({**keeper, "READER_AUTH": "iam"}, print)

    assert superuser.run(IS_BY_IAM) == [[True]]
    superuser.run("DROP OWNED BY keeper, rentomatic_reader CASCADE; DROP ROLE rentomatic_reader")


def test_an_iam_reader_does_not_lock_out_the_owner_that_made_it(keeper: dict[str, str], superuser: Connection) -> None:
    superuser.run("CREATE ROLE rds_iam; ALTER ROLE keeper CREATEROLE PASSWORD 'x'")
    with pytest.raises(MigrationError, match="would disable the password of the role that migrates"):
        upgrade({**keeper, "READER_AUTH": "iam"}, print)
    assert superuser.run("SELECT to_regrole('rentomatic_reader')") == [[None]]
    upgrade(keeper, print)
    with pytest.raises(MigrationError, match="would disable the password of the role that migrates"):
        upgrade({**keeper, "READER_AUTH": "iam"}, print)

    with only_by_iam(superuser):  # what it is kept from
        connect(read_postgres_settings(keeper)).close()
        superuser.run("GRANT rds_iam TO rentomatic_reader")
        with pytest.raises(UnavailableError, match="28000"):
            connect(read_postgres_settings(keeper))
    superuser.run("DROP OWNED BY keeper, rentomatic_reader CASCADE; DROP ROLE rentomatic_reader")


@contextmanager
def only_by_iam(superuser: Connection) -> Iterator[None]:
    """Refuse members of `rds_iam`, as RDS refuses their passwords: by a rule of pg_hba.conf."""
    ((path,),) = superuser.run("SHOW hba_file")
    rules = Path(path).read_text(encoding="utf-8")
    try:
        Path(path).write_text(f"host all +rds_iam all reject\nlocal all +rds_iam reject\n{rules}", encoding="utf-8")
        superuser.run("SELECT pg_reload_conf()")
        yield
    finally:
        Path(path).write_text(rules, encoding="utf-8")
        superuser.run("SELECT pg_reload_conf()")


def test_without_rds_an_iam_reader_may_log_in(database: dict[str, str], superuser: Connection) -> None:
    upgrade({**database, "READER_AUTH": "iam"}, print)

    assert superuser.run(ROLE) == [[True, 50, False, SETTINGS]]


def test_iam_and_a_password_exclude_each_other(database: dict[str, str], secret: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(SettingsError, match="READER_AUTH=iam disables the password in READER_SECRET_ID"):
        upgrade({**database, **secret(), "READER_AUTH": "iam"}, print)


@pytest.mark.parametrize(
    "other", [{"READER_AUTH": "iam"}, {"READER_SECRET_ID": "name"}], ids=lambda other: next(iter(other))
)
def test_a_password_of_its_own_excludes_other_logins(database: dict[str, str], other: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=f"READER_PASSWORD excludes {next(iter(other))}"):
        upgrade({**database, "READER_PASSWORD": CANARY, **other}, print)


def test_a_password_that_postgres_refuses_is_named_by_its_variable(database: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="READER_PASSWORD has characters that are not allowed") as raised:
        upgrade({**database, "READER_PASSWORD": f"{CANARY}\7"}, print)

    assert CANARY not in str(raised.value)


def test_another_way_to_log_in_is_refused(database: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="READER_AUTH must be iam or password"):
        upgrade({**database, "READER_AUTH": "kerberos"}, print)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"username": "somebody"},
            "The 'username' in the secret that READER_SECRET_ID names must be rentomatic_reader",
        ),
        ({"password": None}, "The 'password' in the secret that READER_SECRET_ID names is missing or not text"),
        ({"password": ""}, "The 'password' in the secret that READER_SECRET_ID names is missing or not text"),
        ({"password": f"{CANARY}\7"}, "The 'password' in .* READER_SECRET_ID names has characters"),
    ],
)
def test_an_unusable_secret_is_refused_before_any_change(
    database: dict[str, str],
    superuser: Connection,
    secret: Callable[..., dict[str, str]],
    members: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        upgrade({**database, **secret(**members)}, print)

    assert CANARY not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert superuser.run("SELECT to_regclass('room')") == [[None]]


@pytest.mark.usefixtures("secrets")
def test_a_secret_that_cannot_be_read_is_named_by_its_variable(database: dict[str, str]) -> None:
    with pytest.raises(RepositoryError, match="The secret that READER_SECRET_ID names could not be read"):
        upgrade({**database, "READER_SECRET_ID": "nowhere"}, print)


@pytest.mark.parametrize("limit", ["0", "-1", "many", "٣", "262144", "9" * 5000])
def test_an_invalid_limit_is_refused(database: dict[str, str], limit: str) -> None:
    with pytest.raises(SettingsError, match="READER_CONNECTION_LIMIT must be an integer from 1 to 262143"):
        upgrade({**database, "READER_CONNECTION_LIMIT": limit}, print)


def test_a_login_for_a_role_that_is_not_there_rolls_everything_back(
    keeper: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    with pytest.raises(MigrationError, match="have an administrator CREATE ROLE rentomatic_reader, and migrate again"):
        upgrade({**keeper, **secret()}, print)

    assert superuser.run("SELECT to_regclass('room')") == [[None]]


def test_a_login_that_the_owner_may_not_give_is_a_clear_error(
    keeper: dict[str, str], superuser: Connection, secret: Callable[..., dict[str, str]]
) -> None:
    superuser.run("CREATE ROLE rentomatic_reader")

    with pytest.raises(MigrationError, match=r"42501.*CREATEROLE, and ADMIN OPTION") as raised:
        upgrade({**keeper, **secret()}, print)

    assert "SCRAM" not in str(raised.value)
    assert literal(CANARY) not in str(raised.value)
