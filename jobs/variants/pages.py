"""The variants of a scoring job: ranked, searched, filtered, and sent on to a new job."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from e1protocol import CANONICAL
from jobs.files.pieces import text_cell
from jobs.limits import PAGE_ROWS
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.parsing.numbers import whole
from jobs.queue import progress
from jobs.results.page import ResultPage
from jobs.variants.assays import assays_of, labelled
from jobs.variants.rows import OTHER_LENGTH
from jobs.variants.scan_pages import METHODS
from jobs.variants.table import MAX_RANKED, VariantTable, Wanted, variant_table
from jobs.web.access import own_job_with_rows, page
from jobs.web.links import changed, searched
from jobs.web.numbers import FORM_LIMIT

BINS = 30
TOP = 50
"""Variants that are sent to a new job."""

SORTS = {
    "best": "Best score first",
    "worst": "Worst score first",
    "spread": "Largest spread first",
    "position": "By position",
    "mutations": "Fewest mutations first",
    "name": "By name",
    "index": "In the order of the input",
}


@dataclass(frozen=True, slots=True)
class Head:
    """A column of the table: a press on it sorts by it. `sorted` is the value of aria-sort; empty for other columns."""

    text: str
    number: bool
    link: str
    sorted: str


_HEADS = (
    ("Variant", False, {"position": "ascending"}),
    ("Rank", True, {"best": "ascending", "worst": "descending"}),
    ("Score", True, {"best": "descending", "worst": "ascending"}),
    ("Spread", True, {"spread": "descending"}),
    ("Mutations", True, {"mutations": "ascending"}),
    ("Name", False, {"name": "ascending"}),
)
"""Columns with the orders that sort by them; a press takes the next of these."""


def heads_of(query: QueryDict, sort: str, *, several: bool) -> list[Head]:
    """The columns of the table as it is sorted; the spread is one only where there are several contexts."""
    heads: list[Head] = []
    for text, number, orders in _HEADS:
        if text == "Spread" and not several:
            continue
        names = list(orders)
        following = names[(names.index(sort) + 1) % len(names)] if sort in names else names[0]
        heads.append(Head(text, number, changed(query, sort=following, page=None), orders.get(sort, "")))
    return heads


def wanted_of(query: QueryDict) -> Wanted:
    """What the address asks for; anything unknown in it counts as not asked."""
    position, mutations = query.get("position", ""), query.get("mutations", "")
    wild = query.get("wild", "").strip().upper()
    return Wanted(
        sort=query.get("sort", "best") if query.get("sort") in SORTS else "best",
        search=searched(query),
        position=whole(position, -FORM_LIMIT, FORM_LIMIT),
        wild=wild if len(wild) == 1 and wild in CANONICAL else "",
        mutations=whole(mutations, -FORM_LIMIT, FORM_LIMIT),
    )


def narrowed_to(query: QueryDict, table: VariantTable) -> tuple[Wanted, str]:
    """What the address asks for, and what is wrong with its position; a wrong one does not narrow anything."""
    wanted, given = wanted_of(query), query.get("position", "").strip()
    if not given:
        return wanted, ""
    first, last = 1 + table.offset, len(table.parent) + table.offset
    if wanted.position is None:
        fault = f"“{given[:20]}” is no whole number."
    elif not first <= wanted.position <= last:
        fault = f"The parent has no residue {wanted.position}: its residues are numbered {first} to {last}."
    else:
        return wanted, ""
    return replace(wanted, position=None), fault


@page
@require_safe
def variants_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The ranked table, and the distribution of what it lists."""
    job = _scoring_job(request, job_id)
    table = variant_table(job)
    wanted, fault = narrowed_to(request.GET, table)
    rows = table.select(wanted)
    found: Page[int] = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page", "1"))
    several = len(job.params.get("contexts") or ()) > 1
    context = {
        "job": job,
        "wanted": wanted,
        "position": request.GET.get("position", ""),
        "position_fault": fault,
        "heads": heads_of(request.GET, wanted.sort, several=several),
        "narrowed": bool(wanted.search or wanted.position is not None or wanted.wild or wanted.mutations is not None),
        "rows": table.rows(np.asarray(list(found), dtype=np.intp)),
        "page": found,
        "total": len(table),
        "other_length": OTHER_LENGTH,
        "several": several,
        "links": {
            "first": changed(request.GET, page=None),
            "last": changed(request.GET, page=found.paginator.num_pages),
            "previous": changed(request.GET, page=found.number - 1),
            "next": changed(request.GET, page=found.number + 1),
            "csv": reverse("variants-table", args=[job.pk]) + changed(request.GET, page=None),
            "top": _top_link(job, request.GET),
        },
    }
    counts = progress.job_counts(job)
    more = {
        "sorts": SORTS,
        "letters": CANONICAL,
        "mutation_counts": sorted({int(count) for count in np.unique(table.count)} - {OTHER_LENGTH}),
        "bins": bins_of(table.score[rows]),
        "facts": _facts(job, table),
        "left": counts["pending"],
        "final": job.state in JobState.final(),
        "cut": MAX_RANKED if table.cut else None,
        "assays": labelled(assays_of(job)),
        "top": min(TOP, len(rows)),
    }
    return render(request, "jobs/variants/variants.html", context | more)


@page
@require_safe
def variants_table(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """The same variants as CSV, as they are searched, filtered and sorted."""
    job = _scoring_job(request, job_id)
    table = variant_table(job)
    response = StreamingHttpResponse(
        _lines(table, narrowed_to(request.GET, table)[0]), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="variants-{job.pk.hex[:8]}.csv"'
    return response


def _lines(table: VariantTable, wanted: Wanted) -> Iterator[str]:
    yield "rank,variant,name,mutations,score,spread,index\n"
    for row in table.rows(table.select(wanted)):
        count = "" if row.mutations == OTHER_LENGTH else row.mutations
        yield f"{row.place},{row.code},{text_cell(row.name)},{count},{row.score:.6g},{row.spread:.6g},{row.index}\n"


def _scoring_job(request: HttpRequest, job_id: UUID) -> Job:
    job = own_job_with_rows(request, job_id)
    if job.action != "score":
        raise Http404(f"job {job_id} is no scoring job")
    return job


def _top_link(job: Job, query: QueryDict) -> str:
    """The page for a new job with the full sequences of the best variants of this selection."""
    fields = changed(query, page=None, ranked=job.pk, top=TOP, sort=None)
    return reverse("job-new-page") + fields


def top_fasta(job: Job, query: QueryDict) -> str:
    """The best variants of the selection that `_top_link` stands for, as FASTA: the whole sequences."""
    table = variant_table(job)
    count = top_of(query)
    asked, _ = narrowed_to(query, table)
    best = Wanted(search=asked.search, position=asked.position, wild=asked.wild, mutations=asked.mutations)
    rows = table.select(best)[:count].tolist()
    return "".join(f">{_header(table, at)}\n{table.sequence(at)}\n" for at in rows)


def top_of(query: QueryDict) -> int:
    """Return how many of the best variants an address asks for."""
    return min(whole(query.get("top")) or TOP, 1000)


def _header(table: VariantTable, at: int) -> str:
    """The code, or the name where the code is a whole sequence."""
    return table.names[at] if table.count[at] == OTHER_LENGTH else table.codes[at]


@dataclass(frozen=True, slots=True)
class Bin:
    """Variants with a score from `low` up to `high`, in `digits` behind the point."""

    low: float
    high: float
    count: int
    digits: int = 2


def bins_of(scores: np.ndarray[Any, np.dtype[np.float64]]) -> list[Bin]:
    """The distribution of the scores in at most BINS + 1 equal bins with round edges; none for no scores."""
    if not len(scores):
        return []
    low, high = float(scores.min()), float(scores.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return [Bin(low, high, len(scores))]
    step, digits = _round_step((high - low) / BINS)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = [round(number * step, digits) + 0.0 for number in range(first, last + 1)]
    counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), bins=edges)
    return [Bin(low, high, count, digits) for low, high, count in zip(edges, edges[1:], counts.tolist(), strict=False)]


def _round_step(least: float) -> tuple[float, int]:
    """The smallest of 0.1, 0.2, 0.5, 1, 2, 5 and so on that is no less than `least`; its digits behind the point."""
    power = math.floor(math.log10(least))
    for factor, more in ((1, 0), (2, 0), (5, 0), (10, 1)):
        if factor * 10.0**power >= least * (1 - 1e-9):
            return factor * 10.0**power, max(0, -(power + more))
    return 10.0 ** (power + 1), max(0, -(power + 1))


def _facts(job: Job, table: VariantTable) -> dict[str, Any]:
    contexts = job.params.get("contexts") or ()
    return {
        "method": METHODS.get(job.params.get("method", ""), ""),
        "parent": len(table.parent),
        "offset": table.offset,
        "contexts": len(contexts),
        "better": int((table.score > 0).sum()) if job.params.get("method") != "pseudo_log_likelihood" else None,
    }


def score_context(job: Job, item: Item, result: Mapping[str, Any], query: QueryDict) -> dict[str, Any]:
    """What the page of one variant shows."""
    contexts = job.params.get("contexts") or [{}]
    each = [(number, context, float(score)) for number, (context, score) in _numbered(contexts, result["scores"])]
    return {
        "scored": {"variant": result["variant"], "score": result["score"], "spread": result["spread"]},
        "method": METHODS.get(job.params.get("method", ""), ""),
        "each": each,
    }


def _numbered(contexts: Any, scores: Any) -> Iterator[tuple[int, tuple[Mapping[str, Any], float]]]:
    return enumerate(zip(contexts, np.asarray(scores).tolist(), strict=False), start=1)


RESULT_PAGE = ResultPage(
    "score", "jobs/variants/_result_score.html", score_context, links="jobs/variants/_job_links.html"
)
