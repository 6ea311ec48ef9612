"""Storing measurements. Rows are only added."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db import transaction

from jobs.campaigns.files import Found, Reader, Well, plan_of, read_measurements
from jobs.campaigns.selectors import current, numbering_of_campaign, round_of, well_key
from jobs.errors import Conflict, InvalidInput
from jobs.models import Campaign, Measurement, Property
from jobs.quotas.admission import quota_admit_bytes
from jobs.science.variants.codes import read_variant

ROW_BYTES = 100
MOST_ROWS = 200_000
"""Measurements of a property. Each model reads all of them."""


def measurements_add(
    *,
    campaign: Campaign,
    by: User,
    data: bytes,
    wanted: str = "",
    columns: Mapping[str, str] | None = None,
    round_number: int | None = None,
    sheet: str = "",
) -> dict[str, Any]:
    """Store the measurements of a file that `by` sends, and return the counts.

    `read` cells are `matched`, `failed`, `censored`, `unreadable` or `unchanged`: the same well with the same value, or
    the same file again. `corrected` of them are later values of a well.
    """
    properties = {one.name: one for one in Property.objects.filter(campaign=campaign).order_by("id")}
    if not properties:
        raise Conflict("the campaign has no property yet; add one first", code="no_properties")
    for name in [*([wanted] if wanted else ()), *(columns or {})]:
        if name not in properties:
            remedy = f"The campaign has: {', '.join(properties)}."
            what = f"there is no property {name[:60]!r}"
            raise InvalidInput.one("unknown_property", what, remedy, path="columns" if columns else "property")
    plan = {}
    if round_number is not None:
        plan = dict(plan_of(orjson.loads(round_of(campaign, round_number).frozen)["rows"]))
    limits = {one.name: (one.limit_low, one.limit_high) for one in properties.values()}
    reader = Reader(campaign.parent, numbering_of_campaign(campaign), limits, plan)
    found = read_measurements(io.BytesIO(data), reader, wanted=wanted, columns=columns, sheet=sheet)
    upload = hashlib.sha256(data).hexdigest()
    size = sum(ROW_BYTES + len(one.code) for one in found.wells)
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)  # two files at once are stored one after the other
        quota_admit_bytes(user_id=by.pk, size=size)
        return _store(campaign, properties, found, round_number, Sent(upload, campaign.added_by(by.pk)))


@dataclass(frozen=True, slots=True)
class Sent:
    """The SHA-256 of a file, and who adds its rows."""

    upload: str
    added_by: int | None


def _store(
    campaign: Campaign, properties: Mapping[str, Property], found: Found, number: int | None, sent: Sent
) -> dict[str, Any]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    made: list[Measurement] = []
    for name, own in properties.items():
        wells = [one for one in found.wells if one.property == name]
        if not wells:
            continue
        stored = list(Measurement.objects.filter(property=own).order_by("id"))
        if len(stored) + len(wells) > MOST_ROWS:
            what = f"{name} would have {len(stored) + len(wells):,} rows, and the limit is {MOST_ROWS:,}"
            raise Conflict(f"{what}; add another property, or make another campaign", code="too_many_measurements")
        again = any(row.upload == sent.upload and row.round == number for row in stored)
        last = {well_key(row): row for row in current(stored)}
        digests: dict[str, str] = {}
        for well in wells:
            row = _row(own, well, number, sent, _digest(well, campaign.parent, digests))
            earlier = last.get(well_key(row))
            if (again and earlier is None) or (earlier is not None and _same(earlier, row)):
                counts[name]["unchanged"] += 1
                continue
            counts[name]["corrected"] += earlier is not None
            counts[name]["failed" if row.failed else "censored" if row.censored else "matched"] += 1
            last[well_key(row)] = row
            made.append(row)
    Measurement.objects.bulk_create(made, batch_size=2_000)
    names = ("matched", "failed", "censored", "unchanged", "corrected")
    total = {one: sum(count[one] for count in counts.values()) for one in names}
    return {
        "n": len(made),
        "read": found.read,
        **total,
        "unreadable": found.unreadable,
        "properties": {name: {one: count[one] for one in names} for name, count in counts.items()},
        "problems": [problem.as_dict() for problem in found.problems],
    }


def _row(own: Property, well: Well, number: int | None, sent: Sent, digest: str) -> Measurement:
    return Measurement(
        property=own,
        variant=well.code,
        digest=digest,
        round=number,
        plate=well.plate,
        well=well.well,
        replicate=well.replicate,
        role=well.role,
        value=well.value,
        censored=well.censored,
        failed=well.value is None,
        written=well.written,
        upload=sent.upload,
        added_by_id=sent.added_by,
    )


def _digest(well: Well, parent: str, known: dict[str, str]) -> str:
    """Return the SHA-256 of the sequence in a well, "" for a blank and an unnamed control."""
    if not well.code and well.role != "wild_type":
        return ""
    if well.code not in known:
        sequence = read_variant(well.code, parent).sequence(parent) if well.code else parent
        known[well.code] = hashlib.sha256(sequence.encode()).hexdigest()
    return known[well.code]


def _same(one: Measurement, other: Measurement) -> bool:
    names = ("variant", "role", "value", "censored", "failed")
    return all(getattr(one, name) == getattr(other, name) for name in names)
