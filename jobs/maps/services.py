"""Analyses of a job: artefacts whose kind and parameters say what is computed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.background.artefacts import artefact_fingerprint, artefact_request
from jobs.errors import InvalidInput, NotFound
from jobs.library.selectors import existing, job_of, jobs_of, jobs_open_to
from jobs.maps.limits import check_size
from jobs.maps.params import check_analysis, check_embeddings, keeps_means
from jobs.models import Artefact, Job
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import WorkState
from jobs.queue import progress
from jobs.quotas.admission import quota_admit_bytes, quota_admit_work

LISTED_JOBS = 50


def analysis_request(*, job: Job, kind: Any, params: Any, by: User | None = None) -> Artefact:
    """Return the analysis of the results that the job has now, and queue it if it is new, failed or cancelled.

    `by` asks for it, by default the job's owner, and its bytes count towards that user's quota. If the job still runs,
    the analysis covers its finished rows. Raises InvalidInput if the request, the job or the
    size of the library is wrong. Raises TooLarge if the user's storage is full, and TooManyRequests if the user has too
    many unfinished analyses.
    """
    asker = by or job.owner
    checked = check_analysis(job, kind, params)
    items = progress.job_counts(job)["succeeded"]
    other = library_of(job, asker, checked.get("against"), checked["layer"])
    library = items if other is None else progress.job_counts(other)["succeeded"]
    queries = checked.get("queries")
    check_size(kind, checked, items=items if queries is None else len(queries), library=library)
    also = "" if other is None else progress.results_fingerprint(other)
    over = (WorkState.CANCELLED, WorkState.FAILED)
    return artefact_request(
        job=job, kind=kind, params=checked, also=also, again=over, by=asker, admit=lambda: _admit(asker.pk)
    )


def _admit(user_id: int) -> None:
    # The size is known once the analysis is built. It is refused here only if nothing more may be stored.
    quota_admit_bytes(user_id=user_id, size=1)
    quota_admit_work(user_id=user_id)


def library_of(job: Job, user: User, against: str | None, layer: int, *, path: str = "params.against") -> Job | None:
    """Return the other job to compare with, which the user may see, or None if none is named.

    It has the same model, and stores the same layer.

    Raises InvalidInput `no_such_job`, `other_model`, `layer_not_stored`, and what `check_embeddings` raises.
    """
    if against is None:
        return None
    try:
        other = job_of(user, UUID(against))
    except NotFound:
        raise InvalidInput.one(
            "no_such_job", f"you have no job {against}", "Give the id of another encode job.", path=path
        ) from None
    check_embeddings(other, path=path)
    if other.model != job.model:
        raise InvalidInput.one(
            "other_model",
            f"job {other.pk} is by {other.model}, this one by {job.model}: their embeddings do not compare",
            f"Encode that library by {job.model} as well.",
            path=path,
        )
    if layer not in other.params["repr_layers"]:
        kept = ", ".join(str(number) for number in other.params["repr_layers"])
        raise InvalidInput.one(
            "layer_not_stored",
            f"job {other.pk} keeps layer {kept}, not layer {layer}",
            "Choose a layer that both jobs keep, or encode that library again.",
            path=path,
        )
    return other


def comparable_jobs(job: Job, user: User) -> list[Job]:
    """Return other recent jobs of the user, and of the job's project, whose items the items of this job compare with.

    They have the same model.
    """
    of_project = jobs_open_to(user).filter(project__isnull=False, project=job.project_id)
    jobs = (jobs_of(user) | of_project).filter(action=job.action, model=job.model, interactive=False)
    recent = jobs.exclude(pk=job.pk).order_by("-created_at")[:LISTED_JOBS]
    layer = job.params.get("repr_layers", [None])[-1]
    return [other for other in recent if keeps_means(other) and layer in other.params["repr_layers"]]


def analyses_of(job: Job, user: User) -> QuerySet[Artefact]:
    """Return the job's analyses that the user may see, newest first.

    One that compares with another job holds names of that job, so it is hidden from those who may not see that job.
    The user who asked for it keeps it when that job is deleted.
    """
    found = job.artefacts.filter(kind__in=KINDS)
    rows = found.filter(params__has_key="against").values_list("pk", "added_by", "params__against")
    against = {pk: (added_by or job.owner_id, UUID(other)) for pk, added_by, other in rows if other is not None}
    if against:
        others = {other for _, other in against.values()}
        seen = set(jobs_open_to(user).filter(pk__in=others).values_list("pk", flat=True))
        gone = others - set(Job.objects.filter(pk__in=others).values_list("pk", flat=True))
        hidden = [
            pk
            for pk, (asker, other) in against.items()
            if other not in seen and not (other in gone and asker == user.pk)
        ]
        found = found.exclude(pk__in=hidden)
    return found.order_by("-id")


def analysis_of(job: Job, user: User, number: int) -> Artefact:
    """Return one analysis of the job that the user may see. Raises NotFound."""
    return existing(analyses_of(job, user), f"job {job.pk} has no analysis {number}", pk=number)


def is_behind(artefact: Artefact) -> bool:
    """Return whether the job has newer results than this ready analysis, so that a new request makes another one."""
    if artefact.state != WorkState.DONE:
        return False
    also = ""
    if other_id := artefact.params.get("against"):
        other = jobs_open_to(artefact.added_by or artefact.job.owner).filter(pk=UUID(other_id)).first()
        if other is None:
            return False
        also = progress.results_fingerprint(other)
    return artefact.fingerprint != artefact_fingerprint(artefact.job, artefact.params, also)
