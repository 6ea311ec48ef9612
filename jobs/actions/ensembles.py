"""Several contexts for one item: the mean over them, their spread, and every single value.

Logits are averaged as log-probabilities over the 20 canonical residues, all other numbers as they are.
The spread is the population standard deviation over contexts.
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
    """Return the columns, and for each its spread over the contexts and its values side by side."""
    more: list[Column] = []
    for column in columns:
        width = column.width * contexts
        more.append(_beside(column, "spread", column.kind + SPREAD))
        more.append(replace(_beside(column, "single", column.kind + SINGLE), width=width, scalar=False))
    return (*columns, *more)


def _beside(column: Column, what: str, kind: str) -> Column:
    cell = f"{column.cell}_{what}" if column.cell else ""
    return replace(column, name=f"{column.name}_{what}", kind=kind, cell=cell, probabilities=False)


def joined(singles: Sequence[Sequence[Stored]]) -> list[Stored]:
    """Return mean, spread and single values of the same arrays under each context, in the type of each array."""
    stored: list[Stored] = []
    for alike in zip(*singles, strict=True):
        first = alike[0]
        exact = [log_softmax(one.array) if one.kind == "logits" else one.array.astype(np.float64) for one in alike]
        stored += ensemble_of(first.kind, first.layer, np.stack(exact), first.array.dtype)
    return stored


def ensemble_of(kind: str, layer: int, values: NDArray[np.float64], dtype: np.dtype[Any]) -> list[Stored]:
    """Return mean, spread and single values of `values` [contexts, rows, width], the single ones side by side."""
    return [
        Stored(kind, layer, values.mean(axis=0).astype(dtype)),
        Stored(kind + SPREAD, layer, values.std(axis=0).astype(dtype)),
        Stored(kind + SINGLE, layer, np.concatenate(list(values), axis=1).astype(dtype)),
    ]


def parted(outputs: Outputs, count: int) -> tuple[Outputs, Outputs, list[Outputs]]:
    """Return the means, the spreads, and the values under each of `count` contexts: the inverse of `joined`."""
    mean = {key: array for key, array in outputs.items() if not key[0].endswith((SPREAD, SINGLE))}
    spread = {(kind, layer): outputs[kind + SPREAD, layer] for kind, layer in mean}
    each: dict[tuple[str, int], list[Array]] = {
        (kind, layer): [np.ascontiguousarray(one) for one in np.split(outputs[kind + SINGLE, layer], count, axis=1)]
        for kind, layer in mean
    }
    return mean, spread, [{key: arrays[number] for key, arrays in each.items()} for number in range(count)]
