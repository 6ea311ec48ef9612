"""Which arrays a job's results consist of: their names in files, their places in `Output`, their shapes.

The names are the ones that users open (`docs/results.md`); every array format shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from django.db import connection

from e1protocol import CANONICAL, MODELS
from jobs.actions import get_action
from jobs.actions.dtypes import dtype_of
from jobs.actions.ensembles import SINGLE, SPREAD
from jobs.models import Job


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


LOG_PROB = Column("log_prob", "log_prob", -1, "<f8", 1)


def columns_of(job: Job) -> tuple[Column, ...]:
    """The job's arrays in the order of files. Widths and types are the stored ones, where something is
    stored.
    """
    stored = _stored(job)
    action = get_action(job.action)
    columns = _COLUMNS[action.name](job)
    if not action.long and (contexts := len(job.params.get("contexts", ()))):
        columns += _ensemble(tuple(columns), contexts)
    return tuple(replace(column, **stored.get((column.kind, column.layer), {})) for column in columns)


def _encode(job: Job) -> list[Column]:
    hidden, include = MODELS[job.model].hidden_size, job.params["include"]
    layers, dtype = job.params["repr_layers"], dtype_of(job.params).str
    columns = [Column(f"mean_layer_{n}", "mean", n, dtype, hidden) for n in layers if "mean" in include]
    columns += [
        Column(f"per_token_layer_{n}", "per_token", n, dtype, hidden, ragged=True)
        for n in layers
        if "per_token" in include
    ]
    return [*columns, _logits(job)] if "logits" in include else columns


def _logits(job: Job) -> Column:
    return Column("logits", "logits", -1, dtype_of(job.params).str, len(CANONICAL), ragged=True)


def _score(job: Job) -> list[Column]:
    contexts = max(1, len(job.params.get("contexts", ())))
    columns = [Column(name, name, -1, "<f8", 1) for name in ("score", "spread")]
    return [*columns, Column("scores", "scores", -1, "<f8", contexts)]


def _scan(job: Job) -> list[Column]:
    columns = [
        Column("scores", "scores", -1, "<f8", len(CANONICAL), ragged=True),
        Column("spread", "scores" + SPREAD, -1, "<f8", len(CANONICAL), ragged=True),
        Column("positions", "positions", -1, "<f8", 1, ragged=True),
    ]
    contexts = len(job.params.get("contexts", ()))
    if contexts > 1:
        columns.append(Column("single", "scores" + SINGLE, -1, "<f8", len(CANONICAL) * contexts, ragged=True))
    return columns


def _contacts(job: Job) -> list[Column]:
    """A map of L x L lies in L * L rows of one number."""
    contexts = len(job.params.get("contexts", ()))
    columns = [Column("contacts", "contacts", -1, "<f4", 1, ragged=True)]
    return [*columns, *_ensemble(columns, contexts)] if contexts > 1 else columns


def _ensemble(columns: Sequence[Column], contexts: int) -> Iterator[Column]:
    """Spread and single values, side by side, of the same arrays under several contexts."""
    for column in columns:
        yield replace(column, name=f"{column.name}_spread", kind=column.kind + SPREAD)
        wide = column.width * contexts
        yield replace(column, name=f"{column.name}_single", kind=column.kind + SINGLE, width=wide)


_COLUMNS: Mapping[str, Callable[[Job], list[Column]]] = MappingProxyType(
    {
        "encode": _encode,
        "predict": lambda job: [_logits(job)],
        "log_prob": lambda _: [LOG_PROB],
        "score": _score,
        "scan": _scan,
        "contacts": _contacts,
    }
)


def _stored(job: Job) -> dict[tuple[str, int], dict[str, Any]]:
    """Type and width of stored rows by kind and layer: a checkpoint from a folder may be of any width.

    The rows are those of the chunk that was done first: the planner must not search all outputs for the job's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (kind, layer) kind, layer, dtype, width FROM jobs_output
            WHERE chunk_id = (
                SELECT id FROM jobs_chunk WHERE job_id = %s AND state = 'done' AND unit_count = 0
                ORDER BY finished_at LIMIT 1
            )
            ORDER BY kind, layer
            """,
            [job.pk],
        )
        return {(kind, layer): {"dtype": dtype, "width": width} for kind, layer, dtype, width in cursor.fetchall()}
