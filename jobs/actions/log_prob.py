"""log_prob: the log-probability of a sequence from one unmasked pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e1protocol import CANONICAL, Encoding, ModelFacts, Query
from jobs.actions.base import Array, ItemView, Outputs, Params, Stored, required
from jobs.actions.columns import Column, number_column
from jobs.actions.direct import DirectAction
from jobs.science.logits import log_softmax


class LogProb(DirectAction):
    name = "log_prob"
    title = "log-probabilities"
    summary = "Sum over the sequence of the log-probability of each residue, from one unmasked pass."
    sequence_letters = CANONICAL
    context_letters = CANONICAL

    def expand(self, item: ItemView, params: Params) -> list[Query]:
        return [Query(item.sequence, item.context, (), frozenset({"logits"}))]

    def reduce(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        (encoding,) = encodings
        return [Stored(self.name, -1, np.array([[log_probability(required(encoding), item.sequence)]]))]

    def single_columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        return (number_column(self.name),)

    def single_result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        return {self.name: float(outputs[self.name, -1][0, 0])}


def log_probability(logits: Array, sequence: str) -> float:
    """Return the sum over residues of log-softmax(logits [L, 20]), in float64.

    The softmax is over the 20 canonical residues. Raises ValueError for a residue that is not canonical.
    """
    columns = [CANONICAL.index(letter) for letter in sequence]
    return float(log_softmax(logits)[np.arange(len(columns)), columns].sum())
