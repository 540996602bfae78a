from __future__ import annotations

from typing import Any

import pytest

from rentomatic.domain.errors import SettingsError
from rentomatic.repository import postgres_settings
from rentomatic.repository.postgres_settings import PostgresSettings, read_postgres_settings

CONFIGURATION = {
    "POSTGRES_USER": "visitor",
    "POSTGRES_PASSWORD": "open sesame",
    "POSTGRES_HOSTNAME": "db.example",
    "POSTGRES_PORT": "5432",
    "APPLICATION_DB": "rentomatic",
}
SECRET = {"username": "rotated", "password": "new", "host": "rds.example", "port": 5433, "dbname": "rooms"}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The secret by the name `rds`, to be changed by the test."""
    secret: dict[str, Any] = dict(SECRET)
    monkeypatch.setattr(postgres_settings, "read_secret", {"rds": secret}.__getitem__)
    monkeypatch.setattr(postgres_settings, "forget_secrets", lambda: None)
    return secret


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

    assert raised.value.problems == ("POSTGRES_PORT is not an integer from 1 to 65535",)


@pytest.mark.parametrize("value", [5, ["x"], "with\0nul"])
def test_a_setting_that_is_no_text_is_named(value: object) -> None:
    with pytest.raises(SettingsError) as raised:
        read_postgres_settings({**CONFIGURATION, "POSTGRES_PASSWORD": value})

    assert raised.value.problems == ("POSTGRES_PASSWORD is not text",)


def test_user_and_password_are_the_secret_s_and_the_rest_is_where_the_environment_says(
    secret: dict[str, Any],
) -> None:
    settings = read_postgres_settings({**CONFIGURATION, "POSTGRES_SECRET_ID": "rds"})

    assert settings == PostgresSettings("rotated", "new", "db.example", 5432, "rentomatic")
    assert secret == SECRET


@pytest.mark.usefixtures("secret")
def test_host_port_and_database_are_the_secret_s_where_the_environment_leaves_them_empty() -> None:
    settings = read_postgres_settings({"POSTGRES_HOSTNAME": "", "POSTGRES_SECRET_ID": "rds"})

    assert settings == PostgresSettings("rotated", "new", "rds.example", 5433, "rooms")


def test_a_secret_may_hold_the_user_and_the_password_only(secret: dict[str, Any]) -> None:
    for key in ("host", "port", "dbname"):
        del secret[key]

    settings = read_postgres_settings({**CONFIGURATION, "POSTGRES_SECRET_ID": "rds"})

    assert settings == PostgresSettings("rotated", "new", "db.example", 5432, "rentomatic")


def test_the_environment_s_user_never_stands_in_for_the_secret_s(secret: dict[str, Any]) -> None:
    del secret["username"]

    with pytest.raises(SettingsError, match=r"POSTGRES_USER is missing .*'username'"):
        read_postgres_settings({**CONFIGURATION, "POSTGRES_SECRET_ID": "rds"})


def test_what_neither_has_is_named(secret: dict[str, Any]) -> None:
    del secret["host"]

    with pytest.raises(SettingsError, match=r"POSTGRES_HOSTNAME is missing .*'host'"):
        read_postgres_settings({"POSTGRES_SECRET_ID": "rds"})


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
