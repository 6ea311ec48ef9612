"""Celery tasks of the service workers. They name services and hold no logic of their own."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models.functions import Now

from e1protocol import TASK_DISPATCH, TASK_EXPIRE, TASK_REAP, TASK_WEBHOOKS, TASK_WORK
from jobs.background.artefacts import artefacts_clean
from jobs.background.blocks import blocks_sweep
from jobs.background.leases import works_tend
from jobs.fleet import duties, pace
from jobs.holds import hold
from jobs.library.contexts import contexts_sweep
from jobs.metering.stored import storage_sample
from jobs.models import Worker
from jobs.notices.services import mails_send
from jobs.projects.services import projects_purge
from jobs.queue import dispatch as queue
from jobs.queue import progress
from jobs.queue.lifecycle import job_delete, job_finalise
from jobs.queue.losses import leases_reap
from jobs.queue.tallies import tallies_advance
from jobs.queue.units import groups_release
from jobs.results.retention import jobs_expire
from jobs.tasks.turns import turn_take
from jobs.tasks.works import WORKS, owners_follow
from jobs.webhooks.services import deliveries_send

log = logging.getLogger(__name__)

ABANDONED_UPLOAD_SECONDS = 900
PROBE_AFTER_SECONDS = 60


@shared_task(name=TASK_DISPATCH)
def dispatch_all() -> None:
    """Fill every model's window, and ask idle workers for a self-test."""
    for model in settings.E1_MODELS:
        queue.dispatch_quietly(model)
        idle = pace.workers_alive(model).filter(last_forward_at__lt=Now() - timedelta(seconds=PROBE_AFTER_SECONDS))
        # Celery's workers of a cost centre read queues of their own.
        centres = sorted(set(idle.values_list("cost_centre", flat=True)))
        if centres and queue.broker_answers():
            for centre in centres:
                queue.probe(model, centre)
    duties.duty_done(duties.DISPATCH)


@shared_task(name=TASK_REAP)
def reap() -> None:
    """Repair what crashes leave behind: expired leases, unclosed jobs, abandoned uploads. Advance tallies.

    While another process does it, this call returns at once.
    """
    with hold("e1-reap") as alone:
        if not alone:
            return
        owners_follow()
        if taken := leases_reap():
            log.warning("took back %d chunks whose worker no longer renews its lease", taken)
        for job in progress.jobs_with_units():
            if groups_release(job_id=job.pk):
                queue.dispatch_quietly(job.model)
        for job in progress.closable_jobs():
            job_finalise(job_id=job.pk)
        for job in progress.idle_jobs(ABANDONED_UPLOAD_SECONDS):
            log.warning("removing job %s: its upload broke off", job.pk)
            job_delete(job_id=job.pk)
        tallies_advance()
        queue.turns_forget()
        artefacts_clean()
        for work in WORKS.values():
            works_tend(work.model)
        blocks_sweep()
        Worker.objects.filter(heartbeat_at__lt=Now() - timedelta(hours=24)).delete()
        duties.duty_done(duties.REAP)


@shared_task(name=TASK_EXPIRE)
def expire() -> None:
    """Add stored bytes to the accounts. Delete expired results, for about a minute, and deleted projects.

    Beat calls again.
    """
    with hold("e1-expire") as alone:
        if not alone:
            return
        storage_sample()
        if purged := jobs_expire():
            log.info("freed the storage of %d expired jobs", purged)
        if purged := projects_purge():
            log.info("purged %d deleted projects; what they held stays", purged)
        while contexts_sweep():
            pass
        duties.duty_done(duties.EXPIRE)


@shared_task(name=TASK_WEBHOOKS)
def deliver_webhooks() -> None:
    """Send due mails, then due deliveries to webhooks, in one process at a time, since slow servers may hold it up."""
    with hold("e1-webhooks") as alone:
        if alone:
            mails_send()
            deliveries_send()
            duties.duty_done(duties.WEBHOOKS)


@shared_task(name=TASK_WORK)
def work_in_background(kind: str, pk: str) -> None:
    """Do the work whose turn it is. It need not be the work that the message names."""
    turn_take()
