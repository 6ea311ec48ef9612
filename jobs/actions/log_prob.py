"""log_prob: the log-probability of a sequence from one unmasked pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e1protocol import CANONICAL, Encoding, ModelFacts, Query
from jobs.actions.base import Array, ItemView, Outputs, Stored, known_only, required
from jobs.actions.columns import Column, number_column
from jobs.actions.contexts import SCHEMA
from jobs.actions.direct import DirectAction
from jobs.science.logits import log_softmax


class LogProb(DirectAction):
    name = "log_prob"
    summary = "Sum over the sequence of the log-probability of each residue, from one unmasked pass."
    sequence_letters = CANONICAL
    context_letters = CANONICAL

    def check_params(self, raw: Mapping[str, Any], model: ModelFacts) -> dict[str, Any]:
        known_only(raw, self.param_names)
        return {}

    def expand(self, item: ItemView, params: Mapping[str, Any]) -> list[Query]:
        return [Query(item.sequence, item.context, (), frozenset({"logits"}))]

    def reduce(self, item: ItemView, params: Mapping[str, Any], encodings: Sequence[Encoding]) -> list[Stored]:
        (encoding,) = encodings
        return [Stored("log_prob", -1, np.array([[log_probability(required(encoding), item.sequence)]]))]

    def single_columns(self, params: Mapping[str, Any], model: ModelFacts) -> tuple[Column, ...]:
        return (number_column(self.name),)

    def single_result(self, item: ItemView, params: Mapping[str, Any], outputs: Outputs) -> dict[str, Any]:
        return {"log_prob": float(outputs["log_prob", -1][0, 0])}

    def params_schema(self, model: ModelFacts) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": False, "properties": {"contexts": SCHEMA}}


def log_probability(logits: Array, sequence: str) -> float:
    """Of logits [L, 20]: sum over residues of log-softmax over the 20 canonical residues (E1.md, Scoring), in float64.

    Raises ValueError for a residue that is not canonical.
    """
    columns = [CANONICAL.index(letter) for letter in sequence]
    return float(log_softmax(logits)[np.arange(len(columns)), columns].sum())
