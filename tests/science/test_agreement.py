"""Agreement of two runs, and its interval."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.science.variants import agreement as module
from jobs.science.variants.agreement import agreement
from jobs.science.variants.metrics import spearman


def pair(n: int, rho: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    a, noise = np.random.default_rng(seed).normal(size=(2, n))
    return a, rho * a + np.sqrt(1 - rho**2) * noise


def test_the_interval_is_around_the_correlation_and_the_seed_repeats_it():
    a, b = pair(300, 0.7, 1)
    found = agreement(a, b)
    assert found.spearman == spearman(a, b)
    assert found.low < found.spearman < found.high
    assert (found.pairs, found.draws) == (300, 1000)
    assert agreement(a, b) == found
    assert agreement(a, b, seed=1) != found


def test_the_interval_covers_the_truth_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 200)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a normal pair with Pearson's 0.6
    found = [agreement(*pair(60, 0.6, seed)) for seed in range(100)]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert 85 <= covered <= 100


def test_groups_are_drawn_as_wholes_so_that_copies_add_no_certainty():
    a, b = pair(40, 0.5, 2)
    copies, groups = (np.repeat(one, 10) for one in (a, b)), np.repeat(np.arange(40), 10)
    grouped = agreement(*copies, groups)
    plain = agreement(a, b)
    assert grouped.spearman == pytest.approx(plain.spearman)
    assert grouped.high - grouped.low == pytest.approx(plain.high - plain.low, rel=0.15)
    assert (naive := agreement(np.repeat(a, 10), np.repeat(b, 10))).high - naive.low < 0.6 * (plain.high - plain.low)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pairs_have_no_correlation(n):
    found = agreement(np.zeros(n), np.zeros(n))
    assert np.isnan([found.spearman, found.low, found.high]).all()
    assert found.draws == 0


def test_constant_scores_and_one_group_have_no_interval(monkeypatch):
    a, b = pair(30, 0.5, 3)
    assert np.isnan(agreement(a, np.ones(30)).spearman)
    assert np.isnan(agreement(a, b, np.zeros(30, dtype=np.intp)).low)
    monkeypatch.setattr(module, "MOST_RESAMPLED", 20)
    assert np.isnan(agreement(a, b).low)
    assert agreement(a, b).spearman == spearman(a, b)
