"""The web server with clients that are slow on purpose: a real gunicorn with few threads, and another user who asks."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from e1site.stack.processes import wait_gone
from e1site.webserver.lingering import DRAINS, FREE_BYTES
from tests.security.tiny_app import LARGE

ROOT = Path(__file__).parents[2]
THREADS = 4
CONNECTIONS = 200
MANY = 60
"""More than there are threads, and fewer than connections."""
DEADLINE = 30
"""Seconds that the other user waits at most for an answer."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    """Return the log of the web server."""
    return tmp_path_factory.mktemp("web") / "log"


@pytest.fixture(scope="module")
def port(log) -> Iterator[int]:
    number = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "tests.security.tiny_app:application", "--bind", f"127.0.0.1:{number}"),
        *("--worker-class", "e1site.webserver.worker.EdgeWorker", "--workers", "1", "--threads", str(THREADS)),
        *("--worker-connections", str(CONNECTIONS), "--no-control-socket"),
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        assert wait_gone(lambda: not answers(number) and server.poll() is None, 60), log.read_text()
        yield number
        server.terminate()
        assert server.wait(timeout=60) == 0, log.read_text()
    finally:
        server.kill()


def answers(port: int) -> bool:
    try:
        return ask(port)[0] == 200
    except OSError:
        return False


def ask(port: int, path: str = "/other", body: object = None) -> tuple[int, bytes]:
    """Send one request as another user, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def clients(port: int, sent: bytes, count: int = MANY, address: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Open connections from an address that have sent these bytes, and neither send nor read any more."""
    with ExitStack() as stack:
        connect = partial(socket.create_connection, ("127.0.0.1", port), DEADLINE, (address, 0))
        opened = [stack.enter_context(connect()) for _ in range(count)]
        for sock in opened:
            sock.sendall(sent)
        yield opened


ATTACKS = {
    "a body of a byte": b"POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\na",
    "half a head": b"GET /login/ HTTP/1.1\r\nHos",
    "nothing": b"",
    "a chunk that never ends": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\na",
    "a large answer that is not read": b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", ATTACKS.values(), ids=ATTACKS.keys())
def test_slow_clients_hold_up_no_other(port, sent):
    with clients(port, sent):
        for _ in range(5):
            assert ask(port) == (200, b"/other 0")


def test_a_streamed_answer_that_is_not_read_holds_a_thread_and_no_more(port):
    with clients(port, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", THREADS - 1):
        assert ask(port) == (200, b"/other 0")


@pytest.mark.parametrize("sent", [b"", b"GET /x HTTP/1.1\r\nHos", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_flood_of_connections_from_one_address_drops_its_own(port, sent):
    with clients(port, b"GET /mine HTTP/1.1\r\nHos", 1) as (mine,):
        with clients(port, sent, CONNECTIONS + MANY, address="127.0.0.2"):
            assert ask(port) == (200, b"/other 0")
            mine.sendall(b"t: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: mine.recv(4096), b""))
        assert answer.endswith(b"/mine 0")


@pytest.mark.slow
def test_a_half_request_is_refused_after_its_deadline(port):
    with clients(port, b"GET / HTTP/1.1\r\nHos", 1) as (sock,):
        assert sock.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert sock.recv(1000) == b""


def test_a_head_without_end_is_refused(port):
    with clients(port, b"GET /" + b"a" * 70_000, 1) as (sock,):
        assert sock.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_what_is_no_request_is_refused(port):
    with clients(port, b"NONSENSE\r\n\r\n", 1) as (sock,):
        assert sock.recv(1000).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("request_line", "said"),
    [
        (b"GET /broken?params=MKTSECRET HTTP/1.1", "Error handling request GET /broken"),
        (b'GET /?params={"parent": "MKTSECRET"} HTTP/1.1', "Invalid request from ip=127.0.0.1"),
    ],
)
def test_no_query_is_in_the_log(port, log, request_line, said):
    with clients(port, request_line + b"\r\nHost: x\r\n\r\n", 1) as (sock,):
        assert re.match(rb"HTTP/1\.1 [45]00 ", sock.recv(1000))
    assert wait_gone(lambda: said not in log.read_text(), DEADLINE)
    assert "MKTSECRET" not in log.read_text()


SMUGGLED = {
    "both lengths": b"Content-Length: 4\r\nTransfer-Encoding: chunked",
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5",
    "a signed length": b"Content-Length: +4",
    "a strange encoding": b"Transfer-Encoding: xchunked",
    "a space before the colon": b"Transfer-Encoding : chunked",
    "a folded line": b"X: a\r\n Transfer-Encoding: chunked",
}


@pytest.mark.parametrize("header", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_an_ambiguous_end_of_a_request_is_refused(port, header):
    """Otherwise a proxy and this server could disagree on where the next request begins."""
    hidden = b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    with clients(port, b"POST /body HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n" + hidden, 1) as (sock,):
        answer = b""
        while more := sock.recv(10_000):
            answer += more
    assert re.match(rb"HTTP/1\.1 (400|501) ", answer)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/hidden" not in answer


@pytest.mark.parametrize("length", [0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 3_000_000])
def test_bodies_arrive_whole(port, length):
    assert ask(port, "/body", b"a" * length) == (200, f"/body {length}".encode())


@pytest.mark.parametrize("pieces", [[b"abc"], [b"a" * 100] * 50, [b"b" * 100_000] * 5])
def test_chunked_bodies_arrive_whole(port, pieces):
    assert ask(port, "/body", iter(pieces)) == (200, f"/body {sum(map(len, pieces))}".encode())


@pytest.mark.parametrize("path", ["/large", "/stream"])
def test_large_answers_arrive_whole(port, path):
    status, body = ask(port, path)
    assert (status, len(body)) == (200, LARGE)


def test_a_connection_serves_many_requests(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    for number in range(20):
        connection.request("POST", f"/{number}", b"a" * number)
        assert connection.getresponse().read() == f"/{number} {number}".encode()
    connection.close()


def test_requests_that_come_together_are_answered_in_order(port):
    with clients(port, b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(3)), 1) as (sock,):
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.count(b"200 OK") == 3
    assert answer.index(b"/0 0") < answer.index(b"/1 0") < answer.index(b"/2 0")


def test_a_client_that_waits_for_100_continue_gets_it_once(port):
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    with clients(port, head, 1) as (sock,):
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"/body 5")


LARGE_UPLOAD = b">\n" * 30_000_000


def upload(port: int) -> tuple[int, bytes]:
    """Send a large upload by a client that reads the answer only after it has sent everything."""
    answer = httpx.post(f"http://127.0.0.1:{port}/refuse", content=LARGE_UPLOAD, timeout=DEADLINE, trust_env=False)
    return answer.status_code, answer.content


def test_clients_that_send_their_whole_upload_before_they_read_get_the_refusal(port):
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(upload, port) for _ in range(4)]
        assert ask(port) == (200, b"/other 0")
        assert [answer.result() for answer in answers] == [(200, b"refused")] * 4


def test_uploads_that_are_thrown_away_take_no_place_of_another_address(port):
    """The other address has more uploads than there are places; it loses its own."""
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n"
    with clients(port, head, 2 * DRAINS, address="127.0.0.2") as others:
        for sock in others:
            sock.settimeout(DEADLINE)
            with suppress(OSError):
                sock.sendall(b"a" * (FREE_BYTES + 1_000_000))
        assert upload(port) == (200, b"refused")
        ended = 0
        for sock in others:
            try:
                for _ in range(50):
                    sock.sendall(b"a" * 100_000)
            except OSError:
                ended += 1
        assert ended >= DRAINS


def test_an_upload_that_is_refused_unread_gets_its_answer_and_an_end(port):
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    with clients(port, head + b"a" * 100_000, 1) as (sock,):
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.endswith(b"refused")


def test_threads_change_places_quickly_only_while_a_request_takes_long(port):
    half_an_upload = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with clients(port, half_an_upload, 1):
        assert wait_gone(lambda: ask(port, "/interval") != (200, b"0.001"), DEADLINE)
    assert wait_gone(lambda: ask(port, "/interval") != (200, b"0.005"), DEADLINE)
