"""One FASTA record, read with the place of every fault, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from e1protocol import MASK
from jobs.errors import Problem
from jobs.limits import KINDS_OF_CHARACTER, MAX_HEADER, RECORD_PROBLEMS
from jobs.parsing.letters import (
    GAPS,
    GAPS_REMOVED,
    JOINED_HEADERS,
    LINE_ENDS,
    LOWER_CASE,
    SPACES,
    TRAILING_STAR,
    capitals,
    check_size,
    letter_problem,
    no_sequence_problem,
    storable,
    strange_characters,
)
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.text import check_line_length, control_character, decoded, decoded_lines, unify_line_ends
from jobs.parsing.words import Words

JOINED, JOINED_AS = b"\x01", b" >"
"""What NCBI's nr writes between the headers of one sequence, and what is kept instead, as NCBI's programs show it."""

_UNGAPPED = str.maketrans("", "", GAPS)


class CarefulRecord:
    """One record; `line` is the last line that was read, at first the header's.

    `column` is the place of its '>' if that is inside of a line, else 0. With `aligned`, gaps are removed. Raises
    InvalidInput if a line is not text.
    """

    def __init__(
        self,
        index: int,
        line: int,
        head: bytes,
        rules: ItemRules,
        shared_tokens: int,
        *,
        aligned: bool = False,
        column: int = 0,
    ) -> None:
        self.line = line
        self.flags: set[str] = set()
        if JOINED in head:
            head = head.replace(JOINED, JOINED_AS)
            self.flags.add(JOINED_HEADERS)
        header = decoded(head, line, offset=1, controls=True).strip(" \t")
        self._control = control_character(header)
        header = storable(header) if self._control else header
        name = header.replace("\t", " ").split(" ", 1)[0] or default_name(index)
        self._header_length = len(header)
        self._header = header[:MAX_HEADER]
        self._place = Place(line=line, record=name[:MAX_HEADER], index=index)
        self._rules = rules
        self._shared_tokens = shared_tokens
        self._aligned = aligned
        self._residues = 0
        self._masked = False
        self._accepted = rules.sequence + " \t\n" + (GAPS if aligned else "")
        self._kept: list[str] = []
        self._room = rules.max_residues  # residues that are still kept
        self._star: tuple[int, int] | None = None  # place of a '*' that may yet be the last character
        self._strange: dict[str, list[int]] = {}  # character: line, column, count
        self._words = Words()
        self._broken: list[Problem] = []
        if column:
            self._broken.append(self._in_line(line, column, "the header of this record does not begin its line"))

    def split(self, data: bytes) -> tuple[bytes | None, bytes]:
        """Return the lines of `data` that have ended, as `take` wants them, and the unfinished last line."""
        if b"\r" in data:
            self.flags.add(LINE_ENDS)
        whole, end, rest = unify_line_ends(data).rpartition(b"\n")
        lines = whole.count(b"\n") + 1 if end else 0
        check_line_length(rest, self.line + lines + 1)
        return (whole if end else None), rest

    def break_off(self, column: int, header: bytes) -> None:
        """Note that the header of another record begins in the last line, where a line end is missing."""
        name = storable(header[: 4 * MAX_HEADER].decode("utf-8", "replace")).strip()[:60]
        self._broken.append(self._in_line(self.line, column, f"the header '{name}' begins inside this line"))

    def _in_line(self, line: int, column: int, what: str) -> Problem:
        remedy = "Put a line end before the '>', and no blanks."
        return self._place.problem("header_in_line", what, remedy, line=line, column=column, character=">")

    def take(self, raw: bytes) -> None:
        """Take one or more whole lines, separated by LF, without the end of the last one."""
        first = self.line + 1
        self.line += raw.count(b"\n") + 1
        text = decoded_lines(raw, first, controls=True)
        if " " in text or "\t" in text:
            self.flags.add(SPACES)
        self._words.look(text, first)
        upper = capitals(text)
        if upper != text:
            self.flags.add(LOWER_CASE)
        # Blanks are ASCII, so they are never a part of another character, and bytes are faster.
        residues = capitals(raw.translate(None, b" \t\n").decode("utf-8"))
        if self._aligned:
            with_gaps, residues = len(residues), residues.translate(_UNGAPPED)
            if len(residues) < with_gaps:
                self.flags.add(GAPS_REMOVED)
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
            return self._place.bad(problems, self._header, storable(sequence)), set()
        return self._place.good(self._header, sequence), self.flags

    def _problems(self) -> Iterator[Problem]:
        yield from self._broken
        if self._header_length > MAX_HEADER:
            what = f"the header has {self._header_length:,} characters, and the limit is {MAX_HEADER:,}"
            yield self._place.problem("header_too_long", what, "Shorten it; the name is its first word.")
        if self._control is not None:
            at, code_point = self._control
            what, remedy = f"there is a control character ({code_point}) in the header", "Remove it."
            yield self._place.problem("control_character", what, remedy, column=at + 2, character=code_point)
        if (wrapped := self._words.problem(self._place)) is not None:
            yield wrapped
            return
        if (nothing := no_sequence_problem("".join(self._kept), self._place)) is not None:
            yield nothing
            return
        for character, (line, column, count) in self._strange.items():
            yield letter_problem(self._place, character, count, allowed=self._rules.sequence, line=line, column=column)
        if not self._broken:
            yield from check_size(self._residues, self._masked, self._shared_tokens, self._rules, self._place)


def _line_and_column(text: str, at: int, first_line: int) -> tuple[int, int]:
    """Return the place of `text[at]`; `text` begins at the beginning of `first_line`."""
    return first_line + text.count("\n", 0, at), at - text.rfind("\n", 0, at)
