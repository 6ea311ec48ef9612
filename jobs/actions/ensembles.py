"""Several contexts for one item: the mean over them, their spread, and every single value.

Logits are averaged as log-probabilities over the 20 canonical residues (E1.md, Scoring); everything else as it is. The
spread is the population standard deviation over contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.actions.base import Array, Outputs, Stored
from jobs.actions.columns import SINGLE, SPREAD, Column
from jobs.science.logits import log_softmax


def with_ensemble(columns: Sequence[Column], contexts: int) -> tuple[Column, ...]:
    """The columns, then their spread over several contexts, and their values under each context side by side."""
    spreads_and_singles: list[Column] = []
    for column in columns:
        spreads_and_singles += [
            replace(column, name=f"{column.name}_spread", kind=column.kind + SPREAD),
            replace(
                column,
                name=f"{column.name}_single",
                kind=column.kind + SINGLE,
                width=column.width * contexts,
                scalar=False,
            ),
        ]
    return (*columns, *spreads_and_singles)


def joined(singles: Sequence[Sequence[Stored]]) -> list[Stored]:
    """Mean, spread and single values, in the type of the array, of the same arrays under each context."""
    stored: list[Stored] = []
    for alike in zip(*singles, strict=True):
        first = alike[0]
        exact = [log_softmax(one.array) if one.kind == "logits" else one.array.astype(np.float64) for one in alike]
        stored += ensemble_of(first.kind, first.layer, np.stack(exact), first.array.dtype)
    return stored


def ensemble_of(kind: str, layer: int, values: NDArray[np.float64], dtype: np.dtype[Any]) -> list[Stored]:
    """Of `values` [contexts, rows, width]: mean, spread and, side by side, the single ones."""
    return [
        Stored(kind, layer, values.mean(axis=0).astype(dtype)),
        Stored(kind + SPREAD, layer, values.std(axis=0).astype(dtype)),
        Stored(kind + SINGLE, layer, np.concatenate(list(values), axis=1).astype(dtype)),
    ]


def parted(outputs: Outputs, count: int) -> tuple[Outputs, Outputs, list[Outputs]]:
    """What `ensemble_of` put together: the means, the spreads, and the values under each of `count` contexts."""
    mean = {key: array for key, array in outputs.items() if not key[0].endswith((SPREAD, SINGLE))}
    spread = {(kind, layer): outputs[kind + SPREAD, layer] for kind, layer in mean}
    each: dict[tuple[str, int], list[Array]] = {
        (kind, layer): [np.ascontiguousarray(one) for one in np.split(outputs[kind + SINGLE, layer], count, axis=1)]
        for kind, layer in mean
    }
    return mean, spread, [{key: arrays[number] for key, arrays in each.items()} for number in range(count)]
