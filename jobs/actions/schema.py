"""The JSON schema of a synchronous request, in the form that published clients read."""

from __future__ import annotations

from typing import Any

from e1protocol import MASK, ModelFacts
from jobs.actions.base import DTYPE, PRECISION, Action
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES, SYNC_ITEMS


def request_schema(action: Action, model: ModelFacts) -> dict[str, Any]:
    """Return the schema of the body of `POST /api/v3/MODEL/ACTION/`.

    It has no dtype: the answer is JSON, so nothing is stored in another type. It has no precision: any worker answers.
    """
    params = action.params_schema(model)
    for name in (DTYPE, PRECISION):
        params["properties"].pop(name, None)
    letters = "".join(sorted(action.sequence_letters.replace(MASK, "")))
    mask = r"\?" if MASK in action.sequence_letters else ""
    item = {
        "type": "object",
        "required": ["sequence"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "sequence": _sequence(letters + mask),
            "context_sequences": {
                "type": ["array", "null"],
                "maxItems": MAX_CONTEXTS,
                "items": _sequence("".join(sorted(action.context_letters))),
            },
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{model.slug} {action.name}",
        "description": action.summary,
        "type": "object",
        "required": ["items"],
        "properties": {
            "params": params,
            "items": {"type": "array", "minItems": 1, "maxItems": SYNC_ITEMS, "items": item},
        },
    }


def _sequence(letters: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": MAX_RESIDUES, "pattern": f"^[{letters}]+$"}
