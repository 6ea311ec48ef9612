"""What a code changes in a parent: changes in some notation as edits of its residues, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from jobs.errors import Problems
from jobs.limits import RECORD_PROBLEMS
from jobs.parsing.records import Place
from jobs.science.variants.notations import Change, Kind, Residue, changes_of
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.offsets import Named

NAMES = {
    Kind.STOP: "a stop codon",
    Kind.FRAME_SHIFT: "a frame shift",
    Kind.EXTENSION: "a change of the start or stop codon",
    Kind.DELETION: "a deletion",
    Kind.INSERTION: "an insertion",
    Kind.DUPLICATION: "a duplication",
    Kind.DELETION_INSERTION: "a deletion with an insertion",
    Kind.UNKNOWN: "a change whose effect is unknown",
}
"""What changes that are no substitutions are, in words."""

_MARGINALS = "Marginals compare residues at the same position, so they take substitutions only."
LENGTH_REMEDY = f"{_MARGINALS} Choose pseudo_log_likelihood, which takes insertions and deletions."
_SEQUENCE_REMEDY = "Give the full sequence and choose pseudo_log_likelihood, which takes sequences of any length."
STOP_REMEDY = "Leave it out, or give the shortened sequence and choose pseudo_log_likelihood."
CODE_REMEDY = (
    "Write the parent's residue, its number and the new one, A24T or p.Ala24Thr; join several by ':'. WT is the parent."
)
_NUMBER_REMEDY = "Check the parent and the numbering."
_UNSTATED = (Kind.FRAME_SHIFT, Kind.EXTENSION, Kind.UNKNOWN, Kind.UNREADABLE)
_SHOWN = 60
"""Characters of a wrong part of a code that a message shows."""


class Faults:
    """The problems of one text, at most RECORD_PROBLEMS."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.problems = Problems(RECORD_PROBLEMS)

    def add(self, code: str, what: str, remedy: str, character: str | None = None) -> None:
        self.problems.add(self.place.problem(code, what, remedy, character=character))


@dataclass(frozen=True, slots=True)
class Edit:
    """Residues `parent[start:end]` become `new`, because of `change`. An insertion has `start == end`."""

    start: int
    end: int
    new: str
    change: Change

    @property
    def growth(self) -> int:
        """How many residues longer the parent becomes."""
        return len(self.new) - (self.end - self.start)

    @property
    def shown(self) -> str:
        """The change as it was written, for messages."""
        return _shown(self.change)


def edits_of(text: str, parent: str, numbering: Numbering, faults: Faults, named: Named) -> list[Edit]:
    """Return the edits of one code in order of position, at most one of each residue; none for the parent.

    Adds what is wrong to `faults`, and wild-type letters with numbers to `named`.
    """
    edits = list(_Reading(parent, numbering, faults, named).edits(text))
    edits.sort(key=lambda edit: (edit.start, edit.end))
    apart: list[Edit] = []
    twice: dict[int, None] = {}
    for edit in edits:
        if not apart or not _overlap(apart[-1], edit):
            apart.append(edit)
        elif not _same_in_another_chain(apart[-1], edit):
            twice[edit.start + (edit.end > edit.start)] = None
    for position in twice:
        what = f"residue {numbering.label(position)} is named more than once"
        faults.add("position_twice", what, "Name each position once.")
    return apart


def _settled(change: Change, numbering: Numbering) -> Change:
    """Return the change; `Y100FS` becomes a substitution if the numbering has a residue 100F."""
    first = change.first
    if change.kind is Kind.FRAME_SHIFT and first and numbering.position(int(first.number), first.letter):
        return replace(change, kind=Kind.SUBSTITUTION) if change.new else change
    return change


def _overlap(edit: Edit, later: Edit) -> bool:
    """Return whether two edits change the same residue, or insert at the same place."""
    return later.start < edit.end or (edit.start == edit.end == later.start == later.end)


def _same_in_another_chain(edit: Edit, other: Edit) -> bool:
    """Return whether FoldX changes the same residue in two chains of one protein."""
    chains = edit.change.chain, other.change.chain
    return all(chains) and len(set(chains)) > 1 and (edit.start, edit.new) == (other.start, other.new)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One pass over the changes of a code."""

    parent: str
    numbering: Numbering
    faults: Faults
    named: Named

    def edits(self, text: str) -> Iterator[Edit]:
        """Yield the edits in the order of the text, without changes that are wrong or change nothing."""
        for change in (_settled(one, self.numbering) for one in changes_of(text)):
            if self.faults.problems.full:
                break
            if change.kind is Kind.SYNONYMOUS and (not change.first or change.first.wild == "*"):
                continue
            if change.kind in _UNSTATED or change.new is None or not change.first or not change.last:
                _note_unstated(change, self.faults)
                continue
            first = self._position(change, change.first)
            last = first if change.last == change.first else self._position(change, change.last)
            if first is not None and last is not None and (edit := self._edit(change, first, last)):
                yield edit

    def _edit(self, change: Change, first: int, last: int) -> Edit | None:
        """Return the edit between two positions, or None if they have the wrong order."""
        new = change.new or ""
        if last < first or (change.kind is Kind.INSERTION and last != first + 1):
            what = f"{_shown(change)} is {NAMES[change.kind]} between residues that do not follow each other"
            remedy = "Name the residues in their order; an insertion is between two neighbours."
            self.faults.add("bad_variant", what, remedy)
            return None
        if change.kind is Kind.INSERTION:
            return Edit(first, first, new, change)
        if change.kind is Kind.DUPLICATION:
            return Edit(last, last, self.parent[first - 1 : last], change)
        return Edit(first - 1, last, new, change)

    def _position(self, change: Change, residue: Residue) -> int | None:
        """Return the position of a residue that a change names, or None if the parent has another there, or none."""
        faults = self.faults
        position = self.numbering.position(int(residue.number), residue.letter)
        if not residue.letter:
            self.named.add(residue.wild, int(residue.number))
        shown, parent, numbering = _shown(change), self.parent, self.numbering
        if misplaced(faults, shown, residue, position, parent=parent, numbering=numbering, chain=change.chain):
            return None
        return position


def misplaced(
    faults: Faults,
    shown: str,
    residue: Residue,
    position: int | None,
    *,
    parent: str,
    numbering: Numbering,
    chain: str = "",
) -> bool:
    """Return whether the parent has no such residue at `position`, and add that to `faults`."""
    if position is None or not 1 <= position <= len(parent):
        what, remedy = _no_residue(residue, parent, numbering)
        faults.add("position_outside", f"{shown} {what}", remedy)
        return True
    if parent[position - 1] != residue.wild:
        what = f"{shown} names {residue.wild}, but the parent has {parent[position - 1]} there"
        also = f" Leave it out if chain {chain} is another protein." if chain else ""
        faults.add("wrong_wild_type", what, _NUMBER_REMEDY + also, residue.wild)
        return True
    return False


def _no_residue(residue: Residue, parent: str, numbering: Numbering) -> tuple[str, str]:
    """Return why no residue of the parent has this number, and the remedy."""
    number, letter = residue.number, residue.letter
    if letter and not numbering.has_letters:
        what = f"names residue {number}{letter}, and the numbering has no insertion letters"
        return what, "Write a substitution as A24T, or give a numbering that has the letter."
    first, last = numbering.label(1), numbering.label(len(parent))
    if letter or first.number <= int(number) <= last.number:
        return f"names residue {number}{letter}, which the numbering does not have", "Check the numbering."
    return f"lies outside the parent, whose residues are numbered {first} to {last}", _NUMBER_REMEDY


def _note_unstated(change: Change, faults: Faults) -> None:
    """Note a change that does not say which residues it leaves."""
    if change.kind is Kind.UNREADABLE:
        part = change.written[:_SHOWN]
        faults.add("bad_variant", f"{part!r} is not a substitution" if part else "there is no variant", CODE_REMEDY)
        return
    what = f"{_shown(change)} is {NAMES[change.kind]} and not a substitution"
    if change.kind is Kind.UNKNOWN:
        faults.add("bad_variant", what, "Leave it out, or write which residue it becomes, such as A24T.")
    else:
        faults.add("indel", what, _SEQUENCE_REMEDY)


def _shown(change: Change) -> str:
    """Return the text of a change for a message, in quotes if it begins with a small letter.

    The first letter of a sentence becomes a capital.
    """
    text = change.written if len(change.written) <= _SHOWN else change.written[:_SHOWN] + "..."
    return f"'{text}'" if text[:1].islower() else text
