"""Exact cosine similarity: the best k rows of a library that is read in blocks.

Uses numpy alone, so that web processes can run it. A vector of zeros has similarity 0 to anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


class TopK:
    """The `k` best rows of a library for each of `queries` queries, updated as blocks arrive, in any order.

    `row` [queries, k] are library rows, best first, filled up with -1. `similarity` [queries, k] belongs to them. Among
    equal similarities the earlier row is first, for any division into blocks.
    """

    def __init__(self, queries: int, k: int) -> None:
        self.row = np.full((queries, k), -1, dtype=np.int64)
        self.similarity = np.full((queries, k), -np.inf, dtype=np.float64)

    def add(self, row: NDArray[np.int64], similarity: Floats) -> None:
        """Add candidates [queries, m]: library rows with their similarities; -inf means no candidate."""
        k = self.row.shape[1]
        rows = np.concatenate([self.row, np.where(np.isneginf(similarity), -1, row)], axis=1)
        similarities = np.concatenate([self.similarity, similarity.astype(np.float64)], axis=1)
        best = np.lexsort((rows, -similarities), axis=1)[:, :k]
        self.row = np.take_along_axis(rows, best, axis=1)
        self.similarity = np.take_along_axis(similarities, best, axis=1)


def unit_rows(vectors: Floats) -> NDArray[np.float32]:
    """Scale the rows [n, H] to length 1, as float32; rows of zeros stay."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def scan_block(
    best: TopK, query: Floats, block: Floats, rows: NDArray[np.int64], *, leave_out: int | None = None
) -> None:
    """Compare a query [H] with library rows `block` [m, H], numbered `rows` [m]; `leave_out` is the query's own row."""
    wide = block.astype(np.float64)
    direction = query.astype(np.float64) / (np.linalg.norm(query.astype(np.float64)) or 1)
    lengths = np.linalg.norm(wide, axis=1)
    similarity = np.clip(wide @ direction / np.where(lengths == 0, 1, lengths), -1, 1)
    if leave_out is not None:
        similarity[rows == leave_out] = -np.inf
    k = best.row.shape[1]
    if len(rows) > k:
        # Keep all rows as similar as the k-th: `add` orders ties by row.
        worst = np.partition(similarity, -k)[-k]
        kept = similarity >= worst
        rows, similarity = rows[kept], similarity[kept]
    best.add(rows[None], similarity[None])
