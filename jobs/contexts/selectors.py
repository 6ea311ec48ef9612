"""Reads of context sets and of their contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, Func, IntegerField, QuerySet, Sum

from e1protocol import BOUNDARY_TOKENS
from jobs.errors import InvalidInput
from jobs.library.selectors import existing
from jobs.models import Context, ContextSet, ContextSetMember

_LENGTH = Func(F("context__sequences"), function="jsonb_array_length", output_field=IntegerField())


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """A context of a set, without its letters."""

    digest: str
    sequences: int
    tokens: int

    @property
    def residues(self) -> int:
        return self.tokens - BOUNDARY_TOKENS * self.sequences


def context_sets_of(owner: User) -> QuerySet[ContextSet]:
    """Return the owner's sets with the number of their `contexts` and the `tokens` of all of them."""
    sets = ContextSet.objects.filter(owner=owner)
    return sets.annotate(contexts=Count("members"), tokens=Sum("members__context__tokens"))


def context_set_of(owner: User, name: str) -> ContextSet:
    """Return the owner's set of this name. Raises NotFound, also for another user's set."""
    return existing(context_sets_of(owner), f"there is no context set {name[:100]!r}", name=name)


def members_of(contexts: ContextSet) -> list[MemberFacts]:
    """Return the contexts of a set in their order."""
    rows = contexts.members.order_by("position").annotate(length=_LENGTH)
    return [MemberFacts(*row) for row in rows.values_list("context__digest", "length", "context__tokens")]


def context_set_sequences(owner: User, name: str, *, path: str = "params.contexts") -> list[tuple[str, ...]]:
    """Return the contexts of a set that a job names in the field `path`, in their order.

    Raises InvalidInput `unknown_context_set`.
    """
    members = ContextSetMember.objects.filter(set__owner=owner, set__name=name).order_by("position")
    contexts = [tuple(sequences) for sequences in members.values_list("context__sequences", flat=True)]
    if not contexts:
        what = f"there is no context set {name[:100]!r}"
        raise InvalidInput.one("unknown_context_set", what, "GET /api/contexts/ lists yours.", path=path)
    return contexts


def stored_contexts(owner: User, digests: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the owner's contexts among those with these digests."""
    rows = Context.objects.filter(owner=owner, digest__in=set(digests)).values_list("digest", "sequences")
    return {digest: tuple(sequences) for digest, sequences in rows}


@dataclass(frozen=True, slots=True)
class ContextRun:
    """Adjacent contexts of a job: those of the set `name`, or a single one of no set, with an empty name.

    `known` is false for a context that its owner no longer stores, because its job has expired.
    """

    name: str
    contexts: Sequence[Mapping[str, Any]]
    known: bool = True

    @property
    def asked(self) -> dict[str, str]:
        """The entry of `params.contexts` that names them in another job."""
        return {"set": self.name} if self.name else {"digest": str(self.contexts[0]["digest"])}


def context_runs(owner: User, described: Sequence[Mapping[str, Any]]) -> list[ContextRun]:
    """Group the contexts that a job's parameters describe by the owner's sets, in order; others stay single.

    If several sets fit, the longest is taken, then the newest.
    """
    return list(_runs(owner, described)) if described else []


def _runs(owner: User, described: Sequence[Mapping[str, Any]]) -> Iterator[ContextRun]:
    digests = [str(one["digest"]) for one in described]
    begins = ContextSetMember.objects.filter(set__owner=owner, position=0, context__digest__in=set(digests))
    members: dict[tuple[int, str], list[str]] = {}
    rows = ContextSetMember.objects.filter(set__in=begins.values("set")).order_by("-set_id", "position")
    for pk, name, digest in rows.values_list("set_id", "set__name", "context__digest"):
        members.setdefault((pk, name), []).append(digest)
    stored = set(Context.objects.filter(owner=owner, digest__in=set(digests)).values_list("digest", flat=True))
    longest_first = sorted(((name, found) for (_, name), found in members.items()), key=lambda one: -len(one[1]))
    at = 0
    while at < len(digests):
        fits = (one for one in longest_first if digests[at : at + len(one[1])] == one[1])
        name, found = next(fits, ("", digests[at : at + 1]))
        yield ContextRun(name, described[at : at + len(found)], known=set(found) <= stored)
        at += len(found)
