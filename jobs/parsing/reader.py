"""The reader of uploads: one class for FASTA, JSONL, CSV and text without headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from e1protocol import tokens_of
from jobs.errors import InvalidInput, Problem
from jobs.parsing.fasta import FastaSource
from jobs.parsing.jsonl import read_jsonl
from jobs.parsing.plain import read_plain
from jobs.parsing.records import BadRecord, ItemRules, Place, Record
from jobs.parsing.table import TableSource
from jobs.parsing.tally import Tally
from jobs.parsing.text import BLOCK, lines_of
from jobs.parsing.upload import Format, blocks_of, detect_format, empty_file, text_blocks


def open_reader(
    stream: BinaryIO, rules: ItemRules, *, filename: str, media_type: str = "", shared_context: Sequence[str] = ()
) -> Reader:
    """The records of a file, packed or not, in the format that its name, media type or first bytes tell.

    Raises InvalidInput where the file is no text or of no known format.
    """
    blocks = blocks_of(stream)
    first = next(blocks, b"")
    format = detect_format(filename, media_type, first, variants=rules.variants is not None)
    return Reader(chain([first], blocks), format, rules, shared_context=shared_context)


class Reader:
    """The records of one upload, in input order; iterate once.

    `blocks` are the unpacked bytes (`blocks_of`), cut anywhere: the cuts change nothing. Memory does not grow
    with the file. A faulty record comes as a `BadRecord` and reading goes on; a fault of the file as a whole
    raises InvalidInput, after the records before it. `cleaning` and `warnings()` are complete when the
    iteration is.
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
        if not self._tally.records:
            raise InvalidInput.of(empty_file())

    def _source(self) -> Iterable[Record | BadRecord]:
        blocks = text_blocks(self._blocks)
        if self._format == "fasta":
            tokens = tokens_of(*self._shared)
            source = FastaSource(blocks, self._rules, self._tally, shared_tokens=tokens, block=self._block)
            return source if self._rules.variants is None else self._as_variants(source)
        lines = lines_of(blocks, self._block)
        if self._format == "jsonl":
            return read_jsonl(lines, self._rules, self._tally, self._shared)
        if self._format == "plain":
            return read_plain(lines, self._rules, self._tally, self._shared)
        return TableSource(lines, self._rules, self._tally, self._shared)

    def _as_variants(self, records: Iterable[Record | BadRecord]) -> Iterator[Record | BadRecord]:
        """Full sequences, judged against their parent."""
        for record in records:
            if isinstance(record, Record) and self._rules.variants is not None:
                place = Place(line=record.line, record=record.name, index=record.index)
                if problems := self._rules.variants.problems(record.sequence, place):
                    r = record
                    yield BadRecord(r.index, r.name, r.header, r.line, tuple(problems), r.sequence)
                    continue
            yield record

    @property
    def cleaning(self) -> dict[str, int]:
        """How many accepted records needed each kind of cleaning."""
        return dict(self._tally.cleaning)

    def warnings(self) -> list[Problem]:
        """What is legal and yet suspicious, one entry for each kind."""
        return self._tally.warnings()
