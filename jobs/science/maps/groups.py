"""Groups of similar items, by cosine.

- `louvain` (Blondel et al. 2008) finds communities in the graph that joins each item with its nearest neighbours. The
  number of groups follows from the data, and every item belongs to one.
- `hdbscan` (Campello et al. 2013) suits libraries of families that are far apart. Embeddings of related proteins form
  one cloud of varying density. HDBSCAN then finds one large group and leaves out most other items.
- `kmeans` runs in mini-batches. `auto` takes it beyond `exact_items`, because the time of the other two grows with the
  square of the number of items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.science.maps.cosine import Floats, unit_rows
from jobs.science.maps.layouts import principal
from jobs.science.maps.neighbours import Tell, silent

DIMENSIONS = 32
"""Principal components of the unit vectors for HDBSCAN. Distances in more are slow, and differ little."""
BATCH = 4096
NO_GROUP = -1
METHODS = ("auto", "louvain", "hdbscan", "kmeans")


@dataclass(frozen=True, slots=True)
class Grouping:
    """Settings of a grouping.

    `resolution` is for louvain: above 1 there are more and smaller groups. `min_size` is the smallest group of hdbscan.
    `count` is the number of groups of kmeans, by default the square root of n / 2, at most 100.
    """

    method: str = "auto"
    resolution: float = 1.0
    min_size: int = 10
    count: int | None = None
    seed: int = 0
    exact_items: int = 20_000

    def chosen(self, items: int) -> str:
        """Return the method for this number of items."""
        if self.method != "auto":
            return self.method
        return "louvain" if items <= self.exact_items else "kmeans"


def find_groups(
    vectors: Floats, asked: Grouping, *, near: NDArray[np.int64] | None = None, tell: Tell = silent
) -> NDArray[np.int64]:
    """Return the group of each of `vectors` [n, H]: 0 is the largest, NO_GROUP means none.

    `near` [n, k] are the rows of the nearest neighbours, best first; louvain needs them. The other methods use the
    Euclidean distance between unit vectors, which orders pairs as cosine does.
    """
    method = asked.chosen(len(vectors))
    if method == "louvain":
        if near is None:
            raise ValueError("louvain needs the nearest neighbours")
        found = _louvain(near, asked)
    else:
        found = _hdbscan(vectors, asked.min_size, tell) if method == "hdbscan" else _kmeans(vectors, asked, tell)
    tell(1.0)
    return _by_size(found)


def _louvain(near: NDArray[np.int64], asked: Grouping) -> NDArray[np.int64]:
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(len(near)))
    row, place = np.nonzero(near >= 0)
    graph.add_edges_from(zip(row.tolist(), near[row, place].tolist(), strict=True))
    found = np.empty(len(near), dtype=np.int64)
    groups = networkx.community.louvain_communities(graph, seed=asked.seed, resolution=asked.resolution)
    for number, members in enumerate(groups):
        found[list(members)] = number
    return found


def _hdbscan(vectors: Floats, min_size: int, tell: Tell) -> NDArray[np.int64]:
    from sklearn.cluster import HDBSCAN

    if len(vectors) < max(3, min_size):
        return np.full(len(vectors), NO_GROUP)
    placed = principal(unit_rows(vectors), DIMENSIONS)[0]
    tell(0.3)
    model = HDBSCAN(min_cluster_size=min_size, min_samples=min(5, min_size), copy=True)
    found = np.asarray(model.fit_predict(placed.astype(np.float64)), dtype=np.int64)
    return np.maximum(found, NO_GROUP)


def _kmeans(vectors: Floats, asked: Grouping, tell: Tell) -> NDArray[np.int64]:
    from sklearn.cluster import MiniBatchKMeans

    groups = min(asked.count or min(100, max(2, round((len(vectors) / 2) ** 0.5))), len(vectors))
    model = MiniBatchKMeans(n_clusters=groups, random_state=asked.seed, batch_size=BATCH, n_init=3)
    order = np.random.default_rng(asked.seed).permutation(len(vectors))
    rounds = 3
    batches = list(_batches(order, groups))
    for number in range(rounds):
        for at, rows in enumerate(batches):
            model.partial_fit(unit_rows(vectors[np.sort(rows)]))
            tell(0.9 * (number + (at + 1) / len(batches)) / rounds)
    found = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), BATCH):
        found[start : start + BATCH] = model.predict(unit_rows(vectors[start : start + BATCH]))
    return found


def _batches(order: NDArray[np.int64], least: int) -> Iterator[NDArray[np.int64]]:
    """Yield runs of about BATCH, none shorter than `least` if possible: k-means starts from the first one."""
    yield from np.array_split(order, max(1, len(order) // max(BATCH, least)))


def _by_size(found: NDArray[Any]) -> NDArray[np.int64]:
    """Renumber the groups by decreasing size; equal ones by their first item."""
    names, first, sizes = np.unique(found, return_index=True, return_counts=True)
    real = names != NO_GROUP
    names, first, sizes = names[real], first[real], sizes[real]
    place = np.full(int(found.max()) + 2 if len(found) else 1, NO_GROUP, dtype=np.int64)
    place[names[np.lexsort((first, -sizes))]] = np.arange(len(names))
    return np.asarray(place[found], dtype=np.int64)
