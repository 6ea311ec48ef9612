"""The public page of a result, for everybody with its link, alone or in its project.

It shows the result and its downloads, and nothing else: no owner, no project but that of the link, no other job.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.errors import NotFound
from jobs.files.tables import tables_of
from jobs.models import Job
from jobs.pages.downloads import Download, downloads_of
from jobs.pages.outside import computing, public, sent
from jobs.pages.pictures import pictures_of
from jobs.pages.public_campaigns import campaign_answer
from jobs.pages.public_projects import project_answer
from jobs.publishing.contents import published_job, published_project
from jobs.publishing.links import link_opened
from jobs.queue.progress import job_counts, results_fingerprint
from jobs.results.export import Part, export_open, format_of
from jobs.results.export.columns import columns_of
from jobs.templatetags.publishing import without_addresses

ROWS, COLUMNS = 20, 10
"""Size of the table on the public page. The downloads have all."""
TEXTS = frozenset({"name", "state", "reason"})
"""Columns whose cells are texts, also if they look like numbers."""
SMALL = 0.001
"""Numbers nearer to 0 are shown with an exponent."""


@public
def public_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link opens: a result, a project or a campaign."""
    link = link_opened(token)
    with computing(request):
        if link.project is not None:
            return project_answer(request, token, link.project)
        if link.campaign is not None:
            return campaign_answer(request, token, link.campaign, None)
    return _job_answer(request, published_job(token), reverse("public-download", args=[token]))


@public
def public_download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Download the result of a job by its public link."""
    return _download(request, published_job(token))


@public
def public_job_page(request: HttpRequest, token: str, job_id: UUID) -> HttpResponse:
    """Show a result of a project to everybody who has the project's link."""
    job, project = published_job(token, job_id), published_project(token)
    trail = [(without_addresses(project.name), reverse("public-page", args=[token]))]
    return _job_answer(request, job, reverse("public-job-download", args=[token, job.pk]), trail)


@public
def public_job_download(request: HttpRequest, token: str, job_id: UUID) -> HttpResponseBase:
    """Download a result of a project by the project's link."""
    return _download(request, published_job(token, job_id))


def _job_answer(request: HttpRequest, job: Job, downloads: str, trail: Sequence[tuple[str, str]] = ()) -> HttpResponse:
    heads, rows, more = first_rows(job.pk, results_fingerprint(job))
    columns = [[row[at] for row in rows] for at in range(len(heads))]
    numbers = [
        head not in TEXTS and any(column) and all(map(_is_number, column))
        for head, column in zip(heads, columns, strict=True)
    ]
    counts = job_counts(job)
    context = {
        "name": without_addresses(job.name) or f"{job.action} by {job.model}",
        "job": job,
        "summary": ACTIONS[job.action].summary,
        "model_title": MODELS[job.model].title,
        "demonstration": MODELS[job.model].demonstration,
        "counts": counts,
        "picture": pictures_of([job], {job.pk: counts["succeeded"]}).get(job.pk),
        "heads": list(zip(heads, numbers, strict=True)),
        "rows": [
            [(_rounded(cell) if number else cell, number) for cell, number in zip(row, numbers, strict=True)]
            for row in rows
        ],
        "more": more,
        "downloads": list(_downloads(job, downloads, counts)),
        "trail": trail,
    }
    return render(request, "jobs/publishing/job.html", context)


def _is_number(cell: str) -> bool:
    """Return whether a cell belongs into a column of numbers, which are aligned on the right. An empty one may."""
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def _rounded(cell: str) -> str:
    """Return a number of a file as a table shows it. The file has all digits."""
    if "." not in cell and "e" not in cell:
        return cell
    value = float(cell)
    return f"{value:.4f}" if not value or abs(value) >= SMALL else f"{value:.2e}"


def _download(request: HttpRequest, job: Job) -> HttpResponseBase:
    format = request.GET.get("format", "csv")
    if format_of(format).blocks is None:
        raise NotFound(f"a public link has no {format} file", code="no_such_link")
    asked = Part(request.GET.get("table", ""), bom=request.GET.get("bom", "") == "true")
    export = export_open(job, format, asked)
    return sent(export.blocks, export.filename, export.content_type)


def _downloads(job: Job, base: str, counts: dict[str, int]) -> Iterator[Download]:
    """Yield the downloads that are written while they are sent, by the address of the link."""
    for one in downloads_of(job, counts):
        if not one.refused and not one.build:
            yield replace(one, url=f"{base}?{urlsplit(one.url).query}")


@lru_cache(maxsize=64)
def first_rows(job_id: UUID, fingerprint: str) -> tuple[tuple[str, ...], list[list[str]], int]:
    """Return the head and the first rows of the job's first table of CSV, and how many columns are left out.

    They are read once for these results, and not for each visitor.
    """
    job = Job.objects.get(pk=job_id)
    table = tables_of(columns_of(job))[0]
    blocks = export_open(job, "csv", Part(table.name)).blocks
    lines = csv.reader(io.StringIO("".join(_lines(blocks))))
    head, *rows = [row[:COLUMNS] for row in islice(lines, ROWS + 1)]
    return tuple(head), rows, max(0, len(table.heads) - COLUMNS)


def _lines(blocks: Iterator[bytes]) -> Iterator[str]:
    """Yield whole lines until there are enough for the table. Names of records have no line ends."""
    rest, count = b"", 0
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
            count += 1
            if count > ROWS:
                return
    yield rest.decode()
