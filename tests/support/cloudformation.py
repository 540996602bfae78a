"""What stands in for CloudFormation: it is told by HTTPS what has become of a custom resource."""

from __future__ import annotations

import json
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNATURE = "canary-signature"
_TIMEOUT_S = 60


class CloudFormation:
    """Asks for a custom resource, and is told of it.

    Attributes:
        environ: What a function needs in its environment to trust it.
    """

    def __init__(self, port: int, certificate: Path, answers: SimpleQueue[dict[str, Any]]) -> None:
        self._url = f"https://localhost:{port}/arn%3Aaws%3Acloudformation/Schema?X-Amz-Signature={SIGNATURE}"
        self._answers = answers
        self.environ = {"SSL_CERT_FILE": str(certificate)}

    def event(self, name: str) -> dict[str, Any]:
        """Return the sample event of that name, with where to answer."""
        return {**an_event(name), "ResponseURL": self._url}

    def told(self) -> dict[str, Any]:
        """Wait for the next answer, which is the only one so far."""
        answer = self._answers.get(timeout=_TIMEOUT_S)
        assert self._answers.empty()
        return answer


@contextmanager
def cloudformation(folder: Path) -> Iterator[CloudFormation]:
    """Listen until the block is left."""
    certificate = _certificate(folder / "cloudformation.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    answers: SimpleQueue[dict[str, Any]] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield CloudFormation(server.server_port, certificate, answers)
        server.shutdown()
        thread.join()


def _certificate(file: Path) -> Path:
    """Write a certificate for localhost and its key. It signs itself, or Python 3.13 would want more extensions."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + key_pem)
    return file
