"""Profiles of alignments: hand-computed numbers, invariants, and BLOSUM62."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.science.alignments.profile import PSEUDOCOUNT, blosum_score, profile_of
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.sampling import neighbour_counts
from jobs.science.alignments.substitutions import background, blosum62, replacements
from jobs.science.variants.codes import Variant, read_variant, single_variants
from jobs.science.variants.metrics import spearman

SHARED = Path(__file__).parents[3] / "shared" / "data"


def profile(text: bytes, **options):
    alignment = read_alignment(text)
    return profile_of(alignment, neighbour_counts(alignment), **options)


def test_the_replacements_of_blosum62_are_probabilities():
    assert blosum62()[CANONICAL.index("W"), CANONICAL.index("W")] == 11
    assert np.allclose(replacements().sum(axis=1), 1)
    # The pair frequencies that scores and background imply add up to nearly 1; LAMBDA is that scale.
    shares = background()
    assert (np.outer(shares, shares) * np.exp(0.3176 * blosum62())).sum() == pytest.approx(1, abs=0.01)


def test_a_column_by_hand():
    """Four rows that are no neighbours: column 1 has A three times and G once."""
    made = profile(b">p\nAWWWW\n>b\nACCCC\n>c\nADDDD\n>d\nGFFFF\n", pseudocount=2.0)
    assert made.neff == 4
    a, g = CANONICAL.index("A"), CANONICAL.index("G")
    expected = 0.75 * replacements()[a] + 0.25 * replacements()[g]
    chances = (2.0 * expected + 4 * (0.75 * (np.arange(20) == a) + 0.25 * (np.arange(20) == g))) / 6
    assert np.exp(made.log_probabilities[0]) == pytest.approx(chances)
    variant = read_variant("A1G", "AWWWW")
    assert made.score(variant) == pytest.approx(np.log(chances[g] / chances[a]))


def test_copies_of_a_row_count_once():
    once = profile(b">p\nAWWWW\n>b\nGCCCC\n")
    thrice = profile(b">p\nAWWWW\n>b\nGCCCC\n>c\nGCCCC\n>d\nGCCCC\n")
    assert thrice.neff == pytest.approx(once.neff) == 2
    assert thrice.log_probabilities == pytest.approx(once.log_probabilities)


def test_gaps_and_ambiguous_residues_are_no_observations():
    made = profile(b">p\nAWX\n>b\n-WX\n")
    # The third column has no canonical residue: the background of proteins remains.
    assert np.exp(made.log_probabilities[2]) == pytest.approx(background())


@given(st.lists(st.text(CANONICAL + "-", min_size=6, max_size=6), max_size=8), st.floats(0.01, 100))
def test_rows_are_probabilities_and_scores_add_up(rows, pseudocount):
    text = "\n".join([">p", "MKTAYI", *(f">r{n}\n{row}" for n, row in enumerate(rows) if row.strip("-"))])
    made = profile(text.encode(), pseudocount=pseudocount)
    assert np.exp(made.log_probabilities).sum(axis=1) == pytest.approx(np.ones(6))
    assert made.score(Variant()) == 0
    first, second = read_variant("M1A", "MKTAYI"), read_variant("K2E", "MKTAYI")
    double = read_variant("M1A:K2E", "MKTAYI")
    assert made.score(double) == pytest.approx(made.score(first) + made.score(second))


def test_a_pseudocount_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        profile(b">p\nMKT\n", pseudocount=0.0)


def test_the_floor_needs_no_homologs():
    assert blosum_score(Variant()) == 0
    assert blosum_score(read_variant("I1V", "IW")) == 3 - 4
    assert blosum_score(read_variant("I1V:W2A", "IW")) == (3 - 4) + (-3 - 11)
    assert all(blosum_score(one) < 0 for one in single_variants("ACDEFGHIKLMNPQRSTVWY"))


@pytest.mark.slow
def test_the_default_ranks_tem1():
    """The figures of docs/biology.md; the data are not in this repository."""
    if not (SHARED / "BLAT_ECOLX.a3m").is_file():
        pytest.skip("needs ../shared/data: BLAT_ECOLX.a3m and BLAT_ECOLX_Jacquier_2013.csv of ProteinGym")
    alignment = read_alignment((SHARED / "BLAT_ECOLX.a3m").read_bytes(), skip_empty=True)
    made = profile_of(alignment, neighbour_counts(alignment))
    with (SHARED / "BLAT_ECOLX_Jacquier_2013.csv").open() as file:
        rows = list(csv.DictReader(file))
    variants = [read_variant(row["mutant"], alignment.parent) for row in rows]
    measured = [float(row["DMS_score"]) for row in rows]
    assert PSEUDOCOUNT == 10
    assert spearman([made.score(one) for one in variants], measured) == pytest.approx(0.626, abs=0.002)
    assert spearman([blosum_score(one) for one in variants], measured) == pytest.approx(0.354, abs=0.002)
