"""What a public link shows of a project or a campaign, and what it leaves out. Every public page asks here.

A link shows what its owner submitted. What other members put into a project is theirs to publish, so it is left out. A
campaign is one set of data, and its owner decides: what members added to it is shown, without names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from jobs.contexts.selectors import with_figures
from jobs.models import (
    Alignment,
    Assay,
    Campaign,
    ContextSet,
    Job,
    Measurement,
    Project,
    Property,
    PropertyModel,
    Round,
    Structure,
)
from jobs.models.states import JobState, WorkState
from jobs.publishing.links import Publishable, link_opened, no_such_link

WITH_RESULTS = (JobState.SUCCEEDED, JobState.PARTIAL)


def published_job(token: str, job_id: UUID | None = None) -> Job:
    """Return the job that a link opens, or a job of the project that it opens. Raises NotFound `no_such_link`."""
    link = link_opened(token)
    if job_id is None:
        found = link.job
    else:
        found = None if link.project is None else jobs_shown(link.project).filter(pk=job_id).first()
    if found is None:
        raise no_such_link()
    return found


def published_project(token: str) -> Project:
    """Return the project that a link opens. Raises NotFound `no_such_link`."""
    project = link_opened(token).project
    if project is None:
        raise no_such_link()
    return project


def published_campaign(token: str, campaign_id: UUID) -> tuple[Campaign, Project | None]:
    """Return a campaign that a link opens, and the project if the link is that of the project.

    Raises NotFound `no_such_link`.
    """
    link = link_opened(token)
    if link.campaign is not None and link.campaign.pk == campaign_id:
        return link.campaign, None
    found = None if link.project is None else campaigns_shown(link.project).filter(pk=campaign_id).first()
    if found is None:
        raise no_such_link()
    return found, link.project


def jobs_shown(project: Project) -> QuerySet[Job]:
    """Return the jobs of the project's owner that have results, newest first."""
    found = Job.objects.filter(project=project, owner=project.owner_id, interactive=False, state__in=WITH_RESULTS)
    return found.order_by("-created_at", "-id")


def campaigns_shown(project: Project) -> QuerySet[Campaign]:
    found = Campaign.objects.filter(project=project, owner=project.owner_id)
    return found.select_related("owner").order_by("-created_at", "-id")


def alignments_shown(project: Project) -> QuerySet[Alignment]:
    return Alignment.objects.filter(project=project, owner=project.owner_id).order_by("-created_at", "-id")


def context_sets_shown(project: Project) -> QuerySet[ContextSet]:
    found = ContextSet.objects.filter(project=project, owner=project.owner_id)
    return with_figures(found).order_by("-created_at", "-id")


def assays_shown(project: Project) -> QuerySet[Assay]:
    """Return measurements that the owner attached to the jobs that are shown."""
    found = Assay.objects.filter(job__in=jobs_shown(project).order_by().values("pk"), added_by__isnull=True)
    return found.select_related("job").order_by("-pk")


def structures_shown(project: Project) -> QuerySet[Structure]:
    """Return structures that the owner attached to the jobs that are shown, without their distances."""
    found = Structure.objects.filter(job__in=jobs_shown(project).order_by().values("pk"), added_by__isnull=True)
    return found.defer("data").select_related("job").order_by("-pk")


def rounds_shown(campaign: Campaign) -> QuerySet[Round]:
    """Return the rounds that are ordered or measured. A proposed one is a plan."""
    return Round.objects.filter(campaign=campaign).exclude(state="proposed")


def models_shown(campaign: Campaign) -> QuerySet[PropertyModel]:
    """Return the models that have figures, newest first."""
    found = PropertyModel.objects.filter(campaign=campaign, state=WorkState.DONE)
    return found.select_related("property", "campaign").order_by("-number")


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says before a link is made: what everybody with it sees, and what is left out."""

    shows: tuple[str, ...]
    leaves_out: tuple[str, ...]


def told_of(thing: Publishable) -> Told:
    """Return what a link of this shows now, in sentences for people who decide about it."""
    if isinstance(thing, Project):
        return _of_project(thing)
    return _of_campaign(thing) if isinstance(thing, Campaign) else OF_JOB


OF_JOB = Told(
    shows=("The name, the result and the downloads of this job, sequences included.",),
    leaves_out=("People, projects, tags, and all other jobs.",),
)


def _of_project(project: Project) -> Told:
    jobs, campaigns = jobs_shown(project).count(), campaigns_shown(project).count()
    alignments, sets = alignments_shown(project).count(), context_sets_shown(project).count()
    beside = assays_shown(project).count() + structures_shown(project).count()
    others = ~Q(owner=project.owner_id)
    theirs = (
        _many(Job.objects.filter(others, project=project, interactive=False).count(), "job"),
        _many(Campaign.objects.filter(others, project=project).count(), "campaign"),
        _many(Alignment.objects.filter(others, project=project).count(), "alignment"),
        _many(ContextSet.objects.filter(others, project=project).count(), "context set"),
    )
    return Told(
        shows=(
            "Name, description and notes. E-mail addresses in them are left out.",
            f"{_many(jobs, 'finished job')} of the owner, with results, sequences and downloads; and "
            f"{_many(beside, 'file')} of measurements and structures beside them.",
            f"{_many(campaigns, 'campaign')} of the owner: every measured value, the models, and rounds that are "
            "ordered or measured.",
            f"{_many(alignments, 'alignment')} of the owner as files, and the names of {_many(sets, 'context set')}.",
            "What the owner puts into the project later, from then on.",
        ),
        leaves_out=(
            "People: no owner, no members, no tags.",
            f"What others put here: {', '.join(theirs)}. Their owners can make links of their own.",
            "Jobs that have not finished, comparisons, baskets, and maps except as the small picture of a job.",
            "Of campaigns: rounds that are only proposed, coding sequences and synthesis orders.",
        ),
    )


def _of_campaign(campaign: Campaign) -> Told:
    measured = Measurement.objects.filter(property__campaign=campaign)
    counts: dict[str, Any] = measured.aggregate(n=Count("id"), theirs=Count("id", filter=Q(added_by__isnull=False)))
    by_members = f", {counts['theirs']:,} of them added by members" if counts["theirs"] else ""
    plans = Round.objects.filter(campaign=campaign, state="proposed").count()
    properties = Property.objects.filter(campaign=campaign).count()
    return Told(
        shows=(
            "The name, the parent's sequence, its numbering, and what is measured "
            f"({_many(properties, 'property', 'properties')}).",
            f"Every measured value ({_many(counts['n'], 'row')}{by_members}), with plates and wells, also as files.",
            "Models with their figures, and rounds that are ordered or measured, with their predictions.",
            "What you measure, order and learn later, from then on.",
        ),
        leaves_out=(
            "People: no owner, no members, and no project.",
            f"Rounds that are only proposed ({plans:,} now).",
            "The coding sequence, codons and synthesis orders.",
            "The alignment, the context set and the jobs that models learn with, and the file of the whole campaign.",
            "Predictions of further variants.",
        ),
    )


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
