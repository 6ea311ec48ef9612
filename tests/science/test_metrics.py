"""Metrics compared with pandas and with ProteinGym's definitions written out."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.science.variants.metrics import ndcg, ranks, spearman, top_recall

VALUES = st.integers(1, 120).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-5, 5).map(float), min_size=n, max_size=n),
        st.lists(st.floats(-100, 100, width=32), min_size=n, max_size=n),
    )
)


@given(VALUES)
def test_ranks_and_spearman_with_ties_are_those_of_pandas(pair):
    a, b = (pd.Series(values) for values in pair)
    np.testing.assert_allclose(ranks(pair[0]), a.rank())
    expected = a.rank().corr(b.rank()) if a.nunique() > 1 and b.nunique() > 1 else float("nan")
    assert spearman(*pair) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(VALUES)
def test_ndcg_written_out(pair):
    scores, measured = pair
    count = math.floor(len(scores) * 0.1)
    assume(count > 0 and max(measured) - min(measured) > 1e-6)
    low, high = min(measured), max(measured)
    gains = [(value - low) / (high - low) for value in measured]
    order = sorted(range(len(scores)), key=lambda n: -scores[n])
    found = sum(gains[n] / math.log2(rank + 1) for rank, n in enumerate(order[:count], start=1))
    best = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(sorted(gains, reverse=True)[:count], start=1))
    assert ndcg(scores, measured) == pytest.approx(found / best)
    assert ndcg(measured, measured) == pytest.approx(1)


def test_ten_percent_of_989_variants_are_98():
    measured = np.zeros(989)
    measured[97:99] = 1.0
    scores = -np.arange(989.0)
    expected = (1 / math.log2(99)) / (1 / math.log2(2) + 1 / math.log2(3))
    assert ndcg(scores, measured) == pytest.approx(expected)


def test_top_recall():
    measured = np.arange(100.0)
    assert top_recall(measured, measured) == 1
    assert top_recall(-measured, measured) == 0
    half = measured.copy()
    half[[90, 91, 92, 93, 94]] = -1
    assert top_recall(half, measured) == pytest.approx(0.5)
    assert top_recall(np.zeros(100), measured) == 1  # ties at the border all count


def test_input_without_an_answer():
    assert math.isnan(spearman([1.0], [1.0]))
    assert math.isnan(spearman([1.0, 1.0], [1.0, 2.0]))
    assert math.isnan(ndcg([1.0, 2.0], [1.0, 2.0]))
    assert math.isnan(top_recall([], []))
    for wrong in ([1.0, float("nan")], [1.0]):
        with pytest.raises(ValueError, match=r"NaN|shape"):
            spearman(wrong, [1.0, 2.0])
