"""Coverage, identity, frequencies and verdict of an alignment."""

from __future__ import annotations

import numpy as np
import pytest

from e1protocol import CANONICAL
from jobs.science.alignments import summary
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.summary import a3m, fasta, summarised, verdict

A3M = b">p\nMKTA\n>same\nMKTA\n>half\nMR--\n>ins\n-KxyTG\n>far\nWW-W\n"


def test_depth_counts_rows_and_bands_have_their_identity():
    found = summarised(read_alignment(A3M))
    assert found.depth.tolist() == [4, 5, 3, 4]
    assert found.band_rows.tolist() == [1] * 5
    # By identity over their own residues: 1, 1, 2/3, 1/2, 0.
    assert found.bands[2].tolist() == pytest.approx([np.nan, 2 / 3, 2 / 3, 2 / 3], nan_ok=True)
    assert found.bands[3].tolist() == pytest.approx([0.5, 0.5, np.nan, np.nan], nan_ok=True)


def test_bands_put_rows_together_and_show_what_most_of_them_cover(monkeypatch):
    monkeypatch.setattr(summary, "MAX_BANDS", 2)
    found = summarised(read_alignment(A3M))
    assert found.band_rows.tolist() == [3, 2]
    assert np.isnan(found.bands[1]).tolist() == [False, False, True, False]


def test_frequencies_are_weighted_and_leave_gaps_out():
    alignment = read_alignment(A3M)
    plain = summarised(alignment).frequencies
    assert plain.sum(axis=1) == pytest.approx([1, 1, 1, 1])
    assert plain[1, CANONICAL.index("K")] == pytest.approx(3 / 5)
    weighted = summarised(alignment, np.array([0.5, 0.5, 1, 1, 1])).frequencies
    assert weighted[1, CANONICAL.index("K")] == pytest.approx(2 / 4)


def test_a_column_without_a_canonical_residue_has_no_frequency():
    assert summarised(read_alignment(b">p\nMX\n>q\nM-\n")).frequencies[1].sum() == 0


@pytest.mark.parametrize(
    ("effective", "columns", "said"),
    [(99.9, 100, "too thin"), (100, 100, "thin"), (499, 100, "thin"), (500, 100, "enough")],
)
def test_the_verdict_is_by_effective_sequences_per_residue(effective, columns, said):
    assert verdict(effective, columns) == said


def test_files_have_every_row_and_read_back():
    alignment = read_alignment(A3M)
    again = read_alignment(a3m(alignment).encode())
    assert again.names == alignment.names
    assert (again.columns == alignment.columns).all()
    assert ">ins\nKXYTG\n" in fasta(alignment)
