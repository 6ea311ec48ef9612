"""`params.offset` and `params.numbering` of actions whose residues may be numbered otherwise than by position."""

from __future__ import annotations

from typing import Any

from jobs.actions.base import Params
from jobs.errors import InvalidInput
from jobs.science.variants.numbering import LARGEST_NUMBER, Numbering
from jobs.science.variants.numbering_forms import json_of, read_numbering

NAMES = ("offset", "numbering")

_NUMBER = {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
_LABEL = {"type": ["string", "integer"]}


def _form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": properties}


SCHEMAS: dict[str, Any] = {
    "offset": {"type": "integer", "default": 0, "description": "Added to a position to get the number of its residue."},
    "numbering": {
        "description": "How residues are numbered if an offset is not enough: a start and skipped numbers, or a label "
        'for each residue, as a list or as text with ranges such as "1-52, 52A, 53-113".',
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


def _offset(raw: object, path: str) -> int:
    if raw is None:
        return 0
    if not isinstance(raw, int) or isinstance(raw, bool) or abs(raw) > LARGEST_NUMBER:
        remedy = "Give the whole number that is added to a position in the parent to get the number in a code."
        raise InvalidInput.one("bad_offset", f"offset is {raw!r}", remedy, path=path)
    return raw
