"""Proposals: the variants of the next round, their wells, and why each is there. What is proposed never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from jobs.campaigns.asked import MAX_SEED, choice, finite, number, whole_number, wrong
from jobs.campaigns.plates import asked_plate
from jobs.campaigns.predicting import Predictor
from jobs.campaigns.selections import combinations_of, read_list
from jobs.campaigns.selectors import WT, model_of, numbering_of_campaign, variants_of
from jobs.campaigns.services import excluded_of
from jobs.errors import Conflict
from jobs.learning.composing import Content, Plan, placed, variant_content
from jobs.learning.dna import DEFAULT_HOST, changes_of, coding_sequence
from jobs.learning.kernels import similarity
from jobs.learning.normalising import BLANK, DEAD, VARIANT
from jobs.learning.proposing import DRAWS, STRATEGIES, Expected, Limits, Objective, Pick, expected, propose
from jobs.learning.samples import Floats
from jobs.models import Campaign, Round
from jobs.parsing.bodies import only_fields
from jobs.quotas.admission import quota_admit_bytes
from jobs.science.variants.codes import Variant, single_variants
from jobs.science.variants.numbering import Numbering

FIELDS = ("objectives", "count", "strategy", "pool", "plate", "max_per_position", "mutations", "exclude", "seed")
MOST_OBJECTIVES, MOST_ROUNDS, MOST_COUNT = 10, 500, 10_000
BEST, PARTNERS = 10, 100
"""The pool `doubles` pairs each of the BEST singles with the PARTNERS best ones."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective of a request: a ready model, and the threshold of a hit in the unit of the property."""

    predictor: Predictor
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A variant of a round, how it was picked, and the value that chose it."""

    variant: Variant
    pick: str
    reason: str
    acquisition: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """How variants are chosen, and how many; `random_share` random ones come on top."""

    strategy: str
    limits: Limits
    count: int
    random_share: int
    seed: int


def proposal_create(*, campaign: Campaign, by: User, data: Mapping[str, Any]) -> Round:
    """Propose a round and freeze it; its bytes count for `by`. The same request, data and seed give the same bytes.

    Raises InvalidInput, NotFound, Conflict `model_not_ready`, `nothing_to_propose`.
    """
    only_fields(data, FIELDS)
    goals = _goals(campaign, data.get("objectives"))
    strategy = choice(data, "strategy", STRATEGIES, "greedy")
    seed = whole_number(data, "seed", 0, low=0, high=MAX_SEED)
    plan, dead = asked_plate(campaign, data.get("plate"))
    most = plan.new if plan is not None else MOST_COUNT
    count = min(whole_number(data, "count", None if plan is None else most, low=0, high=MOST_COUNT), most)
    limits = _limits(campaign, data)
    measured = _measured(goals)
    pool = _pool(campaign, data.get("pool"), goals[0], measured)
    taken = {*measured, *_under_way(campaign), Variant(), *([dead] if dead is not None else [])}
    candidates = [one for one in dict.fromkeys(pool) if one not in taken]
    share = plan.random if plan is not None else 0
    asked = Asked(strategy, limits, count=count, random_share=share, seed=seed)
    picked, chosen, outlook = _choose(goals, candidates, asked)
    chosen = [*chosen, *_again({one: value for one, value in measured.items() if one != dead}, plan)]
    if not chosen:
        raise Conflict("no variant is left under these limits; widen them", code="nothing_to_propose")
    rows = _rows(campaign, goals, chosen)
    if plan is not None:
        rows = _wells(campaign, plan, rows, dead=dead, seed=seed)
    frozen = _frozen(goals, rows, _outlook(outlook, picked, goals, candidates), data)
    return _stored(campaign, by, frozen)


def _goals(campaign: Campaign, raw: object) -> list[Goal]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_OBJECTIVES:
        remedy = 'Give [{"model": 1}]. A model needs no measurements: without them it ranks by its prior.'
        raise wrong("objectives", raw, remedy, code="bad_objectives")
    found = []
    for at, one in enumerate(raw):
        path = f"objectives.{at}"
        if not isinstance(one, dict):
            raise wrong(path, one, 'Give {"model": 1, "threshold": 1.5}.', code="bad_objectives")
        only_fields(one, ("model", "threshold"))
        n = whole_number(one, "model", None, low=1, high=2**31 - 1, prefix=f"{path}.")
        model, threshold = model_of(campaign, n), number(one.get("threshold"), f"{path}.threshold")
        found.append(Goal(Predictor(model), model.property.threshold if threshold is None else threshold))
    return found


def _limits(campaign: Campaign, data: Mapping[str, Any]) -> Limits:
    numbering = numbering_of_campaign(campaign)
    _, more = excluded_of(data.get("exclude"), numbering, len(campaign.parent))
    mutations = data.get("mutations")
    low, high = 1, len(campaign.parent)
    if mutations is not None:
        good = isinstance(mutations, list) and len(mutations) == 2 and all(type(one) is int for one in mutations)
        if not good or not 1 <= mutations[0] <= mutations[1] <= 10_000:
            raise wrong("mutations", mutations, "Give the fewest and the most, such as [1, 2].", code="bad_value")
        low, high = mutations
    most = data.get("max_per_position")
    if most is not None:
        most = whole_number(data, "max_per_position", None, low=1, high=MOST_COUNT)
    return Limits(most, (low, high), frozenset({*campaign.excluded, *more}))


def _measured(goals: Sequence[Goal]) -> dict[Variant, float]:
    """Return the measured variants and their value for the first objective, higher for better ones.

    Those that only another objective has are there too, with minus infinity.
    """
    found: dict[Variant, float] = {}
    for at, goal in enumerate(goals):
        model = goal.predictor.model
        variants = variants_of([row[0] for row in model.training], model.campaign.parent)
        for variant, row in zip(variants, model.training, strict=True):
            value = goal.predictor.scale.forward(row[1]) if at == 0 else -np.inf
            found.setdefault(variant, float(value))
    found.pop(Variant(), None)
    return found


def _under_way(campaign: Campaign) -> set[Variant]:
    """Return the variants of rounds that are ordered or measured."""
    codes: set[str] = set()
    texts = Round.objects.filter(campaign=campaign).exclude(state="proposed").values_list("frozen", flat=True)
    for frozen in texts.iterator(chunk_size=1):  # one of them may have ten thousand rows
        codes |= {row["sequential"] for row in orjson.loads(frozen)["rows"] if row["role"] == VARIANT}
    return set(variants_of(sorted(codes), campaign.parent))


def _pool(campaign: Campaign, raw: object, goal: Goal, measured: Mapping[Variant, float]) -> list[Variant]:
    if raw is None or raw == "singles":
        return single_variants(campaign.parent)
    if raw == "doubles":
        return _doubles(campaign, goal, measured)
    if isinstance(raw, list):
        return read_list(campaign, raw, "pool")
    if isinstance(raw, dict):
        only_fields(raw, ("variants", "combinations"))
        if raw.get("combinations") is not None:
            return combinations_of(campaign, raw["combinations"], "pool.combinations")
        return read_list(campaign, raw.get("variants"), "pool.variants")
    remedy = 'Give "singles", "doubles", a list of variants, or {"combinations": ["A24T", "G56D"]}.'
    raise wrong("pool", raw, remedy, code="bad_pool")


def _doubles(campaign: Campaign, goal: Goal, measured: Mapping[Variant, float]) -> list[Variant]:
    """Return the pairs of one of the best singles with the best partners, at another position.

    The best are those measured best, or those predicted best before there are so many.
    """
    excluded = frozenset(campaign.excluded)
    singles = [one for one in single_variants(campaign.parent) if one.mutations[0].position not in excluded]
    value = dict(zip(singles, _promise(goal, singles), strict=True))
    ranked = sorted(singles, key=lambda one: -value[one])
    known = sorted((one for one in measured if one in value), key=lambda one: -measured[one])
    best = known[:BEST] if len(known) >= BEST else ranked[:BEST]
    partners = list(dict.fromkeys([*best, *ranked[:PARTNERS]]))
    found: dict[Variant, None] = {}
    for first in best:
        for second in partners:
            (a,), (b,) = first.mutations, second.mutations
            if a.position != b.position:
                found[Variant((min(a, b), max(a, b)))] = None
    return list(found)


def _promise(goal: Goal, variants: Sequence[Variant]) -> Floats:
    rows = goal.predictor.rows(variants)
    learnt = goal.predictor.means(rows) if goal.predictor.ranks_by_model else None
    return rows.prior if learnt is None else learnt[0]


def _choose(
    goals: Sequence[Goal], candidates: list[Variant], asked: Asked
) -> tuple[list[Pick], list[Chosen], list[Objective] | None]:
    """Return the picks, as variants too, and the objectives if every model has learnt something."""
    if not candidates:
        return [], [], None
    objectives, learnt = [], True
    for goal in goals:
        rows = goal.predictor.rows(candidates)
        found = goal.predictor.means(rows)
        if found is None:
            learnt = False
            objectives.append(Objective(rows.prior, np.ones(len(rows))))
            continue
        threshold = None if goal.threshold is None else goal.predictor.scale.forward(goal.threshold)
        odds = None if threshold is None else goal.predictor.chances(rows, threshold)
        objectives.append(Objective(*found, threshold, odds))
    by_model = all(goal.predictor.ranks_by_model for goal in goals)
    ranking = None if by_model else goals[0].predictor.rows(candidates).prior
    picks = propose(
        candidates,
        objectives,
        count=asked.count,
        strategy=asked.strategy,
        limits=asked.limits,
        seed=asked.seed,
        ranking=ranking,
        similarity=lambda found: similarity(found, goals[0].predictor.rows(found).sites),
        random_share=asked.random_share,
    )
    chosen = [
        Chosen(
            candidates[one.at], "random" if one.reason.startswith("random") else "chosen", one.reason, one.acquisition
        )
        for one in picks
    ]
    return picks, chosen, objectives if learnt else None


def _again(measured: Mapping[Variant, float], plan: Plan | None) -> list[Chosen]:
    """Return re-tests of the best measured variants, and bridging variants spread over the measured range."""
    if plan is None:
        return []
    order = sorted(
        (one for one in measured if np.isfinite(measured[one])), key=lambda one: (-measured[one], one.code())
    )
    retests = order[: plan.retests]
    rest = order[plan.retests :]
    steps = np.linspace(0, len(rest) - 1, min(plan.bridging, len(rest))).round() if rest else np.zeros(0)
    bridges = [rest[at] for at in dict.fromkeys(int(one) for one in steps)]
    return [
        *(Chosen(one, "retest", "re-test of a measured winner") for one in retests),
        *(Chosen(one, "bridging", "bridging variant: measured before, it connects the plates") for one in bridges),
    ]


def _outlook(
    objectives: list[Objective] | None, picks: list[Pick], goals: Sequence[Goal], candidates: Sequence[Variant]
) -> dict[str, float | None] | None:
    """Return what the picks are expected to bring, or None if nothing was learnt or no threshold is set."""
    if objectives is None or not picks or all(goal.threshold is None for goal in goals):
        return None
    first = goals[0].predictor
    possible = first.possible([candidates[one.at] for one in picks], DRAWS)
    found: Expected = expected(objectives, picks, seed=0, possible=possible)
    return {
        "hits": finite(found.hits),
        "chance_of_one": finite(found.chance_of_one),
        "maximum": finite(first.scale.back(found.maximum)),
    }


def _frozen(
    goals: Sequence[Goal],
    rows: Sequence[Mapping[str, Any]],
    outlook: Mapping[str, float | None] | None,
    data: Mapping[str, Any],
) -> str:
    """Return the JSON text of a round."""
    told = {
        "asked": dict(data),
        "objectives": [
            {
                "model": goal.predictor.model.number,
                "property": goal.predictor.model.property.name,
                "digest": goal.predictor.model.digest,
                "ranks_by": "model" if goal.predictor.ranks_by_model else "prior",
                "threshold": goal.threshold,
            }
            for goal in goals
        ],
        "expected": outlook,
        "rows": rows,
    }
    return orjson.dumps(told).decode()


def _rows(campaign: Campaign, goals: Sequence[Goal], chosen: Sequence[Chosen]) -> list[dict[str, Any]]:
    """Return a row without a well for each variant."""
    variants = [one.variant for one in chosen]
    numbering = numbering_of_campaign(campaign)
    shown = [goal.predictor.shown(variants) for goal in goals]
    prior = goals[0].predictor.rows(variants).prior
    rows = []
    for at, one in enumerate(chosen):
        row = {
            "plate": None,
            "well": None,
            "role": VARIANT,
            "pick": one.pick,
            **_named(campaign, one.variant, numbering),
            **shown[0][at],
            "prior": finite(float(prior[at])),
            "acquisition": finite(one.acquisition),
            "reason": one.reason,
            "model_digest": goals[0].predictor.model.digest,
        }
        if len(goals) > 1:
            row["objectives"] = [{"model": goal.predictor.model.number, **shown[n][at]} for n, goal in enumerate(goals)]
        rows.append(row)
    return rows


def _named(campaign: Campaign, variant: Variant, numbering: Numbering) -> dict[str, Any]:
    """Return the code in both numberings, and the codons that change."""
    host, cds = campaign.host or DEFAULT_HOST, campaign.cds
    if not cds and campaign.host:
        cds = coding_sequence(campaign.parent, host)
    codons = [f"{one.position}:{one.old}>{one.new}" for one in changes_of(variant, cds, host)] if cds else None
    return {"variant": variant.code(numbering), "sequential": variant.code(), "codons": codons}


def _wells(
    campaign: Campaign, plan: Plan, rows: Sequence[Mapping[str, Any]], *, dead: Variant | None, seed: int
) -> list[dict[str, Any]]:
    """Return a row for each well of each plate."""
    contents = [variant_content(row["sequential"], row["reason"]) for row in rows]
    by_code = {row["sequential"]: row for row in rows}
    empty = {**dict.fromkeys(rows[0]), "model_digest": rows[0]["model_digest"]}
    numbering = numbering_of_campaign(campaign)
    controls = {
        WT: {"variant": WT, "sequential": WT},
        DEAD: {"variant": None, "sequential": None} if dead is None else _named(campaign, dead, numbering),
        BLANK: {"variant": None, "sequential": None},
    }

    def row(content: Content) -> Mapping[str, Any]:
        if content.role == VARIANT:
            return by_code[content.code]
        named = controls[WT if content.role not in (DEAD, BLANK) else content.role]
        return {**empty, **named, "role": content.role, "pick": "control", "reason": content.reason}

    wells = placed(plan, contents, dead=dead.code() if dead else "dead", seed=seed % 2**31)
    return [{**row(one.content), "plate": str(one.plate), "well": one.well} for one in wells]


def _stored(campaign: Campaign, by: User, frozen: str) -> Round:
    digest = hashlib.sha256(frozen.encode()).hexdigest()
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        quota_admit_bytes(user_id=by.pk, size=len(frozen))
        last = Round.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
        if last >= MOST_ROUNDS:
            raise Conflict(f"a campaign has at most {MOST_ROUNDS} rounds", code="too_many_rounds")
        made = Round.objects.create(
            campaign=campaign, number=last + 1, frozen=frozen, digest=digest, added_by_id=campaign.added_by(by.pk)
        )
    made.refresh_from_db()
    return made
