"""One analysis in a process of its own: `python -m jobs.science.maps.child FOLDER`.

A separate process can be stopped at any moment and returns all of its memory. If a library crashes or memory runs out,
the service worker survives.

FOLDER holds `request.json` and raw float32 vectors; the process writes `result.npz` and `facts.json` there. It prints a
line for each step: the share that is done, and what it is doing. It exits when standard input is closed, which happens
when its parent ends.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.science.maps.groups import NO_GROUP, Grouping, find_groups
from jobs.science.maps.layouts import LEAST_FOR_UMAP, plane, umap_layout
from jobs.science.maps.neighbours import Tell, nearest

Arrays = dict[str, NDArray[Any]]
NICE = 10
"""Model workers on the same machine take precedence."""


def analyse(
    kind: str, params: dict[str, Any], vectors: NDArray[np.float32], more: Arrays
) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of the result, and a few numbers that describe it.

    `more` may hold `library`, the vectors of another job, and `queries`, rows of `vectors`.
    """
    return {"neighbours": _neighbours, "clusters": _clusters, "map": _map}[kind](params, vectors, more)


def _neighbours(params: dict[str, Any], vectors: NDArray[np.float32], more: Arrays) -> tuple[Arrays, dict[str, Any]]:
    queries = more.get("queries", np.arange(len(vectors)))
    other = more.get("library")
    row, similarity = nearest(
        vectors[queries],
        vectors if other is None else other,
        k=params["k"],
        own_rows=queries if other is None else None,
        tell=_step(0.1, 0.95, "comparing"),
    )
    return {"row": row, "similarity": np.where(row < 0, np.nan, similarity)}, {}


def _near(vectors: NDArray[np.float32], count: int, end: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the nearest neighbours of each item among all; a small library has fewer than `count`."""
    k = min(count, len(vectors) - 2)
    rows = np.arange(len(vectors))
    return nearest(vectors, vectors, k=k, own_rows=rows, tell=_step(0.1, end, "finding neighbours"))


def _clusters(params: dict[str, Any], vectors: NDArray[np.float32], _: Arrays) -> tuple[Arrays, dict[str, Any]]:
    asked = Grouping(**{field.name: params[field.name] for field in fields(Grouping)})
    near = None
    if asked.chosen(len(vectors)) == "louvain":
        near, _similarity = _near(vectors, params["neighbours"], 0.6)
    return _grouped(asked, vectors, near, _step(0.6, 0.95, "finding groups"))


def _grouped(
    asked: Grouping, vectors: NDArray[np.float32], near: NDArray[np.int64] | None, step: Tell
) -> tuple[Arrays, dict[str, Any]]:
    cluster = find_groups(vectors, asked, near=near, tell=step)
    sizes = np.bincount(cluster[cluster != NO_GROUP])
    return {"cluster": cluster}, {
        "clusters": len(sizes),
        "cluster_method": asked.chosen(len(vectors)),
        "without_cluster": int((cluster == NO_GROUP).sum()),
        "cluster_sizes": sizes[:100].tolist(),
    }


def _map(params: dict[str, Any], vectors: NDArray[np.float32], _: Arrays) -> tuple[Arrays, dict[str, Any]]:
    facts: dict[str, Any] = {}
    arrays: Arrays = {}
    asked = Grouping(seed=params["seed"], exact_items=params["exact_items"])
    by_umap = params["method"] == "umap" and len(vectors) >= LEAST_FOR_UMAP
    near = similarity = None
    if by_umap or (params["clusters"] and asked.chosen(len(vectors)) == "louvain"):
        near, similarity = _near(vectors, params["neighbours"], 0.4)
    if params["clusters"]:
        arrays, facts = _grouped(asked, vectors, near, _step(0.4, 0.6, "finding groups"))
    if by_umap and near is not None and similarity is not None:
        step = _step(0.6, 0.95, "laying out")
        placed = umap_layout(vectors, near, similarity, min_dist=params["min_dist"], seed=params["seed"], tell=step)
    else:
        placed, explained = plane(vectors, tell=_step(0.6, 0.95, "finding principal components"))
        facts["explained_variance"] = [round(float(share), 4) for share in explained]
    return arrays | {"x": placed[:, 0], "y": placed[:, 1]}, facts


def _step(start: float, end: float, words: str) -> Tell:
    """Return a function that prints the progress of one part of the work, as a share of the whole."""

    def tell(done: float) -> None:
        sys.stdout.write(f"{start + (end - start) * done:.4f} {words}\n")
        sys.stdout.flush()

    tell(0.0)
    return tell


def _end_with_starter() -> None:
    # Don't use sys.stdin: a thread that blocks in it breaks the shutdown of the interpreter.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main(folder: Path) -> None:
    """Compute as long as the parent lives, after the model workers."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    os.nice(NICE)
    compute(folder)


def compute(folder: Path) -> None:
    """Read the request, compute, write the result."""
    request = json.loads((folder / "request.json").read_text())
    arrays = {
        name: np.memmap(folder / f"{name}.f4", dtype="<f4", mode="r", shape=tuple(shape))
        for name, shape in request["arrays"].items()
    }
    more: Arrays = {"library": arrays["library"]} if "library" in arrays else {}
    if request.get("queries") is not None:
        more["queries"] = np.array(request["queries"], dtype=np.int64)
    found, facts = analyse(request["kind"], request["params"], arrays["vectors"], more)
    np.savez(folder / "result.npz", **found)  # type: ignore[arg-type]  # its stub takes the arrays for a flag
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
