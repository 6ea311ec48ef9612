"""Files with one record on a line, and text without headers: lists, bare sequences, numbered lines, names beside them.

Blank lines are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import orjson

from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_LINE
from jobs.parsing.asked import EACH, JOIN, OFFERS
from jobs.parsing.items import ItemRule
from jobs.parsing.letters import NUMBERS
from jobs.parsing.looks import SEPARATORS, cells, may_be_sequence
from jobs.parsing.records import BadRecord, Place, Record, default_name
from jobs.parsing.words import words_problem

Lines = Iterable[tuple[int, str]]
"""The lines of a file, each with its number."""

_LOOKED_AT = 100  # rows that tell the column of the sequences, and lines that tell titles apart
_SHOWN = 60
_TITLE = re.compile(r"[A-Z][a-z]++[.,:]?")


def read_jsonl(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield a record for each JSON value."""
    for index, (line, text) in enumerate(_written(lines)):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            item.tally.records += 1
            place = Place(line=line, record=default_name(index), index=index)
            remedy = 'Write one whole object on the line, such as {"name": "a", "sequence": "MKT"}.'
            yield place.bad([place.problem("bad_json", f"this is not JSON: {error.msg}", remedy, column=error.colno)])
        else:
            yield item.read(value, index, line=line)


def _written(lines: Lines) -> Iterator[tuple[int, str]]:
    return ((line, text.strip(" \t")) for line, text in lines if text.strip(" \t"))


def read_plain(lines: Lines, item: ItemRule, *, layout: str = "") -> Iterator[Record | BadRecord]:
    """Yield the variants of a list, or bare sequences as `layout` says (one of LAYOUTS, or "" for one line).

    Raises InvalidInput `bare_lines`, with an offer of the layouts, if there are several lines and neither variants nor
    a layout. They could be one wrapped sequence or one sequence a line, and a wrong guess would go unnoticed.
    """
    written = _written(lines)
    if item.rules.variants is not None:
        for index, (line, text) in enumerate(written):
            yield item.line(text, index, line)
    elif layout == EACH:
        for index, (line, text, is_title) in enumerate(_told_apart(written)):
            yield _bare(item, text, index, line, is_title=is_title)
    elif layout == JOIN:
        yield from _joined(written, item)
    elif (first := next(written, None)) is not None:
        if (second := next(written, None)) is not None:
            raise _several(first, second)
        yield _bare(item, first[1], 0, first[0])


def _several(first: tuple[int, str], second: tuple[int, str]) -> InvalidInput:
    if second[1].startswith(">"):
        what, remedy = "this line comes before the first '>'", "Put a line '>name' before it, or remove it."
        return Place(line=first[0]).refused("not_fasta", what, remedy, column=1)
    what = "without names these lines could be one sequence or several"
    remedy = "Put a line '>name' before each sequence, or say what the lines are (layout: join or lines)."
    problem = Place(line=second[0]).problem("bare_lines", what, remedy)
    return InvalidInput.of(problem.offering(OFFERS))


def _told_apart(written: Lines) -> Iterator[tuple[int, str, bool]]:
    """Yield the lines, and whether each is a title: it has a word such as Lysozyme, and other lines are in capitals."""
    lines = iter(written)
    looked = list(islice(lines, _LOOKED_AT))
    has_capitals = any(text.isupper() for _, text in looked)
    for line, text in chain(looked, lines):
        yield line, text, has_capitals and any(map(_TITLE.fullmatch, text.split()))


def _bare(item: ItemRule, text: str, index: int, line: int, *, is_title: bool = False) -> Record | BadRecord:
    place = Place(line=line, record=default_name(index), index=index)
    if (words := _no_sequence(text, place, is_title=is_title)) is None:
        return item.read({"sequence": text}, index, line=line)
    item.tally.records += 1
    return place.bad([words])


def _no_sequence(text: str, place: Place, *, is_title: bool) -> Problem | None:
    """Return the problem of a line that is a title or other words, or None."""
    if (words := words_problem(text, place)) is not None or not is_title:
        return words
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    what = f"'{shown}' is written like a title among lines in capitals"
    return place.problem("words", what, "Put a '>' before a title. If it is a sequence, write it in capitals.")


def _joined(written: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    parts: list[str] = []
    began = held = 0
    words: Problem | None = None
    for line, text, is_title in _told_apart(written):
        began = began or line
        held += len(text)
        _check_room(held, began)
        parts.append(text)
        words = words or _no_sequence(text, Place(line=line, record=default_name(0), index=0), is_title=is_title)
    if words is not None:
        item.tally.records += 1
        yield Place(line=began, record=default_name(0), index=0).bad([words])
    elif parts:
        yield item.read({"sequence": "".join(parts)}, 0, line=began)


def _check_room(letters: int, line: int) -> None:
    """Raise InvalidInput `line_too_long` if the lines from `line` on would be too long as one."""
    if letters > MAX_LINE:
        what = f"the lines that begin here have more than {MAX_LINE:,} letters together"
        raise Place(line=line).refused("line_too_long", what, "Put a line '>name' before each sequence.")


def read_numbered(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the one sequence of lines with numbers before or behind the residues, as databases print them.

    Raises InvalidInput `wrong_line_numbers` if the numbers do not count the residues.
    """
    parts: list[str] = []
    began = held = 0
    counted: tuple[int, int] | None = None  # the last number, and the residues up to its line
    for line, text in _written(lines):
        words = text.split()
        if text == "//" or (words == ["ORIGIN"] and not parts):
            continue
        before = words[0].isdecimal()
        digits = words.pop(0 if before else -1)
        letters = "".join(words)
        at = held if before else held + len(letters)
        number = int(digits) if digits.isdecimal() and len(digits) < 10 else -1
        if number < 0 or (counted is not None and number - counted[0] != at - counted[1]):
            what = f"the number in this line does not count the {at:,} residues before it"
            remedy = "Paste all lines of one sequence, or remove the numbers and put a line '>name' before them."
            raise Place(line=line).refused("wrong_line_numbers", what, remedy)
        counted = (number, at)
        began, held = began or line, held + len(letters)
        _check_room(held, began)
        parts.append(letters)
    if parts:
        record = item.read({"sequence": "".join(parts)}, 0, line=began)
        if isinstance(record, Record):
            item.tally.cleaned([NUMBERS])
        yield record


def read_pairs(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the records of a table of two columns without a header: names, and sequences.

    Raises InvalidInput `unclear_column` if either column may be the sequences.
    """
    written = _written(lines)
    looked = list(islice(written, _LOOKED_AT))
    if not looked:
        return
    separator = next(mark for mark in (*SEPARATORS, "") if not mark or len(cells(looked[0][1], mark)) == 2) or "\t"
    sequence_at = _sequence_column([cells(text, separator) for _, text in looked], looked[0][0])
    for index, (line, text) in enumerate(chain(looked, written)):
        row = cells(text, separator)
        if len(row) == 2:
            name = row[1 - sequence_at]
            yield item.read({"sequence": row[sequence_at], **({"name": name} if name else {})}, index, line=line)
            continue
        item.tally.records += 1
        place = Place(line=line, record=default_name(index), index=index)
        what, remedy = f"the row has {len(row)} fields, and the first row 2", "Write a name and a sequence on each row."
        yield place.bad([place.problem("wrong_field_count", what, remedy)])
    first, second = ("names", "sequences") if sequence_at else ("sequences", "names")
    what = f"The table has no header: its first column was read as {first}, the second as {second}"
    remedy = "Nothing if that is right. Otherwise begin it with a line that names the columns: name, sequence."
    item.tally.notes.append(Problem("no_header", what, remedy, line=looked[0][0]))


def _sequence_column(rows: list[list[str]], line: int) -> int:
    """Return the column with more sequences. If every cell of both may be one, the longer ones are the sequences."""
    whole = [row for row in rows if len(row) == 2]
    fitting = [sum(may_be_sequence(row[at]) for row in whole) for at in (0, 1)]
    if fitting[0] == fitting[1]:
        fitting = [sum(len(row[at]) for row in whole) for at in (0, 1)]
    if fitting[0] == fitting[1]:
        what, remedy = "either column may be the sequences", "Begin with a line that names them: name, sequence."
        raise Place(line=line).refused("unclear_column", what, remedy)
    return fitting.index(max(fitting))
