"""Beat sends the safety nets, and keeps no file: Celery's default schedule is a file of pickles."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import redis

from e1protocol import SERVICE_QUEUE, TASK_DISPATCH
from e1site.stack.parts import beat
from e1site.stack.processes import wait_gone
from e1site.stack.servers import Valkey
from tests.servers import RUNNING, VALKEY_DATABASES

NUMBER = VALKEY_DATABASES - 1
"""A database of Valkey that no other test uses."""
SECONDS = 120


@pytest.mark.slow
def test_beat_sends_its_tasks_and_writes_no_file(tmp_path):
    servers = Valkey(Path(), Path(os.environ[RUNNING]), Path())
    folder = tmp_path / "empty"
    folder.mkdir()
    env = {**os.environ, "REDIS_URL": servers.url(NUMBER), "PYTHONPATH": str(Path.cwd())}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(beat().command, env=env, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    with redis.Redis(unix_socket_path=str(servers.socket), db=NUMBER) as broker:
        try:
            sent = f"e1:{SERVICE_QUEUE}"
            assert wait_gone(lambda: not broker.llen(sent) and process.poll() is None, SECONDS)
            assert any(TASK_DISPATCH.encode() in message for message in broker.lrange(sent, 0, -1))
        finally:
            process.terminate()
            process.wait(SECONDS)
            broker.flushdb()
    assert process.returncode == 0, (tmp_path / "log").read_text()
    assert list(folder.iterdir()) == []
