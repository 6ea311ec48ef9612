"""Contact maps from the categorical Jacobian: which residues' logits answer to a substitution elsewhere.

J[i, a, j, b] is the change of logit b at position j when position i of the wild type becomes residue a. J + J^T over
(i, a, j, b) is centred on all four axes; the Frobenius norm over (a, b) gives a map [L, L], its diagonal is set to
zero, and the average product correction is taken off (method: Zhang et al. 2024, as Profluent-E1 uses it).

How this goes without the whole Jacobian of (20 L)^2 numbers. Centring on each axis is a projection, and projections
on different axes commute with each other and with the transposition, so centring may come before symmetrising. Three
of the four centrings (a, j and b) concern one row i alone and are done when it arrives. The fourth takes off the mean
over i, [20, L, 20], which is summed up meanwhile and known exactly at the end. Until then each pair of positions
needs its 400 numbers, of which symmetrising leaves those with i < j: 800 L (L - 1) bytes in float32, half of a
float32 Jacobian and a quarter of a float64 one (53 MB for 256 residues, 210 MB for 512). Beyond `memory` bytes they
lie in a temporary file. A second pass over the network would need less, and cost as much again as the first. Rows may
arrive in any order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, Encoding, Query
from jobs.errors import InvalidInput, Problem
from jobs.limits import MIB

Floats = NDArray[np.float64]
Logits = NDArray[np.floating[Any]]
Encode = Callable[[Sequence[Query]], Sequence[Encoding]]
"""`Engine.encode`."""

MAX_CONTACT_RESIDUES = 512
"""Residues of a contact map: 19 passes for each, and memory with their square (210 MB)."""

MIN_SEPARATION = 24
"""Distance along the chain from which a pair counts as long-range."""

CONTACT_DISTANCE = 8.0
"""Angstrom between C-beta atoms (C-alpha for glycine) below which a pair is a contact."""

KEPT_IN_MEMORY = 256 * MIB
"""Bytes of pairs that are kept in memory before a temporary file is taken."""

RESIDUES = len(CANONICAL)
_PAIR = RESIDUES * RESIDUES
_LOGITS = frozenset({"logits"})


def check_length(sequence: str) -> None:
    """Raises InvalidInput `sequence_too_long` beyond `MAX_CONTACT_RESIDUES`, `too_short` below two residues."""
    if len(sequence) > MAX_CONTACT_RESIDUES:
        what = f"The sequence has {len(sequence):,} residues, and contact maps are limited to {MAX_CONTACT_RESIDUES:,}"
        raise InvalidInput.of(Problem("sequence_too_long", what, "Cut it into domains.", path="sequence"))
    if len(sequence) < 2:
        raise InvalidInput.of(
            Problem("too_short", "A contact map needs two residues", "Give a longer sequence.", path="sequence")
        )


def wildtype_query(parent: str, context: tuple[str, ...] = ()) -> Query:
    """The pass that all changes are counted from."""
    return Query(parent, context, (), _LOGITS)


def row_queries(parent: str, position: int, context: tuple[str, ...] = ()) -> list[Query]:
    """The passes with each other canonical residue at `position` (0-based), in the order of `CANONICAL`.

    Nineteen of them: the wild type changes nothing. Twenty where the parent has no canonical residue there.
    """
    before, after = parent[:position], parent[position + 1 :]
    return [
        Query(before + residue + after, context, (), _LOGITS) for residue in CANONICAL if residue != parent[position]
    ]


def jacobian_row(parent: str, position: int, wildtype: Logits, mutants: Iterable[Logits]) -> Floats:
    """Changes of all logits [20, L, 20] by a substitution at `position`, float64, not centred.

    `wildtype` are the logits [L, 20] of `wildtype_query`, `mutants` those of `row_queries` in their order. Raises
    ValueError where some are missing or left over.
    """
    changed = [residue for residue in range(RESIDUES) if CANONICAL[residue] != parent[position]]
    row = np.zeros((RESIDUES, len(parent), RESIDUES))
    for residue, logits in zip(changed, mutants, strict=True):
        row[residue] = logits
        row[residue] -= wildtype
    return row


def centred_row(row: Floats) -> NDArray[np.float32]:
    """A row of the Jacobian [20, L, 20] centred on its three axes, as `ContactMap.add` takes it."""
    centred = row.astype(np.float64)
    for axis in range(3):
        centred -= centred.mean(axis=axis, keepdims=True)
    return centred.astype(np.float32)


class ContactMap:
    """Gathers rows of the Jacobian and makes the map of them; a context manager, which gives its memory back.

    `memory` is what pairs may take of it, in bytes; more goes to a temporary file in `folder` (the system's place for
    temporary files by default).
    """

    def __init__(self, length: int, *, memory: int = KEPT_IN_MEMORY, folder: Path | None = None) -> None:
        self.length = length
        self._added = np.zeros(length, dtype=bool)
        self._sum = np.zeros((RESIDUES, length, RESIDUES))
        # Where the pairs (i, i + 1), (i, i + 2), ... begin.
        self._start = np.concatenate(([0], np.cumsum(np.arange(length - 1, -1, -1))))
        pairs = int(self._start[-1])
        self._file = None
        self._pairs: NDArray[np.float32]
        if pairs * _PAIR * 4 <= memory:
            self._pairs = np.zeros((pairs, RESIDUES, RESIDUES), dtype=np.float32)
        else:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` ends it
            self._pairs = np.memmap(self._file, np.float32, "w+", shape=(pairs, RESIDUES, RESIDUES))

    def __enter__(self) -> ContactMap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the pairs."""
        self._pairs = np.zeros((0, RESIDUES, RESIDUES), dtype=np.float32)
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, position: int, centred: NDArray[np.float32]) -> None:
        """Take the row of `position` (0-based), from `centred_row`. Raises ValueError for a row that is in already, or
        of another shape.
        """
        if self._added[position]:
            raise ValueError(f"row {position} is in already")
        if centred.shape != self._sum.shape:
            raise ValueError(f"a row of shape {centred.shape} for {self._sum.shape}")
        self._added[position] = True
        self._sum += centred
        by_partner = centred.transpose(1, 0, 2)  # [j, a, b]
        self._pairs[self._start[position] : self._start[position + 1]] += by_partner[position + 1 :]
        earlier = np.arange(position)
        self._pairs[self._start[earlier] + position - earlier - 1] += by_partner[:position].transpose(0, 2, 1)

    def norms(self) -> Floats:
        """Frobenius norms [L, L] of the symmetric, centred Jacobian, symmetric, zero on the diagonal.

        Raises ValueError while rows are missing.
        """
        if not self._added.all():
            raise ValueError(f"{np.count_nonzero(~self._added)} rows are missing")
        mean = (self._sum / self.length).transpose(1, 0, 2)  # [j, a, b], the mean over i
        norms = np.zeros((self.length, self.length))
        for i in range(self.length - 1):
            both = self._pairs[self._start[i] : self._start[i + 1]] - (mean[i + 1 :] + mean[i].T)
            norms[i, i + 1 :] = np.sqrt(np.square(both).sum(axis=(1, 2)))
        return norms + norms.T

    def finish(self) -> Floats:
        """The contact map [L, L]: norms with the average product correction. Raises what `norms` raises."""
        return average_product_corrected(self.norms())


def average_product_corrected(norms: Floats) -> Floats:
    """`norms` [L, L] less (sum of row i) x (sum of column j) / (sum of all) (APC, Dunn et al. 2008)."""
    total = norms.sum()
    if total == 0:
        return norms.copy()
    return np.asarray(norms - np.outer(norms.sum(axis=1), norms.sum(axis=0)) / total)


def contact_map(parent: str, rows: Iterable[tuple[int, NDArray[np.float32]]]) -> Floats:
    """The map [L, L] of rows (position, `centred_row`) in any order. Raises what `ContactMap` raises."""
    with ContactMap(len(parent)) as gathered:
        for position, row in rows:
            gathered.add(position, row)
        return gathered.finish()


def rows_through(
    parent: str, encode: Encode, context: tuple[str, ...] = (), *, positions: Sequence[int] | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Centred rows of the Jacobian, one position after the other, through `encode` (`Engine.encode`).

    Raises RuntimeError with the code of a query that could not be computed (`out_of_memory`).
    """
    (wildtype,) = map(_logits, encode([wildtype_query(parent, context)]))
    for position in range(len(parent)) if positions is None else positions:
        mutants = map(_logits, encode(row_queries(parent, position, context)))
        yield position, centred_row(jacobian_row(parent, position, wildtype, mutants))


def _logits(encoding: Encoding) -> Logits:
    if encoding.logits is None:
        raise RuntimeError(encoding.error or "the encoding carries no logits")
    return encoding.logits


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of the best-scored pairs are contacts: `hits` of `pairs`; `contacts` long-range contacts there are."""

    hits: int
    pairs: int
    contacts: int

    @property
    def value(self) -> float:
        """The share of hits, NaN where there were no pairs."""
        return self.hits / self.pairs if self.pairs else float("nan")


def long_range_precision(
    scores: Floats,
    distances: Floats,
    *,
    separation: int = MIN_SEPARATION,
    within: float = CONTACT_DISTANCE,
) -> Precision:
    """Long-range precision at L, L being the number of residues resolved in the structure.

    `scores` [L, L] are of any scale, higher means closer; `distances` [L, L] in Angstrom, NaN for residues that the
    structure does not resolve (`jobs.science.contacts.structures`). The pairs are the L best-scored ones with both
    residues resolved and |i - j| >= `separation`; a pair is a contact if its distance is below `within`.
    Raises ValueError for arrays of different shapes.
    """
    if scores.shape != distances.shape:
        raise ValueError(f"scores of shape {scores.shape} and distances of shape {distances.shape}")
    resolved = np.isfinite(np.diagonal(distances))
    i, j = np.triu_indices(len(scores), k=separation)
    known = resolved[i] & resolved[j]
    i, j = i[known], j[known]
    contact = distances[i, j] < within
    best = np.argsort(-scores[i, j], kind="stable")[: np.count_nonzero(resolved)]
    return Precision(int(contact[best].sum()), len(best), int(contact.sum()))
