"""Slow clients against the whole service, straight and behind nginx, while another user goes on working."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from e1client import Client
from e1site.stack.processes import signal_process, title, wait_gone
from tests.deploy.proxy import Nginx
from tests.stack import Stack, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DEADLINE = 30
"""Seconds that the other user waits at most for an answer."""
LIBRARY = b"".join(b">%d\n%s\n" % (number, b"MKTAYIAKQR" * 20) for number in range(4000))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack("attacks", E1_SYNC_WAIT_SECONDS="20") as stack:
        yield stack


@pytest.fixture(scope="module", params=["straight", "nginx"])
def url(request, stack, tmp_path_factory) -> Iterator[str]:
    if request.param == "straight":
        yield stack.url
        return
    address = stack.url.removeprefix("http://")
    folder = tmp_path_factory.mktemp("proxy")
    nginx = Nginx(folder / "nginx", {"E1_PROXY_WEB": address, "E1_PROXY_FILES": str(folder)})
    try:
        nginx.start()
        yield nginx.http
    finally:
        nginx.stop()


class Other:
    """Another user with a job, who asks for the process, a page and the job's state."""

    def __init__(self, url: str, token: str, job_url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=DEADLINE, headers={"Authorization": f"Token {token}"})
        self._job = job_url

    def works(self) -> None:
        for path in ("/livez", "/login/", self._job):
            # A connection of its own each time: what is under test is whether a new client gets in.
            answer = self._client.get(path, headers={"Connection": "close"})
            assert answer.status_code == 200, (path, answer.text)


@pytest.fixture(scope="module")
def other(stack, url) -> Iterator[Other]:
    name = f"other-{url.rpartition(':')[2]}"
    token = re.search(r"\b[0-9a-f]{64}\b", stack.run("user", "add", name).stdout)
    assert token, "e1 user add prints a token"
    with Client(stack.url, token[0]) as client:
        job = client.wait(client.submit_items(["MKTAYIAKQR"], model="e1-demo", action="log_prob"))
        yield Other(url, token[0], f"/api/jobs/{job.id}/")


@contextmanager
def clients(url: str, sent: bytes, count: int) -> Iterator[None]:
    """Open connections that have sent these bytes, and do nothing more."""
    host, port = url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection((host, int(port)), DEADLINE))
            sock.sendall(sent)
        yield


def head(stack: Stack, method: str, path: str, *fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Token {stack.token}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def test_logins_that_send_a_byte_hold_up_no_one(stack, url, other):
    sent = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 262144\r\n\r\na"
    with clients(url, sent, 150):
        other.works()


def test_half_a_head_holds_up_no_one(url, other):
    with clients(url, b"GET /login/ HTTP/1.1\r\nHos", 150):
        other.works()


def test_small_bodies_with_a_token_that_never_come_hold_up_no_one(stack, url, other):
    sent = head(stack, "POST", "/api/estimate/", "Content-Type: application/json", "Content-Length: 200000") + b"{"
    with clients(url, sent, 150):
        other.works()


def test_uploads_that_never_come_hold_up_no_one(stack, url, other):
    sent = head(stack, "POST", "/api/jobs/", "Content-Type: text/x-fasta", "Content-Length: 50000000") + b">a\n"
    with clients(url, sent, 150):
        other.works()


def test_downloads_that_no_one_reads_hold_up_no_one(stack, url, other):
    with stack.client() as client:
        job = client.wait(
            client.submit_items(
                [(f"p{number}", "MKTAYIAKQR" * 30) for number in range(1200)],
                model="e1-demo",
                action="encode",
                params={"include": ["per_token"]},
            )
        )
    with clients(url, head(stack, "GET", f"/api/jobs/{job.id}/results/?format=jsonl"), 72):
        other.works()


def test_synchronous_requests_that_wait_hold_up_no_one(stack, url, other):
    body = json.dumps({"items": [{"sequence": "MKTAYIAKQR"}]}).encode()
    sent = head(
        stack, "POST", "/api/v3/e1-demo/log_prob/", "Content-Type: application/json", f"Content-Length: {len(body)}"
    )
    workers = [pid for pid in _processes() if "e1-demo-1@" in title(pid)]
    assert workers
    for pid in workers:
        signal_process(pid, signal.SIGSTOP)
    try:
        with clients(url, sent + body, 150):
            other.works()
    finally:
        for pid in workers:
            signal_process(pid, signal.SIGCONT)
    assert wait_gone(lambda: not stack.works(), 120)


def _processes() -> list[int]:
    from pathlib import Path

    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
