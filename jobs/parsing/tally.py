"""What a reader cleaned and noticed while it read: counts per record, no list that grows with the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.errors import Problem
from jobs.parsing.letters import CLEANINGS
from jobs.parsing.records import Record

_NUCLEOTIDES = "ACGTNU"
_NUCLEOTIDES_FROM = 10
"""Residues from which a sequence of A, C, G, T, N, U alone is suspicious: a peptide of ten has one chance in
10^6.
"""


@dataclass(slots=True)
class _Noticed:
    """How many records show one thing, and the first of them."""

    count: int
    index: int
    line: int
    name: str


class Tally:
    """Counts of cleaned records and of things worth a warning; only records that are accepted count."""

    def __init__(self) -> None:
        self.records = 0
        self.cleaning = dict.fromkeys(CLEANINGS, 0)
        self.read_columns: tuple[str, ...] = ()
        self.ignored_columns: tuple[str, ...] = ()
        self._noticed: dict[str, _Noticed] = {}

    def cleaned(self, flags: Iterable[str]) -> None:
        for flag in flags:
            self.cleaning[flag] += 1

    def look_at(self, record: Record, *, unnamed: bool = False) -> None:
        """Notice what is legal and yet suspicious about an accepted record."""
        # strip() stops at the first other letter at either end, so that proteins cost next to nothing.
        if not record.sequence.strip(_NUCLEOTIDES) and len(record.sequence) >= _NUCLEOTIDES_FROM:
            self._notice("looks_like_dna", record)
        if unnamed:
            self._notice("unnamed_records", record)

    def _notice(self, code: str, record: Record) -> None:
        if code in self._noticed:
            self._noticed[code].count += 1
        else:
            self._noticed[code] = _Noticed(1, record.index, record.line, record.name)

    def warnings(self) -> list[Problem]:
        """One warning for each thing noticed, with the number of records and the first of them."""
        warnings = []
        if seen := self._noticed.get("looks_like_dna"):
            what = f"made of {', '.join(_NUCLEOTIDES)} only and {_looks(seen.count)} like DNA or RNA"
            remedy = "Translate nucleotides to protein; ignore this if these are peptides."
            warnings.append(self._warning("looks_like_dna", seen, what, remedy))
        if seen := self._noticed.get("unnamed_records"):
            what = "nameless and got a name by position"
            remedy = "Put a name behind '>' to find the record again."
            warnings.append(self._warning("unnamed_records", seen, what, remedy))
        if self.ignored_columns:
            columns = ", ".join(self.ignored_columns)
            what = f"Columns that are not read: {columns}"
            read = " and ".join(self.read_columns)
            verb = "are" if len(self.read_columns) > 1 else "is"
            remedy = f"Of this file only {read} {verb} read; nothing else is kept."
            warnings.append(Problem("ignored_columns", what, remedy, line=1))
        return warnings

    def _warning(self, code: str, seen: _Noticed, what: str, remedy: str) -> Problem:
        verb = "record is" if seen.count == 1 else "records are"
        first = f"first: {seen.name}" + (f", line {seen.line:,}" if seen.line else "")
        message = f"{seen.count:,} of {self.records:,} {verb} {what} ({first})"
        return Problem(code, message, remedy, line=seen.line or None, record=seen.name, index=seen.index)


def _looks(count: int) -> str:
    return "looks" if count == 1 else "look"
