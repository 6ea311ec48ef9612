"""Every refusal of the service, as one tree of exceptions. `jobs.web.rest.errors` maps it to HTTP.

ServiceError
├── InvalidInput        400  the input is wrong; `problems` has each place, reason and remedy
│   └── TooLarge        413  more than this service accepts
├── BudgetUsedUp        402  the owner's budget of this month is used up
├── TooSlow             408  the request's body did not arrive in time
├── NotFound            404  it doesn't exist, or belongs to another user
├── Gone                410  it has expired
├── Conflict            409  the state of the object doesn't allow it
├── WrongMediaType      415  this address doesn't read bodies of this kind
├── TooManyRequests     429  retry after `retry_after` seconds
├── Unavailable         503  no worker, or a store is down; retry after `retry_after` seconds
├── StillRunning        504  the answer takes longer than the wait limit; `location` is the job's URL
├── jobs.intake.sync.ItemsFailed   500  a worker could not compute some items of a synchronous request
└── jobs.results.export.ExportBroken         500  a download lost its rows, or found damaged bytes
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from typing import Any, Self, TypeVar

from jobs.limits import LISTED_PROBLEMS, SHOWN_MESSAGE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offer:
    """A way out that a program can take: the same request with `field` set to `value`. `label` is for a button."""

    field: str
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, for a person and for a program.

    `code` is stable. `message` is the problem and its place, `remedy` the way out. `path` is the field of a JSON body
    (`items.3.sequence`). `line` and `column` count from 1 in a file. `record` is the name as given, and `index` the
    0-based position of the record in the input. `character` is the offending character. `offers` are ways out that a
    page can put on buttons. `near` has the letters before the character, the character, and those after it, for pages.
    """

    code: str
    message: str
    remedy: str = ""
    path: str | None = None
    line: int | None = None
    column: int | None = None
    record: str | None = None
    index: int | None = None
    character: str | None = None
    offers: tuple[Offer, ...] = ()
    near: tuple[str, str, str] | None = None

    def offering(self, offers: tuple[Offer, ...]) -> Problem:
        """Return the same problem with ways out."""
        return replace(self, offers=offers)

    def offering_as(self, field: str) -> Problem:
        """Return the same problem, whose ways out are values of another field."""
        return replace(self, offers=tuple(replace(offer, field=field) for offer in self.offers))

    def __post_init__(self) -> None:
        # Messages quote what they refuse, and that may be a list of a million numbers.
        if len(self.message) > SHOWN_MESSAGE:
            object.__setattr__(self, "message", f"{self.message[:SHOWN_MESSAGE]}...")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are set, ready for JSON, except `near`."""
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name != "near")
        given = {name: value for name, value in pairs if value not in (None, "", ())}
        return given | ({"offers": [asdict(offer) for offer in self.offers]} if self.offers else {})


UNBOX = "Send a plain value. In R, use jsonlite::toJSON(body, auto_unbox = TRUE)."
"""The remedy for a value in a list of its own: R has no plain values, only vectors of one."""


def is_boxed(value: object) -> bool:
    """Return whether a JSON value is a list with one plain value."""
    return isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list | dict)


class Problems:
    """A collection of problems that lists the first `most` and counts all, to bound memory."""

    def __init__(self, most: int = LISTED_PROBLEMS) -> None:
        self.listed: list[Problem] = []
        self.count = 0
        self._most = most

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def full(self) -> bool:
        """Whether further problems are only counted."""
        return len(self.listed) >= self._most

    def add(self, problem: Problem) -> None:
        self.extend((problem,))

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.count += 1
            if not self.full:
                self.listed.append(problem)

    def each(self, things: Sequence[T], problem_of: Callable[[T], Problem]) -> None:
        """Add a problem for each of `things`, without making those that are only counted."""
        self.count += len(things)
        self.listed += map(problem_of, islice(things, self._most - len(self.listed)))

    def refusal(self) -> InvalidInput:
        """Return the error of all problems. Code and sentence are those of the first, with the number of the others."""
        first = self.listed[0]
        detail = _and_more(first, self.count)
        return InvalidInput(detail, code=first.code, problems=self.listed, problem_count=self.count)


def _and_more(first: Problem, count: int) -> str:
    return first.message + (f" (and {count - 1:,} more)" if count > 1 else "")


class ServiceError(Exception):
    """A refusal: `detail` is a sentence for people, `code` a stable word for programs, `problems` the single places."""

    status_code = 500
    code = "error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        problems: Sequence[Problem] = (),
        problem_count: int | None = None,
        retry_after: int | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.problems = tuple(problems)
        self.problem_count = len(self.problems) if problem_count is None else problem_count
        self.retry_after = retry_after
        self.location = location

    @property
    def sentence(self) -> str:
        """The detail as a sentence for a page."""
        return f"{self.detail[:1].upper()}{self.detail[1:]}."

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of an answer with this error."""
        fields = {"Retry-After": self.retry_after, "Location": self.location}
        return {name: str(value) for name, value in fields.items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """Return the error body of the REST interface."""
        body: dict[str, Any] = {
            "detail": self.detail,
            "code": self.code,
            "status_code": self.status_code,
            "errors": [problem.as_dict() for problem in self.problems],
        }
        if self.problem_count > len(self.problems):
            body["errors_total"] = self.problem_count
        if self.location:
            body["job"] = self.location
        return body


class InvalidInput(ServiceError):
    status_code = 400
    code = "invalid_input"

    @classmethod
    def of(cls, *problems: Problem) -> Self:
        """Return the error of one or more problems, with the code and the sentence of the first."""
        first = problems[0]
        return cls(_and_more(first, len(problems)), code=first.code, problems=problems)

    @classmethod
    def one(cls, code: str, message: str, remedy: str = "", **place: Any) -> Self:
        """Return the error of a single problem; `place` takes the other fields of `Problem`, such as `path`."""
        return cls.of(Problem(code, message, remedy, **place))


class TooLarge(InvalidInput):
    status_code = 413
    code = "too_large"


class BudgetUsedUp(ServiceError):
    status_code = 402
    code = "budget_used_up"


class TooSlow(ServiceError):
    status_code = 408
    code = "upload_too_slow"


class NotFound(ServiceError):
    status_code = 404
    code = "not_found"


class Forbidden(ServiceError):
    status_code = 403
    code = "forbidden"


class Gone(ServiceError):
    status_code = 410
    code = "gone"


class Conflict(ServiceError):
    status_code = 409
    code = "conflict"


class WrongMediaType(ServiceError):
    status_code = 415
    code = "unsupported_media_type"


class TooManyRequests(ServiceError):
    status_code = 429
    code = "too_many_requests"


class Unavailable(ServiceError):
    status_code = 503
    code = "unavailable"


class StillRunning(ServiceError):
    status_code = 504
    code = "still_running"
