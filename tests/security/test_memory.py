"""Memory does not grow with the number of records: six times the file takes the same, at every reader that streams."""

from __future__ import annotations

import io
import itertools

import pytest

from jobs.parsing import Reader, open_reader, tally
from jobs.parsing.tables import NAMES, Fault, Numbers, open_table
from tests.helpers import peak_of
from tests.parsing.books import by_hand
from tests.parsing.reading import ENCODE

pytestmark = pytest.mark.slow

FEW, MANY = 10_000, 30_000
SHORT = 10
"""Times as many lines if they are short, so that the smaller file too is longer than the blocks that are read."""
MORE = 700_000
"""Bytes that many records may take beyond few."""

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ" * 3
LIBRARIES = {
    "table": ("name,sequence,note\n", f'p%d,{SEQUENCE},"a, b"\n'),
    "semicolons": ("sep=;\n# by hand\nEntry;Sequence;rate\n", f"p%d;{SEQUENCE};0,53\n"),
    "tabs": ("name\tsequence\n", f"p%d\t{SEQUENCE}\r\n"),
    "fasta": ("", f">p%d a protein\n{SEQUENCE}\n"),
    "aligned": (f">q\n{SEQUENCE}-\n", f">p%d\n{SEQUENCE}-\n"),
    "jsonl": ("", f'{{"name": "p%d", "sequence": "{SEQUENCE}"}}\n'),
    "pairs": ("", f"p%d\t{SEQUENCE}\n"),
    "pir": ("", f">P1;p%d\na protein\n{SEQUENCE}*\n"),
    "genpept": ("", f"LOCUS       p%d 66 aa linear\nORIGIN\n        1 {SEQUENCE.lower()}\n//\n"),
    "uniprot_text": (
        "",
        f"ID   p%d Reviewed; 66 AA.\nSQ   SEQUENCE   66 AA;  7500 MW;  0123456789ABCDEF CRC64;\n     {SEQUENCE}\n//\n",
    ),
}


@pytest.fixture(autouse=True)
def _few_compared_names(monkeypatch):
    """Names are compared up to a number of them, which both files exceed."""
    monkeypatch.setattr(tally, "_COMPARED_NAMES", 1_000)


class Made(io.RawIOBase):
    """A file of `many` records that is made while it is read."""

    def __init__(self, head: str, record: str, many: int) -> None:
        self._parts = itertools.chain([head], (record % at for at in range(many)))
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        parts, held = [self._rest], len(self._rest)
        while held < size and (part := next(self._parts, None)) is not None:
            parts.append(part.encode())
            held += len(parts[-1])
        block = b"".join(parts)
        self._rest = block[size:]
        return block[:size]


OFTEN = ("fasta", "table", "jsonl")
"""Libraries of these formats are read in `make test-slow`, all of them in `make test-full`."""


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=() if what in OFTEN else pytest.mark.full) for what in LIBRARIES]
)
def test_a_library_of_any_length_takes_the_same_memory(what):
    head, record = LIBRARIES[what]

    def read(many):
        def work():
            assert sum(1 for _ in open_reader(Made(head, record, many), ENCODE, filename="")) >= many

        return work

    few, many = peak_of(read(FEW)), peak_of(read(MANY))
    assert many < few + MORE, (few, many)


def test_a_table_of_numbers_of_any_length_takes_the_same_memory():
    def read(many):
        def work():
            table = open_table(Made("name;activity\n", "p%d;0,53\n", many))
            at = table.column(NAMES)
            value = 1 - at
            numbers = Numbers("activity")
            rows = 0
            for row in table:
                assert not isinstance(row, Fault)
                assert numbers.read(row.cells[value], row.line) == 0.53
                rows += 1
            assert rows == many

        return work

    few, many = peak_of(read(SHORT * FEW)), peak_of(read(SHORT * MANY))
    assert many < few + MORE, (few, many)


def workbook(many: int) -> bytes:
    head = '<row r="1"><c t="str"><v>name</v></c><c t="str"><v>sequence</v></c></row>'
    row = f'<row><c t="str"><v>p%d</v></c><c t="str"><v>{SEQUENCE}</v></c></row>'
    return by_hand(head + "".join(row % at for at in range(many)))


def test_a_workbook_of_any_length_takes_the_same_memory():
    def read(data, many):
        def work():
            assert sum(1 for _ in Reader([data], "xlsx", ENCODE)) == many

        return work

    small, large = workbook(FEW // 4), workbook(MANY // 4)
    few, many = peak_of(read(small, FEW // 4)), peak_of(read(large, MANY // 4))
    assert many < few + MORE + len(large), (few, many)
