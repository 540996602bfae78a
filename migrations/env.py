"""Alembic runs this module for each of its commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, Float, Integer, NullPool, String, create_engine, inspect

from rentomatic.repository.credentials import credentials_of
from rentomatic.repository.postgres_connection import connect_dbapi

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy import Engine
    from sqlalchemy.types import TypeEngine

# Deployments older than these migrations have the table as this revision makes it.
FIRST_REVISION = "4d4c19952a36"
FIRST_COLUMNS: dict[str, type[TypeEngine[Any]]] = {
    "id": Integer,
    "code": String,
    "size": Integer,
    "price": Integer,
    "longitude": Float,
    "latitude": Float,
}


def _write_sql() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def _migrate() -> None:
    # All steps, the version table and the adoption in one transaction: a refusal changes nothing.
    with _engine().begin() as connection:
        context.configure(connection=connection, on_version_apply=_report_step)
        if context.config.attributes.get("adopt"):
            _adopt(connection)
        with context.begin_transaction():
            context.run_migrations()


def _engine() -> Engine:
    configuration = context.config.attributes.get("configuration", os.environ)
    settings = credentials_of(configuration).read()
    return create_engine("postgresql+pg8000://", poolclass=NullPool, creator=lambda: connect_dbapi(settings))


def _adopt(connection: Connection) -> None:
    """Take a room table that no migration made for what the first revision would have made."""
    migration_context = context.get_context()
    inspector = inspect(connection)
    if migration_context.get_current_revision() is not None or not inspector.has_table("room"):
        return
    columns = {column["name"]: column["type"] for column in inspector.get_columns("room")}
    wrong = [name for name, type_ in FIRST_COLUMNS.items() if not isinstance(columns.get(name), type_)]
    if wrong:
        names = ", ".join(wrong)
        raise CommandError(f"There is a table room whose {names} are missing or of another type: rename or alter it")
    if any(column["name"] == "code" and column["nullable"] for column in inspector.get_columns("room")):
        raise CommandError("There is a table room whose code may be NULL: alter it to NOT NULL")
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
