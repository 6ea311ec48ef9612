"""The middleware that answers REST addresses without their final slash."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import is_valid_path

View = Callable[[HttpRequest], HttpResponseBase]


def final_slash(get_response: View) -> View:
    """Answer `/api/jobs` like `/api/jobs/`, with every method.

    Django would redirect. Most clients turn a redirected POST into a GET: they got a list, and no job existed.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if (
            path.startswith("/api/")
            and not path.endswith("/")
            and not is_valid_path(path)
            and is_valid_path(f"{path}/")
        ):
            request.path_info = f"{path}/"
            request.path = f"{request.path}/"
        return get_response(request)

    return answer
