"""Settings of an engine, checked once and frozen."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from e1protocol import PRECISIONS
from worker.model.config import E1Config
from worker.model.errors import SettingError

PRECISION = "E1_PRECISION"
"""Environment variable with the precision of engines that are not configured otherwise."""

DEFAULT_TOKEN_BUDGET = {"cpu": 1024, "cuda": 16384}
"""Tokens of one forward pass. On a CPU 1,024 reach the full rate of the matrix products; a GPU needs more."""

LARGE = 100_000_000
"""Parameters of a network that is worth a compiler, or another precision on a CPU. The calls themselves take most of a
smaller one's pass: nothing is gained, and a measurement would be chance."""

CONTEXT_SHARE = {"cpu": 0.125, "cuda": 0.4}
"""Share of the memory for cached contexts: of all memory on a CPU, of what the network leaves free on a GPU."""


def is_large(config: E1Config) -> bool:
    return config.parameters() >= LARGE


def asked_precision() -> str:
    """Return what `E1_PRECISION` says, "auto" by default."""
    return os.environ.get(PRECISION) or "auto"


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Settings of an engine.

    `device` is a torch device name or "auto". `precision` is "float32", "bfloat16" or "auto" (by measurement, see
    `worker.engine.precision`); without it, `E1_PRECISION` is asked.
    `token_budget` is the size of a forward pass in tokens, `context_bytes` the memory for cached contexts. For both, 0
    means the default of the device.
    """

    device: str = "auto"
    precision: str = field(default_factory=asked_precision)
    token_budget: int = 0
    context_bytes: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise SettingError(
                f"the precision {self.precision!r} is not one of {', '.join(PRECISIONS)}: see {PRECISION}"
            )
        if self.token_budget < 0 or self.context_bytes < 0:
            raise ValueError("token_budget and context_bytes must not be negative")
