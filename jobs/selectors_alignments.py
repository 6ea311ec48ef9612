"""Reading stored alignments."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.errors import NotFound
from jobs.models import Alignment, NeighbourCount
from jobs.science.sampling import NEIGHBOUR_THRESHOLD


def alignments_of(owner: User) -> QuerySet[Alignment]:
    return Alignment.objects.filter(owner=owner)


def alignment_of(owner: User, alignment_id: UUID) -> Alignment:
    """The owner's alignment; NotFound where it is not there or somebody else's."""
    found = alignments_of(owner).filter(pk=alignment_id).first()
    if found is None:
        raise NotFound(f"there is no alignment {alignment_id}")
    return found


def published_count(stored: Alignment) -> NeighbourCount | None:
    """The count of neighbours at the published threshold, in whatever state, without its numbers."""
    return NeighbourCount.objects.filter(alignment=stored, threshold=NEIGHBOUR_THRESHOLD).defer("counts").first()


def bins_of(histogram: list[int]) -> list[dict[str, float]]:
    """A stored histogram with the borders of its bins."""
    width = 1 / len(histogram)
    return [
        {"low": round(at * width, 6), "high": round((at + 1) * width, 6), "count": count}
        for at, count in enumerate(histogram)
    ]
