"""What an alignment covers: depth by position, identity of its rows, frequencies of residues, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.science.alignments.reading import Alignment

Floats = NDArray[np.float64]

MAX_BANDS = 200
"""Rows of the picture of coverage: more rows of the alignment are put together in bands."""
TOO_THIN = 1.0
"""Effective sequences per residue below which ProteinGym calls an alignment low (Notin et al. 2023, NeurIPS 36)."""
ENOUGH = 5.0
"""Sequences per residue from which covariation tells contacts (Kamisetty et al. 2013, PNAS 110:15674)."""
_GAP = ord("-")


@dataclass(frozen=True, slots=True)
class Summary:
    """An alignment of L columns in figures.

    - `depth` [L] counts the rows that have a residue there, the parent included.
    - `bands` [B, L] is the mean identity of a band's rows to the parent. Rows are in the order of their identity. It is
      NaN at positions that less than half of the band covers. `band_rows` [B] counts the rows of each.
    - `frequencies` [L, 20] are those of the canonical residues, weighted by the rows' weights; 0 if there is none.
    """

    depth: NDArray[np.int64]
    bands: Floats
    band_rows: NDArray[np.int64]
    frequencies: Floats


def summarised(alignment: Alignment, weights: Floats | None = None) -> Summary:
    """Summarise an alignment. `weights` [rows] are one over the number of neighbours; without them all rows are equal.

    The identity of a row is the share of its own residues that are those of the parent, as in ColabFold's picture.
    """
    columns = alignment.columns
    present = columns != _GAP
    same = np.count_nonzero((columns == columns[0]) & present, axis=1)
    identity = same / np.maximum(present.sum(axis=1), 1)
    order = np.argsort(-identity, kind="stable")
    groups = np.array_split(order, min(MAX_BANDS, len(order)))
    bands = np.full((len(groups), columns.shape[1]), np.nan)
    for band, rows in enumerate(groups):
        bands[band, present[rows].mean(axis=0) >= 0.5] = identity[rows].mean()
    weighting = np.ones(len(columns)) if weights is None else weights
    counts = np.stack([((columns == ord(letter)) * weighting[:, None]).sum(axis=0) for letter in CANONICAL], axis=1)
    totals = counts.sum(axis=1, keepdims=True)
    return Summary(
        depth=present.sum(axis=0),
        bands=bands,
        band_rows=np.array([len(rows) for rows in groups]),
        frequencies=np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0),
    )


def verdict(effective_depth: float, columns: int) -> str:
    """Return `enough`, `thin` or `too thin` by the effective sequences per residue of the parent."""
    share = effective_depth / columns
    if share < TOO_THIN:
        return "too thin"
    return "thin" if share < ENOUGH else "enough"


def a3m(alignment: Alignment) -> str:
    """Return the rows in the columns of the parent. Insertions are left out: their places are not stored."""
    rows = zip(alignment.names, alignment.columns, strict=True)
    return "".join(f">{name}\n{row.tobytes().decode('ascii')}\n" for name, row in rows)


def fasta(alignment: Alignment) -> str:
    """Return the whole sequences of the rows, insertions included, without gaps."""
    rows = zip(alignment.names, alignment.sequences, strict=True)
    return "".join(f">{name}\n{sequence}\n" for name, sequence in rows)
