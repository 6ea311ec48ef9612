"""Servers that record what a client sends: a relay to the service, and a fake hosted site."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

PASSED_ON = ("authorization", "content-type", "content-encoding", "accept")


@dataclass(frozen=True)
class Sent:
    """A request as it arrived. The names of `headers` are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def gzipped(self) -> bool:
        return self.headers.get("content-encoding") == "gzip"

    @property
    def plain(self) -> bytes:
        return gzip.decompress(self.body) if self.gzipped else self.body

    @property
    def items(self) -> list[Any]:
        items: list[Any] = json.loads(self.plain)["items"]
        return items


Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class Listener:
    """A server on this machine, used in a `with` block. `log` holds every request in order of arrival."""

    def __init__(self) -> None:
        self.log: list[Sent] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: object) -> None:
                """Write nothing: `log` holds the requests."""

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                sent = Sent(self.command, self.path, headers, body)
                listener.log.append(sent)
                status, content_type, answer = listener.answer(sent)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def answer(self, sent: Sent) -> Answer:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def posted(self) -> list[Sent]:
        return [sent for sent in self.log if sent.method == "POST"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Relay(Listener):
    """A relay that passes everything on to the service."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def answer(self, sent: Sent) -> Answer:
        headers = {name: value for name, value in sent.headers.items() if name in PASSED_ON}
        response = self._http.request(sent.method, sent.path, headers=headers, content=sent.body)
        return response.status_code, response.headers["content-type"], response.content

    def close(self) -> None:
        super().close()
        self._http.close()


class HostedSite(Listener):
    """A fake of the hosted site over TLS: schemas by path, and 404 for everything else."""

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self.schemas: dict[str, bytes] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def answer(self, sent: Sent) -> Answer:
        schema = self.schemas.get(sent.path)
        if schema is None:
            return 404, "application/json", b'{"detail": "not found"}'
        return 200, "application/json", schema


CERTIFICATE_PROGRAM = """
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key, host = ec.generate_private_key(ec.SECP256R1()), sys.argv[2]
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
with open(sys.argv[1], "wb") as file:
    file.write(certificate.public_bytes(pem))
    file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
"""
"""Writes the certificate and key of a host name to a file. It needs `cryptography`, which the clients install."""
