"""Checks of the role that reads the rooms: login, grants and timeouts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.postgres.doctor.check_result import CheckResult, Verdict, combine
from rentomatic.postgres.doctor.request_statements import called_functions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rentomatic.postgres.doctor.check_result import Fault
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

LOGIN_OK = "The login works"
_API_GATEWAY_TIMEOUT_S = 29  # Amazon API Gateway developer guide, "Quotas"
_NEEDED_COLUMNS = ("id", *ATTRIBUTES)
_OWN_ROLE = (
    "the function its own role: rentomatic_reader, which manage.py migrate creates, or one with no more than"
    " GRANT SELECT ON room, alembic_version"
)
_MAY_USE_IAM = "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = 'rds_iam'"
_ROLE = """
    SELECT quote_ident(current_user), quote_ident(current_database()), rolsuper, pg_class.oid IS NOT NULL,
        COALESCE(relowner = pg_roles.oid, false),
        has_any_column_privilege(pg_class.oid, 'INSERT, UPDATE')
            OR has_table_privilege(pg_class.oid, 'DELETE, TRUNCATE'),
        COALESCE(row_security_active(pg_class.oid), false), EXISTS (
            SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive AND polcmd IN ('r', '*') AND EXISTS (
                SELECT FROM unnest(polroles) AS grantee WHERE grantee = 0 OR pg_has_role(grantee, 'USAGE')
            )
        )
    FROM pg_roles LEFT JOIN pg_class ON pg_class.oid = to_regclass('room') WHERE rolname = current_user
"""
# These have no parameters: pg8000 would use two transactions, between which a pooler may change servers.
_UNREADABLE = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = to_regclass('room') AND attnum > 0 AND NOT attisdropped
    AND NOT has_column_privilege(attrelid, attnum, 'SELECT') ORDER BY attnum
"""
# The extension's functions implement the operators and casts of places.
_NOT_EXECUTABLE = """
    SELECT * FROM (
        SELECT oid::regprocedure::text AS signature, proname, pg_function_is_visible(oid) AS is_visible, oid IN (
            SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_extension'::regclass
            AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cube') AND deptype = 'e'
        ) AS is_of_cube
        FROM pg_proc WHERE NOT has_function_privilege(oid, 'EXECUTE')
    ) AS function WHERE is_visible OR is_of_cube ORDER BY signature
"""
_ELSEWHERE = """
    SELECT quote_ident(nspname), has_schema_privilege(pg_namespace.oid, 'USAGE'), nspname = current_user
        OR quote_ident(nspname) = ANY(regexp_split_to_array(current_setting('search_path'), ',[[:space:]]*'))
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'room' AND relkind = 'r' AND nspname !~ '^pg_' ORDER BY nspname LIMIT 1
"""
# Where the role's right to write comes from: PUBLIC, a grant to itself, or a role that it is a member of.
_REVOKE = """
    WITH role AS (SELECT oid FROM pg_roles WHERE rolname = current_user), granted AS (
        SELECT grantee FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = to_regclass('room') AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        UNION SELECT grantee FROM pg_attribute, aclexplode(attacl)
        WHERE attrelid = to_regclass('room') AND privilege_type IN ('INSERT', 'UPDATE')
        UNION SELECT relowner FROM pg_class WHERE oid = to_regclass('room')
        UNION SELECT oid FROM pg_roles WHERE rolname = 'pg_write_all_data'
    )
    SELECT format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON room FROM %s',
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(current_user) END)
    FROM granted WHERE grantee IN (SELECT 0 UNION SELECT oid FROM role)
    UNION SELECT format('REVOKE %s FROM %I', roleid::regrole, current_user)
    FROM pg_auth_members WHERE member = (SELECT oid FROM role)
    AND EXISTS (SELECT FROM granted WHERE grantee <> 0 AND pg_has_role(roleid, grantee, 'USAGE'))
    ORDER BY 1
"""
_TIMEOUTS_MS = """
    SELECT setting::bigint, source FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'statement_timeout') ORDER BY name
"""


class _Role(NamedTuple):
    """A row of `_ROLE`; names are quoted for SQL."""

    name: str
    database: str
    is_superuser: bool
    finds_table: bool
    is_owner: bool
    may_write: bool
    has_row_security: bool
    has_policy: bool


def quoted_role(connection: Connection) -> str:
    """Return the name of the connection's role, quoted for SQL."""
    ((role,),) = connection.run("SELECT quote_ident(current_user)")
    return str(role)


def check_login(connection: Connection, auth: str | None) -> CheckResult:
    """Check that a user who logs in by IAM is in rds_iam; Postgres also accepts a superuser without it."""
    if auth == "iam" and [False] in connection.run(_MAY_USE_IAM):  # no row: not on RDS
        ((role,),) = connection.run("SELECT quote_ident(current_user)")
        message = "POSTGRES_AUTH is iam, but the user is not in rds_iam"
        return CheckResult("login", Verdict.WRONG, message, f"GRANT rds_iam TO {role}")
    return CheckResult("login", Verdict.OK, LOGIN_OK)


def check_grants(connection: Connection) -> CheckResult:
    role = _role(connection)
    if not role.finds_table:
        return CheckResult("grants", Verdict.WRONG, *_missing_table_fault(connection, role))
    if wrong := list(_find_missing_grants(connection, role)):
        return combine("grants", Verdict.WRONG, wrong)
    if warnings := list(_find_excess_grants(connection, role)):
        return combine("grants", Verdict.WARNING, warnings)
    return CheckResult("grants", Verdict.OK, "The user may read the table room and not change it")


def check_timeouts(connection: Connection, timeout_s: float) -> CheckResult:
    result = partial(CheckResult, "timeouts")
    role = _role(connection)
    (idle_ms, idle_source), (statement_ms, statement_source) = connection.run(_TIMEOUTS_MS)
    limit_ms = int(min(timeout_s, _API_GATEWAY_TIMEOUT_S) * 1000)
    if timeout_s > _API_GATEWAY_TIMEOUT_S:
        message = f"POSTGRES_TIMEOUT_S is {timeout_s:g}: API Gateway gives up after {_API_GATEWAY_TIMEOUT_S} s"
        return result(Verdict.WRONG, message, "POSTGRES_TIMEOUT_S=8, and no more than the function's own timeout")
    if not 0 < statement_ms <= limit_ms:
        state = f"is {statement_ms} ms" if statement_ms else "is not set"
        message = f"statement_timeout {state}: Postgres continues after the function has given up, at {limit_ms} ms"
        return result(Verdict.WRONG, message, _alter(role, statement_source, "statement_timeout", limit_ms))
    if idle_ms == 0:
        message = "idle_in_transaction_session_timeout is not set"
        return result(Verdict.WARNING, message, _alter(role, idle_source, message.split()[0], limit_ms))
    return result(Verdict.OK, f"Postgres stops a statement after {statement_ms} ms, the function after {limit_ms} ms")


def _role(connection: Connection) -> _Role:
    ((*row,),) = connection.run(_ROLE)
    return _Role(*row)


def _missing_table_fault(connection: Connection, role: _Role) -> Fault:
    message = "The user cannot find the table room"
    for schema, may_use, is_searched in connection.run(_ELSEWHERE):
        remedies = [] if may_use else [f"GRANT USAGE ON SCHEMA {schema} TO {role.name}"]
        if not is_searched:
            path = "public" if schema == "public" else f"{schema}, public"
            remedies.append(f"ALTER ROLE {role.name} IN DATABASE {role.database} SET search_path = {path}")
        return f"{message}, which is in the schema {schema}", "; ".join(remedies)
    return message, "Run manage.py migrate, as the table's owner"


def _find_missing_grants(connection: Connection, role: _Role) -> Iterator[Fault]:
    columns = [name for (name,) in connection.run(_UNREADABLE) if name in _NEEDED_COLUMNS]
    if columns:
        part = "" if len(columns) == len(_NEEDED_COLUMNS) else f"{', '.join(columns)} of "
        yield f"The user may not read {part}the table room", f"GRANT SELECT ON room TO {role.name}"
    called = called_functions()
    functions = ", ".join(
        signature
        for signature, name, is_visible, is_of_cube in connection.run(_NOT_EXECUTABLE)
        if is_of_cube or (is_visible and name in called)
    )
    if functions:
        yield f"The user may not execute {functions}", f"GRANT EXECUTE ON FUNCTION {functions} TO {role.name}"
    if role.has_row_security and not role.has_policy:
        message = "Row security hides all rooms: no policy lets the user see any"
        yield message, "ALTER TABLE room DISABLE ROW LEVEL SECURITY; or CREATE POLICY for the rooms to show"


def _find_excess_grants(connection: Connection, role: _Role) -> Iterator[Fault]:
    if role.is_superuser:
        yield "The user is a superuser, but needs only to read the table room", f"Give {_OWN_ROLE}"
    elif role.is_owner:
        yield "The user owns the table room, but needs only to read it", f"Give {_OWN_ROLE}"
    elif role.may_write:
        revoke = "; ".join(statement for (statement,) in connection.run(_REVOKE))
        yield "The user may change the table room, but needs only to read it", f"{revoke}; or give {_OWN_ROLE}"
    if role.has_row_security:
        message = "Row security may hide rooms: the user sees only those that policies allow"
        yield message, "Unless that is intended: ALTER TABLE room DISABLE ROW LEVEL SECURITY"


def _alter(role: _Role, source: str, setting: str, milliseconds: int) -> str:
    # A setting of the role in this database takes precedence over one of the role (manual, "ALTER ROLE").
    in_database = f" IN DATABASE {role.database}" if source == "database user" else ""
    return f"ALTER ROLE {role.name}{in_database} SET {setting} = '{milliseconds}ms'"
