"""Reading stored alignments."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.errors import NotFound
from jobs.models import Alignment, HomologSearch, NeighbourCount, SequenceDatabase
from jobs.science.alignments.sampling import NEIGHBOUR_THRESHOLD


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


def searches_of(owner: User) -> QuerySet[HomologSearch]:
    return HomologSearch.objects.filter(owner=owner)


def search_of(owner: User, search_id: UUID) -> HomologSearch:
    """The owner's search; NotFound where it is not there or somebody else's."""
    found = searches_of(owner).filter(pk=search_id).first()
    if found is None:
        raise NotFound(f"there is no search {search_id}")
    return found


def database_named(name: str) -> SequenceDatabase:
    """The library of that name, for everybody; NotFound where there is none."""
    found = SequenceDatabase.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"there is no database {name[:80]!r}")
    return found
