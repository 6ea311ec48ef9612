"""Turns in the background: which of the waiting files, analyses, counts and searches is done next.

A message only says that something waits. Otherwise one user's 200 maps would be built before another user's first file,
in the order of their messages. `next_in_turn` reads the tables of all kinds of work and of their owners by raw SQL.
"""

from __future__ import annotations

import logging

from django.db import connection

from e1protocol import ARTEFACT_QUEUE
from jobs.background.leases import MAX_ATTEMPTS, work_publish
from jobs.queue.dispatch import BROKER_ERRORS, queue_length
from jobs.tasks.works import WORKS

log = logging.getLogger(__name__)


def turn_take() -> bool:
    """Do the work whose turn it is, and publish the next one if no message is left; return False if nothing waits.

    If two processes pick the same work at once, one of them claims nothing, and beat publishes the rest.
    """
    if (found := next_in_turn()) is None:
        return False
    kind, pk = found
    WORKS[kind].run(pk)
    _publish_next()
    return True


def next_in_turn() -> tuple[str, str] | None:
    """Return kind and primary key of the work that has waited longest; None if nothing waits.

    Work waits since its request, or since its owner was last served if that is later. An owner with work running goes
    last. So owners take turns, and later requests can't overtake an owner for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH work AS (
                SELECT 'artefact' AS kind, artefact.id::text AS pk, job.owner_id, artefact.created_at,
                    artefact.attempts,
                    artefact.state = 'running' AND artefact.lease_end >= statement_timestamp() AS held
                FROM jobs_artefact artefact JOIN jobs_job job ON job.id = artefact.job_id
                WHERE artefact.state IN ('waiting', 'running')
                UNION ALL
                SELECT 'neighbourcount', neighbours.id::text, alignment.owner_id, neighbours.created_at,
                    neighbours.attempts,
                    neighbours.state = 'running' AND neighbours.lease_end >= statement_timestamp()
                FROM jobs_neighbourcount neighbours JOIN jobs_alignment alignment ON alignment.id = alignment_id
                WHERE neighbours.state IN ('waiting', 'running')
                UNION ALL
                SELECT 'homologsearch', id::text, owner_id, created_at, attempts,
                    state = 'running' AND lease_end >= statement_timestamp()
                FROM jobs_homologsearch WHERE state IN ('waiting', 'running')
            ), owner AS (
                SELECT owner_id, greatest(
                    max(statement_timestamp()) FILTER (WHERE held),
                    (SELECT max(one.finished_at) FROM jobs_artefact one JOIN jobs_job job ON job.id = one.job_id
                        WHERE job.owner_id = work.owner_id AND one.attempts > 0),
                    (SELECT max(one.finished_at) FROM jobs_neighbourcount one
                        JOIN jobs_alignment alignment ON alignment.id = one.alignment_id
                        WHERE alignment.owner_id = work.owner_id AND one.attempts > 0),
                    (SELECT max(one.finished_at) FROM jobs_homologsearch one
                        WHERE one.owner_id = work.owner_id AND one.attempts > 0)
                ) AS served_at
                FROM work GROUP BY owner_id
            )
            SELECT kind, pk FROM work JOIN owner USING (owner_id)
            WHERE NOT held AND attempts < %s
            ORDER BY greatest(served_at, created_at), created_at, pk LIMIT 1
            """,
            [MAX_ATTEMPTS],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def _publish_next() -> None:
    """Publish the next work if the queue is empty: its message may be lost, and beat would be slower."""
    try:
        if queue_length(ARTEFACT_QUEUE):
            return
    except BROKER_ERRORS as error:
        log.warning("cannot publish the next work, Redis does not answer: %s", error)
        return
    if (found := next_in_turn()) is None:
        return
    kind, pk = found
    if (work := WORKS[kind].model._default_manager.filter(pk=pk).first()) is not None:
        work_publish(work)
