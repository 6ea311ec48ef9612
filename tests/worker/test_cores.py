"""The number of a worker's threads: affinity, and quotas of control groups."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from e1protocol.cores import usable_cores

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
