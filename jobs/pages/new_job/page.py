"""The page for a new job: choose, look at the preview, submit. Each error is shown beside its field.

One form serves browsers with and without scripts. With scripts (frontend/src/new-job.ts) the same form is sent by
XMLHttpRequest, which shows progress. Only the errors are taken from the answer, so everything typed and chosen stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.actions.numbered import refuse_second
from jobs.contexts.selectors import context_sets_open_to, with_figures
from jobs.contexts.services import SET_RULES
from jobs.errors import InvalidInput, Problem, ServiceError
from jobs.intake.numbering import first_sequence
from jobs.intake.requests import AT_HAND, enabled_model, submission_of_file, submission_of_job
from jobs.intake.submit import Submission, job_submit
from jobs.library.selectors import items_of
from jobs.library.sharing import Right, projects_open_to
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES
from jobs.models import Job
from jobs.pages.new_job.form import Asked, first, new_key, posted
from jobs.pages.new_job.stored_arrays import stored_arrays
from jobs.pages.new_job.variants import parent_of_file, parent_of_text
from jobs.pages.tasks import TASKS
from jobs.parsing.asked import ON_INVALID, Reading
from jobs.parsing.letters import clean_sequence
from jobs.parsing.upload import context_bytes
from jobs.queue import progress
from jobs.quotas.admission import quota_look
from jobs.science.variants.numbering_forms import numbering_of_texts
from jobs.templatetags.problems import refusal_sentence
from jobs.variants.scan_pages import METHODS
from jobs.web.access import page, user_of
from jobs.web.uploads import request_place

FIELDS = (
    *("file", "context", "model", "action", "include", "repr_layers", "rows", "dtype", "on_invalid", "name"),
    "project",
    *("precision", "sheet", "parent", "method", "offset", "numbering", "positions"),
)
"""Places on the page that can show a problem."""

SHOWN = 50
"""Invalid records that the page shows at once; the others unfold."""

PASTED = "Pasted sequences"
"""The name under which a script sends pasted text as a file."""

ONE = "Give one of the two."
"""The remedy for a thing that was given twice."""

OUTPUTS = {
    "mean": "Mean embedding: one vector for each sequence",
    "per_token": "Embedding of each residue",
    "logits": "Logits of the 20 residues at each position",
}
ROW_CHOICES = {"all": "All positions", "masked": "Masked positions only"}
DTYPE_CHOICES = {"float32": "float32: as computed", "float16": "float16: half the storage, three digits"}

PRECISION_CHOICES = {
    "auto": "auto: that of the first free worker",
    "float32": "float32: most exact",
    "bfloat16": "bfloat16: fast where the processor has it",
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def new_job(request: HttpRequest) -> HttpResponse:
    """Show the empty form, an example (`?example=ACTION`) or an earlier job's library (`?from=JOB`), or submit."""
    owner = user_of(request)
    if request.method != "POST":
        try:
            return form_page(request, first(request, owner))
        except InvalidInput as error:  # of a basket that makes too many variants
            messages.add_message(request, messages.ERROR, error.sentence, "problem")
            return redirect("job-new-page")
    asked = posted(request, owner)
    try:
        submission = submission_of_form(request, asked)
    except InvalidInput as error:
        return form_page(request, asked, error, elsewhere="context")
    try:
        quota_look(user_id=owner.pk, key=submission.request.idempotency_key)
        with library_place(request, asked):
            job, _ = job_submit(owner=owner, submission=submission)
    except ServiceError as error:
        return form_page(request, asked, error, elsewhere="file")
    address = reverse("job-page", args=[job.pk])
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"url": address}, status=201)
    return redirect(address)


def library_place(request: HttpRequest, asked: Asked) -> AbstractContextManager[None]:
    """Take an upload place if the library may be large. Raises TooManyRequests `too_many_uploads` if none is free."""
    # A small form can bring a large library: an earlier job's, or a packed file.
    if asked.earlier is None and "file" not in request.FILES:
        return nullcontext()
    return request_place(request, user_of(request).pk)


def submission_of_form(request: HttpRequest, asked: Asked) -> Submission:
    """Return the submission of the form. Raises InvalidInput; a problem without a path is about the context."""
    if "complete" not in request.POST:  # It is the last field, so without it others may be missing too.
        message = "the upload broke off; nothing was queued"
        raise InvalidInput.one("upload_incomplete", message, "Send it again.", path="file")
    file, context = request.FILES.get("file"), request.FILES.get("context_file")
    pasted, owner = bool(asked.sequences.strip()), user_of(request)
    if context is not None and asked.context_text.strip():
        raise InvalidInput.one("two_contexts", "there are a context file and pasted contexts", ONE, path="context")
    shared = context_bytes(context) if context is not None else asked.context_text.encode()
    if asked.context_set and shared.strip():
        raise InvalidInput.one(
            "two_contexts", "there are homologs for all items, and a stored context set", ONE, path="context"
        )
    if asked.parent_file is not None and asked.takes_variants:
        if asked.parent.strip():
            raise InvalidInput.one("two_parents", "there are a file and a pasted parent", ONE, path="params.parent")
        asked.parent = parent_of_file(asked.parent_file)
    if asked.wants_singles and (file is not None or pasted):
        raise InvalidInput.one(
            "two_libraries", "there are variants, and all single ones are asked for", ONE, path="file"
        )
    if file is not None and pasted:
        raise InvalidInput.one("two_libraries", "there are a file and pasted sequences", ONE, path="file")
    _take_numbering(asked, file)
    submission = _of_library(asked, file, shared, owner)
    small = asked.earlier is None if file is None else (file.size or AT_HAND) < AT_HAND
    return replace(submission, notes=(*asked.notes, *submission.notes), at_hand=submission.at_hand or small)


def _take_numbering(asked: Asked, file: Any) -> None:
    """Fill in the numbering in a file, if there is one. Raises InvalidInput."""
    if asked.numbering_file is None or not asked.is_numbered:
        return
    refuse_second(numbering_of_texts(asked.offset, asked.skip, asked.labels))
    if (parent := _numbered_sequence(asked, file)) is not None:
        found = asked.numbering_file.read(parent)
        asked.number_by(found.numbering)
        asked.notes = found.warnings


def _numbered_sequence(asked: Asked, file: Any) -> str | None:
    """Return the sequence whose residues a numbering is about: the parent, or the first of the library."""
    if asked.takes_variants:
        return clean_sequence(parent_of_text(asked.parent))[0]
    if file is None and not asked.sequences.strip() and asked.earlier is not None:
        item = items_of(asked.earlier).filter(chunk__isnull=False).order_by("index").first()
        return item.sequence if item else None
    stream = BytesIO(asked.sequences.encode()) if file is None else cast(BinaryIO, file.file)
    name, media_type = ("", "") if file is None else (file.name or "", file.content_type or "")
    rules = ACTIONS[asked.action].rules(enabled_model(asked.model))
    # The other fields can't be read yet: positions need the numbering.
    return first_sequence(stream, rules, name, media_type, Reading.of({"layout": asked.layout, "sheet": asked.sheet}))


def _of_library(asked: Asked, file: Any, shared: bytes, owner: User) -> Submission:
    """Return the submission of the file, of the pasted or made library, or of the earlier job. Raises InvalidInput."""
    pasted = bool(asked.sequences.strip())
    if file is not None:
        stream = cast(BinaryIO, file.file)
        name, media_type = file.name or "", file.content_type or ""
        return submission_of_file(
            asked.fields, asked.key, stream, name, media_type, shared, owner=owner, pasted=name == PASTED
        )
    if pasted or asked.wants_singles:
        # The beginning of pasted text tells its format: FASTA, JSONL, CSV, a list of variants, or one bare sequence.
        stream = BytesIO(asked.library.encode())
        return submission_of_file(asked.fields, asked.key, stream, "pasted text", "", shared, owner=owner, pasted=True)
    if asked.earlier is not None:
        return submission_of_job(
            asked.fields, asked.key, asked.earlier, shared, owner=owner, keep_contexts=asked.keep_contexts
        )
    raise InvalidInput.one("no_file", "there are no sequences yet", "Choose a file, or paste sequences.", path="file")


def _refusal(error: ServiceError, elsewhere: str) -> dict[str, Any]:
    """Sort the problems of `error` by the places that show them. Those without a place are shown at `elsewhere`."""
    fields: dict[str, list[Problem]] = {}
    records: list[Problem] = []
    for problem in error.problems:
        words = (problem.path or "").split(".")
        place = next((word for word in words if word in FIELDS), "")
        if words[0] == "context_sequences" or "contexts" in words:
            place = "context"
        if elsewhere == "file" and (problem.line or problem.record):
            records.append(problem)
        else:
            fields.setdefault(place or elsewhere, []).append(problem)
    detail = refusal_sentence(error)
    return {
        "detail": detail,
        "says_so": "nothing was queued" in detail,
        "fields": fields,
        "records": records[:SHOWN],
        "other_records": records[SHOWN:],
        "more": error.problem_count - len(error.problems),
    }


def form_page(
    request: HttpRequest, asked: Asked, error: ServiceError | None = None, *, elsewhere: str = "file"
) -> HttpResponse:
    """Return the page with the form as filled in, and with the problems of `error`."""
    if error is not None and error.code == "idempotency_key_reused":
        # The form was sent before with other contents, so this is meant as a new job.
        asked.key = new_key()
    context = {
        "asked": asked,
        "task": TASKS.get(asked.task),
        "actions": ACTIONS.values(),
        "outputs": OUTPUTS,
        "row_choices": ROW_CHOICES,
        "dtype_choices": DTYPE_CHOICES,
        "precision_choices": PRECISION_CHOICES,
        "on_invalid": ON_INVALID,
        "refusal": _refusal(error, elsewhere) if error else None,
        "earlier_items": _library_of(asked.earlier),
        "rules": rules(),
        "methods": METHODS,
        "projects": projects_open_to(user_of(request), Right.EDIT).filter(archived_at__isnull=True).order_by("name"),
        "context_sets": with_figures(context_sets_open_to(user_of(request))),
        "earlier_contexts": len(asked.earlier.params.get("contexts", ())) if asked.earlier else 0,
        "set_limit": SET_RULES.max_contexts,
    }
    return render(request, "jobs/pages/new.html", context, status=error.status_code if error else 200)


def _library_of(job: Job | None) -> dict[str, Any] | None:
    """Return how many items of an earlier job are used, and how many are left out."""
    if job is None:
        return None
    counts = progress.job_counts(job)
    return {"count": counts["total"] - counts["skipped"], "left_out": counts["skipped"]}


def rules() -> Mapping[str, Any]:
    """Return what the preview in the browser needs: the limits that the parser checks."""
    actions = {
        action.name: {
            "letters": action.sequence_letters,
            "contextLetters": action.context_letters,
            "needsMask": action.needs_mask,
            "example": action.example,
            "parent": action.example_params.get("parent", ""),
            # Variants are read together with the parent, which the preview does not know.
            "preview": not action.takes_variants,
            "unitWords": action.unit_words,
            "methods": action.params_schema(MODELS[settings.E1_MODELS[0]])["properties"].get("method", {}).get("enum"),
        }
        for action in ACTIONS.values()
    }
    return {
        "actions": actions,
        "models": {
            slug: {
                "maxResidues": min(MAX_RESIDUES, MODELS[slug].max_residues),
                "stores": {name: stored_arrays(action, MODELS[slug]) for name, action in ACTIONS.items()},
            }
            for slug in settings.E1_MODELS
        },
        "maxContexts": MAX_CONTEXTS,
    }
