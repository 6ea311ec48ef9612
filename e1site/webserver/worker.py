"""The gunicorn worker: an event loop that reads requests and sends answers, and threads that only compute.

gunicorn's own thread worker gives a connection to a thread before its request has arrived. A thread sends an answer as
slowly as its client reads, so that forty slow clients stop a service. Here the main thread does both, with deadlines.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from e1site.webserver.arriving import Arrival, State
from e1site.webserver.held import Waiting, heaviest
from e1site.webserver.leaving import SILENCE_SECONDS, ClientSocket
from e1site.webserver.lingering import DRAINS, FREE_BYTES, LINGERING, goes_on, lingering, thrown_away
from e1site.webserver.logs import without_query
from e1site.webserver.switching import SwitchInterval

HEAD_SECONDS = 10.0
"""For the head of a request, from its first byte; for a new connection from the beginning."""
BODY_SECONDS = 20.0
"""For a body up to `SMALL_BODY`, from the end of its head."""
READ = 64 * 1024
UNREAD_BYTES = 64 * 1024 * 1024
"""Answers that clients have not taken yet, in one process. Beyond it the address with most of them loses one."""
SPARE_CONNECTIONS = 50
"""Of `worker_connections`: when fewer are free, the address that holds most of them loses one."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class EdgeWorker(ThreadWorker):  # type: ignore[misc]
    """Threads see whole requests (or uploads in progress), and leave whole answers behind."""

    wsgi: Callable[..., Iterable[bytes]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Static files are sent by `sendall`, because sendfile refuses the non-blocking sockets of the loop.
        self.cfg.set("sendfile", False)
        self.log.error_log.addFilter(without_query)
        # In the order in which they began, so that the first is the oldest.
        self._arriving: dict[int, Waiting] = {}
        self._leaving: dict[int, Waiting] = {}
        self._lingering: dict[int, Waiting] = {}
        # Those of them that have sent more than FREE_BYTES.
        self._draining: dict[int, Waiting] = {}
        self._waste = bytearray(READ)
        # Connections whose request has a thread, or waits for one.
        self._answering: dict[int, Any] = {}
        self._switching = SwitchInterval()

    def load_wsgi(self) -> None:
        """Load the application. Each answer says whether it is a stream; only streams wait for their reader."""
        super().load_wsgi()
        application = self.wsgi

        def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            answer = application(environ, start_response)
            environ["gunicorn.socket"].streams = getattr(answer, "streaming", True)
            return answer

        self.wsgi = run

    # --- arriving ---

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection into the loop."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, sock, address, listener.getsockname())
        conn.sock = ClientSocket(sock)
        conn.parser = http.get_parser(self.cfg, conn.sock, address)
        conn.initialized = conn.data_ready = True
        self._arrive(conn, time.monotonic() + HEAD_SECONDS)
        if self.nr_conns > self.worker_connections - SPARE_CONNECTIONS:
            self._make_room()

    def _make_room(self) -> None:
        """Drop a connection of the network that holds most of them."""
        if held := [*self._arriving.values(), *self._leaving.values()]:
            going = heaviest(held, lambda _: 1, [conn.client for conn in self._answering.values()])
            self._drop(self._arriving if id(going) in self._arriving else self._leaving, going)

    def _arrive(self, conn: Any, deadline: float) -> None:
        """Wait for a request on this connection."""
        waiting = Waiting(conn, deadline, Arrival())
        self._hold(self._arriving, waiting, selectors.EVENT_READ, self._read)
        # What came behind the last request doesn't make the socket readable again.
        if ahead := conn.parser.unreader.take_buffered():
            self._feed(waiting, ahead)

    def _read(self, waiting: Waiting) -> None:
        try:
            data = waiting.conn.sock._sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._feed(waiting, data)
        else:
            self._drop(self._arriving, waiting)

    def _feed(self, waiting: Waiting, data: bytes) -> None:
        arrival, conn = waiting.arrival, waiting.conn
        assert arrival is not None  # noqa: S101  # for the type checker: only arriving connections come here
        if not arrival.has_begun:
            waiting.deadline = time.monotonic() + HEAD_SECONDS
        had_head = bool(arrival.body_at)
        state = arrival.feed(data)
        if state is State.HEAD_TOO_LONG:
            self._refuse(waiting, HEAD_TOO_LONG)
        elif state is State.WAITING:
            if arrival.body_at and not had_head:
                waiting.deadline = time.monotonic() + BODY_SECONDS
                if arrival.wants_continue:
                    self._ask_for_body(waiting)
        else:
            self._release(self._arriving, waiting)
            conn.sock.setblocking(True)
            conn.parser.unreader.unread(bytes(arrival.data))
            conn.sock.streams = True
            conn.is_whole = state is State.COMPLETE
            self.enqueue_req(conn)

    def _ask_for_body(self, waiting: Waiting) -> None:
        try:
            waiting.conn.sock.sendall(CONTINUE)
        except OSError:
            # An error that leaves the loop ends the process, and with it every other client's request.
            self._drop(self._arriving, waiting)

    def _refuse(self, waiting: Waiting, answer: bytes) -> None:
        self._release(self._arriving, waiting)
        self._send_and_close(waiting.conn, answer)

    def _send_and_close(self, conn: Any, answer: bytes) -> None:
        conn.sock.streams = False
        try:
            conn.sock.sendall(answer)
        except OSError:
            self._close(conn)
        else:
            self._linger(conn)

    # --- leaving ---

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Return whether another request may follow. An upload that the view did not read to its end ends here."""
        if not keepalive:
            return False
        # The rest of a small body is in memory. The rest of an upload would have to come from the client.
        return bool(conn.parser.finish_body(deadline=time.monotonic() + (1 if conn.is_whole else 0)))

    def enqueue_req(self, conn: Any) -> None:
        """Let a thread answer the request. Runs in the loop."""
        self._answering[id(conn)] = conn
        self._switching.begin(id(conn))
        super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Send what the client has not taken yet, then wait for its next request or close. Runs in the loop."""
        self._answering.pop(id(conn), None)
        self._switching.end(id(conn))
        try:
            keeps = not fs.cancelled() and bool(fs.result())
            conn.sock.flush()
        except Exception:
            # gunicorn has logged it, or the client is gone.
            self._close(conn)
            return
        if not conn.sock.waiting_bytes:
            self._after_answer(conn, keeps)
            return
        unread = conn.sock.waiting_bytes
        waiting = Waiting(conn, time.monotonic() + SILENCE_SECONDS, keeps=keeps, bytes_left=unread)
        self._hold(self._leaving, waiting, selectors.EVENT_WRITE, self._write)
        while len(self._leaving) > 1 and sum(one.unread for one in self._leaving.values()) > UNREAD_BYTES:
            self._drop(self._leaving, heaviest(self._leaving.values(), lambda one: one.unread))

    def _write(self, waiting: Waiting) -> None:
        try:
            if waiting.conn.sock.flush():
                waiting.extend()
        except OSError:
            self._drop(self._leaving, waiting)
            return
        if not waiting.conn.sock.waiting_bytes:
            self._release(self._leaving, waiting)
            self._after_answer(waiting.conn, waiting.keeps)

    def _after_answer(self, conn: Any, keeps: bool) -> None:
        if keeps and self.alive:
            self._arrive(conn, time.monotonic() + self.cfg.keepalive)
        else:
            self._linger(conn)

    # --- lingering ---

    def _linger(self, conn: Any) -> None:
        try:
            conn.sock._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        # Its answer is out: it keeps neither a stopping worker alive nor a place of the connections.
        self.nr_conns -= 1
        self._hold(self._lingering, lingering(conn), selectors.EVENT_READ, self._discard)
        self._leave_places(self._lingering, LINGERING)

    def _discard(self, waiting: Waiting) -> None:
        try:
            size = waiting.conn.sock._sock.recv_into(self._waste)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not goes_on(waiting, size):
            self._end(self._lingering, waiting)
        elif thrown_away(waiting) > FREE_BYTES:
            self._draining[id(waiting)] = waiting
            self._leave_places(self._draining, DRAINS)

    def _leave_places(self, group: dict[int, Waiting], places: int) -> None:
        """End a lingering connection if a group of them is larger than its places."""
        if len(group) > places:
            self._end(self._lingering, heaviest(group.values(), lambda _: 1))

    # --- the connections that the loop holds ---

    def _hold(self, group: dict[int, Waiting], waiting: Waiting, event: int, then: Callable[[Waiting], None]) -> None:
        group[id(waiting)] = waiting

        def happened(_file: object) -> None:
            # An earlier event of the same round may have dropped this connection.
            if id(waiting) in group:
                then(waiting)

        self.poller.register(waiting.conn.sock._sock, event, happened)

    def _release(self, group: dict[int, Waiting], waiting: Waiting) -> None:
        del group[id(waiting)]
        self._draining.pop(id(waiting), None)
        self.poller.unregister(waiting.conn.sock._sock)

    def _end(self, group: dict[int, Waiting], waiting: Waiting) -> None:
        self._release(group, waiting)
        waiting.conn.sock.shut()

    def _drop(self, group: dict[int, Waiting], waiting: Waiting) -> None:
        self._end(group, waiting)
        self.nr_conns -= 1

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.sock.shut()

    def murder_keepalived(self, force: bool = False) -> None:
        """End the connections whose deadline has passed; if `force`, all that wait for a request."""
        now = time.monotonic()
        for waiting in [one for one in self._arriving.values() if force or one.deadline < now]:
            begun = waiting.arrival is not None and waiting.arrival.has_begun
            if begun and not force:
                self._refuse(waiting, TIMEOUT)
            else:
                self._drop(self._arriving, waiting)
        for waiting in [one for one in self._leaving.values() if force or one.deadline < now]:
            self._drop(self._leaving, waiting)
        for waiting in [one for one in self._lingering.values() if force or one.deadline < now]:
            self._end(self._lingering, waiting)

    def murder_pending(self) -> None:
        """Do nothing: gunicorn's list of pending connections is never used."""

    def _cap_keepalive(self, deadline: float) -> None:
        """Let idle connections end by `deadline` when the worker stops."""
        for waiting in self._arriving.values():
            if waiting.arrival is not None and not waiting.arrival.has_begun:
                waiting.deadline = min(waiting.deadline, deadline)
