"""Settings of gunicorn (its documentation, "Settings"). `WEB_CONCURRENCY` is the number of workers."""

from __future__ import annotations

import os

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

wsgi_app = "containers.web:application"
bind = "0.0.0.0:8000"  # in a container's own network
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "sync"  # a request at a time, as in an execution environment of Lambda
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the file system is read-only
control_socket_disable = True  # likewise
timeout = 30  # seconds; a request ends after POSTGRES_TIMEOUT_S
graceful_timeout = 30
# What nginx lets through reaches the API, since gunicorn would answer in HTML.
limit_request_line = 0
limit_request_fields = 2_000  # nginx' limit is 1,000, and it adds some
limit_request_field_size = 16_384
permit_unconventional_http_method = True
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": LambdaPowertoolsFormatter, "service": "gunicorn"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["stdout"], "propagate": False}},
    "root": {"level": "WARNING", "handlers": ["stdout"]},
}
