from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from alembic.script import ScriptDirectory
from pg8000.native import identifier

from devtools.database import insert_rooms
from rentomatic.domain.errors import RepositoryError
from rentomatic.domain.geography import Circle, Place
from rentomatic.domain.room_search import DISTANCE, RoomSearch, SortKey
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import MigrationError, upgrade, upgrade_sql
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pg8000.native import Connection

    from rentomatic.domain.room import Room

REVISIONS = [script.revision for script in reversed([*ScriptDirectory(ROOT / "migrations").walk_revisions()])]
ROOMS = [a_room(), a_room(code=OTHER_CODE, price=None)]

# The table as the book's own migration makes it, and as one might write it by hand.
SERIAL = "id serial PRIMARY KEY"
PLAIN = "id integer PRIMARY KEY"
OTHER_COLUMNS = "code varchar(36) NOT NULL, size integer, price integer, longitude float8, latitude float8"


def describe(connection: Connection) -> dict[str, Any]:
    """Return columns, constraints, indexes and version of what is there."""
    columns = connection.run(
        """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
        """
    )
    indexes = connection.run("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    version = (
        connection.run("SELECT version_num FROM alembic_version")
        if any(table == "alembic_version" for table, *_ in columns)
        else None
    )
    return {"columns": columns, "indexes": indexes, "version": version}


def test_the_first_revision_makes_the_table_of_existing_deployments(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    upgrade(empty_database, print, revision="4d4c19952a36")

    described = describe(connection)
    assert [column[1:5] for column in described["columns"] if column[0] == "room"] == [
        ["id", "integer", None, "NO"],
        ["code", "character varying", 36, "NO"],
        ["size", "integer", None, "YES"],
        ["price", "integer", None, "YES"],
        ["longitude", "double precision", None, "YES"],
        ["latitude", "double precision", None, "YES"],
    ]
    assert described["version"] == [["4d4c19952a36"]]


def test_each_step_is_reported(empty_database: Mapping[str, str]) -> None:
    steps: list[str] = []

    upgrade(empty_database, steps.append)

    assert [step.split(":")[0] for step in steps] == [f"Migrated to revision {revision}" for revision in REVISIONS]


def test_migrating_again_changes_nothing(empty_database: Mapping[str, str], connection: Connection) -> None:
    upgrade(empty_database, print)
    insert_rooms(connection, ROOMS)
    before = describe(connection)

    upgrade(empty_database, print)

    assert describe(connection) == before
    assert PostgresRepo(empty_database).list() == ROOMS


def test_the_table_of_the_first_revision_is_taken_over_with_its_rooms(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    upgrade(empty_database, print, revision="4d4c19952a36")
    insert_rooms(connection, ROOMS)

    upgrade(empty_database, print)

    assert describe(connection)["version"] == [[REVISIONS[-1]]]
    assert PostgresRepo(empty_database).list() == ROOMS


@pytest.mark.parametrize("id_column", [SERIAL, PLAIN])
@pytest.mark.parametrize("version_table", ["", "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"])
def test_a_table_that_no_migration_made_is_adopted(
    empty_database: Mapping[str, str], connection: Connection, id_column: str, version_table: str
) -> None:
    connection.run(f"CREATE TABLE room ({id_column}, {OTHER_COLUMNS})")
    connection.run("INSERT INTO room VALUES (7, :code, 20, 40, 9.99, 53.55)", code=CODE)
    if version_table:
        connection.run(version_table)

    upgrade(empty_database, print)
    insert_rooms(connection, [a_room(code=OTHER_CODE)])

    assert describe(connection)["version"] == [[REVISIONS[-1]]]
    assert PostgresRepo(empty_database).list() == [a_room(), a_room(code=OTHER_CODE)]
    assert connection.run("SELECT id FROM room ORDER BY id") == [[7], [8]]


def test_coordinates_of_single_precision_are_read_and_searched(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS.replace('float8', 'real')})")
    connection.run("INSERT INTO room (code, longitude, latitude) VALUES ('near', 9.75, 53.5), ('nowhere', NULL, NULL)")

    upgrade(empty_database, print)

    rooms = PostgresRepo(empty_database)
    near = a_room(code="near", size=None, price=None, longitude=9.75, latitude=53.5)
    assert rooms.list() == [near, a_room(code="nowhere", size=None, price=None, longitude=None, latitude=None)]
    circle = Circle(Place(53.5, 9.75), radius_km=1)
    assert rooms.search(RoomSearch(circle=circle, order=(SortKey(DISTANCE),))).rooms == [near]


def test_the_newest_revision_waits_for_no_reader(empty_database: Mapping[str, str], connection: Connection) -> None:
    upgrade(empty_database, print, revision=REVISIONS[-2])
    connection.run(f"ALTER DATABASE {identifier(empty_database['APPLICATION_DB'])} SET lock_timeout = '1s'")
    connection.run("BEGIN")
    connection.run("SELECT FROM room")

    upgrade(empty_database, print)


@pytest.mark.parametrize("id_column", [SERIAL, PLAIN])
def test_an_adopted_table_has_what_a_new_one_has(
    empty_database: Mapping[str, str], connection: Connection, id_column: str
) -> None:
    upgrade(empty_database, print)
    new = describe(connection)["indexes"]
    connection.run("DROP TABLE room, alembic_version")
    connection.run(f"CREATE TABLE room ({id_column}, {OTHER_COLUMNS})")

    upgrade(empty_database, print)

    assert describe(connection)["indexes"] == new


@pytest.mark.parametrize("highest", [None, 0, -5])
def test_a_table_numbered_by_hand_is_adopted_whatever_its_numbers(
    empty_database: Mapping[str, str], connection: Connection, highest: int | None
) -> None:
    connection.run(f"CREATE TABLE room ({PLAIN}, {OTHER_COLUMNS})")
    if highest is not None:
        connection.run("INSERT INTO room (id, code) VALUES (:highest, 'old')", highest=highest)

    upgrade(empty_database, print)
    insert_rooms(connection, [a_room()])

    assert connection.run("SELECT id FROM room WHERE code <> 'old'") == [[1]]


def test_a_table_that_was_once_serial_numbers_new_rooms_after_the_highest(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS})")
    connection.run("ALTER TABLE room ALTER id SET DEFAULT 1")
    connection.run("INSERT INTO room (id, code) VALUES (7, 'old'), (9, 'older')")

    upgrade(empty_database, print)
    insert_rooms(connection, [a_room(), a_room(code="newest")])

    assert connection.run("SELECT id FROM room ORDER BY id") == [[7], [9], [10], [11]]


@pytest.mark.parametrize("own", ["ALTER TABLE room ADD UNIQUE (code)", "CREATE UNIQUE INDEX of_my_own ON room (code)"])
def test_a_code_that_is_unique_already_gets_no_second_index(
    empty_database: Mapping[str, str], connection: Connection, own: str
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS})")
    connection.run(own)

    upgrade(empty_database, print)

    definitions = dict(describe(connection)["indexes"])
    assert [name for name, definition in definitions.items() if "UNIQUE" in definition and "(code)" in definition] == [
        "of_my_own" if "of_my_own" in own else "room_code_key"
    ]


def test_a_code_that_is_unique_among_some_rooms_only_gets_an_index(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS})")
    connection.run("CREATE UNIQUE INDEX of_some ON room (code) WHERE price IS NOT NULL")

    upgrade(empty_database, print)

    assert {"of_some", "room_code_key"} <= dict(describe(connection)["indexes"]).keys()


def test_whatever_kind_of_transaction_is_the_default_does_not_matter(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    for default in ("isolation = 'serializable'", "read_only = on"):
        connection.run(
            f"ALTER DATABASE {identifier(empty_database['APPLICATION_DB'])} SET default_transaction_{default}"
        )

    upgrade(empty_database, print)

    assert connection.run("SELECT count(*) FROM room") == [[0]]


def test_codes_are_unique(empty_database: Mapping[str, str], connection: Connection) -> None:
    upgrade(empty_database, print)
    insert_rooms(connection, [a_room()])

    with pytest.raises(Exception, match="room_code_key"):
        insert_rooms(connection, [a_room()])


def test_every_repeated_code_is_named(empty_database: Mapping[str, str], connection: Connection) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS})")
    connection.run("INSERT INTO room (code) SELECT 'code-' || n / 2 FROM generate_series(0, 99) AS n")

    with pytest.raises(MigrationError) as raised:
        upgrade(empty_database, print)

    assert all(f"code-{number}" in str(raised.value) for number in range(50))


def test_repeated_codes_are_named_and_nothing_is_changed(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({PLAIN}, {OTHER_COLUMNS})")
    for number, code in enumerate([CODE, OTHER_CODE, CODE, OTHER_CODE, "alone"]):
        connection.run("INSERT INTO room (id, code) VALUES (:number, :code)", number=number, code=code)
    before = describe(connection), connection.run("SELECT * FROM room ORDER BY id")

    with pytest.raises(MigrationError, match=f"more than one room has {CODE}, {OTHER_CODE}: give each"):
        upgrade(empty_database, print)

    assert (describe(connection), connection.run("SELECT * FROM room ORDER BY id")) == before


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("code varchar(36) NOT NULL, beds integer", "size, price, longitude, latitude, or has another type"),
        (OTHER_COLUMNS.replace("price integer", "price text"), "price, or has another type"),
        (OTHER_COLUMNS.replace("varchar(36)", "uuid"), "code, or has another type"),
        (OTHER_COLUMNS.replace(" NOT NULL", ""), "may be NULL"),
        (OTHER_COLUMNS.replace("varchar(36)", "bigint"), "code, or has another type"),
        (OTHER_COLUMNS.replace("latitude float8", "latitude bigint"), "latitude, or has another type"),
        (
            OTHER_COLUMNS.replace("code varchar(36)", "kode text").replace("price integer", "price bigint"),
            "code, or has another type",
        ),
    ],
)
def test_a_table_of_that_name_with_other_columns_is_left_alone(
    empty_database: Mapping[str, str], connection: Connection, columns: str, named: str
) -> None:
    connection.run(f"CREATE TABLE room (id integer PRIMARY KEY, {columns})")
    before = describe(connection)

    with pytest.raises(MigrationError, match=f"The existing table room .*{named}"):
        upgrade(empty_database, print)

    assert describe(connection) == before


@pytest.mark.parametrize(
    ("id_column", "ids"),
    [
        ("id integer NOT NULL DEFAULT 1", (1, 1, 1)),
        ("id integer", (None, 1, None)),
        ("id integer UNIQUE", (None, 1, None)),
        ("id serial", (1, 7, 7)),
        ("id integer GENERATED ALWAYS AS IDENTITY", (1, 7, 7)),
    ],
)
def test_ids_that_are_not_unique_are_refused_with_their_rooms(
    empty_database: Mapping[str, str], connection: Connection, id_column: str, ids: Sequence[int | None]
) -> None:
    connection.run(f"CREATE TABLE room ({id_column}, {OTHER_COLUMNS})")
    for code, number in zip("ABC", ids, strict=True):
        connection.run(
            "INSERT INTO room (id, code) OVERRIDING SYSTEM VALUE VALUES (:number, :code)", number=number, code=code
        )
    before = describe(connection), connection.run("SELECT * FROM room ORDER BY code")

    with pytest.raises(
        MigrationError, match=r"has an id that is not unique and NOT NULL, and the rooms .* have no"
    ) as raised:
        upgrade(empty_database, print)

    assert (describe(connection), connection.run("SELECT * FROM room ORDER BY code")) == before
    follow(str(raised.value), connection)
    upgrade(empty_database, print)
    insert_rooms(connection, [a_room()])
    assert sorted(room.code for room in walk(empty_database)) == ["A", "B", "C", CODE]


@pytest.mark.parametrize("id_column", [PLAIN, SERIAL])
@pytest.mark.parametrize("own", ["", "CREATE UNIQUE INDEX room_code_key ON room (code) WHERE price > 0"])
def test_repeated_codes_are_refused_whatever_later_index_is_there(
    empty_database: Mapping[str, str], connection: Connection, id_column: str, own: str
) -> None:
    connection.run(f"CREATE TABLE room ({id_column}, {OTHER_COLUMNS})")
    connection.run(f"CREATE INDEX room_price_id_idx ON room (price, id); {own}")
    connection.run("INSERT INTO room (id, code) VALUES (1, 'a'), (2, 'a')")

    with pytest.raises(MigrationError, match="more than one room has a: give each its own code: ") as raised:
        upgrade(empty_database, print)

    follow(str(raised.value), connection)
    upgrade(empty_database, print)
    assert len({room.code for room in walk(empty_database)}) == 2


@pytest.mark.parametrize(
    "taken",
    [
        "CREATE INDEX room_id_key ON room (id)",
        (
            "CREATE UNIQUE INDEX room_id_key ON room (id);"
            " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'room_id_key'::regclass"
        ),
        "CREATE TABLE room_id_key ()",
        "ALTER TABLE room ADD CONSTRAINT room_id_key UNIQUE (code)",
    ],
)
def test_the_advice_for_ids_works_whatever_has_the_name_of_their_index(
    empty_database: Mapping[str, str], connection: Connection, taken: str
) -> None:
    connection.run(f"CREATE TABLE room (id integer NOT NULL, {OTHER_COLUMNS})")
    connection.run(taken)

    with pytest.raises(MigrationError, match="has an id that is not unique and NOT NULL: ") as raised:
        upgrade(empty_database, print)

    follow(str(raised.value), connection)
    upgrade(empty_database, print)


@pytest.mark.parametrize("id_column", ["id integer", "id integer NOT NULL"])
def test_an_id_that_might_be_repeated_is_refused(
    empty_database: Mapping[str, str], connection: Connection, id_column: str
) -> None:
    connection.run(f"CREATE TABLE room ({id_column}, {OTHER_COLUMNS})")

    with pytest.raises(MigrationError, match="has an id that is not unique and NOT NULL: ") as raised:
        upgrade(empty_database, print)

    follow(str(raised.value), connection)
    upgrade(empty_database, print)


def test_numbers_that_an_integer_cannot_hold_are_refused(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS.replace('price integer', 'price bigint')})")
    connection.run("INSERT INTO room (code, price) VALUES ('dear', 99999999999), ('cheap', 2147483647)")
    before = describe(connection)

    with pytest.raises(
        MigrationError, match="has a bigint price, which must be an integer: correct that of dear, which"
    ):
        upgrade(empty_database, print)
    connection.run("UPDATE room SET price = 7 WHERE code = 'dear'")
    with pytest.raises(MigrationError, match="has a bigint price, which must be an integer: alter it") as raised:
        upgrade(empty_database, print)

    assert describe(connection) == before
    follow(str(raised.value), connection)
    upgrade(empty_database, print)
    assert [room.price for room in PostgresRepo(empty_database).list()] == [7, 2147483647]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (f"CREATE TABLE room ({PLAIN}, {OTHER_COLUMNS}) PARTITION BY RANGE (id)", "a partitioned table"),
        ("CREATE VIEW room AS SELECT * FROM rooms", "a view"),
        ("CREATE MATERIALIZED VIEW room AS SELECT * FROM rooms", "a materialized view"),
        (
            f"CREATE TABLE room ({PLAIN}, {OTHER_COLUMNS}); ALTER TABLE rooms INHERIT room",
            "a table that others inherit",
        ),
    ],
)
def test_what_is_not_an_ordinary_table_is_refused_by_what_it_is(
    empty_database: Mapping[str, str], connection: Connection, statement: str, kind: str
) -> None:
    connection.run(f"CREATE TABLE rooms ({PLAIN}, {OTHER_COLUMNS})")
    connection.run("INSERT INTO rooms VALUES (7, 'old')")
    connection.run(statement)
    if "PARTITION" in statement:
        connection.run("ALTER TABLE room ATTACH PARTITION rooms DEFAULT")

    with pytest.raises(MigrationError, match=f"The room table is {kind}.* copy the rooms: CREATE") as raised:
        upgrade(empty_database, print)

    follow(str(raised.value), connection)
    upgrade(empty_database, print)
    insert_rooms(connection, [a_room()])
    assert connection.run("SELECT id, code FROM room ORDER BY id") == [[7, "old"], [8, CODE]]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_table_that_has_lost_its_version_is_taken_over(
    empty_database: Mapping[str, str], connection: Connection, revision: str
) -> None:
    upgrade(empty_database, print, revision)
    connection.run("DROP TABLE alembic_version")

    upgrade(empty_database, print)
    described = describe(connection)

    connection.run("DROP TABLE room, alembic_version")
    upgrade(empty_database, print)
    assert described == describe(connection)


def follow(refusal: str, connection: Connection) -> None:
    """Run the statements that a refusal ends with."""
    for statement in refusal.rpartition(": ")[2].split("; "):
        connection.run(statement)


def walk(configuration: Mapping[str, str]) -> list[Room]:
    """Return the rooms of all pages of one room each."""
    repository = PostgresRepo(configuration)
    page = repository.search(RoomSearch(limit=1))
    rooms = [*page.rooms]
    while page.end:
        page = repository.search(RoomSearch(limit=1, after=page.end))
        rooms += page.rooms
    return rooms


def test_a_database_that_cannot_be_reached_is_a_clear_error(server: Mapping[str, str]) -> None:
    with pytest.raises(RepositoryError, match="Postgres error 3D000: there is no such database"):
        upgrade({**server, "APPLICATION_DB": "nowhere"}, print)


def test_the_schema_for_docker_compose_is_that_of_the_migrations() -> None:
    output = io.StringIO()

    upgrade_sql(output)

    assert (ROOT / "devtools/docker/schema.sql").read_text() == output.getvalue(), (
        "run: .venv/bin/python manage.py migrate --sql > devtools/docker/schema.sql"
    )


def test_the_schema_as_sql_is_the_one_that_migrating_makes(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    upgrade(empty_database, print)
    migrated = describe(connection)
    connection.run("DROP TABLE room, alembic_version")
    output = io.StringIO()

    upgrade_sql(output)
    connection.run(output.getvalue())

    assert describe(connection) == migrated


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_sql_for_a_database_is_what_it_lacks(
    empty_database: Mapping[str, str], connection: Connection, revision: str
) -> None:
    upgrade(empty_database, print, revision)
    output = io.StringIO()

    upgrade_sql(output, empty_database)
    connection.run(output.getvalue())
    described = describe(connection)

    connection.run("DROP TABLE room, alembic_version")
    upgrade(empty_database, print)
    assert described == describe(connection)


def test_the_sql_for_a_table_that_no_migration_made_takes_it_over(
    empty_database: Mapping[str, str], connection: Connection
) -> None:
    connection.run(f"CREATE TABLE room ({SERIAL}, {OTHER_COLUMNS})")
    insert_rooms(connection, ROOMS)
    output = io.StringIO()

    upgrade_sql(output, empty_database)
    connection.run(output.getvalue())

    assert describe(connection)["version"] == [[REVISIONS[-1]]]
    assert PostgresRepo(empty_database).list() == ROOMS


@pytest.mark.parametrize("of_database", [upgrade_sql, lambda output, database: upgrade(database, output.write)])
def test_a_revision_of_a_later_version_is_refused(
    empty_database: Mapping[str, str],
    connection: Connection,
    of_database: Callable[[io.StringIO, Mapping[str, str]], None],
) -> None:
    upgrade(empty_database, print)
    connection.run("UPDATE alembic_version SET version_num = 'later'")

    with pytest.raises(MigrationError, match="later"):
        of_database(io.StringIO(), empty_database)


@pytest.mark.parametrize(("before", "after"), [*itertools.pairwise(REVISIONS)])
def test_a_revision_takes_nothing_away_from_what_was_deployed_before_it(
    empty_database: Mapping[str, str], connection: Connection, before: str, after: str
) -> None:
    upgrade(empty_database, print, before)
    old = describe(connection)

    upgrade(empty_database, print, after)
    new = describe(connection)

    assert [column for column in old["columns"] if column not in new["columns"]] == []
    assert [index for index in old["indexes"] if index not in new["indexes"]] == []
