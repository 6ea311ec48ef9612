"""Cards of imported models: every field has the type and the size that answers and pages expect."""

from __future__ import annotations

from typing import Any

from jobs.campaigns.archive import Fields, broken
from jobs.campaigns.priors import PRIORS
from jobs.learning.folds import KINDS
from jobs.learning.priors import FEATURES
from jobs.learning.tops import METRICS

LONGEST = 1_000
MOST_NAMES = 20
"""Rankings of a kind of folds, and libraries with a version."""
_FIELDS = {
    "prior", "features", "cross_validation", "reasons", "gain", "coverage", "method", "ranks_by", "versions",
}  # fmt: skip
CURVE = "learning_curve"
MOST_STEPS = 20
_METHODS = ("gaussian_process", "ridge")
_FIGURE = ("value", "low", "high")
_GAIN_TODAY = {"level", "spearman"}
"""Fields of a gain that models of an older service lack. Their metric is Spearman."""
_COVERAGE = ("nominal", "guaranteed", "observed", "width")


def card_of(told: Fields) -> dict[str, Any]:
    """Return the card of a model. Raises InvalidInput `bad_campaign_file` with the field that is wrong."""
    card = _within(told, "card")
    if set(card.values) - {CURVE} != _FIELDS:
        raise broken(card.where, "it has unknown fields, or lacks some")
    card.choice("ranks_by", ("model", "prior"))
    if card.values["method"] is not None:
        card.text("method", 60)
    prior = _within(card, "prior", needed={"asked", "used", "source"})
    prior.choice("asked", PRIORS)
    prior.choice("used", PRIORS)
    prior.text("source", LONGEST)
    features = _within(card, "features", needed={"asked", "used"})
    features.choice("asked", ("auto", *FEATURES))
    features.choice("used", FEATURES)
    _check_comparisons(_within(card, "cross_validation", needed=set(KINDS)))
    _check_texts(_within(card, "reasons"), KINDS)
    _check_texts(_within(card, "versions"), None)
    gain = _within(card, "gain")
    if set(gain.values) - _GAIN_TODAY != {"metric", "folds", "n", "detectable", *_FIGURE}:
        raise broken(gain.where, "it has unknown fields, or lacks some")
    if _GAIN_TODAY & set(gain.values):
        if gain.number("level") is None:
            raise broken(gain.where, "its level is no number")
        _check_figure(gain)
    gain.text("metric", 60)
    if gain.values["folds"] is not None or gain.values["value"] is not None:
        gain.choice("folds", KINDS)
    gain.whole("n", 0, 2**31 - 1)
    for name in (*_FIGURE, "detectable"):
        gain.number(name)
    coverage = _within(card, "coverage", needed=set(_COVERAGE))
    for name in _COVERAGE:
        coverage.number(name)
    _check_curve(card)
    return dict(card.values)


def _check_curve(card: Fields) -> None:
    """Check the learning curve: null, or its steps. Models of an older service have none."""
    if card.values.get(CURVE) is None:
        return
    steps = card.entries(CURVE)
    if len(steps) > MOST_STEPS:
        raise broken(card.where, f"its learning curve has more than {MOST_STEPS} steps")
    for at, raw in enumerate(steps):
        step = Fields(f"{card.where}, {CURVE}.{at}", raw)
        if set(step.values) != {"n", "model", "prior"}:
            raise broken(step.where, "it has unknown fields, or lacks some")
        step.whole("n", 1, 2**31 - 1)
        for name in ("model", "prior"):
            _check_figure(_within(step, name, needed={"spearman"}))


def _check_figure(told: Fields, metric: str = "spearman") -> None:
    figure = _within(told, metric, needed=set(_FIGURE))
    for one in _FIGURE:
        figure.number(one)


def _within(told: Fields, name: str, *, needed: set[str] | None = None) -> Fields:
    """Return a field that is an object: with exactly the `needed` fields, if they are given."""
    found = Fields(f"{told.where}, {name}", told.mapping(name))
    if needed is not None and set(found.values) != needed:
        raise broken(found.where, "it has unknown fields, or lacks some")
    return found


def _check_texts(told: Fields, names: tuple[str, ...] | None) -> None:
    """Check an object of short texts, whose names are known or at least short."""
    if len(told.values) > MOST_NAMES or (names is not None and set(told.values) - set(names)):
        raise broken(told.where, "it has unknown fields")
    for name in told.values:
        if len(name) > 60:
            raise broken(told.where, "it has unknown fields")
        told.text(name, LONGEST)


def _check_comparisons(told: Fields) -> None:
    """Check the figures of each ranking, by kind of folds; null if these folds could not be made.

    Models of an older service have Spearman only.
    """
    for kind in KINDS:
        if told.values[kind] is None:
            continue
        rankings = _within(told, kind)
        if len(rankings.values) > MOST_NAMES or any(len(name) > 60 for name in rankings.values):
            raise broken(rankings.where, "it has unknown fields")
        for name in rankings.values:
            metrics = _within(rankings, name)
            if set(metrics.values) not in ({"spearman"}, {"spearman", *METRICS}):
                raise broken(metrics.where, "it has unknown fields, or lacks some")
            for metric in metrics.values:
                _check_figure(metrics, metric)
