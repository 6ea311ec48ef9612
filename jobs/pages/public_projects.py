"""The public page of a project, and the files beside its results. `jobs.publishing.contents` says what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from jobs.alignments.rows import a3m_pieces
from jobs.contacts.services import structure_file
from jobs.files.lines import csv_head
from jobs.files.names import file_name
from jobs.files.pieces import in_blocks, text_cell
from jobs.models import Assay, Job, Project, Structure
from jobs.pages.outside import public, sent
from jobs.pages.pictures import pictures_of
from jobs.projects.notes import notes_html
from jobs.publishing import contents
from jobs.publishing.links import no_such_link
from jobs.queue.progress import chunk_sums, job_counts
from jobs.results.thumbnails import Picture
from jobs.templatetags.publishing import without_addresses
from jobs.web.links import paged

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table of results."""

    job: Job
    name: str
    url: str
    counts: dict[str, int]
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Beside:
    """A file beside a result, and what it is."""

    name: str
    what: str
    beside: str
    url: str


def project_answer(request: HttpRequest, token: str, project: Project) -> HttpResponse:
    """Return the public page of a project."""
    pages: dict[str, Page[Any]] = {}
    context: dict[str, Any] = {}
    for name, rows in (
        ("job", contents.jobs_shown(project)),
        ("campaign", contents.campaigns_shown(project)),
        ("alignment", contents.alignments_shown(project)),
        ("set", contents.context_sets_shown(project)),
        ("assay", contents.assays_shown(project).defer("names", "data")),
        ("structure", contents.structures_shown(project)),
    ):
        pages[name], context[f"{name}_links"] = paged(request.GET, rows, name=f"{name}s", anchor="#main")
    context |= {f"{name}_page": page for name, page in pages.items()}
    campaigns = [
        (without_addresses(one.name), len(one.parent), reverse("public-campaign", args=[token, one.pk]))
        for one in pages["campaign"]
    ]
    alignments = [(one, reverse("public-alignment", args=[token, one.pk])) for one in pages["alignment"]]
    context |= {
        "name": without_addresses(project.name),
        "description": without_addresses(project.description),
        "notes": without_addresses(notes_html(project.notes, mail=False)),
        "jobs": list(_results(token, list(pages["job"]))),
        "campaigns": campaigns,
        "alignments": alignments,
        "sets": list(pages["set"]),
        "files": [*_assays(token, pages["assay"]), *_structures(token, pages["structure"])],
    }
    return render(request, "jobs/publishing/project.html", context)


def _results(token: str, jobs: list[Job]) -> Iterator[Result]:
    sums = chunk_sums([job.pk for job in jobs])
    counts = {job.pk: job_counts(job, sums.get(job.pk, [])) for job in jobs}
    pictures = pictures_of(jobs, {pk: one["succeeded"] for pk, one in counts.items()})
    for job in jobs:
        url = reverse("public-job", args=[token, job.pk])
        yield Result(job, _name_of(job), url, counts[job.pk], pictures.get(job.pk))


def _name_of(job: Job) -> str:
    return without_addresses(job.name) or f"{job.action} by {job.model}"


def _assays(token: str, page: Page[Any]) -> Iterator[Beside]:
    for one in page:
        url = reverse("public-assay", args=[token, one.pk])
        yield Beside(without_addresses(one.name), "measurements as CSV", _name_of(one.job), url)


def _structures(token: str, page: Page[Any]) -> Iterator[Beside]:
    for one in page:
        if one.file_size:
            url = reverse("public-structure", args=[token, one.pk])
            yield Beside(without_addresses(one.name), "a structure", _name_of(one.job), url)


@public
def public_alignment(request: HttpRequest, token: str, alignment_id: UUID) -> HttpResponseBase:
    """Download an alignment of a project as A3M."""
    found = contents.alignments_shown(contents.published_project(token)).filter(pk=alignment_id).first()
    if found is None:
        raise no_such_link()
    return sent(in_blocks(a3m_pieces(found)), file_name(found.name, "alignment", suffix="a3m"), TEXT)


@public
def public_assay(request: HttpRequest, token: str, assay_id: int) -> HttpResponseBase:
    """Download measurements beside a result of a project as CSV."""
    found = contents.assays_shown(contents.published_project(token)).filter(pk=assay_id).first()
    if found is None:
        raise no_such_link()
    name = file_name(found.name, "measurements", "measurements", suffix="csv")
    return sent(in_blocks(_assay_lines(found)), name, "text/csv; charset=utf-8")


def _assay_lines(assay: Assay) -> Iterator[bytes]:
    yield csv_head((text_cell(assay.variant_column), text_cell(assay.value_column)))
    values = np.frombuffer(bytes(assay.data), dtype="<f8").tolist()
    for name, value in zip(assay.names, values, strict=True):
        yield f"{text_cell(name)},{'' if np.isnan(value) else repr(value)}\n".encode()


@public
def public_structure(request: HttpRequest, token: str, structure_id: int) -> HttpResponseBase:
    """Download a structure beside a result of a project, as it was sent."""
    shown = contents.structures_shown(contents.published_project(token))
    found: Structure | None = shown.filter(pk=structure_id, file_size__gt=0).first()
    if found is None:
        raise no_such_link()
    return sent(structure_file(found), found.name, "application/octet-stream")
