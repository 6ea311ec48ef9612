"""Reading named contexts."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.errors import InvalidInput, NotFound, Problem
from jobs.models import ContextSet, ContextSetMember


def context_sets_of(owner: User) -> QuerySet[ContextSet]:
    return ContextSet.objects.filter(owner=owner)


def context_set_of(owner: User, name: str) -> ContextSet:
    """The owner's set of that name; NotFound where it is not there or somebody else's."""
    found = context_sets_of(owner).filter(name=name).first()
    if found is None:
        raise NotFound(f"there is no context set {name[:100]!r}")
    return found


def context_set_sequences(owner: User, name: str, *, path: str = "params.contexts") -> list[tuple[str, ...]]:
    """The contexts of a set that a job names, in their order; at least one.

    Raises InvalidInput `unknown_context_set` with `path`, the field that named it, where the owner has none of that
    name.
    """
    members = ContextSetMember.objects.filter(set__owner=owner, set__name=name).order_by("position")
    contexts = [tuple(sequences) for sequences in members.values_list("context__sequences", flat=True)]
    if not contexts:
        what = f"there is no context set {name[:100]!r}"
        raise InvalidInput.of(Problem("unknown_context_set", what, "GET /api/contexts/ lists yours.", path=path))
    return contexts
