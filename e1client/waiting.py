"""Waiting for a job, through lost connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e1client.errors import GaveUpWaiting, Misdirected, ServerTrouble, Unreachable
from e1client.job import Job
from e1client.transport import Patience

FIRST_PAUSE, LONGEST_PAUSE, PAUSE_GROWTH = 0.25, 5.0, 1.4
"""Seconds between two looks at a job, and their growth: short jobs return soon, long ones cost few requests."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A source of time in seconds; tests bring their own."""

    sleep: Callable[[float], object] = time.sleep
    now: Callable[[], float] = time.monotonic


def pauses() -> Iterator[float]:
    """Yield the seconds before each next look, without end."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE)


def wait_for(
    look: Callable[[Patience], Job],
    job_id: str,
    *,
    timeout: float | None,
    on_update: Callable[[Job], object],
    clock: Clock,
) -> Job:
    """Call `look` until the job is final; see `e1client.reading.JobReader.wait`."""
    deadline = None if timeout is None else clock.now() + timeout
    for pause in pauses():
        left = None if deadline is None else max(0.0, deadline - clock.now())
        try:
            job = look(Patience(attempts=None, seconds=left))
        except Misdirected:
            raise
        except (Unreachable, ServerTrouble) as error:
            raise _gave_up(job_id, timeout, f"the server is away: {error.detail}") from error
        on_update(job)
        if job.is_final:
            return job
        left = None if deadline is None else deadline - clock.now()
        if left is not None and left <= 0:
            raise _gave_up(job_id, timeout, f"the job is {job.state}")
        clock.sleep(pause if left is None else min(pause, left))
    raise AssertionError("pauses never end")


def _gave_up(job_id: str, timeout: float | None, why: str) -> GaveUpWaiting:
    again = f"The job goes on; `e1 status {job_id} --wait` waits again"
    return GaveUpWaiting(f"gave up waiting after {timeout or 0:g} s: {why}. {again}")
