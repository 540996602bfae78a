"""Alembic runs this module for each of its commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine, inspect

from rentomatic.repository.postgres_connection import driver_arguments
from rentomatic.repository.postgres_settings import read_postgres_settings

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy import Engine

# Deployments older than these migrations have the table as this revision makes it.
FIRST_REVISION = "4d4c19952a36"
FIRST_COLUMNS = {"id", "code", "size", "price", "longitude", "latitude"}


def _write_sql() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate() -> None:
    # All steps, the version table and the adoption in one transaction: a refusal changes nothing.
    with _engine().begin() as connection:
        context.configure(connection=connection, on_version_apply=_report_step)
        _adopt(connection)
        with context.begin_transaction():
            context.run_migrations()


def _engine() -> Engine:
    configuration = context.config.attributes.get("configuration", os.environ)
    arguments = driver_arguments(read_postgres_settings(configuration))
    return create_engine("postgresql+pg8000://", poolclass=NullPool, connect_args=arguments)


def _adopt(connection: Connection) -> None:
    """Take a room table that no migration made for what the first revision would have made."""
    migration_context = context.get_context()
    inspector = inspect(connection)
    if migration_context.get_current_revision() is not None or not inspector.has_table("room"):
        return
    columns = {column["name"] for column in inspector.get_columns("room")}
    if missing := FIRST_COLUMNS - columns:
        raise CommandError(
            f"There is a table room without {', '.join(sorted(missing))}: rename it, or add what is missing"
        )
    migration_context.stamp(context.script, FIRST_REVISION)
    _report(f"Adopted the room table that was there, as revision {FIRST_REVISION}")


def _report_step(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:  # noqa: ARG001 - theirs
    for revision in step.destination_revision_ids:
        _report(f"Migrated to revision {revision}: {context.script.get_revision(revision).doc}")


def _report(text: str) -> None:
    context.config.attributes.get("report", print)(text)


if context.is_offline_mode():
    _write_sql()
else:
    _migrate()
