"""Pages of the variants of a scoring job: ranked, searched, filtered, and sent on to a new job."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from e1protocol import CANONICAL
from jobs.actions import get_action
from jobs.contexts.shared import contexts_of_job
from jobs.files.names import attachment
from jobs.models import Job
from jobs.models.states import JobState
from jobs.parsing.numbers import whole
from jobs.queue.progress import job_counts
from jobs.results.export.arrays import facts_of
from jobs.results.export.names import job_file
from jobs.science.variants.numbering import SEQUENTIAL, Numbering, is_label
from jobs.variants.assays import assays_of, labelled
from jobs.variants.baselines import Baselines, baselines_of
from jobs.variants.beside import Beside, Reference, beside_variants, reference_of
from jobs.variants.bins import bins_of
from jobs.variants.files import content_type, variant_blocks
from jobs.variants.rows import OTHER_LENGTH
from jobs.variants.scan_pages import scoring_of
from jobs.variants.table import MAX_RANKED, VariantTable, Wanted, variant_table
from jobs.web.access import open_job_with_rows, page, user_of
from jobs.web.fragments import asks_whether_new, new_or_not
from jobs.web.links import changed, paged, searched
from jobs.web.numbers import FORM_LIMIT

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
    "profile": "Best profile first",
    "blosum62": "Best BLOSUM62 first",
}


class Head(NamedTuple):
    """A column of the table, whose `link` sorts by it. `sorted` is the value of aria-sort, empty if it is unsorted."""

    text: str
    number: bool
    link: str
    sorted: str


_HEADS = (
    ("Variant", False, {"position": "ascending"}),
    ("Position", True, {"position": "ascending"}),
    ("Rank", True, {"best": "ascending", "worst": "descending"}),
    ("Score", True, {"best": "descending", "worst": "ascending"}),
    ("Percentile", True, {"best": "descending", "worst": "ascending"}),
    ("Spread", True, {"spread": "descending"}),
    ("Profile", True, {"profile": "descending"}),
    ("BLOSUM62", True, {"blosum62": "descending"}),
    ("Mutations", True, {"mutations": "ascending"}),
    ("Name", False, {"name": "ascending"}),
)
"""Columns with the orders that sort by them. A link takes the next of these."""


def heads_of(
    query: QueryDict, sort: str, *, several: bool, numbered: bool, profiled: bool, placed: bool, named: bool
) -> list[Head]:
    """Return the columns of the table in its order.

    A job under `several` contexts has a column of spreads, and one with another numbering a column of positions. With
    an alignment it is `profiled`, and with a scan of the parent `placed`. It is `named` if a name is not the code.
    """
    wanted = {"Spread": several, "Position": numbered, "Profile": profiled, "Percentile": placed, "Name": named}
    left_out = {text for text, there in wanted.items() if not there}
    heads = []
    for text, number, orders in _HEADS:
        names = list(orders)
        following = names[(names.index(sort) + 1) % len(names)] if sort in names else names[0]
        heads.append(Head(text, number, changed(query, sort=following, page=None), orders.get(sort, "")))
    return [head for head in heads if head.text not in left_out]


def narrowed_to(query: QueryDict, table: VariantTable) -> tuple[Wanted, str]:
    """Return the selection that an address asks for, and what is wrong with its position.

    Anything else that is wrong counts as not asked. A wrong position selects nothing.
    """
    given, wild = query.get("position", "").strip(), query.get("wild", "").strip().upper()
    mutations = whole(query.get("mutations"), -FORM_LIMIT, FORM_LIMIT)
    position, fault = position_asked(given, table.numbering, len(table.parent)) if given else (None, "")
    return Wanted(
        sort=str(query["sort"]) if query.get("sort") in SORTS else "best",
        search=searched(query),
        position=position,
        wild=wild if len(wild) == 1 and wild in CANONICAL else "",
        mutations=mutations,
    ), fault


def position_asked(text: str, numbering: Numbering, length: int) -> tuple[int | None, str]:
    """Return the position of a residue that is named by its number, or None and what is wrong with it."""
    position = numbering.position_of(text)
    if position is not None and 1 <= position <= length:
        return position, ""
    first, last = numbering.label(1), numbering.label(length)
    if is_label(text):
        return None, f"The parent has no residue {text[:20]}: its residues are numbered {first} to {last}."
    return None, f"“{text[:20]}” is not the number of a residue."


@page
@require_safe
def variants_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show the ranked table, and the distribution of its scores."""
    job = _scoring_job(request, job_id)
    left = job_counts(job)["pending"]
    if asks_whether_new(request):
        return new_or_not(new=not left)
    table = variant_table(job)
    wanted, fault = narrowed_to(request.GET, table)
    baselines, reference, beside = _beside(request, job, table)
    rows = table.select(wanted, beside.columns)
    found, links = paged(request.GET, rows)
    shown = np.asarray(list(found), dtype=np.intp)
    scoring = scoring_of(job)
    several = scoring["contexts"] > 1
    named = any(name not in ("", code) for name, code in zip(table.names, table.codes, strict=True))
    top = changed(request.GET, page=None, ranked=job.pk, top=TOP, sort=None, alignment=None)
    context = {
        "job": job,
        "shared": contexts_of_job(job, user_of(request)),
        "wanted": wanted,
        "position": request.GET.get("position", ""),
        "position_fault": fault,
        "heads": heads_of(
            request.GET,
            wanted.sort,
            several=several,
            numbered=table.numbering != SEQUENTIAL,
            profiled=baselines.profile is not None,
            placed=reference is not None,
            named=named,
        ),
        "baselines": baselines,
        "reference": reference,
        "numbered": table.numbering != SEQUENTIAL,
        "named": named,
        "narrowed": bool(wanted.search or wanted.position is not None or wanted.wild or wanted.mutations is not None),
        "rows": list(zip(table.rows(shown), beside.rows(shown), strict=True)),
        "page": found,
        "total": len(table),
        "other_length": OTHER_LENGTH,
        "several": several,
        "links": links
        | {
            "csv": reverse("variants-table", args=[job.pk]) + changed(request.GET, page=None, bom="true"),
            "xlsx": reverse("variants-workbook", args=[job.pk]) + changed(request.GET, page=None),
            "top": reverse("job-new-page") + top,
        },
        "sorts": SORTS,
        "letters": CANONICAL,
        "mutation_counts": sorted({int(count) for count in np.unique(table.count)} - {OTHER_LENGTH}),
        "bins": bins_of(table.score[rows]),
        "facts": scoring
        | {
            "parent": len(table.parent),
            "numbering": table.numbering.phrase(len(table.parent)),
            "better": _better(job, table),
        },
        "left": left,
        "final": job.state in JobState.final(),
        "cut": MAX_RANKED if table.cut else None,
        "assays": labelled(assays_of(job)),
        "top": min(TOP, len(rows)),
    }
    return render(request, "jobs/variants/variants.html", context)


def _beside(request: HttpRequest, job: Job, table: VariantTable) -> tuple[Baselines, Reference | None, Beside]:
    """Return the baselines that the address asks for, the scan that percentiles are of, and the columns of both."""
    baselines = baselines_of(user_of(request), table.parent, request.GET.get("alignment", ""))
    reference = reference_of(user_of(request), job)
    return baselines, reference, beside_variants(table, baselines, reference)


def _better(job: Job, table: VariantTable) -> int | None:
    """Return how many variants score above the parent, or None if its score is not 0."""
    return None if job.params.get("method") == "pseudo_log_likelihood" else int((table.score > 0).sum())


@page
@require_safe
def variants_table(request: HttpRequest, job_id: UUID, format: str) -> StreamingHttpResponse:
    """Send the selected variants as CSV or XLSX, in their order."""
    job = _scoring_job(request, job_id)
    table = variant_table(job)
    wanted, _ = narrowed_to(request.GET, table)
    baselines, _, beside = _beside(request, job, table)
    about = facts_of(job) | baselines.about()
    blocks = variant_blocks(table, beside, wanted, format, bom=request.GET.get("bom") == "true", about=about)
    response = StreamingHttpResponse(blocks, content_type=content_type(format))
    response["Content-Disposition"] = attachment(job_file(job, "variants", suffix=format))
    return response


def _scoring_job(request: HttpRequest, job_id: UUID) -> Job:
    job = open_job_with_rows(request, job_id)
    if not get_action(job.action).takes_variants:
        raise Http404(f"job {job_id} is not a scoring job")
    return job


def top_fasta(job: Job, query: QueryDict) -> str:
    """Return the whole sequences of the best variants of a selection as FASTA."""
    table = variant_table(job)
    wanted, _ = narrowed_to(query, table)
    best = table.select(replace(wanted, sort="best"))[: top_of(query)].tolist()
    return "".join(f">{_header(table, at)}\n{table.sequence(at)}\n" for at in best)


def top_of(query: QueryDict) -> int:
    """Return how many of the best variants an address asks for."""
    return min(whole(query.get("top")) or TOP, 1000)


def _header(table: VariantTable, at: int) -> str:
    """Return the code of a variant, or its name if the code is a whole sequence."""
    return table.names[at] if table.count[at] == OTHER_LENGTH else table.codes[at]
