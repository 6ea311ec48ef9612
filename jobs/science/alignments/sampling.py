"""Context sampling: choosing the homologs of an alignment that precede the query.

The neighbours of a row are the rows that resemble it. The weight of a row is one over their number, so that a large
family does not crowd out the rest. Rows are drawn without replacement and taken in drawn order, until the next one
would exceed the budget of residues. The definitions are those of Profluent-E1's published sampling. The seed alone
determines the draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e1protocol import NEIGHBOUR_THRESHOLD, SAMPLED_RESIDUES, SAMPLED_SEQUENCES, tokens_of
from jobs.errors import InvalidInput, Problem
from jobs.science.alignments.reading import GAP, Alignment

ENSEMBLE_BUDGETS = (6144, 12288, 24576)
ENSEMBLE_SIMILARITIES = (1.0, 0.95, 0.9, 0.7, 0.5)

_BITS = 5
"""Bits of a letter: A to Z are 1 to 26, a gap is 0."""
_BLOCK, _PARTNERS = 64, 4096
"""Rows compared at a time. Their intermediate results, 2 MB each, fit into the processor's cache."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Settings of one draw. Similarities are shares (0 to 1) of the query's columns; both bounds are inclusive."""

    max_residues: int = SAMPLED_RESIDUES
    max_similarity: float = 1.0
    min_similarity: float = 0.0
    max_sequences: int = SAMPLED_SEQUENCES
    neighbour_threshold: float = NEIGHBOUR_THRESHOLD
    seed: int = 0

    def problems(self, path: str = "params.sampling") -> list[Problem]:
        """Return the problems of these settings, each with the path of its field."""
        checks = (
            ("max_residues", self.max_residues >= 1, "Give a whole number from 1."),
            ("max_similarity", 0 <= self.max_similarity <= 1, "Give a share from 0 to 1."),
            ("min_similarity", 0 <= self.min_similarity <= self.max_similarity, "Give 0 up to the maximum."),
            ("max_sequences", 1 <= self.max_sequences <= SAMPLED_SEQUENCES, f"Give 1 to {SAMPLED_SEQUENCES}."),
            ("neighbour_threshold", 0 < self.neighbour_threshold <= 1, "Give a share above 0, up to 1."),
            ("seed", self.seed >= 0, "Give a whole number from 0."),
        )
        return wrong_settings(self, "bad_sampling", checks, f"{path}.")


def wrong_settings(settings: object, code: str, checks: Iterable[tuple[str, bool, str]], path: str) -> list[Problem]:
    """Return a problem for each failed check (name, good, remedy). `path` precedes the name."""
    return [
        Problem(code, f"{name} is {getattr(settings, name)!r}", remedy, path=path + name)
        for name, good, remedy in checks
        if not good
    ]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One context: the `rows` of the alignment in drawn order, their sequences, and the settings of the draw."""

    sampling: Sampling
    rows: tuple[int, ...]
    sequences: tuple[str, ...]

    @property
    def residues(self) -> int:
        return sum(map(len, self.sequences))

    @property
    def tokens(self) -> int:
        """Tokens in the network: the residues, and four more for each sequence."""
        return tokens_of(*self.sequences)


def published_ensemble(seed: int = 0) -> tuple[Sampling, ...]:
    """Return the settings of the 15 contexts of the published fitness predictions.

    Each budget is combined with each maximum similarity. Seeds count up from `seed` in that order.
    """
    pairs = [(budget, similarity) for budget in ENSEMBLE_BUDGETS for similarity in ENSEMBLE_SIMILARITIES]
    return tuple(Sampling(budget, similarity, seed=seed + n) for n, (budget, similarity) in enumerate(pairs))


def similarities(alignment: Alignment) -> NDArray[np.float64]:
    """Return the similarity of each row to the query [rows]: the share of columns that agree."""
    query = alignment.columns[0]
    return np.asarray(np.count_nonzero(alignment.columns == query, axis=1) / len(query))


def pair_words(rows: int, columns: int) -> int:
    """Return the number of steps of `neighbour_counts`: words of 64 columns, for each pair of rows."""
    return rows * (rows + 1) // 2 * -(-columns // 64)


def neighbour_counts(
    alignment: Alignment,
    threshold: float = NEIGHBOUR_THRESHOLD,
    *,
    report: Callable[[float], None] | None = None,
) -> NDArray[np.int64]:
    """Count the neighbours of each row [rows], itself included.

    Row j is a neighbour of row i if a / r >= `threshold`. Here a counts the columns in which i has no gap and both
    agree, and r the columns in which j has a residue.

    Time grows with the square of the depth, memory with the depth only. Rows are compared in blocks, as bit planes of
    their letters, each pair once. `report` receives the share of pairs compared so far, some hundred times for a deep
    alignment. An exception that it raises ends the count.
    """
    columns = alignment.columns
    planes = _bit_planes(columns)
    filled = _packed(columns != GAP)
    residues = np.count_nonzero(columns != GAP, axis=1).astype(np.float64)
    counts = np.zeros(len(columns), dtype=np.int64)
    for start in range(0, len(columns), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(columns)))
        for first in range(start, len(columns), _PARTNERS):
            others = slice(first, min(first + _PARTNERS, len(columns)))
            agreeing = _agreeing(planes, filled, rows, others)
            with np.errstate(invalid="ignore"):  # 0 / 0 is not >= threshold: a row of gaps is no neighbour
                near = agreeing / residues[others] >= threshold
                near_back = agreeing / residues[rows, None] >= threshold
            counts[rows] += near.sum(axis=1)
            near_back[:, : rows.stop - first] = False  # pairs inside the block were counted from both sides
            counts[others] += near_back.sum(axis=0)
        if report is not None:
            report(1.0 - (1.0 - rows.stop / len(columns)) ** 2)
    return np.maximum(counts, 1)


def _bit_planes(columns: NDArray[np.uint8]) -> list[NDArray[np.uint64]]:
    letters = np.where(columns == GAP, 0, columns - (ord("A") - 1)).astype(np.uint8)
    return [_packed((letters & (1 << bit)) != 0) for bit in range(_BITS)]


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack the bits of each row into words [words, rows], so that the same word of all rows is contiguous."""
    octets = np.packbits(bits, axis=1)
    words = -(-octets.shape[1] // 8)
    padded = np.zeros((len(octets), words * 8), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    return np.ascontiguousarray(padded.view(np.uint64).T)


def _agreeing(
    planes: Sequence[NDArray[np.uint64]], filled: NDArray[np.uint64], rows: slice, others: slice
) -> NDArray[np.uint32]:
    """Return the number of columns with the same residue [len(rows), len(others)]."""
    total = np.zeros((rows.stop - rows.start, others.stop - others.start), dtype=np.uint32)
    for word in range(len(filled)):
        differing = planes[0][word, rows, None] ^ planes[0][word, None, others]
        for plane in planes[1:]:
            differing |= plane[word, rows, None] ^ plane[word, None, others]
        np.invert(differing, out=differing)
        differing &= filled[word, rows, None]
        total += np.bitwise_count(differing)
    return total


class Sampler:
    """A sampler of contexts from one alignment, which counts neighbours once for each threshold.

    `counted` holds the neighbour counts that are already known, by threshold.
    """

    def __init__(self, alignment: Alignment, counted: Mapping[float, NDArray[np.int64]] | None = None) -> None:
        self.alignment = alignment
        self.similarity = similarities(alignment)
        self._lengths = np.array([len(sequence) for sequence in alignment.sequences])
        self._neighbours: dict[float, NDArray[np.int64]] = dict(counted or {})

    def neighbours(self, threshold: float) -> NDArray[np.int64]:
        """Return `neighbour_counts`, computed once per threshold."""
        if threshold not in self._neighbours:
            self._neighbours[threshold] = neighbour_counts(self.alignment, threshold)
        return self._neighbours[threshold]

    def inside(self, sampling: Sampling) -> NDArray[np.intp]:
        """Return the numbers of the rows that may be drawn: similarity within the window, at least one residue."""
        near = (self.similarity >= sampling.min_similarity) & (self.similarity <= sampling.max_similarity)
        return np.flatnonzero(near & (self._lengths > 0))

    def draw(self, sampling: Sampling) -> Drawn:
        """Draw one context. Rows are numbered as in the alignment; row 0, the query, has similarity 1 and may be drawn.

        Raises InvalidInput `bad_sampling` for impossible settings. Raises `no_context` if no row lies within the
        window, or if the first row drawn exceeds the budget alone.
        """
        if problems := sampling.problems():
            raise InvalidInput.of(*problems)
        inside = self.inside(sampling)
        if not len(inside):
            raise InvalidInput.of(_nothing_inside(self, sampling))
        weights = 1.0 / self.neighbours(sampling.neighbour_threshold)[inside]
        size = min(sampling.max_sequences, len(inside))
        generator = np.random.default_rng(sampling.seed)
        drawn = generator.choice(len(inside), size, p=weights / weights.sum(), replace=False, shuffle=True)
        rows = inside[drawn]
        lengths = self._lengths[rows]
        rows = rows[np.cumsum(lengths) <= sampling.max_residues].tolist()
        if not rows:
            first = lengths[0]
            what = f"The first row drawn has {first:,} residues, more than the budget of {sampling.max_residues:,}"
            raise InvalidInput.one("no_context", what, "Give a larger budget or another seed.")
        return Drawn(sampling, tuple(rows), tuple(self.alignment.sequences[row] for row in rows))


def _nothing_inside(sampler: Sampler, sampling: Sampling) -> Problem:
    others = sampler.similarity[1:]
    spread = f"; the homologs lie between {others.min():.3f} and {others.max():.3f}" if len(others) else ""
    what = (
        f"No row of the alignment has a similarity to the query from {sampling.min_similarity:g} "
        f"to {sampling.max_similarity:g}{spread}"
    )
    return Problem("no_context", what, "Widen the window of similarity, or send a deeper alignment.")
