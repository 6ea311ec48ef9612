"""Searches for homologs: asked for, done by the service worker under a lease, ended by an alignment."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from e1protocol import EXTENDED
from jobs.alignments.databases import database_folder
from jobs.alignments.services import alignment_store
from jobs.background.leases import (
    RENEW_SECONDS,
    work_cancel,
    work_claim,
    work_fail,
    work_finish,
    work_publish,
    work_renew,
)
from jobs.contexts.services import SET_RULES
from jobs.errors import Conflict, InvalidInput, Problem, Problems, ServiceError, TooManyRequests
from jobs.models import HomologSearch, SequenceDatabase
from jobs.models.states import WorkState
from jobs.parsing.letters import check_letters
from jobs.parsing.records import Place
from jobs.quotas.admission import quota_lock
from jobs.science.alignments import homologs, mmseqs
from jobs.science.alignments.homologs import Found, SearchSettings
from jobs.science.alignments.libraries import library_blocks

log = logging.getLogger(__name__)

MAX_OPEN = 3
"""Unfinished searches of one person: one worker does them all, and files of results wait behind them."""

_KINDS = {field.name: {"str": str, "int": int, "float": float}[str(field.type)] for field in fields(SearchSettings)}


class _LeaseLost(Exception):
    """Cancelled, or somebody else does it."""


def search_settings(given: dict[str, object]) -> SearchSettings:
    """Settings of a request; what is left out has its default. Raises InvalidInput with the path of each wrong one."""
    values: dict[str, Any] = {}
    problems = Problems()
    for name, value in given.items():
        if name not in _KINDS:
            remedy = f"Choose from {', '.join(_KINDS)}."
            problems.add(Problem("unknown_field", f"there is no setting {name!r}", remedy, path=name))
        elif isinstance(value, bool) or not isinstance(value, int | float if _KINDS[name] is float else _KINDS[name]):
            kind = {str: "text", int: "a whole number", float: "a number"}[_KINDS[name]]
            problems.add(Problem("bad_search", f"{name} is {value!r}", f"Give {kind}.", path=name))
        else:
            values[name] = _KINDS[name](value)
    settings = SearchSettings(**values)
    if not problems:
        problems.extend(settings.problems())
    if problems:
        raise problems.refusal()
    return settings


def search_start(
    *, owner: User, database: SequenceDatabase, parent: str, name: str, settings: SearchSettings
) -> HomologSearch:
    """Ask for a search. Raises InvalidInput for a parent that is none, TooManyRequests `too_many_searches`,
    Unavailable where its tool is not installed.
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
        quota_lock(user_id=owner.pk)  # of many at the same time, as many are accepted as fit
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
    """Stop a search; cancelling twice is fine. Raises Conflict where it is over in another way."""
    if work_cancel(search):
        return
    search.refresh_from_db()
    if search.state != WorkState.CANCELLED:
        raise Conflict(f"the search is over: it is {search.state}", code="search_is_over")


def search_run(*, search_id: UUID | str) -> bool:
    """What the service worker does: claim, search with progress, store the alignment. True where it counts."""
    search = work_claim(HomologSearch, search_id)
    if search is None:
        return False
    try:
        found = _found(search)
        if not work_renew(search, progress=1.0):
            return False
        stored = alignment_store(
            owner=search.owner, name=search.name, source="search", rows=found.alignment, admitted=True
        )
        return work_finish(
            search, alignment=stored, hits=found.hits, iteration=found.iterations, converged=found.converged
        )
    except _LeaseLost:
        return False
    except (ServiceError, OSError, ValueError, MemoryError) as error:
        log.exception("the search %s failed", search_id)
        work_fail(search, reason=_reason(error))
        return False


def _found(search: HomologSearch) -> Found:
    if search.database is None:
        raise Conflict(f"the database {search.database_name} was removed", code="database_removed")
    settings = SearchSettings(**search.settings)
    folder = database_folder(search.database)
    report = _Progress(search, settings.iterations)
    if settings.tool == "mmseqs2":
        return mmseqs.search(search.parent, folder, settings, report)
    count = search.database.sequences
    return homologs.search(search.parent, lambda: library_blocks(folder), count, settings, report)


class _Progress:
    """Renews the lease with the share of all iterations, every RENEW_SECONDS. Raises _LeaseLost where it is gone."""

    def __init__(self, search: HomologSearch, iterations: int) -> None:
        self._search = search
        self._iterations = iterations
        self._written = 0.0

    def __call__(self, iteration: int, share: float) -> None:
        if time.monotonic() - self._written < RENEW_SECONDS:
            return
        progress = min(1.0, (iteration - 1 + share) / self._iterations)
        if not work_renew(self._search, progress=progress, iteration=iteration):
            raise _LeaseLost
        self._written = time.monotonic()


def _reason(error: BaseException) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    if isinstance(error, OSError):
        return f"the library cannot be read on the service worker: {error.strerror or error}"
    return str(error) or "the machine has too little memory"
