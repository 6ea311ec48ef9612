"""The geometry of a histogram that a template draws as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 216
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 14, 58
"""Margins for the numbers at the axes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: its place in the picture, its range and its count."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on an axis, at the coordinate `at`."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A picture, with `rows` for its table (no empty bars at the ends) and `sentence` for its description."""

    bars: tuple[Bar, ...]
    along: tuple[Tick, ...]
    up: tuple[Tick, ...]
    sentence: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    middle: int = (LEFT + WIDTH - RIGHT) // 2
    base: int = HEIGHT - BOTTOM

    @classmethod
    def of(cls, bins: Sequence[Mapping[str, float]]) -> Histogram:
        """Lay out adjacent `bins` from 0 to 1, each with `low`, `high` and `count`."""
        most = int(max(one["count"] for one in bins))
        room, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        bars = tuple(
            Bar(
                x=round(LEFT + one["low"] * room + 1, 1),
                y=round(HEIGHT - BOTTOM - height * one["count"] / max(most, 1), 1),
                width=round((one["high"] - one["low"]) * room - 2, 1),
                height=round(height * one["count"] / max(most, 1), 1),
                low=one["low"],
                high=one["high"],
                count=int(one["count"]),
            )
            for one in bins
        )
        along = tuple(Tick(LEFT + share / 5 * room, f"{share / 5:.1f}") for share in range(6))
        up = tuple(
            Tick(HEIGHT - BOTTOM - height * number / most, f"{number:,}")
            for number in sorted({0, most // 2, most})
            if most
        )
        return cls(bars, along, up, _sentence(bars))

    @property
    def rows(self) -> tuple[Bar, ...]:
        filled = [at for at, bar in enumerate(self.bars) if bar.count]
        return self.bars[filled[0] : filled[-1] + 1] if filled else ()


def _sentence(bars: Sequence[Bar]) -> str:
    total = sum(bar.count for bar in bars)
    if not total:
        return "There are no homologs beside the parent."
    most = max(bars, key=lambda bar: bar.count)
    if total == 1:
        return f"One homolog, whose similarity to the parent is between {most.low:g} and {most.high:g}."
    return (
        f"{total:,} homologs by their similarity to the parent, from 0 to 1. The most, {most.count:,}, "
        f"lie between {most.low:g} and {most.high:g}."
    )
