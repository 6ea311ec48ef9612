"""Predictions of a ready model: variants, all single ones, or all combinations of chosen mutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np

from jobs.campaigns.asked import finite, wrong
from jobs.campaigns.selectors import Scale, numbering_of_campaign
from jobs.campaigns.training import ready_of
from jobs.errors import Conflict, InvalidInput, Problem, Problems, TooLarge
from jobs.learning.fitted import Ready
from jobs.learning.priors import Tables
from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.models import Campaign, PropertyModel
from jobs.models.states import WorkState
from jobs.parsing.bodies import only_fields
from jobs.science.variants.codes import Mutation, Variant, read_variant, single_variants

FIELDS = ("variants", "all_singles", "combinations")
MOST = 20_000
"""Variants of one request."""


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

    @cached_property
    def _known(self) -> list[Mutation]:
        codes = [row[0] for row in self.model.training if row[0] != "WT"]
        return mutations_of([read_variant(code, self.model.campaign.parent) for code in codes])

    def rows(self, variants: Sequence[Variant]) -> Rows:
        return self.tables.rows(variants, self.model.card["features"]["used"], self._known)

    def means(self, rows: Rows) -> tuple[Floats, Floats] | None:
        """Return mean and standard deviation in the unit of the model, or None if nothing was learnt."""
        return None if self.ready is None or not len(rows) else self.ready.means(rows)

    def shown(self, variants: Sequence[Variant]) -> list[dict[str, float | None]]:
        """Return mean and interval of variants in the unit of the property; None for what is not known."""
        rows = self.rows(variants)
        if (found := self.means(rows)) is None or self.ready is None:
            return [{"mean": None, "low": None, "high": None} for _ in variants]
        shown = []
        for mean, low, high in zip(found[0], *self.ready.around(rows), strict=True):
            ends = self.scale.interval(low, high) if np.isfinite(low) and np.isfinite(high) else (None, None)
            shown.append({"mean": finite(self.scale.back(mean)), "low": finite(ends[0]), "high": finite(ends[1])})
        return shown


def predictions(campaign: Campaign, model: PropertyModel, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of a request, in its order, and who ranks them. Raises InvalidInput, TooLarge, Conflict."""
    variants = asked_variants(campaign, data)
    predictor = Predictor(model)
    rows = predictor.rows(variants)
    learnt = predictor.means(rows)
    order = learnt[0] if learnt is not None and predictor.ranks_by_model else rows.prior
    rank = np.empty(len(rows), dtype=int)
    rank[np.argsort(-order, kind="stable")] = np.arange(1, len(rows) + 1)
    numbering = numbering_of_campaign(campaign)
    found = [
        {"variant": one.code(numbering), **shown, "prior": finite(float(prior)), "rank": int(place)}
        for one, shown, prior, place in zip(variants, predictor.shown(variants), rows.prior, rank, strict=True)
    ]
    return {
        "n": model.number,
        "digest": model.digest,
        "ranks_by": "model" if predictor.ranks_by_model else "prior",
        "rows": found,
    }


def asked_variants(campaign: Campaign, data: Mapping[str, Any]) -> list[Variant]:
    """Return the variants that a body asks for: exactly one of its fields. Raises InvalidInput, TooLarge."""
    only_fields(data, FIELDS)
    given = [name for name in FIELDS if data.get(name) not in (None, False)]
    if len(given) != 1:
        what = f"{len(given)} of variants, all_singles and combinations are given"
        raise InvalidInput.one("bad_choice", what, "Give exactly one of them.", path=given[0] if given else FIELDS[0])
    if given == ["all_singles"]:
        if data["all_singles"] is not True:
            raise wrong("all_singles", data["all_singles"], "Give true, or leave it out.")
        singles = single_variants(campaign.parent)
        _check_count(len(singles), "all_singles")
        return singles
    if given == ["combinations"]:
        return combinations_of(campaign, data["combinations"], "combinations")
    return read_list(campaign, data["variants"], "variants")


def _check_count(count: int, path: str) -> None:
    if count > MOST:
        what = f"these are {count:,} variants, and a request takes {MOST:,}"
        raise TooLarge.of(Problem("too_many_variants", what, "Ask in several requests.", path=path))


def read_list(campaign: Campaign, raw: object, path: str) -> list[Variant]:
    """Return variants in the campaign's numbering. Raises InvalidInput with each that cannot be read."""
    if not isinstance(raw, list) or not raw:
        raise wrong(path, raw, 'Give a list such as ["A24T", "A24T:G56D"].')
    _check_count(len(raw), path)
    numbering, problems, found = numbering_of_campaign(campaign), Problems(), []
    for at, one in enumerate(raw):
        try:
            if not isinstance(one, str) or not one.strip():
                raise wrong(f"{path}.{at}", one, "Give a code such as A24T.", code="bad_variant")
            found.append(read_variant(one, campaign.parent, numbering=numbering))
        except InvalidInput as error:
            for problem in error.problems:
                problems.add(
                    Problem(problem.code, problem.message, problem.remedy, path=f"{path}.{at}", record=str(one)[:60])
                )
    if problems:
        raise problems.refusal()
    return found


def combinations_of(campaign: Campaign, raw: object, path: str) -> list[Variant]:
    """Return all combinations of single mutations, at most one at each position, without the parent itself."""
    singles = [one for variant in read_list(campaign, raw, path) for one in variant.mutations]
    sites: dict[int, list[Mutation]] = {}
    for one in dict.fromkeys(singles):
        sites.setdefault(one.position, []).append(one)
    _check_count(prod(len(found) + 1 for found in sites.values()) - 1, path)
    choices: list[list[Mutation | None]] = [[None, *sites[at]] for at in sorted(sites)]
    chosen = (tuple(one for one in found if one is not None) for found in product(*choices))
    found = [Variant(mutations) for mutations in chosen if mutations]
    if not found:
        raise wrong(path, raw, "Give at least one mutation.", code="bad_variant")
    return found
