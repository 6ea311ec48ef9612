"""Which arrays a job's results consist of: their names in files, their places in `Output`, their shapes.

The names are the ones that users open (`docs/results.md`); every array format shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from django.db.models import Subquery

from jobs.actions import get_action
from jobs.models import Chunk, Job, Output
from jobs.states import ChunkState
from worker.protocol import CANONICAL, MODELS


@dataclass(frozen=True, slots=True)
class Column:
    """One array of every succeeded item: `name` in files, (kind, layer) in the database.

    An item has one row of `width` numbers, or, where the column is `ragged`, any number of such rows.
    """

    name: str
    kind: str
    layer: int
    dtype: str
    width: int
    ragged: bool = False

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.dtype)


LOGITS = Column("logits", "logits", -1, "<f4", len(CANONICAL), ragged=True)
LOG_PROB = Column("log_prob", "log_prob", -1, "<f8", 1)


def columns_of(job: Job) -> tuple[Column, ...]:
    """The job's arrays in the order of files. Widths and types are the stored ones, where something is
    stored.
    """
    return tuple(_as_stored(job, column) for column in _COLUMNS[get_action(job.action).name](job))


def _encode(job: Job) -> list[Column]:
    hidden, include = MODELS[job.model].hidden_size, job.params["include"]
    layers = job.params["repr_layers"]
    columns = [Column(f"mean_layer_{n}", "mean", n, "<f4", hidden) for n in layers if "mean" in include]
    columns += [
        Column(f"per_token_layer_{n}", "per_token", n, "<f4", hidden, ragged=True)
        for n in layers
        if "per_token" in include
    ]
    return [*columns, LOGITS] if "logits" in include else columns


_COLUMNS: Mapping[str, Callable[[Job], list[Column]]] = MappingProxyType(
    {"encode": _encode, "predict": lambda _: [LOGITS], "log_prob": lambda _: [LOG_PROB]}
)


def _as_stored(job: Job, column: Column) -> Column:
    """The column with the width and type of one stored row: a checkpoint from a folder may be of any width.

    The row is looked for in the chunk that was done first: the planner must not search all outputs for the job's.
    """
    done = Chunk.objects.filter(job=job, state=ChunkState.DONE).order_by("finished_at").values("pk")[:1]
    stored = Output.objects.filter(chunk_id=Subquery(done), kind=column.kind, layer=column.layer).order_by()
    for dtype, width in stored.values_list("dtype", "width")[:1]:
        return replace(column, dtype=dtype, width=width)
    return column
