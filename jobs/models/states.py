"""States of jobs, chunks, items, workers and background work; `docs/states.md` draws their transitions."""

from __future__ import annotations

from django.db import models


class JobState(models.TextChoices):
    VALIDATING = "validating"
    QUEUED = "queued"
    RUNNING = "running"
    FINALIZING = "finalizing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @classmethod
    def unfinished(cls) -> tuple[JobState, ...]:
        """Return the states that a job still leaves."""
        return (cls.VALIDATING, cls.QUEUED, cls.RUNNING, cls.FINALIZING, cls.PAUSED, cls.CANCELLING)

    @classmethod
    def final(cls) -> tuple[JobState, ...]:
        return (cls.SUCCEEDED, cls.PARTIAL, cls.FAILED, cls.CANCELLED, cls.EXPIRED)

    @classmethod
    def closable(cls) -> tuple[JobState, ...]:
        """Return the states in which a job without an open chunk is closed."""
        return (cls.QUEUED, cls.RUNNING, cls.FINALIZING, cls.CANCELLING)

    @classmethod
    def claimable(cls) -> tuple[JobState, ...]:
        """Return the states in which workers may claim chunks."""
        return (cls.QUEUED, cls.RUNNING)


class ChunkState(models.TextChoices):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def open(cls) -> tuple[ChunkState, ...]:
        """Return the states of chunks that are still to be computed."""
        return (cls.READY, cls.LEASED)

    @classmethod
    def closed(cls) -> tuple[ChunkState, ...]:
        """Return the states that only a retry leaves."""
        return (cls.DONE, cls.FAILED, cls.CANCELLED)


class ItemState(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class WorkerState(models.TextChoices):
    STARTING = "starting"
    READY = "ready"
    SICK = "sick"
    STOPPED = "stopped"


class WorkState(models.TextChoices):
    """States of background work: builds of files and analyses, counts of neighbours, homolog searches."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def unfinished(cls) -> tuple[WorkState, ...]:
        return (cls.WAITING, cls.RUNNING)


class ArtefactState(models.TextChoices):
    """States of files and analyses as the REST interface and the pages name them."""

    WAITING = "waiting"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, state: str) -> str:
        """Return the name of a WorkState."""
        return {"running": cls.BUILDING.value, "done": cls.READY.value}.get(state, state)
