"""Create the room table.

Deployments of the Flask application already have it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4d4c19952a36"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "room",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(36), nullable=False),
        sa.Column("size", sa.Integer),
        sa.Column("price", sa.Integer),
        sa.Column("longitude", sa.Double),
        sa.Column("latitude", sa.Double),
    )


def downgrade() -> None:
    op.drop_table("room")
