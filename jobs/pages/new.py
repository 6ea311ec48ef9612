"""The page for a new job: choose, look at the preview, submit. Errors come back beside what they are about.

One form for browsers with scripts and without. With scripts (frontend/src/new-job.ts) the same form is sent by
XMLHttpRequest, which shows progress, and only the places for errors are taken from the answer, so that everything
typed and chosen stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.contexts.selectors import context_sets_of
from jobs.contexts.services import SET_RULES
from jobs.errors import InvalidInput, Problem, ServiceError
from jobs.intake.requests import ON_INVALID, submission_of_file, submission_of_job
from jobs.intake.submit import Submission, job_submit
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES
from jobs.models import Job
from jobs.pages.asked import Asked, first, new_key, posted
from jobs.pages.asked_variants import parent_of_file
from jobs.parsing.upload import context_bytes
from jobs.queue import progress
from jobs.templatetags.problems import refusal_sentence
from jobs.variants.scan_pages import METHODS
from jobs.web.access import page, user_of
from jobs.web.uploads import request_place

FIELDS = (
    *("file", "context", "model", "action", "include", "repr_layers", "rows", "dtype", "on_invalid", "name"),
    *("parent", "method", "offset", "positions"),
)
"""Places on the page that a problem can stand at."""

MAX_SET_SEQUENCES = SET_RULES.max_contexts
"""Of each context that is stored under a name."""

SHOWN = 50
"""Faulty records that the page shows at once; the others unfold."""

OUTPUTS = {
    "mean": "Mean embedding: one vector for each sequence",
    "per_token": "Embedding of each residue",
    "logits": "Logits of the 20 residues at each position",
}
ROW_CHOICES = {"all": "All positions", "masked": "Masked positions only"}
DTYPE_CHOICES = {"float32": "float32: as computed", "float16": "float16: half the storage, three digits"}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def new_job(request: HttpRequest) -> HttpResponse:
    """The empty form, an example (`?example=ACTION`), an earlier job's library (`?from=JOB`), or a submission."""
    owner = user_of(request)
    if request.method != "POST":
        return _form(request, first(request, owner))
    asked = posted(request, owner)
    try:
        submission = submission_of_form(request, asked)
    except InvalidInput as error:
        return _form(request, asked, error, elsewhere="context")
    try:
        with library_place(request, asked):
            job, _ = job_submit(owner=owner, submission=submission)
    except ServiceError as error:
        return _form(request, asked, error, elsewhere="file")
    address = reverse("job-page", args=[job.pk])
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"url": address}, status=201)
    return redirect(address)


def library_place(request: HttpRequest, asked: Asked) -> AbstractContextManager[None]:
    """A place for uploads where a small form may have a large library behind it: an earlier job's, or a packed file.
    Raises TooManyRequests `too_many_uploads` where none is free.
    """
    if asked.earlier is None and "file" not in request.FILES:
        return nullcontext()
    return request_place(request, user_of(request).pk)


def submission_of_form(request: HttpRequest, asked: Asked) -> Submission:
    """Raises InvalidInput. What has no path of its own in it is about the context."""
    if "complete" not in request.POST:  # the last field: where it is missing, more is missing
        message = "the upload broke off; nothing was queued"
        raise InvalidInput.one("upload_incomplete", message, "Send it again.", path="file")
    file, context = request.FILES.get("file"), request.FILES.get("context_file")
    if context is not None and asked.context_text.strip():
        message = "there are a context file and pasted contexts"
        raise InvalidInput.one("two_contexts", message, "Give one of the two.", path="context")
    shared = context_bytes(context) if context is not None else asked.context_text.encode()
    if asked.context_set and shared.strip():
        message = "there are homologs for all items, and a stored context set"
        raise InvalidInput.one("two_contexts", message, "Give one of the two.", path="context")
    if asked.parent_file is not None and asked.takes_variants:
        if asked.parent.strip():
            message = "there are a file and a pasted parent"
            raise InvalidInput.one("two_parents", message, "Give one of the two.", path="params.parent")
        asked.parent = parent_of_file(asked.parent_file)
    if asked.wants_singles and (file is not None or asked.sequences.strip()):
        message = "there are variants, and all single ones are asked for"
        raise InvalidInput.one("two_libraries", message, "Give one of the two.", path="file")
    if file is not None and asked.sequences.strip():
        message = "there are a file and pasted sequences"
        raise InvalidInput.one("two_libraries", message, "Give one of the two.", path="file")
    if file is not None:
        stream = cast(BinaryIO, file.file)
        name, media_type = file.name or "", file.content_type or ""
        return submission_of_file(asked.fields, asked.key, stream, name, media_type, shared, owner=user_of(request))
    if asked.sequences.strip() or asked.wants_singles:
        return _of_text(asked, shared, user_of(request))
    if asked.earlier is not None:
        return submission_of_job(asked.fields, asked.key, asked.earlier, shared, keep_contexts=asked.keep_contexts)
    raise InvalidInput.one("no_file", "there are no sequences yet", "Choose a file, or paste sequences.", path="file")


def _of_text(asked: Asked, shared: bytes, owner: User) -> Submission:
    """Pasted text is what its beginning tells: FASTA, JSONL, CSV, a list of variants, or one bare sequence."""
    default = "All single variants" if asked.wants_singles else "Pasted sequences"
    fields = asked.fields | {"name": asked.name or default}
    stream = BytesIO(asked.library.encode())
    return submission_of_file(fields, asked.key, stream, "pasted text", "", shared, owner=owner)


@dataclass
class Refusal:
    """An error, sorted by the places that its problems stand at."""

    detail: str
    fields: dict[str, list[Problem]] = field(default_factory=dict)
    records: list[Problem] = field(default_factory=list)
    more: int = 0

    @property
    def says_so(self) -> bool:
        """Whether the sentence itself says what became of the upload."""
        return "nothing was queued" in self.detail

    @property
    def first_records(self) -> list[Problem]:
        return self.records[:SHOWN]

    @property
    def other_records(self) -> list[Problem]:
        return self.records[SHOWN:]


def _refusal(error: ServiceError, elsewhere: str) -> Refusal:
    """`elsewhere` is the place of problems that name none: the library's, except for those of the context."""
    refusal = Refusal(refusal_sentence(error))
    for problem in error.problems:
        words = (problem.path or "").split(".")
        place = next((word for word in words if word in FIELDS), "")
        if words[0] == "context_sequences" or "contexts" in words:
            place = "context"
        if elsewhere == "file" and (problem.line or problem.record):
            refusal.records.append(problem)
        else:
            refusal.fields.setdefault(place or elsewhere, []).append(problem)
    refusal.more = error.problem_count - len(error.problems)
    return refusal


def prefilled(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The form with what another page has put into it."""
    return _form(request, asked)


def _form(
    request: HttpRequest, asked: Asked, error: ServiceError | None = None, *, elsewhere: str = "file"
) -> HttpResponse:
    if error is not None and error.code == "idempotency_key_reused":
        # The form was sent before with other contents: what is meant is a new job.
        asked.key = new_key()
    context = {
        "asked": asked,
        "actions": ACTIONS.values(),
        "outputs": OUTPUTS,
        "row_choices": ROW_CHOICES,
        "dtype_choices": DTYPE_CHOICES,
        "on_invalid": ON_INVALID,
        "refusal": _refusal(error, elsewhere) if error else None,
        "earlier_items": _library_of(asked.earlier),
        "rules": rules(),
        "methods": METHODS,
        "context_sets": context_sets_of(user_of(request)),
        "earlier_contexts": len(asked.earlier.params.get("contexts", ())) if asked.earlier else 0,
        "set_limit": MAX_SET_SEQUENCES,
    }
    return render(request, "jobs/pages/new.html", context, status=error.status_code if error else 200)


def _library_of(job: Job | None) -> dict[str, Any] | None:
    """What is used of an earlier job."""
    if job is None:
        return None
    counts = progress.job_counts(job)
    return {"count": counts["total"] - counts["skipped"], "left_out": counts["skipped"]}


def rules() -> Mapping[str, Any]:
    """What the preview in the browser must know: the same numbers by which the parser judges."""
    actions = {
        action.name: {
            "letters": action.sequence_letters,
            "contextLetters": action.context_letters,
            "needsMask": action.needs_mask,
            "example": action.example,
            "parent": action.example_params.get("parent", ""),
            # Variants are read with the parent, which the preview does not know.
            "preview": not action.takes_variants,
        }
        for action in ACTIONS.values()
    }
    return {
        "actions": actions,
        "models": {
            slug: {"width": MODELS[slug].hidden_size, "maxResidues": min(MAX_RESIDUES, MODELS[slug].max_residues)}
            for slug in settings.E1_MODELS
        },
        "maxContexts": MAX_CONTEXTS,
    }
