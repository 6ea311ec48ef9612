"""The number of a worker's threads: affinity, and quotas of control groups."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from e1protocol.cores import thread_settings, usable_cores

ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no affinity")
def test_a_process_bound_to_one_core_has_one():
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    program += "from e1protocol.cores import usable_cores; print(usable_cores())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "1"


MODERN, OLD = "sys/fs/cgroup/{}cpu.max", "sys/fs/cgroup/cpu/c/cpu.cfs_{}_us"


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("0::/", {MODERN.format(""): "100000 100000"}, 1),
        ("0::/a/b", {MODERN.format("a/"): "50000 100000", MODERN.format("a/b/"): "max 100000"}, 1),
        ("0::/a", {MODERN.format("a/"): "max 100000"}, ALL),
        ("0::/a", {MODERN.format("a/"): "6400000 100000"}, min(ALL, 64)),
        ("3:cpu,cpuacct:/c", {OLD.format("quota"): "100000", OLD.format("period"): "100000"}, 1),
        ("3:cpu:/c", {OLD.format("quota"): "-1", OLD.format("period"): "100000"}, ALL),
        ("0::/", {MODERN.format(""): "nonsense"}, ALL),
        ("", {}, ALL),
    ],
)
def test_a_quota_of_a_control_group_limits(tmp_path, group, files, cores):
    for name, text in {"proc/self/cgroup": group, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert usable_cores(tmp_path) == cores


def test_threads_that_wait_sleep_in_the_worker_and_in_e1_run(monkeypatch):
    """Beside other busy processes, spinning threads made `e1 run` several times as slow as the service."""
    from worker import app, commands

    assert thread_settings()["OMP_WAIT_POLICY"] == "PASSIVE"
    for start in (lambda: commands.load("worker.version"), lambda: app._note_model("one", Requested())):
        for name in thread_settings():
            monkeypatch.delenv(name, raising=False)
        for name in ("E1_WORKER_NAME", "E1_WORKER_RUN", "E1_WORKER_MODEL"):
            monkeypatch.setenv(name, "")
        start()
        assert {name: os.environ[name] for name in thread_settings()} == thread_settings()


class Requested:
    """What Celery passes after its set-up: a worker of one queue."""

    class app:
        class amqp:
            class queues:
                consume_from = ("model.e1-demo",)
