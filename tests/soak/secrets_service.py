"""A stand-in for AWS Secrets Manager that boto3 reaches over HTTP, and that fails as it is told."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

_MUTE_S = 3  # longer than anybody waits


class SecretsService:
    """Answers GetSecretValue (AWS Secrets Manager API reference).

    Attributes:
        secrets: The text of each, by name.
        failing: How the service fails for a secret: `throttled`, `down` or `unresponsive`; not at all for others.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.failing: dict[str, str] = {}
        self.closed = Event()
        self._server = _Server(self)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, name: str, **values: str) -> None:
        self.secrets[name] = json.dumps(values)

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, name: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON for a request of that secret."""
        how = self.failing.get(name)
        if how == "unresponsive":
            self.closed.wait(_MUTE_S)
        if how == "throttled":
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        if how is not None:
            return 500, {"__type": "InternalServiceError", "message": "An error occurred on the server side"}
        if name not in self.secrets:
            return 400, {"__type": "ResourceNotFoundException", "message": "There is no such secret"}
        arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}"
        return 200, {"ARN": arn, "Name": name, "VersionStages": ["AWSCURRENT"], "SecretString": self.secrets[name]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, service: SecretsService) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that did not wait for their answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.server.service.answer(request["SecretId"])
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
