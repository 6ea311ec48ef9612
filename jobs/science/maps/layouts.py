"""Items in the plane: principal components, or UMAP over exact cosine neighbours. The same seed gives the same map."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.science.maps.cosine import Floats
from jobs.science.maps.neighbours import Tell, silent

WHOLE = 20_000
"""Up to so many items principal components are computed at once, exactly; beyond, block by block."""
BLOCK = 4096
LEAST_FOR_UMAP = 4


def principal(
    vectors: Floats, components: int, *, tell: Tell = silent
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The first principal components of `vectors` [n, H], centred but not scaled: coordinates [n, c] and the share of
    the variance that each explains [c]; c is `components`, or n - 1 or H where those are smaller.

    Signs are fixed as scikit-learn fixes them, so that a map is not mirrored by chance.
    """
    count = max(1, min(components, vectors.shape[1], len(vectors) - 1))
    # Items that are all equal have no variance to explain a share of.
    with np.errstate(invalid="ignore", divide="ignore"):
        pca = _fitted(vectors, count, tell)
    placed = np.empty((len(vectors), count), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        placed[start : start + BLOCK] = pca.transform(np.asarray(vectors[start : start + BLOCK], dtype=np.float64))
    tell(1.0)
    return placed, np.nan_to_num(np.asarray(pca.explained_variance_ratio_, dtype=np.float64))


def _fitted(vectors: Floats, count: int, tell: Tell) -> Any:
    from sklearn.decomposition import PCA, IncrementalPCA

    if len(vectors) <= WHOLE:
        # Through the covariances where there are more items than numbers: exact too, and no more copies of the vectors.
        solver = "covariance_eigh" if len(vectors) >= vectors.shape[1] else "full"
        return PCA(n_components=count, svd_solver=solver).fit(np.asarray(vectors, dtype=np.float64))
    pca = IncrementalPCA(n_components=count)
    # A rest with fewer rows than components would be refused: it goes with the block before it.
    starts = list(range(0, len(vectors) - BLOCK + 1, BLOCK))
    for start in starts:
        end = len(vectors) if start == starts[-1] else start + BLOCK
        pca.partial_fit(np.asarray(vectors[start:end], dtype=np.float64))
        tell(0.8 * end / len(vectors))
    return pca


def umap_layout(
    vectors: Floats,
    near: NDArray[np.int64],
    similarity: Floats,
    *,
    min_dist: float,
    seed: int,
    tell: Tell = silent,
) -> NDArray[np.float32]:
    """UMAP of `vectors` [n, H] in the plane [n, 2], n at least LEAST_FOR_UMAP, from each one's exact nearest neighbours
    `near` [n, k] with their cosine similarities, and principal components as the start: nothing but the seed decides by
    chance. UMAP's own `n_neighbors` counts the item itself: k + 1.
    """
    from threadpoolctl import threadpool_limits

    umap = _import_umap()
    indices = np.concatenate([np.arange(len(vectors))[:, None], near], axis=1)
    distances = np.concatenate([np.zeros((len(vectors), 1), np.float32), 1 - similarity], axis=1)
    start = principal(vectors, 2)[0]
    if start.shape[1] < 2:
        start = np.column_stack([start[:, 0], np.zeros(len(start), np.float32)])
    largest = float(np.abs(start).max()) or 1.0
    layout = umap.UMAP(
        n_neighbors=indices.shape[1],
        n_components=2,
        metric="cosine",
        min_dist=min_dist,
        random_state=seed,
        n_jobs=1,
        init=(10 * start / largest).astype(np.float32),
        precomputed_knn=(indices, distances),
        verbose=False,
        tqdm_kwds={"disable": False, "file": _Epochs(tell), "mininterval": 0.5, "bar_format": "{percentage:f}%"},
    )
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        # It says that new points cannot be placed, which nobody wants here.
        warnings.simplefilter("ignore")
        placed = layout.fit_transform(np.asarray(vectors, dtype=np.float32))
    tell(1.0)
    return np.asarray(placed, dtype=np.float32)


def _import_umap() -> Any:
    with warnings.catch_warnings():
        # It speaks of TensorFlow, which it can do without.
        warnings.simplefilter("ignore")
        import umap
    return umap


class _Epochs:
    """The file that UMAP's progress bar writes to."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> int:
        if found := re.search(r"([\d.]+)%", text):
            self._tell(float(found[1]) / 100)
        return len(text)

    def flush(self) -> None:
        return
