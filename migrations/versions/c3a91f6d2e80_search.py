"""Index what rooms are sorted by, and where they are.

The indexes are on expressions, not on new columns: a stored column would rewrite the table, and readers would wait
for that and for the indexes behind it. Like this they go on, and only writers wait. For the same reason the index
room_price_id_idx is not dropped: to drop it waits for every reader, and what was deployed before this needs it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c3a91f6d2e80"
down_revision = "8c1f0e6a2b57"

# The place on the unit sphere: what is near in space is near on the earth, at the poles and the antimeridian too.
# A whole turn more keeps numbers away that are too small for radians(), which refuses them.
PLACE = """
CREATE OR REPLACE FUNCTION room_place(latitude double precision, longitude double precision) RETURNS cube
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180 THEN cube(ARRAY[
    cos(radians(latitude + 360)) * cos(radians(longitude + 360)),
    cos(radians(latitude + 360)) * sin(radians(longitude + 360)),
    sin(radians(latitude + 360))
]) END
"""
# Hundredths of a degree, some 1.1 km. Alone, the places grow into a tree of boxes that overlap, because those of
# points on a tilted plane have next to no volume to choose by. Strips in front of them keep the boxes apart: the
# nearest 20 of a million rooms are found in 44 pages of the index instead of 191.
STRIP = """
CREATE OR REPLACE FUNCTION room_strip(latitude double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN latitude BETWEEN -90 AND 90 THEN round(latitude * 100) END
"""


def upgrade() -> None:
    for extension in ("cube", "btree_gist"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.execute(PLACE)
    op.execute(STRIP)
    # What is not known is sorted as the highest: one more than an integer can be.
    for column in ("price", "size"):
        index = f"room_{column}_key_id_idx"
        op.create_index(index, "room", [sa.text(f"COALESCE({column}, 2147483648)"), "id"])
        # With the usual 100 steps, the few rooms above a high price look like thousands: Postgres then reads a million
        # in the order of insertion until it has found them, in 130 ms instead of 0.5.
        op.execute(f"ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS 1000")
    place = [sa.text("room_strip(latitude)"), sa.text("room_place(latitude, longitude)")]
    op.create_index("room_place_idx", "room", place, postgresql_using="gist")
    op.execute("ANALYZE room")  # an index on an expression has no statistics before


def downgrade() -> None:
    op.drop_index("room_place_idx", "room")
    for column in ("size", "price"):
        op.drop_index(f"room_{column}_key_id_idx", "room")
    op.execute("DROP FUNCTION room_place, room_strip")
