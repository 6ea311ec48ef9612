"""Positions as people write them: numbers of residues, and ranges of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobs.errors import InvalidInput
from jobs.science.variants.numbering import SEQUENTIAL, Numbering

_MOST_POSITIONS = 8192
_RANGE = re.compile(r"(-?[0-9]{1,9}[A-Za-z]?)(?:-(-?[0-9]{1,9}[A-Za-z]?)?)?")


def positions_of_text(
    text: str, numbering: Numbering = SEQUENTIAL, *, path: str = "params.positions"
) -> list[int] | None:
    """Return positions named by their numbers, such as `24, 52A, 56-60`; None for all.

    A range holds all residues between its ends. Raises InvalidInput `bad_positions`.
    """
    positions: list[int] = []
    for word in text.replace(",", " ").replace("\N{EN DASH}", "-").split():
        found = _RANGE.fullmatch(word)
        low, high = (numbering.position_of(found[1]), numbering.position_of(found[2] or found[1])) if found else (1, 0)
        if not low or not high or not 0 <= high - low < _MOST_POSITIONS - len(positions):
            what = f"the positions hold {word[:40]!r}"
            remedy = "Give the numbers of residues, and ranges, such as 24, 56-60."
            raise InvalidInput.one("bad_positions", what, remedy, path=path)
        positions += range(low, high + 1)
    return positions or None


def ranges_text(positions: Sequence[int], numbering: Numbering = SEQUENTIAL) -> str:
    """Return ascending positions as the form takes them: `24, 56-60`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    ends = [[str(numbering.label(end)) for end in run] for run in runs]
    return ", ".join(low if low == high else f"{low}-{high}" for low, high in ends)
