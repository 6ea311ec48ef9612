"""Variants of a parent: reading them from any notation (`jobs.science.variants.notations`) or from full sequences.

Positions count from 1. A laboratory may number residues differently (`jobs.science.variants.numbering`): with offset
23, the code `H24Y` names the parent's first residue. An insertion letter follows the number: `S52AT` changes residue
52A to T. The last letter is always the new residue, so `S52A` changes residue 52 to A.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from e1protocol import CANONICAL, EXTENDED
from jobs.errors import Problems
from jobs.limits import RECORD_PROBLEMS
from jobs.parsing.letters import clean_sequence, shown, strange_characters
from jobs.parsing.records import Place
from jobs.science.variants.notations import Change, Kind, changes_of, is_notation
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.offsets import Named

WILD_TYPE = "WT"
"""The code of the parent itself."""

_SHOWN = 60
"""Characters of a wrong part of a code that a message shows."""
_LONGEST_NUMBER = 10

NAMES = {
    Kind.STOP: "a stop codon",
    Kind.FRAME_SHIFT: "a frame shift",
    Kind.EXTENSION: "a change of the start or stop codon",
    Kind.DELETION: "a deletion",
    Kind.INSERTION: "an insertion",
    Kind.DELETION_INSERTION: "a deletion with an insertion",
    Kind.UNKNOWN: "a change whose effect is unknown",
}
"""What changes that are no substitutions are, in words."""

INDEL_REMEDY = (
    "Marginals compare residues at the same position, so they take substitutions only. "
    "Give full sequences and choose pseudo_log_likelihood, which takes insertions and deletions."
)
CODE_REMEDY = (
    "Write the parent's residue, its number and the new one, A24T or p.Ala24Thr; join several by ':'. WT is the parent."
)
_STOP_REMEDY = "Leave it out, or give the shortened sequence and choose pseudo_log_likelihood."


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


class Faults:
    """The problems of one text, at most RECORD_PROBLEMS."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.problems = Problems(RECORD_PROBLEMS)

    def add(self, code: str, what: str, remedy: str, character: str | None = None) -> None:
        self.problems.add(self.place.problem(code, what, remedy, character=character))


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
        faults.add("indel", what, INDEL_REMEDY)
    else:
        pairs = enumerate(zip(parent, sequence, strict=True), start=1)
        mutations = [Mutation(n, wild, mutant) for n, (wild, mutant) in pairs if wild != mutant]
        for mutation in mutations:
            _check_residues(mutation.code(), mutation, faults)
        return Variant(tuple(mutations))
    return Variant()


def variant_of_code(text: str, parent: str, numbering: Numbering, faults: Faults, named: Named) -> Variant:
    """Return the variant of one code. Adds what is wrong to `faults`, and wild-type letters with numbers to `named`."""
    found: dict[int, tuple[Change, Mutation]] = {}
    twice: dict[int, None] = {}
    for change in (_settled(one, numbering) for one in changes_of(text)):
        if faults.problems.full:
            break
        if not change.number or change.kind not in _OF_ONE_RESIDUE or change.wild == "*":
            _note_other(change, faults)
            continue
        mutation = _mutation(change, parent, numbering, faults, named)
        if mutation is None:
            continue
        earlier = found.setdefault(mutation.position, (change, mutation))
        if earlier[0] is not change and not _same_in_another_chain(earlier, change, mutation):
            twice[mutation.position] = None
    for position in twice:
        what = f"residue {numbering.label(position)} is named more than once"
        faults.add("position_twice", what, "Name each position once.")
    return Variant(tuple(sorted(one for _, one in found.values() if one.wild != one.mutant)))


def _settled(change: Change, numbering: Numbering) -> Change:
    """Return the change; `Y100FS` becomes a substitution if the numbering has a residue 100F."""
    if change.kind is Kind.FRAME_SHIFT and change.number and numbering.position(int(change.number), change.letter):
        return replace(change, kind=Kind.SUBSTITUTION)
    return change


_OF_ONE_RESIDUE = (Kind.SUBSTITUTION, Kind.SYNONYMOUS, Kind.STOP)


def _mutation(change: Change, parent: str, numbering: Numbering, faults: Faults, named: Named) -> Mutation | None:
    """Return the mutation of a change of one residue, or None. Adds what is wrong with it to `faults`."""
    written, position = _shown(change), numbering.position(int(change.number), change.letter)
    if not change.letter:
        named.add(change.wild, int(change.number))
    if position is None or not 1 <= position <= len(parent):
        what, remedy = _no_residue(change, parent, numbering)
        faults.add("position_outside", f"{written} {what}", remedy)
        return None
    if parent[position - 1] != change.wild:
        what = f"{written} names {change.wild}, but the parent has {parent[position - 1]} there"
        remedy = "Check the parent and the numbering."
        if change.chain:
            remedy += f" Leave it out if chain {change.chain} is another protein."
        faults.add("wrong_wild_type", what, remedy, change.wild)
        return None
    mutation = Mutation(position, change.wild, change.mutant)
    if change.kind is not Kind.SYNONYMOUS:
        _check_residues(written, mutation, faults)
    return mutation


def _no_residue(change: Change, parent: str, numbering: Numbering) -> tuple[str, str]:
    """Return why no residue of the parent has the number of a change, and the remedy."""
    number, letter = change.number, change.letter
    if letter and not numbering.has_letters:
        what = f"names residue {number}{letter}, and the numbering has no insertion letters"
        return what, "Write a substitution as A24T, or give a numbering that has the letter."
    first, last = numbering.label(1), numbering.label(len(parent))
    if letter or first.number <= int(number) <= last.number:
        return f"names residue {number}{letter}, which the numbering does not have", "Check the numbering."
    what = f"lies outside the parent, whose residues are numbered {first} to {last}"
    return what, "Check the parent and the numbering."


def _same_in_another_chain(earlier: tuple[Change, Mutation], change: Change, mutation: Mutation) -> bool:
    """Return whether FoldX changes the same residue in two chains of one protein."""
    return earlier[1] == mutation and bool(earlier[0].chain and change.chain) and earlier[0].chain != change.chain


def _check_residues(written: str, mutation: Mutation, faults: Faults) -> None:
    """Note a residue that has no column in the logits."""
    if mutation.mutant == "*":
        faults.add("bad_letter", f"{written} is a stop codon, which has no score", _STOP_REMEDY, "*")
    elif mutation.mutant not in CANONICAL:
        old = ", the stop codon of older notations or any residue" if mutation.mutant == "X" else ""
        what = f"{written} names {mutation.mutant}{old}, which is not one of the 20 canonical residues"
        faults.add("bad_letter", what, f"Choose one of {CANONICAL}, or leave it out.", mutation.mutant)
    elif mutation.wild not in CANONICAL:
        what = f"the parent has {mutation.wild} at position {mutation.position}, which is not a canonical residue"
        faults.add("bad_letter", what, "Leave the position out, or put the true residue there.", mutation.wild)


def _note_other(change: Change, faults: Faults) -> None:
    """Note a change that is no substitution. Synonymous changes without a position are none."""
    if change.kind is Kind.SYNONYMOUS:
        return
    if change.kind is Kind.UNREADABLE:
        part = change.written[:_SHOWN]
        faults.add("bad_variant", f"{part!r} is not a substitution" if part else "there is no variant", CODE_REMEDY)
        return
    what = f"{_shown(change)} is {NAMES[change.kind]} and not a substitution"
    if change.kind is Kind.UNKNOWN:
        faults.add("bad_variant", what, "Leave it out, or write which residue it becomes, such as A24T.")
    else:
        faults.add("indel", what, INDEL_REMEDY)


def _shown(change: Change) -> str:
    return change.written if len(change.written) <= _SHOWN else change.written[:_SHOWN] + "..."
