"""The log and the metrics of a function: a request that succeeds on a warm connection writes nothing."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError
from rentomatic.trimmed_imports import LazyAttribute, stub, stub_modules

# The logger is for failures: an eighth of a cold start. Nothing here is traced by Powertools.
with stub_modules(
    stub("aws_lambda_powertools.logging", Logger=LazyAttribute("aws_lambda_powertools.logging", "Logger")),
    stub("aws_lambda_powertools.package_logger", set_package_logger_handler=lambda: None),
    stub("aws_lambda_powertools.tracing", Tracer=LazyAttribute("aws_lambda_powertools.tracing", "Tracer")),
):
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from rentomatic.responses import ResponseFailure

_NAMESPACE = "rentomatic"
_SERVER_ERROR = 500


class Telemetry:
    """Writes the log and the metrics of an execution environment.

    Args:
        service: What the log calls the function.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._metrics = Metrics(namespace=_NAMESPACE, service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", service))
        self._is_cold = True

    @cached_property
    def logger(self) -> Logger:
        return Logger(service=self._service, serialize_stacktrace=False)  # the traceback as text is enough

    def log_failure(
        self, failure: ResponseFailure, context: LambdaContext, correlation_id: str, elapsed_s: float
    ) -> None:
        """Log a failure that is the server's fault, with all that is known of it but secrets."""
        error = failure.exception
        facts: dict[str, Any] = {
            "function_name": context.function_name,
            "function_request_id": context.aws_request_id,
            "elapsed_s": elapsed_s,
        }
        if isinstance(error, RepositoryError):
            facts |= {"phase": error.phase, "sqlstate": error.sqlstate}
        self.logger.clear_state()
        self.logger.set_correlation_id(correlation_id)
        self.logger.error(failure.message, exc_info=error, extra=facts)

    def count(self, name: str) -> None:
        """Add one to a metric, until `finish` writes it."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)

    def finish(self, status: int) -> None:
        """Count the answer with this status, and write the metrics that it led to."""
        if self._is_cold:
            self._is_cold = False
            self.count("ColdStart")
        if status >= _SERVER_ERROR:  # API Gateway counts the others
            self.count(f"Status{status}")
        if self._metrics.metric_set:  # most requests have none
            self._metrics.flush_metrics()
