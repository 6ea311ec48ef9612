"""More items for a job that is there already, behind its last one.

The upload is read into a job of its own, in `validating`, as a new one would be: what breaks off or fails validation
leaves the extended job as it was. Accepting moves its chunks and items over in one transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from jobs.actions import dtypes, get_action
from jobs.errors import Conflict, InvalidInput, NotFound, Problem
from jobs.intake.ingest import Request, job_create, job_ingest
from jobs.intake.keys import key_held
from jobs.intake.submit import Submission
from jobs.models import Extension, Job
from jobs.models.states import JobState
from jobs.queue import dispatch as queue
from jobs.queue.lifecycle import deleted_on_error
from jobs.queue.tallies import tally_forget
from jobs.quotas.admission import quota_admit, quota_lock
from jobs.quotas.rules import Need
from jobs.quotas.usage import queued_tokens_of

REOPENED = (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED)
"""States from which a job goes back to queued."""
KEPT = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
"""States in which a job stays."""


def job_extend(*, job: Job, submission: Submission) -> tuple[Job, bool]:
    """Add the items of this submission to the job. Gives the job, and whether anything was added by this call.

    Committed and dispatched. The same Idempotency-Key with the same body adds nothing a second time. Raises Conflict
    where the job cannot be extended, the key was used for another body, or its upload still runs; InvalidInput for bad
    input, or where model, action or parameters are not the job's; TooManyRequests or TooLarge where the owner's quota
    does not allow it. Then the job is as it was.
    """
    key = submission.request.idempotency_key
    if (known := _known(job.pk, key)) is not None:
        return _same(job, known, submission), False
    check_extendable(job)
    _check_same_question(job, submission.request)
    own = _key_of_upload(job.pk, key)
    with key_held(owner_id=job.owner_id, key=own):
        # An upload with the same key may have ended between the first look and the lock that keeps others out.
        if (known := _known(job.pk, key)) is not None:
            return _same(job, known, submission), False
        name = f"more for {job.name or job.pk.hex[:8]}"[:200]
        request = replace(submission.request, name=name, idempotency_key=own)
        upload = job_create(owner=job.owner, request=request)
        with deleted_on_error(upload):
            records = submission.read()
            job_ingest(job=upload, records=records, shared_context=submission.shared_context)
            submission.stream.drain()
            upload.cleaning = dict(records.cleaning)
            upload.warnings = [warning.as_dict() for warning in records.warnings()]
            _move(job.pk, upload, Extension(job=job, idempotency_key=key, body_digest=submission.digest()))
    queue.dispatch_quietly(job.model)
    job.refresh_from_db()
    return job, True


def _known(job_id: UUID, key: str | None) -> Extension | None:
    return Extension.objects.filter(job_id=job_id, idempotency_key=key).first() if key else None


def _same(job: Job, known: Extension, submission: Submission) -> Job:
    """The job, where the extension with this key had the same body."""
    submission.stream.drain()
    if known.body_digest != submission.digest():
        raise Conflict(
            f"the Idempotency-Key {known.idempotency_key!r} was used for another body; use a new key to add more",
            code="idempotency_key_reused",
        )
    return job


def check_extendable(job: Job) -> None:
    """Raises Conflict `cannot_be_extended`: before a body is read, and again under the job's lock."""
    if job.params.get("contexts"):
        message = "a job under several contexts cannot be extended; submit a new job"
        raise Conflict(message, code="cannot_be_extended")
    if get_action(job.action).long or job.interactive:
        what = "a synchronous request" if job.interactive else f"a job of {job.action}"
        raise Conflict(f"{what} cannot be extended; submit a new job", code="cannot_be_extended")
    if job.state not in (*REOPENED, *KEPT):
        raise Conflict(f"a job that is {job.state} cannot be extended", code="cannot_be_extended")


def _check_same_question(job: Job, request: Request) -> None:
    """What is computed of the new items is what was computed of the others."""
    pairs = [
        ("model", request.model, job.model),
        ("action", request.action, job.action),
        ("params", dict(request.params), dtypes.completed(job.params, request.params)),
    ]
    wrong = [
        Problem("not_the_jobs", f"{name} is {given!r}, but that of the job is {its!r}", "Leave it out.", path=name)
        for name, given, its in pairs
        if given != its
    ]
    if wrong:
        raise InvalidInput.of(*wrong)


def _key_of_upload(job_id: UUID, key: str | None) -> str | None:
    """The key of the job that the records are read into, until the extension has a row of its own."""
    return None if key is None else f"extend {hashlib.sha256(f'{job_id} {key}'.encode()).hexdigest()}"


def _move(job_id: UUID, upload: Job, extension: Extension) -> None:
    """Hand the upload's chunks and items to the job, behind its last one, and remove the upload. One transaction.

    Its chunks may have smaller ids than closed ones of the job: the tally begins anew.
    """
    tokens = queued_tokens_of(upload.pk)
    with transaction.atomic(), connection.cursor() as cursor:
        quota_lock(user_id=upload.owner_id)
        # The job first, as its deletion does; then the upload, which its owner may delete as well.
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None or not Job.objects.select_for_update().filter(pk=upload.pk).exists():
            raise NotFound("the job was deleted while its extension was read; nothing was queued")
        check_extendable(job)
        need = Need(tokens=tokens, stored_bytes=upload.stored_bytes, jobs=int(job.state in REOPENED))
        quota_admit(user_id=job.owner_id, model=job.model, need=need)
        tally_forget(job_id=job_id)
        ids: dict[str, UUID | int] = {"job": job_id, "upload": upload.pk, "first": job.total_items}
        cursor.execute(
            "UPDATE jobs_chunk SET job_id = %(job)s, first_index = first_index + %(first)s WHERE job_id = %(upload)s",
            ids,
        )
        # The problems of skipped records name their place in the input, which is another one now.
        cursor.execute(
            """
            UPDATE jobs_item SET job_id = %(job)s, index = index + %(first)s, error = (
                SELECT jsonb_agg(CASE WHEN jsonb_exists(problem, 'index')
                    THEN jsonb_set(problem, '{index}', to_jsonb((problem ->> 'index')::bigint + %(first)s))
                    ELSE problem END)
                FROM jsonb_array_elements(error) problem)
            WHERE job_id = %(upload)s
            """,
            ids,
        )
        extension.first_index, extension.items, extension.skipped = (
            job.total_items,
            upload.total_items,
            upload.skipped_items,
        )
        extension.save(force_insert=True)
        job.cleaning = {
            what: job.cleaning.get(what, 0) + upload.cleaning.get(what, 0)
            for what in {**job.cleaning, **upload.cleaning}
        }
        job.warnings = job.warnings + [one for one in upload.warnings if one not in job.warnings]
        if job.state in REOPENED:
            job.state, job.finished_at, job.expires_at = JobState.QUEUED, None, None
        job.save(update_fields=["cleaning", "warnings", "state", "finished_at", "expires_at"])
        Job.objects.filter(pk=job_id).update(
            total_items=F("total_items") + upload.total_items,
            skipped_items=F("skipped_items") + upload.skipped_items,
            total_residues=F("total_residues") + upload.total_residues,
            text_bytes=F("text_bytes") + upload.text_bytes,
            stored_bytes=F("stored_bytes") + upload.stored_bytes,
            touched_at=Now(),
        )
        cursor.execute("DELETE FROM jobs_job WHERE id = %s", [upload.pk])
