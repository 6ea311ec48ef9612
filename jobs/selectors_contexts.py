"""Reading named contexts."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, F, Func, IntegerField, QuerySet, Sum

from jobs.errors import InvalidInput, NotFound, Problem
from jobs.models import ContextSet, ContextSetMember
from worker.protocol import BOUNDARY_TOKENS

_LENGTH = Func(F("context__sequences"), function="jsonb_array_length", output_field=IntegerField())


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """One context of a set without its letters."""

    digest: str
    sequences: int
    tokens: int

    @property
    def residues(self) -> int:
        return self.tokens - BOUNDARY_TOKENS * self.sequences


def context_sets_of(owner: User) -> QuerySet[ContextSet]:
    """The owner's sets, each with `contexts`, the number of its members, and `tokens` of all of them."""
    sets = ContextSet.objects.filter(owner=owner)
    return sets.annotate(contexts=Count("members"), tokens=Sum("members__context__tokens"))


def context_set_of(owner: User, name: str) -> ContextSet:
    """The owner's set of that name; NotFound where it is not there or somebody else's."""
    found = context_sets_of(owner).filter(name=name).first()
    if found is None:
        raise NotFound(f"there is no context set {name[:100]!r}")
    return found


def members_of(contexts: ContextSet) -> list[MemberFacts]:
    """The contexts of a set in their order."""
    rows = contexts.members.order_by("position").annotate(length=_LENGTH)
    return [MemberFacts(*row) for row in rows.values_list("context__digest", "length", "context__tokens")]


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
