"""Work units that are not computed, because an earlier job of the same engine holds them (docs/adr/0013)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from jobs.library.common import Source, sources_of, units_known
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
    sources: dict[tuple[UUID, int], list[Source]] = {}
    done = []
    for chunk in chunks:
        if chunk.units and chunk.group is not None:
            plan, key = plan_of(chunk), (chunk.job_id, chunk.group)
            if key not in sources:
                sources[key] = sources_of(job_id=chunk.job_id, group=chunk.group, plan=plan)
            known = units_known(sources=sources[key], plan=plan, units=chunk.units, engine_id=engine_id)
            done.append(replace(chunk, known=known))
        else:
            done.append(chunk)
    return done
