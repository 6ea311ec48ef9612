"""encode: embeddings of hidden layers, mean over residues or per residue, and logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e1protocol import CANONICAL, INCLUDES, Encoding, ModelFacts, Query
from jobs.actions import dtypes
from jobs.actions.base import DTYPE, ItemView, Outputs, Params, Stored, required
from jobs.actions.columns import Column, logits_column
from jobs.actions.direct import DirectAction
from jobs.actions.layouts import RESIDUES
from jobs.errors import InvalidInput

PUBLISHED_NAMES = {"per_residue": "per_token"}


class Encode(DirectAction):
    name = "encode"
    title = "embeddings"
    summary = "Embeddings of a sequence, alone or with homologs as context."
    param_names = ("repr_layers", "include", DTYPE)
    per_token_kinds = frozenset({"per_token", "per_token_sd", "per_token_by"})

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        return {
            "repr_layers": _layers(raw.get("repr_layers"), model),
            "include": _include(raw.get("include")),
            DTYPE: dtypes.check_dtype(raw.get(DTYPE)),
        }

    def expand(self, item: ItemView, params: Params) -> list[Query]:
        return [Query(item.sequence, item.context, tuple(params["repr_layers"]), frozenset(params["include"]))]

    def reduce(self, item: ItemView, params: Params, encodings: Sequence[Encoding]) -> list[Stored]:
        (encoding,) = encodings
        stored = [Stored("mean", layer, array[None]) for layer, array in encoding.mean.items()]
        stored += [Stored("per_token", layer, array) for layer, array in encoding.per_token.items()]
        if "logits" in params["include"]:
            stored.append(Stored("logits", -1, required(encoding)))
        return stored

    def single_columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        include, layers, width = params["include"], params["repr_layers"], model.hidden_size
        dtype = dtypes.dtype_of(params).str
        means = [Column(f"mean_layer_{n}", "mean", n, dtype, width) for n in layers]
        tokens = [Column(f"per_token_layer_{n}", "per_token", n, dtype, width, RESIDUES) for n in layers]
        columns = (*means, *tokens, logits_column(dtype))
        return tuple(column for column in columns if column.kind in include)

    def single_result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        layers, include = params["repr_layers"], params["include"]
        result: dict[str, Any] = {}
        if "mean" in include:
            result["embeddings"] = [{"layer": n, "embedding": outputs["mean", n][0]} for n in layers]
        if "per_token" in include:
            result["per_token_embeddings"] = [{"layer": n, "embeddings": outputs["per_token", n]} for n in layers]
        if "logits" in include:
            result["logits"] = outputs["logits", -1]
            result["vocab_tokens"] = list(CANONICAL)
        if item.context:
            result["context_sequence_count"] = len(item.context)
        return result

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        layer = {"type": "integer", "minimum": -(model.layers + 1), "maximum": model.layers}
        include = {"type": "string", "enum": [*INCLUDES, *PUBLISHED_NAMES]}
        return {
            "repr_layers": {"type": "array", "minItems": 1, "items": layer, "default": [-1]},
            "include": {"type": "array", "minItems": 1, "items": include, "default": ["mean"]},
            DTYPE: dict(dtypes.SCHEMA),
        }


def _layers(raw: Any, model: ModelFacts) -> list[int]:
    """Return the resolved layers without repetition, in the order of the request."""
    where = "params.repr_layers"
    allowed = f"Give a list of whole numbers from {-(model.layers + 1)} to {model.layers}; -1 is the last layer."
    if raw is None:
        raw = [-1]
    if not isinstance(raw, list) or not raw or not all(isinstance(n, int) and not isinstance(n, bool) for n in raw):
        raise InvalidInput.one("bad_layers", f"repr_layers is {raw!r}, not a list of layers", allowed, path=where)
    try:
        return list(dict.fromkeys(model.layer(number) for number in raw))
    except ValueError as error:
        raise InvalidInput.one("bad_layers", f"{model.slug}: {error}", allowed, path=where) from error


def _include(raw: Any) -> list[str]:
    where, choice = "params.include", f"Choose from {', '.join(INCLUDES)}."
    if raw is None:
        raw = ["mean"]
    if not isinstance(raw, list) or not raw:
        raise InvalidInput.one("bad_include", f"include is {raw!r}, not a list", choice, path=where)
    names = [PUBLISHED_NAMES.get(name, name) if isinstance(name, str) else name for name in raw]
    for name in names:
        if name not in INCLUDES:
            raise InvalidInput.one("bad_include", f"include names {name!r}", choice, path=where)
    return [name for name in INCLUDES if name in names]
