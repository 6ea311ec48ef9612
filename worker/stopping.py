"""SIGTERM in the computing process, as Slurm, systemd and `kill -TERM -PGID` send it to the whole process group.

Celery's child would end at once, and its bundle would count as lost. Instead it finishes the current bundle within
a grace, or gives it back.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_SECONDS = 15.0
"""Time for the current bundle after SIGTERM: Slurm kills after 30 s, `e1 up` after 20 s."""
LOOK_SECONDS = 0.5


class Stopping:
    """Whether this process was asked to stop. `hand_over` is called if the current bundle outlasts the grace."""

    def __init__(self, hand_over: Callable[[], None]) -> None:
        self._hand_over = hand_over
        self._asked_at: float | None = None
        self._running = False
        self._done = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def asked(self) -> bool:
        return self._asked_at is not None

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Take SIGTERM as a request to stop until the block ends. Celery's own handler ends an idle process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if self._watch is None:
            self._watch = threading.Thread(target=self._look, name="stopping", daemon=True)
            self._watch.start()
        self._running = True
        before = signal.signal(signal.SIGTERM, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
            self._running = False

    def close(self) -> None:
        self._done.set()

    def _note(self, number: int, frame: FrameType | None) -> None:
        # Only a plain assignment: a handler may interrupt code that holds a lock.
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    def _look(self) -> None:
        """End a process that was asked to stop: when it is idle, or after the grace."""
        idle = 0
        while not self._done.wait(LOOK_SECONDS):
            if self._asked_at is None:
                continue
            idle = 0 if self._running else idle + 1
            if idle > 1:  # by now the parent process has the end of the task
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if time.monotonic() - self._asked_at > GRACE_SECONDS:
                with suppress(Exception):
                    self._hand_over()
                os._exit(0)
