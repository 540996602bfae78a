"""The schema that searches need, and the SQL that repairs a database to match it.

The doctor compares a database with it, and so does a migration before it adopts a table. This module only builds SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rentomatic.domain.room import Room
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import CODE_MAX, FIELDS, INTEGER_MAX, INTEGER_MIN
from rentomatic.domain.room_search import SortKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMED_MAX = 100  # rooms in a message

# The types that a column may have, as `format_type` writes them. Other types are altered to the first.
_INTEGERS, _TEXTS = ("integer", "smallint"), ("text", "character varying", "character")
_TYPES = {"int": _INTEGERS, "float": ("double precision", "real")}  # by the first word of the annotation
COLUMNS: Mapping[str, Sequence[str]] = {
    "id": ("integer", "bigint", "smallint"),
    **{name: _TYPES.get(re.split(r"\W", Room.__annotations__[name])[0], _TEXTS) for name in ATTRIBUTES},
}
REQUIRED = ("id", "code")  # never NULL
_FRACTIONS = ("numeric", "real", "double precision")
_NUMBERS = ("bigint", "integer", "smallint", *_FRACTIONS)
# Text that all number types can read.
_NUMERAL = "^ *[-+]?([0-9]{1,20}[.]?[0-9]{0,20}|[.][0-9]{1,20})([eE][-+]?[0-9]{1,2})? *$"

EXTENSIONS = ("cube", "btree_gist")
FUNCTIONS = {
    "room_place(double precision, double precision)": (
        "CREATE OR REPLACE FUNCTION room_place(latitude double precision, longitude double precision) RETURNS cube"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180"
        " AND 180 THEN cube(ARRAY[ cos(radians(latitude + 360)) * cos(radians(longitude + 360)),"
        " cos(radians(latitude + 360)) * sin(radians(longitude + 360)), sin(radians(latitude + 360)) ]) END"
    ),
    "room_strip(double precision)": (
        "CREATE OR REPLACE FUNCTION room_strip(latitude double precision) RETURNS integer LANGUAGE sql IMMUTABLE"
        " PARALLEL SAFE RETURN CASE WHEN latitude BETWEEN -90 AND 90 THEN round(latitude * 100) END"
    ),
}

SELECT_KIND = """
    SELECT CASE relkind WHEN 'p' THEN 'a partitioned table' WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
        WHEN 'f' THEN 'a foreign table' WHEN 'r' THEN CASE
            WHEN EXISTS (SELECT FROM pg_inherits WHERE inhparent = oid) THEN 'a table that others inherit from' ELSE ''
        END ELSE 'not a table' END
    FROM pg_class WHERE oid = to_regclass('room')
"""
SELECT_COLUMNS = """
    SELECT attname, format_type(atttypid, NULL), NOT attnotnull, attidentity = 'a' FROM pg_attribute
    WHERE attrelid = to_regclass('room') AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
# An index can be scanned in either direction, but only all columns together.
SELECT_INDEXES = """
    SELECT relname, amname, indisunique, indimmediate, indisvalid, indpred IS NULL,
    EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid), (
        SELECT string_agg(concat(
            pg_get_indexdef(indexrelid, number, false),
            CASE WHEN (indoption[number - 1] & 1) <> (indoption[0] & 1) THEN ' in the other direction' END
        ), ', ' ORDER BY number) FROM generate_series(1, indnkeyatts) AS number
    )
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    WHERE indrelid = to_regclass('room')
"""
# Each of these reads the whole table. They are for tables without the unique index.
SELECT_REPEATED_CODES = "SELECT code FROM room GROUP BY code HAVING count(*) > 1 AND code IS NOT NULL ORDER BY code"
# An array is looked up in a hash table; a subquery would run again for each of a million rooms.
SELECT_ROOMS_OF_REPEATED_IDS = f"""
    SELECT code FROM room WHERE id IS NULL
    OR id = ANY(ARRAY(SELECT id FROM room GROUP BY id HAVING count(*) > 1 LIMIT {NAMED_MAX})) ORDER BY id, code
"""
# Rooms without an id, or with that of an earlier room, get new ones after all others.
_RENUMBER = (
    "UPDATE room SET id = free + position FROM (SELECT ctid AS room_at, row_number() OVER (ORDER BY id, ctid) AS"
    " position FROM (SELECT ctid, id, row_number() OVER (PARTITION BY id ORDER BY ctid) AS occurrence FROM room)"
    " AS counted WHERE occurrence > 1 OR id IS NULL) AS repeated, (SELECT COALESCE(max(id), 0) AS free FROM room)"
    " AS taken WHERE room.ctid = room_at"
)
RENAME_REPEATED_CODES = (
    "UPDATE room SET code = gen_random_uuid() WHERE ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER"
    " (PARTITION BY code ORDER BY id) AS occurrence FROM room) AS counted WHERE occurrence > 1)"
)
# The original is kept under another name. No lock works for all kinds of tables, so nobody may write meanwhile.
COPY_TO_TABLE = (
    "CREATE TABLE copied_room (LIKE room INCLUDING DEFAULTS); INSERT INTO copied_room SELECT * FROM room;"
    " ALTER TABLE copied_room ADD PRIMARY KEY (id), ALTER COLUMN code SET NOT NULL;"
    " ALTER TABLE room RENAME TO old_room; ALTER TABLE copied_room RENAME TO room"
)


class Column(NamedTuple):
    """A row of `SELECT_COLUMNS`."""

    name: str
    type: str
    is_nullable: bool
    is_always_generated: bool  # so an UPDATE may not change it


class PresentIndex(NamedTuple):
    """A row of `SELECT_INDEXES`, with keys in the form of `INDEXES`."""

    name: str
    method: str
    is_unique: bool
    is_immediate: bool
    is_valid: bool
    is_complete: bool
    is_of_constraint: bool
    keys: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> PresentIndex:
        """Return the index without widening casts, which depend on the columns' types but do not change values."""
        index = cls(*row)
        widened = r"\((\w+)\)::(?:bigint|double precision)|'(-?\d+)'::bigint"
        return index._replace(keys=re.sub(widened, r"\1\2", index.keys))


@dataclass(frozen=True)
class Index:
    """An index that searches need."""

    name: str
    keys: str
    is_unique: bool = False
    method: str = "btree"

    def is_like(self, present: PresentIndex) -> bool:
        """Return whether an index serves the same purpose once it is valid."""
        return (
            (present.keys, present.method) == (self.keys, self.method)
            and present.is_unique >= self.is_unique
            and present.is_immediate
            and present.is_complete
        )

    def select_is_taken(self) -> str:
        """Return a query for whether anything has its name, on any table."""
        return f"SELECT to_regclass('{self.name}') IS NOT NULL"

    def make(self, present: Sequence[PresentIndex], *, is_taken: bool) -> list[str]:
        """Return the statements that create or repair it, for a table without a valid equivalent."""
        for other in present:
            if self.is_like(other):
                return [f"REINDEX INDEX CONCURRENTLY {quoted(other.name)}", *self.drop_deferrable(present)]
        if any(other.name == self.name and not other.is_of_constraint for other in present):
            return [f"DROP INDEX CONCURRENTLY {self.name}", self.create(), *self.drop_deferrable(present)]
        return [self.create(is_named=not is_taken), *self.drop_deferrable(present)]

    def drop_deferrable(self, present: Sequence[PresentIndex]) -> Sequence[str]:
        """Return the statements that drop deferrable constraints on its keys, which ON CONFLICT does not accept."""
        names = [other.name for other in present if other.keys == self.keys and not other.is_immediate]
        return [f"ALTER TABLE room DROP CONSTRAINT {quoted(name)}" for name in names]

    def create(self, *, is_named: bool = True) -> str:
        """Return the statement that creates it without blocking; Postgres chooses the name if its own is taken."""
        unique = "UNIQUE " if self.is_unique else ""
        name = f"{self.name} " if is_named else ""
        return f"CREATE {unique}INDEX CONCURRENTLY {name}ON room USING {self.method} ({self.keys})"


ID_INDEX = Index("room_id_key", "id", is_unique=True)
CODE_INDEX = Index("room_code_key", "code", is_unique=True)
INDEXES = (
    ID_INDEX,
    CODE_INDEX,
    *(
        Index(f"room_{name}_{kind}_id_idx", f"COALESCE({name}, {SortKey(name, is_descending).unknown}), id")
        for kind, is_descending in (("key", False), ("desc_key", True))
        for name, field in FIELDS.items()
        if field.is_sortable
    ),
    Index("room_place_idx", "room_strip(latitude), room_place(latitude, longitude)", method="gist"),
)


def add_column(name: str) -> str:
    """Return the statement that adds a column, with values only if it may not be NULL."""
    definitions = {
        "id": "integer GENERATED BY DEFAULT AS IDENTITY",
        "code": f"varchar({CODE_MAX}) NOT NULL DEFAULT gen_random_uuid()",
    }
    return f"ALTER TABLE room ADD COLUMN {name} {definitions.get(name) or COLUMNS[name][0]}"


def alter_type(column: Column) -> str:
    """Return the statement that gives a column its required type; it rewrites the table."""
    name, type_ = column.name, COLUMNS[column.name][0]
    if _is_to_be_number(column):  # whose default may not be one
        altered = f"DROP DEFAULT, ALTER COLUMN {name} TYPE {type_} USING {name}::text::numeric::{type_}"
    else:
        altered = f"TYPE {type_} USING {name}::{type_}"
    return f"ALTER TABLE room ALTER COLUMN {name} {altered}"


def discard_unfit(column: Column) -> Sequence[str]:
    """Return the statements that set values to NULL that the required type cannot hold."""
    drop = [f"ALTER TABLE room ALTER COLUMN {column.name} DROP NOT NULL"] if not column.is_nullable else []
    return [*drop, f"UPDATE room SET {column.name} = NULL WHERE {_is_unfit(column)}"]


def renumber(column: Column) -> str:
    """Return the statements that give rooms unique ids."""
    allow = "ALTER TABLE room ALTER COLUMN id SET GENERATED BY DEFAULT; " if column.is_always_generated else ""
    return f"{allow}{_RENUMBER}"


def require(name: str) -> str:
    """Return the statements that make a column NOT NULL."""
    filled = {"id": _RENUMBER, "code": "UPDATE room SET code = gen_random_uuid() WHERE code IS NULL"}
    return f"{filled[name]}; ALTER TABLE room ALTER COLUMN {name} SET NOT NULL"


def select_unfit_rooms(column: Column) -> str:
    """Return the query for the codes of rooms whose value the required type cannot hold; empty if it holds all."""
    condition = _is_unfit(column)
    return f"SELECT code FROM room WHERE {condition} ORDER BY code" if condition else ""


def select_rounded_rooms(column: Column) -> str:
    """Return the query for the codes of rooms whose value the required type rounds; empty if it rounds none."""
    if COLUMNS[column.name] != _INTEGERS or (column.type in _NUMBERS and column.type not in _FRACTIONS):
        return ""
    number = _number(column)
    return f"SELECT code FROM room WHERE {number} <> round({number}) ORDER BY code"


def _is_to_be_number(column: Column) -> bool:
    return COLUMNS[column.name] != _TEXTS and column.type not in _NUMBERS


def _number(column: Column) -> str:
    if not _is_to_be_number(column):
        return column.name
    return f"CASE WHEN {column.name}::text ~ '{_NUMERAL}' THEN {column.name}::text::numeric END"


def _is_unfit(column: Column) -> str:
    conditions = []
    if _is_to_be_number(column):
        conditions.append(f"{column.name}::text !~ '{_NUMERAL}'")
    if COLUMNS[column.name] == _INTEGERS:
        conditions.append(f"{_number(column)} NOT BETWEEN {INTEGER_MIN} AND {INTEGER_MAX}")
    return " OR ".join(conditions)


def quoted(name: str) -> str:
    """Return a name quoted for SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def join_names(names: Sequence[str], max_: int = NAMED_MAX) -> str:
    """Return a list of names, truncated to `max_`."""
    return ", ".join(map(str, names[:max_])) + (" and more" if len(names) > max_ else "")
