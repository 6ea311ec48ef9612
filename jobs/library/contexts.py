"""Contexts, stored once per owner however many jobs and sets name them, and freed when nothing does.

A transaction that is about to name a context holds its row until it commits. One that frees contexts never waits, and
looks again once it has the row for itself. So a context that is wanted at the same moment is kept or stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction

from e1protocol import tokens_of
from jobs import database
from jobs.actions.contexts import context_digest
from jobs.library.chunking import ContextRef
from jobs.models import Context

PAGE = 1000


def contexts_hold(*, owner_id: int, contexts: Iterable[Sequence[str]]) -> dict[tuple[str, ...], ContextRef]:
    """Lock the rows of these contexts, creating missing ones, and return them by their sequences.

    No row is freed before the caller's transaction ends.
    """
    _require_transaction()
    digests = {sequences: context_digest(sequences) for sequences in map(tuple, contexts)}
    sequences_of = {digest: sequences for sequences, digest in digests.items()}
    held = _held(owner_id, list(sequences_of))
    # Sorted, so that two uploads with the same contexts can't deadlock.
    while missing := sorted(sequences_of.keys() - held.keys()):
        Context.objects.bulk_create(
            [
                Context(
                    owner_id=owner_id,
                    digest=digest,
                    sequences=list(sequences_of[digest]),
                    tokens=tokens_of(*sequences_of[digest]),
                )
                for digest in missing
            ],
            ignore_conflicts=True,
        )
        held |= _held(owner_id, missing)
    return {sequences: held[digest] for sequences, digest in digests.items()}


def _held(owner_id: int, digests: Sequence[str]) -> dict[str, ContextRef]:
    """Lock and return the stored ones. Only a deletion conflicts with this lock, which is that of a foreign key."""
    if not digests:
        return {}
    found = database.rows(
        "SELECT digest, id, tokens FROM jobs_context WHERE owner_id = %s AND digest = ANY(%s) "
        "ORDER BY id FOR KEY SHARE",
        [owner_id, list(digests)],
    )
    return {digest: ContextRef(pk, tokens) for digest, pk, tokens in found}


def contexts_let_go(ids: Iterable[int]) -> int:
    """Free the contexts among these that nothing names any more, and return the freed bytes.

    A row that another transaction holds is marked; `contexts_sweep` looks at it later.
    """
    _require_transaction()
    wanted = sorted(set(ids))
    if not wanted:
        return 0
    database.execute(
        "UPDATE jobs_context SET unused_since = statement_timestamp() WHERE id IN "
        "(SELECT id FROM jobs_context WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE)",
        [wanted],
    )
    return _free(
        database.rows("SELECT id FROM jobs_context WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED", [wanted])
    )


def contexts_sweep() -> int:
    """Look at one page of the marked rows, and return how many were looked at."""
    with transaction.atomic():
        found = database.rows(
            "SELECT id FROM jobs_context WHERE unused_since IS NOT NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [PAGE],
        )
        _free(found)
    return len(found)


def _free(locked: Iterable[tuple[Any, ...]]) -> int:
    """Delete the rows that nothing names, clear the mark of the others, and return the freed bytes.

    The caller has locked them: these statements see every name that was committed before, and no new one can come.
    """
    ids = [row[0] for row in locked]
    freed = database.rows(
        """
        DELETE FROM jobs_context context WHERE id = ANY(%s)
          AND NOT EXISTS (SELECT 1 FROM jobs_item WHERE context_id = context.id)
          AND NOT EXISTS (SELECT 1 FROM jobs_jobcontext WHERE context_id = context.id)
          AND NOT EXISTS (SELECT 1 FROM jobs_contextsetmember WHERE context_id = context.id)
        RETURNING tokens
        """,
        [ids],
    )
    database.execute("UPDATE jobs_context SET unused_since = NULL WHERE id = ANY(%s)", [ids])
    return sum(row[0] for row in freed)


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise AssertionError("contexts are held and let go inside the transaction that names them")
