"""The arrays of an item as the browser needs them, to work out what a library will take while it is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from e1protocol import ModelFacts
from jobs.actions import Action
from jobs.actions.base import DTYPE, PRECISION


def stored_arrays(action: Action, model: ModelFacts) -> list[dict[str, Any]] | None:
    """Return the arrays of an item, each with the choice in the form that asks for it, if any.

    None if the browser cannot count them: work units, and rows that depend on more than the sequence.
    """
    if action.long:
        return None
    arrays: list[dict[str, Any]] = []
    for field, value, params in _choices(action, model):
        for column in action.columns(action.check_params(params, model), model):
            per = column.rows.per if column.rows else "item"
            if not per:
                return None
            arrays.append(
                {
                    "field": field,
                    "value": value,
                    "per": per,
                    "bytes": column.width * column.numpy_dtype.itemsize,
                    "layered": column.layer >= 0,
                    "halves": DTYPE in action.param_names,
                }
            )
    return arrays


def _choices(action: Action, model: ModelFacts) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each choice of the parameter that lists some, as field, value and parameters; else the defaults."""
    for name, schema in action.params_schema(model)["properties"].items():
        if name not in (DTYPE, PRECISION) and (values := schema.get("enum") or schema.get("items", {}).get("enum")):
            for value in values:
                yield name, value, {name: value if "enum" in schema else [value]}
            return
    yield "", "", {}
