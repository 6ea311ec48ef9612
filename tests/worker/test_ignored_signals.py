"""`nohup celery -A worker.app worker` goes on without its terminal, as `nohup e1 up` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.worker_process import children_of, eventually

pytestmark = [pytest.mark.django_db, pytest.mark.skipif(sys.platform != "linux", reason="reads signal masks in /proc")]


def ignores(pid: int, number: int) -> bool:
    """Return whether a process ignores a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")), 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.slow
@pytest.mark.parametrize("ignored", ["", "HUP", "HUP INT"])
def test_signals_that_the_caller_ignores_stay_ignored(tmp_path, ignored):
    log = tmp_path / "worker.log"
    worker = (*("-m", "celery", "-A", "worker.app", "worker", "-Q", "service", "-n", "hup@test", "-l", "INFO"),)
    options = ("--concurrency", "1", "--without-mingle", "--without-gossip")
    trap = f"trap '' {ignored}; " if ignored else ""
    command = ["env", "--default-signal=INT,TERM,HUP", "sh", "-c", f'{trap}exec "$0" "$@"', sys.executable]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *worker, *options], stdout=out, stderr=out, start_new_session=True)
    try:
        eventually(lambda: "hup@test ready" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        (child,) = children_of(process.pid)
        for name in ("HUP", "INT"):
            number = signal.Signals[f"SIG{name}"]
            # Celery's child always ignores an interruption, which is for its parent.
            assert ignores(process.pid, number) == (name in ignored.split()), name
            assert ignores(child, signal.SIGHUP) == ("HUP" in ignored.split())
        if ignored:
            os.killpg(process.pid, signal.SIGHUP)
        process.terminate()
        assert process.wait(timeout=120) == 0
        assert "Restarting" not in log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
