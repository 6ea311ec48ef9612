"""What an unfinished job does now: it waits, computes, puts items together, or writes its end. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.models.states import JobState

WAITING, COMPUTING, ASSEMBLING, WRITING = "waiting", "computing", "assembling", "writing"
STAGES = (WAITING, COMPUTING, ASSEMBLING, WRITING)


@dataclass(frozen=True, slots=True)
class Steps:
    """What a job has to do: work units, 0 if its items need none, and items. `state` is that of the job."""

    state: str
    units: int
    units_done: int
    items: int
    items_done: int

    @property
    def stage(self) -> str | None:
        """The name of the present stage; None for a job that is read, cancelled or over."""
        if self.state not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.FINALIZING):
            return None
        if self.items_done >= self.items:
            return WRITING
        if self.units_done < self.units:
            return COMPUTING if self._begun else WAITING
        if self.units:
            return ASSEMBLING
        return COMPUTING if self._begun else WAITING

    @property
    def _begun(self) -> bool:
        return self.state == JobState.RUNNING or bool(self.units_done or self.items_done)

    @property
    def left(self) -> int:
        """The units that are left, or the items once all units are computed."""
        return self.units - self.units_done or self.items - self.items_done
