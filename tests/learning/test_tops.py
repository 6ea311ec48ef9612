"""NDCG and top-10 % recall of many draws at once: the same as of the repeated pairs, one draw after another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.learning.crossvalidation import Ranked
from jobs.learning.folds import folds_of
from jobs.learning.tops import NDCG, RECALL, counted_ndcg, counted_recall, folds_value, top_figures
from jobs.science.variants.measured import ndcg_with_ties
from jobs.science.variants.metrics import top_recall
from tests.learning.truth import additive_truth, family, singles

COUNTS = st.lists(st.integers(0, 3), min_size=12, max_size=40)


def values(count: int, seed: int, levels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(levels, size=count).astype(float)


@given(COUNTS, st.integers(0, 99), st.sampled_from([2, 5, 1000]))
def test_draws_are_pairs_that_are_repeated(counts, seed, levels):
    scores, measured = values(len(counts), seed, levels), values(len(counts), seed + 1, levels)
    a, b = np.repeat(scores, counts), np.repeat(measured, counts)
    found = counted_ndcg(scores, measured, np.array([counts, counts], dtype=float))
    expected = ndcg_with_ties(a, b) if len(b) else np.nan
    assert found == pytest.approx([expected, expected], nan_ok=True)


@given(COUNTS, st.integers(0, 99), st.sampled_from([2, 5, 1000]))
def test_recall_without_ties_is_that_of_assays(counts, seed, levels):
    measured = values(len(counts), seed, levels)
    scores = np.random.default_rng(seed).permutation(len(counts)).astype(float)
    once = np.minimum(counts, 1)
    found = counted_recall(scores, measured, np.array([once], dtype=float))
    expected = top_recall(np.repeat(scores, once), np.repeat(measured, once)) if sum(once) else np.nan
    assert found == pytest.approx([expected], nan_ok=True)


def test_scores_that_are_all_equal_find_a_tenth():
    """Counted as in assays, each of them would be in the best tenth, and the recall 1."""
    measured, once = np.arange(40.0), np.ones((1, 40))
    assert top_recall(np.zeros(40), measured) == 1
    assert counted_recall(np.zeros(40), measured, once) == pytest.approx(0.1)
    assert counted_recall(measured, measured, once) == 1
    assert counted_recall(-measured, measured, once) == 0


def test_figures_are_those_within_folds():
    """Another constant in each fold changes nothing."""
    rows = singles(family(), 100, 0)
    measured = additive_truth(rows, 0)
    folds = folds_of("position", rows.variants, [1] * 100, seed=0)
    right = [measured[split.test] + 100 * at for at, split in enumerate(folds.splits)]
    noise = [np.random.default_rng(at).normal(size=len(split.test)) for at, split in enumerate(folds.splits)]
    ranked = Ranked(folds, {"model": right, "prior": noise})
    found = top_figures([ranked], rows, measured, seed=0)
    assert found["model"][NDCG].value == pytest.approx(1)
    assert found["model"][RECALL].value == pytest.approx(1)
    low = found["prior"][NDCG]
    assert low.low < low.value < low.high < 1
    assert found["prior"][RECALL].low <= found["prior"][RECALL].value < found["prior"][RECALL].high < 1
    assert folds_value(counted_recall, ranked, "prior", measured) == found["prior"][RECALL].value
