"""Contact maps from the categorical Jacobian: which residues' logits respond to a substitution elsewhere.

J[i, a, j, b] is the change of logit b at position j when position i of the wild type becomes residue a. J + J^T over
(i, a, j, b) is centred on all four axes. The Frobenius norm over (a, b) is a map [L, L]; its diagonal is set to zero,
and the average product correction is subtracted (method: Zhang et al. 2024, as Profluent-E1 uses it).

The whole Jacobian has (20 L)^2 numbers. This module never holds all of them:

- Centring on an axis is a projection. Projections on different axes commute with each other and with the
  transposition, so centring may precede symmetrising.
- Three of the four centrings (a, j and b) concern one row i alone, and are done when the row arrives.
- The fourth subtracts the mean over i, [20, L, 20]. It is summed up as rows arrive, and known exactly at the end.
- Until then each pair of positions needs its 400 numbers. Symmetrising leaves those with i < j.

This takes 800 L (L - 1) bytes in float32: 53 MB for 256 residues, 210 MB for 512. That is half of a float32 Jacobian
and a quarter of a float64 one. A second pass over the network would need less memory, but cost as much again as the
first. Rows may arrive in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, Query

Floats = NDArray[np.float64]
Logits = NDArray[np.floating[Any]]

MAX_CONTACT_RESIDUES = 512
"""Most residues of a contact map: each costs 19 passes, and memory grows with their square (210 MB)."""

RESIDUES = len(CANONICAL)
_LOGITS = frozenset({"logits"})


def wildtype_query(parent: str, context: tuple[str, ...] = ()) -> Query:
    """Return the query of the wild type, from which all changes are measured."""
    return Query(parent, context, (), _LOGITS)


def row_queries(parent: str, position: int, context: tuple[str, ...] = ()) -> list[Query]:
    """Return the queries with each other canonical residue at `position` (0-based), in the order of `CANONICAL`.

    There are 19, because the wild type changes nothing; 20 if the parent has no canonical residue there.
    """
    before, after = parent[:position], parent[position + 1 :]
    return [
        Query(before + residue + after, context, (), _LOGITS) for residue in CANONICAL if residue != parent[position]
    ]


def jacobian_row(parent: str, position: int, wildtype: Logits, mutants: Iterable[Logits]) -> Floats:
    """Return the changes of all logits [20, L, 20] by a substitution at `position`, in float64, not centred.

    `wildtype` are the logits [L, 20] of `wildtype_query`, `mutants` those of `row_queries` in order. Raises ValueError
    if some are missing or left over.
    """
    changed = [residue for residue in range(RESIDUES) if CANONICAL[residue] != parent[position]]
    row = np.zeros((RESIDUES, len(parent), RESIDUES))
    for residue, logits in zip(changed, mutants, strict=True):
        row[residue] = logits
        row[residue] -= wildtype
    return row


def centred_row(row: Floats) -> NDArray[np.float32]:
    """Centre a row of the Jacobian [20, L, 20] on its three axes, as `ContactMap.add` expects it."""
    centred = row.astype(np.float64)
    for axis in range(3):
        centred -= centred.mean(axis=axis, keepdims=True)
    return centred.astype(np.float32)


class ContactMap:
    """A contact map in the making, from the rows of the Jacobian of a sequence of `length` residues."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._added = np.zeros(length, dtype=bool)
        self._sum = np.zeros((RESIDUES, length, RESIDUES))
        # Pairs (i, i + 1), (i, i + 2), ... begin at _start[i].
        self._start = np.concatenate(([0], np.cumsum(np.arange(length - 1, -1, -1))))
        self._pairs = np.zeros((int(self._start[-1]), RESIDUES, RESIDUES), dtype=np.float32)

    def add(self, position: int, centred: NDArray[np.float32]) -> None:
        """Add the row of `position` (0-based), made by `centred_row`.

        Raises ValueError for a row that was added before, or of another shape.
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
        """Return the Frobenius norms [L, L] of the symmetric, centred Jacobian: symmetric, zero on the diagonal.

        Raises ValueError if rows are missing.
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
        """Return the contact map [L, L]: the norms with the average product correction. Raises what `norms` raises."""
        return average_product_corrected(self.norms())


def average_product_corrected(norms: Floats) -> Floats:
    """Subtract (sum of row i) x (sum of column j) / (sum of all) from `norms` [L, L] (APC, Dunn et al. 2008)."""
    total = norms.sum()
    if total == 0:
        return norms.copy()
    return np.asarray(norms - np.outer(norms.sum(axis=1), norms.sum(axis=0)) / total)
