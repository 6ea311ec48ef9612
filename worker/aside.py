"""Work beside the device: the next bundle is claimed and outputs are written while a bundle computes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from jobs.queue import leases

log = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")


class Aside(Protocol):
    """Runner of functions, one after the other."""

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Future[Result]: ...
    def flush(self, seconds: float | None = None) -> None: ...


class Beside:
    """A runner in its own thread, with its own database connection. `do` blocks while `waiting` functions wait."""

    def __init__(self, name: str, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._room = threading.BoundedSemaphore(waiting + 1)

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        self._room.acquire()
        future = self._pool.submit(_with_connection, partial(work, *args, **kwargs))
        future.add_done_callback(self._done)
        return future

    def flush(self, seconds: float | None = None) -> None:
        """Wait until everything is done. Raises TimeoutError after `seconds`."""
        self._pool.submit(lambda: None).result(seconds)

    def _done(self, future: Future[Result]) -> None:
        self._room.release()
        if error := future.exception():
            log.error("work beside the device failed", exc_info=error)


class Inline:
    """A runner that works at once in the calling thread, for processes without threads."""

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(work(*args, **kwargs))
        return future

    def flush(self, seconds: float | None = None) -> None:
        """Return at once, since nothing waits."""


def _with_connection(work: Callable[[], Result]) -> Result:
    # Celery closes dead connections only in the thread that runs tasks.
    connection.close_if_unusable_or_obsolete()
    try:
        return work()
    except (OperationalError, InterfaceError):
        connection.close()
        raise


class Repeating:
    """A thread that calls a function periodically until it is stopped, also after errors."""

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
    """Start renewing a lease. Stop it when the bundle is written."""
    return Repeating("lease", leases.RENEW_SECONDS, lambda: leases.lease_renew(token=token))
