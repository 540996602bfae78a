"""Checks of the schema: migrations, tables, indexes and the statements of requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.doctor.check_result import CheckResult, Verdict, combine
from rentomatic.postgres.doctor.request_statements import request_statements
from rentomatic.postgres.doctor.role_checks import quoted_role
from rentomatic.postgres.errors import ConnectionPhase, server_error, translate_errors
from rentomatic.postgres.room_schema import (
    CODE_INDEX,
    COLUMNS,
    COPY_TO_TABLE,
    EXTENSIONS,
    FUNCTIONS,
    ID_INDEX,
    INDEXES,
    RENAME_REPEATED_CODES,
    REQUIRED,
    SELECT_COLUMNS,
    SELECT_INDEXES,
    SELECT_KIND,
    SELECT_REPEATED_CODES,
    SELECT_ROOMS_OF_REPEATED_IDS,
    Column,
    PresentIndex,
    add_column,
    alter_type,
    discard_unfit,
    join_names,
    quoted,
    renumber,
    require,
    select_rounded_rooms,
    select_unfit_rooms,
)
from rentomatic.postgres.wire.driver import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rentomatic.postgres.doctor.check_result import Fault
    from rentomatic.postgres.room_schema import Index
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

# The revisions in migrations/, which is not deployed with this.
REVISIONS = ("4d4c19952a36", "8c1f0e6a2b57", "c3a91f6d2e80", "e7a45c90d1b6", "b7d20f83a9e4")
NEWEST_REVISION = REVISIONS[-1]

_CANCELED = "57014"  # by the statement timeout (PostgreSQL manual, appendix A)
_NAMED_MAX = 3  # rooms
_VERSION_RIGHTS = """
    SELECT has_table_privilege(to_regclass('alembic_version'), 'SELECT'),
        row_security_active(to_regclass('alembic_version')::oid)
"""
_VERSION = "SELECT version_num FROM alembic_version"
_PARTS = """
    SELECT quote_ident(nspname), ARRAY(SELECT extname::text FROM pg_extension), to_regtype('cube') IS NOT NULL
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass('room')
"""
_HAS_FUNCTIONS = "SELECT " + ", ".join(f"to_regprocedure('{signature}') IS NOT NULL" for signature in FUNCTIONS)


def check_migrations(connection: Connection) -> CheckResult:
    result = partial(CheckResult, "migrations")
    ((may_read, has_row_security),) = connection.run(_VERSION_RIGHTS)
    if may_read is False:
        message = "The user may not read the table alembic_version, which has the revision"
        return result(Verdict.WARNING, message, f"GRANT SELECT ON alembic_version TO {quoted_role(connection)}")
    if has_row_security:
        message = "Row security may hide the revision in the table alembic_version"
        return result(Verdict.WARNING, message, "ALTER TABLE alembic_version DISABLE ROW LEVEL SECURITY")
    revisions = [revision for (revision,) in connection.run(_VERSION)] if may_read else []
    if revisions == [NEWEST_REVISION]:
        return result(Verdict.OK, f"The schema has the newest revision, {NEWEST_REVISION}")
    state = f"has revision {', '.join(revisions)}" if revisions else "has no revision"
    message = f"The schema {state}, but the newest that this code knows is {NEWEST_REVISION}"
    if set(revisions) <= set(REVISIONS):
        return result(Verdict.WRONG, message, "Run manage.py migrate, as the table's owner")
    return result(Verdict.WARNING, message, "Deploy the version of this code that has the revision, or a later one")


def check_schema(connection: Connection) -> CheckResult:
    ((kind,),) = connection.run(SELECT_KIND)
    if kind:
        message = f"The room table is {kind}, which is not supported"
        return CheckResult(
            "schema", Verdict.WRONG, message, f"Stop all writers, then: {COPY_TO_TABLE}; manage.py migrate"
        )
    faults = [*_find_wrong_columns(connection), *_find_missing_parts(connection)]
    if faults:
        return combine("schema", Verdict.WRONG, faults)
    return CheckResult("schema", Verdict.OK, "All columns, functions and extensions are present")


def check_indexes(connection: Connection) -> CheckResult:
    present = list(map(PresentIndex.of, connection.run(SELECT_INDEXES)))
    faults = [fault for index in INDEXES if (fault := _index_fault(index, present, connection))]
    if faults:
        return combine("indexes", Verdict.WRONG, faults)
    return CheckResult("indexes", Verdict.OK, "All are present and valid")


def check_queries(connection: Connection) -> CheckResult:
    failed: dict[str, list[str]] = {}
    for request, statement in request_statements().items():
        try:
            with translate_errors(ConnectionPhase("queries")):
                connection.fetch(statement)
        except RepositoryError as error:
            if error.sqlstate is None:  # the connection is broken
                raise
            failed.setdefault(str(error), []).append(request)
    if failed:
        message = "; ".join(f"{', '.join(requests)}: {error}" for error, requests in failed.items())
        return CheckResult("queries", Verdict.WRONG, message, "Correct what Postgres reports, as the table's owner")
    return CheckResult("queries", Verdict.OK, "The statements of all requests work")


def _find_wrong_columns(connection: Connection) -> Iterator[Fault]:
    columns = _columns(connection)
    others = [column for column in columns.values() if column.name not in COLUMNS]
    for name, types in COLUMNS.items():
        if name not in columns:
            yield (
                f"The column {name} is missing",
                _restore_column(name, [each for each in others if each.type in types]),
            )
        elif columns[name].type not in types:
            if "code" in columns:  # which the message quotes
                yield _type_fault(columns[name], connection)
        elif name in REQUIRED and columns[name].is_nullable:
            yield f"The column {name} may be NULL", require(name)


def _columns(connection: Connection) -> dict[str, Column]:
    return {row[0]: Column(*row) for row in connection.run(SELECT_COLUMNS)}


def _restore_column(name: str, candidates: Sequence[Column]) -> str:
    lock = ", while readers wait" if name in REQUIRED else ""
    if len(candidates) == 1:
        other = candidates[0].name
        rename = f"ALTER TABLE room RENAME COLUMN {quoted(other)} TO {name}"
        return f"If {other} is the renamed {name}: {rename}; or else{lock}: {add_column(name)}"
    return f"Its values may be in a backup. Add the column{lock}: {add_column(name)}"


def _type_fault(column: Column, connection: Connection) -> Fault:
    message = f"The column {column.name} is of type {column.type} instead of {' or '.join(COLUMNS[column.name])}"
    remedies = [f"Readers wait while this rewrites the table: {alter_type(column)}"]
    select = select_rounded_rooms(column)
    if select and (codes := _first_codes(connection, select)):
        message += f"; rooms with decimals: {codes}"
        remedies = [f"Readers wait while this rewrites the table and rounds decimals: {alter_type(column)}"]
    select = select_unfit_rooms(column)
    if select and (codes := _first_codes(connection, select)):
        message += f"; rooms with no valid number: {codes}"
        correct = f"Correct the {column.name} of the rooms with no valid number"
        discard = f", or set it to NULL: {'; '.join(discard_unfit(column))}" if column.name not in REQUIRED else ""
        remedies.insert(0, correct + discard)
    return message, "; ".join(remedies)


def _find_missing_parts(connection: Connection) -> Iterator[Fault]:
    ((schema, extensions, has_cube),) = connection.run(_PARTS)
    for name in EXTENSIONS:
        if name not in extensions:
            yield f"The extension {name} is missing", f"CREATE EXTENSION {name} SCHEMA {schema}"
    if "cube" in extensions and not has_cube:
        message = "The extension cube is in a schema outside the user's search path"
        yield message, f"ALTER EXTENSION cube SET SCHEMA {schema}"
    (has_functions,) = connection.run(_HAS_FUNCTIONS)
    for (signature, create), is_present in zip(FUNCTIONS.items(), has_functions, strict=True):
        if not is_present:
            yield f"The function {signature} is missing", create


def _index_fault(index: Index, present: Sequence[PresentIndex], connection: Connection) -> Fault | None:
    alike = [each for each in present if index.is_like(each)]
    if any(each.is_valid for each in alike):
        drop = "; ".join(index.drop_deferrable(present))
        return (f"A constraint on room ({index.keys}) is deferrable, so imports fail", drop) if drop else None
    message = f"The index {index.name} on room ({index.keys}) is {'not valid' if alike else 'missing'}"
    ((is_taken,),) = connection.run(index.select_is_taken())
    remedies = index.make(present, is_taken=is_taken)
    if index == CODE_INDEX and (codes := _first_codes(connection, SELECT_REPEATED_CODES)):
        message += f"; repeated codes: {codes}"
        remedies.insert(0, f"Delete duplicate rooms, or give them new codes: {RENAME_REPEATED_CODES}")
    if index == ID_INDEX:
        if codes := _first_codes(connection, SELECT_ROOMS_OF_REPEATED_IDS):
            message += f"; rooms without a unique id: {codes}"
            remedies.insert(0, renumber(_columns(connection)["id"]))
        remedies.append("manage.py migrate, which numbers new rooms")
    return message, "; ".join(remedies)


def _first_codes(connection: Connection, select: str) -> str:
    """Return the codes of the first rooms that a query finds; empty if it finds none."""
    connection.run("BEGIN READ ONLY; SET LOCAL statement_timeout = '1s'")
    try:
        names = [name for (name,) in connection.run(f"{select} LIMIT {_NAMED_MAX + 1}")]
    except DatabaseError as error:
        if (server_error(error) or {}).get("C") != _CANCELED:
            raise
        names = ["unknown, since the search takes over a second"]
    connection.run("ROLLBACK")
    return join_names(names, _NAMED_MAX)
