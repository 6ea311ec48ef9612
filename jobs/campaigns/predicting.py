"""Predictions of a ready model, within a request. `jobs.campaigns.prediction_files` computes large ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from jobs.campaigns.asked import finite
from jobs.campaigns.selections import Selection
from jobs.campaigns.selectors import Scale, numbering_of_campaign
from jobs.campaigns.training import ready_of
from jobs.errors import Conflict
from jobs.learning.fitted import Ready
from jobs.learning.priors import Tables
from jobs.learning.samples import Floats, Rows, Whole, mutations_of
from jobs.models import PropertyModel
from jobs.models.states import WorkState
from jobs.science.variants.codes import Mutation, Variant, read_variant

Numbers = tuple[float | None, float | None, float | None]
"""Mean and interval of a variant in the unit of the property; None for what is not known."""


@dataclass(frozen=True, slots=True)
class Values:
    """What a model says of some variants, each [n] in the unit of the model. NaN and infinity for what is not known."""

    mean: Floats
    low: Floats
    high: Floats
    prior: Floats

    @classmethod
    def empty(cls, count: int) -> Values:
        return cls(*(np.full(count, np.nan) for _ in range(4)))

    def put(self, start: int, other: Values) -> None:
        """Copy the values of a block to the places from `start`."""
        end = start + len(other.mean)
        for name in ("mean", "low", "high", "prior"):
            getattr(self, name)[start:end] = getattr(other, name)

    def order(self, *, by_model: bool) -> Whole:
        """Return the numbers of the variants, best first. Equal ones stay in their order."""
        return np.argsort(-(self.mean if by_model else self.prior), kind="stable")

    def shown(self, at: int, scale: Scale) -> Numbers:
        """Return mean and interval of one variant in the unit of the property."""
        mean, low, high = float(self.mean[at]), float(self.low[at]), float(self.high[at])
        if np.isnan(mean):
            return None, None, None
        ends = scale.interval(low, high) if np.isfinite(low) and np.isfinite(high) else (None, None)
        return finite(scale.back(mean)), finite(ends[0]), finite(ends[1])


@dataclass
class Predictor:
    """A ready model of a campaign. Restoring it takes a moment, and so is done once."""

    model: PropertyModel

    def __post_init__(self) -> None:
        if self.model.state != WorkState.DONE:
            state = "failed" if self.model.state == WorkState.FAILED else "not ready yet"
            raise Conflict(f"the model {self.model.number} is {state}", code="model_not_ready")

    @cached_property
    def tables(self) -> Tables:
        return Tables.unpacked(bytes(self.model.tables), self.model.campaign.parent)

    @cached_property
    def ready(self) -> Ready | None:
        return ready_of(self.model, self.tables)

    @property
    def scale(self) -> Scale:
        return Scale.of(self.model.property)

    @property
    def ranks_by_model(self) -> bool:
        return self.ready is not None and self.model.card["ranks_by"] == "model"

    @property
    def ranks_by(self) -> str:
        return "model" if self.ranks_by_model else "prior"

    @cached_property
    def _known(self) -> list[Mutation]:
        codes = [row[0] for row in self.model.training if row[0] != "WT"]
        return mutations_of([read_variant(code, self.model.campaign.parent) for code in codes])

    def rows(self, variants: Sequence[Variant]) -> Rows:
        return self.tables.rows(variants, self.model.card["features"]["used"], self._known)

    def means(self, rows: Rows) -> tuple[Floats, Floats] | None:
        """Return mean and standard deviation in the unit of the model, or None if nothing was learnt."""
        return None if self.ready is None or not len(rows) else self.ready.means(rows)

    def values(self, variants: Sequence[Variant]) -> Values:
        """Return what the model says of variants."""
        rows = self.rows(variants)
        if self.ready is None or not len(rows):
            unknown = np.full(len(rows), np.nan)
            return Values(unknown, unknown, unknown, rows.prior)
        return Values(self.ready.whole.predict(rows), *self.ready.around(rows), rows.prior)

    def ranking(self, variants: Sequence[Variant]) -> tuple[Floats, Floats]:
        """Return what ranks variants, in the unit of the model, and their prior. Intervals take six times as long."""
        rows = self.rows(variants)
        if self.ready is None or not self.ranks_by_model or not len(rows):
            return rows.prior, rows.prior
        return self.ready.whole.predict(rows), rows.prior

    def chances(self, rows: Rows, threshold: float) -> Floats | None:
        """Return the probability [n] of a measurement from the threshold on, both in the unit of the model."""
        return None if self.ready is None or not len(rows) else self.ready.chances(rows, threshold)

    def possible(self, variants: Sequence[Variant], draws: int) -> Iterator[Floats] | None:
        """Return draws of measurements [n] in the unit of the model."""
        return None if self.ready is None else self.ready.possible(self.rows(variants), draws, seed=0)

    def shown(self, variants: Sequence[Variant]) -> list[dict[str, float | None]]:
        """Return mean and interval of variants in the unit of the property; None for what is not known."""
        values, scale = self.values(variants), self.scale
        return [dict(zip(("mean", "low", "high"), values.shown(at, scale), strict=True)) for at in range(len(variants))]


def predictions(model: PropertyModel, selection: Selection) -> dict[str, Any]:
    """Return the rows of a request, in its order, and who ranks them. Raises Conflict."""
    predictor = Predictor(model)
    variants = selection.take(range(len(selection)))
    values, scale = predictor.values(variants), predictor.scale
    rank = np.empty(len(variants), dtype=int)
    rank[values.order(by_model=predictor.ranks_by_model)] = np.arange(1, len(variants) + 1)
    numbering = numbering_of_campaign(model.campaign)
    found = []
    for at, one in enumerate(variants):
        mean, low, high = values.shown(at, scale)
        row = {"variant": one.code(numbering), "mean": mean, "low": low, "high": high}
        found.append({**row, "prior": finite(float(values.prior[at])), "rank": int(rank[at])})
    return {"n": model.number, "digest": model.digest, "ranks_by": predictor.ranks_by, "rows": found}
