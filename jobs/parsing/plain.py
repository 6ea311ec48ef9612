"""Text without headers: a list of variants, one a line, or one bare sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.parsing.items import ItemRule
from jobs.parsing.records import BadRecord, ItemRules, Place, Record
from jobs.parsing.tally import Tally
from jobs.parsing.text import refusal

_NAME = 100
"""Characters of a variant that name its record: it may be a whole sequence."""


def read_plain(
    lines: Iterator[tuple[int, str]], rules: ItemRules, tally: Tally, shared_context: Sequence[str]
) -> Iterator[Record | BadRecord]:
    """The records of (number, text) lines; blank ones are skipped.

    Raises InvalidInput `bare_lines` for several lines that are no variants: they may be one sequence that is wrapped,
    or one a line, and the wrong guess would be computed without a word.
    """
    item = ItemRule(rules, tally, shared_context=shared_context)
    written = ((line, text.strip()) for line, text in lines if text.strip())
    if rules.variants is not None:
        for index, (line, text) in enumerate(written):
            yield item.read({"variant": text, "name": text[:_NAME]}, index, line=line)
        return
    first, second = next(written, None), next(written, None)
    if second is not None:
        what = "without names it cannot be told whether these lines are one sequence or several"
        remedy = "Put a line '>name' before each sequence; only a single one may stand alone, on one line."
        raise refusal(Place(line=second[0]).problem("bare_lines", what, remedy))
    if first is not None:
        yield item.read({"sequence": first[1]}, 0, line=first[0])
