"""Baselines: tables of effects that agree with the functions they come from, and percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.science.alignments import profile as profiles
from jobs.science.alignments.baselines import blosum_baseline, profile_baseline
from jobs.science.alignments.profile import blosum_score, profile_of
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.sampling import neighbour_counts
from jobs.science.variants.codes import Variant, read_variant, single_variants
from jobs.science.variants.metrics import percentiles

PARENT = "MKTAYIAKQR"
FAMILY = b">p\nMKTAYIAKQR\n>b\nMRTAYLAKQK\n>c\nMKSAFIAKER\n>d\n-KTGYIGKQR\n"


@pytest.fixture(scope="module")
def profile():
    alignment = read_alignment(FAMILY)
    return profile_of(alignment, neighbour_counts(alignment))


def test_effects_are_the_scores_of_single_substitutions(profile):
    of_profile, of_blosum = profile_baseline(profile), blosum_baseline(PARENT)
    for variant in single_variants(PARENT):
        assert of_profile.score(variant) == pytest.approx(profile.score(variant))
        assert of_blosum.score(variant) == blosum_score(variant)
    assert of_profile.score(Variant()) == 0


def test_effects_add_up_and_many_are_summed_at_once(profile):
    variants = [read_variant(text, PARENT) for text in ("M1A", "WT", "K2R:T3S:R10A", "Q9N")]
    triples = [(one.position, CANONICAL.index(one.mutant), n) for n, v in enumerate(variants) for one in v.mutations]
    columns = np.array(triples, dtype=np.int64)[::-1].T
    for baseline in (profile_baseline(profile), blosum_baseline(PARENT)):
        found = baseline.scores(*columns, len(variants))
        assert found == pytest.approx([baseline.score(one) for one in variants])
        assert found[2] == pytest.approx(sum(baseline.score(read_variant(c, PARENT)) for c in ("K2R", "T3S", "R10A")))


def test_residues_without_a_letter_of_their_own_have_no_effects():
    baseline = blosum_baseline("MXK")
    assert np.isnan(baseline.at([2])).all()
    assert baseline.at([1, 3])[1, CANONICAL.index("R")] == 2 - 5


def test_a_profile_is_the_same_however_many_rows_are_counted_at_a_time(profile, monkeypatch):
    monkeypatch.setattr(profiles, "_CELLS", 1)
    alignment = read_alignment(FAMILY)
    again = profile_of(alignment, neighbour_counts(alignment))
    assert again.log_probabilities == pytest.approx(profile.log_probabilities)


@given(st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40), st.integers(-6, 6))
def test_a_percentile_counts_those_below_and_half_of_the_equal(among, score):
    (found,) = percentiles(np.array([float(score)]), np.array(among))
    below, equal = sum(one < score for one in among), sum(one == score for one in among)
    assert found == pytest.approx(100 * (below + equal / 2) / len(among))


def test_no_score_has_no_percentile():
    assert np.isnan(percentiles(np.array([np.nan]), np.array([1.0]))[0])
    assert np.isnan(percentiles(np.array([1.0]), np.array([np.nan]))[0])
