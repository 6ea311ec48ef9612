"""Rights that one process at a time has: safety nets, and uploads under an Idempotency-Key.

A hold is a row with a lease. Its process renews the lease, and a hold whose process died ends with it. No lock of a
database session is used: behind a pool of connections a session changes hands after every transaction.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error, InterfaceError, connection

from jobs import database
from jobs.models import Hold

log = logging.getLogger(__name__)


@contextmanager
def hold(name: str) -> Iterator[bool]:
    """Yield whether this process got the right, and hold it until the block ends.

    If the process dies, the right is free after E1_LEASE_SECONDS. Do not call it inside a transaction: others would not
    see the hold.
    """
    token = uuid4()
    if not _take(name, token):
        yield False
        return
    _renewals.add(token)
    try:
        yield True
    finally:
        _renewals.discard(token)
        with suppress(Error, InterfaceError):  # The database is down; the lease will end.
            Hold.objects.filter(name=name, token=token).delete()


def _take(name: str, token: UUID) -> bool:
    """Write the hold unless another one is still valid."""
    return bool(
        database.execute(
            """
            INSERT INTO jobs_hold (name, token, lease_end)
            VALUES (%(name)s, %(token)s, statement_timestamp() + %(seconds)s * interval '1 second')
            ON CONFLICT (name) DO UPDATE SET token = excluded.token, lease_end = excluded.lease_end
            WHERE jobs_hold.lease_end < statement_timestamp()
            """,
            {"name": name, "token": token, "seconds": settings.E1_LEASE_SECONDS},
        )
    )


class _Renewals:
    """One thread that renews all holds of this process. It ends, with its connection, when there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tokens: set[UUID] = set()
        self._thread: threading.Thread | None = None

    def add(self, token: UUID) -> None:
        with self._changed:
            self._tokens.add(token)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="holds", daemon=True)
                self._thread.start()

    def discard(self, token: UUID) -> None:
        with self._changed:
            self._tokens.discard(token)
            self._changed.notify()

    def _run(self) -> None:
        while tokens := self._next():
            try:
                _renew(tokens)
            except (Error, InterfaceError) as error:
                log.warning("cannot renew holds, the database does not answer: %s", error)
                connection.close()
        connection.close()

    def _next(self) -> list[UUID]:
        """Return the holds that are due; none if the thread ends, because there are none."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._tokens, settings.E1_LEASE_SECONDS / 3):
                return list(self._tokens)
            self._thread = None
            return []


def _renew(tokens: list[UUID]) -> None:
    database.execute(
        "UPDATE jobs_hold SET lease_end = statement_timestamp() + %s * interval '1 second' WHERE token = ANY(%s)",
        [settings.E1_LEASE_SECONDS, tokens],
    )


_renewals = _Renewals()


def _forget() -> None:
    """Hold nothing in a new process: its threads are gone, and the holds are the parent's."""
    global _renewals  # noqa: PLW0603 - one set for all threads of the process
    _renewals = _Renewals()


os.register_at_fork(after_in_child=_forget)
