"""The part of the form for a new job that is about a parent and its variants, as text and as the REST interface
takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, QueryDict

from jobs.errors import InvalidInput, NotFound
from jobs.library import selectors
from jobs.limits import MAX_LINE
from jobs.models import Job
from jobs.parsing.letters import clean_sequence
from jobs.results.items import results_of
from jobs.science.variants.codes import single_variants
from jobs.science.variants.scans import ScanTable, Substitution
from jobs.variants.pages import TOP, top_fasta
from jobs.web.links import whole

_MOST_POSITIONS = 8192


def parent_of_text(text: str) -> str:
    """The parent's letters, from plain text or FASTA of one record. Raises InvalidInput `two_parents`."""
    lines = text.splitlines()
    if sum(line.startswith(">") for line in lines) > 1:
        raise InvalidInput.one(
            "two_parents", "there is more than one parent", "Give one sequence.", path="params.parent"
        )
    return "".join(line for line in lines if not line.startswith(">"))


def parent_of_file(file: Any) -> str:
    """The parent in an uploaded file. Raises InvalidInput `bad_parent`."""
    if file.size <= MAX_LINE:
        try:
            return str(file.read().decode())
        except UnicodeDecodeError:
            pass
    what = "the parent's file is no text, or far too long for one sequence"
    raise InvalidInput.one("bad_parent", what, "Choose a FASTA file of one sequence.", path="params.parent")


def offset_of_text(text: str) -> int:
    """Raises InvalidInput `bad_offset`; nothing is 0."""
    word = text.strip().replace("\N{MINUS SIGN}", "-")
    try:
        return int(word or 0)
    except ValueError:
        remedy = "Give a whole number, such as 0 or 23."
        raise InvalidInput.one("bad_offset", f"the offset is {text[:40]!r}", remedy, path="params.offset") from None


def positions_of_text(text: str) -> list[int] | None:
    """Positions such as `24, 56-60`; None for all. Raises InvalidInput `bad_positions`."""
    words = text.replace(",", " ").replace("\N{EN DASH}", "-").split()
    positions: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        if not (first.isdigit() and (last.isdigit() or not last)) or not word.isascii() or len(word) > 12:
            raise _bad_positions(word)
        low, high = int(first), int(last or first)
        if not 0 <= high - low < _MOST_POSITIONS:
            raise _bad_positions(word)
        positions += range(low, high + 1)
    return positions or None


def _bad_positions(word: str) -> InvalidInput:
    what = f"the positions hold {word[:40]!r}"
    return InvalidInput.one(
        "bad_positions", what, "Give numbers and ranges, such as 24, 56-60.", path="params.positions"
    )


def all_singles(parent: str, offset: int) -> str:
    """Every substitution of one residue of the parent, as a table of codes."""
    cleaned, _ = clean_sequence(parent)
    codes = (variant.code(offset) for variant in single_variants(cleaned))
    return "variant\n" + "".join(f"{code}\n" for code in codes)


def ranked_sequences(query: QueryDict, owner: User) -> tuple[Job, str, str]:
    """The job that `?ranked=` names, the full sequences of its best variants as FASTA, and their parent. Raises
    Http404.
    """
    try:
        job = selectors.job_of(owner, UUID(query.get("ranked", "")))
    except (ValueError, NotFound) as error:
        raise Http404("there is no such job") from error
    if job.action == "score":
        return job, top_fasta(job, query), str(job.params["parent"])
    if job.action == "scan":
        parent, best = _best_of_scan(job, query)
        return job, best, parent
    raise Http404("that job has no scores of variants")


def _best_of_scan(job: Job, query: QueryDict) -> tuple[str, str]:
    """The scanned sequence, and its best substitutions as FASTA."""
    index = whole(query.get("item"), 0)
    item = selectors.item_of(job, index)
    result = results_of(job, [index]).get(index)
    if item is None or result is None:
        raise Http404("that scan is not there")
    table = ScanTable.of(result, item.sequence)
    count = min(max(1, whole(query.get("top"), TOP)), 1000)
    return item.sequence, "".join(_fasta_of(table.substitutions(table.ranked()[:count]), item.sequence))


def _fasta_of(substitutions: Iterable[Substitution], parent: str) -> Iterator[str]:
    for one in substitutions:
        at = one.position - 1
        yield f">{one.code}\n{parent[:at]}{one.mutant}{parent[at + 1 :]}\n"
