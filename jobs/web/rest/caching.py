"""The middleware that keeps answers of the REST interface out of caches."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from jobs.web.addresses import asks_rest

View = Callable[[HttpRequest], HttpResponse]


def no_store(get_response: View) -> View:
    """Forbid browsers and proxies to store answers under `/api/`, unless a view has its own rule."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if asks_rest(request):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return answer
