"""Importing a campaign from its file: all of it, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from django.contrib.auth.models import User
from django.db import transaction

from jobs.alignments.rows import rows_of_text
from jobs.alignments.services import alignment_store
from jobs.campaigns.archive import Archive, Fields, broken
from jobs.campaigns.exporting import ALIGNMENT, CAMPAIGN, PAGE, PROPERTIES, ROUNDS
from jobs.campaigns.imported import Codes, read_model
from jobs.campaigns.imported_rounds import read_round
from jobs.campaigns.measuring import MOST_ROWS
from jobs.campaigns.proposing import MOST_ROUNDS
from jobs.campaigns.services import FIELDS, PROPERTY_FIELDS, campaign_create, property_create
from jobs.campaigns.training import MOST_MODELS
from jobs.models import Alignment, Campaign, Measurement, Property
from jobs.models.campaigns import ROLES
from jobs.quotas.admission import quota_bytes_within
from jobs.web.disk import disk_check

_MODEL = re.compile(r"models/([1-9][0-9]{0,9})\.json")
_UNSAID = ("context_set", "alignment")


def campaign_import(*, owner: User, file: IO[bytes], size: int) -> tuple[Campaign, dict[str, Any]]:
    """Store the campaign of a file for this owner, and return it with what was imported.

    Numbers, digests and moments are those of the file; ids are new. The alignment becomes one of the owner's. Raises
    InvalidInput, TooLarge, and what `campaign_create` raises; then nothing is stored.
    """
    archive = Archive(file, size)
    try:
        disk_check(archive.unpacked)
        with transaction.atomic(), quota_bytes_within(user_id=owner.pk):
            campaign = _campaign(owner, archive)
            codes = Codes(campaign.parent)
            properties, measurements = _measured(archive, campaign, codes)
            counts = {
                "properties": len(properties),
                "measurements": measurements,
                "models": _models(archive, campaign, {one.name: one for one in properties}, codes),
                "rounds": _rounds(archive, campaign, codes),
            }
        return campaign, {"imported": counts, "digest": archive.digest}
    finally:
        archive.close()


def _campaign(owner: User, archive: Archive) -> Campaign:
    told = Fields(CAMPAIGN, archive.json(CAMPAIGN))
    alignment = _alignment(owner, archive, told)
    body = {name: value for name, value in told.values.items() if name in FIELDS and name not in _UNSAID}
    if alignment is not None:
        body["alignment"] = str(alignment.pk)
    made = campaign_create(owner=owner, data=body)
    # The set is a name only, and its owner may not have it here.
    made.context_set = told.text("context_set", 200)
    made.created_at = told.moment("created_at")
    made.save(update_fields=["context_set", "created_at"])
    return made


def _alignment(owner: User, archive: Archive, told: Fields) -> Alignment | None:
    """Return the campaign's alignment among those of the owner, stored now unless it is there already."""
    raw = told.values.get("alignment")
    if raw is None:
        return None
    about = Fields(f"{CAMPAIGN}, alignment", raw)
    rows = rows_of_text(archive.content(ALIGNMENT), told.text("parent", 10_000))
    # A message about a count of neighbours may come before the commit. Then beat sends it again.
    stored = alignment_store(owner=owner, name=about.text("name", 200), source="upload", rows=rows)
    if stored.digest != about.hexadecimal("digest"):
        raise broken(ALIGNMENT, "its digest is not that of its rows")
    return stored


def _measured(archive: Archive, campaign: Campaign, codes: Codes) -> tuple[list[Property], int]:
    """Store the properties and their measurements."""
    raw = archive.json(PROPERTIES)
    if not isinstance(raw, list):
        raise broken(PROPERTIES, "it is not a list")
    properties, count = [], 0
    for at, one in enumerate(raw, start=1):
        told = Fields(PROPERTIES, one)
        body = {name: value for name, value in told.values.items() if name in PROPERTY_FIELDS}
        own = property_create(campaign=campaign, data=body)
        own.created_at = told.moment("created_at")
        own.save(update_fields=["created_at"])
        properties.append(own)
        count += _measurements(archive, f"measurements/{at}.jsonl", own, codes)
    return properties, count


def _measurements(archive: Archive, name: str, own: Property, codes: Codes) -> int:
    count = 0
    page: list[Measurement] = []
    for row in _rows(archive, name, own, codes):
        page.append(row)
        count += 1
        if count > MOST_ROWS:
            raise broken(name, f"it has more than {MOST_ROWS:,} rows")
        if len(page) == PAGE:
            Measurement.objects.bulk_create(page)
            page = []
    Measurement.objects.bulk_create(page)
    return count


def _rows(archive: Archive, name: str, own: Property, codes: Codes) -> Iterator[Measurement]:
    for at, raw in enumerate(archive.lines(name), start=1):
        told = Fields(f"{name}, line {at:,}", raw)
        variant = told.text("variant", 20_000)
        value, failed = told.number("value"), told.flag("failed")
        if failed != (value is None):
            raise broken(told.where, "a well has a value if it has not failed, and only then")
        yield Measurement(
            property=own,
            variant=codes.check(told.where, variant) if variant else "",
            digest=told.hexadecimal("digest", empty=True),
            round=None if told.values.get("round") is None else told.whole("round", 1, 2**31 - 1),
            plate=told.text("plate", 60),
            well=told.text("well", 10),
            replicate=told.text("replicate", 20),
            role=told.choice("role", ROLES),
            value=value,
            censored=told.whole("censored", -1, 1),
            failed=failed,
            written=told.text("written", 40),
            upload=told.hexadecimal("upload"),
            created_at=told.moment("created_at"),
        )


def _models(archive: Archive, campaign: Campaign, properties: dict[str, Property], codes: Codes) -> int:
    numbers = sorted(int(match[1]) for name in archive if (match := _MODEL.fullmatch(name)))
    if len(numbers) > MOST_MODELS:
        raise broken("models", f"there are more than {MOST_MODELS}")
    for number in numbers:
        name, packed = f"models/{number}.json", f"models/{number}.tables"
        tables = archive.content(packed) if packed in archive else b""
        raw = archive.json(name)
        model = read_model(name, raw, tables, campaign=campaign, properties=properties, codes=codes)
        if model.number != number:
            raise broken(name, f"it is the model {model.number}")
        model.save(force_insert=True)
    return len(numbers)


def _rounds(archive: Archive, campaign: Campaign, codes: Codes) -> int:
    raw = archive.json(ROUNDS)
    if not isinstance(raw, list) or len(raw) > MOST_ROUNDS:
        raise broken(ROUNDS, f"it is not a list of at most {MOST_ROUNDS}")
    seen: set[int] = set()
    for one in raw:
        number = Fields(ROUNDS, one).whole("n", 1, 2**31 - 1)
        if number in seen:
            raise broken(ROUNDS, f"the round {number} is there twice")
        seen.add(number)
        name = f"rounds/{number}.json"
        read_round(name, one, archive.content(name), campaign, codes).save(force_insert=True)
    return len(raw)
