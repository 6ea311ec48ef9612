"""What `e1 up` waits for before it prints `ready URL`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from e1site.stack import readiness


@pytest.fixture
def red():
    """Return a function from checks of /readyz, by name, to what keeps a service with these from being ready."""
    body = b""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def asked(checks, without=()):
        nonlocal body
        body = json.dumps({"checks": {name: {"ok": ok, "detail": "why"} for name, ok in checks.items()}}).encode()
        return readiness.red("127.0.0.1", server.server_port, without)

    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_whose_workers_join_from_elsewhere_keeps_nobody_waiting(red):
    checks = {"postgres": True, "model e1-demo": False, "queue e1-demo": False}
    assert red(checks) == "model e1-demo: why; queue e1-demo: why"
    assert not red(checks, ["e1-demo"])


def test_everything_else_does(red):
    assert red({"upkeep": False, "model e1-demo": False}, ["e1-demo"]) == "upkeep: why; model e1-demo: why"
    assert red({"model e1-demo": False, "model e1-600m": False}, ["e1-demo"])
    assert red({}, ["e1-demo"]) == "/readyz answers with status 503"
