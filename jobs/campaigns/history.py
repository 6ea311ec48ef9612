"""What became of a campaign: its rounds in a line, the best measured beside the best predicted, and what to do next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import orjson
from django.db.models import QuerySet
from django.urls import reverse

from jobs.campaigns.rounds import realised
from jobs.campaigns.selectors import Scale, current, numbering_of_campaign, readings_of, training_of
from jobs.learning.normalising import VARIANT, normalised
from jobs.models import Campaign, Measurement, Property, PropertyModel, Round
from jobs.models.states import WorkState
from jobs.science.variants.codes import read_variant

NEWEST = 50
"""Rounds of the timeline."""
NEW = ("chosen", "random")
"""Picks that have not been measured before."""


@dataclass(frozen=True, slots=True)
class Past:
    """A round in the timeline. `hits` are the realised ones, None before it is measured or without a threshold."""

    number: int
    state: str
    created_at: datetime
    ordered_at: datetime | None
    measured_at: datetime | None
    new: int
    expected_hits: float | None
    measured: int | None
    hits: int | None
    predicted: Mapping[str, Best]
    """The best prediction by property."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best variant of a round, in the campaign's numbering, and its value."""

    variant: str
    value: float


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next, in one sentence, and where."""

    text: str
    url: str
    words: str


def rounds_of(campaign: Campaign, properties: Sequence[Property], rows: QuerySet[Round] | None = None) -> list[Past]:
    """Return the newest rounds in their order, of all or of those in `rows`."""
    training = cache(training_of)
    by_name = {one.name: one for one in properties}
    newest = (Round.objects.filter(campaign=campaign) if rows is None else rows).order_by("-number")[:NEWEST]
    found = [_past(one, by_name, training) for one in newest.iterator(chunk_size=1)]
    return found[::-1]


def _past(found: Round, properties: Mapping[str, Property], training: Any) -> Past:
    frozen = orjson.loads(found.frozen)
    became = realised(found, frozen, training) if found.state == "measured" else {}
    expected = frozen["expected"] or {}
    return Past(
        number=found.number,
        state=found.state,
        created_at=found.created_at,
        ordered_at=found.ordered_at,
        measured_at=found.measured_at,
        new=len({row["sequential"] for row in frozen["rows"] if row["pick"] in NEW}),
        expected_hits=expected.get("hits"),
        measured=became.get("measured"),
        hits=became.get("hits"),
        predicted=_predicted(frozen, properties),
    )


def _predicted(frozen: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Best]:
    """Return the best prediction of each objective's property among the new variants."""
    found: dict[str, Best] = {}
    for at, goal in enumerate(frozen["objectives"]):
        own = properties.get(goal["property"])
        if own is None or own.name in found:
            continue
        sign = Scale.of(own).sign
        means = [(row, _mean(row, at)) for row in frozen["rows"] if row["pick"] in NEW]
        known = [(row, mean) for row, mean in means if mean is not None]
        if known:
            row, mean = max(known, key=lambda pair: sign * pair[1])
            found[own.name] = Best(row["variant"], mean)
    return found


def _mean(row: Mapping[str, Any], at: int) -> float | None:
    mean = row["mean"] if at == 0 else row.get("objectives", [{}] * (at + 1))[at].get("mean")
    return None if mean is None else float(mean)


def best_measured(found: Property) -> dict[int, Best]:
    """Return the best variant of each round by the mean of its wells there. Round 0 has wells of no round."""
    rows = current(list(Measurement.objects.filter(property=found).order_by("id")))
    readings = readings_of(rows)
    with np.errstate(all="ignore"):
        values = normalised(readings, found.normalisation)
    groups: dict[tuple[int, str], list[float]] = defaultdict(list)
    for row, one, value in zip(rows, readings, values, strict=True):
        if value is not None and one.role == VARIANT:
            groups[row.round or 0, one.key].append(value)
    scale, best = Scale.of(found), dict[int, tuple[str, float]]()
    for (number, key), wells in groups.items():
        mean = float(np.mean(wells))
        if np.isfinite(mean) and (number not in best or scale.sign * mean > scale.sign * best[number][1]):
            best[number] = (key, mean)
    numbering = numbering_of_campaign(found.campaign)
    return {
        number: Best(read_variant(key, found.campaign.parent).code(numbering), value)
        for number, (key, value) in sorted(best.items())
    }


def next_step(
    campaign: Campaign,
    properties: Sequence[Property],
    models: Sequence[PropertyModel],
    rounds: Sequence[Past],
) -> Step:
    """Return what to do next. `models` are the newest first, and `rounds` the oldest first."""
    page = reverse("campaign-page", args=[campaign.pk])
    if not properties:
        return Step("Say what you measure, such as activity.", f"{page}#new-property", "Add a property")
    computed = next((one for one in models if one.state in WorkState.unfinished()), None)
    if computed is not None:
        where = reverse("campaign-model-page", args=[campaign.pk, computed.number])
        text = f"Model {computed.number} of {computed.property.name} is being computed."
        return Step(text, where, f"Open model {computed.number}")
    last = rounds[-1] if rounds else None
    if last is not None and last.state != "measured":
        return _of_round(campaign, last, page)
    ready: dict[int, PropertyModel] = {}
    for one in models:
        if one.state == WorkState.DONE:
            ready.setdefault(one.property_id, one)
    if not ready:
        return _first_model(models, page)
    stale = [ready[one.pk].property.name for one in properties if one.pk in ready and _has_newer(ready[one.pk])]
    if stale:
        text = f"There are new measurements of {' and '.join(stale)}: learn from them."
        return Step(text, f"{page}#models", "Make a new model")
    which = "the first" if last is None else "the next"
    return Step(f"Propose {which} plate.", reverse("campaign-proposal-page", args=[campaign.pk]), "Propose a round")


def _of_round(campaign: Campaign, last: Past, page: str) -> Step:
    where = reverse("campaign-round-page", args=[campaign.pk, last.number])
    words = f"Open round {last.number}"
    if last.state == "proposed":
        return Step(f"Order round {last.number}, and then note here that it is ordered.", where, words)
    if Measurement.objects.filter(property__campaign=campaign, round=last.number).exists():
        text = f"Round {last.number} has measurements. When all of them are here, note that it is measured."
        return Step(text, where, words)
    return Step(f"Upload the measurements of round {last.number}.", f"{page}#upload", "Upload measurements")


def _first_model(models: Sequence[PropertyModel], page: str) -> Step:
    if models and models[0].state == WorkState.FAILED:
        reason = models[0].reason.rstrip(".")
        return Step(f"Model {models[0].number} failed: {reason}. Make another one.", f"{page}#models", "Make a model")
    text = "Make a model. Without measurements it ranks by its prior, which is enough for a first plate."
    return Step(text, f"{page}#models", "Make a model")


def _has_newer(model: PropertyModel) -> bool:
    return Measurement.objects.filter(property=model.property_id, created_at__gt=model.created_at).exists()
