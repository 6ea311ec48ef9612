"""Metrics with their references: against scikit-learn, by brute force over orders, and with ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from jobs.science.variants.measured import (
    auroc,
    intervals,
    mcc,
    metrics_of,
    ndcg_with_ties,
    pearson,
)
from jobs.science.variants.metrics import ndcg, spearman, top_recall

FEW = st.lists(st.integers(-3, 3).map(float), min_size=10, max_size=60)


@given(FEW, st.integers(0, 1000))
def test_auroc_is_that_of_scikit_learn(measured, seed):
    scores = np.random.default_rng(seed).integers(0, 5, len(measured)).astype(float)
    hits = np.array(measured) >= 1
    assume(hits.any() and not hits.all())
    assert auroc(scores, measured, 1.0) == pytest.approx(roc_auc_score(hits, scores))


@given(FEW, st.integers(0, 1000))
def test_mcc_calls_as_many_hits_as_there_are(measured, seed):
    scores = np.random.default_rng(seed).normal(size=len(measured))
    hits = np.array(measured) >= 1
    assume(hits.any() and not hits.all())
    called = np.zeros(len(measured), dtype=bool)
    called[np.argsort(-scores)[: hits.sum()]] = True
    assert mcc(scores, measured, 1.0) == pytest.approx(matthews_corrcoef(hits, called))


def test_one_class_has_no_metric():
    assert all(np.isnan(one([1.0, 2.0], [3.0, 4.0], 0.0)) for one in (auroc, mcc))
    assert np.isnan(pearson([1.0, 1.0], [3.0, 4.0]))
    assert pearson([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1)


def test_ndcg_averages_over_the_orders_of_ties():
    scores = np.array([9.0, 5.0, 5.0, 5.0] + [0.0] * 26)
    measured = np.array([1.0, 3.0, 0.5, 2.0] + [0.1] * 26)
    orders = []
    for order in permutations([1, 2, 3]):
        rows = np.array([0, *order, *range(4, 30)])
        orders.append(ndcg(scores[rows], measured[rows]))
    assert len(set(orders)) > 1
    assert ndcg_with_ties(scores, measured) == pytest.approx(np.mean(orders))


@given(st.permutations(range(40)))
def test_without_ties_both_are_the_same(order):
    measured = np.arange(40.0) ** 2
    assert ndcg_with_ties(np.array(order, dtype=float), measured) == pytest.approx(ndcg(order, measured))


@given(FEW, st.integers(0, 1000))
def test_nothing_is_better_than_the_best_and_chance_is_the_mean(measured, seed):
    assume(len(set(measured)) > 1)
    generator = np.random.default_rng(seed)
    for _ in range(5):
        for one in metrics_of(generator.permutation(len(measured)), measured, threshold=1.0):
            assert np.isnan(one.value) or one.value <= one.best + 1e-9


def test_the_references_of_an_assay_full_of_ties():
    """A third of the values is the same and reaches into the top: ten percent by score find a quarter of it."""
    measured = np.array([0.0] * 60 + [1.0] * 36 + [2.0] * 4)
    generator = np.random.default_rng(0)
    table = [metrics_of(generator.permutation(100), measured, threshold=1.0) for _ in range(400)]
    for at, one in enumerate(table[0]):
        drawn = [found[at].value for found in table]
        assert np.mean(drawn) == pytest.approx(one.chance, abs=4 * np.std(drawn) / 20), one.name
    found = {one.name: one for one in table[0]}
    assert found["top_recall"].best == pytest.approx(10 / 40)
    assert found["spearman"].best < 0.9
    perfect = np.argsort(np.argsort(measured, kind="stable"), kind="stable")
    assert found["spearman"].best == pytest.approx(spearman(perfect, measured))
    assert top_recall(perfect, measured) == found["top_recall"].best


def test_intervals_are_over_positions():
    """Copies of ten sites, a hundred variants each, are ten observations and not a thousand."""
    generator = np.random.default_rng(0)
    site = generator.normal(size=10)
    measured = np.repeat(site, 100)
    scores = {"a": np.repeat(site + generator.normal(size=10), 100), "b": generator.normal(size=1000)}
    by_site, difference = intervals(scores, measured, np.repeat(range(10), 100), pearson, against="b", seed=0)
    alone, _ = intervals(scores, measured, range(1000), pearson, against="b", seed=0)
    assert by_site["a"].high - by_site["a"].low > 3 * (alone["a"].high - alone["a"].low)
    assert by_site["a"].low <= by_site["a"].value <= by_site["a"].high
    assert difference["a"].value == pytest.approx(by_site["a"].value - by_site["b"].value)
    assert set(difference) == {"a"}


def test_a_metric_that_most_draws_lack_has_no_interval():
    found, _ = intervals({"a": [1.0, 2.0]}, [1.0, 1.0], [0, 1], pearson, against="a", seed=0)
    assert np.isnan(found["a"].low)
