"""Create and delete context sets. An owner's context is stored once, by its digest, for all sets and jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from e1protocol import BOUNDARY_TOKENS, EXTENDED, MODELS, tokens_of
from jobs.actions.contexts import context_digest
from jobs.errors import Conflict, InvalidInput, Problem, Problems
from jobs.library.contexts import contexts_hold, contexts_let_go
from jobs.limits import MAX_JOB_CONTEXTS
from jobs.models import ContextSet, ContextSetMember
from jobs.parsing import ItemRules
from jobs.parsing.letters import check_contexts
from jobs.parsing.records import Place
from jobs.quotas.admission import quota_bytes_within

_FACTS = tuple(MODELS.values())
SET_RULES = ItemRules(
    sequence=EXTENDED,
    context=EXTENDED,
    needs_mask=False,
    max_residues=max(facts.max_residues for facts in _FACTS),
    max_contexts=max(facts.max_contexts for facts in _FACTS),
    max_tokens=max(facts.max_global_positions for facts in _FACTS),
)
"""The limits of stored contexts, which are those of the networks. A job checks those of its model and action."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def check_set_name(name: object) -> str:
    """Return a name that is safe in addresses and commands. Raises InvalidInput `bad_name`."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = (
            "a name has 1 to 100 letters, digits, dots, dashes, plus signs and underscores, the first a letter or digit"
        )
        raise InvalidInput.one("bad_name", text, "Choose a name such as blat-15.", path="name")
    return name


def file_provenance(notes: Sequence[Problem]) -> dict[str, Any]:
    """Return the provenance of a set from a file of homologs; `notes` say what was changed or left out in it."""
    return {"source": "fasta", "notes": [note.as_dict() for note in notes]}


def context_set_create(
    *, owner: User, name: str, contexts: Sequence[Sequence[str]], provenance: Mapping[str, Any]
) -> ContextSet:
    """Store `contexts`, with cleaned sequences, under `name`.

    A repeated request returns the existing set, with the notes of the new one. Raises InvalidInput `bad_name`,
    `no_contexts`, `too_many_contexts`, and for unsuitable contexts. Raises Conflict `context_set_exists` if a set of
    this name has other contexts, and TooLarge if the owner's storage is full.
    """
    check_set_name(name)
    _check(contexts)
    digests = [context_digest(sequences) for sequences in contexts]
    try:
        with transaction.atomic(), quota_bytes_within(user_id=owner.pk):
            made = ContextSet.objects.create(owner=owner, name=name, provenance=dict(provenance))
            refs = contexts_hold(owner_id=owner.pk, contexts=contexts)
            ContextSetMember.objects.bulk_create(
                ContextSetMember(set=made, position=at, context_id=refs[tuple(sequences)].id)
                for at, sequences in enumerate(contexts)
            )
    except IntegrityError:
        existing = ContextSet.objects.get(owner=owner, name=name)
        if list(existing.members.order_by("position").values_list("context__digest", flat=True)) == digests:
            return _with_notes(existing, provenance)
        raise Conflict(
            f"there is a context set {name!r} with other contexts; choose another name, or delete it first",
            code="context_set_exists",
        ) from None
    made.refresh_from_db()
    return made


def _with_notes(existing: ContextSet, provenance: Mapping[str, Any]) -> ContextSet:
    """Store what was changed in the file that was sent last, so that its owner sees it."""
    if "notes" in provenance and existing.provenance.get("source") == provenance["source"]:
        existing.provenance = {**existing.provenance, "notes": provenance["notes"]}
        existing.save(update_fields=["provenance"])
    return existing


def context_set_delete(*, owner: User, name: str) -> bool:
    """Delete a set. Returns whether it existed. Contexts that no job and no other set holds are freed."""
    with transaction.atomic():
        named = ContextSetMember.objects.filter(set__owner=owner, set__name=name)
        contexts = list(named.values_list("context_id", flat=True))
        deleted, _ = ContextSet.objects.filter(owner=owner, name=name).delete()
        contexts_let_go(contexts)
    return bool(deleted)


def _check(contexts: Sequence[Sequence[str]]) -> None:
    if not contexts:
        raise InvalidInput.one("no_contexts", "there are no contexts", "Give at least one.", path="contexts")
    if len(contexts) > MAX_JOB_CONTEXTS:
        what = f"there are {len(contexts):,} contexts, and the limit of a set is {MAX_JOB_CONTEXTS}"
        raise InvalidInput.one("too_many_contexts", what, "Make several sets.", path="contexts")
    problems = Problems()
    for at, sequences in enumerate(contexts):
        problems.extend(check_set_context(sequences, Place(path=f"contexts.{at}")))
    if problems:
        raise problems.refusal()


def check_set_context(sequences: Sequence[str], place: Place) -> list[Problem]:
    """Return the problems that prevent a context from being stored."""
    if not sequences:
        return [place.problem("empty_context", "this context has no sequences", "Leave it out.")]
    problems = list(check_contexts(sequences, SET_RULES, place))
    tokens = tokens_of(*sequences)
    if not problems and tokens + BOUNDARY_TOKENS >= SET_RULES.max_tokens:
        what = f"the context takes {tokens:,} tokens, which leaves no room for a query in {SET_RULES.max_tokens:,}"
        problems.append(place.problem("context_too_long", what, "Give fewer or shorter sequences."))
    return problems
