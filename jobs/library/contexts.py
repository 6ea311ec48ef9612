"""Contexts, stored once per owner however many jobs and sets name them, and freed when nothing does.

Whoever is about to name a context holds its row until the name is committed; whoever frees one waits for nobody and
looks again once it has the row for itself. So a context that is wanted at the same moment is kept, or made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from e1protocol import tokens_of
from jobs.actions.contexts import context_digest
from jobs.library.chunking import ContextRef
from jobs.models import Context

PAGE = 1000


def contexts_hold(*, owner_id: int, contexts: Iterable[Sequence[str]]) -> dict[tuple[str, ...], ContextRef]:
    """The rows of these contexts, made where they are new, by their sequences. Nobody frees one before the caller's
    transaction has ended.
    """
    _require_transaction()
    digests = {sequences: context_digest(sequences) for sequences in map(tuple, contexts)}
    sequences_of = {digest: sequences for sequences, digest in digests.items()}
    held = _held(owner_id, list(sequences_of))
    while missing := sorted(sequences_of.keys() - held.keys()):
        # In one order for all, so that two uploads with the same contexts do not wait for each other in a circle.
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
    """Those that are there. The lock is that of a foreign key: it hinders nobody but who would delete the row."""
    if not digests:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, id, tokens FROM jobs_context WHERE owner_id = %s AND digest = ANY(%s) "
            "ORDER BY id FOR KEY SHARE",
            [owner_id, list(digests)],
        )
        return {digest: ContextRef(pk, tokens) for digest, pk, tokens in cursor.fetchall()}


def contexts_let_go(ids: Iterable[int]) -> int:
    """The caller's transaction has removed what named these contexts: free those that nothing names any more. Gives
    the bytes that are free again.

    What cannot be told now, because somebody else holds the row, is marked, and `contexts_sweep` looks at it later.
    """
    _require_transaction()
    wanted = sorted(set(ids))
    if not wanted:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_context SET unused_since = statement_timestamp() WHERE id IN "
            "(SELECT id FROM jobs_context WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE)",
            [wanted],
        )
        cursor.execute(
            "SELECT id FROM jobs_context WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED",
            [wanted],
        )
        return _free([row[0] for row in cursor.fetchall()])


def contexts_sweep() -> int:
    """Look at one page of what was marked; gives how many rows were looked at. Commits where no transaction is open."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM jobs_context WHERE unused_since IS NOT NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [PAGE],
        )
        ids = [row[0] for row in cursor.fetchall()]
        _free(ids)
    return len(ids)


def _free(ids: Sequence[int]) -> int:
    """Delete those that nothing names, and take the mark from the others. The caller has them for itself: a statement
    that begins now sees every name that was committed before, and no new one can come.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM jobs_context context WHERE id = ANY(%s)
              AND NOT EXISTS (SELECT 1 FROM jobs_item WHERE context_id = context.id)
              AND NOT EXISTS (SELECT 1 FROM jobs_jobcontext WHERE context_id = context.id)
              AND NOT EXISTS (SELECT 1 FROM jobs_contextsetmember WHERE context_id = context.id)
            RETURNING tokens
            """,
            [list(ids)],
        )
        freed = sum(int(row[0]) for row in cursor.fetchall())
        cursor.execute("UPDATE jobs_context SET unused_since = NULL WHERE id = ANY(%s)", [list(ids)])
    return freed


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise AssertionError("contexts are held and let go inside the transaction that names them")
