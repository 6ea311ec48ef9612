"""Two models on the same held-out variants: what is shown, what is not, and how small a difference may be."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.learning.comparing import BETTER, MIXED, NONE, WORSE, HeldOut, paired, too_few
from jobs.learning.folds import folds_of
from jobs.learning.gains import LEAST_SHOWN
from tests.learning.truth import additive_truth, family, singles

METRICS = {"squared_error", "spearman", "ndcg", "top_recall"}


def held_out(rows, measured, noise: float, seed: int, *, folds_seed: int = 0) -> HeldOut:
    """Return the predictions of a model whose errors have this standard deviation."""
    fold = np.full(len(rows), -1)
    for at, split in enumerate(folds_of("position", rows.variants, [1] * len(rows), seed=folds_seed).splits):
        fold[split.test] = at
    return HeldOut(measured + np.random.default_rng(seed).normal(size=len(rows)) * noise, fold)


def compared(count: int, one: float, other: float, **more):
    rows = singles(family(), count, 0)
    measured = additive_truth(rows, 0)
    return paired(rows.variants, measured, held_out(rows, measured, one, 1), held_out(rows, measured, other, 2, **more))


def test_a_clearly_better_model_is_shown_with_its_sign():
    found, turned = compared(120, 0.3, 2.0), compared(120, 2.0, 0.3)
    assert (found.verdict, turned.verdict) == (BETTER, WORSE)
    assert set(found.differences) == METRICS
    error = found.differences["squared_error"].figure
    assert 0.9 < error.value < 1, "nearly all of the other's error is removed"
    assert error.low < error.value < error.high
    for name in METRICS:
        assert found.differences[name].figure.value > 0 > turned.differences[name].figure.value
    assert found.n == 120
    assert found.units == len({variant.mutations[0].position for variant in singles(family(), 120, 0).variants})


def test_equal_models_show_no_difference_and_what_could_be_shown():
    found = compared(120, 1.0, 1.0, folds_seed=5)
    assert found.verdict == NONE
    error = found.differences["squared_error"]
    assert error.figure.low < 0 < error.figure.high
    assert not error.shown
    assert error.detectable > 0.1
    assert compared(480, 1.0, 1.0).differences["squared_error"].detectable < error.detectable


def test_a_model_against_itself_differs_by_exactly_nothing():
    rows = singles(family(), 60, 0)
    measured = additive_truth(rows, 0)
    one = held_out(rows, measured, 1.0, 1)
    found = paired(rows.variants, measured, one, one)
    assert found.verdict == NONE
    for difference in found.differences.values():
        assert difference.figure.value == difference.figure.low == difference.figure.high == 0
        assert (difference.shown, difference.detectable) == (False, None)


def test_the_same_pairs_are_drawn_for_both():
    """Errors that both models share leave the difference alone: its interval is far narrower than each model's."""
    rows = singles(family(), 120, 0)
    measured = additive_truth(rows, 0)
    one = held_out(rows, measured, 1.0, 1)
    other = HeldOut(one.predicted + np.random.default_rng(3).normal(size=120) * 0.05, one.fold)
    apart = paired(rows.variants, measured, other, one).differences["spearman"].figure
    alone = compared(120, 1.0, 1.0).differences["spearman"].figure
    assert apart.high - apart.low < 0.3 * (alone.high - alone.low)


def test_errors_without_the_order_are_mixed():
    """A model with the scale wrong has larger errors and the same order."""
    rows = singles(family(), 120, 0)
    measured = additive_truth(rows, 0)
    one = held_out(rows, measured, 0.5, 1)
    other = HeldOut(3 * one.predicted + 5, one.fold)
    assert paired(rows.variants, measured, one, other).verdict == MIXED


@pytest.mark.parametrize(("count", "verdict"), [(LEAST_SHOWN - 1, NONE), (LEAST_SHOWN, BETTER)])
def test_few_variants_show_nothing(count, verdict):
    found = compared(count, 0.3, 2.0)
    assert found.differences["squared_error"].shown
    assert found.verdict == verdict


def test_variants_of_the_same_sites_are_their_own_units():
    rows = singles(family(), 40, 0)
    one = [variant for variant in rows.variants if variant.mutations[0].position < 10]
    measured = np.arange(len(one), dtype=float)
    fold = np.arange(len(one)) % 2
    found = paired(one, measured, HeldOut(measured, fold), HeldOut(-measured, fold))
    assert found.units == len(one)


def test_too_few_common_variants_have_a_reason():
    assert too_few(20, one=1, other=2) == ""
    assert too_few(19, one=1, other=2) == "models 1 and 2 both predicted 19 variants out of fold, and 20 are needed"
