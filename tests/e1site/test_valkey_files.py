"""Valkey's files after a power cut: what the server refuses is set aside, and the service goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from e1site.stack.binaries import find_valkey
from e1site.stack.processes import wait_gone
from e1site.stack.servers import Valkey, ValkeyFiles
from tests.stack import running_stack

STARTS = 4


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def zeros_at_the_end(data: Path) -> None:
    with only(data, "appendonlydir/*.incr.aof").open("ab") as file:
        file.write(bytes(4096))


def zeros_in_the_middle(data: Path) -> None:
    log = only(data, "appendonlydir/*.incr.aof")
    whole = log.read_bytes()
    log.write_bytes(whole[:200] + bytes(100) + whole[300:])


def zeros_in_the_base(data: Path) -> None:
    base = only(data, "appendonlydir/*.base.rdb")
    base.write_bytes(bytes(base.stat().st_size))


def no_manifest(data: Path) -> None:
    only(data, "appendonlydir/*.manifest").write_bytes(bytes(64))


class Server:
    """A Valkey that is started like a child of `e1 up`."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(folder / "valkey", folder, find_valkey())
        self.log = folder / "valkey.log"
        self.said: list[str] = []
        self.files = ValkeyFiles(self.valkey, self.log, self.said.append)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start it, again if it dies, and return the number of starts."""
        for number in range(1, STARTS + 1):
            self.files.prepare()
            with self.log.open("ab") as log:
                process = self.process = subprocess.Popen(self.valkey.command(), stdout=log, stderr=log)
            wait_gone(self._is_starting, 30)
            if process.poll() is None:
                return number
        raise AssertionError(self.log.read_text())

    def _is_starting(self) -> bool:
        assert self.process is not None
        return self.process.poll() is None and not self.valkey.is_ready()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.valkey.socket))


@pytest.fixture
def server(tmp_path):
    folder = Path("/tmp") / f"e1-valkey-{os.getpid()}-{tmp_path.name}"[:60]
    folder.mkdir()
    made = Server(folder)
    yield made
    if made.process is not None:
        made.kill()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.parametrize("damage", [zeros_at_the_end, zeros_in_the_middle, zeros_in_the_base, no_manifest])
def test_files_that_it_refuses_are_set_aside(server, damage: Callable[[Path], None]):
    assert server.start() == 1
    with server.client() as client:
        client.mset({f"key {n}": "value" for n in range(100)})
    server.kill()
    damage(server.valkey.data)
    before = {path.name: path.read_bytes() for path in server.valkey.data.rglob("*") if path.is_file()}
    assert server.start() > 1
    (said,) = server.said
    aside = only(server.valkey.data.parent, "valkey.refused-*")
    assert str(aside) in said
    assert {path.name: path.read_bytes() for path in aside.rglob("*") if path.is_file()} == before, "nothing is deleted"
    server.kill()
    assert server.start() == 1
    assert len(server.said) == 1, "the words of the first time are not read twice"


def test_whole_files_stay_whatever_ends_the_server(server):
    for _ in range(3):
        assert server.start() == 1
        with server.client() as client:
            client.incr("number")
        server.process.terminate()
        server.process.wait()
    server.start()
    with server.client() as client:
        assert client.get("number") == b"3"
    assert not server.said


@pytest.mark.slow
@pytest.mark.stack
def test_waiting_jobs_are_computed_after_a_power_cut():
    with running_stack("power-cut") as stack:
        with stack.client() as client:
            job = client.submit_items(["MKTAYIAKQR" * 20] * 1000, model="e1-demo", action="log_prob")
        stack.launcher.kill()
        stack.launcher.wait()
        data = stack.folder.path / "valkey"
        wait_gone(lambda: Valkey(data, stack.folder.sockets, Path()).is_ready(), 60)
        zeros_at_the_end(data)
        stack.start()
        assert "they are set aside in" in stack.output.read_text()
        with stack.client() as client:
            assert client.wait(job.id).state == "succeeded"
