"""Whose turn it is in the background: of the files, analyses, counts and searches that wait, which is done next.

Each message on the queue says that something waits, not what: else one user's two hundred maps would be made before
anybody else's first file, in the order of their messages.
"""

from __future__ import annotations

import logging

from django.db import connection

from e1protocol import ARTEFACT_QUEUE
from jobs.background.artefacts import MAX_ATTEMPTS, artefact_publish
from jobs.background.works import work_publish
from jobs.queue.dispatch import BROKER_ERRORS, queue_length
from jobs.tasks.building import artefact_build
from jobs.tasks.works import WORKS

log = logging.getLogger(__name__)

ARTEFACT = "artefact"


def turn_take() -> bool:
    """Do the work whose turn it is; where more waits and no message is left to tell of it, send one. False where
    nothing waits. Where two processes find the same work at once, one goes away empty, and beat tells of the rest.
    """
    if (found := next_in_turn()) is None:
        return False
    kind, pk = found
    if kind == ARTEFACT:
        artefact_build(artefact_id=int(pk))
    else:
        WORKS[kind].run(pk)
    _tell_on()
    return True


def next_in_turn() -> tuple[str, str] | None:
    """Kind and primary key of the work that has waited longest since it was asked for, or since its owner's last one
    ended, whichever came later; the owner of one that is under way has waited since now.

    So owners take turns while each has something waiting, and nobody is overtaken for ever by those that come later.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH work AS (
                SELECT 'artefact' AS kind, artefact.id::text AS pk, job.owner_id, artefact.created_at,
                    artefact.attempts,
                    artefact.state = 'building' AND artefact.lease_end >= statement_timestamp() AS held
                FROM jobs_artefact artefact JOIN jobs_job job ON job.id = artefact.job_id
                WHERE artefact.state IN ('waiting', 'building')
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


def _tell_on() -> None:
    """Messages may have been lost: the next work need not wait until beat notices."""
    try:
        told = queue_length(ARTEFACT_QUEUE) > 0
    except BROKER_ERRORS as error:
        log.warning("cannot tell of what waits, Redis does not answer: %s", error)
        return
    if told or (found := next_in_turn()) is None:
        return
    kind, pk = found
    if kind == ARTEFACT:
        artefact_publish(artefact_id=int(pk))
    elif (work := WORKS[kind].model._default_manager.filter(pk=pk).first()) is not None:
        work_publish(work)
