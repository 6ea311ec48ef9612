"""Places for what holds a thread of the web process: uploads, downloads, event streams, synchronous answers, look-ups.

Each kind has a number of places in one process, and a smaller number for one user, so that no user takes them all.
Together they leave threads for everything else (e1site.stack.parts.web). Each user, or each address without a login,
has places for that too.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from jobs.errors import ServiceError, TooManyRequests, Unavailable
from jobs.web.access import client_address
from jobs.web.errors import refused
from jobs.web.turns import ANSWERING, LARGE_ANSWER, Turn

RETRY_AFTER_SECONDS = 5


class Places:
    """The places of one kind in this process. `total` and `each` name the settings with their numbers.

    A place of a kind with a `total` replaces the place among all requests that the thread holds.
    """

    def __init__(self, what: str, *, total: str | None, each: str, refuse: Callable[[str], ServiceError]) -> None:
        self._what, self._total, self._each, self._refuse = what, total, each, refuse
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()

    def take(self, who: Hashable) -> None:
        """Take a place for this user or address. Raises the refusal if none is free."""
        each = getattr(settings, self._each)
        with self._lock:
            if self._taken[who] >= each:
                raise self._refuse(f"you have {each} {self._what} under way")
            if self._total is not None and self._taken.total() >= (total := getattr(settings, self._total)):
                raise self._refuse(f"{total} {self._what} are under way")
            self._taken[who] += 1
        if self._total is not None:
            request_done()

    def give_back(self, who: Hashable) -> None:
        """Return a place."""
        with self._lock:
            self._taken[who] -= 1
            # Those without a place are not remembered.
            self._taken += Counter()

    @contextmanager
    def place(self, who: Hashable) -> Iterator[None]:
        """Hold a place. Raises the refusal if none is free."""
        self.take(who)
        try:
            yield
        finally:
            self.give_back(who)


def _refusal(code: str, remedy: str) -> Callable[[str], ServiceError]:
    return lambda what: TooManyRequests(f"{what}; {remedy}", code=code, retry_after=RETRY_AFTER_SECONDS)


UPLOADS = Places(
    "uploads",
    total="E1_UPLOADS",
    each="E1_USER_UPLOADS",
    refuse=_refusal("too_many_uploads", "nothing was queued, send it again in a moment"),
)
DOWNLOADS = Places(
    "downloads",
    total="E1_DOWNLOADS",
    each="E1_USER_DOWNLOADS",
    refuse=_refusal("too_many_downloads", "ask again when one has ended"),
)
ANSWERS = Places(
    "synchronous requests",
    total="E1_SYNC_REQUESTS",
    each="E1_USER_SYNC_REQUESTS",
    refuse=_refusal("too_many_sync_requests", "send it again in a moment, or submit an asynchronous job to /api/jobs/"),
)
LOOK_UPS = Places(
    "look-ups of names",
    total="E1_LOOK_UPS",
    each="E1_USER_LOOK_UPS",
    refuse=_refusal("too_many_look_ups", "nothing was created, send it again in a moment"),
)
STREAMS = Places(
    "event streams",
    total="E1_EVENT_STREAMS",
    each="E1_USER_EVENT_STREAMS",
    refuse=lambda what: Unavailable(
        f"{what}; poll the job instead", code="too_many_streams", retry_after=RETRY_AFTER_SECONDS
    ),
)
PUBLIC_DOWNLOADS = Places(
    "downloads by public links",
    total="E1_PUBLIC_DOWNLOADS",
    each="E1_USER_PUBLIC_DOWNLOADS",
    refuse=_refusal("too_many_downloads", "ask again when one has ended"),
)


PUBLIC_PAGES = Places(
    "public pages",
    total="E1_PUBLIC_DOWNLOADS",
    each="E1_USER_PUBLIC_DOWNLOADS",
    refuse=_refusal("too_many_requests", "load the page again in a moment"),
)


class PublicDownload(StreamingHttpResponse):
    """A download by a public link. Without a login it takes a place of its address, and none of the users' places."""


REQUESTS = Places(
    "requests",
    total=None,
    each="E1_USER_REQUESTS",
    refuse=_refusal("too_many_requests", "send it again in a moment, and fewer at once"),
)

_thread = threading.local()
"""The state of the request that a thread handles.

`who` is the user or address whose place it holds, if any. `turn` is its turn to make a large answer, which ends with
the request.
"""


def request_begun(who: Hashable) -> None:
    """Hold a place among the requests of this user or address in this thread, until `request_done`.

    Raises TooManyRequests `too_many_requests`.
    """
    request_done()
    REQUESTS.take(who)
    _thread.who = who


def request_done() -> None:
    """Return the thread's place among the requests, if it holds one."""
    who = getattr(_thread, "who", None)
    if who is not None:
        _thread.who = None
        REQUESTS.give_back(who)


def answer_in_turn(user_id: int, size: int) -> None:
    """Wait for a turn before results of `size` bytes are made into an answer. The turn ends with the request.

    It is the turn of the user whose place the thread holds, such as a reader of a shared job, else that of `user_id`.
    Outside of a request nothing happens.
    """
    if size < LARGE_ANSWER or not getattr(_thread, "in_request", False) or getattr(_thread, "turn", None):
        return
    who = getattr(_thread, "who", None)
    turn = Turn(ANSWERING, who if isinstance(who, int) else user_id)
    turn.begin()
    _thread.turn = turn


class RequestPlaces:
    """Middleware: a request takes a place among those of its user, or of its address if no one is logged in.

    A request with an API token takes it once the user is known (`jobs.web.rest.authentication`). `/livez` takes none,
    because it only shows that the process runs.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/livez":
            return self._get_response(request)
        _thread.in_request = True
        try:
            if "HTTP_AUTHORIZATION" not in request.META:
                request_begun(request.user.pk if request.user.is_authenticated else client_address(request))
            return self._get_response(request)
        except TooManyRequests as error:
            return refused(request, "Please wait", error)
        finally:
            _thread.in_request = False
            request_done()
            if (turn := getattr(_thread, "turn", None)) is not None:
                _thread.turn = None
                turn.end()


class _Held:
    """The content of a streamed answer, which gives its place back when the answer is closed."""

    def __init__(self, content: Iterator[Any], give_back: Callable[[], None]) -> None:
        self._content, self._give_back = content, give_back
        self._open = True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._content)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._give_back()


class StreamPlaces:
    """Middleware: a streamed answer takes a place among the downloads, or among the event streams.

    Its thread waits for a client that reads slowly; an answer that exists as a whole does not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._get_response(request)
        if not isinstance(answer, StreamingHttpResponse):
            return answer
        who: Hashable
        if request.user.is_authenticated:
            places = STREAMS if answer.get("Content-Type", "").startswith("text/event-stream") else DOWNLOADS
            who = request.user.pk
        elif isinstance(answer, PublicDownload):
            places, who = PUBLIC_DOWNLOADS, client_address(request)
        else:
            return answer
        try:
            places.take(who)
        except ServiceError as error:
            answer.close()
            return refused(request, "Please wait", error)
        # The web process has no event loop, so no content is asynchronous.
        content = cast(Iterator[bytes], answer.streaming_content)
        answer.streaming_content = cast(Iterator[bytes], _Held(content, lambda: places.give_back(who)))
        return answer
