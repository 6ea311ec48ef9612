"""Aligned rows handed in as homologs or as a library: read without their gaps, or refused with a remedy that works."""

from __future__ import annotations

import io

import pytest

from jobs.parsing import BadRecord, open_reader, read_context
from tests.parsing.reading import ENCODE

PIR = b">P1;a\nfirst\nMKT-AYI*\n>P1;b\nsecond\nMKTAAY--*\n"


def test_gapped_pir_is_read_without_its_gaps_and_counted():
    reader = open_reader(io.BytesIO(PIR), ENCODE, filename="x.pir")
    assert [(one.name, one.sequence) for one in reader] == [("a", "MKTAYI"), ("b", "MKTAAY")]
    assert reader.cleaning["gaps"] == 2


def test_gapped_pir_is_read_as_homologs_and_noted():
    notes = []
    assert read_context(PIR, ENCODE, notes=notes) == ("MKTAYI", "MKTAAY")
    assert [note.code for note in notes] == ["gaps_removed"]


@pytest.mark.parametrize("rows", [b">a\nMKT-AYI\n>b\nMKTAY\n", b">a\nMK-T\n"])
def test_gaps_outside_an_alignment_are_a_fault_whose_remedy_works(rows):
    """Rows of other lengths are no alignment: the gap may be residues that were cut out."""
    bad = [
        record for record in open_reader(io.BytesIO(rows), ENCODE, filename="x.fasta") if isinstance(record, BadRecord)
    ]
    assert [problem.remedy.split(":")[0] for record in bad for problem in record.problems] == ["Remove the gaps"]
    mended = list(open_reader(io.BytesIO(rows.replace(b"-", b"")), ENCODE, filename="x.fasta"))
    assert not any(isinstance(record, BadRecord) for record in mended)
