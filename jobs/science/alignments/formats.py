"""The rows of an alignment file, whose content tells the format: A3M, aligned FASTA, Clustal, PIR, Stockholm."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from jobs.errors import InvalidInput, TooLarge
from jobs.parsing.blocks import Block, clustal_blocks, is_clustal, second_alignment, stockholm_blocks
from jobs.parsing.records import Place
from jobs.parsing.text import Lines, line_blocks
from jobs.parsing.words import Words
from jobs.science.alignments.pir import is_pir, read_pir
from jobs.science.alignments.rows import MAX_ROWS, Row, Rows

_FORMATS = (
    "Send A3M, aligned FASTA (each record begins with '>'), Clustal, PIR, or Stockholm (begins with '# STOCKHOLM 1.0')."
)
_SEPARATE = re.compile(r"(?:^|(?<=\0))[ \t]*+([>#][^\n\0]*+)|\0++", re.MULTILINE)
"""A header or a comment, which begin a line or follow a NUL byte; or NUL bytes."""
_COLABFOLD = re.compile(r"#(\d{1,6}(?:,\d{1,6}){0,50})[ \t]+\d{1,4}(?:,\d{1,4}){0,50}")
_FORMAT_LINE = re.compile(r"#A[23]M#?", re.IGNORECASE)
_BEGINNING = 500
"""Characters of a line that are compared with a pattern."""


def read_rows(text: bytes) -> Rows:
    """Return the rows in `text` (unpacked bytes), at least one, and the problems of single characters.

    Raises InvalidInput for a file that is not an alignment: `empty_alignment`, `not_alignment`,
    `unfinished_alignment`, `several_alignments`, `bad_line`. Bytes that are not text raise `invalid_utf8`,
    `control_character` or `line_too_long`. Raises what `Rows` raises.
    """
    rows = Rows()
    lines = iter(Lines([text], blanks=b" \t\0", controls=True))
    for number, raw in lines:
        line = raw.strip(" \t\0")
        if not line:
            continue
        if line[:_BEGINNING].upper().startswith("# STOCKHOLM"):
            _read_blocks(stockholm_blocks(lines), rows)
        elif is_pir(line):
            read_pir(chain([(number, raw)], lines), rows)
        elif line.startswith(">"):
            _read_fasta(text, rows)
        elif line.startswith(("#", ";")):
            _read_comment(line, number, rows)
            continue
        elif is_clustal(line):
            _read_blocks(clustal_blocks(lines), rows)
        else:
            what = f"an alignment does not begin with {line[:20]!r}"
            raise Place(line=number).refused("not_alignment", what, _FORMATS, column=1)
        break
    if not rows.rows:
        raise InvalidInput.one("empty_alignment", "The alignment has no rows", _FORMATS)
    rows.close()
    return rows


def _read_blocks(blocks: Iterable[Block | None], rows: Rows) -> None:
    """Read the rows of Clustal or Stockholm. None ends an alignment, and there may be one."""
    rows.whole = True
    found: dict[tuple[str, int], Row] = {}
    ended = False
    for block in blocks:
        if block is None:
            ended = True
            continue
        for key, letters, line, column in block.parts():
            if ended:
                raise second_alignment(line)
            row = found.get(key)
            if row is None:
                row = found[key] = rows.add(key[0], line)
            rows.extend(row, letters, line, column=column)


def _read_comment(line: str, number: int, rows: Rows) -> None:
    """Read a line before a block. ColabFold writes the lengths and the copies of its chains there."""
    beginning = line[:_BEGINNING]
    if found := _COLABFOLD.fullmatch(beginning):
        rows.chains = rows.chains or tuple(map(int, found[1].split(",")))
    elif not _FORMAT_LINE.fullmatch(beginning):
        rows.skip(number)


def _read_fasta(text: bytes, rows: Rows) -> None:
    """Read records of FASTA. The programs of MMseqs2 end or join their blocks by NUL bytes.

    Lines before the first record are comments, which the caller has read.
    """
    row: Row | None = None
    opens = False
    separators = 0
    for number, lines in line_blocks([text], controls=True):
        line, at = number, 0
        for found in chain(_SEPARATE.finditer(lines), [None]):
            end = len(lines) if found is None else found.start()
            if row is not None:
                _look_for_words(row, lines[at:end], line, rows)
                rows.extend(row, lines[at:end], line, column=_column(lines, at))
            elif opens and lines[at:end].strip():
                _refuse_loose(lines, at, line)
            line += lines.count("\n", at, end)
            if found is None:
                break
            at = found.end()
            mark = found[1]
            if mark is None:
                row, opens, separators = None, True, separators + 1
                if separators > MAX_ROWS:
                    what = f"The alignment has more than {MAX_ROWS:,} blocks"
                    raise TooLarge.one("too_many_rows", what, "Send each alignment as a file of its own.")
            elif mark.startswith(">"):
                # NCBI joins headers by Ctrl-A.
                row = rows.add(mark[1:].replace("\x01", " >").strip(), line, opens=opens)
                opens = False
            elif rows.rows:
                _read_comment(mark.strip(), line, rows)


def _look_for_words(row: Row, text: str, line: int, rows: Rows) -> None:
    """Note words where letters are expected, such as a header that was wrapped onto a second line."""
    if row.text or row.annotation or " " not in text:
        return
    words = Words()
    # What is left of the header's line is empty.
    words.look(text, line)
    if (problem := words.problem(row.place)) is not None:
        rows.problems.add(problem)


def _column(lines: str, at: int) -> int:
    return at - lines.rfind("\n", 0, at)


def _refuse_loose(lines: str, at: int, line: int) -> None:
    """Raise InvalidInput: letters follow a NUL byte without a header."""
    what = "there is a control character (U+0000), and no header follows it"
    remedy = "Remove it, or put a line '>name' after it."
    place = Place(line=line)
    raise place.refused("control_character", what, remedy, column=max(1, _column(lines, at) - 1), character="U+0000")
