"""The check of variants, one by one as an input is read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from e1protocol import CANONICAL
from jobs.errors import Problem
from jobs.limits import MAX_RESIDUES
from jobs.parsing.letters import LOWER_CASE, NOTATION, SPACES, capitals, check_letters, clean_sequence
from jobs.parsing.records import Place
from jobs.science.variants.codes import (
    Variant,
    is_full_sequence,
    plain_variant,
    variant_of_code,
    variant_of_sequence,
    variant_or_sequence,
)
from jobs.science.variants.edits import CODE_REMEDY, Faults, misplaced
from jobs.science.variants.notations import Residue
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.offsets import Named
from jobs.science.variants.score_sets import left_out
from jobs.science.variants.suggestions import accidental_fit, wrong_numbering

_UNCHANGED: frozenset[str] = frozenset()
_SUBSTITUTION = re.compile(rf"([{CANONICAL}])([1-9][0-9]{{0,8}})([{CANONICAL}])")
_KEPT = 40_000
"""Correct substitutions that are remembered: all those of the longest parent, in 4 MB."""


class VariantRules:
    """A check of variants, one by one as they are read (`jobs.parsing.records.VariantCheck`).

    With `lengths`, variants may have any length, as pseudo-log-likelihoods allow. Every residue must then be
    canonical, because each one is scored.
    """

    def __init__(self, parent: str, numbering: Numbering, *, lengths: bool = False) -> None:
        self._parent, self._numbering, self._lengths = parent, numbering, lengths
        self._named = Named()
        self._shifted = False
        self._positions: dict[str, int] = {}

    def takes(self, text: str) -> bool:
        """Return whether the text is a correct code as it is stored, such as `A24T:G56D`.

        Returns False for some such codes too. Lists of codes are long, so this takes a tenth of the time of `cleaned`
        and `problems`.
        """
        if self._lengths:
            return False
        last = 0
        for code in text.split(":"):
            position = self._positions.get(code) or self._position(code)
            if position <= last:
                return False
            last = position
        return True

    def _position(self, code: str) -> int:
        """Return the position of one correct substitution, 0 for any other text."""
        found = _SUBSTITUTION.fullmatch(code)
        if found is None or found[1] == found[3]:
            return 0
        number = int(found[2])
        position = self._numbering.position(number)
        if position is None or not 1 <= position <= len(self._parent) or self._parent[position - 1] != found[1]:
            return 0
        self._named.add(found[1], number)
        if len(self._positions) < _KEPT:
            self._positions[code] = position
        return position

    def wrong(self, text: str, place: Place) -> list[Problem]:
        """Return the problem of one substitution that names a wrong residue or number. Any other text has none here."""
        found = None if self._lengths else _SUBSTITUTION.fullmatch(text)
        if found is None or found[1] == found[3]:
            return []
        number = int(found[2])
        position = self._numbering.position(number)
        faults = Faults(place)
        residue, parent, numbering = Residue(found[1], found[2]), self._parent, self._numbering
        if not misplaced(faults, text, residue, position, parent=parent, numbering=numbering):
            return []
        self._named.add(found[1], number)
        self._shifted = True
        return faults.problems.listed

    def cleaned(self, text: str) -> tuple[str, frozenset[str]]:
        """Return a code as `A24T:G56D`, or a sequence in capitals without blanks, and which changes that took.

        With `lengths`, a code with insertions or deletions becomes the full sequence.

        A code that cannot be read is returned as it is, so that messages quote what the user wrote.
        """
        if plain := plain_variant(text, self._parent, self._numbering):
            code = plain.code(self._numbering)
            return code, _UNCHANGED if code == text else frozenset({NOTATION})
        if (found := _SUBSTITUTION.fullmatch(text)) and found[1] != found[3] and not self._lengths:
            return text, _UNCHANGED  # a wrong one, which `problems` will read
        if is_full_sequence(text):
            return (text.strip(), _UNCHANGED) if self._too_short(text) else clean_sequence(text)
        faults = Faults(Place())
        written = text.strip()
        read = self._read(written, faults, Named())
        if faults.problems or not written:
            return written, _UNCHANGED
        code = read.code(self._numbering) if isinstance(read, Variant) else read
        flags = {SPACES} if written != text else set()
        if code != written:
            flags.add(LOWER_CASE if code == capitals(written) else NOTATION)
        return code, frozenset(flags)

    def left_out(self, text: str) -> str:
        """Return the kind of a row of a score set that has no score, or an empty text."""
        return left_out(text, self._numbering, lengths=self._lengths)

    def problems(self, text: str, place: Place) -> list[Problem]:
        """Return the problems of one variant: those of `read_variant`, `empty_sequence` and `sequence_too_long`."""
        faults = Faults(place)
        if not text:
            faults.add("empty_sequence", "there is no variant", "Give a code such as A24T, or a full sequence.")
        elif plain := plain_variant(text, self._parent, self._numbering):
            for mutation in plain.mutations:
                self._named.add(mutation.wild, self._numbering.label(mutation.position).number)
            if self._lengths:
                self._check_whole(plain.sequence(self._parent), faults)
        elif not is_full_sequence(text):
            read = self._read(text, faults, self._named)
            if self._lengths and not faults.problems:
                self._check_whole(read.sequence(self._parent) if isinstance(read, Variant) else read, faults)
        elif self._lengths:
            self._check_whole(text, faults)
        elif self._too_short(text):
            what = f"{text[:40]!r} is not a substitution, and too short for a sequence of this parent"
            faults.add("bad_variant", what, CODE_REMEDY)
        else:
            variant_of_sequence(text, self._parent, faults)
        self._shifted |= _are_shifted(faults.problems.listed)
        return faults.problems.listed

    def _read(self, text: str, faults: Faults, named: Named) -> Variant | str:
        read = variant_or_sequence if self._lengths else variant_of_code
        return read(text, self._parent, self._numbering, faults, named)

    def hint(self) -> Problem | None:
        """Return the problem that another numbering would correct nearly all codes, or None."""
        if not self._shifted:
            return None
        return wrong_numbering(self._named, self._parent, self._numbering, "params.")

    def warnings(self) -> list[Problem]:
        """Return warnings about the codes that were taken if others seem to have another numbering."""
        if not self._shifted:
            return []
        found = (self.hint(), accidental_fit(self._named, self._parent, self._numbering))
        return [problem for problem in found if problem is not None]

    def _too_short(self, text: str) -> bool:
        """Return whether letters are more likely a word than a sequence, which must be as long as the parent."""
        return not self._lengths and 2 * len(text) < len(self._parent)

    @staticmethod
    def _check_whole(sequence: str, faults: Faults) -> None:
        if len(sequence) > MAX_RESIDUES:
            what = f"the sequence has {len(sequence):,} residues, and the limit is {MAX_RESIDUES:,}"
            faults.add("sequence_too_long", what, "Cut it into domains, or leave it out.")
        faults.problems.extend(check_letters(sequence, CANONICAL, faults.place))


def _are_shifted(problems: Iterable[Problem]) -> bool:
    """Return whether a wrong numbering offset may have caused any of the problems."""
    return any(problem.code in ("wrong_wild_type", "position_outside") for problem in problems)
