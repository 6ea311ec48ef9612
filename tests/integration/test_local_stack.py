"""`e1 up` as a user meets it: real servers, real workers, real signals. One shared stack, and one that is
killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from client.api import Client
from e1site.stack.folder import DataFolder
from e1site.stack.processes import is_running, kill_marked, marked, title, wait_gone

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="children are counted through /proc"),
]

E1 = str(Path(sys.executable).with_name("e1"))
OWN_ENVIRONMENT = (
    "DATABASE_URL",
    "REDIS_URL",
    "E1_SECRET_KEY",
    "E1_DATA",
    "E1_TEST_SERVERS",
    "E1_URL",
    "E1_TOKEN",
)
"""What the test session has set for itself, and a user would not have."""
START_SECONDS = 120
RECOVER_SECONDS = 60


class Stack:
    """One `e1 up` on its own folder, without the addresses of the test session's servers."""

    def __init__(self, path: Path) -> None:
        self.folder = DataFolder.at(path)
        self.env = {key: value for key, value in os.environ.items() if key not in OWN_ENVIRONMENT}
        self.output = path.with_name(path.name + ".out")
        self.launcher: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of `e1`, from beginning to end."""
        command = [E1, *arguments, "--data", str(self.folder.path)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=START_SECONDS, check=False)

    def start(self) -> None:
        """Start and wait for the line `ready URL`."""
        command = [E1, "up", "--port", "0", "--model", "e1-demo", "--data", str(self.folder.path)]
        with self.output.open("wb") as output:
            self.launcher = subprocess.Popen(command, env=self.env, stdout=output, stderr=subprocess.STDOUT)
        wait_gone(lambda: self.url == "" and self.launcher.poll() is None, START_SECONDS)
        assert self.url, self.output.read_text()

    @property
    def url(self) -> str:
        lines = self.output.read_text().splitlines()
        return next((line.split()[1] for line in lines if line.startswith("ready ")), "")

    def child(self, text: str) -> int:
        """The direct child with this text in its command line; 0 where it is not there."""
        pid = self.launcher.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next((int(child) for child in children if text in title(int(child))), 0)

    def works(self) -> bool:
        """Whether a sequence goes through web, Postgres, Valkey and the worker and comes back as a number."""
        headers = {"Authorization": f"Token {(self.folder.path / 'token').read_text().strip()}"}
        body = {"items": [{"sequence": "MKTAYIAKQR"}]}
        try:
            answer = httpx.post(f"{self.url}/api/v3/e1-demo/log_prob/", json=body, headers=headers, timeout=20)
            ready = httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.HTTPError:
            return False
        return answer.status_code == ready.status_code == 200

    def wait(self, seconds: float) -> int:
        return self.launcher.wait(timeout=seconds)

    def end(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        if self.launcher is not None:
            self.launcher.kill()
            self.launcher.wait()
        if (self.folder.path / "stack-id").exists():
            kill_marked(self.folder.stack_id)


@pytest.fixture(scope="module")
def stack():
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start()
            yield stack
            stack.launcher.send_signal(signal.SIGINT)
            assert stack.wait(60) == 0, stack.output.read_text()
            assert marked(stack.folder.stack_id) == []
        finally:
            stack.end()


def test_a_first_start_makes_a_private_administrator(stack):
    for name in ("admin-password", "token", "secret-key"):
        assert (stack.folder.path / name).stat().st_mode & 0o777 == 0o600
        assert str(stack.folder.path / name) in stack.output.read_text() or name == "secret-key"
    assert stack.works()


def test_a_second_start_on_the_same_folder_refuses(stack):
    second = stack.run("up", "--port", "0")
    assert second.returncode == 1
    assert f"in use by process {stack.launcher.pid}" in second.stderr


def test_a_port_in_use_is_refused_before_anything_starts(stack, tmp_path):
    other = Stack(tmp_path / "other")
    second = other.run("up", "--port", stack.url.rpartition(":")[2])
    assert second.returncode == 1
    assert "choose another with --port" in second.stderr
    assert not (tmp_path / "other" / "valkey").exists()


def test_a_user_is_added_once(stack):
    added = stack.run("user", "add", "rosalind")
    assert added.returncode == 0, added.stderr
    token = added.stdout.split("token ")[1].split()[0]
    with Client(stack.url, token) as client:
        assert client.jobs() == []
    again = stack.run("user", "add", "rosalind")
    assert again.returncode != 0
    assert "already" in again.stderr


@pytest.mark.parametrize("part", ["postgres -D", "valkey", "gunicorn", "-n e1-demo-1@"])
def test_a_killed_child_comes_back_and_the_service_works_again(stack, part):
    killed = stack.child(part)
    os.kill(killed, signal.SIGKILL)

    assert wait_gone(lambda: stack.child(part) in (0, killed), RECOVER_SECONDS), stack.output.read_text()
    assert wait_gone(lambda: not stack.works(), RECOVER_SECONDS, step=0.2), stack.output.read_text()


def test_a_killed_launcher_leaves_nothing_and_the_next_start_has_the_data():
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start()
            assert stack.run("user", "add", "barbara").returncode == 0
            token = (stack.folder.path / "token").read_text()

            stack.launcher.kill()
            stack.launcher.wait()
            assert wait_gone(lambda: bool(marked(stack.folder.stack_id)), 20), "children outlived their launcher"

            stack.start()
            assert (stack.folder.path / "token").read_text() == token
            assert stack.works()
            assert "already" in stack.run("user", "add", "barbara").stderr

            children = marked(stack.folder.stack_id)
            stack.launcher.send_signal(signal.SIGTERM)
            assert stack.wait(60) == 0, stack.output.read_text()
            assert not any(is_running(pid) for pid in children)
        finally:
            stack.end()
