"""The pictures of jobs in lists: stored ones, and a few that are made now.

A view of a list reads no results of a job twice: a picture is stored, and made again only if the results change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from uuid import UUID

import numpy as np
import orjson
from django.db import DatabaseError, transaction

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.actions.columns import result_bytes
from jobs.actions.contacts import Contacts
from jobs.background.blocks import file_blocks
from jobs.library import selectors
from jobs.models import Artefact, Item, Job, JobPicture
from jobs.models.states import ItemState, JobState, WorkState
from jobs.results.items import results_of
from jobs.results.summaries import masked_residues
from jobs.results.thumbnails import Picture, bars, contact_map, heat_map, histogram, scatter
from jobs.science.variants.scans import ScanTable
from jobs.variants.likelihoods import is_ranked, likelihood_table
from jobs.variants.table import variant_table

MADE_AT_ONCE = 3
"""Pictures that one view makes. The others come with the next view or refresh."""
READ_BYTES = 2_000_000
"""Results and maps that are larger get no picture."""
RANKED = 20_000
"""Items of a job whose scores are counted for its picture."""
VECTORS, SHOWN_NUMBERS = 10, 40


def pictures_of(jobs: Iterable[Job], succeeded: Mapping[UUID, int]) -> dict[UUID, Picture]:
    """Return the pictures of finished jobs with results. At most MADE_AT_ONCE are made now."""
    done = [job for job in jobs if job.state in JobState.final() and job.state != JobState.EXPIRED]
    done = [job for job in done if succeeded.get(job.pk)]
    maps = _newest_maps(done)
    keys = {job.pk: f"{job.finished_at} {maps[job.pk].pk if job.pk in maps else ''}" for job in done}
    stored = {one.job_id: one for one in JobPicture.objects.filter(job__in=done)}
    found: dict[UUID, Picture] = {}
    made = 0
    for job in done:
        known = stored.get(job.pk)
        if (known is None or known.of != keys[job.pk]) and made < MADE_AT_ONCE:
            made += 1
            picture = _made(job, maps.get(job.pk))
            _store(job, keys[job.pk], picture)
        else:
            picture = Picture.restored(known.picture) if known is not None and known.picture else None
        if picture is not None:
            found[job.pk] = picture
    return found


def _store(job: Job, of: str, picture: Picture | None) -> None:
    # The job may be deleted meanwhile, or the disk full: the list is shown all the same.
    with suppress(DatabaseError), transaction.atomic():
        values = {"of": of, "picture": picture and picture.stored()}
        JobPicture.objects.update_or_create(job_id=job.pk, defaults=values)


def _newest_maps(jobs: list[Job]) -> dict[UUID, Artefact]:
    rows = Artefact.objects.filter(job__in=jobs, kind="map", state=WorkState.DONE, added_by__isnull=True)
    return {one.job_id: one for one in rows.order_by("pk")}


def _made(job: Job, drawn: Artefact | None) -> Picture | None:  # noqa: PLR0911 - one return for each kind of result
    """Return the picture of a job's result, or None if there is none, or it would take much reading."""
    if drawn is not None and (picture := _map(drawn)) is not None:
        return picture
    if ACTIONS[job.action].takes_variants or is_ranked(job):
        return _scores(job)
    first = selectors.items_in_state(selectors.items_of(job), ItemState.SUCCEEDED)
    items = _readable(job, list(first[:VECTORS]))
    results = results_of(job, [item.index for item in items]) if items else {}
    if not items or items[0].index not in results:
        return None
    result, length = results[items[0].index], len(items[0].sequence)
    if Contacts.name in result:
        return contact_map(result[Contacts.name], f"Contact map of {length:,} residues")
    if "mask_positions" in result and len(result["mask_positions"]):
        best = next(masked_residues(items[0].sequence, result["logits"], result["mask_positions"]))
        words = f"Probabilities of residues at position {best.position}, {best.ranked[0][0]} first"
        return bars([share for _, share in best.ranked], words)
    if "scores" in result and "positions" in result:
        table = ScanTable.of(result, items[0].sequence)
        words = f"Heat map of a scan of {len(table.positions):,} positions"
        return heat_map(np.asarray(table.scores, dtype=np.float64).T, words)
    if "embeddings" in result:
        rows = [results[item.index]["embeddings"][-1]["embedding"][:SHOWN_NUMBERS] for item in items]
        words = f"First numbers of {len(rows)} embedding{'s' if len(rows) > 1 else ''}"
        return heat_map(np.asarray(rows, dtype=np.float64), words)
    return None


def _readable(job: Job, items: list[Item]) -> list[Item]:
    """Return the first items whose results take at most READ_BYTES together."""
    columns = ACTIONS[job.action].columns(job.params, MODELS[job.model])
    found, total = [], 0
    for item in items:
        total += result_bytes(columns, item.sequence)
        if total > READ_BYTES:
            break
        found.append(item)
    return found


def _scores(job: Job) -> Picture | None:
    if job.total_items > RANKED:
        return None
    if ACTIONS[job.action].takes_variants:
        values, what = variant_table(job).score, "scores"
    else:
        values, what = likelihood_table(job).per_residue, "log-probabilities per residue"
    return histogram(values, f"Histogram of {len(values):,} {what}") if len(values) else None


def _map(drawn: Artefact) -> Picture | None:
    if drawn.size > READ_BYTES:
        return None
    body = orjson.loads(b"".join(file_blocks(drawn, "json")))
    return scatter(body["x"], body["y"], f"Map of {len(body['x']):,} items") if "x" in body else None
