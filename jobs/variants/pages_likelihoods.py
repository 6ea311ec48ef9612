"""The page of a job's log-probabilities: sorted, searched, and sent on to a new job."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.contexts.shared import contexts_of_job
from jobs.files.names import attachment
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue.progress import job_counts
from jobs.results.export.names import job_file
from jobs.variants.bins import bins_of
from jobs.variants.files import content_type
from jobs.variants.likelihoods import SORTS, best_fasta, is_ranked, likelihood_blocks, likelihood_table
from jobs.variants.pages import TOP, top_of
from jobs.variants.table import MAX_RANKED
from jobs.web.access import open_job_with_rows, page, user_of
from jobs.web.fragments import asks_whether_new, new_or_not
from jobs.web.links import changed, paged, searched


def sort_of(query: QueryDict) -> str:
    """Return the order that an address asks for, by default the best per residue first."""
    return str(query["sort"]) if query.get("sort") in SORTS else "best"


@page
@require_safe
def likelihoods_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show the ranked table, and the distribution of the log-probabilities per residue."""
    job = _job(request, job_id)
    left = job_counts(job)["pending"]
    if asks_whether_new(request):
        return new_or_not(new=not left)
    table = likelihood_table(job)
    sort, search = sort_of(request.GET), searched(request.GET)
    rows = table.select(sort, search)
    found, links = paged(request.GET, rows)
    context = {
        "job": job,
        "shared": contexts_of_job(job, user_of(request)),
        "rows": table.rows(np.asarray(list(found), dtype=np.intp)),
        "page": found,
        "total": len(table),
        "sort": sort,
        "search": search,
        "sorts": SORTS,
        "bins": bins_of(table.per_residue[rows]),
        "left": left,
        "final": job.state in JobState.final(),
        "cut": MAX_RANKED if table.cut else None,
        "top": min(TOP, len(rows)),
        "links": links
        | {
            "csv": reverse("likelihoods-table", args=[job.pk]) + changed(request.GET, page=None, bom="true"),
            "xlsx": reverse("likelihoods-book", args=[job.pk]) + changed(request.GET, page=None),
            "top": reverse("job-new-page") + changed(request.GET, page=None, ranked=job.pk, top=TOP),
        },
    }
    return render(request, "jobs/variants/likelihoods.html", context)


@page
@require_safe
def likelihoods_table(request: HttpRequest, job_id: UUID, format: str) -> StreamingHttpResponse:
    """Send the selected rows as CSV or XLSX, in their order."""
    job = _job(request, job_id)
    table = likelihood_table(job)
    rows = table.select(sort_of(request.GET), searched(request.GET))
    blocks = likelihood_blocks(job, table, rows, format, bom=request.GET.get("bom") == "true")
    response = StreamingHttpResponse(blocks, content_type=content_type(format))
    response["Content-Disposition"] = attachment(job_file(job, "ranked", suffix=format))
    return response


def best_of_likelihoods(job: Job, query: QueryDict) -> str:
    """Return the first sequences of the selection that an address asks for as FASTA."""
    table = likelihood_table(job)
    return best_fasta(job, table, table.select(sort_of(query), searched(query))[: top_of(query)])


def _job(request: HttpRequest, job_id: UUID) -> Job:
    job = open_job_with_rows(request, job_id)
    if not is_ranked(job):
        raise Http404(f"job {job_id} has no log-probabilities")
    return job
