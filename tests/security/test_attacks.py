"""Attacks on the whole service, straight and behind nginx, while another user goes on working."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e1client import Client
from e1site.stack.processes import signal_process, title, wait_gone
from tests.deploy.proxy import Nginx
from tests.security.attacks import KINDS, SEQUENCE, Target
from tests.stack import Stack, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DEADLINE = 30
"""Seconds that the other user waits at most for an answer."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack("attacks", E1_SYNC_WAIT_SECONDS="20") as stack:
        yield stack


@pytest.fixture(scope="module", params=["straight", pytest.param("nginx", marks=pytest.mark.full)])
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


@pytest.fixture(scope="module")
def target(stack, other, url) -> Target:
    """Return the service with the account of an attacker, who has a job with large results."""
    found = re.search(r"\b[0-9a-f]{64}\b", stack.run("user", "add", f"attacker-{url.rpartition(':')[2]}").stdout)
    assert found
    with Client(stack.url, found[0]) as client:
        items = [("long", SEQUENCE * 10), *((f"p{number}", SEQUENCE) for number in range(1200))]
        job = client.wait(
            client.submit_items(items, model="e1-demo", action="encode", params={"include": ["per_token"]})
        )
    return Target(url, found[0], str(job.id))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_an_attack_holds_up_no_other_user(kind, target, other):
    target.answers.clear()
    with kind.begin(target, kind.small):
        for _ in range(3):
            other.works()
    # 503 and 504 tell the attacker that it asks for too much.
    assert not target.answers["500"], target.answers


def test_synchronous_requests_that_wait_hold_up_no_one(stack, target, other):
    body = json.dumps({"items": [{"sequence": "MKTAYIAKQR"}]}).encode()
    fields = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    sent = target.head("POST", "/api/v3/e1-demo/log_prob/", *fields)
    workers = [pid for pid in _processes() if "e1-demo-1@" in title(pid)]
    assert workers
    for pid in workers:
        signal_process(pid, signal.SIGSTOP)
    try:
        with target.connections(150, sent + body):
            other.works()
    finally:
        for pid in workers:
            signal_process(pid, signal.SIGCONT)
    assert wait_gone(lambda: not stack.works(), 120)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
