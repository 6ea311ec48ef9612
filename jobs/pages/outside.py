"""What all public pages share: who is let in, and headers that keep their address to those who have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from jobs.errors import InvalidInput, NotFound, TooManyRequests
from jobs.files.names import attachment
from jobs.web.access import client_address
from jobs.web.errors import refusal_page, refused
from jobs.web.places import PUBLIC_PAGES, PublicDownload

HEADERS = {
    "Cache-Control": "private, no-store",
    # The address is the key: no other site learns it, and no search engine lists it.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

View = Callable[..., HttpResponseBase]


def public(view: View) -> View:
    """Let everybody in, with headers that keep the address from search engines, caches and other sites."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            found = view(request, *args, **kwargs)
        except NotFound as error:
            found = refusal_page(request, "Not found", error)
        except InvalidInput as error:
            found = refusal_page(request, "Bad request", error)
        except TooManyRequests as error:
            found = refused(request, "Please wait", error)
        for name, value in HEADERS.items():
            found[name] = value
        return found

    return cast(View, require_safe(answer))


@contextmanager
def computing(request: HttpRequest) -> Iterator[None]:
    """Hold a place among the public pages that are computed, if no one is logged in. Raises TooManyRequests."""
    if request.user.is_authenticated:
        yield
    else:
        with PUBLIC_PAGES.place(client_address(request)):
            yield


def sent(blocks: Iterator[bytes], name: str, content_type: str) -> PublicDownload:
    """Return a file that is written while it is sent."""
    # X-Accel-Buffering keeps nginx from collecting a download before it sends it on.
    headers = {"Content-Disposition": attachment(name), "X-Accel-Buffering": "no"}
    return PublicDownload(blocks, content_type=content_type, headers=headers)
