"""Reading of the results of work units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from jobs.actions.base import Array
from jobs.actions.contexts import Context
from jobs.errors import Problem
from jobs.library.outputs import ALL_ITEMS, unpack
from jobs.limits import CHUNK_UNITS
from jobs.models import Chunk, JobContext, Output
from jobs.models.states import ChunkState

PAGE_BYTES = 16 * 1024 * 1024

UnitChunk = tuple[int, int, int, Any]
"""A chunk of units: its id, first unit, number of units, and errors by unit."""


class UnitMissing(Exception):
    """An item can't be put together. `problem` is that of its missing unit."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def contexts_of(job_ids: Sequence[UUID]) -> dict[UUID, tuple[Context, ...]]:
    """Return the contexts that all items of each job are computed under, in order."""
    rows = JobContext.objects.filter(job_id__in=job_ids).order_by("job_id", "position")
    found: dict[UUID, tuple[Context, ...]] = {}
    for job_id, sequences in rows.values_list("job_id", "context__sequences"):
        found[job_id] = (*found.get(job_id, ()), tuple(sequences))
    return found


def unit_arrays(job_id: UUID, group: int, units: Sequence[int]) -> Iterator[Array]:
    """Yield the arrays of these units, given in ascending order. Memory holds about PAGE_BYTES of them.

    Raises UnitMissing at the first one without a result.
    """
    page = 256
    start = 0
    while start < len(units):
        some = units[start : start + page]
        found, size = _page(job_id, group, some)
        for unit in some:
            yield found[unit]
        start += len(some)
        page = max(8, min(2048, int(page * PAGE_BYTES / max(1, size))))


def _page(job_id: UUID, group: int, units: Sequence[int]) -> tuple[dict[int, Array], int]:
    """Return the arrays of these units by number, and their bytes."""
    chunks = _chunks(job_id, group, units)
    for *_, errors in chunks:
        for unit in units if errors else ():
            if str(unit) in errors:
                raise UnitMissing(Problem(**errors[str(unit)]))
    found, size = _read(chunks)
    for unit in units:
        if unit not in found:
            remedy = "Retry the failed items: missing units are computed again."
            raise UnitMissing(Problem("unit_missing", f"work unit {unit} has no result", remedy))
    return found, size


def stored_units(job_id: UUID, group: int, units: Sequence[int], engine_id: int) -> dict[int, Array]:
    """Return the arrays of those of these units, given in ascending order, that this engine has computed."""
    found, _ = _read(_chunks(job_id, group, units, engine_id=engine_id))
    return {unit: found[unit] for unit in units if unit in found}


def stored_numbers(job_id: UUID, group: int, units: Sequence[int], engine_id: int) -> set[int]:
    """Return those of these ascending units that `stored_units` would return. No array is read."""
    found = _held(_chunks(job_id, group, units, engine_id=engine_id, state=ChunkState.DONE))
    return {unit for some in found.values() for unit in some}.intersection(units)


def _held(chunks: Iterable[UnitChunk]) -> dict[int, list[int]]:
    """Return the units of each chunk that have no error."""
    return {
        chunk_id: [unit for unit in range(first, first + count) if str(unit) not in (errors or {})]
        for chunk_id, first, count, errors in chunks
    }


def _read(chunks: Iterable[UnitChunk]) -> tuple[dict[int, Array], int]:
    """Return the stored arrays of these chunks by unit, and their bytes."""
    held = _held(chunks)
    found: dict[int, Array] = {}
    size = 0
    for output in Output.objects.filter(chunk_id__in=list(held), kind="unit"):
        members = held[output.chunk_id] if output.item_index == ALL_ITEMS else [output.item_index]
        data = bytes(output.data)
        size += len(data)
        found.update(zip(members, unpack(data, output.dtype, output.width, output.rows), strict=True))
    return found, size


def _chunks(job_id: UUID, group: int, units: Sequence[int], **only: Any) -> list[UnitChunk]:
    """Return the chunks of these units; `only` are further conditions."""
    rows = Chunk.objects.filter(job_id=job_id, group=group, unit_count__gt=0, **only)
    if units[-1] - units[0] < CHUNK_UNITS * len(units):
        rows = rows.filter(unit_first__lte=units[-1], unit_first__gt=units[0] - CHUNK_UNITS)
    else:
        starts = {unit - back for unit in units for back in range(CHUNK_UNITS) if unit >= back}
        rows = rows.filter(unit_first__in=sorted(starts))
    wanted = set(units)
    found = rows.order_by("unit_first").values_list("pk", "unit_first", "unit_count", "unit_errors")
    return [row for row in found if not wanted.isdisjoint(range(row[1], row[1] + row[2]))]
