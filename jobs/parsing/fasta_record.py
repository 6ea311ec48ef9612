"""One FASTA record, read with the place of every fault, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from e1protocol import MASK
from jobs.errors import Problem
from jobs.limits import KINDS_OF_CHARACTER, MAX_HEADER, RECORD_PROBLEMS
from jobs.parsing.letters import (
    LINE_ENDS,
    LOWER_CASE,
    SPACES,
    TRAILING_STAR,
    capitals,
    check_size,
    letter_problem,
    strange_characters,
)
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.text import check_line_length, decoded, decoded_lines, unify_line_ends


class CarefulRecord:
    """One record; `line` is the last line that was read, at first the header's.

    Raises InvalidInput if a line is not text.
    """

    def __init__(self, index: int, line: int, head: bytes, rules: ItemRules, shared_tokens: int) -> None:
        header = decoded(head, line, offset=1).strip(" \t")
        name = header.replace("\t", " ").split(" ", 1)[0] or default_name(index)
        self.line = line
        self.flags: set[str] = set()
        self._header_length = len(header)
        self._header = header[:MAX_HEADER]
        self._place = Place(line=line, record=name[:MAX_HEADER], index=index)
        self._rules = rules
        self._shared_tokens = shared_tokens
        self._residues = 0
        self._masked = False
        self._accepted = rules.sequence + " \t\n"
        self._kept: list[str] = []
        self._room = rules.max_residues  # residues that are still kept
        self._star: tuple[int, int] | None = None  # place of a '*' that may yet be the last character
        self._strange: dict[str, list[int]] = {}  # character: line, column, count

    def take_lines(self, data: bytes) -> bytes:
        """Take the lines of `data` that have ended, and return the unfinished last one."""
        if b"\r" in data:
            self.flags.add(LINE_ENDS)
        whole, end, rest = unify_line_ends(data).rpartition(b"\n")
        if end:
            self.take(whole)
        check_line_length(rest, self.line + 1)
        return rest

    def take_last(self, data: bytes) -> None:
        """Take the end of the file."""
        rest = self.take_lines(data)
        if rest:
            self.take(rest)

    def take(self, raw: bytes) -> None:
        """Take one or more whole lines, separated by LF, without the end of the last one."""
        first = self.line + 1
        self.line += raw.count(b"\n") + 1
        text = decoded_lines(raw, first)
        if " " in text or "\t" in text:
            self.flags.add(SPACES)
        upper = capitals(text)
        if upper != text:
            self.flags.add(LOWER_CASE)
        # Blanks are ASCII, so they are never a part of another character, and bytes are faster.
        residues = capitals(raw.translate(None, b" \t\n").decode("utf-8"))
        if not residues:
            return
        if self._star is not None:  # it was not the last character after all
            self._note("*", *self._star, 1)
            self._add("*")
            self._star = None
        if residues.endswith("*"):
            at = upper.rindex("*")
            self._star = _line_and_column(upper, at, first)
            upper, residues = upper[:at], residues[:-1]
        self._add(residues)
        for character, at, count in strange_characters(upper, self._accepted):
            self._note(character, *_line_and_column(upper, at, first), count)

    def _add(self, residues: str) -> None:
        self._residues += len(residues)
        self._masked = self._masked or MASK in residues
        if self._room:
            self._kept.append(residues[: self._room])
            self._room -= len(self._kept[-1])

    def _note(self, character: str, line: int, column: int, count: int) -> None:
        if character in self._strange:
            self._strange[character][2] += count
        elif len(self._strange) < KINDS_OF_CHARACTER:
            self._strange[character] = [line, column, count]

    def result(self) -> tuple[Record | BadRecord, set[str]]:
        """Return the record once all of its lines are in, and what was cleaned."""
        if self._star is not None:
            self.flags.add(TRAILING_STAR)
        problems = list(islice(self._problems(), RECORD_PROBLEMS))
        sequence = "".join(self._kept)
        if problems:
            return self._place.bad(problems, self._header, sequence), set()
        return self._place.good(self._header, sequence), self.flags

    def _problems(self) -> Iterator[Problem]:
        if self._header_length > MAX_HEADER:
            what = f"the header has {self._header_length:,} characters, and the limit is {MAX_HEADER:,}"
            yield self._place.problem("header_too_long", what, "Shorten it; the name is its first word.")
        for character, (line, column, count) in self._strange.items():
            yield letter_problem(self._place, character, count, allowed=self._rules.sequence, line=line, column=column)
        yield from check_size(self._residues, self._masked, self._shared_tokens, self._rules, self._place)


def _line_and_column(text: str, at: int, first_line: int) -> tuple[int, int]:
    """Return the place of `text[at]`; `text` begins at the beginning of `first_line`."""
    return first_line + text.count("\n", 0, at), at - text.rfind("\n", 0, at)
