"""Rows of an alignment file as written: A3M, aligned FASTA and Stockholm, told apart by their content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from e1protocol import EXTENDED
from jobs.errors import InvalidInput, Problem, Problems, TooLarge
from jobs.limits import MAX_BAD_RECORDS
from jobs.parsing.letters import letter_problem, strange_characters
from jobs.parsing.records import Place, default_name
from jobs.parsing.text import Lines, line_blocks

MAX_ROWS = 100_000
"""Rows of an alignment: counting neighbours compares every pair of them."""

MAX_LINES = 4_000_000
"""Lines of a Stockholm file that have letters: those of `MAX_ROWS` rows in forty blocks."""

GAPS = "-."
STOCKHOLM_GAPS = "-._~"
_LETTERS = EXTENDED + EXTENDED.lower()
_HEADER = re.compile(r"^[ \t]*+>(.*)$", re.MULTILINE)
_STRANGE = re.compile(f"[^{re.escape(_LETTERS + GAPS)} \\t\\n]")
_FORMATS = "Send A3M, aligned FASTA (each record begins with '>') or Stockholm (begins with '# STOCKHOLM 1.0')."


@dataclass(slots=True)
class Row:
    """One aligned sequence that begins at `line`; `parts` hold its letters and gaps as written, line by line."""

    name: str
    line: int
    index: int
    parts: list[str] = field(default_factory=list)
    text: str = ""
    """All parts, joined once the file is read."""

    @property
    def place(self) -> Place:
        return Place(line=self.line, record=self.name, index=self.index)


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a file, in order. In `stockholm` files lower case does not mark insertions."""

    rows: list[Row]
    stockholm: bool
    problems: Problems


def read_rows(text: bytes) -> Rows:
    """Return the rows in `text` (unpacked bytes), at least one, and the problems of single characters.

    Raises InvalidInput for a file that is not an alignment: `empty_alignment`, `not_alignment`,
    `unfinished_alignment`, `several_alignments`, `bad_line`. Bytes that are not text raise `invalid_utf8`,
    `control_character` or `line_too_long`. After `MAX_BAD_RECORDS` problems it raises them and reads no further. Raises
    TooLarge `too_many_rows` at the first row beyond `MAX_ROWS`, `too_many_lines` at the first line beyond `MAX_LINES`.
    """
    lines = ((number, line.strip(" \t")) for number, line in Lines([text], blanks=b" \t"))
    for number, line in lines:
        if not line:
            continue
        if line.upper().startswith("# STOCKHOLM"):
            found = _read_stockholm(lines)
        elif line.startswith(">"):
            found = _read_fasta(text)
        elif line.startswith("#"):  # HH-suite and ColabFold write such a line above an A3M
            continue
        else:
            what = f"an alignment does not begin with {line[:20]!r}"
            raise InvalidInput.of(Place(line=number).problem("not_alignment", what, _FORMATS, column=1))
        if found.rows:
            return found
        break
    raise InvalidInput.one("empty_alignment", "The alignment has no rows", _FORMATS)


def _read_fasta(data: bytes) -> Rows:
    rows: list[Row] = []
    problems = Problems()
    for number, text in line_blocks([data]):
        line, at = number, 0
        for header in _HEADER.finditer(text):
            _take_lines(rows, problems, text[at : header.start()], line)
            line += text.count("\n", at, header.start())
            at = header.start()
            _check_room(len(rows))
            words = header[1].split(maxsplit=1)
            rows.append(Row(words[0] if words else default_name(len(rows)), line, len(rows)))
            line, at = line + 1, header.end() + 1
        _take_lines(rows, problems, text[at:], line)
    return _joined(rows, problems, stockholm=False)


def _take_lines(rows: list[Row], problems: Problems, text: str, line: int) -> None:
    """Add lines to the last row. Lines before the first row are comments."""
    if not rows:
        return
    at = 0
    while found := _STRANGE.search(text, at):
        start, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.start())
        end = len(text) if end < 0 else end
        line += text.count("\n", at, start)
        _note_strange(problems, rows[-1], text[start:end], line, _LETTERS + GAPS)
        at = end
    rows[-1].parts.append("".join(text.split()))


def _read_stockholm(lines: Iterator[tuple[int, str]]) -> Rows:
    rows: dict[str, Row] = {}
    problems = Problems()
    allowed = _LETTERS + STOCKHOLM_GAPS
    ended, count = False, 0
    for number, line in lines:
        if not line:
            continue
        if ended:
            what, remedy = "a second alignment begins here", "Send one alignment: the first '//' ends it."
            raise InvalidInput.of(Place(line=number).problem("several_alignments", what, remedy))
        if line == "//":
            ended = True
        elif not line.startswith("#"):
            words = line.split()
            if len(words) != 2:
                what = f"a row has a name and its letters, and this line has {len(words)} words"
                remedy = "Separate the name and the aligned letters by blanks, and use no other blanks."
                raise InvalidInput.of(Place(line=number).problem("bad_line", what, remedy))
            name, letters = words
            count += 1
            if count > MAX_LINES:
                what = f"The alignment has more than {MAX_LINES:,} lines"
                raise TooLarge.one("too_many_lines", what, "Write each row on one line, or filter it.")
            if name not in rows:
                _check_room(len(rows))
            row = rows.setdefault(name, Row(name, number, len(rows)))
            _note_strange(problems, row, letters, number, allowed, offset=line.rindex(letters))
            row.parts.append(letters)
    if not ended:
        remedy = "Send the whole file: it ends with a line '//'."
        raise InvalidInput.one("unfinished_alignment", "The Stockholm file has no end", remedy)
    return _joined(list(rows.values()), problems, stockholm=True)


def _check_room(rows: int) -> None:
    """Raise TooLarge if there is no room for another row."""
    if rows == MAX_ROWS:
        what = f"The alignment has more than {MAX_ROWS:,} rows"
        raise TooLarge.one("too_many_rows", what, "Filter it, for instance with hhfilter.")


def _note_strange(problems: Problems, row: Row, letters: str, line: int, allowed: str, *, offset: int = 0) -> None:
    def problem(found: tuple[str, int, int]) -> Problem:
        character, at, count = found
        column = at + offset + 1
        return letter_problem(row.place, character, count, allowed=EXTENDED + "-", line=line, column=column)

    if problems.count >= MAX_BAD_RECORDS:
        raise problems.refusal()
    problems.each(strange_characters(letters, allowed + " \t"), problem)


def _joined(rows: list[Row], problems: Problems, *, stockholm: bool) -> Rows:
    for row in rows:
        row.text = "".join(row.parts)
        row.parts = []
    return Rows(rows, stockholm, problems)
