"""Items in the plane: principal components, or UMAP over exact cosine neighbours. The seed determines the map."""

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
"""Most items whose principal components are computed at once, exactly; beyond, block by block."""
BLOCK = 4096
LEAST_FOR_UMAP = 4


def principal(
    vectors: Floats, components: int, *, tell: Tell = silent
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the first principal components of `vectors` [n, H], centred but not scaled.

    Returns coordinates [n, c] and the share of the variance that each component explains [c]. The number c is the
    least of `components`, n - 1 and H. scikit-learn fixes the signs, so that a map is not mirrored by chance.
    """
    count = max(1, min(components, vectors.shape[1], len(vectors) - 1))
    # If all items are equal there is no variance, and the share is 0 / 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        pca = _fitted(vectors, count, tell)
    placed = np.empty((len(vectors), count), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        placed[start : start + BLOCK] = pca.transform(np.asarray(vectors[start : start + BLOCK], dtype=np.float64))
    tell(1.0)
    return placed, np.nan_to_num(np.asarray(pca.explained_variance_ratio_, dtype=np.float64))


def plane(vectors: Floats, *, tell: Tell = silent) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return `principal` with two components; a second one that is missing is 0 everywhere."""
    placed, explained = principal(vectors, 2, tell=tell)
    return np.pad(placed, ((0, 0), (0, 2 - placed.shape[1]))), explained


def _fitted(vectors: Floats, count: int, tell: Tell) -> Any:
    from sklearn.decomposition import PCA, IncrementalPCA

    if len(vectors) <= WHOLE:
        # With more items than dimensions the covariances are exact too, and need no more copies of the vectors.
        solver = "covariance_eigh" if len(vectors) >= vectors.shape[1] else "full"
        return PCA(n_components=count, svd_solver=solver).fit(np.asarray(vectors, dtype=np.float64))
    pca = IncrementalPCA(n_components=count)
    # scikit-learn refuses a block with fewer rows than components, so the rest joins the last block.
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
    """Return the UMAP layout [n, 2] of `vectors` [n, H], for n of at least LEAST_FOR_UMAP.

    It is computed from the exact nearest neighbours `near` [n, k] with their cosine similarities, and starts from
    principal components. The seed alone determines the result.
    """
    from threadpoolctl import threadpool_limits

    umap = _import_umap()
    # UMAP counts the item itself as its first neighbour: k + 1.
    indices = np.concatenate([np.arange(len(vectors))[:, None], near], axis=1)
    distances = np.concatenate([np.zeros((len(vectors), 1), np.float32), 1 - similarity], axis=1)
    start, _ = plane(vectors)
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
        # UMAP warns that it cannot place new points, which is not needed here.
        warnings.simplefilter("ignore")
        placed = layout.fit_transform(np.asarray(vectors, dtype=np.float32))
    tell(1.0)
    return np.asarray(placed, dtype=np.float32)


def _import_umap() -> Any:
    with warnings.catch_warnings():
        # UMAP warns that TensorFlow is missing, which it does not need.
        warnings.simplefilter("ignore")
        import umap
    return umap


class _Epochs:
    """A file for UMAP's progress bar that passes the percentage on."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> int:
        if found := re.search(r"([\d.]+)%", text):
            self._tell(float(found[1]) / 100)
        return len(text)

    def flush(self) -> None:
        return
