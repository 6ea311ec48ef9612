"""Leases that a thread renews, for work that reports nothing for minutes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from jobs.background.leases import work_renew
from jobs.models import BackgroundWork

RENEW_SECONDS = 15.0


@contextmanager
def lease_renewed(work: BackgroundWork) -> Iterator[None]:
    """Renew the lease of `work` until the block ends. The thread ends early if the lease is lost."""
    done = threading.Event()

    def renew() -> None:
        try:
            while not done.wait(RENEW_SECONDS) and work_renew(work):
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
