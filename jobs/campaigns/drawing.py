"""Geometry of the pictures of campaigns, which templates draw as SVG without scripts. Colours are those of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isnan, log10

from jobs.web.histogram import Tick

WIDTH, HEIGHT = 320, 260
LEFT, RIGHT, TOP, BOTTOM = 70, 12, 12, 62
"""Margins for the numbers and titles at the axes, whose letters are larger on a phone."""
SMALLEST, LARGEST = 1e-100, 1e100
"""Numbers beyond these are not drawn: their differences are no numbers."""
LEVELS = 4
"""Steps of colour on each side of the reference."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From numbers to coordinates, between `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> Axis:
        """Return the axis of these numbers with a small margin."""
        low, high = min(values), max(values)
        largest = max(abs(low), abs(high))
        room = 0.04 * (high - low)
        if high - low < max(1e-9 * largest, SMALLEST):  # numbers between them could not be told apart
            room = 0.1 * largest if largest > SMALLEST else 0.5
        return cls(low - room, high + room, start, end)

    def at(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self, count: int) -> tuple[Tick, ...]:
        """Return about so many round numbers."""
        rough = (self.high - self.low) / count
        power = 10.0 ** floor(log10(rough))
        step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough * (1 - 1e-9))
        digits = max(0, -floor(log10(step) + 1e-9))
        first, last = ceil(self.low / step), floor(self.high / step)
        return tuple(Tick(self.at(n * step), _number(n * step, digits)) for n in range(first, last + 1))


def _number(value: float, digits: int) -> str:
    if digits > 6 or abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True)
class Panel:
    """A scatter plot: one path of points, which are lines without length, and its two axes."""

    title: str
    sentence: str
    path: str
    along: tuple[Tick, ...]
    up: tuple[Tick, ...]
    up_title: str
    """What the upward axis has, with its unit."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    base: int = HEIGHT - BOTTOM
    middle: int = (LEFT + WIDTH - RIGHT) // 2

    @classmethod
    def of(cls, titles: tuple[str, str], sentence: str, x: Sequence[float], y: Sequence[float]) -> Panel | None:
        """Return the picture of the points with two finite numbers, or None if there are none.

        `titles` are those of the axes, the upward one last.
        """
        points = [(a, b) for a, b in zip(x, y, strict=True) if abs(a) < LARGEST and abs(b) < LARGEST]
        if not points:
            return None
        across = Axis.of([a for a, _ in points], LEFT + 4, WIDTH - RIGHT - 4)
        up = Axis.of([b for _, b in points], HEIGHT - BOTTOM - 4, TOP + 4)
        path = "".join(f"M{across.at(a):g} {up.at(b):g}h0" for a, b in points)
        return cls(titles[0], sentence, path, across.ticks(4), up.ticks(5), titles[1])


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the picture of rounds."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """Best measured values by round, joined by a line, beside the best predicted ones."""

    sentence: str
    measured: tuple[Mark, ...]
    predicted: tuple[Mark, ...]
    line: str
    along: tuple[Tick, ...]
    up: tuple[Tick, ...]
    up_title: str
    """What the upward axis has, with its unit."""
    width: int = 2 * WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = 2 * WIDTH - RIGHT
    top: int = TOP
    base: int = HEIGHT - BOTTOM
    middle: int = (LEFT + 2 * WIDTH - RIGHT) // 2

    @classmethod
    def of(
        cls,
        sentence: str,
        up_title: str,
        names: Sequence[str],
        measured: Sequence[float | None],
        predicted: Sequence[float | None],
    ) -> Rounds | None:
        """Return the picture, or None without any number. `names` are those of the rounds, in their order."""
        values = [one for one in (*measured, *predicted) if one is not None and abs(one) < LARGEST]
        if not values:
            return None
        step = (2 * WIDTH - LEFT - RIGHT) / len(names)
        places = [round(LEFT + (at + 0.5) * step, 1) for at in range(len(names))]
        up = Axis.of(values, HEIGHT - BOTTOM - 6, TOP + 6)

        def marks(found: Sequence[float | None]) -> tuple[Mark, ...]:
            pairs = zip(places, found, strict=True)
            return tuple(Mark(x, up.at(value)) for x, value in pairs if value is not None and abs(value) < LARGEST)

        known = marks(measured)
        line = "M" + "L".join(f"{one.x:g} {one.y:g}" for one in known) if len(known) > 1 else ""
        every = max(1, ceil(len(names) / 12))
        along = [Tick(x, name) for x, name in zip(places, names, strict=True)][::every]
        return cls(sentence, known, marks(predicted), line, tuple(along), up.ticks(5), up_title)


def level(distance: float, scale: float) -> str:
    """Return the class of a colour for a distance from the reference: `up1` to `up4`, `down1` to `down4`, or ""."""
    if not scale or isnan(distance):
        return ""
    share = max(-1.0, min(1.0, distance / scale))
    step = min(LEVELS, int(abs(share) * LEVELS + 0.5))
    return f"{'up' if share > 0 else 'down'}{step}" if step else ""
