"""The processor cores that this process may use: what `taskset`, Slurm and containers leave of the machine."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def usable_cores(root: Path = ROOT) -> int:
    """Return the number of cores for this process: its affinity, or a smaller quota of its control group. At least 1.

    `root` holds `proc` and `sys`.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(root))]))


def thread_settings() -> dict[str, str]:
    """Return the variables of OpenMP for a process that computes. They count only before PyTorch is imported."""
    return {
        # OpenMP's threads spin while they wait for each other. Beside other busy processes, spinning made a process of
        # two threads six times as slow. Sleeping costs nothing measurable.
        "OMP_WAIT_POLICY": "PASSIVE",
        # PyTorch knows the affinity of a process, and not the quota of a container.
        "OMP_NUM_THREADS": str(usable_cores()),
    }


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quota, in cores, of this process's control group and of each group above it (versions 1 and 2)."""
    groups = _text(root / "proc/self/cgroup").splitlines()
    for line in groups:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            for folder in _upwards(root / "sys/fs/cgroup", group):
                quota, _, period = _text(folder / "cpu.max").partition(" ")
                yield from _share(quota, period)
        elif "cpu" in controllers.split(","):
            for folder in _upwards(root / "sys/fs/cgroup/cpu", group):
                yield from _share(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _upwards(mount: Path, group: str) -> Iterator[Path]:
    """Yield the folders of a group and of those above it. A container sees its own group as the topmost."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:count])


def _share(quota: str, period: str) -> Iterator[float]:
    with suppress(ValueError, ZeroDivisionError):
        share = int(quota) / int(period)
        if share > 0:  # "max" and -1 set no limit
            yield share


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
