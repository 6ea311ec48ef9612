"""Several scores judged by the same measurements."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.science.variants import judging
from jobs.science.variants.codes import Variant, read_variant, single_variants
from jobs.science.variants.judging import judge
from jobs.science.variants.metrics import spearman

PARENT = "MKTAYIAKQR"
SINGLES = single_variants(PARENT)
GROUPS = np.array([one.mutations[0].position for one in SINGLES])


def truth_and_scores() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    measured = generator.normal(size=len(SINGLES))
    good, bad = measured + generator.normal(scale=0.3, size=len(measured)), generator.normal(size=len(measured))
    return measured, {"score": good, "profile": bad, "blosum62": -measured}


def test_a_better_score_is_told_from_a_worse_one_on_the_same_draws():
    measured, scores = truth_and_scores()
    found = judge(SINGLES, scores, measured, GROUPS, threshold=0.0, against=["profile"])
    assert (found.pairs, found.groups, found.left_out, found.no_interval) == (190, 10, 0, "")
    assert found.hits == int((measured >= 0).sum())
    assert found.mutations == ((1, 190),)
    assert [one.name for one in found.metrics["score"]][-2:] == ["auroc", "mcc"]
    by_name = {one.score: one.interval for one in found.differences}
    assert by_name.keys() == {"score", "blosum62"}
    assert 0 < by_name["score"].low < by_name["score"].value < by_name["score"].high
    assert by_name["blosum62"].high < 0
    assert by_name["score"].value == pytest.approx(found.spearman["score"].value - found.spearman["profile"].value)
    assert found.metrics["blosum62"][0].value == pytest.approx(-1)


def test_equal_scores_have_no_difference_and_their_interval_is_zero():
    measured, scores = truth_and_scores()
    found = judge(SINGLES, scores | {"profile": scores["score"]}, measured, GROUPS, against=["profile"])
    first = found.differences[0].interval
    assert (first.value, first.low, first.high) == (0, 0, 0)


def test_all_scores_are_judged_on_the_same_variants():
    keys = [*SINGLES, read_variant("M1A:K2R", PARENT), Variant(), "MKTAYIAKQRQ"]
    count = len(keys)
    measured = np.arange(count, dtype=float)
    profile = np.arange(count, dtype=float)
    profile[[0, 5, count - 1]] = np.nan
    found = judge(keys, {"score": measured, "profile": profile}, measured, np.arange(count) % 7, against=["profile"])
    assert (found.pairs, found.left_out) == (count - 3, 3)
    assert dict(found.mutations) == {0: 1, 1: 188, 2: 1}
    assert found.metrics["score"][0].value == 1


def test_the_first_score_is_compared_with_every_other_that_is_asked_for():
    measured, scores = truth_and_scores()
    found = judge(SINGLES, {**scores, "other": scores["profile"]}, measured, GROUPS, against=["profile", "other"])
    pairs = [(one.score, one.against) for one in found.differences]
    assert pairs == [("score", "profile"), ("blosum62", "profile"), ("other", "profile"), ("score", "other")]


@pytest.mark.parametrize(
    ("count", "groups", "most", "reason"),
    [(1, 1, 99, judging.TOO_FEW), (20, 1, 99, judging.ONE_GROUP), (20, 5, 10, judging.TOO_MANY)],
)
def test_there_is_no_interval_where_it_would_mean_nothing(monkeypatch, count, groups, most, reason):
    monkeypatch.setattr(judging, "MOST_RESAMPLED", most)
    measured, scores = truth_and_scores()
    part = {name: one[:count] for name, one in scores.items()}
    found = judge(SINGLES[:count], part, measured[:count], np.arange(count) % groups, against=["profile"])
    assert found.no_interval == reason
    assert not found.spearman
    assert not found.differences
    if count > 1:
        assert found.metrics["score"][0].value == pytest.approx(spearman(part["score"], measured[:count]))
