"""Variants of a parent: reading them from any notation (`jobs.science.variants.notations`) or from full sequences.

Positions count from 1. A laboratory may number residues differently (`jobs.science.variants.numbering`): with offset
23, the code `H24Y` names the parent's first residue. An insertion letter follows the number: `S52AT` changes residue
52A to T. The last letter is always the new residue, so `S52A` changes residue 52 to A.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from e1protocol import CANONICAL, EXTENDED
from jobs.limits import MAX_RESIDUES
from jobs.parsing.letters import clean_sequence, shown, strange_characters
from jobs.parsing.records import Place
from jobs.science.variants.edits import LENGTH_REMEDY, NAMES, STOP_REMEDY, Edit, Faults, edits_of
from jobs.science.variants.notations import is_notation
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.offsets import Named

WILD_TYPE = "WT"
"""The code of the parent itself."""

_LONGEST_NUMBER = 10


@dataclass(frozen=True, slots=True, order=True)
class Mutation:
    """One substitution: `position` counts from 1 in the parent; `wild` is the parent's residue there."""

    position: int
    wild: str
    mutant: str

    def code(self, numbering: Numbering = SEQUENTIAL) -> str:
        return f"{self.wild}{numbering.label(self.position)}{self.mutant}"


@dataclass(frozen=True, slots=True)
class Variant:
    """Substitutions in order of position, at most one at each position. The parent has none, and its score is 0.

    Synonymous substitutions (`A24A`) are left out.
    """

    mutations: tuple[Mutation, ...] = ()

    def code(self, numbering: Numbering = SEQUENTIAL) -> str:
        """Return the code, such as `A24T:G56D`; the parent is `WT`."""
        return ":".join(mutation.code(numbering) for mutation in self.mutations) or WILD_TYPE

    def sequence(self, parent: str) -> str:
        """Return the full sequence of the variant of `parent`."""
        letters = list(parent)
        for mutation in self.mutations:
            letters[mutation.position - 1] = mutation.mutant
        return "".join(letters)


def single_variants(parent: str) -> list[Variant]:
    """Return all single substitutions, position by position, mutants in the order of `CANONICAL`.

    Positions without a canonical residue have no score and are left out.
    """
    return [
        Variant((Mutation(position, wild, mutant),))
        for position, wild in enumerate(parent, start=1)
        if wild in CANONICAL
        for mutant in CANONICAL
        if mutant != wild
    ]


def read_variant(text: str, parent: str, *, numbering: Numbering = SEQUENTIAL) -> Variant:
    """Read a variant: a code in any notation, or a full sequence.

    Raises InvalidInput with up to RECORD_PROBLEMS problems: `bad_variant`, `bad_letter`, `wrong_wild_type`,
    `position_outside`, `position_twice`, `indel`.
    """
    if (plain := plain_variant(text, parent, numbering)) is not None:
        return plain
    faults = Faults(Place(record=text))
    if is_full_sequence(text):
        variant = variant_of_sequence(text, parent, faults)
    else:
        variant = variant_of_code(text, parent, numbering, faults, Named())
    if faults.problems:
        raise faults.problems.refusal()
    return variant


def plain_variant(text: str, parent: str, numbering: Numbering) -> Variant | None:
    """Read a correct code in capitals joined by ':' in a tenth of the time that any other notation takes.

    Returns None for any other text, correct or not.
    """
    found: dict[int, Mutation] = {}
    parts = text.split(":")
    for part in parts:
        number, wild, mutant = part[1:-1], part[:1], part[-1:]
        if not (number.isascii() and number.isdigit() and len(number) < _LONGEST_NUMBER):
            return None
        position = numbering.position(int(number))
        if position is None or not 1 <= position <= len(parent) or parent[position - 1] != wild or wild == mutant:
            return None
        if wild not in CANONICAL or mutant not in CANONICAL:
            return None
        found[position] = Mutation(position, wild, mutant)
    return Variant(tuple(found[position] for position in sorted(found))) if len(found) == len(parts) else None


def is_full_sequence(text: str) -> bool:
    """Return whether the text is a full sequence: residues, and neither a code nor a name of the parent such as WT."""
    return bool(text.strip()) and not is_notation(text)


def variant_of_sequence(text: str, parent: str, faults: Faults) -> Variant:
    """Return the variant that a full sequence is. Adds to `faults` what is wrong with it."""
    sequence, _ = clean_sequence(text)
    if strange := strange_characters(sequence, EXTENDED):
        character, at, _ = strange[0]
        what = f"the character '{shown(character)}' at position {at + 1:,} is not a residue"
        remedy = "Write substitutions as A24T, several as A24T:G56D, or the full sequence in one-letter residues."
        faults.add("bad_letter", what, remedy, shown(character))
    elif len(sequence) != len(parent):
        what = f"the sequence has {len(sequence):,} residues and the parent {len(parent):,}"
        faults.add("indel", what, LENGTH_REMEDY)
    else:
        pairs = enumerate(zip(parent, sequence, strict=True), start=1)
        mutations = [Mutation(n, wild, mutant) for n, (wild, mutant) in pairs if wild != mutant]
        for mutation in mutations:
            _check_residues(mutation.code(), mutation, faults)
        return Variant(tuple(mutations))
    return Variant()


def variant_of_code(text: str, parent: str, numbering: Numbering, faults: Faults, named: Named) -> Variant:
    """Return the variant of one code. Adds what is wrong to `faults`, and wild-type letters with numbers to `named`.

    Insertions and deletions are wrong.
    """
    edits = edits_of(text, parent, numbering, faults, named)
    for edit in edits:
        if edit.growth:
            faults.add("indel", f"{edit.shown} is {NAMES[edit.change.kind]} and not a substitution", LENGTH_REMEDY)
    return _variant([edit for edit in edits if not edit.growth], parent, faults)


def variant_or_sequence(text: str, parent: str, numbering: Numbering, faults: Faults, named: Named) -> Variant | str:
    """Return the variant of one code, or its full sequence if that is longer or shorter than the parent.

    Adds to `faults` and `named` as `variant_of_code` does.
    """
    edits = edits_of(text, parent, numbering, faults, named)
    if not any(edit.growth for edit in edits):
        return _variant(edits, parent, faults)
    if (length := len(parent) + sum(edit.growth for edit in edits)) > MAX_RESIDUES:
        what = f"the sequence of this variant has {length:,} residues, and the limit is {MAX_RESIDUES:,}"
        faults.add("sequence_too_long", what, "Cut the parent into domains, or leave the variant out.")
        return ""
    pieces: list[str] = []
    done = 0
    for edit in edits:
        pieces += parent[done : edit.start], edit.new
        done = edit.end
        if "*" in edit.new:
            _note_stop(edit.shown, faults)
    return "".join((*pieces, parent[done:]))


def _variant(edits: Iterable[Edit], parent: str, faults: Faults) -> Variant:
    """Return the variant of edits that keep the length."""
    mutations: list[Mutation] = []
    for edit in edits:
        for at, (wild, mutant) in enumerate(zip(parent[edit.start : edit.end], edit.new, strict=True), edit.start + 1):
            if wild != mutant:
                mutations.append(Mutation(at, wild, mutant))
                _check_residues(edit.shown, mutations[-1], faults)
    return Variant(tuple(mutations))


def _note_stop(written: str, faults: Faults) -> None:
    faults.add("bad_letter", f"{written} is a stop codon, which has no score", STOP_REMEDY, "*")


def _check_residues(written: str, mutation: Mutation, faults: Faults) -> None:
    """Note a residue that has no column in the logits."""
    if mutation.mutant == "*":
        _note_stop(written, faults)
    elif mutation.mutant not in CANONICAL:
        old = ", the stop codon of older notations or any residue" if mutation.mutant == "X" else ""
        what = f"{written} names {mutation.mutant}{old}, which is not one of the 20 canonical residues"
        faults.add("bad_letter", what, f"Choose one of {CANONICAL}, or leave it out.", mutation.mutant)
    elif mutation.wild not in CANONICAL:
        what = f"the parent has {mutation.wild} at position {mutation.position}, which is not a canonical residue"
        faults.add("bad_letter", what, "Leave the position out, or put the true residue there.", mutation.wild)
