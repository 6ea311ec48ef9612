"""More items for an existing job, appended after its last one.

The upload is read into a separate job in `validating`, as for a new submission. If it breaks off or fails validation,
the extended job stays as it was. Accepting it moves its chunks and items over in one transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from jobs.actions import get_action
from jobs.errors import Conflict, InvalidInput, NotFound, Problem
from jobs.intake.ingest import COUNTED, Request
from jobs.intake.keys import key_held
from jobs.intake.submit import Submission, require_same_body, upload_read
from jobs.intake.titles import title_after
from jobs.models import Extension, Job
from jobs.models.states import JobState
from jobs.queue import dispatch as queue
from jobs.queue.tallies import tally_forget
from jobs.quotas.admission import quota_admit, quota_lock
from jobs.quotas.rules import Need
from jobs.quotas.usage import queued_tokens_of

REOPENED = (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED)
"""States from which an extended job goes back to queued."""
KEPT = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)
"""States in which an extended job stays."""


def job_extend(*, job: Job, submission: Submission) -> tuple[Job, bool]:
    """Add the items of this submission to the job. Return the job and whether this call added anything.

    The items are committed and dispatched. The same Idempotency-Key with the same body adds nothing a second time.
    Raises Conflict if the job cannot be extended, the key was used for another body, or its upload is still being read.
    Raises InvalidInput for bad input, or if model, action or parameters are not the job's. Raises TooManyRequests or
    TooLarge if the owner's quota does not allow it. After an error the job is as it was.
    """
    key = submission.request.idempotency_key
    if _known(job.pk, submission):
        return job, False
    check_extendable(job)
    _check_same_question(job, submission.request)
    own = _key_of_upload(job.pk, key)
    with key_held(owner_id=job.owner_id, key=own):
        # An upload with the same key may have ended after the first look and before the lock was taken.
        if _known(job.pk, submission):
            return job, False
        name = f"more for {job.name or job.pk.hex[:8]}"[:200]
        request = replace(submission.request, name=name, idempotency_key=own)
        with upload_read(job.owner, request, submission) as upload:
            _move(job.pk, upload, Extension(job=job, idempotency_key=key, body_digest=submission.digest()))
    queue.dispatch_quietly(job.model)
    job.refresh_from_db()
    return job, True


def _known(job_id: UUID, submission: Submission) -> bool:
    """Return whether this extension was made before. Raises Conflict if its key was used for another body."""
    key = submission.request.idempotency_key
    known = Extension.objects.filter(job_id=job_id, idempotency_key=key).first() if key else None
    if known is not None:
        require_same_body(submission, known.body_digest, "to add more")
    return known is not None


def check_extendable(job: Job) -> None:
    """Raise Conflict `cannot_be_extended`. Call it before a body is read, and again under the job's lock."""
    if job.params.get("contexts"):
        message = "a job under several contexts cannot be extended; submit a new job"
        raise Conflict(message, code="cannot_be_extended")
    if get_action(job.action).long or job.interactive:
        what = "a synchronous request" if job.interactive else f"a job of {job.action}"
        raise Conflict(f"{what} cannot be extended; submit a new job", code="cannot_be_extended")
    if job.state not in (*REOPENED, *KEPT):
        raise Conflict(f"a job that is {job.state} cannot be extended", code="cannot_be_extended")


def _check_same_question(job: Job, request: Request) -> None:
    """Raise InvalidInput unless model, action and parameters are the job's."""
    pairs = [(name, getattr(request, name), getattr(job, name)) for name in ("model", "action", "params")]
    wrong = [
        Problem("not_the_jobs", f"{name} is {given!r}, but that of the job is {its!r}", "Leave it out.", path=name)
        for name, given, its in pairs
        if given != its
    ]
    if wrong:
        raise InvalidInput.of(*wrong)


def _key_of_upload(job_id: UUID, key: str | None) -> str | None:
    """Return the key of the job that the records are read into, until the extension has its own row."""
    return None if key is None else f"extend {hashlib.sha256(f'{job_id} {key}'.encode()).hexdigest()}"


def _move(job_id: UUID, upload: Job, extension: Extension) -> None:
    """Move the upload's chunks and items to the end of the job, and delete the upload, in one transaction."""
    tokens = queued_tokens_of(upload.pk)
    with transaction.atomic(), connection.cursor() as cursor:
        quota_lock(user_id=upload.owner_id)
        # Lock the job first, as its deletion does; then the upload, which its owner may delete as well.
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None or not Job.objects.select_for_update().filter(pk=upload.pk).exists():
            raise NotFound("the job was deleted while its extension was read; nothing was queued")
        check_extendable(job)
        need = Need(tokens=tokens, stored_bytes=upload.stored_bytes, jobs=int(job.state in REOPENED))
        quota_admit(user_id=job.owner_id, model=job.model, need=need)
        name = title_after(job, upload)
        # The upload's chunks may have smaller ids than closed ones of the job, so the tally starts again.
        tally_forget(job_id=job_id)
        ids: dict[str, UUID | int] = {"job": job_id, "upload": upload.pk, "first": job.total_items}
        cursor.execute(
            "UPDATE jobs_chunk SET job_id = %(job)s, first_index = first_index + %(first)s WHERE job_id = %(upload)s",
            ids,
        )
        # The problems of skipped records name their index, which changes.
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
        extension.first_index = job.total_items
        extension.items, extension.skipped = upload.total_items, upload.skipped_items
        extension.save(force_insert=True)
        both = (job.cleaning, upload.cleaning)
        job.cleaning = {what: sum(one.get(what, 0) for one in both) for what in {**both[0], **both[1]}}
        job.warnings = job.warnings + [one for one in upload.warnings if one not in job.warnings]
        if job.state in REOPENED:
            job.state, job.finished_at, job.expires_at = JobState.QUEUED, None, None
        job.name = name
        job.save(update_fields=["name", "cleaning", "warnings", "state", "finished_at", "expires_at"])
        Job.objects.filter(pk=job_id).update(
            touched_at=Now(), **{name: F(name) + getattr(upload, name) for name in COUNTED}
        )
        cursor.execute("DELETE FROM jobs_job WHERE id = %s", [upload.pk])
