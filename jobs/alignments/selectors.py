"""Queries of alignments, searches and libraries."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from e1protocol import NEIGHBOUR_THRESHOLD
from jobs.library.selectors import existing
from jobs.library.sharing import Right, found_by
from jobs.models import Alignment, HomologSearch, NeighbourCount, SequenceDatabase


def alignments_of(owner: User) -> QuerySet[Alignment]:
    """Return the owner's own alignments, in any project or none."""
    return Alignment.objects.filter(owner=owner)


def alignment_of(user: User, alignment_id: UUID, right: Right = Right.VIEW) -> Alignment:
    """Return an alignment on which the user has this right.

    Raises NotFound if the user may not see it, and Forbidden if the user may see it only.
    """
    missing = f"there is no alignment {alignment_id}"
    return found_by(Alignment.objects.all(), user, missing, right=right, pk=alignment_id)


def published_count(stored: Alignment) -> NeighbourCount | None:
    """Return the count of neighbours at the published threshold, in any state. Its numbers are loaded on access."""
    return NeighbourCount.objects.filter(alignment=stored, threshold=NEIGHBOUR_THRESHOLD).defer("counts").first()


def bins_of(histogram: list[int]) -> list[dict[str, float]]:
    """Return a stored histogram with the borders of its bins."""
    width = 1 / len(histogram)
    return [
        {"low": round(at * width, 6), "high": round((at + 1) * width, 6), "count": count}
        for at, count in enumerate(histogram)
    ]


def searches_of(owner: User) -> QuerySet[HomologSearch]:
    return HomologSearch.objects.filter(owner=owner)


def search_of(owner: User, search_id: UUID) -> HomologSearch:
    """Return the owner's search. Raises NotFound for other people's too."""
    return existing(searches_of(owner), f"there is no search {search_id}", pk=search_id)


def database_named(name: str) -> SequenceDatabase:
    """Return the library of that name, which all users share. Raises NotFound."""
    return existing(SequenceDatabase.objects.all(), f"there is no database {name[:80]!r}", name=name)
