"""How often threads that compute let the event loop have Python's interpreter.

The loop needs it several times a connection. With Python's 5 ms, six threads that compute delay every step of every
other request by 30 ms. With 1 ms, short requests cost up to a tenth more, as their threads change places more often.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

QUICK_SECONDS = 0.001
LONG_SECONDS = 0.5
"""A request that has a thread, or waits for one, for so long makes the threads change quickly."""


class SwitchInterval:
    """The interval at which threads change: short while a request takes long, else Python's own."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        set_interval: Callable[[float], None] = sys.setswitchinterval,
    ) -> None:
        self._clock = clock
        self._set_interval = set_interval
        self._usual = sys.getswitchinterval()
        self._quick = False
        # In the order in which they began, so that the first is the oldest.
        self._began: dict[int, float] = {}

    def begin(self, request: int) -> None:
        """Note that a request was handed to the threads."""
        self._began[request] = self._clock()
        self._choose()

    def end(self, request: int) -> None:
        """Note that the threads are done with a request."""
        self._began.pop(request, None)
        self._choose()

    def _choose(self) -> None:
        oldest = next(iter(self._began.values()), None)
        quick = oldest is not None and self._clock() - oldest > LONG_SECONDS
        if quick != self._quick:
            self._quick = quick
            self._set_interval(QUICK_SECONDS if quick else self._usual)
