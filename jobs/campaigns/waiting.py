"""Models that wait for a job: announced again when it has ended."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from jobs.background.leases import work_publish
from jobs.models import Job, PropertyModel
from jobs.models.states import WorkState


def models_wake(job: Job) -> None:
    """Announce the models that wait for the embeddings of `job`, once its end is committed."""
    if job.interactive:  # None waits for a synchronous request.
        return
    for model in PropertyModel.objects.filter(features_job=job, state=WorkState.WAITING):
        transaction.on_commit(partial(work_publish, model))
