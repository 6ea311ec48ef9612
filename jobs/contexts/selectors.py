"""Reads of context sets and of their contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, F, Func, IntegerField, Q, QuerySet, Sum

from e1protocol import BOUNDARY_TOKENS
from jobs.errors import InvalidInput, NotFound
from jobs.library.sharing import Right, found_by, open_to, projects_open_to
from jobs.models import Context, ContextSet, ContextSetMember, JobContext

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
    return with_figures(ContextSet.objects.filter(owner=owner))


def with_figures(sets: QuerySet[ContextSet]) -> QuerySet[ContextSet]:
    return sets.annotate(contexts=Count("members"), tokens=Sum("members__context__tokens"))


def context_sets_open_to(user: User) -> QuerySet[ContextSet]:
    """Return the sets that the user may name: the user's own, and those of projects unless an own one has the name."""
    own = ContextSet.objects.filter(owner=user).values("name")
    return open_to(ContextSet.objects.all(), user).filter(Q(owner=user) | ~Q(name__in=own))


def set_named(user: User, name: str) -> ContextSet | None:
    """Return the set that this name means to the user: the user's own, else the oldest one of a project."""
    return context_sets_open_to(user).filter(name=name).order_by("created_at", "pk").first()


def context_set_of(user: User, name: str, right: Right = Right.VIEW) -> ContextSet:
    """Return the set of this name, with the figures of `context_sets_of`.

    Raises NotFound if the user may not see it, and Forbidden if the user may see it only.
    """
    missing = f"there is no context set {name[:100]!r}"
    found = set_named(user, name)
    if found is None:
        raise NotFound(missing)
    return found_by(with_figures(ContextSet.objects.all()), user, missing, right=right, pk=found.pk)


def free_name(owner: User, name: str) -> str:
    """Return the name, or the name with the first number behind it that no set of the owner has."""
    taken = set(ContextSet.objects.filter(owner=owner, name__startswith=name).values_list("name", flat=True))
    numbered = (f"{name}-{number}" for number in count(2))
    return next(one for one in chain([name], numbered) if one not in taken)


def members_of(contexts: ContextSet) -> list[MemberFacts]:
    """Return the contexts of a set in their order."""
    rows = contexts.members.order_by("position").annotate(length=_LENGTH)
    return [MemberFacts(*row) for row in rows.values_list("context__digest", "length", "context__tokens")]


def context_set_sequences(user: User, name: str, *, path: str = "params.contexts") -> list[tuple[str, ...]]:
    """Return the contexts of a set that a job names in the field `path`, in their order.

    Raises InvalidInput `unknown_context_set`.
    """
    members = ContextSetMember.objects.filter(set=set_named(user, name)).order_by("position")
    contexts = [tuple(sequences) for sequences in members.values_list("context__sequences", flat=True)]
    if not contexts:
        what = f"there is no context set {name[:100]!r}"
        raise InvalidInput.one("unknown_context_set", what, "GET /api/contexts/ lists yours.", path=path)
    return contexts


def stored_contexts(user: User, digests: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the contexts with these digests that the user stores, or that jobs and sets of the user's projects name.

    A digest alone opens nothing: a context of other people is found only where the user may read it.
    """
    wanted = set(digests)
    found = _by_digest(Context.objects.filter(owner=user, digest__in=wanted))
    if missing := wanted - found.keys():
        projects = projects_open_to(user)
        of_jobs = JobContext.objects.filter(job__project__in=projects).values("context")
        of_sets = ContextSetMember.objects.filter(set__project__in=projects).values("context")
        shared = Context.objects.filter(Q(pk__in=of_jobs) | Q(pk__in=of_sets), digest__in=missing)
        found |= _by_digest(shared)
    return found


def _by_digest(rows: QuerySet[Context]) -> dict[str, tuple[str, ...]]:
    return {digest: tuple(sequences) for digest, sequences in rows.values_list("digest", "sequences")}


@dataclass(frozen=True, slots=True)
class ContextRun:
    """Adjacent contexts of a job: those of the set `name`, or a single one of no set, with an empty name.

    `known` is false for a context that is no longer stored, because its job has expired.
    """

    name: str
    contexts: Sequence[Mapping[str, Any]]
    known: bool = True

    @property
    def asked(self) -> dict[str, str]:
        """The entry of `params.contexts` that names them in another job."""
        return {"set": self.name} if self.name else {"digest": str(self.contexts[0]["digest"])}


def context_runs(user: User, described: Sequence[Mapping[str, Any]]) -> list[ContextRun]:
    """Group the contexts that a job's parameters describe by the sets that the user may name; others stay single.

    If several sets fit, the longest is taken, then the newest.
    """
    return list(_runs(user, described)) if described else []


def _runs(user: User, described: Sequence[Mapping[str, Any]]) -> Iterator[ContextRun]:
    digests = [str(one["digest"]) for one in described]
    begins = ContextSetMember.objects.filter(
        set__in=context_sets_open_to(user), position=0, context__digest__in=set(digests)
    )
    members: dict[tuple[int, str], list[str]] = {}
    rows = ContextSetMember.objects.filter(set__in=begins.values("set")).order_by("-set_id", "position")
    for pk, name, digest in rows.values_list("set_id", "set__name", "context__digest"):
        members.setdefault((pk, name), []).append(digest)
    # Another job finds a set by its name, so a set that the name does not mean is left out.
    means = {name: set_named(user, name) for _, name in members}
    members = {(pk, name): found for (pk, name), found in members.items() if (one := means[name]) and one.pk == pk}
    stored = stored_contexts(user, digests).keys()
    longest_first = sorted(((name, found) for (_, name), found in members.items()), key=lambda one: -len(one[1]))
    at = 0
    while at < len(digests):
        fits = (one for one in longest_first if digests[at : at + len(one[1])] == one[1])
        name, found = next(fits, ("", digests[at : at + 1]))
        yield ContextRun(name, described[at : at + len(found)], known=set(found) <= stored)
        at += len(found)
