"""Make the room's code unique, and index what is filtered.

The table may have rows and readers: nothing here rewrites it, and readers go on while the indexes are built.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from alembic.util import CommandError

revision = "8c1f0e6a2b57"
down_revision = "4d4c19952a36"


def upgrade() -> None:
    if not context.is_offline_mode():  # which cannot look: there, a repeated code fails the index
        _refuse_repeated_codes()
    if not _has_unique_code():
        op.create_index("room_code_key", "room", ["code"], unique=True)
    op.create_index("room_price_id_idx", "room", ["price", "id"])


def downgrade() -> None:
    op.drop_index("room_price_id_idx", "room")
    op.drop_index("room_code_key", "room", if_exists=True)  # a constraint of the user's own stays


def _refuse_repeated_codes() -> None:
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
    raise CommandError(f"Codes must be unique, and more than one room has {named}: give each room a code of its own")


def _has_unique_code() -> bool:
    """Say whether a constraint or index of the user's own does already what ours would."""
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
