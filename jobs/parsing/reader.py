"""The reader of uploads: one class over the formats of libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO

from e1protocol import tokens_of
from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_UPLOAD_BYTES
from jobs.parsing.asked import Reading
from jobs.parsing.bodies import parse_file, require_items
from jobs.parsing.fasta import FastaSource
from jobs.parsing.flatfiles import read_genpept, read_pir, read_uniprot_text
from jobs.parsing.interleaved import read_clustal, read_stockholm
from jobs.parsing.items import ItemRule
from jobs.parsing.lines import read_jsonl, read_numbered, read_pairs, read_plain
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, VariantCheck
from jobs.parsing.tables.library import table_records
from jobs.parsing.tables.opening import text_table, workbook_table
from jobs.parsing.tally import Tally
from jobs.parsing.text import BLOCK, Lines
from jobs.parsing.upload import EMPTY_FILE, Upload, text_blocks

_AS_FOUND = Reading()

LineReader = Callable[[Lines, ItemRule], Iterable[Record | BadRecord]]

_OF_LINES: Mapping[str, LineReader] = {
    "jsonl": read_jsonl,
    "plain": read_plain,
    "numbered": read_numbered,
    "pairs": read_pairs,
    "pir": read_pir,
    "genpept": read_genpept,
    "uniprot_text": read_uniprot_text,
    "clustal": read_clustal,
    "stockholm": read_stockholm,
}
"""Readers of numbered lines, by the names that `kinds` uses. `fasta`, `aligned` and `table` have their own ways."""


def open_reader(
    stream: BinaryIO,
    rules: ItemRules,
    *,
    filename: str,
    media_type: str = "",
    shared_context: Sequence[str] = (),
    max_bytes: int = MAX_UPLOAD_BYTES,
    reading: Reading = _AS_FOUND,
) -> Reader:
    """Return the reader of a file, packed or not. Its content, name and media type tell the format.

    Raises InvalidInput if a library is not read from files of this kind. Reading raises TooLarge beyond `max_bytes`
    unpacked.
    """
    upload = Upload(stream, filename=filename, media_type=media_type, max_bytes=max_bytes)
    format = upload.reader("library" if rules.variants is None else "variants")
    return Reader(upload, format, rules, shared_context=shared_context, reading=reading)


class Reader:
    """The records of one upload, in input order; iterate once.

    `blocks` are an Upload, or unpacked bytes cut at any byte; `format` is the name of a reader (`kinds`). Memory does
    not grow with the file. An alignment of Clustal or Stockholm is held, which `interleaved` bounds.

    A faulty record becomes a `BadRecord` and reading goes on. A fault of the file as a whole raises InvalidInput after
    the records before it. `cleaning` and `warnings()` are complete once the iteration has ended.
    """

    def __init__(
        self,
        blocks: Upload | Iterable[bytes],
        format: str,
        rules: ItemRules,
        *,
        shared_context: Sequence[str] = (),
        block: int = BLOCK,
        reading: Reading = _AS_FOUND,
    ) -> None:
        self._blocks = blocks
        self._format = format
        self._rules = rules
        self._shared = tuple(shared_context)
        self._block = block
        self._reading = reading
        self._tally = Tally()

    def __iter__(self) -> Iterator[Record | BadRecord]:
        yield from self._source()
        if isinstance(self._blocks, Upload):
            self._tally.notes += self._blocks.warnings()
        if not self._tally.records and self._tally.left_out:
            raise self._tally.nothing_left()
        if not self._tally.records:
            raise InvalidInput.of(EMPTY_FILE)

    def _source(self) -> Iterable[Record | BadRecord]:
        if self._format == "xlsx":
            table = workbook_table(self._blocks, sheet=self._reading.sheet)
            return table_records(table, self._rules, self._tally, self._shared)
        blocks = iter(self._blocks) if isinstance(self._blocks, Upload) else text_blocks(self._blocks)
        if self._format in ("fasta", "aligned"):
            tokens, aligned = tokens_of(*self._shared), self._format == "aligned"
            source = FastaSource(
                blocks, self._rules, self._tally, shared_tokens=tokens, block=self._block, aligned=aligned
            )
            return source if self._rules.variants is None else _as_variants(source, self._rules.variants)
        if self._format == "json":
            return self._items(blocks)
        lines = Lines(blocks, self._block, blanks=b" \t", controls=True)
        if self._format in ("csv", "table"):
            return table_records(text_table(lines), self._rules, self._tally, self._shared)
        read = partial(read_plain, layout=self._reading.layout) if self._format == "plain" else _OF_LINES[self._format]
        return read(lines, ItemRule(self._rules, self._tally, shared_context=self._shared))

    def _items(self, blocks: Iterable[bytes]) -> Iterator[Record | BadRecord]:
        """Yield the items of a file that is one JSON value; other fields of it are those of a request."""
        item = ItemRule(self._rules, self._tally, shared_context=self._shared)
        for index, value in enumerate(require_items(parse_file(blocks))):
            yield item.read(value, index, path=f"items.{index}")

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
