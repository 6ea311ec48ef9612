"""Free space: the warning before a disk is full, what is refused when it nearly is, and how a full one is recognised.

No upload is read, and no job accepted, if its disk would be nearly full afterwards.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from jobs.errors import Unavailable
from jobs.limits import GIB, MIB

RETRY_AFTER_SECONDS = 300
LOW_SHARE, LOW_BYTES = 0.1, 5 * GIB
"""The warning comes when less than this share, or less than these bytes, are free."""
FULL_BYTES = 64 * MIB
"""Postgres takes its log of writes in files of 16 MiB. With less than a few of them it stops."""
DISK_FULL = "53100"
"""Postgres's code for a statement that found no room."""
FULL = "the disk of the service is full"
FULL_REMEDY = "Submitted jobs are kept and go on when the administrator has made room."

_lock = threading.Lock()
_announced = 0
"""Bytes of the uploads that this process reads now, as their requests announce them."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of a disk."""

    free: int
    size: int

    @property
    def is_low(self) -> bool:
        return self.free < max(LOW_SHARE * self.size, LOW_BYTES)


def database_space() -> Space | None:
    """Return the space of the database's disk, or None if E1_DISK names no folder of it that can be read."""
    return _space(settings.E1_DISK) if settings.E1_DISK else None


def temporary_space() -> Space | None:
    """Return the space of the disk of temporary files."""
    return _space(tempfile.gettempdir())


def _space(folder: str) -> Space | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Space(usage.free, usage.total)


def space_warning() -> str:
    """Return a sentence if the database's disk will soon be full, else an empty one."""
    space = database_space()
    if space is None or not space.is_low:
        return ""
    return (
        f"Only {space.free / GIB:,.1f} GiB of {space.size / GIB:,.0f} GiB are free on the disk of the service. "
        "Delete jobs, shorten retention, or enlarge the disk"
    )


def says_full(error: BaseException | None) -> bool:
    """Return whether this error, or its cause, says that there was no room."""
    while error is not None:
        if getattr(error, "sqlstate", None) == DISK_FULL:
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


def is_full(error: BaseException | None = None) -> bool:
    """Return whether this error comes from a full disk, or the database's disk is full now."""
    if says_full(error):
        return True
    space = database_space()
    return space is not None and space.free < FULL_BYTES


def disk_full() -> Unavailable:
    """Return the refusal of a request that found no room."""
    return Unavailable(f"{FULL}. {FULL_REMEDY}", code="disk_full", retry_after=RETRY_AFTER_SECONDS)


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
