"""A network whose login page answers in place of the hub, as in hotels and behind some firewalls of institutes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers import ROOT

PORTAL = b"<!doctype html><html><title>Welcome</title><form>Accept the terms to use this network</form></html>"
ASK = """
from worker.model.errors import ModelError
from worker.model.registry import find_checkpoint
try:
    find_checkpoint("e1-600m")
except ModelError as error:
    print(error)
"""


class Portal(BaseHTTPRequestHandler):
    """Answers every request with the login page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PORTAL)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(PORTAL)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def portal() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_login_page_of_a_network_is_told_apart_from_the_hub(portal, tmp_path):
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "E1_WEIGHTS"}
    env |= {"HF_ENDPOINT": portal, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    sentence = done.stdout.strip()
    assert "e1-600m" in sentence
    assert "perhaps the login page of this network" in sentence
    assert "Log in to the network, or set HTTPS_PROXY" in sentence
    assert re.search(r"hf download \S+ config\.json", sentence)
    # Nothing of the page stays where the next start would take it for the weights.
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PORTAL[:20] in path.read_bytes()]
    assert kept == []
