"""A job that scores the members of a library: an ordinary one, with model and contexts of the campaign."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User

from jobs.actions.score import METHODS, Score
from jobs.campaigns.asked import choice
from jobs.campaigns.embedding import contexts_of
from jobs.campaigns.libraries import Library
from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.intake.requests import submission_of_file
from jobs.intake.submit import job_submit
from jobs.limits import MAX_JOB_NAME
from jobs.models import Campaign, Job

MOST_SCORED = 200_000
"""Members that a request submits. A job of a file takes more."""


def scored_count(library: Library) -> int:
    """Return the number of members that a job scores. The parent's score is 0, and so it is left out."""
    return library.members.count - library.members.has_parent


def members_score(*, campaign: Campaign, library: Library, method: str, key: str, by: User) -> Job:
    """Submit a job that scores the members, and return it. The same key and library return the same job.

    It is in the campaign's project. Raises InvalidInput, and TooLarge and TooManyRequests if there are too many for a
    request, or if the quota does not allow them.
    """
    count = scored_count(library)
    if count > MOST_SCORED:
        what = f"the library has {count:,} members, and the page submits {MOST_SCORED:,}"
        remedy = "Download the members as CSV, and submit the file as a new job with the action score."
        raise TooLarge.of(Problem("too_many_variants", what, remedy, path="sites"))
    if not count:
        raise InvalidInput.one("bad_sites", "the parent is the only member", "Want more residues.", path="wanted")
    params: dict[str, Any] = {
        "parent": campaign.parent,
        "method": choice({"method": method or None}, "method", METHODS, METHODS[0]),
        "numbering": campaign.numbering,
    }
    if contexts := contexts_of(campaign, by, path="context_set"):
        params["contexts"] = contexts
    content = b"".join(_lines(library))
    fields = {
        "action": Score.name,
        "model": campaign.model,
        "params": params,
        "name": f"{campaign.name}: library of {count:,}"[-MAX_JOB_NAME:],
        "project": None if campaign.project_id is None else str(campaign.project_id),
    }
    digest = hashlib.sha256(content + repr(sorted(params.items())).encode()).hexdigest()[:32]
    stream = io.BytesIO(content)
    found = submission_of_file(
        fields, f"{key[:100]}-{digest}", stream, "members.csv", "text/csv", owner=by, pasted=True
    )
    return job_submit(owner=by, submission=found)[0]


def _lines(library: Library) -> Iterator[bytes]:
    yield b"variant\n"
    for one in library.members:
        if one.variant.mutations:
            yield f"{one.variant.code(library.numbering)}\n".encode()
