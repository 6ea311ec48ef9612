"""What goes on beside the device: the next bundle is claimed and outputs are written while the current one computes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from jobs.queue import leases

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Aside(Protocol):
    """Does what it is given, one after the other."""

    def do(self, work: Callable[[], Result]) -> Future[Result]: ...
    def flush(self, seconds: float | None = None) -> None: ...


class Beside:
    """A thread of its own, with a database connection of its own; at most `waiting` things wait, then `do` does."""

    def __init__(self, name: str, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._room = threading.BoundedSemaphore(waiting + 1)

    def do(self, work: Callable[[], Result]) -> Future[Result]:
        self._room.acquire()
        future = self._pool.submit(_with_connection, work)
        future.add_done_callback(self._done)
        return future

    def flush(self, seconds: float | None = None) -> None:
        """Wait until all that was handed over is done. Raises TimeoutError where that takes longer."""
        self._pool.submit(lambda: None).result(seconds)

    def _done(self, future: Future[Result]) -> None:
        self._room.release()
        if error := future.exception():
            log.error("what went on beside the device failed", exc_info=error)


class Inline:
    """The same, at once and here: for a process without threads."""

    def do(self, work: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(work())
        return future

    def flush(self, seconds: float | None = None) -> None:
        """Nothing waits."""


def _with_connection(work: Callable[[], Result]) -> Result:
    """Celery closes dead connections of the thread that runs tasks only."""
    connection.close_if_unusable_or_obsolete()
    try:
        return work()
    except (OperationalError, InterfaceError):
        connection.close()
        raise


class Repeating:
    """Calls again and again from a thread of its own until it is stopped; a database that is away is tried again."""

    def __init__(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        self._seconds, self._call = seconds, call
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._done.wait(self._seconds):
            try:
                self._call()
            except Exception as error:
                log.warning("%s: not now: %s", self._thread.name, error)
                connection.close()
        connection.close()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def renewal(token: UUID) -> Repeating:
    """Renews a lease: while the bundle waits, computes and is written."""
    return Repeating("lease", leases.RENEW_SECONDS, lambda: leases.lease_renew(token=token))
