"""The prior of a campaign: from a finished job with label-free scores, from its alignment, or BLOSUM62."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Q
from numpy.typing import NDArray

from e1protocol import NEIGHBOUR_THRESHOLD
from jobs.actions import Scan
from jobs.actions.score import Score
from jobs.campaigns.selectors import alignment_of_campaign
from jobs.errors import Conflict
from jobs.learning.priors import Tables, blosum_prior, no_prior, prior_of_scores, profile_prior
from jobs.library.alignments import alignment_load, neighbours_stored
from jobs.library.sharing import projects_open_to
from jobs.models import Campaign, Item, Job
from jobs.models.states import JobState
from jobs.results.items import results_of
from jobs.science.alignments.profile import Profile, profile_of
from jobs.science.alignments.sampling import neighbour_counts
from jobs.science.variants.codes import single_variants
from jobs.science.variants.scans import ScanTable
from jobs.variants.baselines import profile_if_counted
from jobs.variants.table import scores_of
from jobs.web.turns import READING

Floats = NDArray[np.float64]

AUTO, NONE, ZERO_SHOT, PROFILE, BLOSUM = "auto", "none", "zero_shot", "profile", "blosum62"
PRIORS = (AUTO, NONE, ZERO_SHOT, PROFILE, BLOSUM)
BLOSUM_SOURCE = "BLOSUM62, for want of anything better"
LOOKED_AT = 20
"""Newest jobs of a kind that are looked through for the parent."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior by name, where it comes from in words, and its tables."""

    name: str
    source: str
    tables: Tables


def prior_of(campaign: Campaign, asked: str, *, by: User) -> Prior:
    """Return the prior that `by` asks for. `auto` takes the first of zero-shot scores, profile, BLOSUM62.

    Raises Conflict `no_prior` if there is none of that kind.
    """
    parent = campaign.parent
    profile = profile_of_campaign(campaign)
    rows = None if profile is None else profile.log_probabilities
    if asked in (AUTO, ZERO_SHOT) and (found := _zero_shot(campaign, by)) is not None:
        job, table = found
        return Prior(ZERO_SHOT, _job_source(job), Tables(parent, table, rows))
    if asked in (AUTO, PROFILE) and profile is not None:
        return Prior(PROFILE, _profile_source(campaign, profile), Tables(parent, profile_prior(profile), rows))
    if asked in (AUTO, BLOSUM):
        return Prior(BLOSUM, BLOSUM_SOURCE, Tables(parent, blosum_prior(parent), rows))
    if asked == NONE:
        return Prior(NONE, "none", Tables(parent, no_prior(parent), rows))
    needed = {
        PROFILE: "the campaign has no alignment; choose another prior, or make a campaign with one",
        ZERO_SHOT: "there is no finished scan of all substitutions of this parent; submit one with this model",
    }
    raise Conflict(needed[asked], code="no_prior")


def prior_at_hand(campaign: Campaign, *, by: User) -> Prior:
    """Return the best prior that takes no long work: a profile only if its neighbours are counted.

    It may read the scores of many jobs, so requests of one user do it in turns.
    """
    with READING.turn(by.pk):
        return _at_hand(campaign, by)


def _at_hand(campaign: Campaign, by: User) -> Prior:
    parent = campaign.parent
    if (found := _zero_shot(campaign, by)) is not None:
        job, table = found
        return Prior(ZERO_SHOT, _job_source(job), Tables(parent, table, None))
    stored = alignment_of_campaign(campaign)
    if stored is not None and (profile := profile_if_counted(stored)) is not None:
        return Prior(PROFILE, _profile_source(campaign, profile), Tables(parent, profile_prior(profile), None))
    return Prior(BLOSUM, BLOSUM_SOURCE, Tables(parent, blosum_prior(parent), None))


def _job_source(job: Job) -> str:
    return f"job {job.pk}, {job.action} with {job.model}"


def _profile_source(campaign: Campaign, profile: Profile) -> str:
    return f"alignment {campaign.alignment_id}, Neff {profile.neff:.1f}"


def profile_of_campaign(campaign: Campaign) -> Profile | None:
    """Return the profile of the campaign's alignment, or None if it has none."""
    stored = alignment_of_campaign(campaign)
    if stored is None:
        return None
    rows, counts = alignment_load(stored), neighbours_stored(stored, NEIGHBOUR_THRESHOLD)
    return profile_of(rows, neighbour_counts(rows, NEIGHBOUR_THRESHOLD) if counts is None else counts)


def _zero_shot(campaign: Campaign, by: User) -> tuple[Job, Floats] | None:
    """Return the newest finished job of the campaign's model with a score of every substitution, and the table.

    A scan comes before a job of single variants. All who may see the campaign see the prior, so jobs of its project
    are taken. Own jobs outside it are taken only for the campaign's owner, who decides who sees the campaign.
    """
    parent = campaign.parent
    jobs = Job.objects.filter(_usable(campaign, by), model=campaign.model, state=JobState.SUCCEEDED)
    newest = jobs.order_by("-created_at")
    for job in newest.filter(action=Scan.name)[:LOOKED_AT]:
        index = Item.objects.filter(job=job, sequence=parent).order_by("index").values_list("index", flat=True).first()
        if index is not None and (scanned := _scanned(job, index, parent)) is not None:
            return job, scanned
    for job in newest.filter(action=Score.name, params__parent=parent)[:LOOKED_AT]:
        singles = single_variants(parent)
        if job.total_items < len(singles):
            continue
        score_of = scores_of(job)
        found = {one: score for one in singles if (score := score_of(one)) is not None}
        if (table := prior_of_scores(parent, found)) is not None:
            return job, table
    return None


def _usable(campaign: Campaign, by: User) -> Q:
    usable = Q(owner=by) if by.pk == campaign.owner_id else Q(pk__in=())
    if campaign.project_id is not None:
        usable |= Q(project__in=projects_open_to(by).filter(pk=campaign.project_id).values("pk"))
    return usable


def _scanned(job: Job, index: int, parent: str) -> Floats | None:
    """Return the scores of a scan of the whole parent, or None if some are missing."""
    result = results_of(job, [index]).get(index)
    if result is None:
        return None
    table = ScanTable.of(result, parent)
    scores = np.asarray(table.scores, dtype=float)
    whole = table.positions == tuple(range(1, len(parent) + 1)) and bool(np.isfinite(scores).all())
    return scores if whole else None
