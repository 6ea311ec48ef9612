"""Encode jobs with planted groups of embeddings, and a builder that runs inside the test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.actions.base import Stored
from jobs.models import Job
from tests.results.export_library import Library, library


class GroupedLibrary(Library):
    """A library whose item i has a mean embedding near the centre of group i modulo `groups`."""

    groups = 4
    spread = 0.1

    def _compute(self, index: int) -> list[Any]:
        stored = super()._compute(index)
        centres = np.random.default_rng(11).normal(size=(self.groups, 128))
        for position, one in enumerate(stored):
            if one.kind == "mean":
                noise = self.spread * self.rng.normal(size=128)
                vector = (centres[index % self.groups] + noise).astype(np.float32)
                stored[position] = Stored("mean", one.layer, vector[None])
        return stored

    def vectors(self, layer: int = 6) -> tuple[list[int], NDArray[np.float64]]:
        """Indices of the succeeded items and their embeddings in float64."""
        indices = sorted(self.results)
        rows = [
            next(one["embedding"] for one in self.results[index]["embeddings"] if one["layer"] == layer)
            for index in indices
        ]
        return indices, np.array(rows, dtype=np.float64)


def grouped(items: int = 60, *, params: dict[str, Any] | None = None, owner: Any = None, **more: Any) -> GroupedLibrary:
    """A queued encode job; `finish` gives it its embeddings."""
    made = library("encode", params, items=items, **more)
    if owner is not None:
        Job.objects.filter(pk=made.job.pk).update(owner=owner)
        made.job.refresh_from_db()
    return GroupedLibrary(made.job, made.views, made.rng, made.width)


def state(lib: Library, to: str) -> None:
    Job.objects.filter(pk=lib.job.pk).update(state=to)
    lib.job.refresh_from_db()
