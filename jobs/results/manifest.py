"""The manifest of a job: input, parameters, networks, devices and results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count, F, Func, IntegerField

from e1protocol import MODELS
from jobs.attribution import attribution
from jobs.background.blocks import files_of
from jobs.files.pieces import iso
from jobs.models import Artefact, Context, Item, Job
from jobs.models.states import JobState, WorkState
from jobs.queue.progress import job_counts, job_engines

LISTED_CONTEXTS = 100
"""Contexts that the manifest lists. It counts all of them, and a job may have as many as items."""
CHUNK_PAGE = 2000


def manifest_of(job: Job) -> dict[str, Any]:
    """Return the provenance of the job's results so far, ready for JSON. An expired job keeps the one that it had.

    `engines` has one entry per network and device that computed a chunk. `contexts.listed` is in the order of first use
    by this owner.
    """
    if job.state == JobState.EXPIRED:
        return {**job.kept["manifest"], "name": job.name, "state": job.state}
    model = MODELS[job.model]
    engines = job_engines(job)
    return {
        "job": str(job.pk),
        "name": job.name,
        "model": model.slug,
        "model_title": model.title,
        "demonstration": model.demonstration,
        "attribution": attribution(model),
        "action": job.action,
        "params": job.params,
        "state": job.state,
        "counts": job_counts(job),
        "residues": job.total_residues,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "engines": engines,
        "code_versions": sorted({engine["code_version"] for engine in engines}),
        "input_digest": job.body_digest or None,
        "extensions": _extensions(job),
        "contexts": _contexts(job),
        "cleaning": job.cleaning,
        "warnings": job.warnings,
        "results_checksum": results_checksum(job),
        "artefacts": _artefacts(job),
    }


def results_checksum(job: Job) -> str:
    """Return `blake2b-16:` and 32 hexadecimal digits: BLAKE2b, 16 bytes, over the checksums of all stored rows.

    The checksum of a row is BLAKE2b, 16 bytes, over its numbers as they are stored (little-endian, dense). Rows are in
    the order of the first item index of their chunk, chunk id, kind (by its letters), layer, and item index. So two
    runs of a library with the same numbers in the same chunks have the same checksum.
    """
    total = hashlib.blake2b(digest_size=16)
    for checksum in _checksums(job):
        total.update(checksum)
    return f"blake2b-16:{total.hexdigest()}"


def _checksums(job: Job) -> Iterator[bytes]:
    """Yield the checksums of stored rows in the order of `results_checksum`, by pages of chunks."""
    last: tuple[int, int] = (-1, 0)
    while page := _chunk_page(job, last):
        last = page[-1]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT chunk_id, kind, layer, item_index, checksum FROM jobs_output WHERE chunk_id = ANY(%s)",
                [[chunk_id for _, chunk_id in page]],
            )
            found = cursor.fetchall()
        place = {chunk_id: number for number, (_, chunk_id) in enumerate(page)}
        for row in sorted(found, key=lambda row: (place[row[0]], *row[1:4])):
            yield bytes(row[4])


def _chunk_page(job: Job, last: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the next chunks as (first item index, id)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT first_index, id FROM jobs_chunk "
            "WHERE job_id = %s AND (first_index, id) > (%s, %s) AND unit_count = 0 "
            "ORDER BY first_index, id LIMIT %s",
            [job.pk, *last, CHUNK_PAGE],
        )
        return [(first_index, chunk_id) for first_index, chunk_id in cursor.fetchall()]


def _extensions(job: Job) -> list[dict[str, Any]]:
    """Return the later uploads, each with its own digest and the index of its first item."""
    uploads = job.extensions.order_by("first_index").values("first_index", "items", "skipped", "created_at")
    return [{**one, "created_at": iso(one["created_at"])} for one in uploads.annotate(input_digest=F("body_digest"))]


def _artefacts(job: Job) -> list[dict[str, Any]]:
    """Return the files built from the results, with their checksums."""
    ready = Artefact.objects.filter(job=job, state=WorkState.DONE).order_by("pk")
    return [
        {
            "kind": one.kind,
            "params": one.params,
            "bytes": one.size,
            "sha256": one.sha256,
            "files": [{"format": f.format, "bytes": f.size, "sha256": f.sha256} for f in files_of(one).values()],
            "finished_at": iso(one.finished_at),
        }
        for one in ready
    ]


def _contexts(job: Job) -> dict[str, Any]:
    """Return the count of distinct contexts, and digest, sequences, tokens and items of the first ones."""
    uses = Item.objects.filter(job_id=job.pk, context__isnull=False).values("context_id")
    listed = dict(
        uses.annotate(items=Count("index")).order_by("context_id").values_list("context_id", "items")[:LISTED_CONTEXTS]
    )
    length = Func(F("sequences"), function="jsonb_array_length", output_field=IntegerField())
    rows = Context.objects.filter(pk__in=listed).order_by("pk").annotate(length=length)
    return {
        "count": uses.distinct().count(),
        "listed": [
            {"digest": digest, "sequences": sequences, "tokens": tokens, "items": listed[pk]}
            for pk, digest, sequences, tokens in rows.values_list("pk", "digest", "length", "tokens")
        ],
    }
