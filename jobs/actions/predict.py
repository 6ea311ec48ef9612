"""predict: logits over the 20 canonical residues, at masked positions or at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e1protocol import CANONICAL, EXTENDED, MASK, Encoding, ModelFacts, Query
from jobs.actions import dtypes
from jobs.actions.base import DTYPE, ItemView, Outputs, Params, Stored, required
from jobs.actions.columns import Column, logits_column
from jobs.actions.direct import DirectAction
from jobs.actions.layouts import LETTERS, MASKED_LETTERS
from jobs.errors import InvalidInput

ROWS = ("all", "masked")


class Predict(DirectAction):
    name = "predict"
    title = "predictions"
    summary = "Logits of the 20 canonical residues where the sequence has `?`."
    param_names = ("rows", DTYPE)
    sequence_letters = EXTENDED + MASK
    needs_mask = True

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        rows = raw.get("rows", "all")
        if rows not in ROWS:
            choice = "Choose all (a row for every position) or masked (rows of ? only)."
            raise InvalidInput.one("bad_rows", f"rows is {rows!r}", choice, path="params.rows")
        return {"rows": rows, DTYPE: dtypes.check_dtype(raw.get(DTYPE))}

    def expand(self, item: ItemView, params: Params) -> list[Query]:
        positions = tuple(mask_positions(item.sequence)) if params["rows"] == "masked" else None
        return [Query(item.sequence, item.context, (), frozenset({"logits"}), positions)]

    def reduce(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        (encoding,) = encodings
        return [Stored("logits", -1, required(encoding))]

    def single_columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        rows = MASKED_LETTERS if params["rows"] == "masked" else LETTERS
        return (logits_column(dtypes.dtype_of(params).str, rows),)

    def single_result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        return {
            "logits": outputs["logits", -1],
            "sequence_tokens": list(item.sequence),
            "vocab_tokens": list(CANONICAL),
            "mask_positions": mask_positions(item.sequence),
        }

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        return {"rows": {"type": "string", "enum": list(ROWS), "default": "all"}, DTYPE: dict(dtypes.SCHEMA)}


def mask_positions(sequence: str) -> list[int]:
    """Return the 0-based positions of `?`, as the published interface counts them."""
    return [position for position, letter in enumerate(sequence) if letter == MASK]
