"""FASTA as a stream of records, and the rows of A3M and aligned FASTA as unaligned records.

There are two ways to the same result. The quick way handles a whole record with a few calls on bytes, and accepts only
records that keep the rules. Any other record is read again by `CarefulRecord`, which finds the place of each fault. A
record that is too long to hold in memory goes the careful way from the start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Iterator

from e1protocol import BOUNDARY_TOKENS, MASK
from jobs.errors import InvalidInput
from jobs.limits import MAX_HEADER
from jobs.parsing.annotations import is_annotation
from jobs.parsing.fasta_record import JOINED, JOINED_AS, CarefulRecord
from jobs.parsing.letters import GAPS, GAPS_REMOVED, JOINED_HEADERS, LINE_ENDS, LOWER_CASE, SPACES, TRAILING_STAR
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally
from jobs.parsing.text import check_line_length, even_blocks, unify_line_ends
from jobs.parsing.three_letters import BEGINS

HOLD = 64 * 1024
"""Bytes of an unfinished record that are held; a longer record is read block by block."""

_CAPITALS = bytes.maketrans(bytes(range(97, 123)), bytes(range(65, 91)))
_RECORD_START = re.compile(rb">(?<=[\r\n]>)")
_HEADER_INSIDE = re.compile(rb">([^\n]*)")
_BLANK_INSIDE = re.compile(rb"[^ \t\n][ \t]++[^ \t\n]")
_PREAMBLE = re.compile(rb"(?:[ \t]*+(?:[#;][^\r\n]*+)?+(?:\r\n|\r|\n))*+")
"""Blank lines, and comments before the first header."""
_GAPS = GAPS.encode()
_ENDS = re.compile(rb"[\r\n]")
_SHOWN = 20  # characters of a line that a message shows

Records = Generator[Record | BadRecord, None, bytes]
"""The records that end in some bytes, and in the end the bytes that are left."""


class FastaSource:
    """One pass over the blocks of one file; memory is bounded by `HOLD`, the block and `MAX_LINE`.

    With `aligned`, gaps are removed, and rows that annotate an alignment are left out. Iterating raises InvalidInput
    for faults of the file as a whole. A file of blank lines has no records.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        rules: ItemRules,
        tally: Tally,
        *,
        shared_tokens: int,
        block: int,
        aligned: bool = False,
    ) -> None:
        self._blocks = even_blocks(blocks, block)
        self._rules = rules
        self._tally = tally
        self._aligned = aligned
        self._shared_tokens = shared_tokens
        self._letters = rules.sequence.encode("ascii")
        self._most_residues = min(rules.max_residues, rules.max_tokens - BOUNDARY_TOKENS - shared_tokens)
        self._least_residues = max(1, rules.min_residues, rules.reach, rules.labels)
        if rules.labels:
            self._most_residues = min(self._most_residues, rules.labels)
        self._index = 0
        self._line = 1  # where the next record begins
        self._long: CarefulRecord | None = None  # the record that is being read block by block

    def __iter__(self) -> Iterator[Record | BadRecord]:
        opened, rest = False, b""
        for block in self._blocks:
            buffer = rest + block
            if not opened:
                opened, buffer = self._open(buffer)
            if not opened:
                rest = buffer
                continue
            if self._long is not None:
                buffer = yield from self._go_on(self._long, buffer)
            if self._long is not None:
                rest = buffer
                continue
            foreign_ends = b"\r" in buffer
            *whole, rest = _RECORD_START.split(buffer) if foreign_ends else buffer.split(b"\n>")
            for piece in whole:
                yield from self._record(piece, ended=foreign_ends)
            rest = yield from self._hold(rest)
        if self._long is not None:
            lines, last = self._long.split(rest)
            for text in (lines, last or None):
                yield from self._take(text)
            yield from self._close()
        elif opened:
            yield from self._record(rest)
        else:
            self._open(rest + b"\n")

    def _open(self, buffer: bytes) -> tuple[bool, bytes]:
        """Skip blank lines and comments before the first header. Return if it was found, and what follows its '>'."""
        found = _PREAMBLE.match(buffer)
        skipped = unify_line_ends(found[0]) if found else b""
        rest = buffer[found.end() :] if found else buffer
        if b"#" in skipped or b";" in skipped:
            for number, line in enumerate(skipped.split(b"\n"), start=self._line):
                if comment := line.strip(b" \t"):
                    self._tally.comments.add(number, comment[: 4 * _SHOWN].decode("utf-8", "replace"))
        self._line += skipped.count(b"\n")
        text = rest.lstrip(b" \t")
        # The line that a message shows may not have arrived yet.
        if not text or text[:1] in b"#;" or (text[:1] != b">" and len(text) < 4 * _SHOWN and not _ENDS.search(text)):
            check_line_length(rest, self._line)
            return False, rest
        if rest[:1] != b">":
            raise self._not_fasta(text[: 4 * _SHOWN].decode("utf-8", "replace"), indented=len(text) < len(rest))
        return True, rest[1:]

    def _not_fasta(self, text: str, *, indented: bool) -> InvalidInput:
        line = "".join(filter(str.isprintable, re.split(r"[\r\n]", text, maxsplit=1)[0]))
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
        what, remedy = f"FASTA begins with '>', and this line is '{shown}'", "Put a line '>name' before each sequence."
        comments = self._tally.comments
        if text[:1] in "{[":
            remedy = "This looks like JSON: send it as JSONL (one object a line, file name ending in .jsonl)."
        elif text[:1] == ">" and indented:
            what, remedy = "FASTA begins with '>', and blanks stand before it", "Remove the blanks."
        elif comments.example.startswith(";"):
            remedy = f"Begin line {comments.line:,} with '>' instead of ';' if it is a header."
        return Place(line=self._line).refused("not_fasta", what, remedy, column=1)

    def _hold(self, rest: bytes) -> Records:
        """Keep an unfinished record, or begin to read it block by block once it is too long to keep."""
        if len(rest) <= HOLD:
            return rest
        head, end, body = rest.partition(b"\n" if b"\r" not in rest else _first_line_end(rest))
        if not end:
            check_line_length(rest, self._line)
            return rest
        self._long = self._careful(self._line, head)
        if b"\r" in end:
            self._long.flags.add(LINE_ENDS)
        lines, last = self._long.split(body)
        yield from self._take(lines)
        return last

    def _go_on(self, long: CarefulRecord, buffer: bytes) -> Records:
        """Pass `buffer`, which begins at the beginning of a line, to the long record.

        What is left is the next record without its '>', or the unfinished last line.
        """
        found = None if buffer.startswith(b">") else _RECORD_START.search(buffer)
        if found is None and not buffer.startswith(b">"):
            lines, last = long.split(buffer)
            yield from self._take(lines)
            return last
        start = found.start() if found else 0
        yield from self._take(long.split(buffer[:start])[0])
        yield from self._close()
        return buffer[start + 1 :]

    def _take(self, text: bytes | None) -> Iterator[Record | BadRecord]:
        """Pass whole lines to the long record, which ends at a '>' inside of a line. Then another one begins."""
        at = 0
        for inside in _HEADER_INSIDE.finditer(text or b""):
            before = (text or b"")[at : inside.start()]
            self._long_record.take(before)
            column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
            line = self._long_record.line
            self._long_record.break_off(column, inside[1])
            yield from self._close()
            self._long = self._careful(line, inside[1], column=column)
            at = inside.end() + 1
        if text is not None and at <= len(text):
            self._long_record.take(text[at:])

    @property
    def _long_record(self) -> CarefulRecord:
        if self._long is None:
            raise RuntimeError("no record is being read")
        return self._long

    def _careful(self, line: int, head: bytes, *, column: int = 0) -> CarefulRecord:
        return CarefulRecord(
            self._index, line, head, self._rules, self._shared_tokens, aligned=self._aligned, column=column
        )

    def _close(self) -> Iterator[Record | BadRecord]:
        long, self._long = self._long_record, None
        self._line = long.line + 1
        yield from self._counted(*long.result())

    def _record(self, piece: bytes, *, ended: bool = False) -> Iterator[Record | BadRecord]:
        """Yield one whole record, or several if headers are inside of its lines.

        `piece` is the text from its '>' to the next, with the last line end if `ended`.
        """
        foreign_ends = b"\r" in piece
        piece = unify_line_ends(piece)
        if ended:
            piece = piece.removesuffix(b"\n")
        flags = [LINE_ENDS] if foreign_ends else []
        record = self._quick(piece, self._line, flags)
        if record is not None:
            self._line += piece.count(b"\n") + 1
            yield from self._counted(record, flags)
            return
        head, end, body = piece.partition(b"\n")
        self._long = self._careful(self._line, head)
        if foreign_ends:
            self._long.flags.add(LINE_ENDS)
        yield from self._take(body if end else None)
        yield from self._close()

    def _quick(self, piece: bytes, line: int, flags: list[str]) -> Record | None:
        """Return the record, or None if it may break the rules; `flags` gets what was cleaned."""
        head, _, body = piece.partition(b"\n")
        letters = body.translate(None, b"\n")
        if letters.translate(None, self._letters):
            letters = self._cleaned(body, flags)
            if letters.translate(None, self._letters) or (SPACES in flags and _BLANK_INSIDE.search(body)):
                return None
        if not self._least_residues <= len(letters) <= self._most_residues or BEGINS.match(letters):
            return None
        if self._rules.needs_mask and MASK.encode() not in letters:
            return None
        if JOINED in head:
            head = head.replace(JOINED, JOINED_AS)
            flags.append(JOINED_HEADERS)
        try:
            header = head.decode("utf-8").strip(" ")
        except UnicodeDecodeError:
            return None
        if not header.isprintable() or len(header) > MAX_HEADER:
            return None
        name = header.split(" ", 1)[0] or default_name(self._index)
        return Record(self._index, name, header, line, letters.decode("ascii"), None)

    def _cleaned(self, body: bytes, flags: list[str]) -> bytes:
        letters = body.translate(_CAPITALS, b"\n \t")
        if body.upper() != body:
            flags.append(LOWER_CASE)
        if b" " in body or b"\t" in body:
            flags.append(SPACES)
        if self._aligned:
            with_gaps, letters = len(letters), letters.translate(None, _GAPS)
            if len(letters) < with_gaps:
                flags.append(GAPS_REMOVED)
        if letters.endswith(b"*"):
            flags.append(TRAILING_STAR)
            return letters[:-1]
        return letters

    def _counted(self, record: Record | BadRecord, flags: Collection[str]) -> Iterator[Record | BadRecord]:
        """Yield the record and count it, unless it is a row that annotates an alignment."""
        if self._aligned and is_annotation(record.name):
            self._tally.annotations.add(record.line, record.name)
            return
        self._index += 1
        self._tally.records += 1
        if isinstance(record, Record):
            if flags:
                self._tally.cleaned(flags)
            self._tally.look_at(record, unnamed=not record.header)
        yield record


def _first_line_end(data: bytes) -> bytes:
    """Return the first line end in `data`, which has at least one CR."""
    at = data.index(b"\r")
    if 0 <= data.find(b"\n") < at:
        return b"\n"
    return data[at : at + 2] if data[at + 1 : at + 2] == b"\n" else b"\r"
