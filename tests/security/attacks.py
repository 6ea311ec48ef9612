"""Attacks on a running service: what one client can send. Each is a context manager that attacks while its block runs.

They go to loopback addresses only, and are bounded in connections, requests and bytes. `tests/security/test_attacks.py`
checks that another user is served meanwhile; `tests/security/measure.py` measures it.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx

ATTACKER = "127.0.0.2"
"""The attacker's address. Other users come from 127.0.0.1."""
PATIENCE = 120
"""Seconds that an attacker waits for an answer."""
MIB = 1024 * 1024
Running = AbstractContextManager[None]
SEQUENCE = "MKTAYIAKQR" * 20


@dataclass
class Target:
    """The service under attack, and the attacker's account there. `answers` counts what the attacker got."""

    url: str
    token: str
    big_job: str = ""
    """A job of the attacker with results of many megabytes."""
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def head(self, method: str, path: str, *fields: str, token: bool = True) -> bytes:
        login = [f"Authorization: Token {self.token}"] if token else []
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *login, *fields]
        return "\r\n".join([*lines, "", ""]).encode()

    @contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        """Yield a client from the attacker's address, whose connections are not used twice."""
        own = {"Authorization": f"Token {self.token}", "Connection": "close", **headers}
        # Reading certificates would take longer than most requests.
        transport = httpx.HTTPTransport(local_address=ATTACKER, verify=False)
        with httpx.Client(base_url=self.url, headers=own, transport=transport, timeout=PATIENCE) as client:
            yield client

    # --- kinds of attackers ---

    @contextmanager
    def connections(self, count: int, sent: bytes, *, drip: bytes = b"") -> Iterator[None]:
        """Hold connections that have sent these bytes. With `drip`, each sends that once a second."""
        with ExitStack() as stack:
            opened: list[socket.socket] = []
            for _ in range(count):
                # A server that has no room for another connection is what an attacker wants.
                with suppress(OSError):
                    sock = socket.create_connection(self.address, 10, (ATTACKER, 0))
                    stack.callback(sock.close)
                    sock.setblocking(False)
                    opened.append(sock)
                    sock.send(sent)
            ended = threading.Event()
            thread = threading.Thread(target=self._drip, args=(opened, drip, ended), daemon=True)
            if drip:
                thread.start()
            try:
                yield
            finally:
                ended.set()
                if drip:
                    thread.join()
                self.answers.update(map(_status_of, opened))

    @staticmethod
    def _drip(opened: Sequence[socket.socket], drip: bytes, ended: threading.Event) -> None:
        while not ended.wait(1):
            for sock in opened:
                with suppress(OSError):
                    sock.send(drip)

    @contextmanager
    def requests(self, count: int, send: Callable[[httpx.Client, int], httpx.Response]) -> Iterator[None]:
        """Send requests from so many threads, each once, and wait for their answers at the end of the block."""

        def work(number: int) -> None:
            try:
                with self.client() as client:
                    answer = str(send(client, number).status_code)
            except httpx.HTTPError as error:
                answer = type(error).__name__
            self.answers[answer] += 1

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join(PATIENCE)


def _status_of(sock: socket.socket) -> str:
    """Return the status that a connection has got by now, or what has become of it."""
    try:
        answer = sock.recv(64)
    except BlockingIOError:
        return "waits"
    except OSError:
        return "closed"
    return answer[9:12].decode("latin-1") if answer.startswith(b"HTTP/1.") else "closed"


# --- 1 and 2: slow senders -------------------------------------------------------------------------------------------


def slow_logins(target: Target, count: int) -> Running:
    """Send the body of a login at a byte a second, without an account."""
    fields = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 262144")
    return target.connections(count, target.head("POST", "/login/", *fields, token=False) + b"a", drip=b"a")


def slow_posts(target: Target, count: int) -> Running:
    """Send a small JSON body at a byte a second, with a token."""
    fields = ("Content-Type: application/json", "Content-Length: 200000")
    return target.connections(count, target.head("POST", "/api/estimate/", *fields) + b"{", drip=b" ")


def half_heads(target: Target, count: int) -> Running:
    """Send half of a head, and no more."""
    return target.connections(count, b"GET /login/ HTTP/1.1\r\nHos")


def refused_bodies(target: Target, count: int) -> Running:
    """Go on sending a body that was refused, a byte a second."""
    fields = ("Content-Type: text/x-fasta", "Content-Length: 50000000", "Authorization: Token nonsense")
    head = target.head("POST", "/api/jobs/?model=e1-demo&action=encode", *fields, token=False)
    return target.connections(count, head + b">a\n", drip=b"M")


def slow_uploads(target: Target, count: int) -> Running:
    """Send a large upload at a byte a second."""
    fields = ("Content-Type: text/x-fasta", "Content-Length: 50000000")
    head = target.head("POST", "/api/jobs/?model=e1-demo&action=encode", *fields)
    return target.connections(count, head + b">a\n", drip=b"M")


# --- 3: waiting for the workers --------------------------------------------------------------------------------------


def synchronous_requests(target: Target, count: int) -> Running:
    """Ask for many answers at once, each with large contexts of its own."""

    def send(client: httpx.Client, number: int) -> httpx.Response:
        letter = "ACDEFGHIKL"[number % 10]
        context = [letter * 20 + SEQUENCE * 9 for _ in range(4)]
        items = [{"sequence": SEQUENCE, "context_sequences": context}] * 8
        return client.post("/api/v3/e1-demo/log_prob/", json={"items": items})

    return target.requests(count, send)


# --- 4: slow readers -------------------------------------------------------------------------------------------------


def unread_downloads(target: Target, count: int) -> Running:
    """Ask for a large download, and read nothing of it."""
    return target.connections(count, target.head("GET", f"/api/jobs/{target.big_job}/results/?format=jsonl"))


# --- 5: packed bodies ------------------------------------------------------------------------------------------------


def packed_objects(target: Target, count: int) -> Running:
    """Send 5.5 million `{}` in 16 KB."""
    body = _gzipped([b'{"items": [{}'] + [b",{}" * 100_000] * 55 + [b"]}"])
    return _estimates(target, count, body, "application/json")


def packed_with_a_tail(target: Target, count: int) -> Running:
    """Send `{}` with 64 MiB behind the end of its gzip member."""
    body = gzip.compress(b"{}") + b"\0" * (64 * MIB)
    return _estimates(target, count, body, "application/json")


def packed_items(target: Target, count: int) -> Running:
    """Send 120,000 items, which are legal, in 6 KB."""
    items = json.dumps({"model": "e1-demo", "action": "log_prob", "items": [{"sequence": "A"}] * 120_000})
    return _estimates(target, count, gzip.compress(items.encode()), "application/json")


def _gzipped(parts: Sequence[bytes]) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*map(packer.compress, parts), packer.flush()])


def _estimates(target: Target, count: int, body: bytes, media_type: str, query: str = "") -> Running:
    headers = {"Content-Type": media_type}
    if body.startswith(b"\x1f\x8b"):
        headers["Content-Encoding"] = "gzip"
    return target.requests(
        count, lambda client, _: client.post(f"/api/estimate/{query}", content=body, headers=headers)
    )


# --- 6: files that are hard to read ----------------------------------------------------------------------------------

QUERY = "?model=e1-demo&action=encode"
FILE_SIZE = 60_000_000


def _file(head: bytes, unit: bytes, media_type: str) -> Callable[[Target, int], Running]:
    def attack(target: Target, count: int) -> Running:
        body = head + unit * (FILE_SIZE // len(unit))
        return _estimates(target, count, body, media_type, QUERY)

    return attack


def wrong_layers(target: Target, count: int) -> Running:
    """Ask for 490,000 layers that the network does not have."""
    layers = ",".join(["99"] * 490_000)
    body = f'{{"model": "e1-demo", "action": "encode", "params": {{"repr_layers": [{layers}]}}, "items": []}}'
    return _estimates(target, count, body.encode(), "application/json")


# --- 7: text that breaks queries -------------------------------------------------------------------------------------

ODD = ("%00", "%C2%B2", "%ED%A0%80", "9" * 40, "-1", "1e999", "")
ODD_PATHS = (
    *("/api/jobs/?model={}", "/api/jobs/?action={}", "/api/jobs/?page_size={}"),
    *("/?search={}", "/api/contexts/{}/"),
)


def odd_text(target: Target, count: int) -> Running:
    """Send NULs, lone surrogates and numbers that are none."""
    addresses = [path.format(text) for path in ODD_PATHS for text in ODD]
    return target.requests(count, lambda client, number: client.get(addresses[number % len(addresses)]))


# --- whole requests that cost much -----------------------------------------------------------------------------------


def guessed_passwords(target: Target, count: int) -> Running:
    """Try a password for many names, without an account."""

    def send(client: httpx.Client, number: int) -> httpx.Response:
        page = client.get("/login/")
        token = next((value for name, value in client.cookies.items() if "csrftoken" in name), "")
        form = {"username": f"user{number}", "password": "x", "csrfmiddlewaretoken": token}
        return client.post("/login/", data=form, headers={"Referer": f"{target.url}/login/"}) if token else page

    return target.requests(count, send)


def documents(target: Target, count: int) -> Running:
    """Ask for the OpenAPI document, without an account."""
    return target.requests(count, lambda client, _: client.get("/api/schema/", headers={"Authorization": ""}))


def large_answers(target: Target, count: int) -> Running:
    """Ask for a result of many megabytes in one JSON answer."""
    return target.requests(count, lambda client, _: client.get(f"/api/jobs/{target.big_job}/items/0/"))


@dataclass(frozen=True)
class Kind:
    """An attack by name. `count` is its connections or requests; `small` is enough to show whether it works."""

    name: str
    begin: Callable[[Target, int], Running]
    count: int
    small: int = 4


KINDS = (
    Kind("1 logins at a byte a second", slow_logins, 150, 150),
    Kind("1 small posts at a byte a second", slow_posts, 150, 150),
    Kind("2 half a head", half_heads, 150, 150),
    Kind("2 refused bodies that go on", refused_bodies, 150, 150),
    Kind("2 uploads at a byte a second", slow_uploads, 150, 150),
    Kind("3 synchronous requests with contexts", synchronous_requests, 40, 20),
    Kind("4 downloads that no one reads", unread_downloads, 72, 72),
    Kind("5 packed: 5.5 million {}", packed_objects, 8, 2),
    Kind("5 packed: 64 MiB behind the end", packed_with_a_tail, 8, 1),
    Kind("5 packed: 120,000 items", packed_items, 60, 8),
    Kind("6 60 MB of newlines", _file(b"", b"\n", "text/x-fasta"), 4, 1),
    Kind("6 60 MB of >", _file(b"", b">\n", "text/x-fasta"), 4, 1),
    Kind("6 60 MB of lines of one letter", _file(b">a\n", b"A\n", "text/x-fasta"), 4, 1),
    Kind("6 60 MB of rows of 60,000 columns", _file(b"name,sequence\n", b"c," * 60_000 + b"\n", "text/csv"), 4, 1),
    Kind("6 490,000 wrong layers", wrong_layers, 8, 2),
    Kind("7 odd text", odd_text, 70, 35),
    Kind("passwords for a hundred names", guessed_passwords, 100, 40),
    Kind("the OpenAPI document", documents, 100, 40),
    Kind("large answers", large_answers, 40, 12),
)
