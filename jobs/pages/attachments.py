"""The removal of assays and structures from a job."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from jobs.contacts.services import structure_of
from jobs.errors import NotFound
from jobs.models import Assay, Job, Structure
from jobs.parsing.numbers import whole
from jobs.variants.assays import assay_of
from jobs.web.access import own_job_with_rows, page, sent_from


@page
@sent_from("job-page", "job_id")
def remove(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Remove an assay or a structure."""
    job = own_job_with_rows(request, job_id)
    found = _attachment(job, request.POST.get("assay", ""), request.POST.get("structure", ""))
    if found is None:
        words = "There is nothing to take away; was it taken away already?"
        messages.add_message(request, messages.ERROR, words, "problem")
        return redirect("job-page", job.pk)
    found.delete()
    messages.add_message(request, messages.SUCCESS, f"{found.name} is taken away.", "notice")
    if isinstance(found, Structure):
        return redirect("item-page", job.pk, found.item_index)
    return redirect("assay-list-page", job.pk)


def _attachment(job: Job, assay: str, structure: str) -> Assay | Structure | None:
    """Return the job's assay or structure with the given number, or None."""
    for text, find in ((assay, assay_of), (structure, structure_of)):
        if (number := whole(text)) is not None:
            with suppress(NotFound):
                return find(job, number)
    return None
