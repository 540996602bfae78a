"""Create the role that the API reads with.

Roles belong to the cluster: another database or an administrator may have created it, and existing settings stay. It
cannot log in until a deployment sets a password. It may only read what is granted here; a later revision must grant its
own tables if the API reads them.
"""

from __future__ import annotations

from alembic import context, op

revision = "e7a45c90d1b6"
down_revision = "c3a91f6d2e80"

CREATE = """
DO $$
BEGIN
    CREATE ROLE rentomatic_reader NOLOGIN CONNECTION LIMIT 50;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
    NULL; -- it is there; or another database makes it now; or an administrator has to
END
$$
"""
GRANT = """
DO $$
BEGIN
    IF to_regrole('rentomatic_reader') IS NOT NULL THEN
        GRANT SELECT ON room, alembic_version TO rentomatic_reader;
        -- PUBLIC's by default, and often revoked; who may not grant them is warned by Postgres, and goes on
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO rentomatic_reader', current_database());
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO rentomatic_reader', current_schema());
    END IF;
END
$$
"""
# A statement may take as long as the function waits (POSTGRES_TIMEOUT_S). An idle session may last twice as long as the
# function keeps a connection (POSTGRES_MAX_IDLE_S), since a frozen environment never closes its own. Read-only is only
# a precaution, which the role could undo: the grants limit it.
SET = """
DO $$
DECLARE
    name text;
    value text;
BEGIN
    FOR name, value IN VALUES
        ('statement_timeout', '8s'),
        ('idle_in_transaction_session_timeout', '8s'),
        ('idle_session_timeout', '10min'),
        ('default_transaction_read_only', 'on')
    LOOP
        IF EXISTS (
            SELECT FROM pg_roles WHERE rolname = 'rentomatic_reader'
            AND NOT EXISTS (SELECT FROM unnest(rolconfig) AS own WHERE starts_with(own, name || '='))
        ) THEN
            EXECUTE 'ALTER ROLE rentomatic_reader SET ' || name || ' = ' || quote_literal(value);
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- the doctor says what is missing
END
$$
"""
# The role stays if anything else in the cluster depends on it.
DROP = """
DO $$
BEGIN
    IF to_regrole('rentomatic_reader') IS NOT NULL THEN
        REVOKE ALL ON room, alembic_version FROM rentomatic_reader;
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM rentomatic_reader', current_database());
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM rentomatic_reader', current_schema());
        BEGIN
            DROP ROLE rentomatic_reader;
        EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
            NULL;
        END;
    END IF;
END
$$
"""


def upgrade() -> None:
    for statement in (CREATE, GRANT, SET):
        op.execute(statement)
    if not context.is_offline_mode() and not _has_reader():
        context.config.attributes.get("report", print)(
            "There is no role rentomatic_reader, and this user may not create it: have an administrator create it like"
            " the last revision of `manage.py migrate --sql`, or give the API another role"
        )


def downgrade() -> None:
    op.execute(DROP)


def _has_reader() -> bool:
    return op.get_bind().exec_driver_sql("SELECT to_regrole('rentomatic_reader')").scalar_one() is not None
