"""Places for uploads: each holds a thread of the web process while its body comes in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from jobs.errors import TooManyRequests
from jobs.limits import MAX_UPLOAD_BODY, SMALL_FORM
from jobs.parsing.numbers import whole

RETRY_AFTER_SECONDS = 5

HELD = "e1.upload_place"
"""In `META`: the number of the user whose place a request holds. No header field is called so."""

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


@contextmanager
def request_place(request: HttpRequest, user_id: int) -> Iterator[None]:
    """The same for a request, which takes one where it holds none of this user yet."""
    held = request.META.get(HELD)
    if held == user_id:
        yield
        return
    with upload_place(user_id):
        request.META[HELD] = user_id
        try:
            yield
        finally:
            request.META[HELD] = held


def is_small(length: str | None) -> bool:
    """Whether a body of this announced length (Content-Length) holds a thread for a minute or so at most."""
    return whole(length or "0", high=SMALL_FORM) is not None


def _refusal(what: str) -> TooManyRequests:
    return TooManyRequests(
        f"{what}; nothing was queued, send it again in a moment",
        code="too_many_uploads",
        retry_after=RETRY_AFTER_SECONDS,
    )


class FormPlaces:
    """Middleware: a large body of a session takes a place before anything reads it, and a form is not read from people
    who are not logged in. It stands before the check of the form's token, which reads the form, as REST's own does.
    Users of API tokens are known later, and before anything is read: their places are taken by REST.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_small(request.META.get("CONTENT_LENGTH")):
            return self._get_response(request)
        rest = request.path.startswith("/api/")
        if not request.user.is_authenticated:
            if rest:
                return self._get_response(request)
            return self._page(request, "Too large", "Log in before you send a file.", 413)
        try:
            with request_place(request, request.user.pk):
                return self._get_response(request)
        except TooManyRequests as error:
            answer: HttpResponse
            if rest:
                answer = JsonResponse(error.as_dict(), status=429)
            else:
                answer = self._page(request, "Please wait", error.sentence, 429)
            answer["Retry-After"] = str(error.retry_after)
            return answer

    @staticmethod
    def _page(request: HttpRequest, title: str, text: str, status: int) -> HttpResponse:
        return render(request, "jobs/web/error.html", {"title": title, "text": text}, status=status)


class UploadToDisk(TemporaryFileUploadHandler):
    """Files of forms go to disk under names of our own; a body that announces too much is refused before it comes."""

    def handle_raw_input(self, *args: object, **kwargs: object) -> None:
        length = next((word for word in args if isinstance(word, int)), 0)
        if length > MAX_UPLOAD_BODY:
            raise RequestDataTooBig(f"the form is larger than {MAX_UPLOAD_BODY} bytes")
