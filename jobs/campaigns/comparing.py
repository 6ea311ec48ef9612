"""Models of one property side by side: paired differences on common held-out variants, and what should rank next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jobs.campaigns.selectors import Scale, numbering_of_campaign, variants_of
from jobs.campaigns.training import HELD_OUT
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.learning.comparing import BETTER, HeldOut, Paired, paired, too_few
from jobs.learning.folds import KINDS, folds_of
from jobs.learning.samples import Whole
from jobs.models import Campaign, PropertyModel
from jobs.models.states import WorkState
from jobs.web.turns import READING

MOST = 6
"""Models that are compared at once."""


@dataclass
class Side:
    """A ready model among those that are compared."""

    model: PropertyModel

    @property
    def n(self) -> int:
        return self.model.number

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of folds with held-out predictions, none if nothing was learnt."""
        stored = self.model.fits.get(HELD_OUT) or {}
        return [one for one in KINDS if one in stored]

    @cached_property
    def measured(self) -> dict[str, float]:
        """Return the value of each variant of the training set, in the unit of the property."""
        return {row[0]: row[1] for row in self.model.training}

    def predicted(self, kind: str) -> dict[str, float]:
        """Return the out-of-fold predictions of a kind, in the unit of the model. Untested variants are left out."""
        held = (self.model.fits.get(HELD_OUT) or {}).get(kind) or []
        return {code: one for code, one in zip(self.measured, held, strict=False) if one is not None}

    def folds(self, kind: str) -> dict[str, int]:
        """Return the fold that tests each variant. The seed of the model makes the same folds again."""
        codes = list(self.measured)
        rounds = [row[4] for row in self.model.training]
        found: Whole = np.full(len(codes), -1, dtype=np.int64)
        made = folds_of(kind, variants_of(codes, self.model.campaign.parent), rounds, seed=self.model.seed)
        for at, split in enumerate(made.splits):
            found[split.test] = at
        return dict(zip(codes, found.tolist(), strict=True))

    @property
    def ranks(self) -> bool:
        """Whether the model itself ranks, and not its prior."""
        return bool(self.model.card["ranks_by"] == "model" and self.model.card["method"])

    @property
    def shown(self) -> bool:
        """Whether it ranks because it has shown a gain. Without a prior there is nothing to gain on."""
        return self.ranks and self.model.card["prior"]["used"] != "none"


@dataclass(frozen=True, slots=True)
class Pair:
    """One model against another. Without `found`, `reason` says why they are not compared.

    `changed` counts common variants whose value was another one when the older model was made.
    """

    one: int
    other: int
    n: int
    changed: int
    reason: str
    found: Paired | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What should rank the next plate: the number of a model, whether it or its prior ranks, and why."""

    model: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A variant with its newest value, and what each model predicted out of fold; None for what it did not test."""

    variant: str
    measured: float
    predicted: list[tuple[int, float | None]]
    """Number of each model, and its prediction."""


@dataclass
class Comparison:
    """Ready models of one property, newest first. The model `main` is compared with each other one, by `kind`.

    `reader` is the id of the user who asks.
    """

    campaign: Campaign
    sides: list[Side]
    main: Side
    kind: str | None
    reader: int
    _pairs: dict[tuple[int, int], Pair] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """Return the kinds of folds that at least two models have."""
        return _kinds_of_two(self.sides)

    @property
    def pairs(self) -> list[Pair]:
        """Return the main model against each other one."""
        return [self.pair(self.main, one) for one in self.sides if one is not self.main]

    def pair(self, one: Side, other: Side) -> Pair:
        """Return one model against another, computed once."""
        key = one.n, other.n
        if key not in self._pairs:
            self._pairs[key] = self._paired(one, other)
        return self._pairs[key]

    def common(self, one: Side, other: Side) -> list[str]:
        """Return the codes of the variants that both predicted out of fold, in the order of the one."""
        if self.kind is None:
            return []
        theirs = other.predicted(self.kind)
        return [code for code in one.predicted(self.kind) if code in theirs]

    def _paired(self, one: Side, other: Side) -> Pair:
        if reason := self._incomparable(one, other):
            return Pair(one.n, other.n, 0, 0, reason, None)
        kind = self.kind or ""
        codes = self.common(one, other)
        newer = max(one, other, key=lambda side: side.n)
        changed = sum(one.measured[code] != other.measured[code] for code in codes)
        if reason := too_few(len(codes), one=one.n, other=other.n):
            return Pair(one.n, other.n, len(codes), changed, reason, None)
        scale = Scale.of(newer.model.property)
        measured = np.array([scale.forward(newer.measured[code]) for code in codes])
        held = []
        for side in (one, other):
            predicted, fold = side.predicted(kind), side.folds(kind)
            held.append(HeldOut(np.array([predicted[at] for at in codes]), np.array([fold[at] for at in codes])))
        with READING.turn(self.reader):
            found = paired(variants_of(codes, self.campaign.parent), measured, *held)
        return Pair(one.n, other.n, len(codes), changed, "", found)

    def _incomparable(self, one: Side, other: Side) -> str:
        for side in (one, other):
            if not side.kinds:
                return f"model {side.n} has no held-out predictions: it had too little to learn from"
        if self.kind is None:
            return f"models {one.n} and {other.n} have no kind of folds in common"
        missing = next((side.n for side in (one, other) if self.kind not in side.kinds), None)
        return "" if missing is None else f"model {missing} has no folds of the kind {self.kind}"

    @cached_property
    def advice(self) -> Advice:
        """Return what should rank: the newest model with a gain, unless another one is shown to be better."""
        ranking = [one for one in self.sides if one.ranks]
        if not ranking:
            why = "No chosen model has shown a gain over its prior, so each of them ranks by its prior."
            priors = {one.model.card["prior"]["used"] for one in self.sides}
            if len(priors) > 1:
                why += " Their priors differ: compare the figures of the priors."
            return Advice(self.sides[0].n, "prior", why)
        best = next((one for one in ranking if one.shown), ranking[0])
        beaten = None
        for one in ranking:
            found = None if one is best else self.pair(one, best).found
            if found is not None and found.verdict == BETTER:
                best, beaten = one, best
        if beaten is not None:
            why = (
                f"It predicts held-out variants better than model {beaten.n}, and ranks them better "
                f"(kind of folds: {self.kind})."
            )
        elif not best.shown:
            why = "It has no prior, so it ranks by measurements alone. No chosen model has shown a gain over a prior."
        elif len(ranking) == 1:
            why = "It is the only chosen model with a gain over its prior."
        else:
            why = "It is the newest with a gain over its prior, and no other one is shown to be better."
        return Advice(best.n, "model", why)

    def rows(self) -> list[HeldRow]:
        """Return every variant that a model predicted out of fold, with numbers in the unit of the property."""
        kind = self.kind
        if kind is None:
            return []
        scale, numbering = Scale.of(self.sides[0].model.property), numbering_of_campaign(self.campaign)
        columns = [one.predicted(kind) for one in self.sides]
        newest: dict[str, float] = {}
        for side in self.sides:
            newest = {**side.measured, **newest}
        codes = [code for code in newest if any(code in column for column in columns)]
        return [
            HeldRow(
                variant.code(numbering),
                newest[code],
                [
                    (side.n, scale.back(column[code]) if code in column else None)
                    for side, column in zip(self.sides, columns, strict=True)
                ],
            )
            for code, variant in zip(codes, variants_of(codes, self.campaign.parent), strict=True)
        ]


def ready_models(campaign: Campaign) -> list[PropertyModel]:
    """Return the ready models without what is large, newest first."""
    rows = PropertyModel.objects.filter(campaign=campaign, state=WorkState.DONE).select_related("property")
    return list(rows.defer("tables", "fits", "training").order_by("-number"))


def newest_of_each_kind(models: Sequence[PropertyModel]) -> list[int]:
    """Return the numbers of what is compared unless something is chosen. `models` are newest first.

    They are the newest models of each pair of prior and features, of the property that was learnt last. If there is
    only one such pair, its two newest models.
    """
    same = [one for one in models if one.property_id == models[0].property_id] if models else []
    newest: dict[tuple[str, str], int] = {}
    for one in same:
        newest.setdefault((one.card["prior"]["used"], one.card["features"]["used"]), one.number)
    chosen = list(newest.values()) if len(newest) > 1 else [one.number for one in same[:2]]
    return chosen[:MOST]


def comparison_of(campaign: Campaign, *, by: int, models: str = "", main: str = "", folds: str = "") -> Comparison:
    """Return the comparison of models, given by their numbers such as `1,2`; else of the newest of each kind.

    The user whose id is `by` waits for a turn to compute. `main` is the number of one of them, else the newest.
    Raises InvalidInput `bad_models`, NotFound, Conflict `model_not_ready` and `too_few_models`.
    """
    numbers = _numbers(models) if models.strip() else newest_of_each_kind(ready_models(campaign))
    if len(numbers) < 2 and not models.strip():
        detail = "a comparison takes two ready models of one property, and the campaign has fewer"
        raise Conflict(detail, code="too_few_models")
    if not 2 <= len(numbers) <= MOST:
        remedy = f"Give the numbers of 2 to {MOST} models, such as 1,2."
        raise InvalidInput.one("bad_models", f"models names {len(numbers)} models", remedy, path="models")
    rows = (
        PropertyModel.objects.filter(campaign=campaign, number__in=numbers).defer("tables").select_related("property")
    )
    found = list(rows.order_by("-number"))
    if missing := sorted(set(numbers) - {one.number for one in found}):
        raise NotFound(f"the campaign has no model {missing[0]}")
    for one in found:
        one.campaign = campaign
        if one.state != WorkState.DONE:
            state = "failed" if one.state == WorkState.FAILED else "not ready yet"
            raise Conflict(f"the model {one.number} is {state}", code="model_not_ready")
    _check_property(found)
    sides = [Side(one) for one in found]
    kinds = _kinds_of_two(sides)
    if folds and folds not in KINDS:
        raise InvalidInput.one(
            "bad_choice", f"folds is {folds[:40]!r}", f"Choose from {', '.join(KINDS)}.", path="folds"
        )
    every = [one for one in kinds if all(one in side.kinds for side in sides if side.kinds)]
    kind = folds or next(iter(every or kinds), None)
    return Comparison(campaign, sides, _main(sides, main), kind, by)


def _kinds_of_two(sides: Sequence[Side]) -> list[str]:
    return [one for one in KINDS if sum(one in side.kinds for side in sides) > 1]


def _numbers(text: str) -> list[int]:
    parts = [one.strip() for one in text.split(",") if one.strip()]
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in parts):
        raise InvalidInput.one("bad_models", f"models is {text[:60]!r}", "Give numbers such as 1,2.", path="models")
    return list(dict.fromkeys(int(one) for one in parts))


def _main(sides: Sequence[Side], text: str) -> Side:
    if not text:
        return sides[0]
    for one in sides:
        if str(one.n) == text.strip():
            return one
    remedy = f"Choose one of the compared models: {', '.join(str(one.n) for one in sides)}."
    raise InvalidInput.one("bad_models", f"main is {text[:40]!r}", remedy, path="main")


def _check_property(found: Sequence[PropertyModel]) -> None:
    """Raise InvalidInput if the models are of several properties."""
    first = found[0]
    for one in found[1:]:
        if one.property_id != first.property_id:
            what = (
                f"model {first.number} is of {first.property.name[:40]}, and model {one.number} of "
                f"{one.property.name[:40]}: other measurements are not compared"
            )
            raise InvalidInput.one("bad_models", what, "Choose models of one property.", path="models")
