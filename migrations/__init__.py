"""The schema's history, kept with Alembic. The functions never import this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from rentomatic.repository.postgres_errors import Progress, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class MigrationError(Exception):
    """The schema is as it was before; the text says what to do."""


def upgrade(
    configuration: Mapping[str, Any],
    report: Callable[[str], None],
    revision: str = "head",
) -> None:
    """Bring the schema up to date, in one transaction.

    Args:
        configuration: The Postgres settings by variable, `POSTGRES_SECRET_ID` included.
        report: Is told of each step.
        revision: Where to stop.

    Raises:
        MigrationError: what the database holds stands in the way.
        RepositoryError: the database cannot be reached.
    """
    config = _config()
    config.attributes |= {"configuration": configuration, "report": report, "adopt": True}
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error
    except DBAPIError as error:
        raise MigrationError(
            f"The database could not be migrated: {translate(error.orig or error, Progress())}"
        ) from error
    except OSError as error:  # of the network, which SQLAlchemy does not translate
        raise MigrationError(f"The database could not be migrated: {error}") from error


def upgrade_sql(output: TextIO) -> None:
    """Write the SQL that makes the schema in an empty database."""
    config = _config()
    config.output_buffer = output
    command.upgrade(config, "head", sql=True)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
