"""An action that no service has: the norm of the mean embedding, its first numbers, and if asked, every residue's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e1protocol import Encoding, ModelFacts, Query
from jobs.actions.base import ItemView, Outputs, Params, Stored
from jobs.actions.columns import Column, number_column
from jobs.actions.direct import DirectAction
from jobs.actions.layouts import RESIDUES


class Toy(DirectAction):
    name = "toy"
    summary = "The length of an embedding, and its first numbers."
    example = ">one\nMKTAYIAKQR\n"
    param_names = ("first", "each")
    per_token_kinds = frozenset({"norms"})

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        return {"first": int(raw.get("first", 3)), "each": bool(raw.get("each", False))}

    def expand(self, item: ItemView, params: Params) -> list[Query]:
        return [Query(item.sequence, item.context, (-1,), frozenset({"mean", "per_token"}))]

    def reduce(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        (encoding,) = encodings
        (mean,), (rows,) = encoding.mean.values(), encoding.per_token.values()
        stored = [
            Stored("norm", -1, np.array([[np.linalg.norm(mean.astype(np.float64))]])),
            Stored("first", -1, mean[None, : params["first"]]),
        ]
        return [*stored, Stored("norms", -1, np.linalg.norm(rows, axis=1)[:, None])] if params["each"] else stored

    def single_columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        columns = (number_column("norm"), Column("first", "first", width=params["first"]))
        return (*columns, Column("norms", "norms", rows=RESIDUES)) if params["each"] else columns

    def single_result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        result: dict[str, Any] = {"norm": float(outputs["norm", -1][0, 0]), "first": outputs["first", -1][0]}
        return result | ({"norms": outputs["norms", -1][:, 0]} if params["each"] else {})

    def text_of(self, name: str) -> str:
        return f"The parameter {name} of a toy."

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        return {"first": {"type": "integer"}, "each": {"type": "boolean"}}
