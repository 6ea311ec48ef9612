"""Every refusal of a table has its place and a remedy that works: what it says is done here, and the table is read."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import InvalidInput, Problem
from jobs.maps.column_files import read_columns
from jobs.parsing import BadRecord, open_reader
from jobs.parsing.asked import Reading
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.rules import VariantRules
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE
from tests.parsing.remedies.tables import ASKED, REFUSED

CASES = Path(__file__).parents[1] / "data" / "field-cases"
PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
SCORE = replace(ENCODE, variants=VariantRules(PARENT, SEQUENTIAL))


def library(data, rules=ENCODE, **options):
    """Read a library; the problems of its first bad record are those of a refusal."""
    for record in open_reader(io.BytesIO(data), rules, filename="x.csv", reading=Reading(**options)):
        if isinstance(record, BadRecord):
            raise InvalidInput.of(*record.problems)


READERS = {
    "library": library,
    "variants": lambda data, **options: library(data, SCORE, **options),
    "assay": lambda data, **options: read_assay(io.BytesIO(data), **options),
    "columns": lambda data, **options: read_columns(data, ["a", "b", "K2R"], **options),
}


def refusal(entrance: str, data: bytes, **options) -> Problem:
    with pytest.raises(InvalidInput) as caught:
        READERS[entrance](data, **options)
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("what", "entrance"), [(what, one) for what, (entrances, *_) in REFUSED.items() for one in entrances]
)
def test_a_refusal_has_its_place_and_its_remedy_works(what, entrance):
    _, data, code, line, words, mended = REFUSED[what]
    problem = refusal(entrance, data, **ASKED.get(what, {}))
    assert (problem.code, problem.line) == (code or problem.code, line)
    assert words in problem.remedy
    if isinstance(mended, bytes):
        READERS[entrance](mended)
    else:
        READERS[entrance](data, **mended)


def test_the_comma_of_a_note_never_shifts_a_number():
    """A part of a file that is read rightly, so that the refusal of the rest is about its rows alone."""
    lines = (CASES / "decimal-comma/note-with-comma.csv").read_bytes().splitlines(keepends=True)
    good = read_assay(io.BytesIO(b"".join(lines[:3] + lines[4:])))
    assert good.values == (0.5, 0.7, 0.1)
