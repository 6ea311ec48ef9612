"""A campaign as one ZIP file, written while it is sent: data, cards of models, rounds byte for byte, digests.

`manifest.json` comes last, for it has the SHA-256 of every other file. Nothing but one model, one round or one page of
measurements is in memory. The same campaign results in the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User

from jobs.alignments.rows import stored_text
from jobs.campaigns.rounds import round_csv
from jobs.campaigns.selectors import WT, alignment_of_campaign, numbering_of_campaign
from jobs.files.lines import csv_head
from jobs.files.pieces import iso, text_cell, zip_blocks
from jobs.learning.normalising import WILD_TYPE
from jobs.models import Alignment, Campaign, Measurement, Property, PropertyModel, Round
from jobs.models.states import WorkState
from jobs.science.variants.codes import read_variant

FORMAT, VERSION = "e1-campaign", 1
MANIFEST, CAMPAIGN, PROPERTIES, ROUNDS, ALIGNMENT = (
    "manifest.json", "campaign.json", "properties.json", "rounds.json", "alignment.tsv",
)  # fmt: skip
PAGE = 2_000
"""Measurements in memory at a time."""
HEADS = (
    "variant", "sequential", "role", "round", "plate", "well", "replicate", "value", "censored", "failed", "written",
    "created_at",
)  # fmt: skip
FINISHED = (WorkState.DONE, WorkState.FAILED, WorkState.CANCELLED)


def archive_blocks(campaign: Campaign, reader: User) -> Iterator[bytes]:
    """Yield the file of a campaign in blocks. Models that are not computed yet are left out, and named.

    A reader who may not see the alignment gets the campaign without one.
    """
    return zip_blocks(_members(campaign, reader), deflated=True)


def digest_of(files: Mapping[str, str]) -> str:
    """Return the SHA-256 of the files' digests: of lines as `sha256sum` writes them, sorted by name."""
    lines = (f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _members(campaign: Campaign, reader: User) -> Iterator[tuple[str, Iterable[bytes]]]:
    files: dict[str, str] = {}

    def counted(name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
            yield piece
        files[name] = digest.hexdigest()

    for name, pieces in _parts(campaign, reader):
        yield name, counted(name, pieces)
    open_models = PropertyModel.objects.filter(campaign=campaign).exclude(state__in=FINISHED).order_by("number")
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "name": campaign.name,
        "digest": digest_of(files),
        "left_out": {"models": list(open_models.values_list("number", flat=True))},
        "files": files,
    }
    yield MANIFEST, [_json(manifest)]


def _parts(campaign: Campaign, reader: User) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield name and pieces of every file but the manifest."""
    alignment = alignment_of_campaign(campaign, reader)
    yield CAMPAIGN, [_json(_campaign(campaign, alignment))]
    if alignment is not None:
        yield ALIGNMENT, stored_text(alignment)
    properties = list(Property.objects.filter(campaign=campaign).order_by("id"))
    yield PROPERTIES, [_json([_property(one) for one in properties])]
    for at, own in enumerate(properties, start=1):
        yield f"measurements/{at}.jsonl", (_json(_measurement(row)) for row in _rows(own))
        yield f"measurements/{at}.csv", measurements_csv(campaign, own)
    models = PropertyModel.objects.filter(campaign=campaign, state__in=FINISHED)
    for number in models.order_by("number").values_list("number", flat=True):
        model = models.select_related("property").get(number=number)
        yield f"models/{number}.json", [_json(_model(model))]
        if model.tables:
            yield f"models/{number}.tables", [bytes(model.tables)]
    rounds = Round.objects.filter(campaign=campaign)
    states = list(rounds.defer("frozen").order_by("number"))
    yield ROUNDS, [_json([_round(one) for one in states])]
    for one in states:
        found = rounds.get(number=one.number)
        yield f"rounds/{one.number}.json", [found.frozen.encode()]
        yield f"rounds/{one.number}.csv", round_csv(campaign, found)


def _json(value: object) -> bytes:
    # The database returns large numbers as whole ones of any size, which orjson does not write.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _campaign(campaign: Campaign, stored: Alignment | None) -> dict[str, Any]:
    return {
        "name": campaign.name,
        "parent": campaign.parent,
        "model": campaign.model,
        "context_set": campaign.context_set,
        "alignment": None if stored is None else {"name": stored.name, "digest": stored.digest, "depth": stored.depth},
        "numbering": campaign.numbering,
        "cds": campaign.cds,
        "host": campaign.host,
        "exclude": campaign.exclude,
        "created_at": iso(campaign.created_at),
    }


def _property(own: Property) -> dict[str, Any]:
    return {
        "name": own.name,
        "unit": own.unit,
        "higher_is_better": own.higher_is_better,
        "log": own.log,
        "limits": [own.limit_low, own.limit_high],
        "threshold": own.threshold,
        "normalisation": own.normalisation,
        "created_at": iso(own.created_at),
    }


def _rows(own: Property) -> Iterator[Measurement]:
    """Yield the measurements of a property in the order in which they came."""
    rows, last = Measurement.objects.filter(property=own).order_by("id"), 0
    while page := list(rows.filter(pk__gt=last)[:PAGE]):
        yield from page
        last = page[-1].pk


def _measurement(row: Measurement) -> dict[str, Any]:
    return {
        "variant": row.variant,
        "digest": row.digest,
        "round": row.round,
        "plate": row.plate,
        "well": row.well,
        "replicate": row.replicate,
        "role": row.role,
        "value": row.value,
        "censored": row.censored,
        "failed": row.failed,
        "written": row.written,
        "upload": row.upload,
        "created_at": iso(row.created_at),
    }


def measurements_csv(campaign: Campaign, own: Property) -> Iterator[bytes]:
    """Yield the same measurements as CSV, for people: variants have the campaign's numbering too."""
    numbering = numbering_of_campaign(campaign)
    labels = {"": ""}
    yield csv_head(HEADS)
    for row in _rows(own):
        if row.variant not in labels:
            labels[row.variant] = read_variant(row.variant, campaign.parent).code(numbering)
        wild = WT if row.role == WILD_TYPE else ""
        texts = [text_cell(labels[row.variant] or wild), text_cell(row.variant or wild), row.role]
        texts += ["" if row.round is None else str(row.round), text_cell(row.plate), row.well, text_cell(row.replicate)]
        texts += ["" if row.value is None else repr(row.value), str(row.censored), str(row.failed).lower()]
        yield ",".join([*texts, text_cell(row.written), iso(row.created_at) or ""]).encode() + b"\n"


def _model(model: PropertyModel) -> dict[str, Any]:
    return {
        "n": model.number,
        "property": model.property.name,
        "prior": model.prior,
        "features": model.features,
        "seed": model.seed,
        "state": model.state,
        "reason": model.reason,
        "digest": model.digest,
        "card": model.card,
        "counts": model.counts,
        "training": model.training,
        "fits": model.fits,
        "created_at": iso(model.created_at),
        "finished_at": iso(model.finished_at),
    }


def _round(found: Round) -> dict[str, Any]:
    return {
        "n": found.number,
        "state": found.state,
        "digest": found.digest,
        "created_at": iso(found.created_at),
        "ordered_at": iso(found.ordered_at),
        "measured_at": iso(found.measured_at),
    }
