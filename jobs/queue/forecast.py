"""When jobs will start and end: the dispatcher's rule, played forward at the workers' present rate.

`simulate` is pure. It hands out bundles as `jobs.queue.dispatch` does: interactive jobs first, then the owner and the
owner's job whose turn it is. Bundles are computed in the order in which they are handed out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from jobs.queue.shares import Had, Share, Turns

COARSE = 200
"""Bundles of the simulation grow, so that each is about this part of all that was computed before it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unfinished job: its tokens that wait, those that are with workers or on their way, and its past turns.

    Tokens are plain ones that take as long as the job's do (`e1protocol.costs.in_tokens`). `precision` is the one that
    it is bound to; "" or "any" if all workers may compute it.
    """

    job: Hashable
    owner: int
    ready: int
    in_flight: int = 0
    interactive: bool = False
    handed_out: int = 0
    last: int = 0
    precision: str = ""

    @property
    def share(self) -> Share:
        return self.owner, self.interactive


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds from now until a job starts and ends. `place` counts from 1, in the order of starts."""

    place: int
    starts: float
    ends: float | None = None


def simulate(
    jobs: Sequence[Waiting], *, rate: float, budget: int, window: int, head_start: int = 0, until: Hashable = None
) -> dict[Hashable, Forecast]:
    """Return the forecast of each job.

    `jobs` are ordered by age. `rate` is in tokens per second of all workers. `budget` are the tokens of a bundle.
    `window` is the number of bundles that are handed out ahead. `head_start` is that of `Turns`. With `until` the
    simulation ends when that job starts, and later jobs are missing.
    """
    play = _Play(jobs, rate=rate, budget=budget, window=max(1, window), turns=Turns(head_start))
    while play.step():
        if until is not None and until in play.starts:
            break
    places = {job: place for place, job in enumerate(play.starts, start=1)}
    return {job: Forecast(places[job], start, play.ends.get(job)) for job, start in play.starts.items()}


class _Play:
    """The state of a simulation. `starts` and `ends` are seconds by job, in the order of starts."""

    def __init__(self, jobs: Sequence[Waiting], *, rate: float, budget: int, window: int, turns: Turns) -> None:
        self.starts: dict[Hashable, float] = {}
        self.ends: dict[Hashable, float] = {}
        self._rate, self._budget, self._window = rate, budget, window
        self._share = {one.job: one.share for one in jobs}
        self._left = {one.job: one.ready for one in jobs if one.ready > 0}
        self._turns = turns
        self._queue: deque[tuple[Hashable, int]] = deque()
        self._done = 0
        self._open: dict[Share, list[Hashable]] = {}
        for one in jobs:
            if one.ready > 0:
                self._open.setdefault(one.share, []).append(one.job)
            turns.note(one.share, one.job, Had(one.in_flight, one.handed_out, one.last))
            if one.in_flight > 0:
                self._queue.append((one.job, one.in_flight))

    def step(self) -> bool:
        """Fill the window and compute its first bundle; return False if nothing is left."""
        while self._open and len(self._queue) < self._window:
            share = self._next_share()
            job = self._turns.next_job(self._open[share])
            tokens = min(self._left[job], max(self._budget, self._done // COARSE))
            self._left[job] -= tokens
            if not self._left[job]:
                self._open[share].remove(job)
                if not self._open[share]:
                    del self._open[share]
            self._queue.append((job, tokens))
            self._turns.hand_out(share, job, tokens)
        if not self._queue:
            return False
        job, tokens = self._queue.popleft()
        self.starts.setdefault(job, self._done / self._rate)
        self._done += tokens
        self._turns.computed(self._share[job], job, tokens)
        if not self._left.get(job) and not self._turns.jobs[job].in_flight:
            self.ends[job] = self._done / self._rate
        return True

    def _next_share(self) -> Share:
        """Return whose turn it is. Interactive jobs go first, except for one bundle of the others at a time."""
        interactive = [share for share in self._open if share[1]]
        others = [share for share in self._open if not share[1]]
        starves = others and not self._turns.any_in_flight()
        return self._turns.next_share(others if starves or not interactive else interactive)
