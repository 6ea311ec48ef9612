"""Rows of score sets, as MaveDB has them, that have no score: stops, synonymous changes, deletions and the like."""

from __future__ import annotations

from e1protocol import CANONICAL
from jobs.parsing.tables import MISSING
from jobs.science.variants.notations import Change, Kind, changes_of, is_notation
from jobs.science.variants.numbering import Numbering

_SCORED, _OTHER_RESIDUE = "", "other_residue"
_OF_LENGTH = frozenset({Kind.DELETION_INSERTION, Kind.DELETION, Kind.INSERTION, Kind.DUPLICATION})
_WORST_FIRST = (
    Kind.UNREADABLE,
    Kind.FRAME_SHIFT,
    Kind.STOP,
    Kind.EXTENSION,
    Kind.DELETION_INSERTION,
    Kind.DELETION,
    Kind.INSERTION,
    Kind.DUPLICATION,
    Kind.UNKNOWN,
    _OTHER_RESIDUE,
    _SCORED,
    Kind.SYNONYMOUS,
)
"""A row of several changes is of the first of their kinds."""


def left_out(name: str, numbering: Numbering, *, lengths: bool = False) -> str:
    """Return the kind (`jobs.parsing.left_out`) of a row that has no score, or an empty text.

    With `lengths`, deletions and insertions have scores. A name that cannot be read is wrong, and not left out.
    """
    if name.strip().lower() in MISSING:
        return "no_variant"
    if not is_notation(name):
        return ""
    kinds = {_kind(change, numbering, lengths=lengths) for change in changes_of(name)}
    kind = next((kind for kind in _WORST_FIRST if kind in kinds), _SCORED)
    return "" if kind is Kind.UNREADABLE else str(kind)


def _kind(change: Change, numbering: Numbering, *, lengths: bool) -> str:
    """Return the kind of a change, or _SCORED."""
    if change.kind is Kind.SUBSTITUTION:
        return _SCORED if change.new and change.new in CANONICAL else _OTHER_RESIDUE
    if change.kind not in _OF_LENGTH or change.new is None:
        return change.kind
    if "*" in change.new:
        return Kind.STOP
    return _SCORED if lengths or _keeps_length(change, numbering) else change.kind


def _keeps_length(change: Change, numbering: Numbering) -> bool:
    """Return whether a deletion with an insertion has as many new residues as old ones."""
    if change.kind is not Kind.DELETION_INSERTION or not change.first or not change.last:
        return False
    first, last = (numbering.position(int(one.number), one.letter) for one in (change.first, change.last))
    return first is not None and last is not None and last - first + 1 == len(change.new or "")
