"""`params.offset` and `params.numbering` of actions whose residues may be numbered otherwise than by position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from e1protocol import ModelFacts
from jobs.actions.base import Action, Params
from jobs.errors import InvalidInput, Problem
from jobs.science.variants.numbering import LARGEST_NUMBER, Numbering
from jobs.science.variants.numbering_files import FileNumbering
from jobs.science.variants.numbering_forms import json_of, read_numbering

NAMES = ("offset", "numbering")

_NUMBER = {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
_LABEL = {"type": ["string", "integer"]}


def _form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": properties}


SCHEMAS: dict[str, Any] = {
    "offset": {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER, "default": 0},
    "numbering": {
        "oneOf": [
            _form(offset=_NUMBER),
            _form(start=_NUMBER, skip={"type": "array", "items": _NUMBER}),
            _form(labels={"oneOf": [{"type": "string"}, {"type": "array", "items": _LABEL}]}),
        ],
    },
}
"""The JSON schemas of the parameters."""


def checked_numbering(raw: Params, length: int | None = None, *, prefix: str = "params.") -> dict[str, Any]:
    """Return the normalised parameters: `offset`, and `numbering` only if an offset does not express it.

    `length` is that of the parent, or None if every item has its own. `prefix` is put before the names in paths. Raises
    InvalidInput `bad_offset`, `bad_numbering`, `two_numberings`.
    """
    offset = _offset(raw.get("offset"), f"{prefix}offset")
    if raw.get("numbering") is None:
        return {"offset": offset}
    path = f"{prefix}numbering"
    numbering = read_numbering(raw["numbering"], path)
    if offset and numbering != Numbering.shifted(offset):
        what = f"there are a numbering and an offset of {offset}"
        raise InvalidInput.one("two_numberings", what, "Give one of the two.", path=path)
    if numbering.offset is not None:
        return {"offset": numbering.offset}
    if length is not None:
        numbering.check_length(length, path)
    return {"offset": 0, "numbering": json_of(numbering)}


def numbered_by_file(
    params: Params,
    action: Action,
    model: ModelFacts,
    read: Callable[[str], FileNumbering],
    first: Callable[[], str | None],
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the parameters of a job with the numbering in a file, and what is to be said about it.

    `read` returns the numbering of a sequence: of the parent, or of the first of the library, which `first` returns.
    Without one, the parameters stay as they are, because the library is refused. Raises InvalidInput.
    """
    if "numbering" not in action.param_names:
        what = f"a job of {action.name} has no numbering"
        raise InvalidInput.one("unknown_parameter", what, "Leave the file with the numbering out.", path="numbering")
    refuse_second(params)
    if action.takes_variants:
        others = {name: value for name, value in params.items() if name != "contexts"}
        parent: str | None = action.check_params(others, model)["parent"]
    else:
        parent = first()
    if parent is None:
        return dict(params), ()
    found = read(parent)
    return {**params, "numbering": json_of(found.numbering)}, found.warnings


def refuse_second(params: Params) -> None:
    """Raise InvalidInput `two_numberings` if parameters have a numbering beside that of a file."""
    if params.get("numbering") or params.get("offset"):
        what = "there are a file with a numbering, and an offset or a numbering"
        raise InvalidInput.one("two_numberings", what, "Give one of the two.", path="numbering")


def _offset(raw: object, path: str) -> int:
    if raw is None:
        return 0
    if not isinstance(raw, int) or isinstance(raw, bool) or abs(raw) > LARGEST_NUMBER:
        remedy = "Give the whole number that is added to a position in the parent to get the number in a code."
        raise InvalidInput.one("bad_offset", f"offset is {raw!r}", remedy, path=path)
    return raw
