"""Neighbours of one sequence, vector or item among all embeddings of a job, found while the request waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from jobs.actions.encode import Encode
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.intake.ingest import Request
from jobs.intake.sync import answer
from jobs.maps.params import check_embeddings
from jobs.maps.vectors import mean_column, vector_blocks
from jobs.models import Job
from jobs.parsing import Record
from jobs.results.items import stored_array
from jobs.science.maps.cosine import TopK, scan_block

Vector = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An item and its cosine similarity to the query, from -1 to 1."""

    index: int
    name: str
    similarity: float


def similar_to(
    job: Job, vector: Vector, *, layer: int, k: int, leave_out: int | None = None
) -> tuple[list[Neighbour], int]:
    """Return the `k` items whose mean embedding is most similar to `vector` [H], best first, and the number compared.

    Equal ones keep the order of the input. `leave_out` is the index of the query itself, if it is an item. All
    embeddings of the layer are read block by block, so memory is that of a block. Raises InvalidInput `wrong_width`.
    """
    check_embeddings(job)
    width = mean_column(job, layer).width
    if len(vector) != width:
        raise InvalidInput.one(
            "wrong_width",
            f"the vector has {len(vector)} numbers; embeddings of this job have {width}",
            f"Give one of {job.model}, layer {layer}.",
            path="vector",
        )
    best = TopK(1, k)
    names: dict[int, str] = {}
    compared = 0
    for block in vector_blocks(job, layer):
        # Input indices have gaps, because items may fail.
        scan_block(best, vector, block.vectors, np.array(block.index, dtype=np.int64), leave_out=leave_out)
        kept = {int(one) for one in best.row[0] if one >= 0}
        names = {one: name for one, name in names.items() if one in kept}
        names |= {one: name for one, name in zip(block.index, block.name, strict=True) if one in kept}
        compared += sum(index != leave_out for index in block.index)
    pairs = zip(best.row[0].tolist(), best.similarity[0].tolist(), strict=True)
    return [Neighbour(row, names[row], similarity) for row, similarity in pairs if row >= 0], compared


def vector_of_item(job: Job, index: int, layer: int) -> Vector:
    """Return the mean embedding of an item. Raises NotFound, and Conflict `no_embedding` if it has none."""
    check_embeddings(job)
    mean = stored_array(job, index, "mean", layer) if 0 <= index < 2**31 else None
    if mean is None:
        if not 0 <= index < job.total_items:
            raise NotFound(f"job {job.pk} has no item {index}")
        raise Conflict(
            f"item {index} has no embedding (it failed, was skipped, or is not computed yet)", code="no_embedding"
        )
    return np.asarray(mean[0], dtype=np.float32)


def vector_of_sequence(*, owner: User, job: Job, record: Record, layer: int) -> Vector:
    """Return the mean embedding of a new sequence by the job's model. It waits for a worker.

    Raises what `jobs.intake.sync.answer` raises.
    """
    params = {"repr_layers": [layer], "include": ["mean"]}
    request = Request(model=job.model, action=Encode.name, params=params, interactive=True)
    (result,) = answer(owner=owner, request=request, records=[record])
    return np.asarray(result["embeddings"][0]["embedding"])
