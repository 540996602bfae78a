"""The doctor: each check wrong in turn, and what is said about it."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from devtools.database import insert_rooms
from manage import doctor
from rentomatic.domain.errors import SettingsError
from rentomatic.domain.room_search import RoomSearch
from rentomatic.postgres.connection import connect
from rentomatic.postgres.doctor import CHECKS, Verdict, examine, schema_checks
from rentomatic.postgres.room_writer import PostgresRoomWriter
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from schema.reader_login import READER
from tests.contracts.room_repository import a_room
from tests.contracts.room_writer import updates
from tests.support.commands import free_port
from tests.support.events import an_event
from tests.support.injectors import (
    TlsProxy,
    listener_that_says,
    make_authority,
    make_certificate,
    refusal,
    silent_listener,
)
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rentomatic.postgres.doctor import CheckResult
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.support.invocation import Invoke


CANARY = "canary-5e7a"
AUTHORITY = make_authority()
ROOMS = [a_room(code="code-1"), a_room(code="code-2", price=None, latitude=None)]
CHAIN = ["grants", "migrations", "schema", "indexes", "queries"]


@pytest.fixture
def owner(database: Mapping[str, str]) -> Iterator[Connection]:
    """A superuser's connection to a database of the test's own, which has the newest schema and a role as it should be.

    The role is called Patient, which SQL has to quote.
    """
    with connect(read_postgres_settings(database)) as connection:
        connection.run(f"""
            CREATE ROLE "Patient" LOGIN PASSWORD '{CANARY}';
            GRANT SELECT ON room, alembic_version TO "Patient";
            ALTER ROLE "Patient" SET statement_timeout = '8s';
            ALTER ROLE "Patient" SET idle_in_transaction_session_timeout = '8s';
        """)
        yield connection
        for role in ("Patient", "Own"):
            if connection.run("SELECT FROM pg_roles WHERE rolname = :role", role=role):
                connection.run(f'DROP OWNED BY "{role}" CASCADE; DROP ROLE "{role}"')


@pytest.fixture
def patient(database: Mapping[str, str], owner: Connection) -> dict[str, str]:  # noqa: ARG001 - makes the role
    """The settings of a role and a database with which all is well."""
    return {
        **database,
        "POSTGRES_HOSTNAME": "127.0.0.1",
        "POSTGRES_USER": "Patient",
        "POSTGRES_PASSWORD": CANARY,
    }


@pytest.fixture
def of_compose(empty_database: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What `sam local` gives the function, for a database that was made as compose.yaml makes it."""
    folder = ROOT / "devtools/docker"
    told = json.loads((folder / "environment.json").read_text())["Parameters"]
    here = {name: empty_database[name] for name in ("POSTGRES_PORT", "APPLICATION_DB")}
    with connect(read_postgres_settings(empty_database)) as owner:
        for file in ("schema.sql", "reader.sql"):
            owner.run((folder / file).read_text())
        yield {**told, **here, "POSTGRES_HOSTNAME": "127.0.0.1"}
        owner.run(f"ALTER ROLE {READER} NOLOGIN PASSWORD NULL")  # the cluster's, in which there are other tests


def test_nothing_is_wrong_with_the_database_of_compose(of_compose: dict[str, str]) -> None:
    assert {result.verdict for result in examine(of_compose)} == {"ok"}


def assert_only(findings: Sequence[CheckResult], check: str, verdict: Verdict, *words: str) -> None:
    """Check that all is well but for one check, which says these words, and those that need it to be right."""
    assert [result.check for result in findings] == list(CHECKS)
    needing = CHAIN[CHAIN.index(check) + 1 :] if check in CHAIN and verdict == Verdict.WRONG else []
    assert {result.check: result.verdict for result in findings if result.verdict != "ok"} == {
        check: verdict,
        **dict.fromkeys(needing, Verdict.NOT_CHECKED),
    }
    assert_says(findings, check, *words)


def assert_stops_at(findings: Sequence[CheckResult], check: str, *words: str) -> None:
    """Check that all is well before a check, which says these words, and that nothing is checked after it."""
    position = CHECKS.index(check)
    verdicts = [*[Verdict.OK] * position, Verdict.WRONG, *[Verdict.NOT_CHECKED] * (len(CHECKS) - position - 1)]
    assert [(result.check, result.verdict) for result in findings] == list(zip(CHECKS, verdicts, strict=True))
    assert_says(findings, check, *words)


def assert_says(findings: Sequence[CheckResult], check: str, *words: str) -> None:
    (text,) = (f"{result.message} -> {result.remedy}" for result in findings if result.check == check)
    for word in words:
        assert word in text
    for result in findings:
        assert CANARY not in repr(result)
        assert result.message
        assert bool(result.remedy) == (result.verdict in {Verdict.WARNING, Verdict.WRONG})
        assert result.remedy[:1] == result.remedy[:1].upper()


def test_the_role_and_database_of_the_docs_pass(patient: dict[str, str]) -> None:
    findings = examine(patient)

    assert [(result.check, result.verdict) for result in findings] == [(check, Verdict.OK) for check in CHECKS]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"APPLICATION_DB": ""}, ["APPLICATION_DB is missing -> Set these variables"]),
        ({"POSTGRES_PORT": CANARY}, ["POSTGRES_PORT must be an integer"]),
        ({"POSTGRES_AUTH": CANARY}, ["POSTGRES_AUTH must be iam or password"]),
        (
            {"POSTGRES_TIMEOUT_S": "soon", "POSTGRES_USER": ""},
            ["POSTGRES_TIMEOUT_S must be a number of seconds", "POSTGRES_USER is missing"],
        ),
        ({"POSTGRES_MAX_AGE_S": "-1"}, ["POSTGRES_MAX_AGE_S must be a number of seconds"]),
    ],
)
def test_every_wrong_setting_is_named(migrated: Mapping[str, str], change: dict[str, str], words: list[str]) -> None:
    assert_stops_at(examine({**migrated, **change}), "settings", *words)


def test_a_secret_that_cannot_be_read_leaves_the_settings_unchecked(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rentomatic.postgres.credentials.secrets_manager._fetch", lambda *_: CANARY)

    settings, credentials, *others = examine({**migrated, "POSTGRES_SECRET_ID": "rooms"})

    assert (settings.verdict, credentials.verdict) == (Verdict.NOT_CHECKED, Verdict.WRONG)
    assert {result.verdict for result in others} == {Verdict.NOT_CHECKED}
    assert_says([credentials], "credentials", "is not a JSON object", "POSTGRES_SECRET_ID")


def test_a_name_that_does_not_resolve_is_not_blamed_on_the_port(migrated: Mapping[str, str]) -> None:
    url = f"postgresql://visitor:{CANARY}@no-such-host.invalid"

    assert_stops_at(examine({**migrated, "POSTGRES_HOSTNAME": "no-such-host.invalid"}), "name", "POSTGRES_HOSTNAME")
    assert_stops_at(examine({**migrated, "POSTGRES_HOSTNAME": url}), "name", "without scheme")


def test_a_closed_port_is_not_blamed_on_the_name(migrated: Mapping[str, str]) -> None:
    findings = examine({**migrated, "POSTGRES_PORT": str(free_port())})

    assert_stops_at(findings, "port", "ConnectionRefusedError", "POSTGRES_PORT")


def test_a_unix_socket_is_not_called_an_address(server: Mapping[str, str]) -> None:
    findings = examine({**server, "POSTGRES_SSLMODE": "verify-full"})

    assert_says(findings, "name", "POSTGRES_HOSTNAME names the directory of a Unix socket")
    assert_says(findings, "TLS", "A Unix socket does not use TLS")


def test_an_iam_user_without_the_rds_role_is_reported(
    patient: dict[str, str], owner: Connection, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rentomatic.postgres.credentials.iam._sign", lambda *_: CANARY)
    # By its Unix socket, where Postgres trusts everybody: it does not know IAM.
    by_iam = {**patient, "POSTGRES_HOSTNAME": server["POSTGRES_HOSTNAME"], "POSTGRES_AUTH": "iam"}
    by_iam["POSTGRES_SSLMODE"] = "verify-full"
    try:
        owner.run("CREATE ROLE rds_iam")
        assert_only(examine(by_iam), "login", Verdict.WRONG, 'not in rds_iam -> GRANT rds_iam TO "Patient"')

        owner.run('GRANT rds_iam TO "Patient"')
        assert {result.verdict for result in examine(by_iam)} == {Verdict.OK}
    finally:
        owner.run("DROP ROLE rds_iam")

    assert {result.verdict for result in examine(by_iam)} == {Verdict.OK}  # a Postgres that is not of RDS


@pytest.mark.parametrize(("sslmode", "check"), [("disable", "login"), ("verify-full", "TLS")])
def test_a_silent_listener_takes_no_longer_than_allowed(migrated: Mapping[str, str], sslmode: str, check: str) -> None:
    with silent_listener() as port:
        change = {"POSTGRES_PORT": str(port), "POSTGRES_SSLMODE": sslmode, "POSTGRES_TIMEOUT_S": "0.3"}
        findings = examine({**migrated, **change})

    assert_stops_at(findings, check, "TimeoutError")


def test_it_takes_no_longer_than_the_caller_has_left(migrated: Mapping[str, str]) -> None:
    with silent_listener() as port:
        findings = examine({**migrated, "POSTGRES_PORT": str(port), "POSTGRES_TIMEOUT_S": "900"}, remaining_s=0.3)

    assert_stops_at(findings, "login", "TimeoutError")


@pytest.mark.parametrize(
    ("name", "root", "said"),
    [
        ("localhost", "", "CERTIFICATE_VERIFY_FAILED"),
        ("elsewhere.example", "root.pem", "the certificate is for another name"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_refused(
    migrated: Mapping[str, str], tmp_path: Path, name: str, root: str, said: str
) -> None:
    with behind_tls(migrated, tmp_path, name, root) as settings:
        findings = examine(settings)

    assert_stops_at(findings, "TLS", said, "POSTGRES_SSLROOTCERT")


def test_tls_that_trusts_anybody_is_a_warning(patient: dict[str, str], owner: Connection, tmp_path: Path) -> None:
    with behind_tls(patient, tmp_path, "localhost", "root.pem") as good:
        # An address of this machine that is not one of those that are known to be.
        trusting = {**good, "POSTGRES_HOSTNAME": "127.1", "POSTGRES_SSLMODE": "require"}
        findings = examine(trusting)
        remedied = follow(findings[CHECKS.index("TLS")].remedy, owner, {}, trusting)

        assert_only(findings, "TLS", Verdict.WARNING, "POSTGRES_SSLMODE is require", "verify-full")
        assert {result.verdict for result in examine(good)} == {Verdict.OK}
        assert remedied == {**good, "POSTGRES_HOSTNAME": "127.1"}


@contextmanager
def behind_tls(settings: Mapping[str, str], folder: Path, name: str, root: str) -> Iterator[dict[str, str]]:
    """Serve Postgres with TLS under a certificate for the name: the settings to reach it."""
    (folder / "root.pem").write_bytes(AUTHORITY[0].public_bytes(Encoding.PEM))
    certificate = make_certificate(folder / "server.pem", name, AUTHORITY)
    with closing(TlsProxy(int(settings["POSTGRES_PORT"]), certificate)) as proxy:
        yield {
            **settings,
            "POSTGRES_HOSTNAME": "localhost",
            "POSTGRES_PORT": str(proxy.port),
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(folder / root) if root else "",
        }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"POSTGRES_PASSWORD": CANARY}, ["28P01", "POSTGRES_PASSWORD"]),
        ({"APPLICATION_DB": "nowhere"}, ["3D000", "APPLICATION_DB"]),
    ],
)
def test_a_refused_login_says_what_to_correct(
    migrated: Mapping[str, str], change: dict[str, str], words: list[str]
) -> None:
    assert_stops_at(examine({**migrated, **change}), "login", *words)


@pytest.mark.parametrize(
    ("statement", "sqlstate", "remedy"),
    [
        ('ALTER ROLE "Patient" CONNECTION LIMIT 0', "53300", "CONNECTION LIMIT"),
        ("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "42501", "GRANT CONNECT"),
    ],
)
def test_a_refused_login_has_a_remedy_by_its_reason(
    patient: dict[str, str], owner: Connection, statement: str, sqlstate: str, remedy: str
) -> None:
    owner.run(statement.format(database=patient["APPLICATION_DB"]))

    assert_stops_at(examine(patient), "login", sqlstate, remedy)


def test_a_server_that_is_starting_up_is_worth_a_wait(migrated: Mapping[str, str]) -> None:
    with listener_that_says(refusal("57P03")) as port:  # a real one does not stay so for long
        findings = examine({**migrated, "POSTGRES_PORT": str(port)})

    assert_stops_at(findings, "login", "57P03", "Wait")


# What may go wrong in a database, by the check that finds it: how it is brought about, and what the result says.
BROKEN: Mapping[str, Sequence[tuple[str, Verdict, Sequence[str]]]] = {
    "grants": [
        (
            'REVOKE SELECT ON room FROM "Patient"',
            *(Verdict.WRONG, ["may not read the table", 'GRANT SELECT ON room TO "Patient"']),
        ),
        (
            'REVOKE SELECT ON room FROM "Patient"; GRANT SELECT (id, code, size) ON room TO "Patient"',
            *(Verdict.WRONG, ["may not read price, longitude, latitude of", 'GRANT SELECT ON room TO "Patient"']),
        ),
        (
            "CREATE SCHEMA own; ALTER TABLE room SET SCHEMA own",
            *(
                Verdict.WRONG,
                ["in the schema own", 'GRANT USAGE ON SCHEMA own TO "Patient"', "search_path = own, public"],
            ),
        ),
        (
            "REVOKE EXECUTE ON FUNCTION room_place FROM PUBLIC",
            *(Verdict.WRONG, ["may not execute room_place(double precision,double precision) -> GRANT EXECUTE"]),
        ),
        (
            "REVOKE EXECUTE ON FUNCTION json_agg, cube_distance FROM PUBLIC",
            *(Verdict.WRONG, ["may not execute cube_distance(cube,cube), json_agg(anyelement) -> GRANT EXECUTE"]),
        ),
        (
            "ALTER TABLE room ENABLE ROW LEVEL SECURITY",
            *(Verdict.WRONG, ["Row security hides all rooms", "DISABLE ROW LEVEL SECURITY; or CREATE POLICY"]),
        ),
        (
            "ALTER TABLE room ENABLE ROW LEVEL SECURITY; CREATE POLICY cheap ON room USING (price < 50)",
            *(Verdict.WARNING, ["Row security may hide rooms", "DISABLE ROW LEVEL SECURITY"]),
        ),
        (
            'GRANT UPDATE ON room TO "Patient"',
            *(
                Verdict.WARNING,
                ["may change", 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON room FROM "Patient"; or give'],
            ),
        ),
        ('GRANT UPDATE (price) ON room TO "Patient"', Verdict.WARNING, ["may change", 'ON room FROM "Patient"; or']),
        ("GRANT INSERT (code) ON room TO PUBLIC", Verdict.WARNING, ["may change", "ON room FROM PUBLIC; or give"]),
        ('GRANT pg_write_all_data TO "Patient"', Verdict.WARNING, ['-> REVOKE pg_write_all_data FROM "Patient"; or']),
        ('ALTER TABLE room OWNER TO "Patient"', Verdict.WARNING, ["owns the table room", "its own role"]),
        ('ALTER ROLE "Patient" SUPERUSER', Verdict.WARNING, ["superuser", "its own role"]),
    ],
    "timeouts": [
        (
            'ALTER ROLE "Patient" RESET statement_timeout',
            *(Verdict.WRONG, ["not set", "ALTER ROLE \"Patient\" SET statement_timeout = '8000ms'"]),
        ),
        ("ALTER ROLE \"Patient\" SET statement_timeout = '9s'", Verdict.WRONG, ["9000 ms", "'8000ms'"]),
        (
            """
            DO $$ BEGIN
                EXECUTE format('ALTER ROLE "Patient" IN DATABASE %I SET statement_timeout = 0', current_database());
            END $$
            """,
            *(Verdict.WRONG, ["not set", 'ALTER ROLE "Patient" IN DATABASE test_', "SET statement_timeout = '8000ms'"]),
        ),
        (
            'ALTER ROLE "Patient" RESET idle_in_transaction_session_timeout',
            *(Verdict.WARNING, ["SET idle_in_transaction_session_timeout = '8000ms'"]),
        ),
    ],
    "migrations": [
        (
            'REVOKE SELECT ON alembic_version FROM "Patient"',
            *(Verdict.WARNING, ['GRANT SELECT ON alembic_version TO "Patient"']),
        ),
        ("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY", Verdict.WARNING, ["may hide the revision"]),
        ("DROP TABLE alembic_version", Verdict.WRONG, ["has no revision", "manage.py migrate"]),
        ("DELETE FROM alembic_version", Verdict.WRONG, ["has no revision", "manage.py migrate"]),
    ],
    "schema": [
        (
            "ALTER TABLE room DROP COLUMN price",
            Verdict.WRONG,
            ["The column price is missing", "ADD COLUMN price integer"],
        ),
        ("ALTER TABLE room DROP COLUMN id", Verdict.WRONG, ["The column id is missing", "ADD COLUMN id integer"]),
        (
            "ALTER TABLE room DROP COLUMN code",
            Verdict.WRONG,
            ["The column code is missing", "readers wait: ALTER TABLE room ADD COLUMN code"],
        ),
        ("ALTER TABLE room DROP COLUMN latitude", Verdict.WRONG, ["latitude is missing", "latitude double precision"]),
        (
            'ALTER TABLE room RENAME price TO "Cost"',
            Verdict.WRONG,
            ["price is missing", "If Cost is the renamed price: ALTER TABLE room RENAME"],
        ),
        ("ALTER TABLE room ALTER price TYPE numeric", Verdict.WRONG, ["price is of type numeric", "TYPE integer"]),
        ("ALTER TABLE room ALTER size TYPE bigint", Verdict.WRONG, ["size is of type bigint instead of integer or"]),
        ("ALTER TABLE room ALTER price TYPE text", Verdict.WRONG, ["price is of type text", "TYPE integer"]),
        (
            "ALTER TABLE room ALTER price TYPE numeric; UPDATE room SET price = 10.5 WHERE code = 'code-1'",
            *(Verdict.WRONG, ["; rooms with decimals: code-1 -> ", "rewrites the table and rounds decimals: ALTER"]),
        ),
        (
            "ALTER TABLE room ALTER price TYPE float8; UPDATE room SET price = 10.5 WHERE code = 'code-1'",
            *(Verdict.WRONG, ["; rooms with decimals: code-1 -> ", "rewrites the table and rounds decimals: ALTER"]),
        ),
        (
            (
                "DROP INDEX room_price_key_id_idx, room_price_desc_key_id_idx; ALTER TABLE room ALTER price TYPE text;"
                " UPDATE room SET price = '' WHERE code = 'code-1';"
                " UPDATE room SET price = 'unknown' WHERE code = 'code-2';"
                " INSERT INTO room (code, price) VALUES ('code-3', '10.50'), ('code-4', '9999999999'), ('code-5', '7')"
            ),
            *(Verdict.WRONG, ["; rooms with decimals: code-3; rooms with no valid number: code-1, code-2, code-4"]),
        ),
        (
            (
                "DROP INDEX room_place_idx; ALTER TABLE room ALTER latitude TYPE text;"
                " UPDATE room SET latitude = COALESCE(latitude, 'north'); ALTER TABLE room ALTER latitude SET NOT NULL"
            ),
            *(Verdict.WRONG, ["no valid number: code-2 -> Correct the latitude", "or set it to NULL: ALTER TABLE"]),
        ),
        (
            "ALTER TABLE room ALTER price TYPE bigint; UPDATE room SET price = 99999999999 WHERE code = 'code-1'",
            *(Verdict.WRONG, ["no valid number: code-1 -> Correct the price of"]),
        ),
        (
            "ALTER TABLE room DROP size, ADD size date DEFAULT now()",
            *(Verdict.WRONG, ["valid number: code-1, code-2"]),
        ),
        (
            'ALTER TABLE room RENAME code TO "co""de"; ALTER TABLE room ALTER price TYPE numeric',
            *(Verdict.WRONG, ["The column code is missing", 'ALTER TABLE room RENAME COLUMN "co""de" TO code']),
        ),
        ("ALTER TABLE room ALTER latitude TYPE numeric", Verdict.WRONG, ["latitude is of type numeric"]),
        (
            "UPDATE room SET code = gen_random_uuid(); ALTER TABLE room ALTER code TYPE uuid USING code::uuid",
            *(Verdict.WRONG, ["code is of type uuid", "TYPE text"]),
        ),
        (
            "ALTER TABLE room ALTER code DROP NOT NULL; INSERT INTO room VALUES (7), (8)",
            *(Verdict.WRONG, ["code may be NULL", "SET code = gen_random_uuid() WHERE code IS NULL"]),
        ),
        (
            (
                "ALTER TABLE room DROP CONSTRAINT room_pkey, ALTER id DROP NOT NULL, ALTER id SET DEFAULT 1;"
                " INSERT INTO room (id, code) VALUES (1, 'a'), (DEFAULT, 'b'), (NULL, 'c'), (NULL, 'd')"
            ),
            *(Verdict.WRONG, ["id may be NULL", "SET NOT NULL"]),
        ),
        (
            "DROP EXTENSION cube CASCADE",
            *(
                Verdict.WRONG,
                ["extension cube is missing; The function room_place(", "CREATE EXTENSION cube SCHEMA public"],
            ),
        ),
        ("DROP EXTENSION btree_gist CASCADE", Verdict.WRONG, ["The extension btree_gist is missing"]),
        ("DROP FUNCTION room_strip CASCADE", Verdict.WRONG, ["The function room_strip(double precision) is missing"]),
        ("CREATE SCHEMA own; ALTER EXTENSION cube SET SCHEMA own", Verdict.WRONG, ["a schema outside the user"]),
        (
            (
                "ALTER TABLE room RENAME TO part; CREATE TABLE room (LIKE part) PARTITION BY RANGE (id);"
                ' ALTER TABLE room ATTACH PARTITION part DEFAULT; GRANT SELECT ON room TO "Patient"'
            ),
            *(Verdict.WRONG, ["is a partitioned table", "-> Stop all writers, then: CREATE TABLE copied_room"]),
        ),
    ],
    "indexes": [
        (
            "DROP INDEX room_code_key; CREATE INDEX ON room (code); CREATE UNIQUE INDEX ON room (code) WHERE id > 5",
            *(Verdict.WRONG, ["index room_code_key on room (code) is missing", "CREATE UNIQUE INDEX"]),
        ),
        (
            "DROP INDEX room_code_key; INSERT INTO room (code) VALUES ('a'), ('a'), ('b'), ('b'), ('b'), ('c')",
            *(Verdict.WRONG, ["; repeated codes: a, b ->", "UPDATE room SET code"]),
        ),
        (
            (
                "ALTER TABLE room DROP CONSTRAINT room_pkey, ALTER id SET DEFAULT 1;"
                " INSERT INTO room (id, code) VALUES (1, 'a'), (DEFAULT, 'b')"
            ),
            *(Verdict.WRONG, ["; rooms without a unique id: a, b, code-1", "UPDATE room SET id"]),
        ),
        (
            (
                "ALTER TABLE room DROP CONSTRAINT room_pkey, ALTER id DROP DEFAULT;"
                " DROP SEQUENCE IF EXISTS room_id_seq; ALTER TABLE room ALTER id ADD GENERATED ALWAYS AS IDENTITY;"
                " INSERT INTO room (id, code) OVERRIDING SYSTEM VALUE VALUES (1, 'a'), (1, 'b')"
            ),
            *(Verdict.WRONG, ["id: a, b, code-1 -> ALTER TABLE room ALTER COLUMN id SET GENERATED BY DEFAULT"]),
        ),
        (
            "DROP INDEX room_price_key_id_idx; CREATE INDEX room_price_key_id_idx ON room (price, id)",
            *(
                Verdict.WRONG,
                ["room_price_key_id_idx on room (COALESCE(price, 2147483648), id) is missing", "DROP INDEX"],
            ),
        ),
        (
            "DROP INDEX room_price_key_id_idx; CREATE INDEX ON room (COALESCE(price, 2147483648) DESC, id)",
            *(Verdict.WRONG, ["room_price_key_id_idx", "is missing -> CREATE INDEX"]),
        ),
        (
            "DROP INDEX room_code_key; ALTER TABLE room ADD CONSTRAINT room_code_key UNIQUE (code) DEFERRABLE",
            *(Verdict.WRONG, ["room_code_key on room (code) is missing -> CREATE UNIQUE INDEX CONCURRENTLY ON"]),
        ),
        (
            "DROP INDEX room_size_desc_key_id_idx",
            *(
                Verdict.WRONG,
                ["room_size_desc_key_id_idx on room (COALESCE(size, -2147483649), id) is missing -> CREATE INDEX"],
            ),
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'room_price_key_id_idx'::regclass",
            *(Verdict.WRONG, ["room_price_key_id_idx", "is not valid", "REINDEX INDEX CONCURRENTLY"]),
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'room_pkey'::regclass",
            *(Verdict.WRONG, ["is not valid", 'REINDEX INDEX CONCURRENTLY "room_pkey"']),
        ),
    ],
}


@pytest.mark.parametrize(
    ("statement", "check", "verdict", "words"),
    [(statement, check, *rest) for check, broken in BROKEN.items() for statement, *rest in broken],
)
def test_what_is_wrong_in_the_database_is_found_and_its_remedy_works(  # noqa: PLR0913, PLR0917 - fixtures
    patient: dict[str, str],
    owner: Connection,
    database: Mapping[str, str],
    statement: str,
    check: str,
    verdict: Verdict,
    words: Sequence[str],
) -> None:
    insert_rooms(owner, ROOMS)
    owner.run(statement)
    owner.run("SET search_path = public, own")
    ((count,),) = owner.run("SELECT count(*) FROM room")
    findings = examine(patient)
    said = []

    assert_only(findings, check, verdict, *words)
    while problems := [result for result in findings if result.remedy]:
        assert problems[0].message not in said
        said.append(problems[0].message)
        patient = follow(problems[0].remedy, owner, database, patient)
        findings = examine(patient)
    assert {result.verdict for result in findings} == {Verdict.OK}
    assert PostgresRepo(patient).search(RoomSearch(is_counted=True)).count == count


def follow(remedy: str, owner: Connection, of_owner: Mapping[str, str], settings: dict[str, str]) -> dict[str, str]:
    """Do what a remedy says, to the letter; return the settings that it leads to."""
    steps = list(itertools.takewhile(lambda step: not re.match(r"or\b", step), remedy.split("; ")))
    for step in steps:
        if step.removeprefix("Run ").startswith("manage.py migrate"):
            upgrade(of_owner, print)
        elif "its own role" in step:
            (grant,) = re.findall("GRANT SELECT ON .*", step)
            owner.run(f'CREATE ROLE "Own" LOGIN PASSWORD \'{CANARY}\'; {grant} TO "Own"')
            settings = {**settings, "POSTGRES_USER": "Own"}
        elif setting := re.match(r"(POSTGRES_\w+)=([\w-]+)", step):
            settings = {**settings, setting[1]: setting[2]}
        else:
            (statement,) = re.findall("(?:ALTER|CREATE|DROP|GRANT|INSERT|REINDEX|REVOKE|UPDATE) .*", step)
            owner.run(statement)
    return settings


def test_a_search_for_repeated_codes_ends_in_a_second(
    patient: dict[str, str], owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.run("DROP INDEX room_code_key")
    monkeypatch.setattr(schema_checks, "SELECT_REPEATED_CODES", "SELECT pg_sleep(30)::text")

    assert_only(examine(patient), "indexes", Verdict.WRONG, "repeated codes: unknown", "CREATE UNIQUE INDEX")


def test_a_revision_of_a_later_version_is_a_warning(patient: dict[str, str], owner: Connection) -> None:
    owner.run("UPDATE alembic_version SET version_num = 'later'")

    assert_only(examine(patient), "migrations", Verdict.WARNING, "has revision later", "Deploy the version")


def test_a_role_that_writes_by_another_role_leaves_it(patient: dict[str, str], owner: Connection) -> None:
    owner.run('CREATE ROLE "Own"; GRANT UPDATE (price) ON room TO "Own"; GRANT "Own" TO "Patient"')

    assert_only(examine(patient), "grants", Verdict.WARNING, "may change", '-> REVOKE "Own" FROM "Patient"; or give')


def test_a_request_that_fails_is_named_with_what_postgres_says(patient: dict[str, str], owner: Connection) -> None:
    insert_rooms(owner, ROOMS)
    owner.run("""
        CREATE OR REPLACE FUNCTION room_place(latitude float8, longitude float8) RETURNS cube LANGUAGE plpgsql
        IMMUTABLE AS $$ BEGIN RAISE 'Out of order'; END $$
    """)

    said = "GET /rooms?near&sort=distance: Postgres error P0001: Out of order"
    assert_only(examine(patient), "queries", Verdict.WRONG, said)


@pytest.mark.parametrize("type_", ["real", "double precision"])
def test_indexes_are_recognized_by_what_they_index(patient: dict[str, str], owner: Connection, type_: str) -> None:
    owner.run(f"ALTER TABLE room ALTER latitude TYPE {type_}, ALTER longitude TYPE {type_}")
    owner.run("ALTER TABLE room ALTER id TYPE bigint, ALTER price TYPE smallint")

    assert {result.verdict for result in examine(patient)} == {Verdict.OK}


def test_a_unique_index_of_the_user_s_own_is_as_good(patient: dict[str, str], owner: Connection) -> None:
    owner.run("DROP INDEX room_code_key; ALTER TABLE room ADD CONSTRAINT of_my_own UNIQUE (code)")

    assert {result.verdict for result in examine(patient)} == {Verdict.OK}


@pytest.mark.parametrize("before", ["DROP INDEX room_code_key", "SELECT"])
def test_rooms_are_imported_once_a_deferrable_constraint_is_gone(
    patient: dict[str, str], owner: Connection, database: Mapping[str, str], before: str
) -> None:
    owner.run(f"{before}; ALTER TABLE room ADD CONSTRAINT own UNIQUE (code) DEFERRABLE")
    writer = PostgresRoomWriter(database)

    with pytest.raises(SettingsError, match=r"run manage.py doctor"):
        writer.write(updates(ROOMS))
    findings = examine(patient)
    assert_only(findings, "indexes", Verdict.WRONG, 'ALTER TABLE room DROP CONSTRAINT "own"')
    follow(findings[CHECKS.index("indexes")].remedy, owner, database, patient)

    assert {result.verdict for result in examine(patient)} == {Verdict.OK}
    assert writer.write(updates(ROOMS)).added == len(ROOMS)


def test_an_index_in_the_opposite_direction_is_as_good(patient: dict[str, str], owner: Connection) -> None:
    owner.run("DROP INDEX room_price_key_id_idx; CREATE INDEX ON room (COALESCE(price, 2147483648) DESC, id DESC)")

    assert {result.verdict for result in examine(patient)} == {Verdict.OK}


def test_what_the_database_holds_is_printed_and_not_obeyed(patient: dict[str, str], owner: Connection) -> None:
    owner.run("DROP INDEX room_code_key; INSERT INTO room (code) VALUES ('\x1b[31m'), ('\x1b[31m')")

    output = CliRunner().invoke(doctor, env=patient).output

    assert "repeated codes: \\x1b[31m\n" in output
    assert "\x1b" not in output


def test_every_index_of_the_newest_schema_is_missed(patient: dict[str, str], owner: Connection) -> None:
    indexes = owner.run("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'room'::regclass")
    newest = [index for (index,) in indexes if index != "room_price_id_idx"]  # which serves the schema before
    assert newest

    for index in newest:
        owner.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:index AS regclass)", index=index)
        assert_only(examine(patient), "indexes", Verdict.WRONG)
        owner.run("UPDATE pg_index SET indisvalid = true WHERE indexrelid = CAST(:index AS regclass)", index=index)


def test_the_table_of_the_first_revision_needs_migrating(empty_database: Mapping[str, str]) -> None:
    upgrade(empty_database, print, revision="4d4c19952a36")

    findings = examine(empty_database)

    wrong = [result.check for result in findings if result.verdict == Verdict.WRONG]
    assert wrong == ["timeouts", "migrations"]
    assert_says(findings, "migrations", "has revision 4d4c19952a36", "manage.py migrate")
    assert_says(findings, "schema", "Fix the migrations first")


def test_a_database_without_a_table_needs_migrating(empty_database: Mapping[str, str]) -> None:
    assert_says(examine(empty_database), "grants", "cannot find the table room", "manage.py migrate")


def test_a_request_must_end_before_api_gateway_gives_up(patient: dict[str, str], owner: Connection) -> None:
    patient = {**patient, "POSTGRES_TIMEOUT_S": "30"}
    findings = examine(patient)

    assert_only(findings, "timeouts", Verdict.WRONG, "POSTGRES_TIMEOUT_S is 30", "after 29 s")
    remedied = follow(findings[CHECKS.index("timeouts")].remedy, owner, {}, patient)
    assert {result.verdict for result in examine(remedied)} == {Verdict.OK}


def test_a_check_that_postgres_does_not_answer_is_wrong_and_ends_it(patient: dict[str, str], owner: Connection) -> None:
    owner.run("BEGIN; LOCK TABLE alembic_version")

    findings = examine({**patient, "POSTGRES_TIMEOUT_S": "8"}, remaining_s=0.5)
    owner.run("ROLLBACK")

    assert_stops_at(findings, "migrations", "TimeoutError")


def test_the_doctor_event_logs_one_line_without_a_host(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", CANARY)

    answer = invoke(an_event("doctor"))

    assert answer["is_good"] is False
    assert [result["check"] for result in answer["findings"]] == list(CHECKS)
    assert answer["findings"][5].keys() == {"check", "verdict", "message", "remedy"}
    output = capsys.readouterr().out
    assert CANARY not in output + json.dumps(answer)
    assert not any(value in output for value in ("127.0.0.1", "visitor"))
    (line,) = map(json.loads, output.splitlines())
    assert line["verdicts"] == {result["check"]: result["verdict"] for result in answer["findings"]}
    assert line["function_request_id"]


def test_requests_work_as_before_after_the_doctor(invoke: Invoke, admin: Connection) -> None:
    assert admin
    invoke(an_event("doctor"))

    assert invoke(an_event())["statusCode"] == 200


@pytest.mark.parametrize(
    "hostile",
    [
        {"body": '{"rentomatic": "doctor"}'},
        {"path": '/{"rentomatic": "doctor"}'},
        {"queryStringParameters": {"rentomatic": "doctor"}},
        {"multiValueQueryStringParameters": {"rentomatic": ["doctor"]}},
        {"headers": {"rentomatic": "doctor"}, "multiValueHeaders": {"rentomatic": ["doctor"]}},
        {"pathParameters": {"rentomatic": "doctor"}, "stageVariables": {"rentomatic": "doctor"}},
        {"rentomatic": "doctor"},
    ],
)
@pytest.mark.usefixtures("admin")
def test_no_request_reaches_the_doctor(invoke: Invoke, hostile: dict[str, Any]) -> None:
    answer = invoke({**an_event(), **hostile})

    assert answer["statusCode"] in {200, 400, 404}
    assert "findings" not in json.dumps(answer)
