"""The cost of the form for a new job as it is now, for the page's script."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from jobs.errors import InvalidInput, TooManyRequests
from jobs.intake.estimates import estimate_of
from jobs.pages.new_job.form import posted
from jobs.pages.new_job.page import library_place, submission_of_form
from jobs.pages.new_job.preview import LibraryLook
from jobs.web.access import page, user_of

LISTED = 20
"""Problems that an answer lists; the others are counted."""


@page
@require_POST
def new_job_cost(request: HttpRequest) -> JsonResponse:
    """Return the estimate of the form, or the `faults` for which it would be refused. Nothing is stored.

    `library` has what the preview shows, if the records were read. All of them answer the question, so the status is
    200. It is 429 if no upload place is free to read the library.
    """
    owner = user_of(request)
    look: LibraryLook | None = None
    try:
        asked = posted(request, owner)
        look = LibraryLook(submission_of_form(request, asked))
        with library_place(request, asked):
            estimate = estimate_of(user_id=owner.pk, submission=look.submission)
        return JsonResponse(estimate | {"library": look.report()})
    except InvalidInput as error:
        return JsonResponse({"faults": _faults(error), "library": look and look.report()})
    except TooManyRequests as error:
        headers = {"Retry-After": str(error.retry_after)}
        return JsonResponse(error.as_dict(), status=error.status_code, headers=headers)


def _faults(error: InvalidInput) -> dict[str, Any]:
    listed = error.problems[:LISTED]
    more = max(error.problem_count, len(error.problems)) - len(listed)
    return {"detail": error.detail, "listed": [problem.as_dict() for problem in listed], "more": more}
