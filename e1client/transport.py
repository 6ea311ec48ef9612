"""HTTP with patience: requests are repeated, with growing pauses, while a server is away or busy."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import stamina

from e1client.errors import ClientError, Misdirected, ServerTrouble, Unreachable, api_error, json_object
from e1client.network import Route, certificate_trouble, find_route
from e1client.quiet import quiet
from e1client.settings import NOTHING, Connection

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


class WithCertificates(httpx.BaseTransport):
    """Connections with TLS that read the trusted authorities once the first of them is needed."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._lock = Lock()
        self._made: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._made is None:
                self._made = httpx.HTTPTransport(verify=self._route.context(), proxy=self._route.proxy)
        return self._made.handle_request(request)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


class Transport:
    """Connections to one server. Threads may share it, and every process opens its own connections."""

    def __init__(self, connection: Connection, *, on_lost: OnLost, inner: httpx.BaseTransport | None = None) -> None:
        self.on_lost = on_lost
        self._connection, self._inner = connection, inner
        self.route = find_route(connection)
        self._opened = os.getpid(), self._open()
        self._inherited: list[httpx.Client] = []

    @property
    def http(self) -> httpx.Client:
        """The HTTP client of this process."""
        process, http = self._opened
        if process != os.getpid():
            # A fork shares its parent's sockets, so answers would reach the wrong process. Another thread of the parent
            # may have held the old client's lock: don't close it, and keep it, so that no destructor does.
            self._inherited.append(http)
            http = self._open()
            self._opened = os.getpid(), http
        return http

    def close(self) -> None:
        """Close the connections of this process."""
        process, http = self._opened
        if process == os.getpid():
            http.close()

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the connections: another process opens its own."""
        return {name: value for name, value in vars(self).items() if name not in ("_opened", "_inherited")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._opened, self._inherited = (os.getpid(), self._open()), []

    def _open(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self._connection.token}"} if self._connection.token else {}
        if self.route.tls or self._inner is not None:
            trusted, later = self.route.context(), {}
        else:
            # Reading all authorities takes 60 ms. Without TLS only a redirect can need them; until then none counts.
            trusted, later = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), {"https://": WithCertificates(self.route)}
        return httpx.Client(
            base_url=self._connection.url,
            headers=headers | {"Accept": "application/json", "User-Agent": "e1-client"},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=True,
            event_hooks={"response": [stay_with_the_request]},
            trust_env=False,  # `e1client.network` reads the environment
            proxy=self.route.proxy,
            verify=trusted,
            mounts=later,
            transport=self._inner,
        )

    def attempts(self, patience: Patience, *, repeatable: bool = True) -> Iterable[stamina.Attempt]:
        """Return attempts, each for a `with`: Unreachable and ServerTrouble inside one lead to the next.

        If `repeatable` is false, only a failure to connect does: a request that may have arrived is not sent twice.
        """

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, Unreachable | ServerTrouble) or isinstance(error, Misdirected):
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
        return quiet(
            stamina.retry_context(
                on=pause,
                attempts=1 if once else patience.attempts,
                timeout=None if once else patience.seconds,
                wait_initial=0.2,
                wait_max=LONGEST_PAUSE,
                wait_jitter=0.3,
            )
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
        url = self.http.base_url
        try:
            yield
        except httpx.ConnectError as error:
            if trouble := certificate_trouble(error, url):
                raise Misdirected(trouble, code="bad_certificate") from error
            raise Unreachable(f"no server answers at {url}{self.route.words} ({error}). {self._remedy()}") from error
        except httpx.ProxyError as error:
            raise Unreachable(
                f"the proxy that {self.route.variable} names does not lead to {url} ({error}). If the server is inside "
                f"your network, add {url.host} to NO_PROXY"
            ) from error
        except httpx.TimeoutException as error:
            kind = type(error).__name__
            raise Unreachable(f"{url}{self.route.words} did not answer in time ({kind})") from error
        except httpx.TooManyRedirects as error:
            raise Misdirected(f"{url} redirects in a circle; is E1_URL right?") from error
        except UnicodeError as error:  # of the codec for host names, such as "http://."
            raise Misdirected(f"{url}{self.route.words} cannot be reached: a host name is invalid ({error})") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(f"the connection to {url}{self.route.words} broke ({error})") from error

    def _remedy(self) -> str:
        if self.route.variable:
            return f"If the server is inside your network, add {self._connection.url.host} to NO_PROXY"
        if self._connection.source == NOTHING:
            return "Set E1_URL to the address of the service; on its own machine `e1 up` starts one"
        named = f"The address is that of {source}. " if (source := self._connection.source) else ""
        return f"{named}Check host and port, and whether the service runs"


def stay_with_the_request(response: httpx.Response) -> None:
    """Raise Misdirected for a redirect that would change the method, or take what is sent to another host.

    Following it would answer, for example, a POST with the list of jobs, and no job would exist.
    """
    request = response.request
    if not response.has_redirect_location or request.method in ("GET", "HEAD"):
        return
    place = request.url.join(response.headers["Location"])
    keeps_method = response.status_code in (httpx.codes.TEMPORARY_REDIRECT, httpx.codes.PERMANENT_REDIRECT)
    if keeps_method and place.host == request.url.host:
        return
    better = str(place).removesuffix(request.url.raw_path.decode("ascii"))
    remedy = f"set E1_URL={better}" if better != str(place) else "is E1_URL right?"
    raise Misdirected(
        f"{request.url} answered {response.status_code} and leads to {place}. The {request.method} was not sent there, "
        f"and nothing was done; {remedy}",
        code="redirected",
    )


def decoded(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises Unreachable if it has none."""
    body = json_object(response)
    if body is None:
        raise not_the_service(response)
    return body


def not_the_service(response: httpx.Response) -> Unreachable:
    return Unreachable(f"what answers at {response.request.url} is not the service; is E1_URL right?")
