"""Waking a request that waits for a job, by Redis: a hint for those who would look at the job's row only later.

A worker says that a job is closed. In each web process one thread hears it and wakes the thread that waits. A lost
message does no harm, nor one that was sent too early: those who wait look at the row now and then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import current_app

from jobs.queue.dispatch import BROKER_ERRORS

log = logging.getLogger(__name__)

CHANNEL = "e1.closed"
LOOK_SECONDS = 5.0
"""How long the thread waits for a message before it sees whether anybody waits at all."""
IDLE_SECONDS = 60.0
"""Time without anybody who waits after which the thread ends. The next one starts it again."""
PAUSE_SECONDS = 1.0
"""Pause before Redis is asked again after it did not answer."""


def closed_say(job_id: UUID) -> None:
    """Wake those who wait for this job. Call it after the commit that closes the job."""
    try:
        with current_app.connection_or_acquire() as connected:
            connected.default_channel.client.publish(CHANNEL, job_id.hex)
    except BROKER_ERRORS as error:
        log.warning("nobody is woken, Redis does not answer: %s", error)


class Ears:
    """The thread of this process that hears which jobs are closed. It runs only while jobs are waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: dict[str, threading.Event] = {}
        self._wanted_at = 0.0
        self.hears = False
        """Whether messages arrive at present."""

    @contextmanager
    def waiting(self, job_id: UUID) -> Iterator[threading.Event]:
        """Yield what is set when the job is closed. Begin before the job can be."""
        woken = threading.Event()
        with self._lock:
            self._waiting[job_id.hex] = woken
            self._wanted_at = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ears", daemon=True)
                self._thread.start()
        try:
            yield woken
        finally:
            with self._lock:
                del self._waiting[job_id.hex]
                self._wanted_at = time.monotonic()

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._listen()
            except Exception as error:
                # After any error, those who wait look at their rows.
                log.debug("cannot hear which jobs are closed: %s", error)
                time.sleep(PAUSE_SECONDS)
            finally:
                self.hears = False

    def _is_over(self) -> bool:
        """Return whether no one has waited for long. The next one starts another thread."""
        with self._lock:
            over = not self._waiting and time.monotonic() - self._wanted_at > IDLE_SECONDS
            if over:
                self._thread = None
            return over

    def _listen(self) -> None:
        # A connection of its own: those of Celery's pool are for messages that are sent.
        with current_app.connection_for_read() as connected, connected.default_channel.client.pubsub() as messages:
            messages.subscribe(CHANNEL)
            while not self._is_over():
                found = messages.get_message(timeout=LOOK_SECONDS)
                if found is None:
                    continue
                if found["type"] == "subscribe":
                    self.hears = True
                elif found["type"] == "message" and (woken := self._waiting.get(found["data"].decode())):
                    woken.set()


EARS = Ears()
