"""Runs migrations with Alembic. Of the functions, only functions/migrate imports this."""

from __future__ import annotations

import math
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from rentomatic.domain.errors import TimedOutError
from rentomatic.postgres.connection import CONNECT_S, connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, translate
from schema.adoption import SELECT_REVISION
from schema.lock import is_lock_failure
from schema.reader_login import read_login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ATTEMPTS = 3
_REMEDIES = {
    "42501": "; migrate as the owner of the table, with CREATE on the database, CREATEROLE, and ADMIN OPTION on an"
    " existing reader",
    "25006": "; this server is a replica, and POSTGRES_HOSTNAME must be the writer",
    "0A000": "; the server needs Postgres's own extensions cube and btree_gist",
}


class MigrationError(Exception):
    """The schema is unchanged; the message says what to do."""


class _LockedError(MigrationError):
    """Other transactions use the table."""

    def __init__(self, holders: str) -> None:
        users = holders or "a transaction that has ended"
        super().__init__(f"The table room was in use by {users}: migrate again when it is free")


def upgrade(
    configuration: Mapping[str, Any],
    report: Callable[[str], None],
    revision: str = "head",
    deadline: float = math.inf,
    *,
    may_be_newer: bool = False,
) -> None:
    """Migrate the schema and update the reader's login in one transaction.

    Args:
        configuration: The Postgres settings of the owner by variable, including `POSTGRES_SECRET_ID`, and those of
            `read_login`.
        report: Called with a message for each step.
        revision: The last revision to apply.
        deadline: When the migration must be finished, a time of `time.monotonic`.
        may_be_newer: Whether to accept, unchanged, a schema that a later version of this code has migrated.

    Raises:
        MigrationError: the content of the database prevents it.
        RepositoryError: the database or a secret cannot be reached, or a setting is invalid.
    """
    config = _config()
    config.attributes |= {
        "configuration": configuration,
        "deadline": deadline,
        "login": read_login(configuration, deadline),  # before anything is locked
        "may_be_newer": may_be_newer,
        "report": report,
    }
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            _upgrade(config, revision)
        except _LockedError as error:
            if not attempts_left:
                raise
            report(f"Trying again: {error}")
        else:
            return


def upgrade_sql(output: TextIO, configuration: Mapping[str, Any] | None = None) -> None:
    """Write the SQL of the missing revisions, without the checks and other steps of `upgrade`.

    Args:
        output: The file to write to.
        configuration: As for `upgrade`; None for an empty database.

    Raises:
        MigrationError: this code does not know the database's revision.
        RepositoryError: the database cannot be reached.
    """
    config = _config()
    config.output_buffer = output
    revision, to_adopt = _present(configuration) if configuration else ("", "")
    try:
        if to_adopt and not revision:
            command.stamp(config, to_adopt, sql=True)
            revision = to_adopt
        command.upgrade(config, f"{revision or 'base'}:head", sql=True)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return config


def _present(configuration: Mapping[str, Any]) -> tuple[str, str]:
    """Return the database's revision and the one that its room table matches; either may be empty."""
    with connect(credentials_from_settings(configuration).read(), monotonic() + CONNECT_S) as connection:
        ((version_table,),) = connection.run("SELECT to_regclass('alembic_version')")
        rows = connection.run("SELECT version_num FROM alembic_version") if version_table else []
        ((to_adopt,),) = connection.run(SELECT_REVISION)
    return "".join(revision for (revision,) in rows), to_adopt


def _upgrade(config: Config, revision: str) -> None:
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error
    except DBAPIError as error:
        if is_lock_failure(error):
            raise _LockedError(config.attributes["holders"]) from error
        raise MigrationError(_explain(error.orig or error)) from error
    except OSError as error:  # network errors, which SQLAlchemy does not translate
        raise MigrationError(_explain(error)) from error


def _explain(error: BaseException) -> str:
    translated = translate(error, ConnectionPhase())
    # A replica refuses READ WRITE with 0A000, whose remedy is another.
    sqlstate = "25006" if "during recovery" in str(translated) else translated.sqlstate
    if isinstance(translated, TimedOutError) and sqlstate is None:
        return "The database could not be migrated in time: migrate by hand, or raise the function's Timeout"
    return f"The database could not be migrated and is unchanged: {translated}{_REMEDIES.get(sqlstate or '', '')}"
