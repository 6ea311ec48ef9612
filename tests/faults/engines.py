"""The Celery app of workers whose network breaks on marked sequences: `celery -A tests.faults.engines:app`.

Everything around it is the service's own; so is the engine above the runner, where batches are split and memory errors
are handled. Marks are letters that no test's other sequences hold.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import torch

from worker.app import app
from worker.engine.runner import Runner
from worker.protocol import Encoding, Query

__all__ = ["MARKS", "app"]


def _raise() -> None:
    raise RuntimeError("the network fell over")


def _device() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def _die() -> None:
    os._exit(9)


def _fill_memory() -> None:
    torch.empty(1 << 45)  # 32 TiB of bytes: refused by every machine of today


def _hang() -> None:
    time.sleep(3600)


MARKS: MappingProxyType[str, Callable[[], None]] = MappingProxyType(
    {"CWCWCWCWCR": _raise, "CWCWCWCWCE": _die, "CWCWCWCWCM": _fill_memory, "CWCWCWCWCH": _hang, "CWCWCWCWCD": _device}
)
"""What a sequence that holds the mark does to the process."""

_run = Runner.run


def _run_marked(self: Runner, queries: Sequence[Query], entries: Sequence[Any]) -> list[Encoding]:
    for query in queries:
        for mark, act in MARKS.items():
            if mark in query.sequence:
                act()
    return _run(self, queries, entries)


if "E1_FAULTY_ENGINE" in os.environ:
    Runner.run = _run_marked  # type: ignore[method-assign]
    # A spawned child imports these, and with them this module, before it loads its engine.
    app.conf.imports = [*app.conf.imports, "tests.faults.engines"]
