"""Index sort keys for descending order.

An unknown value sorts last in both directions. The indexes of `c3a91f6d2e80` have it at their end, where a descending
scan begins, so descending order needs indexes that have it at their beginning. Those indexes stay: ascending order
needs them, and so does the previous version.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b7d20f83a9e4"
down_revision = "e7a45c90d1b6"


def upgrade() -> None:
    # One less than the smallest integer.
    for column in ("price", "size"):
        index = f"room_{column}_desc_key_id_idx"
        key = sa.text(f"COALESCE({column}, -2147483649)")
        # It may be there: a table that has lost its version is adopted as that of an earlier revision.
        op.create_index(index, "room", [key, "id"], if_not_exists=True)
        op.execute(f"ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS 1000")  # as those of ascending order
    op.execute("ANALYZE room")  # a new index on an expression has no statistics


def downgrade() -> None:
    for column in ("size", "price"):
        op.drop_index(f"room_{column}_desc_key_id_idx", "room")
