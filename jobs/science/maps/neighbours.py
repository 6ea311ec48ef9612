"""Exact nearest neighbours of many items by cosine: scikit-learn's brute force, block by block.

The blocks bound the memory for any number of items, so vectors may be a memory map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.science.maps.cosine import Floats, TopK

QUERY_BLOCK = 1024
LIBRARY_BLOCK = 16_384
WORKING_MIB = 64
"""Memory that scikit-learn may use for distances at a time."""

Tell = Callable[[float], None]
"""Receives the share that is done, from 0 to 1."""


def silent(_: float) -> None:
    """Ignore the progress."""


def nearest(
    vectors: Floats,
    library: Floats,
    *,
    k: int,
    own_rows: NDArray[np.int64] | None = None,
    tell: Tell = silent,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return, for each of `vectors` [n, H], the `k` most similar rows of `library` [m, H].

    Returns row numbers [n, k], best first, and cosine similarities [n, k]. If there are fewer than k rows, the rest is
    -1 and -inf. `own_rows` [n] are the library rows of the vectors themselves, which are left out.
    """
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    best = [TopK(min(QUERY_BLOCK, len(vectors) - at), k) for at in range(0, len(vectors), QUERY_BLOCK)]
    steps = len(best) * -(-len(library) // LIBRARY_BLOCK)
    done = 0
    with config_context(working_memory=WORKING_MIB):
        for first in range(0, len(library), LIBRARY_BLOCK):
            block = np.asarray(library[first : first + LIBRARY_BLOCK])
            found = NearestNeighbors(algorithm="brute", metric="cosine").fit(block)
            for number, top in enumerate(best):
                at = number * QUERY_BLOCK
                own = None if own_rows is None else own_rows[at : at + QUERY_BLOCK]
                _add(top, found, np.asarray(vectors[at : at + QUERY_BLOCK]), first, own, min(k + 1, len(block)))
                done += 1
                tell(done / steps)
    if not best:
        return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
    similarity = np.concatenate([top.similarity for top in best]).astype(np.float32)
    return np.concatenate([top.row for top in best]), similarity


def _add(top: TopK, found: Any, block: Floats, first: int, own: NDArray[np.int64] | None, k: int) -> None:  # noqa: PLR0917
    distances, places = found.kneighbors(block, n_neighbors=k)
    rows = places.astype(np.int64) + first
    similarity = np.clip(1 - distances, -1, 1)
    if own is not None:
        similarity = np.where(rows == own[:, None], -np.inf, similarity)
    top.add(rows, similarity)
