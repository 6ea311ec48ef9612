"""Free space: no upload is read, and no job accepted, if its disk would be nearly full afterwards."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from jobs.errors import Unavailable

RETRY_AFTER_SECONDS = 300

_lock = threading.Lock()
_announced = 0
"""Bytes of the uploads that this process reads now, as their requests announce them."""


def disk_check(added: int = 0) -> None:
    """Check that `added` bytes leave E1_SPARE_BYTES free on the database's disk. Raises Unavailable `disk_nearly_full`.

    Nothing is checked if E1_DISK names no folder of that disk, as with a database on another machine.
    """
    if settings.E1_DISK:
        _check(settings.E1_DISK, added)


@contextmanager
def upload_announced(size: int) -> Iterator[None]:
    """Check that an upload of `size` bytes fits on both disks, together with those under way in this process.

    A form is on disk as a temporary file before it is read. Raises Unavailable `disk_nearly_full`.
    """
    global _announced  # noqa: PLW0603 - one number for all threads of the process
    with _lock:
        _announced += size
        expected = _announced
    try:
        _check(tempfile.gettempdir(), expected)
        disk_check(expected)
        yield
    finally:
        with _lock:
            _announced -= size


def _check(folder: str, added: int) -> None:
    if shutil.disk_usage(folder).free - added < settings.E1_SPARE_BYTES:
        raise Unavailable(
            "the disk of this service is nearly full; nothing was stored. Delete jobs that you do not need, "
            "or ask the administrator for more space",
            code="disk_nearly_full",
            retry_after=RETRY_AFTER_SECONDS,
        )
