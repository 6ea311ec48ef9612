"""What a reader is told (`ItemRules`) and what it gives (`Record`, `BadRecord`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from jobs.errors import Problem
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES, MAX_TOKENS

NAME_SHOWN = 60  # characters of a record's name inside a message; the whole name stands in `Problem.record`


class VariantCheck(Protocol):
    """Judges items that are variants of a parent: codes such as A24T, or full sequences."""

    def problems(self, text: str, place: Place) -> list[Problem]:
        """What is wrong with one variant."""

    def hint(self) -> Problem | None:
        """What would put most of the problems so far right."""


@dataclass(frozen=True, slots=True)
class ItemRules:
    """What an action accepts as an item. `sequence` and `context` are the letters allowed, `?` among them or
    not. `reach` is the last position (from 1) that the action looks at. With `variants`, items are variants of a
    parent, and nothing else of the rules counts.
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
    variants: VariantCheck | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One item that keeps the rules.

    `index` counts records from 0 in input order, faulty ones included; `line` is the 1-based line where the
    record begins, 0 where the input has no lines (a JSON body). `context` is None where the record names none
    of its own.
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

    `sequence` is what could be read, cut at the longest sequence allowed; it is safe to store and to show.
    """

    index: int
    name: str
    header: str
    line: int
    problems: tuple[Problem, ...]
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input something stands; makes problems that say so."""

    line: int | None = None
    record: str | None = None
    index: int | None = None
    path: str | None = None

    def field(self, name: str) -> Place:
        """The same place, one field of a JSON object deeper."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

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
        """A problem at this place. `what` is a sentence without its place, which is put before it."""
        line = line or self.line or None
        parts = [self.path] if self.path else []
        if line:
            parts.append(f"line {line:,}" + (f", column {column:,}" if column else ""))
        if self.record:
            name = self.record if len(self.record) <= NAME_SHOWN else self.record[:NAME_SHOWN] + "..."
            parts.append(f"record {name}")
        message = f"{', '.join(parts)}: {what}" if parts else what[:1].upper() + what[1:]
        return Problem(code, message, remedy, self.path, line, column, self.record, self.index, character)


def default_name(index: int) -> str:
    """The name of a record that brings none; one word, so that it survives a FASTA or CSV export."""
    return f"record_{index + 1}"
