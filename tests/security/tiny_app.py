"""A WSGI application for tests of the web server: echoes, streams, large answers, and one that sleeps until told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LARGE = 20 * 1024 * 1024
PIECE = b"x" * 65536


class Whole(list[bytes]):
    """An answer that exists as a whole, like Django's HttpResponse."""

    streaming = False


class Stream:
    """An answer that is made while it is sent, like Django's StreamingHttpResponse."""

    streaming = True

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._pieces):
            yield PIECE


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/broken":
        raise RuntimeError("an error of the application")
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return Stream(LARGE // len(PIECE))
    if path == "/large":
        body = b"y" * LARGE
    elif path == "/refuse":
        body = b"refused"
    elif path == "/interval":
        body = f"{sys.getswitchinterval():g}".encode()
    else:
        length = 0
        while piece := environ["wsgi.input"].read(65536):
            length += len(piece)
        body = f"{path} {length}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return Whole([body])
