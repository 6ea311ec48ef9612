"""Upload places: each upload holds a thread of the web process while its body arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse

from jobs.errors import TooManyRequests, Unavailable
from jobs.limits import MAX_UPLOAD_BODY, SMALL_FORM
from jobs.parsing.numbers import whole
from jobs.web.addresses import asks_rest
from jobs.web.disk import upload_announced
from jobs.web.errors import error_page, refused
from jobs.web.places import UPLOADS

HELD = "e1.upload_place"
"""The key in `META` of the user whose place a request holds. No header field has this name."""


@contextmanager
def request_place(request: HttpRequest, user_id: int) -> Iterator[None]:
    """Hold an upload place for a request, unless it holds one of this user already.

    Raises TooManyRequests `too_many_uploads`, and Unavailable `disk_nearly_full`.
    """
    held = request.META.get(HELD)
    if held == user_id:
        yield
        return
    size = whole(request.META.get("CONTENT_LENGTH") or "0", high=MAX_UPLOAD_BODY) or 0
    with UPLOADS.place(user_id), upload_announced(size):
        request.META[HELD] = user_id
        try:
            yield
        finally:
            request.META[HELD] = held


def is_small(length: str | None) -> bool:
    """Return whether a body of this Content-Length occupies a thread only briefly."""
    return whole(length or "0", high=SMALL_FORM) is not None


class FormPlaces:
    """Middleware that takes an upload place for a large body of a session before anything reads the body.

    It refuses large forms of people who are not logged in. It runs before the CSRF check, which reads the form. REST
    takes the places of API tokens itself, once it knows the user.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_small(request.META.get("CONTENT_LENGTH")):
            return self._get_response(request)
        rest = asks_rest(request)
        if not request.user.is_authenticated:
            if rest:
                return self._get_response(request)
            return error_page(request, "Too large", "Log in before you send a file.", 413)
        try:
            with request_place(request, request.user.pk):
                return self._get_response(request)
        except (TooManyRequests, Unavailable) as error:
            return refused(request, "Please wait", error)


class UploadToDisk(TemporaryFileUploadHandler):
    """A handler that writes files of forms to disk under generated names, and refuses a body announced as too large."""

    def handle_raw_input(self, *args: object, **kwargs: object) -> None:
        length = next((word for word in args if isinstance(word, int)), 0)
        if length > MAX_UPLOAD_BODY:
            raise RequestDataTooBig(f"the form is larger than {MAX_UPLOAD_BODY} bytes")
