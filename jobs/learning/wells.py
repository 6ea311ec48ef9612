"""Plate maps: which well has what. Controls are spread over the plate; the seed alone determines the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIZES = {96: (8, 12), 384: (16, 24)}
"""Rows and columns of a plate."""

LINE = 0.25
"""Distance that a well loses for each control in its row or column, which share their pipetting."""


@dataclass(frozen=True, slots=True)
class Well:
    """A well by its place from 0."""

    row: int
    column: int

    @property
    def name(self) -> str:
        """The name, such as A1 or P24."""
        return f"{chr(ord('A') + self.row)}{self.column + 1}"


def wells_of(size: int) -> list[Well]:
    """Return the wells of a plate, row by row. Raises ValueError for another size."""
    if size not in SIZES:
        raise ValueError(f"there are plates of {' and '.join(map(str, SIZES))} wells, not {size}")
    rows, columns = SIZES[size]
    return [Well(row, column) for row in range(rows) for column in range(columns)]


def well_named(name: str, size: int = 384) -> Well | None:
    """Return the well with a name such as A1, a01 or P24, or None."""
    letter, number = name.strip()[:1].upper(), name.strip()[1:]
    rows, columns = SIZES[size]
    row = ord(letter) - ord("A") if letter.isascii() and letter.isalpha() else -1
    if not (0 <= row < rows and number.isascii() and number.isdigit() and 1 <= int(number) <= columns):
        return None
    return Well(row, int(number) - 1)


def spread(size: int, controls: Sequence[str], others: Sequence[str], *, seed: int) -> dict[str, str]:
    """Return the content of each named well: `controls` as far apart as possible, `others` in order in the rest.

    Each control goes to the well that is farthest from the controls before it. Wells of its own kind count twice.
    Ties are broken by the seed. Raises ValueError if there are more contents than wells.
    """
    wells = wells_of(size)
    if len(controls) + len(others) > len(wells):
        raise ValueError(f"{len(controls) + len(others)} contents do not fit into {len(wells)} wells")
    places = np.array([(well.row, well.column) for well in wells], dtype=float)
    generator = np.random.default_rng(seed)
    tie = generator.permutation(len(wells))
    taken: dict[int, str] = {}
    for kind in _alternating(controls):
        room = _room(kind, taken, places)
        taken[max((at for at in range(len(wells)) if at not in taken), key=lambda at: (room[at], tie[at]))] = kind
    free = iter(at for at in range(len(wells)) if at not in taken)
    taken |= {next(free): content for content in others}
    return {wells[at].name: taken[at] for at in sorted(taken)}


def _alternating(controls: Sequence[str]) -> list[str]:
    """Return the controls so that kinds take turns, in the order of their first appearance."""
    seen: dict[str, int] = {}
    keyed = []
    for place, kind in enumerate(controls):
        seen[kind] = seen.get(kind, -1) + 1
        keyed.append((seen[kind], place, kind))
    return [kind for _, _, kind in sorted(keyed)]


def _room(kind: str, taken: dict[int, str], places: np.ndarray) -> np.ndarray:
    """Return the room [wells] that each well has for another control of this kind."""
    if not taken:
        return np.zeros(len(places))
    others, own = places[list(taken)], places[[at for at, content in taken.items() if content == kind]]
    in_line = (others[None] == places[:, None]).any(axis=2).sum(axis=1)
    nearest = _nearest(others, places)
    if len(own):
        nearest = np.minimum(nearest, _nearest(own, places) / 2)
    return np.asarray(nearest - LINE * in_line)


def _nearest(others: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(others[None] - places[:, None], axis=2).min(axis=1))
