from __future__ import annotations

from alembic.script import ScriptDirectory

from rentomatic.repository.postgres_doctor import NEWEST_REVISION
from tests.conftest import ROOT


def test_the_newest_revision_is_that_of_the_migrations() -> None:
    assert ScriptDirectory(ROOT / "migrations").get_current_head() == NEWEST_REVISION
