"""What the page of a model shows: its figures by kind of folds, its learning curve, and held-out predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.campaigns.drawing import Panel, Rounds
from jobs.campaigns.predicting import Predictor
from jobs.campaigns.selectors import numbering_of_campaign, variants_of
from jobs.campaigns.training import HELD_OUT
from jobs.learning.folds import KINDS
from jobs.models import Property

KIND_WORDS = {
    "position": "by position",
    "random": "random",
    "modulo": "modulo",
    "contiguous": "contiguous",
    "depth": "by number of mutations",
    "round": "by round",
}
KIND_MEANINGS = {
    "position": "whole positions are held out; the headline",
    "random": "variants are held out at random; overstates",
    "modulo": "every fifth position, as in ProteinNPT",
    "contiguous": "stretches of the sequence, as in ProteinNPT",
    "depth": "learns from fewer mutations, predicts more",
    "round": "learns from earlier rounds, predicts the next",
}
RANKINGS = {
    "model": "Model",
    "prior": "Prior",
    "profile": "Profile",
    "augmented_ridge": "Augmented ridge",
    "position_mean": "Mean of the position",
}


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a real minus sign, "" for None."""
    return "" if value is None else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of cross-validation: the figures of each ranking, or the reason why there are none."""

    kind: str
    words: str
    meaning: str
    figures: list[tuple[str, str]]
    """Value and interval of each ranking, in the order of the heads."""
    reason: str


def curve_of(card: Mapping[str, Any]) -> tuple[list[tuple[str, str, str]], Rounds | None]:
    """Return the steps of the learning curve, with the figures of model and prior, and its picture."""
    steps = card.get("learning_curve") or []
    sizes = [f"{one['n']:,}" for one in steps]
    model, prior = ([one[name]["spearman"] for one in steps] for name in ("model", "prior"))
    rows = [(n, _interval(a), _interval(b)) for n, a, b in zip(sizes, model, prior, strict=True)]
    sentence = "Spearman of held-out variants by the size of the training set: model as filled points, prior as rings."
    values = [[one["value"] for one in found] for found in (model, prior)]
    return rows, Rounds.of(sentence, "Spearman", sizes, *values) if len(steps) > 1 else None


def _interval(figure: Mapping[str, float | None]) -> str:
    """Return a figure with its interval in words."""
    if figure["value"] is None:
        return "not defined"
    ends = "" if figure["low"] is None else f" ({number(figure['low'])} to {number(figure['high'])})"
    return f"{number(figure['value'])}{ends}"


def comparison_of(card: Mapping[str, Any]) -> tuple[list[str], list[Compared]]:
    """Return the heads of the rankings, and a row for each kind of folds."""
    found = card["cross_validation"]
    there = [one for one in RANKINGS if any(row and one in row for row in found.values())]
    rows = [
        Compared(
            kind,
            KIND_WORDS[kind],
            KIND_MEANINGS[kind],
            [_figure(found[kind].get(one)) for one in there] if found.get(kind) else [],
            card["reasons"].get(kind, ""),
        )
        for kind in KINDS
    ]
    return [RANKINGS[one] for one in there], rows


def _figure(found: Mapping[str, Any] | None) -> tuple[str, str]:
    figure = (found or {}).get("spearman") or {}
    if figure.get("value") is None:
        return "not defined", ""
    interval = "" if figure["low"] is None else f"{number(figure['low'])} to {number(figure['high'])}"
    return number(figure["value"]), interval


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A measured variant: its value, the prediction of a model that has not seen it, and what learns nothing."""

    variant: str
    measured: float
    predicted: float | None
    prior: float
    profile: float | None
    wells: int
    censored: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """Observed against out-of-fold for one kind of folds."""

    kinds: list[tuple[str, str]]
    """The kinds of folds that have predictions, and their words."""
    kind: str
    rows: list[HeldOut]
    panels: list[Panel]
    spread: float | None
    """The range of the measurements in the unit of the model."""


def observed_of(predictor: Predictor, kind: str) -> Observed | None:
    """Return the held-out predictions of a kind, else of the first one; None if nothing was learnt."""
    model = predictor.model
    stored = model.fits.get(HELD_OUT) or {}
    if not stored:
        return None
    kind = kind if kind in stored else next(one for one in KINDS if one in stored)
    variants = variants_of([row[0] for row in model.training], model.campaign.parent)
    numbering, tables, scale = numbering_of_campaign(model.campaign), predictor.tables, predictor.scale
    rows = [
        HeldOut(
            variant=variant.code(numbering),
            measured=row[1],
            predicted=None if held is None else scale.back(held),
            prior=tables.score(variant),
            profile=None if tables.profile is None else tables.profile_score(variant),
            wells=row[2],
            censored=row[3] > 0,
        )
        for variant, row, held in zip(variants, model.training, stored[kind], strict=True)
    ]
    inner = np.array([scale.forward(row[1]) for row in model.training], dtype=float)
    return Observed(
        kinds=[(one, KIND_WORDS[one]) for one in KINDS if one in stored],
        kind=kind,
        rows=rows,
        panels=_panels(rows, KIND_WORDS[kind], model.property),
        spread=float(np.ptp(inner)) if len(inner) else None,
    )


def _panels(rows: Sequence[HeldOut], kind: str, found: Property) -> list[Panel]:
    """Return measured values against the model's held-out predictions, the prior and the profile."""
    name, up = found.name, axis_of(found)
    measured = [row.measured for row in rows]
    tested = [row for row in rows if row.predicted is not None]
    panels = [
        Panel.of(
            ("out-of-fold prediction", up),
            f"Measured {name} against out-of-fold predictions of the model, folds {kind}: {len(tested):,} variants.",
            [row.predicted for row in tested if row.predicted is not None],
            [row.measured for row in tested],
        ),
        Panel.of(("prior", up), f"Measured {name} against the prior.", [row.prior for row in rows], measured),
    ]
    if all(row.profile is not None for row in rows):
        profile = [row.profile for row in rows if row.profile is not None]
        panels.append(Panel.of(("profile", up), f"Measured {name} against the profile.", profile, measured))
    return [one for one in panels if one is not None]


def axis_of(found: Property) -> str:
    """Return the title of an axis: a property with the unit of its normalised values."""
    unit = {"wild_type_ratio": "ratio to wild type", "wild_type_difference": "change from wild type"}
    words = [unit[found.normalisation]] if found.normalisation in unit else []
    if found.unit and found.normalisation != "wild_type_ratio":
        words.append(found.unit)
    return f"{found.name} ({', '.join(words)})" if words else found.name
