"""What nginx lets one address do, in front of a fake of the web process."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from e1site.stack.processes import wait_gone
from tests.deploy.proxy import Nginx

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has more than one loopback address")

SECONDS = 60
MOST = 3


class Web(http.server.ThreadingHTTPServer):
    """A web process whose answers wait until they are told to go."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.may_answer = threading.Event()
        self.seen: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        self.server.may_answer.wait(SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()


@contextmanager
def proxied(web: Web, folder: Path, **settings: str) -> Iterator[int]:
    """Run nginx in front of the web process, and yield its port."""
    own = {"E1_PROXY_WEB": f"127.0.0.1:{web.server_port}", "E1_PROXY_FILES": str(folder)}
    nginx = Nginx(folder / "nginx", {**own, "E1_PROXY_CLIENT_REQUESTS": str(MOST), **settings})
    try:
        nginx.start()
        yield int(nginx.http.rpartition(":")[2])
    finally:
        nginx.stop()


def asked(port: int, path: str, stack: ExitStack, address: str = "127.0.0.1") -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS, source_address=(address, 0))
    stack.callback(connection.close)
    connection.request("GET", path)
    return connection


@pytest.mark.parametrize("path", ["/login/", "/api/jobs/", "/jobs/new/", "/api/jobs/x/events/"])
def test_one_address_has_so_many_requests_at_a_time_and_another_is_served(web, tmp_path, path):
    with proxied(web, tmp_path) as port, ExitStack() as stack:
        held = [asked(port, path, stack) for _ in range(MOST)]
        assert wait_gone(lambda: len(web.seen) < MOST, SECONDS)
        refused = asked(port, path, stack).getresponse()
        assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
        assert json.loads(refused.read())["code"] == "too_many_requests"
        other = asked(port, path, stack, address="127.0.0.2")
        assert wait_gone(lambda: len(web.seen) <= MOST, SECONDS), "the other's request has not arrived"
        web.may_answer.set()
        assert [one.getresponse().status for one in [*held, other]] == [200] * (MOST + 1)
        assert asked(port, path, stack).getresponse().status == 200


def test_behind_another_proxy_addresses_are_not_told_apart_and_not_limited(web, tmp_path):
    with proxied(web, tmp_path, E1_PROXIES="2") as port, ExitStack() as stack:
        held = [asked(port, "/login/", stack) for _ in range(3 * MOST)]
        assert wait_gone(lambda: len(web.seen) < 3 * MOST, SECONDS)
        web.may_answer.set()
        assert {one.getresponse().status for one in held} == {200}


@pytest.mark.parametrize(("path", "streams"), [("/login/", False), ("/account/tokens/", False), ("/api/jobs/", True)])
def test_small_bodies_arrive_whole_and_uploads_as_they_come(web, tmp_path, path, streams):
    with proxied(web, tmp_path) as port, socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na".encode())
        with ExitStack() as stack:
            # When a later request has arrived, the earlier one would have, too.
            asked(port, "/later/", stack)
            assert wait_gone(lambda: "/later/" not in web.seen or (streams and path not in web.seen), SECONDS)
        assert (path in web.seen) is streams
        client.sendall(b"b")
        assert wait_gone(lambda: path not in web.seen, SECONDS)


def test_a_login_has_no_large_body(web, tmp_path):
    with proxied(web, tmp_path) as port, socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(b"POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert not web.seen


@pytest.mark.slow
def test_half_a_head_is_given_up(web, tmp_path):
    # nginx's own limit is a minute.
    with proxied(web, tmp_path) as port, socket.create_connection(("127.0.0.1", port), 40) as client:
        client.sendall(b"GET /login/ HTTP/1.1\r\nHos")
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert not web.seen
