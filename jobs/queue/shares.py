"""The rule by which users, and the jobs of one user, take turns. Dispatcher and forecast share it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

Share = tuple[int, bool]
"""An owner, and whether the jobs are interactive: those of an owner have a share of their own."""
HEAD_START_SECONDS = 60
"""A job that has had less than this much of the workers' time goes before the other jobs of its owner."""


@dataclass(slots=True)
class Had:
    """What a job, or a share, has had: tokens in flight, all tokens since it began, and the number of its last turn."""

    in_flight: int = 0
    handed_out: int = 0
    last: int = 0


class Turns:
    """The loads of all shares and jobs of a model. `head_start` are the tokens of HEAD_START_SECONDS.

    Tokens in flight alone would not do. With more users than bundles on their way, most have none in flight, and the
    first of these would always win.
    """

    def __init__(self, head_start: int = 0) -> None:
        self.jobs: dict[Hashable, Had] = {}
        self._shares: dict[Share, Had] = {}
        self._head_start = head_start
        self._turn = 0

    def note(self, share: Share, job: Hashable, load: Had) -> None:
        """Add a job's load as it is now."""
        self.jobs[job] = load
        of_share = self._shares.setdefault(share, Had())
        of_share.in_flight += load.in_flight
        of_share.last = max(of_share.last, load.last)
        self._turn = max(self._turn, load.last)

    def next_share(self, shares: Iterable[Share]) -> Share:
        """Return the share with the fewest tokens in flight; of several, the one whose last turn is longest ago."""
        return min(shares, key=self._of_share)

    def _of_share(self, share: Share) -> tuple[int, int]:
        load = self._shares.get(share) or Had()
        return load.in_flight, load.last

    def next_job(self, jobs: Iterable[Hashable]) -> Hashable:
        """Return the job of an owner whose turn it is: one with a head start, or the one as for shares."""
        return min(jobs, key=self._of_job)

    def _of_job(self, job: Hashable) -> tuple[bool, int, int, int]:
        load = self.jobs.get(job) or Had()
        late = load.handed_out >= self._head_start
        return late, 0 if late else load.handed_out, load.in_flight, load.last

    def any_in_flight(self) -> bool:
        """Return whether a job that is not interactive has tokens in flight."""
        return any(load.in_flight for (_, interactive), load in self._shares.items() if not interactive)

    def hand_out(self, share: Share, job: Hashable, tokens: int) -> None:
        """Count tokens that are handed out now."""
        self._turn += 1
        for load in (self._shares.setdefault(share, Had()), self.jobs.setdefault(job, Had())):
            load.in_flight += tokens
            load.handed_out += tokens
            load.last = self._turn

    def computed(self, share: Share, job: Hashable, tokens: int) -> None:
        """Count tokens that are in flight no more."""
        self._shares[share].in_flight -= tokens
        self.jobs[job].in_flight -= tokens
