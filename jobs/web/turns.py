"""Turns for requests that compute: a few at a time in this process, one of each user, the others wait in order.

The threads of a process share its interpreter. Twelve tables that are read at once would slow down every other request
twelvefold, and take no less time than one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jobs.limits import MIB


@dataclass(eq=False, slots=True)
class _Ticket:
    key: Hashable
    called: threading.Event = field(default_factory=threading.Event)


class Turns:
    """Turns of one kind of work. At most `most` run at a time, and of one key (a user or an address) only one.

    A thread that has a turn takes no second one. No lock of the database is held while a turn is awaited.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running: set[Hashable] = set()
        self._waiting: list[_Ticket] = []
        self._thread = threading.local()

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[Turn]:
        """Wait for a turn, and hold it."""
        turn = Turn(self, key)
        turn.begin()
        try:
            yield turn
        finally:
            turn.end()

    def begin(self, key: Hashable) -> bool:
        """Wait for a turn. Returns False if this thread has one already."""
        if getattr(self._thread, "holds", False):
            return False
        ticket = _Ticket(key)
        with self._lock:
            self._waiting.append(ticket)
            self._call_next()
        ticket.called.wait()
        self._thread.holds = True
        return True

    def end(self, key: Hashable) -> None:
        self._thread.holds = False
        with self._lock:
            self._running.remove(key)
            self._call_next()

    def _call_next(self) -> None:
        """Start those who wait, in order, without a second one of the same key."""
        for ticket in self._waiting[:]:
            if len(self._running) >= self._most:
                return
            if ticket.key not in self._running:
                self._running.add(ticket.key)
                self._waiting.remove(ticket)
                ticket.called.set()


class Turn:
    """One turn, which can be interrupted while its holder waits for something else."""

    def __init__(self, turns: Turns, key: Hashable) -> None:
        self._turns, self._key = turns, key
        self._held = False

    def begin(self) -> None:
        self._held = self._turns.begin(self._key)

    def end(self) -> None:
        if self._held:
            self._held = False
            self._turns.end(self._key)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let others run meanwhile. Nothing happens if the turn has ended."""
        held = self._held
        self.end()
        try:
            yield
        finally:
            if held:
                self.begin()


LARGE_ANSWER = 4 * MIB
"""Bytes of stored results from which an answer is made in turn."""

READING = Turns(2)
"""Reading what users upload: libraries, alignments, tables, structures."""
ANSWERING = Turns(1)
"""Large answers in JSON. One takes up to 400 MB while it is made."""
PASSWORDS = Turns(2)
"""Checks of passwords, by address: each takes a quarter of a second of a core."""
DIRECTORY = Turns(4)
"""Questions to a directory, by address, which wait for the network."""
COUNTING = Turns(1)
"""Metrics, by address: they count rows of all users."""
