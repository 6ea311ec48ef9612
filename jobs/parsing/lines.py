"""Files with one record on a line: JSONL, a list of variants, or one bare sequence. Blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from jobs.parsing.items import ItemRule
from jobs.parsing.records import BadRecord, Place, Record, default_name

Lines = Iterable[tuple[int, str]]
"""The lines of a file, each with its number."""

_NAME = 100
"""Characters of a variant that name its record: it may be a whole sequence."""


def read_jsonl(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield a record for each JSON value. Raises InvalidInput `json_array` if the file is a JSON array."""
    written = ((line, text) for line, text in lines if text.strip())
    for index, (line, text) in enumerate(written):
        if index == 0 and text.lstrip().startswith("["):
            what = "the file is one JSON array, and JSONL has one object on each line"
            remedy = "Write one item a line, or send the array as the items of a JSON body."
            raise Place(line=line).refused("json_array", what, remedy, column=1)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            item.tally.records += 1
            place = Place(line=line, record=default_name(index), index=index)
            remedy = 'Write one whole object on the line, such as {"name": "a", "sequence": "MKT"}.'
            yield place.bad([place.problem("bad_json", f"this is not JSON: {error.msg}", remedy, column=error.colno)])
        else:
            yield item.read(value, index, line=line)


def read_plain(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the variants of a list, or one bare sequence.

    Raises InvalidInput `bare_lines` if there are several lines and no variants are expected. They could be one wrapped
    sequence or one sequence a line, and a wrong guess would go unnoticed.
    """
    written = ((line, text.strip()) for line, text in lines if text.strip())
    for index, (line, text) in enumerate(written):
        if item.rules.variants is not None:
            yield item.read({"variant": text, "name": text[:_NAME]}, index, line=line)
            continue
        if (second := next(written, None)) is not None:
            what = "without names these lines could be one sequence or several"
            remedy = "Put a line '>name' before each sequence; only a single sequence can do without, on one line."
            raise Place(line=second[0]).refused("bare_lines", what, remedy)
        yield item.read({"sequence": text}, index, line=line)
