"""Reading stored alignments and the counts of their rows' neighbours. `jobs.alignments` writes both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jobs.errors import NotFound, ServiceError
from jobs.models import Alignment, AlignmentBlock, NeighbourCount
from jobs.models.states import WorkState
from jobs.science.alignments.packed import counts_unpacked, unpacked
from jobs.science.alignments.reading import Alignment as Rows

BLOCKS_READ = 4
"""Blocks of an alignment in memory at a time."""


class AlignmentDamaged(ServiceError):
    """Stored rows that cannot be read back."""

    code = "alignment_damaged"


def alignment_load(stored: Alignment) -> Rows:
    """Return the rows of a stored alignment. Raises NotFound if it was deleted meanwhile, and AlignmentDamaged."""
    try:
        return unpacked(stored_blocks(stored), depth=stored.depth)
    except ValueError as error:
        if not Alignment.objects.filter(pk=stored.pk).exists():
            raise NotFound(f"there is no alignment {stored.pk}") from error
        raise AlignmentDamaged(f"the alignment {stored.pk} cannot be read: {error}") from error


def stored_blocks(stored: Alignment) -> Iterator[bytes]:
    """Yield the blocks in order, a few in memory at a time."""
    blocks = AlignmentBlock.objects.filter(alignment=stored).order_by("number")
    last = -1
    while page := list(blocks.filter(number__gt=last).values_list("number", "data")[:BLOCKS_READ]):
        yield from (bytes(data) for _, data in page)
        last = page[-1][0]


def neighbours_stored(stored: Alignment, threshold: float) -> NDArray[np.int64] | None:
    """Return the number of neighbours of each row at this identity, or None if they are not counted yet."""
    done = NeighbourCount.objects.filter(alignment=stored, threshold=threshold, state=WorkState.DONE).first()
    return None if done is None else counts_unpacked(bytes(done.counts))
