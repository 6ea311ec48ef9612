"""A Celery app of workers whose network breaks on marked sequences: `celery -A tests.faults.engines:app`.

Everything else is the service's own, including the engine above the runner, which splits batches and handles memory
errors. The marks do not occur in other sequences of the tests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from e1protocol import Encoding, Query
from worker.app import app
from worker.engine.pending import Pending
from worker.engine.runner import Runner

__all__ = ["MARKS", "app"]


def _raise() -> None:
    raise RuntimeError("the network fell over")


def _device() -> None:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def _die() -> None:
    os._exit(9)


def _fill_memory() -> None:
    torch.empty(1 << 45)  # 32 TiB: no machine of today has that much


def _hang() -> None:
    time.sleep(3600)


MARKS: MappingProxyType[str, Callable[[], None]] = MappingProxyType(
    {"CWCWCWCWCR": _raise, "CWCWCWCWCE": _die, "CWCWCWCWCM": _fill_memory, "CWCWCWCWCH": _hang, "CWCWCWCWCD": _device}
)
"""The fault of a sequence that contains the mark."""

_run = Runner.run
_encodings = Pending.encodings


def _run_marked(self: Runner, queries: Sequence[Query], entries: Sequence[Any]) -> Pending:
    for query in queries:
        for mark, act in MARKS.items():
            if mark in query.sequence:
                act()
    return _run(self, queries, entries)


def _wrong_encodings(self: Pending) -> list[Encoding]:
    """Return plausible but wrong numbers, as a device with faulty memory does."""
    return [
        replace(
            one,
            logits=None if one.logits is None else one.logits * np.float32(1.05),
            mean={layer: vector * np.float32(1.05) for layer, vector in one.mean.items()},
        )
        for one in _encodings(self)
    ]


if "E1_WRONG_NUMBERS" in os.environ:
    Pending.encodings = _wrong_encodings  # type: ignore[method-assign]
    app.conf.imports = [*app.conf.imports, "tests.faults.engines"]

if "E1_FAULTY_ENGINE" in os.environ:
    Runner.run = _run_marked  # type: ignore[method-assign]
    # A spawned child imports these, and so this module, before it loads its engine.
    app.conf.imports = [*app.conf.imports, "tests.faults.engines"]
