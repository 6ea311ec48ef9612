"""The cost of the form for a new job as it is now, for the page's script."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from jobs.errors import InvalidInput, TooManyRequests
from jobs.intake.estimates import estimate_of
from jobs.pages.new_job.form import posted
from jobs.pages.new_job.page import library_place, submission_of_form
from jobs.web.access import page, user_of

LISTED = 20
"""Problems that an answer lists; the others are counted."""


@page
@require_POST
def new_job_cost(request: HttpRequest) -> JsonResponse:
    """Return the estimate of the form, or the `faults` for which it would be refused. Nothing is stored.

    Both answer the question, so both are 200. The status is 429 if no upload slot is free to read the library.
    """
    owner = user_of(request)
    try:
        asked = posted(request, owner)
        submission = submission_of_form(request, asked)
        with library_place(request, asked):
            return JsonResponse(estimate_of(user_id=owner.pk, submission=submission))
    except InvalidInput as error:
        return JsonResponse({"faults": _faults(error)})
    except TooManyRequests as error:
        headers = {"Retry-After": str(error.retry_after)}
        return JsonResponse(error.as_dict(), status=error.status_code, headers=headers)


def _faults(error: InvalidInput) -> dict[str, Any]:
    listed = error.problems[:LISTED]
    more = max(error.problem_count, len(error.problems)) - len(listed)
    return {"detail": error.detail, "listed": [problem.as_dict() for problem in listed], "more": more}
