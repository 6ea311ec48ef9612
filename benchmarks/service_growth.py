"""Growth of the service's figures with the library: the exponent of a power law through several sizes.

An exponent of 0 means that a figure does not depend on the size, 1 that it is proportional to it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks import service as around
from benchmarks import service_files
from benchmarks.measuring import Row
from benchmarks.service_stack import Service

EXPECTED = {"s": "about 1", "ms": "<= 0.1", "MB resident": "<= 0.1", "MB/s": ">= -0.1", "1/s": ">= -0.1"}


def growth(service: Service, *, sizes: Sequence[int], repeats: int) -> Iterator[Row]:
    """Fit the exponents of ingest, NPZ download, pages and the cost of a chunk over these numbers of sequences."""
    points: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for size in sizes:
        for row in _measure(service, size, repeats):
            name = re.sub(rf"\b{size}\b", "N", row.name)
            points[name, row.unit].append((size, row.value))
    for (name, unit), measured in points.items():
        counts, values = zip(*measured, strict=True)
        exponent = float(np.polyfit(np.log(counts), np.log(np.maximum(values, 1e-9)), 1)[0])
        detail = {"unit": unit, "points": [{"sequences": n, "value": value} for n, value in measured]}
        yield Row(f"growth: {name}", exponent, "exponent", EXPECTED.get(unit, ""), 0.0, detail)


def _measure(service: Service, size: int, repeats: int) -> Iterator[Row]:
    yield from around.overhead(service, sequences=size, repeats=repeats)
    yield from service_files.ingest(service, sequences=size, repeats=repeats)
    yield from service_files.download(service, sequences=size, repeats=repeats, formats=("npz",), hdf5=False)
    yield from around.pages(service, sequences=size, repeats=max(5, repeats))
