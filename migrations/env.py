"""Runs migrations; Alembic executes this module for each command."""

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
from schema.lock import SQL, acquire_migration_lock, is_lock_failure, room_lock_holders
from schema.reader_login import READER, apply_login

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.runtime.migration import MigrationContext, MigrationInfo

# SQLAlchemy would log a traceback when it cannot close a broken connection.
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
            # Steps, version table and adoption in one transaction: a failure changes nothing.
            with connection.begin():
                _run(connection)
        except DBAPIError as error:
            if is_lock_failure(error):
                _attributes["holders"] = room_lock_holders(connection)
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
    if _attributes["login"] and apply_login(connection, _attributes["login"]):
        _report(f"Set the login of {READER}")
    if not is_newer:
        number_new_rooms(connection)


def _is_newer() -> bool:
    """Return whether a later version of this code, with more revisions, has migrated the database."""
    known = {script.revision for script in context.script.walk_revisions()}
    unknown = ", ".join(set(context.get_context().get_current_heads()) - known)
    if not unknown:
        return False
    if not _attributes["may_be_newer"]:
        raise CommandError(
            f"The schema has revision {unknown}, which this code does not know: deploy a version that does;"
            " or, if the table alembic_version belongs to another application, use a separate database;"
            " or, for the embedded database, delete its data with manage.py down --delete-data"
        )
    _report(f"Left the schema unchanged at revision {unknown}, which is newer than this code")
    return True


def _adopt(connection: Connection) -> None:
    """Stamp a room table without a version with the revision that it matches."""
    if context.get_context().get_current_revision() is None and (revision := revision_to_adopt(connection)):
        context.get_context().stamp(context.script, revision)
        _report(f"Adopted the existing room table as revision {revision}")


def _report_step(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:  # noqa: ARG001 - theirs
    for revision in step.destination_revision_ids:
        _report(f"Migrated to revision {revision}: {context.script.get_revision(revision).doc}")


def _report(text: str) -> None:
    _attributes.get("report", print)(text)


if context.is_offline_mode():
    _write_sql()
else:
    _migrate()
