"""The fields of the form for a new job that describe a parent and its variants, from text and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, QueryDict

from jobs.actions import get_action
from jobs.actions.titles import subject_of
from jobs.errors import InvalidInput, NotFound
from jobs.library import selectors
from jobs.limits import MAX_LINE
from jobs.models import Job
from jobs.parsing.letters import clean_sequence
from jobs.parsing.numbers import whole
from jobs.results.items import results_of
from jobs.science.variants.codes import single_variants
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.scans import ScanTable, Substitution
from jobs.variants.likelihoods import is_ranked
from jobs.variants.pages import top_fasta, top_of
from jobs.variants.pages_likelihoods import best_of_likelihoods


def short_name(job: Job) -> str:
    """Return what the job is about, for the name of another job: its subject, or the beginning of its id."""
    return subject_of(job.action, job.name) or job.pk.hex[:8]


def job_named(text: str, user: User) -> Job:
    """Return the job with this id, which the user may see. Raises Http404 if there is none."""
    try:
        return selectors.job_of(user, UUID(text))
    except (ValueError, NotFound) as error:
        raise Http404("there is no such job") from error


def parent_of_text(text: str) -> str:
    """Return the parent's letters, from plain text or FASTA of one record. Raises InvalidInput `two_parents`."""
    lines = text.splitlines()
    if sum(line.startswith(">") for line in lines) > 1:
        raise InvalidInput.one(
            "two_parents", "there is more than one parent", "Give one sequence.", path="params.parent"
        )
    return "".join(line for line in lines if not line.startswith(">"))


def parent_of_file(file: Any) -> str:
    """Return the parent in an uploaded file. Raises InvalidInput `bad_parent`."""
    if file.size <= MAX_LINE:
        try:
            return str(file.read().decode())
        except UnicodeDecodeError:
            pass
    what = "the parent's file is not text, or far too long for one sequence"
    raise InvalidInput.one("bad_parent", what, "Choose a FASTA file of one sequence.", path="params.parent")


def all_singles(parent: str, numbering: Numbering) -> str:
    """Return every substitution of one residue of the parent, as a table of codes."""
    cleaned, _ = clean_sequence(parent)
    codes = (variant.code(numbering) for variant in single_variants(cleaned))
    return "variant\n" + "".join(f"{code}\n" for code in codes)


def ranked_sequences(query: QueryDict, owner: User) -> tuple[Job, str, str]:
    """Return the job that `?ranked=` names, the full sequences of its best items as FASTA, and their parent if any.

    Raises Http404 if the job does not exist or has no scores.
    """
    job = job_named(query.get("ranked", ""), owner)
    action = get_action(job.action)
    if is_ranked(job):
        return job, best_of_likelihoods(job, query), ""
    if action.takes_variants:
        return job, top_fasta(job, query), str(job.params["parent"])
    if action.scores_variants:
        parent, best = _best_of_scan(job, query)
        return job, best, parent
    raise Http404("that job has no scores of variants")


def _best_of_scan(job: Job, query: QueryDict) -> tuple[str, str]:
    """Return the scanned sequence, and its best substitutions as FASTA."""
    index = whole(query.get("item")) or 0
    item = selectors.item_of(job, index)
    result = results_of(job, [index]).get(index)
    if item is None or result is None:
        raise Http404("that scan is not there")
    table = ScanTable.of(result, item.sequence)
    return item.sequence, "".join(_fasta_of(table.substitutions(table.ranked()[: top_of(query)]), item.sequence))


def _fasta_of(substitutions: Iterable[Substitution], parent: str) -> Iterator[str]:
    for one in substitutions:
        at = one.position - 1
        yield f">{one.code}\n{parent[:at]}{one.mutant}{parent[at + 1 :]}\n"
