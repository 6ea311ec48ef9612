"""Short ways to run the reader on bytes."""

from __future__ import annotations

import io

import pytest

from e1protocol import CANONICAL, EXTENDED
from jobs.errors import InvalidInput
from jobs.parsing import BadRecord, ItemRules, Reader, blocks_of

ENCODE = ItemRules(sequence=EXTENDED, context=EXTENDED, needs_mask=False)
PREDICT = ItemRules(sequence=EXTENDED + "?", context=EXTENDED, needs_mask=True)
LOG_PROB = ItemRules(sequence=CANONICAL, context=CANONICAL, needs_mask=False)


def read(data, format="fasta", rules=ENCODE, **options):
    return list(Reader(blocks_of(io.BytesIO(data)), format, rules, **options))


def problems(data, format="fasta", rules=ENCODE, **options):
    """Return every problem of a file as (code, index, line, column, character)."""
    bad = [record for record in read(data, format, rules, **options) if isinstance(record, BadRecord)]
    return [(p.code, p.index, p.line, p.column, p.character) for record in bad for p in record.problems]


def refused(data, format="fasta", rules=ENCODE):
    with pytest.raises(InvalidInput) as caught:
        read(data, format, rules)
    return caught.value
