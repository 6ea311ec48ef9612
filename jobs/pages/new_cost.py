"""What the form for a new job would cost as it stands: for scripts of that page, before anything is submitted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from jobs.errors import InvalidInput, TooManyRequests
from jobs.intake.estimates import estimate_of, present_estimate
from jobs.pages.asked import posted
from jobs.pages.new import library_place, submission_of_form
from jobs.web.access import page, user_of

LISTED = 20
"""Faults that an answer lists; the others are counted."""


@page
@require_POST
def new_job_cost(request: HttpRequest) -> JsonResponse:
    """The estimate of the form, which stores nothing; or `faults` for which it would be refused. Both are answers to
    the question, so both are 200. 429 where no place is free to read the library in.
    """
    owner = user_of(request)
    try:
        asked = posted(request, owner)
        submission = submission_of_form(request, asked)
        with library_place(request, asked):
            estimate, records = estimate_of(user_id=owner.pk, submission=submission)
    except InvalidInput as error:
        return JsonResponse({"faults": _faults(error)})
    except TooManyRequests as error:
        headers = {"Retry-After": str(error.retry_after)}
        return JsonResponse(error.as_dict(), status=error.status_code, headers=headers)
    return JsonResponse(present_estimate(estimate, records.cleaning, []))


def _faults(error: InvalidInput) -> dict[str, Any]:
    listed = error.problems[:LISTED]
    more = max(error.problem_count, len(error.problems)) - len(listed)
    return {"detail": error.detail, "listed": [problem.as_dict() for problem in listed], "more": more}
