"""The tables of features that a page sends, and the removal of assays, structures and annotations from a job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from jobs.contacts.services import structure_of
from jobs.errors import NotFound, ServiceError
from jobs.models import Annotation, Assay, Job, Structure
from jobs.pages.items import item_answer
from jobs.parsing.asked import skips_bad
from jobs.parsing.numbers import whole
from jobs.science.variants.features import MAX_BYTES
from jobs.variants.annotations import annotation_add, annotation_of
from jobs.variants.assays import assay_of
from jobs.web.access import open_job_with_rows, page, sent_from, user_of
from jobs.web.links import changed
from jobs.web.rest.forms import file_of


@page
@sent_from("job-page", "job_id")
def remove(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Remove an assay, a structure or an annotation."""
    job = open_job_with_rows(request, job_id)
    found = _attachment(job, *(request.POST.get(name, "") for name in ("assay", "structure", "annotation")))
    if found is None:
        words = "There is nothing to remove. Was it removed already?"
        messages.add_message(request, messages.ERROR, words, "problem")
        return redirect("job-page", job.pk)
    found.delete()
    messages.add_message(request, messages.SUCCESS, f"{found.name} is removed.", "notice")
    if not isinstance(found, Assay):
        return redirect("item-page", job.pk, found.item_index)
    return redirect("assay-list-page", job.pk)


def _attachment(job: Job, assay: str, structure: str, annotation: str) -> Assay | Structure | Annotation | None:
    """Return the job's attachment with the given number, or None."""
    finds: tuple[tuple[str, Callable[[Job, int], Assay | Structure | Annotation]], ...] = (
        (assay, assay_of),
        (structure, structure_of),
        (annotation, annotation_of),
    )
    for text, find in finds:
        if (number := whole(text)) is not None:
            with suppress(NotFound):
                return find(job, number)
    return None


@page
@sent_from("item-page", "job_id", "index")
def annotation_upload(request: HttpRequest, job_id: UUID, index: int) -> HttpResponse:
    """Add a track of features to the scan of an item and redirect to it, or show the problems beside the form."""
    job = open_job_with_rows(request, job_id)
    data: Any = request.POST
    try:
        content, name = file_of(request.FILES, MAX_BYTES)
        annotation_add(
            job=job,
            data=content,
            name=name,
            item_index=index,
            sheet=data.get("sheet", "").strip(),
            skip_bad=skips_bad(data),
            by=user_of(request),
        )
    except ServiceError as refused:
        more = {"annotation_refused": refused, "annotation_problems": refused.problems}
        return item_answer(request, job, index, more, status=refused.status_code)
    query = changed(request.GET) if request.GET else ""
    return redirect(f"{reverse('item-page', args=[job.pk, index])}{query}#tracks")
