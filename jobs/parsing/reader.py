"""The reader of uploads: one class for FASTA, JSONL, CSV and text without headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from e1protocol import tokens_of
from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_UPLOAD_BYTES
from jobs.parsing.fasta import FastaSource
from jobs.parsing.items import ItemRule
from jobs.parsing.lines import read_jsonl, read_plain
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, VariantCheck
from jobs.parsing.tables.library import table_records
from jobs.parsing.tables.opening import text_table
from jobs.parsing.tally import Tally
from jobs.parsing.text import BLOCK, Lines
from jobs.parsing.upload import EMPTY_FILE, Format, blocks_of, detect_format, text_blocks


def open_reader(
    stream: BinaryIO,
    rules: ItemRules,
    *,
    filename: str,
    media_type: str = "",
    shared_context: Sequence[str] = (),
    max_bytes: int = MAX_UPLOAD_BYTES,
) -> Reader:
    """Return the reader of a file, packed or not; its name, media type or first bytes tell the format.

    Raises InvalidInput if the file is not text, or of no known format. Reading raises TooLarge beyond `max_bytes`
    unpacked.
    """
    blocks = blocks_of(stream, max_bytes=max_bytes)
    first = next(blocks, b"")
    format = detect_format(filename, media_type, first, variants=rules.variants is not None)
    return Reader(chain([first], blocks), format, rules, shared_context=shared_context)


class Reader:
    """The records of one upload, in input order; iterate once.

    `blocks` are the unpacked bytes (`blocks_of`), cut at any byte. Memory does not grow with the
    file. A faulty record becomes a `BadRecord` and reading goes on. A fault of the file as a whole raises InvalidInput
    after the records before it. `cleaning` and `warnings()` are complete once the iteration has ended.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        format: Format,
        rules: ItemRules,
        *,
        shared_context: Sequence[str] = (),
        block: int = BLOCK,
    ) -> None:
        self._blocks = blocks
        self._format = format
        self._rules = rules
        self._shared = tuple(shared_context)
        self._block = block
        self._tally = Tally()

    def __iter__(self) -> Iterator[Record | BadRecord]:
        yield from self._source()
        if not self._tally.records and self._tally.left_out:
            raise self._tally.nothing_left()
        if not self._tally.records:
            raise InvalidInput.of(EMPTY_FILE)

    def _source(self) -> Iterable[Record | BadRecord]:
        blocks = text_blocks(self._blocks)
        if self._format == "fasta":
            tokens = tokens_of(*self._shared)
            source = FastaSource(blocks, self._rules, self._tally, shared_tokens=tokens, block=self._block)
            return source if self._rules.variants is None else _as_variants(source, self._rules.variants)
        lines = Lines(blocks, self._block, blanks=b" \t")
        if self._format == "csv":
            return table_records(text_table(lines), self._rules, self._tally, self._shared)
        read = read_jsonl if self._format == "jsonl" else read_plain
        return read(lines, ItemRule(self._rules, self._tally, shared_context=self._shared))

    @property
    def cleaning(self) -> dict[str, int]:
        """The number of accepted records that needed each kind of cleaning, and of rows that were left out by kind."""
        return self._tally.counts()

    def warnings(self) -> list[Problem]:
        """Return what is legal and yet suspicious, one entry of each kind."""
        return self._tally.warnings()


def _as_variants(records: Iterable[Record | BadRecord], variants: VariantCheck) -> Iterator[Record | BadRecord]:
    """Yield the records, with full sequences compared with their parent."""
    for record in records:
        place = Place(line=record.line, record=record.name, index=record.index)
        if isinstance(record, Record) and (problems := variants.problems(record.sequence, place)):
            yield place.bad(problems, record.header, record.sequence)
        else:
            yield record
