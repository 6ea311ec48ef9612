"""Places for uploads: each holds a thread of the web process while its body comes in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from jobs.errors import TooManyRequests
from jobs.limits import MAX_UPLOAD_BODY, SMALL_FORM

RETRY_AFTER_SECONDS = 5

_lock = threading.Lock()
_taken: Counter[int] = Counter()
"""Uploads that run in this process, by their user's number."""


@contextmanager
def upload_place(user_id: int) -> Iterator[None]:
    """A place for one upload of this user. Raises TooManyRequests `too_many_uploads` where none is free.

    Counted in each web process: a user may have E1_USER_UPLOADS of them, all users together E1_UPLOADS.
    """
    with _lock:
        if _taken[user_id] >= settings.E1_USER_UPLOADS:
            raise _refusal(f"you have {settings.E1_USER_UPLOADS} uploads under way")
        if _taken.total() >= settings.E1_UPLOADS:
            raise _refusal(f"{settings.E1_UPLOADS} uploads are under way")
        _taken[user_id] += 1
    try:
        yield
    finally:
        with _lock:
            _taken[user_id] -= 1
            if not _taken[user_id]:
                del _taken[user_id]


def _refusal(what: str) -> TooManyRequests:
    return TooManyRequests(
        f"{what}; nothing was queued, send it again in a moment",
        code="too_many_uploads",
        retry_after=RETRY_AFTER_SECONDS,
    )


class FormPlaces:
    """Middleware: a large form takes a place before anything reads it, and is not read from people who are not logged
    in. It stands before the check of the form's token, which reads the form; REST takes places by itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        small = length.isascii() and length.isdigit() and int(length) <= SMALL_FORM
        if small or request.path.startswith("/api/"):
            return self._get_response(request)
        if not request.user.is_authenticated:
            return self._page(request, "Too large", "Log in before you send a file.", 413)
        try:
            with upload_place(request.user.pk):
                return self._get_response(request)
        except TooManyRequests as error:
            answer = self._page(request, "Please wait", f"{error.detail[:1].upper()}{error.detail[1:]}.", 429)
            answer["Retry-After"] = str(error.retry_after)
            return answer

    @staticmethod
    def _page(request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
        return render(request, "jobs/error.html", {"title": title, "text": text}, status=status)


class UploadToDisk(TemporaryFileUploadHandler):
    """Files of forms go to disk under names of our own; a body that announces too much is refused before it comes."""

    def handle_raw_input(self, *args: object, **kwargs: object) -> None:
        length = next((word for word in args if isinstance(word, int)), 0)
        if length > MAX_UPLOAD_BODY:
            raise RequestDataTooBig(f"the form is larger than {MAX_UPLOAD_BODY} bytes")
