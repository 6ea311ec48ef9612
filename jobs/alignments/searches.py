"""Searches for homologs, which the service worker does under a lease. Each ends with an alignment."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from e1protocol import EXTENDED
from jobs.alignments.databases import database_folder
from jobs.alignments.leased import Progress, failure_stored
from jobs.alignments.services import alignment_store
from jobs.alignments.settings import typed_settings
from jobs.background.leases import work_cancel, work_claim, work_finish, work_publish, work_renew
from jobs.contexts.services import SET_RULES
from jobs.errors import Conflict, InvalidInput, Problems, TooManyRequests
from jobs.models import HomologSearch, SequenceDatabase
from jobs.models.states import WorkState
from jobs.parsing.letters import check_letters
from jobs.parsing.records import Place
from jobs.quotas.admission import quota_lock
from jobs.science.alignments import homologs, mmseqs
from jobs.science.alignments.homologs import Found, SearchSettings
from jobs.science.alignments.libraries import library_blocks

MAX_OPEN = 3
"""Unfinished searches of one user: a single worker does them all, and files of results wait behind them."""


def search_settings(given: dict[str, object]) -> SearchSettings:
    """Return the settings of a request; a missing one has its default. Raises InvalidInput for each wrong one."""
    problems = Problems()
    settings = SearchSettings(**typed_settings(SearchSettings, given, problems, code="bad_search"))
    if not problems:
        problems.extend(settings.problems())
    if problems:
        raise problems.refusal()
    return settings


def search_start(
    *, owner: User, database: SequenceDatabase, parent: str, name: str, settings: SearchSettings
) -> HomologSearch:
    """Queue a search.

    Raises InvalidInput for a bad parent, TooManyRequests `too_many_searches`, and Unavailable if the tool is not
    installed.
    """
    place = Place(path="parent")
    problems = list(check_letters(parent, EXTENDED, place))
    if not parent:
        problems.append(place.problem("empty_parent", "the parent has no residues", "Give its sequence."))
    if len(parent) > SET_RULES.max_residues:
        what = f"the parent has {len(parent):,} residues, and the limit is {SET_RULES.max_residues:,}"
        problems.append(place.problem("sequence_too_long", what, "Search its domains one by one."))
    if problems:
        raise InvalidInput.of(*problems)
    if settings.tool == "mmseqs2":
        mmseqs.require_mmseqs()
    else:
        homologs.require_hmmer()
    with transaction.atomic():
        quota_lock(user_id=owner.pk)  # concurrent requests are counted one after the other
        if HomologSearch.objects.filter(owner=owner, state__in=WorkState.unfinished()).count() >= MAX_OPEN:
            what = f"you have {MAX_OPEN} unfinished searches; wait for one, or cancel it"
            raise TooManyRequests(what, code="too_many_searches", retry_after=30)
        search = HomologSearch.objects.create(
            owner=owner,
            name=name[:200] or f"homologs in {database.name}",
            database=database,
            database_name=database.name,
            database_digest=database.digest,
            parent=parent,
            settings=asdict(settings),
        )
    work_publish(search)
    search.refresh_from_db()
    return search


def search_cancel(search: HomologSearch) -> None:
    """Stop a search. Cancelling twice is fine. Raises Conflict if it has ended in another way."""
    if work_cancel(search):
        return
    search.refresh_from_db()
    if search.state != WorkState.CANCELLED:
        raise Conflict(f"the search is over: it is {search.state}", code="search_is_over")


def search_run(*, search_id: UUID | str) -> bool:
    """Claim a search, run it and store its alignment: the job of the service worker. Return whether it is stored."""
    search = work_claim(HomologSearch, search_id)
    if search is None:
        return False
    with failure_stored(search):
        found = _found(search)
        if not work_renew(search, progress=1.0):
            return False
        stored = alignment_store(
            owner=search.owner, name=search.name, source="search", rows=found.alignment, admitted=True
        )
        return work_finish(
            search, alignment=stored, hits=found.hits, iteration=found.iterations, converged=found.converged
        )
    return False


def _found(search: HomologSearch) -> Found:
    if search.database is None:
        raise Conflict(f"the database {search.database_name} was removed", code="database_removed")
    settings = SearchSettings(**search.settings)
    folder = database_folder(search.database)
    progress = Progress(search)

    def report(iteration: int, share: float) -> None:
        progress(min(1.0, (iteration - 1 + share) / settings.iterations), iteration=iteration)

    if settings.tool == "mmseqs2":
        return mmseqs.search(search.parent, folder, settings, report)
    count = search.database.sequences
    return homologs.search(search.parent, lambda: library_blocks(folder), count, settings, report)
