"""Migrates the database for CloudFormation, at each deployment before any traffic, or for an operator.

crhelper answers CloudFormation and retries until Lambda's timeout. It logs the event, whose ResponseURL lets anybody
answer, but below the log level that is set here.
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
# Constant: CloudFormation would delete the old resource if an update answered with another id.
_PHYSICAL_ID = "rentomatic-schema"
_MARGIN_S = 5  # reserved for the answer; crhelper reports a timeout half a second before Lambda's
_REASON_MAX = 256  # crhelper 2.0.12 cuts off the beginning of longer ones


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Answer a request for CloudFormation's custom resource, or an operator's event."""
    handle = _answer if event == _MIGRATE else _answer_cloudformation
    return _logger().inject_lambda_context(handle, clear_state=True, log_event=False)(event, context)


def _answer(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    steps: list[str] = []
    problem = _migrate(context, steps, may_be_newer=False)
    return {"is_done": problem is None, "steps": steps, "problem": problem}


def _answer_cloudformation(event: dict[str, Any], context: LambdaContext) -> None:
    if "ResponseURL" not in event:  # crhelper would retry without it until Lambda's timeout
        raise ValueError(f"The event is neither CloudFormation's nor {_MIGRATE}")
    _resource()(event, context)


def _create_or_update(event: dict[str, Any], context: LambdaContext) -> str:
    # Set now, for crhelper's answer in case of a timeout.
    _resource().PhysicalResourceId = _PHYSICAL_ID
    # A rollback of an update runs the old code, when the new code may have migrated the database.
    problem = _migrate(context, [], may_be_newer=event["RequestType"] == "Update")
    if problem:
        half = _REASON_MAX // 2 - 2
        raise MigrationError(problem if len(problem) <= _REASON_MAX else f"{problem[:half]} .. {problem[-half:]}")
    return _PHYSICAL_ID


def _migrate(context: LambdaContext, steps: list[str], *, may_be_newer: bool) -> str | None:
    """Migrate, and return the problem if that fails."""
    deadline = monotonic() + context.get_remaining_time_in_millis() / 1000 - _MARGIN_S
    try:
        upgrade(os.environ, steps.append, deadline=deadline, may_be_newer=may_be_newer)
    except (MigrationError, RepositoryError) as error:
        _logger().error("Not migrated", extra={"steps": steps, "problem": str(error)})
        return str(error)
    except Exception:  # noqa: BLE001 - CloudFormation must get an answer
        _logger().exception("Not migrated")
        return "Internal error: see this function's log"
    _logger().info("Migrated", extra={"steps": steps})
    return None


@cache
def _logger() -> Logger:
    return Logger(service="migrate", serialize_stacktrace=False)


@cache
def _resource() -> CfnResource:
    # Delete does nothing, so that the data is kept; crhelper would sleep for two minutes after it.
    resource = CfnResource(log_level="WARNING", sleep_on_delete=0)
    resource.create(_create_or_update)
    resource.update(_create_or_update)
    return resource
