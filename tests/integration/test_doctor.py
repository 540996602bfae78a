"""The doctor: each check wrong in turn, and what is said about it."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from migrations import upgrade
from rentomatic.repository.postgres_connection import connect
from rentomatic.repository.postgres_doctor import CHECKS, Verdict, examine
from rentomatic.repository.postgres_settings import read_postgres_settings
from tests.conftest import free_port
from tests.events import an_event
from tests.injectors import TlsProxy, listener_that_says, make_authority, make_certificate, mute_listener, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rentomatic.repository.one_round_trip import OneRoundTripConnection as Connection
    from rentomatic.repository.postgres_doctor import Finding

    Invoke = Callable[[dict[str, Any]], dict[str, Any]]

CANARY = "canary-5e7a"
AUTHORITY = make_authority()


@pytest.fixture
def owner(empty_database: Mapping[str, str]) -> Iterator[Connection]:
    """A superuser's connection to a database of the test's own, which has the newest schema and a role as it should be.

    The role is called Patient, which SQL has to quote.
    """
    upgrade(empty_database, print)
    with connect(read_postgres_settings(empty_database)) as connection:
        connection.run(f"""
            CREATE ROLE "Patient" LOGIN PASSWORD '{CANARY}';
            GRANT SELECT ON room, alembic_version TO "Patient";
            ALTER ROLE "Patient" SET statement_timeout = '8s';
            ALTER ROLE "Patient" SET idle_in_transaction_session_timeout = '8s';
        """)
        yield connection
        connection.run('DROP OWNED BY "Patient"; DROP ROLE "Patient"')


@pytest.fixture
def patient(empty_database: Mapping[str, str], owner: Connection) -> dict[str, str]:  # noqa: ARG001 - makes the role
    """The settings of a role and a database with which all is well."""
    return {
        **empty_database,
        "POSTGRES_HOSTNAME": "127.0.0.1",
        "POSTGRES_USER": "Patient",
        "POSTGRES_PASSWORD": CANARY,
    }


def assert_only(findings: Sequence[Finding], check: str, verdict: Verdict, *words: str) -> None:
    """Check that all is well but for one check, which says these words."""
    assert [finding.check for finding in findings] == list(CHECKS)
    assert {finding.check: finding.verdict for finding in findings if finding.verdict != "ok"} == {check: verdict}
    assert_says(findings, check, *words)


def assert_stops_at(findings: Sequence[Finding], check: str, *words: str) -> None:
    """Check that all is well before a check, which says these words, and that nothing is checked after it."""
    position = CHECKS.index(check)
    verdicts = [*[Verdict.OK] * position, Verdict.WRONG, *[Verdict.NOT_CHECKED] * (len(CHECKS) - position - 1)]
    assert [(finding.check, finding.verdict) for finding in findings] == list(zip(CHECKS, verdicts, strict=True))
    assert_says(findings, check, *words)


def assert_says(findings: Sequence[Finding], check: str, *words: str) -> None:
    (text,) = (f"{finding.said} -> {finding.remedy}" for finding in findings if finding.check == check)
    for word in words:
        assert word in text
    for finding in findings:
        assert CANARY not in repr(finding)
        assert finding.said
        assert bool(finding.remedy) == (finding.verdict in {Verdict.WARNING, Verdict.WRONG})


def test_nothing_is_wrong_with_a_role_and_a_database_as_the_readme_makes_them(patient: dict[str, str]) -> None:
    findings = examine(patient)

    assert [(finding.check, finding.verdict) for finding in findings] == [(check, Verdict.OK) for check in CHECKS]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"APPLICATION_DB": ""}, ["APPLICATION_DB is missing -> Set these variables"]),
        ({"POSTGRES_PORT": CANARY}, ["POSTGRES_PORT is not an integer"]),
        ({"POSTGRES_AUTH": CANARY}, ["POSTGRES_AUTH is none of iam, password"]),
        (
            {"POSTGRES_TIMEOUT_S": "soon", "POSTGRES_USER": ""},
            ["POSTGRES_TIMEOUT_S is not a number of seconds", "POSTGRES_USER is missing"],
        ),
        ({"POSTGRES_MAX_AGE_S": "-1"}, ["POSTGRES_MAX_AGE_S is not a number of seconds"]),
    ],
)
def test_every_wrong_setting_is_named(migrated: Mapping[str, str], change: dict[str, str], words: list[str]) -> None:
    assert_stops_at(examine({**migrated, **change}), "settings", *words)


def test_a_secret_that_cannot_be_read_leaves_the_settings_unchecked(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rentomatic.repository.secretsmanager._fetch", lambda *_: CANARY)

    settings, credentials, *others = examine({**migrated, "POSTGRES_SECRET_ID": "rooms"})

    assert (settings.verdict, credentials.verdict) == (Verdict.NOT_CHECKED, Verdict.WRONG)
    assert {finding.verdict for finding in others} == {Verdict.NOT_CHECKED}
    assert_says([credentials], "credentials", "is not a JSON object", "POSTGRES_SECRET_ID")


def test_a_name_that_does_not_resolve_is_told_from_a_port(migrated: Mapping[str, str]) -> None:
    url = f"postgresql://visitor:{CANARY}@no-such-host.invalid"

    assert_stops_at(examine({**migrated, "POSTGRES_HOSTNAME": "no-such-host.invalid"}), "name", "POSTGRES_HOSTNAME")
    assert_stops_at(examine({**migrated, "POSTGRES_HOSTNAME": url}), "name", "without scheme")


def test_a_closed_port_is_told_from_a_name(migrated: Mapping[str, str]) -> None:
    findings = examine({**migrated, "POSTGRES_PORT": str(free_port())})

    assert_stops_at(findings, "port", "ConnectionRefusedError", "POSTGRES_PORT")


def test_a_user_by_iam_who_is_not_in_the_role_of_rds_is_told(
    patient: dict[str, str], owner: Connection, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rentomatic.repository.iam._sign", lambda *_: CANARY)
    # By its Unix socket, where Postgres trusts everybody: it does not know IAM.
    by_iam = {**patient, "POSTGRES_HOSTNAME": server["POSTGRES_HOSTNAME"], "POSTGRES_AUTH": "iam"}
    by_iam["POSTGRES_SSLMODE"] = "verify-full"
    try:
        owner.run("CREATE ROLE rds_iam")
        assert_only(examine(by_iam), "login", Verdict.WRONG, 'not in rds_iam -> GRANT rds_iam TO "Patient"')

        owner.run('GRANT rds_iam TO "Patient"')
        assert {finding.verdict for finding in examine(by_iam)} == {Verdict.OK}
    finally:
        owner.run("DROP ROLE rds_iam")

    assert {finding.verdict for finding in examine(by_iam)} == {Verdict.OK}  # a Postgres that is not of RDS


@pytest.mark.parametrize(("sslmode", "check"), [("disable", "login"), ("verify-full", "TLS")])
def test_a_listener_that_says_nothing_takes_as_long_as_the_settings_allow(
    migrated: Mapping[str, str], sslmode: str, check: str
) -> None:
    with mute_listener() as port:
        change = {"POSTGRES_PORT": str(port), "POSTGRES_SSLMODE": sslmode, "POSTGRES_TIMEOUT_S": "0.3"}
        findings = examine({**migrated, **change})

    assert_stops_at(findings, check, "TimeoutError")


def test_it_takes_no_longer_than_the_caller_has_left(migrated: Mapping[str, str]) -> None:
    with mute_listener() as port:
        findings = examine({**migrated, "POSTGRES_PORT": str(port), "POSTGRES_TIMEOUT_S": "900"}, remaining_s=0.3)

    assert_stops_at(findings, "login", "TimeoutError")


@pytest.mark.parametrize(
    ("name", "root", "said"),
    [
        ("localhost", "", "CERTIFICATE_VERIFY_FAILED"),
        ("elsewhere.example", "root.pem", "the certificate is for another name"),
    ],
)
def test_a_certificate_of_an_unknown_authority_or_for_another_name_is_refused(
    migrated: Mapping[str, str], tmp_path: Path, name: str, root: str, said: str
) -> None:
    with behind_tls(migrated, tmp_path, name, root) as settings:
        findings = examine(settings)

    assert_stops_at(findings, "TLS", said, "POSTGRES_SSLROOTCERT")


def test_tls_that_trusts_anybody_is_a_warning(patient: dict[str, str], tmp_path: Path) -> None:
    with behind_tls(patient, tmp_path, "localhost", "root.pem") as good:
        # An address of this machine that is not one of those that are known to be.
        trusting = {**good, "POSTGRES_HOSTNAME": "127.1", "POSTGRES_SSLMODE": "require"}

        assert {finding.verdict for finding in examine(good)} == {Verdict.OK}
        assert_only(examine(trusting), "TLS", Verdict.WARNING, "POSTGRES_SSLMODE is require", "verify-full")


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
def test_a_user_who_is_not_let_in_is_told_what_to_correct(
    migrated: Mapping[str, str], change: dict[str, str], words: list[str]
) -> None:
    assert_stops_at(examine({**migrated, **change}), "login", *words)


@pytest.mark.parametrize(
    ("sqlstate", "remedy"), [("53300", "CONNECTION LIMIT"), ("57P03", "Wait"), ("42501", "GRANT CONNECT")]
)
def test_a_server_that_refuses_has_a_remedy_by_its_reason(
    migrated: Mapping[str, str], sqlstate: str, remedy: str
) -> None:
    with listener_that_says(refusal(sqlstate)) as port:
        findings = examine({**migrated, "POSTGRES_PORT": str(port)})

    assert_stops_at(findings, "login", sqlstate, remedy)


@pytest.mark.parametrize(
    ("statement", "check", "verdict", "words"),
    [
        (
            'REVOKE SELECT ON room FROM "Patient"',
            *("grants", Verdict.WRONG, ["may not read", 'GRANT SELECT ON room TO "Patient"']),
        ),
        ('GRANT UPDATE ON room TO "Patient"', *("grants", Verdict.WARNING, ["may change", "REVOKE", '"Patient"'])),
        ('ALTER ROLE "Patient" SUPERUSER', "grants", Verdict.WARNING, ["superuser", "a role of its own"]),
        (
            'ALTER ROLE "Patient" RESET statement_timeout',
            *("time-outs", Verdict.WRONG, ["not set", "ALTER ROLE \"Patient\" SET statement_timeout = '8000ms'"]),
        ),
        ("ALTER ROLE \"Patient\" SET statement_timeout = '9s'", "time-outs", Verdict.WRONG, ["9000 ms", "'8000ms'"]),
        (
            'ALTER ROLE "Patient" RESET idle_in_transaction_session_timeout',
            *("time-outs", Verdict.WARNING, ["SET idle_in_transaction_session_timeout = '8000ms'"]),
        ),
        (
            'REVOKE SELECT ON alembic_version FROM "Patient"',
            *("migrations", Verdict.WARNING, ['GRANT SELECT ON alembic_version TO "Patient"']),
        ),
        ("DROP TABLE alembic_version", "migrations", Verdict.WRONG, ["has no revision", "manage.py migrate"]),
        ("DELETE FROM alembic_version", "migrations", Verdict.WRONG, ["has no revision", "manage.py migrate"]),
        (
            "UPDATE alembic_version SET version_num = 'later'",
            *("migrations", Verdict.WRONG, ["is of revision later", "deploy"]),
        ),
        (
            "DROP INDEX room_code_key; CREATE INDEX ON room (code); CREATE UNIQUE INDEX ON room (code) WHERE id > 5",
            *("indexes", Verdict.WRONG, ["room (code)", "CREATE UNIQUE INDEX"]),
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'room_price_key_id_idx'::regclass",
            *("indexes", Verdict.WRONG, ["room (COALESCE((price)", "DROP INDEX"]),
        ),
    ],
)
def test_what_is_wrong_in_the_database_is_found_and_nothing_else(  # noqa: PLR0913, PLR0917 - fixtures
    patient: dict[str, str], owner: Connection, statement: str, check: str, verdict: Verdict, words: list[str]
) -> None:
    owner.run(statement)

    assert_only(examine(patient), check, verdict, *words)


def test_a_unique_index_of_the_user_s_own_is_as_good(patient: dict[str, str], owner: Connection) -> None:
    owner.run("DROP INDEX room_code_key; ALTER TABLE room ADD CONSTRAINT of_my_own UNIQUE (code)")

    assert {finding.verdict for finding in examine(patient)} == {Verdict.OK}


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

    wrong = [finding.check for finding in findings if finding.verdict == Verdict.WRONG]
    assert wrong == ["time-outs", "migrations", "indexes"]
    assert_says(findings, "migrations", "is of revision 4d4c19952a36", "manage.py migrate")
    assert_says(findings, "indexes", "room (code), room (COALESCE((price)", "manage.py migrate; where")


def test_a_database_without_a_table_needs_migrating(empty_database: Mapping[str, str]) -> None:
    assert_says(examine(empty_database), "grants", "finds no table room", "manage.py migrate")


def test_a_request_must_end_before_api_gateway_gives_up(patient: dict[str, str]) -> None:
    findings = examine({**patient, "POSTGRES_TIMEOUT_S": "30"})

    assert_only(findings, "time-outs", Verdict.WRONG, "POSTGRES_TIMEOUT_S is 30", "after 29 s")


def test_a_check_that_postgres_does_not_answer_is_wrong_and_ends_it(patient: dict[str, str], owner: Connection) -> None:
    owner.run("BEGIN; LOCK TABLE alembic_version")

    findings = examine({**patient, "POSTGRES_TIMEOUT_S": "8"}, remaining_s=0.5)
    owner.run("ROLLBACK")

    assert_stops_at(findings, "migrations", "TimeoutError")


def test_the_function_answers_the_doctor_s_event_and_logs_one_line_that_names_no_host(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", CANARY)

    answer = invoke(an_event("doctor"))

    assert answer["is_good"] is False
    assert [finding["check"] for finding in answer["findings"]] == list(CHECKS)
    assert answer["findings"][5].keys() == {"check", "verdict", "said", "remedy"}
    output = capsys.readouterr().out
    assert CANARY not in output + json.dumps(answer)
    assert not any(value in output for value in ("127.0.0.1", "visitor"))
    (line,) = map(json.loads, output.splitlines())
    assert line["verdicts"] == {finding["check"]: finding["verdict"] for finding in answer["findings"]}
    assert line["function_request_id"]


def test_the_function_s_own_rows_are_asked_for_as_before_after_the_doctor(invoke: Invoke, admin: Connection) -> None:
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
