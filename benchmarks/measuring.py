"""Times that can be compared: what is compared runs by turns in one process, and the median counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of each repetition by the clock, and those of them that this process had a processor for."""

    seconds: tuple[float, ...]
    processor: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def processor_median(self) -> float:
        """Nearly free of the noise of other programs with one thread, which never waits for another one."""
        return statistics.median(self.processor)

    @property
    def noise(self) -> float:
        """Half of the range of the middle half, as a share of the median; 0 where the clock is too coarse to tell."""
        if not self.median:
            return 0.0
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median


def by_turns(
    works: Mapping[str, Callable[[], Any]], *, repeats: int, device: torch.device | None = None
) -> dict[str, Timed]:
    """Each work once without counting, then all by turns: a machine that slows down slows all of them down."""
    for work in works.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    processor: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            before = time.process_time()
            seconds[name].append(seconds_of(work, device))
            processor[name].append(time.process_time() - before)
    return {name: Timed(tuple(seconds[name]), tuple(processor[name])) for name in works}


def seconds_of(work: Callable[[], Any], device: torch.device | None = None) -> float:
    """How long the work takes, what it left on the device included."""
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: a ratio with its target, its noise, and what it was made of."""

    name: str
    value: float
    unit: str
    target: str = ""
    noise: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)
