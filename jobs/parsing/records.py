"""The input of a reader (`ItemRules`), its output (`Record`, `BadRecord`), and places in a file (`Place`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES, MAX_TOKENS

NAME_SHOWN = 60  # characters of a record's name inside a message; `Problem.record` has the whole name


class VariantCheck(Protocol):
    """A check of items that are variants of a parent: codes such as A24T, or full sequences."""

    def takes(self, text: str) -> bool:
        """Return True for most texts that are stored as they are and have no problem, in little time."""

    def wrong(self, text: str, place: Place) -> list[Problem]:
        """Return the problems of most wrong codes, in little time. An empty list says nothing about the text."""

    def cleaned(self, text: str) -> tuple[str, frozenset[str]]:
        """Return the variant as it is stored, and which cleanings (`jobs.parsing.letters`) that took."""

    def left_out(self, text: str) -> str:
        """Return the kind (`jobs.parsing.left_out`) of a row of a score set that has no score, or an empty text."""

    def problems(self, text: str, place: Place) -> list[Problem]:
        """Return the problems of one variant."""

    def hint(self) -> Problem | None:
        """Return a problem whose remedy would solve most of the problems so far, or None."""

    def warnings(self) -> list[Problem]:
        """Return what is suspicious about the variants that have no problem."""


@dataclass(frozen=True, slots=True)
class ItemRules:
    """What an action accepts as an item.

    `sequence` and `context` are the letters allowed, with `?` if masked residues are. `reach` is the last position
    (1-based) that the action reads. `labels` is how many residues the numbering of the job has, or 0 for any number.
    With `variants`, items are variants of a parent, and the other rules don't apply.
    """

    sequence: str
    context: str
    needs_mask: bool
    context_allowed: bool = True
    max_residues: int = MAX_RESIDUES
    max_contexts: int = MAX_CONTEXTS
    max_tokens: int = MAX_TOKENS
    min_residues: int = 1
    reach: int = 0
    labels: int = 0
    variants: VariantCheck | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One item that keeps the rules.

    `index` counts records from 0 in input order, faulty ones included. `line` is the 1-based line where the record
    begins, 0 if the input has no lines (a JSON body). `context` is None if the record has none of its own.
    """

    index: int
    name: str
    header: str
    line: int
    sequence: str
    context: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One item that breaks the rules, with the reasons, at most RECORD_PROBLEMS.

    `sequence` is the readable part, cut at the longest sequence allowed. It is safe to store and to show.
    """

    index: int
    name: str
    header: str
    line: int
    problems: tuple[Problem, ...]
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the input, and the problems and records at it."""

    line: int | None = None
    record: str | None = None
    index: int | None = None
    path: str | None = None

    def field(self, name: str) -> Place:
        """Return the place of one field of the JSON object at this place."""
        # Made directly, because `replace` takes three times as long and this happens for each record.
        return Place(self.line, self.record, self.index, f"{self.path}.{name}" if self.path else name)

    def problem(
        self,
        code: str,
        what: str,
        remedy: str,
        *,
        line: int | None = None,
        column: int | None = None,
        character: str | None = None,
    ) -> Problem:
        """Return a problem at this place. `what` is a sentence without its place, which is put before it."""
        line = line or self.line or None
        parts = [self.path] if self.path else []
        if line:
            parts.append(f"line {line:,}" + (f", column {column:,}" if column else ""))
        if self.record:
            name = self.record if len(self.record) <= NAME_SHOWN else self.record[:NAME_SHOWN] + "..."
            parts.append(f"record {name}")
        message = f"{', '.join(parts)}: {what}" if parts else what[:1].upper() + what[1:]
        return Problem(code, message, remedy, self.path, line, column, self.record, self.index, character)

    def refused(self, code: str, what: str, remedy: str, **more: Any) -> InvalidInput:
        """Return the error that ends the reading of a file; the parameters are those of `problem`."""
        return InvalidInput.of(self.problem(code, what, remedy, **more))

    def good(self, header: str, sequence: str, context: tuple[str, ...] | None = None) -> Record:
        return Record(self.index or 0, self.record or "", header, self.line or 0, sequence, context)

    def bad(self, problems: Iterable[Problem], header: str = "", sequence: str = "") -> BadRecord:
        return BadRecord(self.index or 0, self.record or "", header, self.line or 0, tuple(problems), sequence)


def default_name(index: int) -> str:
    """Return the name of a record without one: one word, so that it survives a FASTA or CSV export."""
    return f"record_{index + 1}"
