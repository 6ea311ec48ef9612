"""Work units that are not computed, because an earlier job of the same engine holds them (docs/adr/0013)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from jobs.fleet.pace import kind_of
from jobs.library.common import sources_of, units_known
from jobs.queue.leases import ClaimedChunk
from worker.parts import plan_of

log = logging.getLogger(__name__)


def with_known(chunks: Sequence[ClaimedChunk], engine_id: int) -> list[ClaimedChunk]:
    """Return the chunks, those of units with what earlier jobs hold of them.

    If that cannot be read, everything is computed.
    """
    try:
        return _with_known(chunks, engine_id)
    except Exception:
        log.exception("passes of earlier jobs cannot be read; they are computed again")
        return list(chunks)


def _with_known(chunks: Sequence[ClaimedChunk], engine_id: int) -> list[ClaimedChunk]:
    groups: dict[tuple[UUID, int], list[ClaimedChunk]] = defaultdict(list)
    for chunk in chunks:
        if chunk.units and chunk.group is not None:
            groups[chunk.job_id, chunk.group].append(chunk)
    found: dict[int, ClaimedChunk] = {}
    for (job_id, group), some in groups.items():
        plan = plan_of(some[0])
        if sources := sources_of(job_id=job_id, group=group, plan=plan):
            units = [unit for chunk in some for unit in chunk.units]
            known = units_known(sources=sources, plan=plan, units=units, engine_id=engine_id)
            for chunk in some:
                its = {unit: known[unit] for unit in chunk.units if unit in known}
                found[chunk.id] = _taking(replace(chunk, known=its))
    return [found.get(chunk.id, chunk) for chunk in chunks]


def _taking(chunk: ClaimedChunk) -> ClaimedChunk:
    """Return the chunk with a kind of its own if nothing of it is computed, so that its time is learned by itself."""
    if chunk.to_compute:
        return chunk
    kind = kind_of(chunk.action, contexts="contexts" in chunk.params, together=False, taken=True)
    return replace(chunk, kind=kind)
