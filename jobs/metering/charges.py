"""Charges for computed chunks, written in the transaction that stores their results.

So an account has exactly the work whose results were stored. Work that was lost is charged once, when its repetition is
stored. A repeated write finds its lease gone, and charges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from jobs import database


@dataclass(frozen=True, slots=True)
class Charge:
    """What a chunk of this job cost: seconds of a GPU, seconds of one core of a CPU, passes, and their residues."""

    job_id: UUID
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    passes: int = 0
    residues: int = 0


PROJECT_NAME = """
    CASE WHEN project.owner_id = owner.id OR EXISTS (
        SELECT FROM jobs_projectmember member WHERE member.project_id = project.id AND member.user_id = owner.id
    ) THEN project.name ELSE '' END
"""
"""The name of a `project` as its account gets it: those who have left do not learn a new name."""
CENTRE_OF_OWNER = """
    LEFT JOIN LATERAL (
        SELECT min(code) AS code FROM jobs_costcentre
        JOIN auth_user_groups member ON member.group_id = jobs_costcentre.group_id AND member.user_id = owner.id
    ) centre ON true
"""
"""Joins the cost centre of an `owner`; of several, the first by name."""


def charges_add(charges: Sequence[Charge]) -> None:
    """Add charges to the accounts of the jobs' owners, with one statement."""
    if not charges:
        return
    # Rows are written in one order, so that two workers never wait for each other.
    database.execute(
        f"""
        INSERT INTO jobs_usageaccount AS account
            (month, owner_id, owner_name, model, cost_centre, project, project_name,
            gpu_seconds, cpu_seconds, passes, residues)
        SELECT date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC')::date, owner.id, owner.username, job.model,
            coalesce(centre.code, ''), coalesce(project.id::text, ''), {PROJECT_NAME},
            sum(charge.gpu), sum(charge.cpu), sum(charge.passes), sum(charge.residues)
        FROM unnest(%s::uuid[], %s::float8[], %s::float8[], %s::bigint[], %s::bigint[])
            AS charge (job_id, gpu, cpu, passes, residues)
        JOIN jobs_job job ON job.id = charge.job_id
        JOIN auth_user owner ON owner.id = job.owner_id
        LEFT JOIN jobs_project project ON project.id = job.project_id
        {CENTRE_OF_OWNER}
        GROUP BY owner.id, owner.username, job.model, centre.code, project.id
        ORDER BY owner.id, job.model, project.id
        ON CONFLICT (owner_id, month, model, cost_centre, project) DO UPDATE SET
            owner_name = excluded.owner_name,
            project_name = coalesce(nullif(excluded.project_name, ''), account.project_name),
            gpu_seconds = account.gpu_seconds + excluded.gpu_seconds,
            cpu_seconds = account.cpu_seconds + excluded.cpu_seconds,
            passes = account.passes + excluded.passes,
            residues = account.residues + excluded.residues
        """,  # noqa: S608 - constants of this module
        [
            [one.job_id for one in charges],
            [one.gpu_seconds for one in charges],
            [one.cpu_seconds for one in charges],
            [one.passes for one in charges],
            [one.residues for one in charges],
        ],
    )
