"""FASTA as a stream of records.

There are two ways to the same result. The quick way handles a whole record with a few calls on bytes, and accepts only
records that keep the rules. Any other record is read again by `CarefulRecord`, which finds the place of each fault. A
record that is too long to hold in memory goes the careful way from the start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from e1protocol import BOUNDARY_TOKENS, MASK
from jobs.errors import InvalidInput
from jobs.limits import MAX_HEADER
from jobs.parsing.fasta_record import CarefulRecord
from jobs.parsing.letters import LINE_ENDS, LOWER_CASE, SPACES, TRAILING_STAR, shown
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally
from jobs.parsing.text import check_line_length, even_blocks, unify_line_ends

HOLD = 64 * 1024
"""Bytes of an unfinished record that are held; a longer record is read block by block."""

_CAPITALS = bytes.maketrans(bytes(range(97, 123)), bytes(range(65, 91)))
_RECORD_START = re.compile(rb">(?<=[\r\n]>)")


class FastaSource:
    """One pass over the blocks of one file; memory is bounded by `HOLD`, the block and `MAX_LINE`.

    Iterating raises InvalidInput for faults of the file as a whole. A file of blank lines has no records.
    """

    def __init__(
        self, blocks: Iterable[bytes], rules: ItemRules, tally: Tally, *, shared_tokens: int, block: int
    ) -> None:
        self._blocks = even_blocks(blocks, block)
        self._rules = rules
        self._tally = tally
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
                finished, buffer = self._go_on(self._long, buffer)
                if finished is None:
                    rest = buffer
                    continue
                yield finished
            foreign_ends = b"\r" in buffer
            *whole, rest = _RECORD_START.split(buffer) if foreign_ends else buffer.split(b"\n>")
            for piece in whole:
                yield self._record(piece, ended=foreign_ends)
            rest = self._hold(rest)
        if self._long is not None:
            self._long.take_last(rest)
            yield self._close(self._long)
        elif opened:
            yield self._record(rest)

    def _open(self, buffer: bytes) -> tuple[bool, bytes]:
        """Skip blank lines before the first header. Return whether it was found, and what follows its '>'."""
        text = buffer.lstrip(b" \t\r\n")
        blank = buffer[: len(buffer) - len(text)]
        start = max(blank.rfind(b"\n"), blank.rfind(b"\r")) + 1
        self._line += unify_line_ends(blank[:start]).count(b"\n")
        if not text:
            check_line_length(buffer[start:], self._line)
            return False, buffer[start:]
        if buffer[start : start + 1] != b">":
            raise self._not_fasta(text[:1], indented=len(text) < len(buffer) - start)
        return True, text[1:]

    def _not_fasta(self, first: bytes, *, indented: bool) -> InvalidInput:
        character = first.decode("latin-1") if first.isascii() else ""
        what = f"FASTA begins with '>', and this line begins with '{shown(character)}'"
        remedy = "Put a line '>name' before each sequence."
        if not character:
            what = "FASTA begins with '>', and this line begins with a character outside ASCII"
        elif character == ";":
            remedy = "Lines that begin with ';' are not read: remove them, or begin them with '>'."
        elif character in "{[":
            remedy = "This looks like JSON: send it as JSONL (one object a line, file name ending in .jsonl)."
        elif character == ">" and indented:
            what, remedy = "FASTA begins with '>', and blanks stand before it", "Remove the blanks."
        return Place(line=self._line).refused("not_fasta", what, remedy, column=1)

    def _hold(self, rest: bytes) -> bytes:
        """Keep an unfinished record, or begin to read it block by block once it is too long to keep."""
        if len(rest) <= HOLD:
            return rest
        head, end, body = rest.partition(b"\n" if b"\r" not in rest else _first_line_end(rest))
        if not end:
            check_line_length(rest, self._line)
            return rest
        self._long = CarefulRecord(self._index, self._line, head, self._rules, self._shared_tokens)
        if b"\r" in end:
            self._long.flags.add(LINE_ENDS)
        return self._long.take_lines(body)

    def _go_on(self, long: CarefulRecord, buffer: bytes) -> tuple[Record | BadRecord | None, bytes]:
        """Pass `buffer` to the long record. Return the record if it ends here, and the rest of the buffer.

        `buffer` begins at the beginning of a line. The rest is the next record without its '>', or the unfinished
        last line.
        """
        found = None if buffer.startswith(b">") else _RECORD_START.search(buffer)
        if found is None and not buffer.startswith(b">"):
            return None, long.take_lines(buffer)
        start = found.start() if found else 0
        long.take_lines(buffer[:start])
        return self._close(long), buffer[start + 1 :]

    def _close(self, long: CarefulRecord) -> Record | BadRecord:
        self._long = None
        self._line = long.line + 1
        return self._count(*long.result())

    def _record(self, piece: bytes, *, ended: bool = False) -> Record | BadRecord:
        """Return one whole record. `piece` is the text from its '>' to the next, with the last line end if `ended`."""
        foreign_ends = b"\r" in piece
        piece = unify_line_ends(piece)
        if ended:
            piece = piece.removesuffix(b"\n")
        line = self._line
        self._line += piece.count(b"\n") + 1
        flags = [LINE_ENDS] if foreign_ends else []
        record = self._quick(piece, line, flags)
        if record is not None:
            return self._count(record, flags)
        head, end, body = piece.partition(b"\n")
        careful = CarefulRecord(self._index, line, head, self._rules, self._shared_tokens)
        if foreign_ends:
            careful.flags.add(LINE_ENDS)
        if end:
            careful.take(body)
        return self._count(*careful.result())

    def _quick(self, piece: bytes, line: int, flags: list[str]) -> Record | None:
        """Return the record, or None if it may break the rules; `flags` gets what was cleaned."""
        head, _, body = piece.partition(b"\n")
        letters = body.translate(None, b"\n")
        if letters.translate(None, self._letters):
            letters = self._cleaned(body, flags)
            if letters.translate(None, self._letters):
                return None
        if not self._least_residues <= len(letters) <= self._most_residues:
            return None
        if self._rules.needs_mask and MASK.encode() not in letters:
            return None
        try:
            header = head.decode("utf-8").strip(" ")
        except UnicodeDecodeError:
            return None
        if not header.isprintable() or len(header) > MAX_HEADER:
            return None
        name = header.split(" ", 1)[0] or default_name(self._index)
        return Record(self._index, name, header, line, letters.decode("ascii"), None)

    @staticmethod
    def _cleaned(body: bytes, flags: list[str]) -> bytes:
        letters = body.translate(_CAPITALS, b"\n \t")
        if body.upper() != body:
            flags.append(LOWER_CASE)
        if b" " in body or b"\t" in body:
            flags.append(SPACES)
        if letters.endswith(b"*"):
            flags.append(TRAILING_STAR)
            return letters[:-1]
        return letters

    def _count(self, record: Record | BadRecord, flags: Iterable[str]) -> Record | BadRecord:
        self._index += 1
        self._tally.records += 1
        if isinstance(record, Record):
            if flags:
                self._tally.cleaned(flags)
            self._tally.look_at(record, unnamed=not record.header)
        return record


def _first_line_end(data: bytes) -> bytes:
    """Return the first line end in `data`, which has at least one CR."""
    at = data.index(b"\r")
    if 0 <= data.find(b"\n") < at:
        return b"\n"
    return data[at : at + 2] if data[at + 1 : at + 2] == b"\n" else b"\r"
