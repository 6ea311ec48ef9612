"""Work on alignments under a lease: its progress, and what a failure leaves."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobs.background.leases import RENEW_SECONDS, LeaseLost, work_fail, work_renew
from jobs.errors import ServiceError
from jobs.models import BackgroundWork

log = logging.getLogger(__name__)


class Progress:
    """A report of progress, which renews the lease every RENEW_SECONDS. Raises LeaseLost."""

    def __init__(self, work: BackgroundWork) -> None:
        self._work = work
        self._written = 0.0

    def __call__(self, share: float, **changes: Any) -> None:
        if time.monotonic() - self._written >= RENEW_SECONDS:
            if not work_renew(self._work, progress=share, **changes):
                raise LeaseLost
            self._written = time.monotonic()


@contextmanager
def failure_stored(work: BackgroundWork) -> Iterator[None]:
    """Store the reason of a failure with the work. A lost lease ends the block in silence."""
    try:
        yield
    except LeaseLost:
        return
    except (ServiceError, OSError, ValueError, MemoryError) as error:
        log.exception("%s %s failed", work._meta.verbose_name, work.pk)
        work_fail(work, reason=_reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    if isinstance(error, OSError):
        return f"the library cannot be read on the service worker: {error.strerror or error}"
    return str(error) or "the machine has too little memory"
