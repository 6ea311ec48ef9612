"""Reads of campaigns. Everything of a campaign is found through `campaign_of`, which knows who may see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Case, CharField, F, Q, QuerySet, UUIDField, Value, When

from jobs.learning.normalising import DEAD, WILD_TYPE, Pooled, Reading, normalised, pooled
from jobs.library.selectors import existing
from jobs.library.sharing import Right, found_by, open_to, projects_open_to
from jobs.models import Alignment, Campaign, Measurement, Project, Property, PropertyModel, Round
from jobs.science.variants.codes import Variant, read_variant
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import read_numbering

WT = "WT"
LARGEST = 1e100
"""Bound of normalised values. Their squares and sums are finite numbers."""


def campaigns_of(owner: User) -> QuerySet[Campaign]:
    """Return the owner's own campaigns, in any project or none."""
    return Campaign.objects.filter(owner=owner)


def campaigns_in(project: Project) -> QuerySet[Campaign]:
    """Return the project's campaigns, of all members. The caller may see the project."""
    return Campaign.objects.filter(project=project)


def campaign_of(user: User, campaign_id: UUID, right: Right = Right.VIEW) -> Campaign:
    """Return a campaign on which the user has this right.

    Raises NotFound if the user may not see it, and Forbidden if the user may see it only.
    """
    missing = f"there is no campaign {campaign_id}"
    return found_by(Campaign.objects.select_related("owner"), user, missing, right=right, pk=campaign_id)


def shown_to(rows: QuerySet[Campaign], user: User) -> QuerySet[Campaign]:
    """Add what REST shows the user beside each campaign: `access`, and `alignment_shown`.

    The alignment of another's campaign is shown only to those who may see the alignment itself.
    """
    seen = Q(owner=user) | Q(alignment__in=open_to(Alignment.objects.all(), user).values("pk"))
    edits = Q(project__in=projects_open_to(user, Right.EDIT).values("pk"))
    return rows.select_related("owner").annotate(
        alignment_shown=Case(When(seen, then=F("alignment_id")), default=None, output_field=UUIDField(null=True)),
        access=Case(
            When(owner=user, then=Value("own")),
            When(edits, then=Value("edit")),
            default=Value("view"),
            output_field=CharField(),
        ),
    )


def campaign_shown(user: User, campaign: Campaign) -> Campaign:
    """Return a campaign that the user may see as REST shows it, also if the user has just moved it out of sight."""
    return shown_to(Campaign.objects.all(), user).get(pk=campaign.pk)


def alignment_of_campaign(campaign: Campaign, reader: User | None = None) -> Alignment | None:
    """Return the alignment of a campaign, or None without one that its owner may see: sharing it may have ended.

    A `reader` gets it only if the reader may see it as well: it may be the owner's alone.
    """
    rows = open_to(Alignment.objects.filter(campaigns=campaign), campaign.owner)
    return (rows if reader is None else open_to(rows, reader)).first()


def property_named(campaign: Campaign, name: str) -> Property:
    """Return a property of the campaign. Raises NotFound."""
    missing = f"the campaign has no property {name[:60]!r}"
    return existing(Property.objects.filter(campaign=campaign), missing, name=name)


def model_of(campaign: Campaign, number: int) -> PropertyModel:
    """Return a model of the campaign by its number. Raises NotFound."""
    rows = PropertyModel.objects.filter(campaign=campaign).select_related("property", "campaign")
    return existing(rows, f"the campaign has no model {number}", number=number)


def round_of(campaign: Campaign, number: int) -> Round:
    """Return a round of the campaign by its number. Raises NotFound."""
    return existing(Round.objects.filter(campaign=campaign), f"the campaign has no round {number}", number=number)


def numbering_of_campaign(campaign: Campaign) -> Numbering:
    return read_numbering(campaign.numbering, "numbering")


def current(rows: list[Measurement]) -> list[Measurement]:
    """Return the rows that count, in order: of each well the last one, so that a correction replaces what it corrects.

    Rows without a well count if no later row of another file has the same variant, round and replicate, which must be
    named.
    """
    last: dict[object, Measurement] = {}
    for row in rows:
        last[well_key(row)] = row
    return sorted(last.values(), key=lambda row: row.pk)


def well_key(row: Measurement) -> object:
    """Return what a correction of a row shares with it."""
    if row.well:
        return (row.round, row.plate, row.well, row.replicate)
    if row.replicate:
        return (row.round, row.plate, row.variant or row.role, row.replicate)
    return row.pk or id(row)


def readings_of(rows: list[Measurement]) -> list[Reading]:
    """Return measurements for `jobs.learning.normalising`. Plates of different rounds differ."""
    return [
        Reading(
            f"{row.round or 0}/{row.plate}",
            row.well,
            WT if row.role == WILD_TYPE else (row.variant or row.role),
            row.role,
            row.value,
            row.censored,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Trainable:
    """Variants with one value each in the normalised unit, and what was left out or counted apart."""

    rows: list[tuple[str, float, int, int, int]]
    """Code by position, value, wells, censored wells, and the first round."""
    counts: dict[str, int]


def training_of(found: Property) -> Trainable:
    """Return the measured variants of a property: wild type and a dead control with a known variant among them.

    Values without a logarithm, and numbers that no model can square, are left out and counted. So are wells of plates
    without wild type and bridging variants, if the property is normalised.
    """
    rows = current(list(Measurement.objects.filter(property=found).order_by("id")))
    readings = readings_of(rows)
    with np.errstate(all="ignore"):  # absurd numbers are counted below
        scaled = normalised(readings, found.normalisation)
        values = pooled(readings, scaled)
    rounds: dict[str, int] = {}
    for reading, row in zip(readings, rows, strict=True):
        rounds[reading.key] = min(rounds.get(reading.key, row.round or 0), row.round or 0)
    kept = [one for one in values if one.key != DEAD and abs(one.value) < LARGEST]
    good = [one for one in kept if not found.log or one.value > 0]
    counts = Counter(
        wells=len(rows),
        failed_wells=sum(row.failed for row in rows),
        censored_variants=sum(one.censored > 0 for one in good),
        not_positive=len(kept) - len(good),
        too_large=sum(one.key != DEAD and not abs(one.value) < LARGEST for one in values),
        wells_without_reference=sum(
            one.value is not None and value is None for one, value in zip(readings, scaled, strict=True)
        ),
    )
    return Trainable([_row(one, rounds) for one in good], dict(counts))


def _row(one: Pooled, rounds: dict[str, int]) -> tuple[str, float, int, int, int]:
    return one.key, one.value, one.wells, one.censored, rounds.get(one.key, 0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From the normalised unit of a property to that of a model, in which higher is better, and back."""

    sign: float
    log: bool

    @classmethod
    def of(cls, found: Property) -> Scale:
        return cls(1.0 if found.higher_is_better else -1.0, found.log)

    def forward(self, value: float) -> float:
        """Return a value in the model's unit; minus infinity for the logarithm of what is not above 0."""
        if self.log:
            return self.sign * (log(value) if value > 0 else -np.inf)
        return self.sign * value

    def back(self, value: float) -> float:
        """Return a value in the property's unit."""
        plain = self.sign * value
        return float(np.exp(min(plain, 700.0))) if self.log else float(plain)

    def interval(self, low: float, high: float) -> tuple[float, float]:
        """Return both ends in the property's unit, the lower one first."""
        ends = self.back(low), self.back(high)
        return min(ends), max(ends)


def variants_of(codes: list[str], parent: str) -> list[Variant]:
    """Return stored codes as variants."""
    return [Variant() if code == WT else read_variant(code, parent) for code in codes]
