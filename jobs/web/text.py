"""Text with a NUL character is refused in one place: Postgres stores none, and every query with one would fail.

Lone surrogates never arrive: Django decodes addresses and forms as UTF-8, and orjson refuses them in JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse

from jobs.errors import InvalidInput
from jobs.limits import SHOWN_NAME
from jobs.web.addresses import asks_rest
from jobs.web.errors import refused

NUL = "\0"


def check_text(fields: Iterable[tuple[str, str]]) -> None:
    """Raise InvalidInput `bad_character` for the first (name, text) with a NUL character in name or text."""
    for name, text in fields:
        if NUL in text or NUL in name:
            shown = name.replace(NUL, "\\0")[:SHOWN_NAME]
            what = f"{shown or 'a field'} contains a NUL character"
            raise InvalidInput.one("bad_character", what, "Remove the character.", path=shown)


def texts_of(value: object) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every string and key in a JSON value."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, str):
            yield path, one
        elif isinstance(one, list):
            waiting += [(f"{path}.{index}".lstrip("."), member) for index, member in enumerate(one)]
        elif isinstance(one, dict):
            yield from ((path, key) for key in one)
            waiting += [(f"{path}.{key}".lstrip("."), member) for key, member in one.items()]


class TextCheck:
    """Middleware that checks addresses, and forms of pages. REST's parsers check the bodies of REST.

    It runs after the CSRF check, which has read the form.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            check_text([("the path", request.path)])
            check_text((name, text) for name, texts in request.GET.lists() for text in texts)
        except InvalidInput as error:
            return refused(request, "Bad request", error)
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.method != "POST" or asks_rest(request):
            return None
        try:
            check_text((name, text) for name, texts in request.POST.lists() for text in texts)
        except InvalidInput as error:
            return refused(request, "Bad request", error)
        return None
