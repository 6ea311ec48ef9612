"""JSONL: one item as JSON on each line; blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from jobs.parsing.items import ItemRule
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.tally import Tally
from jobs.parsing.text import refusal


def read_jsonl(
    lines: Iterator[tuple[int, str]], rules: ItemRules, tally: Tally, shared_context: Sequence[str]
) -> Iterator[Record | BadRecord]:
    """The records of (number, text) lines. Raises InvalidInput `json_array` for a file that is one."""
    item = ItemRule(rules, tally, shared_context=shared_context)
    index = 0
    for line, text in lines:
        if not text.strip():
            continue
        if index == 0 and text.lstrip().startswith("["):
            what = "the file is one JSON array, and JSONL has one object on each line"
            remedy = "Write one item a line, or send the array as the items of a JSON body."
            raise refusal(Place(line=line).problem("json_array", what, remedy, column=1))
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            tally.records += 1
            yield _unreadable(error, index, line)
        else:
            yield item.read(value, index, line=line)
        index += 1


def _unreadable(error: orjson.JSONDecodeError, index: int, line: int) -> BadRecord:
    name = default_name(index)
    place = Place(line=line, record=name, index=index)
    remedy = 'Write one whole object on the line, such as {"name": "a", "sequence": "MKT"}.'
    problem = place.problem("bad_json", f"this is no JSON: {error.msg}", remedy, column=error.colno)
    return BadRecord(index, name, "", line, (problem,))
