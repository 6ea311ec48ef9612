"""Rows of an alignment file: letters and gaps as written, the problems of single characters, and skipped lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from e1protocol import EXTENDED
from jobs.errors import InvalidInput, Problem, Problems, TooLarge
from jobs.limits import MAX_BAD_RECORDS, MAX_HEADER
from jobs.parsing.annotations import is_annotation
from jobs.parsing.blocks import MAX_LINES
from jobs.parsing.letters import letter_problem, storable, strange_characters
from jobs.parsing.records import Place, default_name

MAX_ROWS = 100_000
"""Rows of an alignment: counting neighbours compares every pair of them."""

GAPS = "-._~"
"""Characters that formats write for a gap. In A3M and A2M a `.` is a gap in an insertion."""

_ALLOWED = EXTENDED + EXTENDED.lower() + GAPS + "* \t"
_STRANGE = re.compile(f"[^{re.escape(_ALLOWED)}\\n]")
_STAR = re.compile(r"\*")
_REMEDIES = {
    "*": "Write a gap or X instead: only the end of a row may be marked by '*'.",
    "/": "Send one chain: '/' marks the end of a chain.",
}


@dataclass(slots=True)
class Row:
    """One aligned sequence that begins at `line`, with its letters and gaps as written.

    - `header` is the whole header in A3M and FASTA.
    - `annotation` is whether the row describes the alignment, by its name.
    - `opens` is whether it is the first row after a NUL byte.
    - `star` is the line and column of the first `*`, which may mark the end of the row.
    - `text` is the first part, and `parts` are the others, until the file is read. Then `text` is all of them.
    """

    name: str
    line: int
    index: int
    header: str = ""
    annotation: bool = False
    opens: bool = False
    parts: list[str] | None = None
    star: tuple[int, int] | None = None
    text: str = ""

    @property
    def place(self) -> Place:
        return Place(line=self.line, record=self.name, index=self.index)


@dataclass(slots=True)
class Rows:
    """The rows of a file while they are read, in order, and the problems of single characters.

    - `whole` is whether every letter has a column, as in Clustal, PIR and Stockholm. Otherwise lower case may mark
      insertions.
    - `chains` are the lengths of the chains that the query joins, by ColabFold's first line.
    - `comments` counts lines that are skipped; `first_comment` is the number of the first.
    """

    whole: bool = False
    rows: list[Row] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    chains: tuple[int, ...] = ()
    comments: int = 0
    first_comment: int = 0
    _lines: int = 0

    def add(self, header: str, line: int, *, opens: bool = False) -> Row:
        """Begin a row, which is named after the first word of its header.

        Raises TooLarge at the first row beyond `MAX_ROWS`, and InvalidInput `header_too_long`.
        """
        if len(self.rows) == MAX_ROWS:
            what = f"The alignment has more than {MAX_ROWS:,} rows"
            raise TooLarge.one("too_many_rows", what, "Filter it, for instance with hhfilter.")
        words = header.split(maxsplit=1)
        name = storable(words[0]) if words else default_name(len(self.rows))
        row = Row(name[:MAX_HEADER], line, len(self.rows), header, is_annotation(name), opens)
        if len(name) > MAX_HEADER:
            what = f"the name has {len(name):,} characters, and the limit is {MAX_HEADER:,}"
            raise InvalidInput.of(
                row.place.problem("header_too_long", what, "Shorten it; often a line end is missing.")
            )
        self.rows.append(row)
        return row

    def extend(self, row: Row, text: str, line: int, *, column: int = 1) -> None:
        """Add one or more lines to a row; `line` is the first, and its text begins at `column`. Blanks are dropped.

        Raises InvalidInput with the problems so far after `MAX_BAD_RECORDS`.
        """
        letters = "".join(text.split())
        if not row.text:
            row.text = letters  # Most rows are read at once, and a list for each would take time and memory.
        elif row.parts is None:
            row.parts = [letters]
        else:
            row.parts.append(letters)
        if row.annotation:
            return  # Confidences are digits.
        if row.star is None and (star := _STAR.search(text)):
            row.star = _place(text, star.start(), line, column)
        at = 0
        while found := _STRANGE.search(text, at):
            start, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.start())
            end = len(text) if end < 0 else end
            line += text.count("\n", at, start)
            self._note(row, text[start:end], line, column if start == 0 else 1)
            at = end

    def _note(self, row: Row, letters: str, line: int, column: int) -> None:
        def problem(found: tuple[str, int, int]) -> Problem:
            character, at, count = found
            return _bad_letter(row, character, count, line, column + at)

        if self.problems.count >= MAX_BAD_RECORDS:
            raise self.problems.refusal()
        self.problems.each(strange_characters(letters, _ALLOWED), problem)

    def skip(self, line: int) -> None:
        """Count a line of comments."""
        self.comments += 1
        self.first_comment = self.first_comment or line
        self.count_line()

    def count_line(self) -> None:
        """Count a line that is read on its own. Raises TooLarge at the first beyond `MAX_LINES`."""
        self._lines += 1
        if self._lines > MAX_LINES:
            what = f"The alignment has more than {MAX_LINES:,} lines"
            raise TooLarge.one("too_many_lines", what, "Write each row on one line, or filter it.")

    def close(self) -> None:
        """Join the parts of the rows, and note each `*` that is not the end of its row."""
        for row in self.rows:
            if row.parts is not None:
                row.text, row.parts = "".join((row.text, *row.parts)), None
            if row.star is not None:
                inside = row.text.count("*") - row.text.rstrip(GAPS).endswith("*")
                self.problems.extend(_bad_letter(row, "*", inside, *row.star) for _ in range(bool(inside)))


def _place(text: str, at: int, line: int, column: int) -> tuple[int, int]:
    """Return line and column of a character of lines that begin at `line` and `column`."""
    start = text.rfind("\n", 0, at) + 1
    return line + text.count("\n", 0, start), at - start + (1 if start else column)


def _bad_letter(row: Row, character: str, count: int, line: int, column: int) -> Problem:
    allowed = EXTENDED + "-"
    found = letter_problem(row.place, character, count, allowed=allowed, in_context=True, line=line, column=column)
    return replace(found, remedy=_REMEDIES.get(character, found.remedy))
