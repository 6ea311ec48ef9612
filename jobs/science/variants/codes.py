"""Reading variants of a parent: codes such as `A24T` or `A24T:G56D`, and full sequences.

Positions count from 1. A laboratory may number residues differently (`jobs.science.variants.numbering`): with offset
23, the code `H24Y` names the parent's first residue. An insertion letter follows the number: `S52AT` changes residue
52A to T. The last letter is always the new residue, so `S52A` changes residue 52 to A.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from e1protocol import CANONICAL, EXTENDED
from jobs.errors import Problem, Problems
from jobs.limits import MAX_RESIDUES, RECORD_PROBLEMS
from jobs.parsing.letters import capitals, check_letters, clean_sequence, shown, strange_characters
from jobs.parsing.records import Place
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.offsets import Named, wrong_offset

WILD_TYPE = "WT"
"""The code of the parent itself."""

_SEPARATORS = re.compile(r"[:,;/+\s]+")
_SUBSTITUTION = re.compile(r"([A-Z])(-?[0-9]{1,9})([A-Z]?)([A-Z*=-])")
_LOOKS_LIKE_INDEL = re.compile(r"[0-9](DEL|INS|DUP|FS|EXT)|[0-9]-$|^-|_")
_SHOWN = 60
"""Characters of a wrong part of a code that a message shows."""
_LONGEST_NUMBER = 10

_OFFER = (
    "Marginals compare residues at the same position, so they take substitutions only. "
    "Give full sequences and choose pseudo_log_likelihood, which takes insertions and deletions."
)
_CODE_REMEDY = "Write the parent's residue, its number and the new one, A24T; join several by ':'. WT is the parent."


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
    """Read a variant: a code, or a full sequence, which has no digits.

    Raises InvalidInput with up to RECORD_PROBLEMS problems: `bad_variant`, `bad_letter`, `wrong_wild_type`,
    `position_outside`, `position_twice`, `indel`.
    """
    faults = _Faults(Place(record=text))
    if is_full_sequence(text):
        variant = _of_sequence(text, parent, faults)
    else:
        variant = _of_code(text, parent, numbering, faults, Named())
    if faults.problems:
        raise faults.problems.refusal()
    return variant


def plain_variant(text: str, parent: str, numbering: Numbering) -> Variant | None:
    """Read a correct code in capitals joined by ':' as `read_variant` does, in a tenth of the time.

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


class VariantRules:
    """A check of variants, one by one as they are read (`jobs.parsing.records.VariantCheck`).

    With `lengths`, full sequences may have any length, as pseudo-log-likelihoods allow. Every residue must then be
    canonical, because each one is scored.
    """

    def __init__(self, parent: str, numbering: Numbering, *, lengths: bool = False) -> None:
        self._parent, self._numbering, self._lengths = parent, numbering, lengths
        self._named = Named()
        self._shifted = False

    def problems(self, text: str, place: Place) -> list[Problem]:
        """Return the problems of one variant: those of `read_variant`, `empty_sequence` and `sequence_too_long`."""
        faults = _Faults(place)
        if not text:
            faults.add("empty_sequence", "there is no variant", "Give a code such as A24T, or a full sequence.")
        elif not is_full_sequence(text):
            variant = _of_code(text, self._parent, self._numbering, faults, self._named)
            if self._lengths and not faults.problems:
                self._check_whole(variant.sequence(self._parent), faults)
        elif self._lengths:
            self._check_whole(text, faults)
        elif 2 * len(text) < len(self._parent):
            what = f"{text[:40]} is not a substitution, and too short for a sequence of this parent"
            faults.add("bad_variant", what, _CODE_REMEDY)
        else:
            _of_sequence(text, self._parent, faults)
        self._shifted |= _are_shifted(faults.problems.listed)
        return faults.problems.listed

    def hint(self) -> Problem | None:
        """Return the problem `wrong_offset` if another numbering offset would correct nearly all codes."""
        if not self._shifted:
            return None
        return wrong_offset(self._named, self._parent, self._numbering, "params.offset")

    @staticmethod
    def _check_whole(sequence: str, faults: _Faults) -> None:
        if len(sequence) > MAX_RESIDUES:
            what = f"the sequence has {len(sequence):,} residues, and the limit is {MAX_RESIDUES:,}"
            faults.add("sequence_too_long", what, "Cut it into domains, or leave it out.")
        faults.problems.extend(check_letters(sequence, CANONICAL, faults.place))


class _Faults:
    """The problems of one text, at most RECORD_PROBLEMS."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.problems = Problems(RECORD_PROBLEMS)

    def add(self, code: str, what: str, remedy: str, character: str | None = None) -> None:
        self.problems.add(self.place.problem(code, what, remedy, character=character))


def is_full_sequence(text: str) -> bool:
    """Return whether the text is a full sequence, that is, has no digits. The word WT is a code: the parent."""
    word = text.strip()
    return bool(word) and word.upper() != WILD_TYPE and not any(character in "0123456789" for character in word)


def _of_sequence(text: str, parent: str, faults: _Faults) -> Variant:
    sequence, _ = clean_sequence(text)
    if strange := strange_characters(sequence, EXTENDED):
        character, at, _ = strange[0]
        what = f"the character '{shown(character)}' at position {at + 1:,} is not a residue"
        remedy = "Write substitutions as A24T, several as A24T:G56D, or the full sequence in one-letter residues."
        faults.add("bad_letter", what, remedy, shown(character))
    elif len(sequence) != len(parent):
        what = f"the sequence has {len(sequence):,} residues and the parent {len(parent):,}"
        faults.add("indel", what, _OFFER)
    else:
        pairs = enumerate(zip(parent, sequence, strict=True), start=1)
        return _checked([Mutation(n, wild, mutant) for n, (wild, mutant) in pairs if wild != mutant], faults)
    return Variant()


def _of_code(text: str, parent: str, numbering: Numbering, faults: _Faults, named: Named) -> Variant:
    """Return the variant of one code. Its pairs of wild-type letter and number are added to `named`."""
    word = capitals(text).strip()
    if word == WILD_TYPE:
        return Variant()
    mutations: list[Mutation] = []
    for part in _SEPARATORS.split(word):
        if faults.problems.full:
            break
        found = _SUBSTITUTION.fullmatch(part)
        position = numbering.position(int(found[2]), found[3]) if found else None
        # Without such a residue, the letter may belong to a word, as in the frameshift A24fs.
        if found is None or found[4] == "-" or (found[3] and position is None and _LOOKS_LIKE_INDEL.search(part)):
            _not_a_substitution(part, faults)
            continue
        wild, mutant = found[1], found[4].replace("=", found[1])
        if not found[3]:
            named.add(wild, int(found[2]))
        if position is None or not 1 <= position <= len(parent):
            what, remedy = _no_residue(part, found[2], found[3], parent, numbering)
            faults.add("position_outside", what, remedy)
        elif parent[position - 1] != wild:
            what = f"{part} names {wild}, but the parent has {parent[position - 1]} there"
            faults.add("wrong_wild_type", what, "Check the parent and the numbering.", wild)
        else:
            mutations.append(Mutation(position, wild, mutant))
    twice = [position for position, count in Counter(m.position for m in mutations).items() if count > 1]
    for position in twice:
        what = f"residue {numbering.label(position)} is named more than once"
        faults.add("position_twice", what, "Name each position once.")
    return Variant() if twice else _checked([m for m in mutations if m.wild != m.mutant], faults)


def _checked(mutations: Sequence[Mutation], faults: _Faults) -> Variant:
    """Return the variant; note each residue that has no column in the logits."""
    for mutation in mutations:
        if mutation.mutant == "*":
            faults.add("bad_letter", f"{mutation.code()} is a stop codon, which has no score", "Leave it out.", "*")
        elif mutation.mutant not in CANONICAL:
            what = f"{mutation.code()} names {mutation.mutant}, which is not one of the 20 canonical residues"
            faults.add("bad_letter", what, f"Choose one of {CANONICAL}.", mutation.mutant)
        elif mutation.wild not in CANONICAL:
            what = f"the parent has {mutation.wild} at position {mutation.position}, which is not a canonical residue"
            faults.add("bad_letter", what, "Leave the position out, or put the true residue there.", mutation.wild)
    return Variant(tuple(sorted(mutations)))


def _no_residue(part: str, number: str, letter: str, parent: str, numbering: Numbering) -> tuple[str, str]:
    """Return why no residue of the parent has this number, and the remedy."""
    if letter and not numbering.has_letters:
        what = f"{part} names residue {number}{letter}, and the numbering has no insertion letters"
        return what, "Write a substitution as A24T, or give a numbering that has the letter."
    first, last = numbering.label(1), numbering.label(len(parent))
    if letter or first.number <= int(number) <= last.number:
        return f"{part} names residue {number}{letter}, which the numbering does not have", "Check the numbering."
    what = f"{part} lies outside the parent, whose residues are numbered {first} to {last}"
    return what, "Check the parent and the numbering."


def _not_a_substitution(part: str, faults: _Faults) -> None:
    part = part[:_SHOWN]
    if _LOOKS_LIKE_INDEL.search(part):
        faults.add("indel", f"{part} is not a substitution", _OFFER)
        return
    faults.add("bad_variant", f"{part!r} is not a substitution" if part else "there is no variant", _CODE_REMEDY)


def _are_shifted(problems: Iterable[Problem]) -> bool:
    """Return whether a wrong numbering offset may have caused any of the problems."""
    return any(problem.code in ("wrong_wild_type", "position_outside") for problem in problems)
