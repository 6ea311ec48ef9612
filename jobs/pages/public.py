"""The public page of a result, for everybody with its link, and the page on which its owner makes the link.

The public page shows the result and its downloads, and nothing else: no owner, no project, no other job.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, wraps
from itertools import islice
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.errors import InvalidInput, NotFound, ServiceError
from jobs.files.names import attachment
from jobs.files.tables import tables_of
from jobs.library.sharing import Right, right_on
from jobs.models import Job
from jobs.pages.downloads import Download, downloads_of
from jobs.pages.pictures import pictures_of
from jobs.publishing.links import (
    checked_days,
    public_link_make,
    public_link_of,
    public_link_revoke,
    published_job,
)
from jobs.queue.progress import job_counts, results_fingerprint
from jobs.results.export import Part, export_open, format_of
from jobs.results.export.columns import columns_of
from jobs.web.access import open_job, page, user_of
from jobs.web.errors import refusal_page
from jobs.web.places import PublicDownload
from jobs.web.refusals import Refusal

ROWS, COLUMNS = 20, 10
"""Size of the table on the public page. The downloads have all."""
HEADERS = {
    "Cache-Control": "private, no-store",
    # The address is the key: no other site learns it, and no search engine lists it.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

View = Callable[..., HttpResponseBase]


def public(view: View) -> View:
    """Let everybody in, with headers that keep the address from search engines, caches and other sites."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            found = view(request, *args, **kwargs)
        except NotFound as error:
            found = refusal_page(request, "Not found", error)
        except InvalidInput as error:
            found = refusal_page(request, "Bad request", error)
        for name, value in HEADERS.items():
            found[name] = value
        return found

    return cast(View, require_safe(answer))


@public
def public_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the result of a job to everybody who has its link."""
    job = published_job(token)
    heads, rows, more = first_rows(job.pk, results_fingerprint(job))
    counts = job_counts(job)
    context = {
        "name": job.name or f"{job.action} by {job.model}",
        "job": job,
        "summary": ACTIONS[job.action].summary,
        "model_title": MODELS[job.model].title,
        "demonstration": MODELS[job.model].demonstration,
        "counts": counts,
        "picture": pictures_of([job], {job.pk: counts["succeeded"]}).get(job.pk),
        "heads": heads,
        "rows": rows,
        "more": more,
        "downloads": list(_downloads(job, token, counts)),
    }
    return render(request, "jobs/pages/public.html", context)


@public
def public_download(request: HttpRequest, token: str) -> HttpResponseBase:
    """Download the result of a job by its public link."""
    job, format = published_job(token), request.GET.get("format", "csv")
    if format_of(format).blocks is None:
        raise NotFound(f"a public link has no {format} file", code="no_such_link")
    asked = Part(request.GET.get("table", ""), bom=request.GET.get("bom", "") == "true")
    export = export_open(job, format, asked)
    headers = {"Content-Disposition": attachment(export.filename), "X-Accel-Buffering": "no"}
    return PublicDownload(export.blocks, content_type=export.content_type, headers=headers)


def _downloads(job: Job, token: str, counts: dict[str, int]) -> Iterator[Download]:
    """Yield the downloads that are written while they are sent, by the address of the link."""
    base = reverse("public-download", args=[token])
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


@page
@require_http_methods(["GET", "HEAD", "POST"])
def public_link_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show whether a job has a public link, and let its owner make and revoke it. Only the answer shows a link."""
    job = open_job(request, job_id, Right.OWN if request.method == "POST" else Right.VIEW)
    context: dict[str, Any] = {}
    if request.method == "POST":
        try:
            match request.POST.get("do"):
                case "make" | "replace":
                    token = public_link_make(job, days=checked_days(request.POST.get("days", "").strip()))
                    context["link"] = request.build_absolute_uri(reverse("public-page", args=[token]))
                case "revoke":
                    public_link_revoke(job)
                    return redirect("public-link-page", job.pk)
        except ServiceError as error:
            context["refusal"] = Refusal("make", error)
    context |= {
        "job": job,
        "allowed": settings.E1_PUBLIC_LINKS,
        "own": right_on(job, user_of(request)) == Right.OWN,
        "found": public_link_of(job),
        "given": request.POST,
    }
    status = context["refusal"].error.status_code if "refusal" in context else 200
    return render(request, "jobs/pages/public_link.html", context, status=status)
