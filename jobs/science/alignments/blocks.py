"""Alignments in blocks of columns: Clustal, as MUSCLE and others write it too, and Stockholm.

Biopython reads them too, but without lines and columns, with assertions for messages, and in time that grows with the
square of the blocks. Tests compare these readers with it.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.errors import InvalidInput
from jobs.parsing.records import Place
from jobs.science.alignments.rows import Row, Rows

_ALIGNER = re.compile(r"(CLUSTAL\w*|MUSCLE|PROBCONS|MSAPROBS|KALIGN|T-COFFEE|PROMALS)\b", re.IGNORECASE)
_BEGINNING = 200
"""Characters of a line that are compared with a pattern."""
_CONSERVED = frozenset("*:. \t")

Lines = Iterator[tuple[int, str]]
"""The lines of a file with their numbers, without those that are blank."""


@dataclass(slots=True)
class _Block:
    """Rows between blank lines: their names, their letters, and the lines and columns where the letters begin."""

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


def is_clustal(line: str) -> bool:
    """Return whether a line is the first of a Clustal file, which names the program."""
    return _ALIGNER.match(line[:_BEGINNING]) is not None


def read_clustal(lines: Lines, rows: Rows) -> None:
    """Read rows of Clustal. Raises InvalidInput `several_alignments`, `bad_line`."""
    rows.whole = True
    _read(_clustal_blocks(lines, rows), rows)


def read_stockholm(lines: Lines, rows: Rows) -> None:
    """Read rows of Stockholm. Raises InvalidInput `several_alignments`, `bad_line`, `unfinished_alignment`."""
    rows.whole = True
    _read(_stockholm_blocks(lines, rows), rows)


def _read(blocks: Iterator[_Block], rows: Rows) -> None:
    """Add rows, and the letters of later blocks. Rows of a block may have one name: their order tells them apart."""
    found: dict[tuple[str, int], Row] = {}
    for block in blocks:
        width = block.width
        seen: Counter[str] = Counter()
        for at, name in enumerate(block.names):
            if at % width == 0:
                seen.clear()
            key = (name, seen[name])
            seen[name] += 1
            row = found.get(key)
            if row is None:
                row = found[key] = rows.add(name, block.lines[at])
            rows.extend(row, block.letters[at], block.lines[at], column=block.columns[at])


def _clustal_blocks(lines: Lines, rows: Rows) -> Iterator[_Block]:
    block, before = _Block(), 0
    for number, raw in lines:
        line = raw.strip(" \t\0")
        if not line:
            continue
        rows.count_line()
        conserved = _CONSERVED.issuperset(line)
        if number > before + 1 or conserved:
            yield block
            block = _Block()
        before = number
        if conserved:
            continue
        words = line.split()
        if len(words) != 2 and not (len(words) == 3 and words[2].isdecimal()):
            if is_clustal(line):
                raise _second_alignment(number)
            raise _bad_line(number, len(words), "a row has a name, its letters, and perhaps their number")
        block.add(raw, words, number)
    yield block


def _stockholm_blocks(lines: Lines, rows: Rows) -> Iterator[_Block]:
    block, before, ended = _Block(), 0, False
    for number, raw in lines:
        line = raw.strip(" \t\0")
        if not line:
            continue
        rows.count_line()
        if ended:
            raise _second_alignment(number)
        if number > before + 1:
            yield block
            block = _Block()
        before = number
        if line == "//":
            ended = True
        elif not line.startswith("#"):
            words = line.split()
            if len(words) != 2:
                raise _bad_line(number, len(words), "a row has a name and its letters")
            block.add(raw, words, number)
    yield block
    if not ended:
        remedy = "Send the whole file: it ends with a line '//'."
        raise InvalidInput.one("unfinished_alignment", "The Stockholm file has no end", remedy)


def _second_alignment(number: int) -> InvalidInput:
    what, remedy = "a second alignment begins here", "Send each alignment as a file of its own."
    return Place(line=number).refused("several_alignments", what, remedy)


def _bad_line(number: int, words: int, expected: str) -> InvalidInput:
    what = f"{expected}, and this line has {words} words"
    remedy = "Separate the name and the aligned letters by blanks, and use no other blanks."
    return Place(line=number).refused("bad_line", what, remedy)
