"""The page that compares models of one property: which should rank, and what one gains over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.campaigns.cards import KIND_MEANINGS, KIND_WORDS, RANKINGS, number, signed
from jobs.campaigns.comparing import MOST, Comparison, Pair, Side, comparison_of, ready_models
from jobs.campaigns.drawing import Panel
from jobs.campaigns.gains import gain_of, share
from jobs.campaigns.selectors import Scale, campaign_of
from jobs.errors import Conflict, NotFound, ServiceError
from jobs.learning.comparing import BETTER, MIXED, SPEARMAN, SQUARED_ERROR, WORSE, Difference
from jobs.learning.gains import LEAST_SHOWN
from jobs.learning.tops import NDCG, RECALL
from jobs.learning.training import LEAST
from jobs.library.sharing import right_on
from jobs.models import PropertyModel
from jobs.web.access import page, user_of
from jobs.web.links import changed, paged
from jobs.web.refusals import Refusal

METRICS = {SPEARMAN: "Spearman", NDCG: "NDCG", RECALL: "Top-10 % recall"}
SHOWN = 100
"""Models that can be chosen on the page; REST takes any."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of figures: a model or a baseline beside it, with value and interval of each metric."""

    model: int
    ranking: str
    first: bool
    figures: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair in words: its differences with intervals, and what is shown."""

    pair: Pair
    figures: list[tuple[str, str, str]]
    """Title, value and interval of each difference."""
    headline: str
    text: str


@page
@require_safe
def comparison_page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show models side by side: by default the newest of each kind."""
    campaign = campaign_of(user_of(request), campaign_id)
    ready = ready_models(campaign)
    query = request.GET
    asked = ",".join(query.getlist("models"))
    context: dict[str, Any] = {
        "campaign": campaign,
        "right": right_on(campaign, user_of(request)).name,
        "most": MOST,
        "least": LEAST,
    }
    status, chosen = 200, set(asked.split(","))
    try:
        found = comparison_of(
            campaign,
            by=user_of(request).pk,
            models=asked,
            main=query.get("main", ""),
            folds=query.get("folds", ""),
        )
        chosen = {str(one.n) for one in found.sides}
        context |= _compared(request, found)
    except NotFound:
        raise
    except ServiceError as error:
        if isinstance(error, Conflict) and error.code == "too_few_models":
            context["too_few"] = True
        else:
            context["refusal"], status = Refusal("comparison", error), error.status_code
    context["choices"] = [(one, str(one.number) in chosen) for one in ready[:SHOWN]]
    context["properties"] = _properties(ready)
    return render(request, "jobs/campaigns/comparison.html", context, status=status)


def _properties(ready: Sequence[PropertyModel]) -> list[tuple[str, str]]:
    """Return each property with two ready models or more, and the query of its two newest, if there are several."""
    numbers: dict[str, list[int]] = {}
    for one in ready:
        numbers.setdefault(one.property.name, []).append(one.number)
    several = [(name, f"?models={found[0]},{found[1]}") for name, found in numbers.items() if len(found) > 1]
    return several if len(several) > 1 else []


def _compared(request: HttpRequest, found: Comparison) -> dict[str, Any]:
    query = request.GET.copy()
    query["models"] = ",".join(str(one.n) for one in found.sides)
    rows = found.rows()
    shown, links = paged(query, rows, anchor="#table-view")
    asked = {"models": query["models"], "main": str(found.main.n), "folds": found.kind or ""}
    address = reverse("campaign-comparison", args=[found.campaign.pk])
    files = [
        ("All figures as CSV", f"{address}?{urlencode({**asked, 'format': 'csv', 'table': 'figures'})}"),
        ("Held-out variants as CSV", f"{address}?{urlencode({**asked, 'format': 'csv', 'table': 'variants'})}"),
    ]
    return {
        "found": found,
        "property": found.main.model.property,
        "advice": found.advice,
        "sides": [(one, gain_of(one.model.card)) for one in found.sides],
        "heads": list(METRICS.values()),
        "ranked": [row for one in found.sides for row in _ranked(one, found.kind)],
        "kind": KIND_WORDS.get(found.kind or "", ""),
        "meaning": KIND_MEANINGS.get(found.kind or "", ""),
        "folds": [(one, KIND_WORDS[one], changed(query, folds=one, page=None)) for one in found.kinds],
        "mains": [(one.n, changed(query, main=one.n, page=None)) for one in found.sides],
        "pairs": [_shown(one) for one in found.pairs],
        "panels": [one for one in (_panel(found, pair) for pair in found.pairs) if one is not None],
        "rows": shown,
        "links": links,
        "open": "page" in query,
        "files": files,
    }


def _ranked(side: Side, kind: str | None) -> list[Ranked]:
    """Return the figures of a model and of its baselines. Older models have Spearman only."""
    rankings = (side.model.card["cross_validation"].get(kind) if kind else None) or {}
    rows = [(name, rankings[name]) for name in RANKINGS if name in rankings and name != "position_mean"]
    return [
        Ranked(side.n, RANKINGS[name], at == 0, [_figure(metrics, metric) for metric in METRICS])
        for at, (name, metrics) in enumerate(rows)
    ]


def _figure(metrics: dict[str, dict[str, float | None]], metric: str) -> tuple[str, str]:
    if metric not in metrics:
        return "not computed", ""
    figure = metrics[metric]
    if figure["value"] is None:
        return "not defined", ""
    interval = "" if figure["low"] is None else f"{number(figure['low'])} to {number(figure['high'])}"
    return number(figure["value"]), interval


def _shown(pair: Pair) -> Shown:
    """Return a pair in words."""
    if pair.found is None:
        return Shown(pair, [], "not compared", f"{pair.reason[:1].upper()}{pair.reason[1:]}.")
    differences = pair.found.differences
    figures = [("Squared error", *_difference(differences[SQUARED_ERROR], share))]
    figures += [(title, *_difference(differences[name], signed)) for name, title in METRICS.items()]
    headline, text = _said(pair, differences[SQUARED_ERROR], pair.found.verdict)
    return Shown(pair, figures, headline, text)


def _difference(one: Difference, words: Any) -> tuple[str, str]:
    figure = one.figure
    if figure.value is None:
        return "not defined", ""
    return words(figure.value), "" if figure.low is None else f"{words(figure.low)} to {words(figure.high)}"


def _said(pair: Pair, error: Difference, verdict: str) -> tuple[str, str]:
    if verdict in (BETTER, WORSE):
        good, bad = (pair.one, pair.other) if verdict == BETTER else (pair.other, pair.one)
        return (
            f"model {good} is better",
            f"It predicts held-out variants better than model {bad}, and ranks them better.",
        )
    if verdict == MIXED:
        return (
            "errors differ, the order does not follow",
            "The interval of the squared error excludes 0. Spearman does not agree.",
        )
    if pair.n < LEAST_SHOWN:
        few = f"Fewer than {LEAST_SHOWN} variants show nothing: both models predicted {pair.n}."
        return "no difference shown", few
    if error.figure.value is None:
        return "no difference shown", "The difference is not defined for these variants."
    if error.figure.low == error.figure.high == 0:
        return "no difference", "Both models predict the same."
    least = (
        ""
        if error.detectable is None
        else (
            f" With {pair.n:,} variants, the smallest difference of squared errors that can be shown is "
            f"{100 * error.detectable:.0f} %."
        )
    )
    return "no difference shown", f"The interval includes 0.{least}"


def _panel(found: Comparison, pair: Pair) -> Panel | None:
    """Return out-of-fold predictions of one model against those of the other."""
    if found.kind is None or pair.found is None:
        return None
    other = next(one for one in found.sides if one.n == pair.other)
    scale = Scale.of(found.main.model.property)
    codes = found.common(found.main, other)
    mine, theirs = found.main.predicted(found.kind), other.predicted(found.kind)
    return Panel.of(
        (f"out-of-fold prediction of model {pair.one}", f"that of model {pair.other}"),
        f"Model {pair.other} upwards, model {pair.one} to the right: {len(codes):,} variants, folds "
        f"{KIND_WORDS[found.kind]}.",
        [scale.back(mine[code]) for code in codes],
        [scale.back(theirs[code]) for code in codes],
    )
