"""A network whose login page answers in place of the hub, as in hotels and behind some firewalls of institutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers import ROOT
from worker.model.loader import CONFIG, WEIGHTS
from worker.model.registry import HUB

PORTAL = b"<!doctype html><html><title>Welcome</title><form>Accept the terms to use this network</form></html>"
ASK = """
from worker.model.errors import ModelError
from worker.model.registry import find_checkpoint
try:
    find_checkpoint("e1-600m")
except ModelError as error:
    print(error)
"""


REVISION = HUB["e1-600m"].revision
FILES = [{"type": "file", "path": name, "rfilename": name, "size": 9, "oid": "0" * 40} for name in (CONFIG, WEIGHTS)]
WAYS: dict[str, dict[str, str]] = {
    "everything": {},
    "files": {},
    "files, with a tag": {"ETag": '"0123456789abcdef"', "X-Repo-Commit": REVISION},
    "files, by a circle": {"Location": "/login"},
    "files, by an address of no host": {"Location": "http://127.0.0.1:1/login"},
    "files, by an address of no scheme": {"Location": "portal:login"},
}
"""What a network answers with its login page, and the headers of that answer."""


class Portal(BaseHTTPRequestHandler):
    """Answers with the login page: every request, or those for files only."""

    way = ""

    def do_GET(self) -> None:
        status, kind, headers, answer = 200, "text/html", WAYS[self.way], PORTAL
        if self.path.startswith("/api/") and self.way != "everything":
            found = FILES if "/tree/" in self.path else {"id": "a/b", "sha": REVISION, "siblings": FILES}
            kind, headers, answer = "application/json", {}, json.dumps(found).encode()
        elif "Location" in headers:
            status = 302
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        return


QUICK = ("everything", "files, by a circle")
"""Ways that the fast tests try. Each takes the seconds of a new process with PyTorch."""


@pytest.fixture(params=[pytest.param(way, marks=() if way in QUICK else pytest.mark.slow) for way in WAYS])
def portal(request) -> Iterator[str]:
    Portal.way = request.param
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_the_login_page_of_a_network_is_told_apart_from_the_hub(portal, tmp_path):
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "E1_WEIGHTS"}
    env |= {"HF_ENDPOINT": portal, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    sentence = done.stdout.strip()
    assert "e1-600m" in sentence
    assert "the login page of this network" in sentence
    assert "Log in to the network, or set HTTPS_PROXY" in sentence
    assert re.search(r"hf download \S+ config\.json", sentence)
    # Nothing of the page stays where the next start would take it for the weights.
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PORTAL[:20] in path.read_bytes()]
    assert kept == []
