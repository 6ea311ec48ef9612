"""Clustal and Stockholm as libraries: the rows of their alignments without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from jobs.errors import TooLarge
from jobs.limits import MIB
from jobs.parsing.blocks import Block, Lines, clustal_blocks, stockholm_blocks
from jobs.parsing.items import ItemRule
from jobs.parsing.letters import GAPS, GAPS_REMOVED
from jobs.parsing.records import BadRecord, Record

MAX_CHARACTERS = 64 * MIB
"""Characters of one alignment, whose rows are held until its last block is read."""

_UNGAPPED = str.maketrans("", "", GAPS)


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
    """Return the rows of a Clustal or MUSCLE alignment. Raises what `clustal_blocks` raises, and TooLarge."""
    written = ((line, text) for line, text in lines if text.strip())
    next(written, None)  # The line that names the program.
    return next(_alignments(chain(clustal_blocks(written), [None])))


def stockholm_alignments(lines: Lines) -> Iterator[list[Row]]:
    """Yield the rows of each alignment of a Stockholm file. Raises what `stockholm_blocks` raises, and TooLarge."""
    return _alignments(stockholm_blocks(lines))


def _alignments(blocks: Iterable[Block | None]) -> Iterator[list[Row]]:
    rows: dict[tuple[str, int], Row] = {}
    held = 0
    for block in blocks:
        if block is None:
            yield list(rows.values())
            rows, held = {}, 0
            continue
        for key, letters, line, _column in block.parts():
            held += len(key[0]) + len(letters)
            if held > MAX_CHARACTERS:
                what = f"The alignment has more than {MAX_CHARACTERS:,} characters"
                raise TooLarge.one("upload_too_large", what, "Send the sequences as FASTA, unaligned.")
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row(key[0], line)
            row.parts.append(letters)


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
