"""Migrates the database: CloudFormation asks for it with each deployment, before any traffic, or an operator does.

crhelper answers CloudFormation. It logs the event, whose ResponseURL lets anybody answer, but below the level that it
is given here; and it does not stop trying to answer before Lambda stops it.
"""

from __future__ import annotations

import os
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from crhelper import CfnResource

from rentomatic.domain.errors import RepositoryError
from schema import MigrationError, upgrade

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_MIGRATE = {"rentomatic": "migrate"}
# One for all: CloudFormation would delete the old resource if an update answered with another.
_PHYSICAL_ID = "rentomatic-schema"
_MARGIN_S = 5  # to answer in, of the time that Lambda leaves; crhelper gives up on us half a second before its end
_REASON_MAX = 256  # crhelper 2.0.12 cuts off the beginning of what is longer


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Answer a request of CloudFormation's custom resource, or the event with which an operator migrates."""
    handle = _answer if event == _MIGRATE else _answer_cloudformation
    return _logger().inject_lambda_context(handle, clear_state=True, log_event=False)(event, context)


def _answer(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    steps: list[str] = []
    problem = _migrate(context, steps, may_be_newer=False)
    return {"is_done": problem is None, "steps": steps, "problem": problem}


def _answer_cloudformation(event: dict[str, Any], context: LambdaContext) -> None:
    if "ResponseURL" not in event:  # crhelper would look for where to answer until Lambda stops it
        raise ValueError(f"The event is neither CloudFormation's nor {_MIGRATE}")
    _resource()(event, context)


def _create_or_update(event: dict[str, Any], context: LambdaContext) -> str:
    # Already now, for crhelper to have it if time runs out.
    _resource().PhysicalResourceId = _PHYSICAL_ID
    # An update that is rolled back asks the code from before, when the database may have been migrated by the new.
    problem = _migrate(context, [], may_be_newer=event["RequestType"] == "Update")
    if problem:
        half = _REASON_MAX // 2 - 2
        raise MigrationError(problem if len(problem) <= _REASON_MAX else f"{problem[:half]} .. {problem[-half:]}")
    return _PHYSICAL_ID


def _migrate(context: LambdaContext, steps: list[str], *, may_be_newer: bool) -> str | None:
    """Migrate, and return what stands in the way, if anything does."""
    deadline = monotonic() + context.get_remaining_time_in_millis() / 1000 - _MARGIN_S
    try:
        upgrade(os.environ, steps.append, deadline=deadline, may_be_newer=may_be_newer)
    except (MigrationError, RepositoryError) as error:
        _logger().error("Not migrated", extra={"steps": steps, "problem": str(error)})
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it is, CloudFormation has to hear of it
        _logger().exception("Not migrated")
        return "Internal error: the log of this function has the reason"
    _logger().info("Migrated", extra={"steps": steps})
    return None


@cache
def _logger() -> Logger:
    return Logger(service="migrate", serialize_stacktrace=False)


@cache
def _resource() -> CfnResource:
    # Nothing is done on Delete, which keeps the data; crhelper would sleep for two minutes after that.
    resource = CfnResource(log_level="WARNING", sleep_on_delete=0)
    resource.create(_create_or_update)
    resource.update(_create_or_update)
    return resource
