"""Make the room's code unique, and index the price.

The table may have rows and readers. Nothing here rewrites it or blocks readers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from alembic.util import CommandError

revision = "8c1f0e6a2b57"
down_revision = "4d4c19952a36"


def upgrade() -> None:
    if not context.is_offline_mode():  # which cannot query: there the index fails on repeated codes
        _reject_repeated_codes()
    if not _has_unique_code():
        op.create_index("room_code_key", "room", ["code"], unique=True)
    op.create_index("room_price_id_idx", "room", ["price", "id"])


def downgrade() -> None:
    op.drop_index("room_price_id_idx", "room")
    op.drop_index("room_code_key", "room", if_exists=True)  # the user's own constraint stays


def _reject_repeated_codes() -> None:
    codes = (
        op.get_bind()
        .scalars(
            sa.text("SELECT code FROM room WHERE code IS NOT NULL GROUP BY code HAVING count(*) > 1 ORDER BY code")
        )
        .all()
    )
    if not codes:
        return
    named = ", ".join(codes)
    raise CommandError(f"Codes must be unique, but more than one room has {named}: give each room its own code")


def _has_unique_code() -> bool:
    """Return whether the user's own constraint or index already makes codes unique."""
    if context.is_offline_mode():
        return False
    inspector = sa.inspect(op.get_bind())
    constraints = [constraint["column_names"] for constraint in inspector.get_unique_constraints("room")]
    indexes = [
        index["column_names"]
        for index in inspector.get_indexes("room")
        if index["unique"] and "postgresql_where" not in index.get("dialect_options", {})
    ]
    return ["code"] in [*constraints, *indexes]
