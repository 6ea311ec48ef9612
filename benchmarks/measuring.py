"""Comparable times: the functions to compare run in turns in one process, and the median counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Timed:
    """The measured values of each repetition, usually seconds, and the processor seconds of this process."""

    seconds: Sequence[float]
    processor: Sequence[float] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> Timed:
        """Collect the results of `clocked`."""
        return cls(*zip(*pairs, strict=True))

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def processor_median(self) -> float:
        """The median of the processor seconds. With one thread, other programs hardly affect it."""
        return statistics.median(self.processor)

    @property
    def noise(self) -> float:
        """Half of the interquartile range as a share of the median; 0 if the clock is too coarse."""
        if not self.median:
            return 0.0
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median


def by_turns(
    works: Mapping[str, Callable[[], Any]], *, repeats: int, device: torch.device | None = None
) -> dict[str, Timed]:
    """Run each work once without counting, then all in turns, so that a slow machine slows all of them."""
    for work in works.values():
        work()
    rounds = [[clocked(work, device) for work in works.values()] for _ in range(repeats)]
    return {name: Timed.of(pairs) for name, pairs in zip(works, zip(*rounds, strict=True), strict=True)}


def clocked(work: Callable[[], Any], device: torch.device | None = None) -> tuple[float, float]:
    """Return the seconds of the work until the device is idle, and the processor seconds of this process."""
    _wait(device)
    started, before = time.perf_counter(), time.process_time()
    work()
    _wait(device)
    return time.perf_counter() - started, time.process_time() - before


def _wait(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: a value with its target, its noise, and the figures behind it."""

    name: str
    value: float
    unit: str
    target: str = ""
    noise: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)
