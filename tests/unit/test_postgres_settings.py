from __future__ import annotations

from typing import Any

import pytest

from rentomatic.domain.errors import SettingsError
from rentomatic.postgres.settings import (
    PostgresSettings,
    SessionSettings,
    read_postgres_settings,
    read_session_settings,
)

CONFIGURATION = {
    "POSTGRES_USER": "visitor",
    "POSTGRES_PASSWORD": "open sesame",
    "POSTGRES_HOSTNAME": "db.example",
    "POSTGRES_PORT": "5432",
    "APPLICATION_DB": "rentomatic",
}
SECRET = {"username": "rotated", "password": "new", "host": "rds.example", "port": 5433, "dbname": "rooms"}


@pytest.fixture
def secret() -> dict[str, Any]:
    """Credentials as RDS writes them, to be changed by the test."""
    return dict(SECRET)


@pytest.mark.parametrize("port", ["5432", 5432])
def test_settings_are_read_from_a_mapping(port: str | int) -> None:
    assert read_postgres_settings({**CONFIGURATION, "POSTGRES_PORT": port}) == PostgresSettings(
        user="visitor", password="open sesame", hostname="db.example", port=5432, database="rentomatic"
    )


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(CONFIGURATION, "")])
def test_everything_that_is_missing_is_named(nothing: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings(nothing)

    assert raised.value.problems == tuple(f"{variable} is missing" for variable in CONFIGURATION)


@pytest.mark.parametrize(
    "port", ["abc", "0", "65536", "-1", "5432.0", " 5432", "\N{ARABIC-INDIC DIGIT FIVE}", "9" * 5000, 5432.5, True]
)
def test_a_malformed_port_is_named_without_its_value(port: object) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_PORT": port})

    assert raised.value.problems == ("POSTGRES_PORT must be an integer from 1 to 65535",)


@pytest.mark.parametrize(
    ("ports", "expected"), [("5432", [5432, 5432]), (5432, [5432, 5432]), ("5432,5433", [5432, 5433])]
)
def test_hosts_may_share_a_port_or_have_one_each(ports: str | int, expected: list[int]) -> None:
    settings = read_postgres_settings(
        {**CONFIGURATION, "POSTGRES_HOSTNAME": "reader.example,writer.example", "POSTGRES_PORT": ports}
    )

    assert [(host.hostname, host.port) for host in settings.hosts] == list(
        zip(["reader.example", "writer.example"], expected, strict=True)
    )
    assert {host.password for host in settings.hosts} == {"open sesame"}


def test_a_secret_may_name_several_hosts(secret: dict[str, Any]) -> None:
    settings = read_postgres_settings({}, {**secret, "host": "reader.example,writer.example"})

    assert [(host.hostname, host.port) for host in settings.hosts] == [
        ("reader.example", 5433),
        ("writer.example", 5433),
    ]


def test_each_host_has_the_default_sslmode_of_its_place() -> None:
    settings = read_postgres_settings({**CONFIGURATION, "POSTGRES_HOSTNAME": "localhost,db.example"})

    assert [host.sslmode for host in settings.hosts] == ["disable", "verify-full"]


@pytest.mark.parametrize("hostname", ["", ",", "reader,", ",writer", "reader,,writer", "reader, writer", " reader"])
def test_a_malformed_list_of_hosts_is_named(hostname: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_HOSTNAME": hostname})

    wrong = "must be a host, or a list without spaces and empty items: reader,writer" if hostname else "is missing"
    assert raised.value.problems == (f"POSTGRES_HOSTNAME {wrong}",)


@pytest.mark.parametrize("ports", ["5432,", ",", "5432,x", "5432, 5433", "5432,0"])
def test_a_malformed_list_of_ports_is_named(ports: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_HOSTNAME": "reader,writer", "POSTGRES_PORT": ports})

    assert raised.value.problems == ("POSTGRES_PORT must be integers, without spaces and empty items, from 1 to 65535",)


@pytest.mark.parametrize(("hosts", "ports"), [("reader,writer", "1,2,3"), ("db.example", "1,2"), ("a,b,c", "1,2")])
def test_ports_that_do_not_match_the_hosts_are_named(hosts: str, ports: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_HOSTNAME": hosts, "POSTGRES_PORT": ports})

    numbers = f"{len(ports.split(','))} for {len(hosts.split(','))}"
    assert raised.value.problems == (
        f"POSTGRES_PORT must be one port for all of POSTGRES_HOSTNAME, or one for each, not {numbers}",
    )


@pytest.mark.parametrize("value", [5, ["x"], "with\0nul"])
def test_a_setting_that_is_not_text_is_named(value: object) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_PASSWORD": value})

    assert raised.value.problems == ("POSTGRES_PASSWORD must be text",)


def test_the_secret_has_the_login_and_the_environment_the_rest(
    secret: dict[str, Any],
) -> None:
    settings = read_postgres_settings(CONFIGURATION, secret)

    assert settings == PostgresSettings("rotated", "new", "db.example", 5432, "rentomatic")


def test_the_secret_fills_what_the_environment_leaves_empty(
    secret: dict[str, Any],
) -> None:
    settings = read_postgres_settings({"POSTGRES_HOSTNAME": ""}, secret)

    assert settings == PostgresSettings("rotated", "new", "rds.example", 5433, "rooms")


def test_a_secret_may_hold_the_user_and_the_password_only(secret: dict[str, Any]) -> None:
    for key in ("host", "port", "dbname"):
        del secret[key]

    settings = read_postgres_settings(CONFIGURATION, secret)

    assert settings == PostgresSettings("rotated", "new", "db.example", 5432, "rentomatic")


def test_the_environment_s_user_never_stands_in_for_the_secret_s(secret: dict[str, Any]) -> None:
    del secret["username"]

    with pytest.raises(SettingsError, match=r"POSTGRES_USER is missing .*'username'"):
        read_postgres_settings(CONFIGURATION, secret)


def test_what_neither_has_is_named(secret: dict[str, Any]) -> None:
    del secret["host"]

    with pytest.raises(SettingsError, match=r"POSTGRES_HOSTNAME is missing .*'host'"):
        read_postgres_settings({}, secret)


def test_no_representation_shows_the_password() -> None:
    settings = read_postgres_settings(CONFIGURATION)

    assert "open sesame" not in repr(settings)
    assert "open sesame" not in str(settings)


@pytest.mark.parametrize(
    ("hostname", "unix_socket"),
    [("/run/postgresql", "/run/postgresql/.s.PGSQL.5432"), ("db.example", None), ("127.0.0.1", None)],
)
def test_a_hostname_that_is_a_directory_is_that_of_a_unix_socket(hostname: str, unix_socket: str | None) -> None:
    assert read_postgres_settings({**CONFIGURATION, "POSTGRES_HOSTNAME": hostname}).unix_socket == unix_socket


@pytest.mark.parametrize("variable", ["POSTGRES_TIMEOUT_S", "POSTGRES_MAX_AGE_S", "POSTGRES_MAX_IDLE_S"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1e300", "8s"])
def test_a_time_out_of_its_range_is_named_with_it(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} must be a number of seconds from [\d.]+ to \d+$"):
        read_session_settings({variable: value})


def test_times_have_defaults() -> None:
    assert read_session_settings({"POSTGRES_TIMEOUT_S": "", "POSTGRES_MAX_AGE_S": "0"}) == SessionSettings(
        8, 0, 300, 10
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTGRES_POOL_SIZE", "0"),
        ("POSTGRES_POOL_SIZE", 0),
        ("POSTGRES_POOL_SIZE", "101"),
        ("POSTGRES_POOL_SIZE", "1.5"),
        ("POSTGRES_POOL_SIZE", "ten"),
        ("POSTGRES_AUTO_PAUSE", "yes"),
    ],
)
def test_a_session_setting_that_is_not_valid_is_named(variable: str, value: object) -> None:
    with pytest.raises(SettingsError, match=variable):
        read_session_settings({variable: value})


@pytest.mark.parametrize("nothing", [0, "0"])
def test_zero_is_a_value(nothing: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_MAX_AGE_S", "5")

    assert read_session_settings({"POSTGRES_MAX_AGE_S": nothing}).max_age_s == 0
    assert read_session_settings({"POSTGRES_MAX_AGE_S": ""}).max_age_s == 5


def test_one_connection_is_kept_on_lambda_unless_set_otherwise() -> None:
    on_lambda = {"AWS_LAMBDA_FUNCTION_NAME": "rooms"}

    assert read_session_settings(on_lambda).pool_size == 1
    assert read_session_settings({**on_lambda, "POSTGRES_POOL_SIZE": "3"}).pool_size == 3
