"""Everything that can go wrong between this machine and a server, as one exception tree with exit codes.

ClientError
├── UsageError           2  an argument, a setting or a file on this machine is wrong.
├── Unreachable          5  no server answers, or the connection broke, also after repeating.
│   └── Misdirected      5  a redirect, a certificate or a proxy: an address or a setting must change first.
├── ApiError                the server answered with an error; `problems` lists places, reasons, remedies.
│   ├── Rejected         3  400, 404, 409, 413 ...: the request is wrong, or the job's state forbids it.
│   ├── Unauthorised     5  401, 403: the server does not accept this token.
│   └── ServerTrouble    5  429, 5xx: the server cannot serve now.
└── GaveUpWaiting        6  the wait limit passed; the job goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from importlib import import_module
from typing import Any

import httpx


class Exit(IntEnum):
    """Exit codes of the `e1` command."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    INVALID_INPUT = 3
    JOB_FAILED = 4
    UNREACHABLE = 5
    GAVE_UP = 6
    INTERRUPTED = 130
    READER_GONE = 141


class ClientError(Exception):
    """An error. `detail` says what is wrong and what to do; `code` is stable; `exit_code` ends the command."""

    code = "error"
    exit_code = Exit.USAGE
    problems: Sequence[Mapping[str, Any]] = ()
    problem_count = 0

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code

    def __reduce__(self) -> tuple[Callable[..., ClientError], tuple[Any, ...], dict[str, Any]]:
        """Return how to make this error again: subclasses take other arguments than `args` holds."""
        return _again, (type(self), *self.args), vars(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the error for programs: the body that the server sent, if it sent one."""
        return {"detail": self.detail, "code": self.code, "errors": []}


def _again(kind: type[ClientError], *args: Any) -> ClientError:
    """Make an error from what pickle kept. Its attributes follow."""
    return kind.__new__(kind, *args)


class UsageError(ClientError):
    code = "usage"


def needed(package: str, why: str) -> Any:
    """Import a package. Raises UsageError `missing_package`, which says how to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise UsageError(f"{why} needs {package}: pip install {package}", code="missing_package") from error


class Unreachable(ClientError):
    code = "unreachable"
    exit_code = Exit.UNREACHABLE


class Misdirected(Unreachable):
    """Something on the way to the server must be changed first, so the request is not repeated."""

    code = "misdirected"


class GaveUpWaiting(ClientError):
    code = "gave_up_waiting"
    exit_code = Exit.GAVE_UP


class Refused(ClientError):
    """A refusal in the service's error form: `problems` are those that it lists, `problem_count` counts all."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body["detail"]), code=str(body["code"]))
        self.body = body
        self.problems = [problem for problem in body["errors"] if isinstance(problem, Mapping)]
        self.problem_count = max(int(body.get("errors_total") or 0), len(self.problems))

    def as_dict(self) -> dict[str, Any]:
        return self.body


class ApiError(Refused):
    """An answer of 400 or above."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(error_body(response))
        self.status_code = response.status_code
        self.retry_after = retry_after(response)


class Rejected(ApiError):
    exit_code = Exit.INVALID_INPUT


class Unauthorised(ApiError):
    exit_code = Exit.UNREACHABLE


class ServerTrouble(ApiError):
    exit_code = Exit.UNREACHABLE


def api_error(response: httpx.Response) -> ApiError:
    """Return the exception for an answer of 400 or above whose body has been read."""
    status = response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return Unauthorised(response)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerTrouble(response)
    return Rejected(response)


def json_object(response: httpx.Response) -> dict[str, Any] | None:
    """Return the JSON object of an answer, or None if it has none."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def error_body(response: httpx.Response) -> dict[str, Any]:
    """Return the service's error body; if something else answered (a proxy, a wrong URL), one of the same form."""
    body = json_object(response) or {}
    if not body.get("detail"):
        what = f"{response.status_code} {response.reason_phrase}".strip()
        detail = f"{response.request.url} answered {what} without the service's error body; {_remedy(response)}"
        body = {"detail": detail}
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            body.setdefault("code", "proxy_too_large")
    body.setdefault("code", "http_error")
    body.setdefault("status_code", response.status_code)
    if not isinstance(body.get("errors"), list):
        body["errors"] = []
    return body


def _remedy(response: httpx.Response) -> str:
    """Return what to do about an answer of something in front of the service, or in its place."""
    if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return (
            "a proxy in front of the service limits uploads. Ask its administrator to raise the limit "
            "(nginx: client_max_body_size), or send a smaller file, packed with gzip or in parts (`e1 extend`)"
        )
    return "look into the server's log" if response.is_server_error else "is E1_URL right?"


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`, or None if the header is absent or holds a date."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
