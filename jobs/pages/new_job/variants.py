"""The fields of the form for a new job that describe a parent and its variants, from text and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, QueryDict

from jobs.actions import get_action
from jobs.errors import InvalidInput, NotFound
from jobs.library import selectors
from jobs.limits import MAX_LINE
from jobs.models import Job
from jobs.parsing.letters import clean_sequence
from jobs.parsing.numbers import whole
from jobs.results.items import results_of
from jobs.science.variants.codes import single_variants
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.scans import ScanTable, Substitution
from jobs.variants.likelihoods import is_ranked
from jobs.variants.pages import top_fasta, top_of
from jobs.variants.pages_likelihoods import best_of_likelihoods

_MOST_POSITIONS = 8192
_RANGE = re.compile(r"(-?[0-9]{1,9}[A-Za-z]?)(?:-(-?[0-9]{1,9}[A-Za-z]?)?)?")


def job_named(text: str, owner: User) -> Job:
    """Return the owner's job with this id. Raises Http404 if there is none."""
    try:
        return selectors.job_of(owner, UUID(text))
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


def positions_of_text(text: str, numbering: Numbering = SEQUENTIAL) -> list[int] | None:
    """Return positions named by their numbers, such as `24, 52A, 56-60`; None for all.

    A range holds all residues between its ends. Raises InvalidInput `bad_positions`.
    """
    positions: list[int] = []
    for word in text.replace(",", " ").replace("\N{EN DASH}", "-").split():
        found = _RANGE.fullmatch(word)
        low, high = (numbering.position_of(found[1]), numbering.position_of(found[2] or found[1])) if found else (1, 0)
        if not low or not high or not 0 <= high - low < _MOST_POSITIONS - len(positions):
            what = f"the positions hold {word[:40]!r}"
            remedy = "Give the numbers of residues, and ranges, such as 24, 56-60."
            raise InvalidInput.one("bad_positions", what, remedy, path="params.positions")
        positions += range(low, high + 1)
    return positions or None


def ranges_text(positions: Sequence[int], numbering: Numbering = SEQUENTIAL) -> str:
    """Return ascending positions as the form takes them: `24, 56-60`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    ends = [[str(numbering.label(end)) for end in run] for run in runs]
    return ", ".join(low if low == high else f"{low}-{high}" for low, high in ends)


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
