"""HTTP with patience: requests are repeated, with growing pauses, while a server is away or busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import stamina

from e1client.errors import ClientError, ServerTrouble, Unreachable, api_error, json_object
from e1client.settings import Connection

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 60.0

OnLost = Callable[[ClientError], None]
"""Called with the error of every failed attempt that will be repeated."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to repeat: at most `attempts` times and `seconds` in all; None sets no limit.

    0 seconds allow one attempt.
    """

    attempts: int | None = 5
    seconds: float | None = None


class Transport:
    """One connection pool to one server. Not safe for use by several threads."""

    def __init__(self, connection: Connection, *, on_lost: OnLost, inner: httpx.BaseTransport | None = None) -> None:
        self.on_lost = on_lost
        headers = {"Authorization": f"Token {connection.token}"} if connection.token else {}
        self.http = httpx.Client(
            base_url=connection.url,
            headers=headers | {"Accept": "application/json", "User-Agent": "e1-client"},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=True,
            # Proxy settings are for other machines: a server on this machine is reached directly.
            trust_env=not connection.is_local,
            transport=inner,
        )

    def attempts(self, patience: Patience, *, repeatable: bool = True) -> Iterable[stamina.Attempt]:
        """Return attempts, each for a `with`: Unreachable and ServerTrouble inside one lead to the next.

        If `repeatable` is false, only a failure to connect does: a request that may have arrived is not sent twice.
        """

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, Unreachable | ServerTrouble):
                return False
            if not repeatable and not isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                return False
            if isinstance(error, ServerTrouble) and error.body.get("job"):
                return False  # the request became a job: sending it again would create another one
            self.on_lost(error)
            if isinstance(error, ServerTrouble) and error.retry_after is not None:
                return min(error.retry_after, LONGEST_RETRY_AFTER)
            return True

        once = patience.seconds == 0
        return stamina.retry_context(
            on=pause,
            attempts=1 if once else patience.attempts,
            timeout=None if once else patience.seconds,
            wait_initial=0.2,
            wait_max=LONGEST_PAUSE,
            wait_jitter=0.3,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        patience: Patience | None = None,
        repeatable: bool = True,
        seconds: float = READ_SECONDS,
        **options: Any,
    ) -> httpx.Response:
        """Send a request until it is answered. `seconds` limits each read; `options` go to `httpx.Client.request`.

        Raises Unreachable, or the ApiError of an answer of 400 or above.
        """
        options["timeout"] = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        for attempt in self.attempts(patience or Patience(), repeatable=repeatable):
            with attempt, self.connected():
                response = self.http.request(method, path, **options)
                if response.is_error:
                    raise api_error(response)
        return response

    def json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object that answers a request; see `request`."""
        return decoded(self.request(method, path, **options))

    def rows(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, requesting each cursor page when its first row is needed."""
        query = dict(params)
        while True:
            page = self.json("GET", path, params=query)
            yield from page.get("results") or ()
            if not page.get("next"):
                return
            # Behind a proxy, only the server may know the host in `next`: take the query alone.
            query = dict(parse_qsl(urlsplit(str(page["next"])).query))

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Turn httpx's failures into Unreachable; a body that ends too early is one of them."""
        try:
            yield
        except httpx.ConnectError as error:
            raise Unreachable(
                f"no server answers at {self.http.base_url} ({error}). Start one with `e1 up`, or set E1_URL"
            ) from error
        except httpx.TimeoutException as error:
            kind = type(error).__name__
            raise Unreachable(f"{self.http.base_url} did not answer in time ({kind})") from error
        except httpx.TooManyRedirects as error:
            raise Unreachable(f"{self.http.base_url} redirects in a circle; is E1_URL right?") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(f"the connection to {self.http.base_url} broke ({error})") from error


def decoded(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises Unreachable if it has none."""
    body = json_object(response)
    if body is None:
        raise not_the_service(response)
    return body


def not_the_service(response: httpx.Response) -> Unreachable:
    return Unreachable(f"what answers at {response.request.url} is not the service; is E1_URL right?")
