"""Turns in the background: which of the waiting files, analyses, counts and searches is done next.

A message only says that something waits. Otherwise one user's 200 maps would be built before another user's first file,
in the order of their messages. `next_in_turn` reads the tables of all kinds of work and of their owners by raw SQL.
"""

from __future__ import annotations

import logging

from e1protocol import ARTEFACT_QUEUE
from jobs import database
from jobs.background.leases import MAX_ATTEMPTS, work_publish
from jobs.models.states import JobState
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

    Work of deactivated users waits without a turn. So does a model whose embeddings a job is still computing.

    Work waits since its request, or since its owner was last served if that is later. An owner with work running goes
    last. So owners take turns, and later requests can't overtake an owner for ever.
    """
    found = database.rows(
        """
        WITH every AS NOT MATERIALIZED (
            SELECT 'artefact' AS kind, work.id::text AS pk, coalesce(work.added_by_id, job.owner_id) AS owner_id,
                work.created_at, work.finished_at, work.attempts, work.state, work.lease_end
            FROM jobs_artefact work JOIN jobs_job job ON job.id = work.job_id
            UNION ALL
            SELECT 'neighbourcount', work.id::text, alignment.owner_id, work.created_at, work.finished_at,
                work.attempts, work.state, work.lease_end
            FROM jobs_neighbourcount work JOIN jobs_alignment alignment ON alignment.id = work.alignment_id
            UNION ALL
            SELECT 'homologsearch', id::text, owner_id, created_at, finished_at, attempts, state, lease_end
            FROM jobs_homologsearch
            UNION ALL
            SELECT 'propertymodel', work.id::text, coalesce(work.added_by_id, campaign.owner_id),
                work.created_at, work.finished_at, work.attempts, work.state, work.lease_end
            FROM jobs_propertymodel work JOIN jobs_campaign campaign ON campaign.id = work.campaign_id
            LEFT JOIN jobs_job features ON features.id = work.features_job_id
            WHERE coalesce(features.state, '') <> ALL(%s)
            UNION ALL
            SELECT 'predictionfile', work.id::text, coalesce(work.added_by_id, campaign.owner_id),
                work.created_at, work.finished_at, work.attempts, work.state, work.lease_end
            FROM jobs_predictionfile work JOIN jobs_propertymodel model ON model.id = work.model_id
            JOIN jobs_campaign campaign ON campaign.id = model.campaign_id
        ), open AS (
            SELECT every.*, state = 'running' AND lease_end >= statement_timestamp() AS held
            FROM every JOIN auth_user ON auth_user.id = owner_id
            WHERE state IN ('waiting', 'running') AND auth_user.is_active
        ), owner AS (
            SELECT owner_id, greatest(
                max(statement_timestamp()) FILTER (WHERE held),
                (SELECT max(finished_at) FROM every WHERE every.owner_id = open.owner_id AND attempts > 0)
            ) AS served_at
            FROM open GROUP BY owner_id
        )
        SELECT kind, pk FROM open JOIN owner USING (owner_id)
        WHERE NOT held AND attempts < %s
        ORDER BY greatest(served_at, created_at), created_at, pk LIMIT 1
        """,
        [[str(one) for one in JobState.unfinished()], MAX_ATTEMPTS],
    )
    return found[0] if found else None


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
