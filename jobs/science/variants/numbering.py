"""Numberings: the label of each residue of a parent, and back from a label to the residue.

Positions count from 1 along the sequence. Laboratories often number residues otherwise. TEM-1 in Ambler's scheme begins
at 3 and skips 239 and 253; antibodies have residues 52A and 82A to 82C. A label is a whole number with at most one
insertion letter. A numbering is one of three:

- an offset, added to the position;
- a start and skipped numbers, for a sequence of any length;
- a list of labels, one for each residue, in any order, as IMGT needs.

`jobs.science.variants.numbering_forms` reads and writes the forms that requests and stored jobs have.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from jobs.errors import InvalidInput

LARGEST_NUMBER = 1_000_000
"""The largest number of a residue, and the largest offset."""

LONGEST = 10_000
"""Residues of a sequence, at most: more than any that a network reads."""

LABEL_REMEDY = "Write a whole number with at most one insertion letter, such as 52 or 52A."
_LABEL = re.compile(r"(-?[0-9]{1,9})([A-Za-z]?)")
_SHOWN, _LISTED = 40, 5


class Label(NamedTuple):
    """The number of a residue, and its insertion letter in upper case, empty for most."""

    number: int
    letter: str = ""

    def __str__(self) -> str:
        return f"{self.number}{self.letter}"


@dataclass(frozen=True, slots=True)
class Numbering:
    """Labels of residues. `skip` is ascending and above `start`; with `labels`, both have no meaning.

    `shifted`, `skipping` and `listed` make one and check their arguments.
    """

    start: int = 1
    skip: tuple[int, ...] = ()
    labels: tuple[Label, ...] = ()
    _passed: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The last position before each skipped number."""
    _places: Mapping[Label, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        passed = tuple(number - self.start - at for at, number in enumerate(self.skip))
        object.__setattr__(self, "_passed", passed)
        object.__setattr__(self, "_places", {label: position for position, label in enumerate(self.labels, start=1)})

    @classmethod
    def shifted(cls, offset: int) -> Self:
        """Return the numbering whose numbers are `offset` ahead of positions."""
        return cls(offset + 1)

    @classmethod
    def skipping(cls, start: int, skip: Iterable[int]) -> Self:
        """Return the numbering that begins at `start` and leaves out these numbers. Raises InvalidInput."""
        numbers = tuple(sorted(set(skip)))
        if numbers and numbers[0] <= start:
            what = f"the number {numbers[0]} is skipped, and the first residue has the number {start}"
            raise refused(what, "Skip only numbers above that of the first residue.")
        return cls(start, numbers)

    @classmethod
    def listed(cls, labels: Iterable[Label]) -> Self:
        """Return the numbering with these labels in the order of residues. Raises InvalidInput if one comes twice."""
        given = tuple(labels)
        places: dict[Label, int] = {}
        for position, label in enumerate(given, start=1):
            if (earlier := places.setdefault(label, position)) != position:
                what = f"{label} is the number of residue {earlier:,} and of residue {position:,}"
                raise refused(what, "Give each residue a number of its own; an insertion letter tells 52A from 52.")
        if not given:
            raise refused("the numbering has no numbers", "Give one number for each residue.")
        return cls(labels=given)

    @property
    def offset(self) -> int | None:
        """The difference between numbers and positions, or None if it is not the same everywhere."""
        return None if self.skip or self.labels else self.start - 1

    @property
    def has_letters(self) -> bool:
        return any(label.letter for label in self.labels)

    @property
    def width(self) -> int:
        """The most characters that the label of a residue has."""
        ends = self.labels or (self.label(1), self.label(LONGEST))
        return max(len(str(label)) for label in ends)

    def label(self, position: int) -> Label:
        """Return the label of the residue at a position, counted from 1. Raises IndexError beyond a list."""
        if self.labels:
            return self.labels[position - 1]
        return Label(self.start + position - 1 + bisect_left(self._passed, position))

    def position(self, number: int, letter: str = "") -> int | None:
        """Return the position of a label, or None. Without a list it may lie beyond the end of the sequence."""
        if self.labels:
            return self._places.get(Label(number, letter))
        passed = bisect_left(self.skip, number)
        if letter or number < self.start or (passed < len(self.skip) and self.skip[passed] == number):
            return None
        return number - self.start + 1 - passed

    def position_of(self, text: str) -> int | None:
        """Return the position of a label in text, such as "52A", or None."""
        found = _LABEL.fullmatch(text.strip())
        return self.position(int(found[1]), found[2].upper()) if found else None

    def check_length(self, length: int, path: str = "params.numbering") -> None:
        """Raise InvalidInput `bad_numbering` unless a sequence of this many residues can have the numbering."""
        if self.labels and len(self.labels) != length:
            what = f"the numbering has {len(self.labels):,} numbers, and the sequence {length:,} residues"
            remedy = "Give one number for each residue, in the order of the sequence."
            raise refused(what, remedy, path)

    def phrase(self, length: int) -> str:
        """Return how a sequence of this many residues is numbered, in words; empty if by position."""
        if not self.labels and not self.skip:
            return f"numbers in codes are {self.start - 1} ahead of its positions" if self.start != 1 else ""
        first, last = self.label(1), self.label(length)
        skipped = [str(number) for number in self.skip if number < last.number]
        more = f", without {_and(skipped)}" if skipped else ""
        return f"its residues are numbered {first} to {last}{more}{', with insertion letters' * self.has_letters}"


SEQUENTIAL = Numbering()
"""The numbering by positions themselves."""


def is_label(text: str) -> bool:
    """Return whether a text is a number with at most one insertion letter."""
    return _LABEL.fullmatch(text.strip()) is not None


def label_of(text: str) -> Label:
    """Return the label in a text such as "52A". Raises InvalidInput `bad_numbering`."""
    found = _LABEL.fullmatch(text.strip())
    if found is None or abs(int(found[1])) > LARGEST_NUMBER:
        raise refused(f"{text.strip()[:_SHOWN]!r} is not the number of a residue", LABEL_REMEDY)
    return Label(int(found[1]), found[2].upper())


def refused(what: str, remedy: str, path: str | None = None) -> InvalidInput:
    """Return the error `bad_numbering`."""
    return InvalidInput.one("bad_numbering", what, remedy, path=path)


def _and(words: Sequence[str]) -> str:
    if len(words) > _LISTED:
        words = [*words[:_LISTED], f"{len(words) - _LISTED:,} more"]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
