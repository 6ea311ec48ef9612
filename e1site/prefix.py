"""The prefix of all addresses, such as `/e1` of https://lab.example/e1/, behind proxies of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Prefixed:
    """A WSGI application whose requests come with the prefix or without it.

    Some proxies pass the address on as it is, and others strip the prefix. Django adds it to every address that the
    service writes (FORCE_SCRIPT_NAME), so it has to see paths without it.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == self._prefix:
            # Cookies are for the prefix with its slash: browsers would not send them to this address.
            query = environ.get("QUERY_STRING", "")
            location = f"{self._prefix}/" + (f"?{query}" if query else "")
            start_response("308 Permanent Redirect", [("Location", location), ("Content-Length", "0")])
            return []
        if path.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = path[len(self._prefix) :]
        return self._application(environ, start_response)
