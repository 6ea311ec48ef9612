"""Small pictures of results for lists: pure functions from arrays to shapes that a template draws as SVG.

A picture takes a few hundred bytes to ten kilobytes, also if the result is large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 60, 20
"""Size of a picture in its own units. Pages show it larger."""
SQUARE = 20
LEVELS = 7
"""Shades of a heat map. Level 0 is not drawn: it is the background."""
MOST_POINTS = 150
BINS = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes to fill, each a level of colour and an SVG path, and what they show in words."""

    words: str
    width: int
    height: int
    shapes: tuple[tuple[int, str], ...]

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Picture:
        shapes = tuple((int(level), str(path)) for level, path in stored["shapes"])
        return cls(str(stored["words"]), int(stored["width"]), int(stored["height"]), shapes)


def heat_map(values: ArrayLike, words: str) -> Picture:
    """Draw a matrix [n, m], at most HEIGHT x WIDTH cells: larger ones are means of blocks, NaN left out."""
    cells = shrunk(np.asarray(values, dtype=np.float64), HEIGHT, WIDTH)
    return Picture(words, cells.shape[1], cells.shape[0], tuple(_cells(levels_of(cells))))


def contact_map(values: ArrayLike, words: str) -> Picture:
    """Draw a map [L, L] by the strongest contact of each block, so that single contacts stay visible."""
    cells = shrunk(np.asarray(values, dtype=np.float64), SQUARE, SQUARE, strongest=True)
    return Picture(words, cells.shape[1], cells.shape[0], tuple(_cells(levels_of(cells))))


def bars(values: Sequence[float], words: str) -> Picture:
    """Draw values from 0 upwards as bars, the highest as high as the picture."""
    heights = np.maximum(np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0), 0.0)
    top = float(heights.max(initial=0.0))
    if top <= 0:
        return Picture(words, max(1, len(heights)), HEIGHT, ())
    path = "".join(f"M{at} {HEIGHT}v-{high:g}h1v{high:g}z" for at, high in enumerate(_rounded(heights / top)) if high)
    return Picture(words, len(heights), HEIGHT, ((LEVELS, path),))


def histogram(values: ArrayLike, words: str) -> Picture:
    """Draw how often values fall into BINS bins of equal width. Values that are not finite are left out."""
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[np.isfinite(numbers)]
    low, span = (known.min(), known.max() - known.min()) if known.size else (0.0, 0.0)
    # numpy's own bins refuse values that hardly differ.
    shares = (known - low) / span if span > 0 else np.zeros(known.size)
    places = np.minimum((shares * BINS).astype(np.int64), BINS - 1)
    return bars(np.bincount(places, minlength=BINS).tolist(), words)


def scatter(x: ArrayLike, y: ArrayLike, words: str) -> Picture:
    """Draw at most MOST_POINTS points, evenly chosen, scaled to a square."""
    places = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    places = places[:, np.isfinite(places).all(axis=0)]
    places = places[:, :: max(1, -(-places.shape[1] // MOST_POINTS))]
    low, span = places.min(axis=1, keepdims=True, initial=0), 1.0
    if places.shape[1]:
        low = places.min(axis=1, keepdims=True)
        span = float((places.max(axis=1, keepdims=True) - low).max()) or 1.0
    drawn = np.rint((places - low) / span * (2 * SQUARE - 2)).astype(int)
    # The y axis of a picture points down.
    path = "".join(f"M{across} {2 * SQUARE - 2 - up}h2v2h-2z" for across, up in dict.fromkeys(zip(*drawn, strict=True)))
    return Picture(words, 2 * SQUARE, 2 * SQUARE, ((LEVELS, path),) if path else ())


def shrunk(values: Floats, rows: int, columns: int, *, strongest: bool = False) -> Floats:
    """Return a matrix of at most `rows` x `columns` blocks: their means, or their highest values. NaN is left out."""
    height, width = min(rows, values.shape[0]), min(columns, values.shape[1])
    found = np.full((height, width), np.nan)
    for row, lines in enumerate(np.array_split(values, height, axis=0)):
        for column, block in enumerate(np.array_split(lines, width, axis=1)):
            known = block[np.isfinite(block)]
            if known.size:
                found[row, column] = known.max() if strongest else known.mean()
    return found


def levels_of(cells: Floats) -> NDArray[np.int64]:
    """Return the level of each cell, from 0 for the lowest 5 % to LEVELS for the highest; 0 also for NaN."""
    known = cells[np.isfinite(cells)]
    if not known.size:
        return np.zeros(cells.shape, dtype=np.int64)
    low, high = np.percentile(known, [5, 95])
    share = (np.nan_to_num(cells, nan=low) - low) / ((high - low) or 1.0)
    return np.asarray(np.rint(np.clip(share, 0, 1) * LEVELS), dtype=np.int64)


def _cells(levels: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
    """Yield a path for each level above 0. Equal neighbours in a row are one rectangle."""
    paths: dict[int, list[str]] = {}
    for row, line in enumerate(levels.tolist()):
        start = 0
        for at in range(1, len(line) + 1):
            if at == len(line) or line[at] != line[start]:
                if line[start]:
                    paths.setdefault(line[start], []).append(f"M{start} {row}h{at - start}v1h-{at - start}z")
                start = at
    for level in sorted(paths):
        yield level, "".join(paths[level])


def _rounded(shares: Floats) -> list[float]:
    return [round(float(one) * HEIGHT, 1) for one in shares]
