"""Contexts that a request names instead of sending them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from jobs.actions.contexts import DESCRIBED, check_number
from jobs.contexts.selectors import context_set_sequences, stored_contexts
from jobs.errors import InvalidInput, Problem


def with_stored(contexts: Any, owner: User) -> Any:
    """Return `params.contexts` with stored contexts instead of names and digests, as far as `owner` may read them.

    Raises InvalidInput `unknown_context_set`, `unknown_context` and `too_many_contexts`. The number is checked before
    contexts are read, because a short name can mean megabytes.
    """
    if isinstance(contexts, dict):
        contexts = [contexts]
    if not isinstance(contexts, list):
        return contexts
    check_number(len(contexts))
    stored = stored_contexts(owner, [one["digest"] for one in contexts if _is_digest(one)])
    unknown = [
        _unknown_context(one["digest"], number)
        for number, one in enumerate(contexts)
        if _is_digest(one) and one["digest"] not in stored
    ]
    if unknown:
        raise InvalidInput.of(*unknown)
    found: list[Any] = []
    sets: dict[str, list[tuple[str, ...]]] = {}
    for number, one in enumerate(contexts):
        if isinstance(one, dict) and set(one) == {"set"} and isinstance(one["set"], str):
            name = one["set"]
            if name not in sets:
                sets[name] = context_set_sequences(owner, name, path=f"params.contexts.{number}.set")
            check_number(len(found) + len(sets[name]) + len(contexts) - number - 1)
            found += [list(context) for context in sets[name]]
        else:
            found.append(list(stored[one["digest"]]) if _is_digest(one) else one)
    return found


def _is_digest(one: Any) -> bool:
    """Return whether this names a stored context, alone or as the parameters of a job describe it."""
    return isinstance(one, dict) and isinstance(one.get("digest"), str) and set(one) <= set(DESCRIBED)


def _unknown_context(digest: str, number: int) -> Problem:
    what = f"you have stored no context with the digest {digest[:64]!r}"
    remedy = "Send its sequences, or name a context set: GET /api/contexts/ lists yours."
    return Problem("unknown_context", what, remedy, path=f"params.contexts.{number}.digest")
