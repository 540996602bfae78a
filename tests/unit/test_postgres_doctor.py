from __future__ import annotations

from alembic.script import ScriptDirectory

from rentomatic.postgres.doctor.schema_checks import REVISIONS
from rentomatic.postgres.room_schema import FUNCTIONS
from tests.support.paths import ROOT

MIGRATIONS = ScriptDirectory(str(ROOT / "migrations"))


def test_the_revisions_are_those_of_the_migrations() -> None:
    assert [script.revision for script in reversed([*MIGRATIONS.walk_revisions()])] == list(REVISIONS)


def test_the_functions_are_those_of_the_migrations() -> None:
    revision = MIGRATIONS.get_revision("c3a91f6d2e80").module

    assert list(FUNCTIONS.values()) == [" ".join(sql.split()) for sql in (revision.PLACE, revision.STRIP)]
