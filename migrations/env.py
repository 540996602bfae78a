"""Alembic runs this module for each of its commands."""

from __future__ import annotations

import logging
import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from rentomatic.postgres.connection import dbapi_connection
from rentomatic.postgres.credentials import credentials_from_settings
from schema.adoption import number_new_rooms, revision_to_adopt
from schema.lock import SQL, acquire_migration_lock, holders_of_room, is_not_locked
from schema.reader_login import READER, give_login

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext, MigrationInfo

# A connection that has broken cannot be closed in order, which SQLAlchemy would report with a traceback.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
_attributes = context.config.attributes


def _write_sql() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        for statement in SQL:
            context.execute(statement)
        context.run_migrations()


def _migrate() -> None:
    with _connection() as connection:
        try:
            # All steps, the version table and the adoption in one transaction: a refusal changes nothing.
            with connection.begin():
                _run(connection)
        except DBAPIError as error:
            if is_not_locked(error):
                _attributes["holders"] = holders_of_room(connection)
            raise


@contextmanager
def _connection() -> Iterator[Connection]:
    deadline = _attributes.get("deadline", math.inf)
    settings = credentials_from_settings(_attributes.get("configuration", os.environ)).read(deadline)
    with dbapi_connection(settings, deadline) as dbapi:
        engine = create_engine("postgresql+pg8000://", poolclass=NullPool, creator=lambda: dbapi)
        with engine.connect() as connection:
            yield connection


def _run(connection: Connection) -> None:
    acquire_migration_lock(connection, _report)
    context.configure(connection=connection, on_version_apply=_report_step)
    if "login" not in _attributes:  # a command of Alembic's own
        context.run_migrations()
        return
    is_newer = _is_newer()
    if not is_newer:
        _adopt(connection)
        context.run_migrations()
    if _attributes["login"] and give_login(connection, _attributes["login"]):
        _report(f"Set the login of {READER}")
    if not is_newer:
        number_new_rooms(connection)


def _is_newer() -> bool:
    """Say whether a later version of this code has migrated the database: with its own steps, which are not here."""
    known = {script.revision for script in context.script.walk_revisions()}
    unknown = ", ".join(set(context.get_context().get_current_heads()) - known)
    if not unknown:
        return False
    if not _attributes["may_be_newer"]:
        raise CommandError(
            f"The schema is of revision {unknown}, which this code does not know: deploy a version that does;"
            " or, if another application keeps the table alembic_version, use a database of its own"
        )
    _report(f"Left the schema as it is, of revision {unknown}, which is newer than this code")
    return True


def _adopt(connection: Connection) -> None:
    """Take a room table that has no version for what the revision would have made that it looks like."""
    if context.get_context().get_current_revision() is None and (revision := revision_to_adopt(connection)):
        context.get_context().stamp(context.script, revision)
        _report(f"Adopted the room table that was there, as revision {revision}")


def _report_step(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:  # noqa: ARG001 - theirs
    for revision in step.destination_revision_ids:
        _report(f"Migrated to revision {revision}: {context.script.get_revision(revision).doc}")


def _report(text: str) -> None:
    _attributes.get("report", print)(text)


if context.is_offline_mode():
    _write_sql()
else:
    _migrate()
