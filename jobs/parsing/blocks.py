"""Lines of Clustal and Stockholm, which write an alignment in blocks of columns.

Biopython reads both formats too, but without lines and columns, with assertions for messages, and in time that grows
with the square of the blocks. Tests compare these readers with it.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jobs.errors import InvalidInput, TooLarge
from jobs.parsing.records import Place

MAX_LINES = 4_000_000
"""Lines of one alignment: those of 100,000 rows in forty blocks."""

_ALIGNER = re.compile(r"(CLUSTAL\w*|MUSCLE|PROBCONS|MSAPROBS|KALIGN|T-COFFEE|PROMALS)\b", re.IGNORECASE)
_BEGINNING = 200
"""Characters of a line that are compared with a pattern."""
_CONSERVED = frozenset("*:. \t")
_BLANKS = " \t\0"

Lines = Iterable[tuple[int, str]]
"""The lines of a file with their numbers. Those that are blank may be missing."""

Part = tuple[tuple[str, int], str, int, int]
"""One row of a block: its name with its place among those of this name, its letters, their line, and their column."""


@dataclass(slots=True)
class Block:
    """The rows between two blank lines."""

    names: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("L"))
    columns: array[int] = field(default_factory=lambda: array("L"))

    def add(self, raw: str, words: list[str], line: int) -> None:
        self.names.append(words[0])
        self.letters.append(words[1])
        self.lines.append(line)
        self.columns.append(raw.index(words[1], raw.index(words[0]) + len(words[0])) + 1)

    @property
    def width(self) -> int:
        """The number of rows, after which the names come again if no blank line separates blocks.

        A single name that comes again and again belongs to several rows.
        """
        names = self.names
        first = next((at for at, name in enumerate(names[1:], 1) if name == names[0]), len(names))
        whole = first > 1 and len(names) % first == 0
        again = whole and all(names[at : at + first] == names[:first] for at in range(first, len(names), first))
        return first if again else max(1, len(names))

    def parts(self) -> Iterator[Part]:
        """Yield the letters of each row. Rows of a block may have one name: their order tells them apart."""
        width = self.width
        seen: Counter[str] = Counter()
        for at, name in enumerate(self.names):
            if at % width == 0:
                seen.clear()
            yield (name, seen[name]), self.letters[at], self.lines[at], self.columns[at]
            seen[name] += 1


def is_clustal(line: str) -> bool:
    """Return whether a line is the first of a Clustal file, which names the program."""
    return _ALIGNER.match(line[:_BEGINNING]) is not None


def clustal_blocks(lines: Lines) -> Iterator[Block]:
    """Yield the blocks of a Clustal file; `lines` follow the first one.

    Raises InvalidInput `several_alignments`, `bad_line`, and TooLarge beyond `MAX_LINES`.
    """
    block, before, count = Block(), 0, 0
    for number, raw in lines:
        line = raw.strip(_BLANKS)
        if not line:
            continue
        count = _counted(count)
        conserved = _CONSERVED.issuperset(line)
        if number > before + 1 or conserved:
            yield block
            block = Block()
        before = number
        if conserved:
            continue
        words = line.split()
        if len(words) != 2 and not (len(words) == 3 and words[2].isdecimal()):
            if is_clustal(line):
                raise second_alignment(number)
            raise _bad_line(number, len(words), "a row of Clustal has a name, its letters, and perhaps their number")
        block.add(raw, words, number)
    yield block


def stockholm_blocks(lines: Lines) -> Iterator[Block | None]:
    """Yield the blocks of a Stockholm file, and None at the end of each alignment.

    Raises InvalidInput `unfinished_alignment`, `bad_line`, and TooLarge beyond `MAX_LINES` of one alignment.
    """
    block, before, count, unfinished = Block(), 0, 0, False
    for number, raw in lines:
        line = raw.strip(_BLANKS)
        if not line:
            continue
        count = _counted(count)
        if number > before + 1 or line == "//":
            yield block
            block = Block()
        before = number
        if line == "//":
            yield None
            count, unfinished = 0, False
        elif not line.startswith("#"):
            words = line.split()
            if len(words) != 2:
                raise _bad_line(number, len(words), "a row of Stockholm has a name and its letters")
            block.add(raw, words, number)
            unfinished = True
    if unfinished:
        yield block
        remedy = "Send the whole file: it ends with a line '//'."
        raise InvalidInput.one("unfinished_alignment", "The Stockholm file has no end", remedy)


def _counted(lines: int) -> int:
    """Return the number of lines with one more. Raises TooLarge beyond `MAX_LINES`."""
    if lines == MAX_LINES:
        what = f"The alignment has more than {MAX_LINES:,} lines"
        raise TooLarge.one("too_many_lines", what, "Write each row on one line, or filter it.")
    return lines + 1


def second_alignment(number: int) -> InvalidInput:
    """Return the error of a file with two alignments."""
    what, remedy = "a second alignment begins here", "Send each alignment as a file of its own."
    return Place(line=number).refused("several_alignments", what, remedy)


def _bad_line(number: int, words: int, expected: str) -> InvalidInput:
    what = f"{expected}, and this line has {words} words"
    remedy = "Separate the name and the aligned letters by blanks, and use no other blanks."
    return Place(line=number).refused("bad_line", what, remedy)
