"""Pages of rounds: the form of a proposal, and a round as plates and as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs.campaigns.datasheet import Cell, Line
from jobs.campaigns.forms import OBJECTIVES, proposal_body
from jobs.campaigns.plates import NUMBERS
from jobs.campaigns.proposing import proposal_create
from jobs.campaigns.rounds import round_body, round_step
from jobs.campaigns.selectors import campaign_of, round_of
from jobs.errors import ServiceError
from jobs.learning.proposing import STRATEGIES
from jobs.learning.wells import SIZES, well_named
from jobs.library.sharing import right_on
from jobs.models import Campaign, PropertyModel, Round
from jobs.models.states import WorkState
from jobs.web.access import needed, page, user_of
from jobs.web.links import paged
from jobs.web.refusals import Refusal

SHOWN = 50
"""Newest models that the form offers."""
STRATEGY_WORDS = {
    "greedy": "Greedy: the best by the ranking",
    "ucb": "Upper confidence bound: good or uncertain",
    "thompson": "Thompson: the best of a random draw of the model",
    "diverse": "Diverse: good, and unlike each other",
    "random": "Random",
}
POOLS = {
    "singles": "All single substitutions",
    "doubles": "Doubles of the ten best singles",
    "list": "The variants below",
    "combinations": "All combinations of the mutations below",
}
PICK_WORDS = {
    "chosen": "chosen",
    "random": "random",
    "retest": "re-test",
    "bridging": "bridging",
    "control": "control",
}
ROLE_WORDS = {"wild_type": "wild type", "dead": "dead control", "blank": "blank"}
DEFAULTS = {
    **{name: str(number) for name, number in NUMBERS.items()},
    **{"plate": "true", "strategy": "greedy", "pool": "singles", "seed": "0"},
}
FIRST = {"max_per_position": "2", "random": "8"}
"""Fields of a first round. A prior without measurements is often wrong about a whole position, and about the best."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def proposal_page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show the form of a proposal, or propose a round and show it."""
    campaign = campaign_of(user_of(request), campaign_id, needed(request))
    refusal, asked = None, _defaults(campaign)
    if request.method == "POST":
        try:
            made = proposal_create(campaign=campaign, by=user_of(request), data=proposal_body(request.POST))
            return redirect("campaign-round-page", campaign.pk, made.number)
        except ServiceError as error:
            refusal, asked = Refusal("propose", error), request.POST.dict()
    ready = PropertyModel.objects.filter(campaign=campaign, state=WorkState.DONE).select_related("property")
    context = {
        "campaign": campaign,
        "right": right_on(campaign, user_of(request)).name,
        "models": ready.defer("tables", "fits", "training").order_by("-number")[:SHOWN],
        "objectives": [(at, asked.get(f"model{at}", ""), asked.get(f"threshold{at}", "")) for at in _places()],
        "strategies": [(one, STRATEGY_WORDS[one]) for one in STRATEGIES],
        "pools": POOLS.items(),
        "asked": asked,
        "refusal": refusal,
    }
    status = refusal.error.status_code if refusal else 200
    return render(request, "jobs/campaigns/proposal.html", context, status=status)


def _places() -> range:
    return range(1, OBJECTIVES + 1)


def _defaults(campaign: Campaign) -> dict[str, str]:
    """Return the fields of a new proposal: the newest ready model ranks, and a first round is spread."""
    ready = PropertyModel.objects.filter(campaign=campaign, state=WorkState.DONE).order_by("-number")
    newest = ready.values_list("number", flat=True).first()
    first = {} if Round.objects.filter(campaign=campaign).exists() else FIRST
    return {**DEFAULTS, **first, "model1": "" if newest is None else str(newest)}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def round_page(request: HttpRequest, campaign_id: UUID, number: int) -> HttpResponse:
    """Show one round. A POST notes that it is ordered or measured."""
    campaign = campaign_of(user_of(request), campaign_id, needed(request))
    found = round_of(campaign, number)
    if request.method == "POST":
        state = request.POST.get("do", "")
        if state in ("ordered", "measured"):
            _step(request, found, state)
        return redirect("campaign-round-page", campaign.pk, number)
    context = {
        "right": right_on(campaign, user_of(request)).name,
        "base": reverse("campaign-page", args=[campaign.pk]),
        **round_context(request.GET, found),
    }
    return render(request, "jobs/campaigns/round.html", context)


def round_context(query: QueryDict, found: Round) -> dict[str, Any]:
    """Return what the page shows of a round, to members and by a public link."""
    body = round_body(found)
    rows, links = paged(query, body["rows"], anchor="#rows")
    picks = Counter(_picks(body["rows"]))
    return {
        "campaign": found.campaign,
        "round": body,
        "plates": plates_of(body["rows"]),
        "picks": [_counted(one, count) for one in PICK_WORDS if (count := picks[one])],
        "rows": rows,
        "links": links,
        "several": len(body["objectives"]) > 1,
        "unproven": any(one["ranks_by"] == "prior" for one in body["objectives"]),
        "codons": any(row.get("codons") for row in body["rows"]),
    }


def _step(request: HttpRequest, found: Round, state: str) -> None:
    try:
        round_step(found=found, state=state)
    except ServiceError as error:
        messages.add_message(request, messages.ERROR, error.sentence, "problem")
    else:
        messages.add_message(request, messages.SUCCESS, f"Round {found.number} is {state}.", "notice")


def _counted(pick: str, count: int) -> tuple[str, int]:
    """Return the word for so many wells of a pick, and their number."""
    plural = "s" if pick in ("retest", "control") and count != 1 else " variants" if pick == "bridging" else ""
    return PICK_WORDS[pick] + plural, count


def _picks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the pick of each row of the first plate, or of all rows if there is none."""
    first = next((row["plate"] for row in rows), None)
    return [row["pick"] for row in rows if row["plate"] == first]


def plates_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, range, list[Line]]]:
    """Return each plate with its columns and its wells as they are on it."""
    plates: dict[str, dict[tuple[int, int], Cell]] = defaultdict(dict)
    for row in rows:
        if row["well"] and (well := well_named(row["well"])):
            plates[row["plate"]][well.row, well.column] = _cell(row)
    return [(plate, *_grid(cells)) for plate, cells in plates.items()]


def _grid(cells: Mapping[tuple[int, int], Cell]) -> tuple[range, list[Line]]:
    rows, columns = SIZES[384]
    if all(row < SIZES[96][0] and column < SIZES[96][1] for row, column in cells):
        rows, columns = SIZES[96]
    lines = [
        Line(chr(ord("A") + row), tuple(cells.get((row, column), Cell()) for column in range(columns)))
        for row in range(rows)
    ]
    return range(1, columns + 1), lines


def _cell(row: Mapping[str, Any]) -> Cell:
    """Return a well: its variant, and in words what it is if it is not a chosen variant."""
    kind = ROLE_WORDS.get(row["role"]) or PICK_WORDS.get(row["pick"], row["pick"])
    named = row["variant"] if row["role"] not in ("wild_type", "blank") else None
    lines = [one for one in (named, kind if kind != "chosen" else None) if one]
    return Cell(tuple(lines), f"pick-{row['pick']}", role=row["role"])
