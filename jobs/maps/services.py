"""Asking for analyses of a job (`jobs.maps.kinds`): artefacts whose parameters say what is computed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from jobs.background.artefacts import artefact_request
from jobs.errors import InvalidInput, NotFound
from jobs.library import selectors
from jobs.maps.limits import check_size
from jobs.maps.params import check_analysis, check_embeddings
from jobs.models import Artefact, Job
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.models.states import WorkState
from jobs.queue import progress
from jobs.quotas.admission import quota_admit_bytes, quota_admit_work


def analysis_request(*, job: Job, kind: Any, params: Any) -> Artefact:
    """The analysis of the results as they are: ready, being built, or asked for now; a failed one is tried again. Of a
    job that still runs it covers the rows that are finished.

    Raises InvalidInput for what is wrong with the request, the job, or the size of the library; TooLarge where the
    owner's storage is full; TooManyRequests where too many of the owner's are unfinished.
    """
    checked = check_analysis(job, kind, params)
    items = progress.job_counts(job)["succeeded"]
    other = library_of(job, checked.get("against"), checked["layer"])
    library = items if other is None else progress.job_counts(other)["succeeded"]
    queries = checked.get("queries")
    check_size(kind, checked, items=items if queries is None else len(queries), library=library)
    also = "" if other is None else progress.results_fingerprint(other)
    over = (WorkState.CANCELLED, WorkState.FAILED)
    return artefact_request(
        job=job, kind=kind, params=checked, also=also, again=over, admit=lambda: _admit(job.owner_id)
    )


def _admit(user_id: int) -> None:
    """How large one becomes is known when it is built: it is refused where nothing more may be stored at all."""
    quota_admit_bytes(user_id=user_id, size=1)
    quota_admit_work(user_id=user_id)


def library_of(job: Job, against: str | None, layer: int, *, path: str = "params.against") -> Job | None:
    """The other job to compare with, of the same owner, model and layer; None where none is named.

    Raises InvalidInput `no_such_job`, `other_model`, `layer_not_stored`, or that it keeps no mean embeddings.
    """
    if against is None:
        return None
    try:
        other = selectors.job_of(job.owner, UUID(against))
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


def analyses_of(job: Job) -> QuerySet[Artefact]:
    """The job's analyses, newest first."""
    return Artefact.objects.filter(job=job, kind__in=KINDS).order_by("-id")


def analysis_of(job: Job, number: int) -> Artefact:
    """One analysis of the job; raises NotFound."""
    found = analyses_of(job).filter(pk=number).first() if 0 < number < 2**63 else None
    if found is None:
        raise NotFound(f"job {job.pk} has no analysis {number}")
    return found
