"""Rows of Clustal and Stockholm, which write an alignment in blocks of columns.

Biopython reads both formats too, but in time that grows with the square of the blocks, and without lines. Tests compare
these readers with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MIB
from jobs.parsing.items import ItemRule
from jobs.parsing.letters import GAPS, GAPS_REMOVED
from jobs.parsing.records import BadRecord, Place, Record

Lines = Iterable[tuple[int, str]]

MAX_CHARACTERS = 64 * MIB
"""Characters of one alignment, whose rows are held until its last block is read."""

_UNGAPPED = str.maketrans("", "", GAPS)
_CONSERVED = frozenset("*:. \t")


@dataclass(slots=True)
class Row:
    """One row: its name, the line where it begins, and its letters and gaps, part by part."""

    name: str
    line: int
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def clustal_rows(lines: Lines) -> list[Row]:
    """Return the rows of a Clustal or MUSCLE alignment. Raises InvalidInput `bad_line`, and TooLarge."""
    rows = _Rows()
    written = ((line, text) for line, text in lines if text.strip())
    next(written, None)  # The line that names the program.
    for line, text in written:
        if _CONSERVED.issuperset(text):
            continue
        words = text.split()
        if len(words) not in (2, 3) or (len(words) == 3 and not words[2].isdecimal()):
            raise _bad_line(line, len(words), "Clustal")
        rows.add(words[0], words[1], line)
    return rows.taken()


def stockholm_alignments(lines: Lines) -> Iterator[list[Row]]:
    """Yield the rows of each alignment of a Stockholm file. Raises InvalidInput and TooLarge.

    The codes are `bad_line` and `unfinished_alignment`.
    """
    rows = _Rows()
    ended = True
    for line, text in lines:
        words = text.split()
        if words == ["//"]:
            ended = True
            yield rows.taken()
        elif words and not words[0].startswith("#"):
            ended = False
            if len(words) != 2:
                raise _bad_line(line, len(words), "Stockholm")
            rows.add(words[0], words[1], line)
    if not ended:
        remedy = "Send the whole file: it ends with a line '//'."
        raise InvalidInput.one("unfinished_alignment", "The Stockholm file has no end", remedy)


class _Rows:
    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._held = 0

    def add(self, name: str, part: str, line: int) -> None:
        self._held += len(name) + len(part)
        if self._held > MAX_CHARACTERS:
            what = f"The alignment has more than {MAX_CHARACTERS:,} characters"
            raise TooLarge.one("upload_too_large", what, "Send the sequences as FASTA, unaligned.")
        self._rows.setdefault(name, Row(name, line)).parts.append(part)

    def taken(self) -> list[Row]:
        rows, self._rows, self._held = list(self._rows.values()), {}, 0
        return rows


def _bad_line(line: int, words: int, format: str) -> InvalidInput:
    what = f"a row of {format} has a name and its letters, and this line has {words} words"
    remedy = "Separate the name and the aligned letters by blanks, and use no other blanks."
    return Place(line=line).refused("bad_line", what, remedy)


def read_clustal(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the rows of a Clustal or MUSCLE alignment without their gaps."""
    return _ungapped([clustal_rows(lines)], item)


def read_stockholm(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the rows of Stockholm alignments without their gaps."""
    return _ungapped(stockholm_alignments(lines), item)


def _ungapped(alignments: Iterable[list[Row]], item: ItemRule) -> Iterator[Record | BadRecord]:
    index = 0
    for rows in alignments:
        for row in rows:
            text = row.text
            sequence = text.translate(_UNGAPPED)
            record = item.read({"sequence": sequence}, index, line=row.line, header=row.name)
            if isinstance(record, Record) and len(sequence) < len(text):
                item.tally.cleaned([GAPS_REMOVED])
            yield record
            index += 1
