"""A scan as tables: substitutions in order of their score, and a summary row for each position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.science.variants.metrics import percentiles

Floats = NDArray[np.float64]

RESIDUES = len(CANONICAL)


@dataclass(frozen=True, slots=True)
class Substitution:
    """One substitution: `score` is log p(mutant) - log p(wild type), `probability` is p(mutant).

    `position` counts from 1; `number` is the label of the residue, which the code has.
    """

    code: str
    position: int
    number: str
    wild: str
    mutant: str
    score: float
    spread: float
    probability: float


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One position: `mean` is over the 19 substitutions, `information` is in bits (0 to log2 20 = 4.32)."""

    position: int
    number: str
    wild: str
    mean: float
    best: Substitution
    wild_probability: float
    information: float


@dataclass(frozen=True, slots=True)
class ScanTable:
    """Scores and spreads [P, 20] of the substitutions at `positions` [P] (1-based) whose residues are `wild` [P].

    `numbers` [P] are the labels of the residues.
    """

    positions: tuple[int, ...]
    numbers: tuple[str, ...]
    wild: tuple[str, ...]
    scores: Floats
    spread: Floats

    @classmethod
    def of(cls, result: Mapping[str, Any], sequence: str) -> ScanTable:
        """Build the table from a result of the action scan on `sequence`."""
        positions = tuple(result["positions"])
        scores = np.asarray(result["scores"], dtype=np.float64).reshape(-1, RESIDUES)
        spread = np.asarray(result["spread"], dtype=np.float64).reshape(-1, RESIDUES)
        wild = tuple(sequence[position - 1] for position in positions)
        return cls(positions, tuple(result["numbers"]), wild, scores, spread)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def is_numbered(self) -> bool:
        """Whether residues have other numbers than their positions."""
        return any(number != str(position) for number, position in zip(self.numbers, self.positions, strict=True))

    @property
    def probabilities(self) -> Floats:
        """Predicted probabilities [P, 20]: the softmax of each row, whose scores differ from log p by a constant."""
        powers = np.exp(self.scores - self.scores.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def _mutants(self) -> NDArray[np.bool_]:
        """Return which cells [P, 20] are substitutions: all except the wild type's own."""
        wild = np.array([CANONICAL.index(letter) for letter in self.wild], dtype=np.intp)
        return np.asarray(np.arange(RESIDUES)[None, :] != wild[:, None])

    @property
    def substitution_scores(self) -> Floats:
        """The scores of all substitutions, position by position: those of the wild type are left out."""
        return np.asarray(self.scores[self._mutants()])

    @property
    def percentiles(self) -> Floats:
        """The percentage [P, 20] of the substitutions that score below each; NaN for the wild type."""
        return np.where(self._mutants(), percentiles(self.scores, self.substitution_scores), np.nan)

    def ranked(
        self, *, position: int | None = None, worst_first: bool = False, by: Floats | None = None
    ) -> NDArray[np.intp]:
        """Return the cells (row x 20 + column) of all substitutions, or of those at one position, best first.

        `by` [P, 20] ranks them instead of the scores; cells without a number come last. Equal ones keep the order of
        positions and columns.
        """
        wanted = self._mutants()
        if position is not None:
            wanted &= (np.array(self.positions) == position)[:, None]
        cells = np.flatnonzero(wanted)
        scores = (self.scores if by is None else by).ravel()[cells]
        return np.asarray(cells[np.argsort(scores if worst_first else -scores, kind="stable")])

    def cell(self, position: int, mutant: str) -> int:
        """Return the cell (row x 20 + column) of a substitution at a scanned position."""
        return self.positions.index(position) * RESIDUES + CANONICAL.index(mutant)

    def substitutions(self, cells: Sequence[int] | NDArray[np.intp]) -> list[Substitution]:
        probabilities = self.probabilities
        found = []
        for cell in cells:
            row, column = divmod(int(cell), RESIDUES)
            wild, mutant, number = self.wild[row], CANONICAL[column], self.numbers[row]
            score, spread = float(self.scores[row, column]), float(self.spread[row, column])
            code, share = f"{wild}{number}{mutant}", float(probabilities[row, column])
            found.append(Substitution(code, self.positions[row], number, wild, mutant, score, spread, share))
        return found

    def rows(self, start: int = 0, count: int | None = None) -> Iterator[PositionRow]:
        """Yield the summary of each position from row `start`."""
        mutants = self._mutants()
        probabilities = self.probabilities
        end = len(self) if count is None else min(len(self), start + count)
        for row in range(start, end):
            scores = np.where(mutants[row], self.scores[row], -np.inf)
            (best,) = self.substitutions([row * RESIDUES + int(scores.argmax())])
            shares = probabilities[row][probabilities[row] > 0]
            yield PositionRow(
                position=self.positions[row],
                number=self.numbers[row],
                wild=self.wild[row],
                mean=float(self.scores[row][mutants[row]].mean()),
                best=best,
                wild_probability=float(probabilities[row, CANONICAL.index(self.wild[row])]),
                information=float(np.log2(RESIDUES) + (shares * np.log2(shares)).sum()),
            )

    def score_of(self, mutations: Sequence[tuple[int, str]]) -> float | None:
        """Return the score of a variant, given as (position, mutant) pairs: the sum over its positions.

        Returns None if a position was not scanned.
        """
        place = {position: row for row, position in enumerate(self.positions)}
        if any(position not in place for position, _ in mutations):
            return None
        return float(sum(self.scores[place[position], CANONICAL.index(mutant)] for position, mutant in mutations))
