"""Rare states of a service, made on a running stack."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.conftest import until
from tests.e2e.steps import library
from tests.stack import Stack

EXPIRE = """
from datetime import timedelta
from django.db.models.functions import Now
from jobs.models import Job
from jobs.results.retention import job_expire, job_purge_page
Job.objects.filter(pk="{job}").update(expires_at=Now() - timedelta(days=1))
job_expire(job_id="{job}")
while not job_purge_page(job_id="{job}"):
    pass
"""
"""Beat does the same, and may be one of these steps ahead."""


def make_jobs(stack: Stack, folder: Path) -> dict[str, str]:
    """Make a job that expires soon, an expired one, and a pausing one with some chunks at a worker."""
    made: dict[str, str] = {}
    with stack.client() as client:
        for name, count in (("ends soon", 40), ("expired", 40), ("pausing", 48)):
            path = folder / f"{name}.fasta"
            path.write_text(library(count))
            made[name] = client.submit(path, model="e1-demo", action="log_prob", name=name).id
            client.wait(made[name], timeout=120)
    with stack.sql() as cursor:
        cursor.execute("UPDATE jobs_job SET expires_at = now() + interval '2 days' WHERE id = %s", [made["ends soon"]])
        hold(cursor, made["pausing"])
        cursor.execute("UPDATE jobs_job SET state = 'paused' WHERE id = %s", [made["pausing"]])
    stack.services(EXPIRE.format(job=made["expired"]))
    return made


def hold(cursor, job: str) -> None:
    """Reset a finished job: half of it is leased to the worker `gpu-2.example.org`, and the rest waits."""
    cursor.execute("DELETE FROM jobs_output o USING jobs_chunk c WHERE c.id = o.chunk_id AND c.job_id = %s", [job])
    cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [job])
    cursor.execute(
        "UPDATE jobs_chunk SET n_succeeded = 0, n_bytes = 0, finished_at = NULL, engine_id = NULL, state = "
        "CASE WHEN first_index < 24 THEN 'leased' ELSE 'ready' END, not_before = now() + interval '1 hour', "
        "worker = CASE WHEN first_index < 24 THEN 'gpu-2.example.org' ELSE '' END, lease_token = CASE WHEN "
        "first_index < 24 THEN gen_random_uuid() END, lease_end = CASE WHEN first_index < 24 THEN now() + "
        "interval '1 hour' END WHERE job_id = %s",
        [job],
    )
    cursor.execute("UPDATE jobs_job SET state = 'running', finished_at = NULL, expires_at = NULL WHERE id = %s", [job])


WORKERS = {
    "gpu-2.example.org": ("ready", "", True, "1 hour"),
    "gpu-3.example.org": ("ready", "", True, "1 hour"),
    "gpu-4.example.org": ("sick", "self-test: log_prob of known answer 3 is -91.2, expected -88.7", False, "1 hour"),
    "gpu-5.example.org": ("ready", "", False, "-20 minutes"),
    "gpu-6.example.org": ("stopped", "", False, "-5 minutes"),
}
"""State, reason, whether it drains, its last heartbeat from now: draining, drained, sick, silent and stopped."""


def make_workers(stack: Stack) -> None:
    """Add other machines to the stack's own worker. The draining one needs a job that `hold` has reset."""
    with stack.sql() as cursor:
        for name, (state, reason, draining, since) in WORKERS.items():
            cursor.execute(
                "INSERT INTO jobs_worker (name, model, state, reason, draining, run, device_errors, engine_id, "
                "tokens_per_second, started_at, heartbeat_at, last_forward_at) SELECT %s, model, %s, %s, %s, 'other', "
                "0, engine_id, 41234, now() - interval '3 days', now() + %s::interval, now() - interval '2 minutes' "
                "FROM jobs_worker WHERE state = 'ready' AND engine_id IS NOT NULL AND run <> 'other' LIMIT 1 "
                "ON CONFLICT DO NOTHING",
                [name, state, reason, draining, since],
            )


def remove_workers(stack: Stack) -> None:
    with stack.sql() as cursor:
        cursor.execute("DELETE FROM jobs_worker WHERE run = 'other'")


def make_user(stack: Stack, name: str) -> str:
    """Add a user and return the password."""
    added = stack.run("user", "add", name)
    assert added.returncode == 0, added.stderr
    found = re.search(r"password (\S+)", added.stdout)
    assert found, added.stdout
    return found[1]


def own_job(stack: Stack, user: str, job: str) -> None:
    """Transfer a job to another user."""
    with stack.sql() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET owner_id = (SELECT id FROM auth_user WHERE username = %s) WHERE id = %s", [user, job]
        )


def stored_bytes(stack: Stack, job: str) -> int:
    """Return what counts against the quota of a job's owner."""
    with stack.sql() as cursor:
        row = cursor.execute("SELECT stored_bytes FROM jobs_job WHERE id = %s", [job]).fetchone()
        assert row
        return int(row[0])


def limit(stack: Stack, user: str, **limits: int) -> None:
    """Set limits of this user alone."""
    with stack.sql() as cursor:
        cursor.execute("SELECT id FROM auth_user WHERE username = %s", [user])
        row = cursor.fetchone()
        assert row
        cursor.execute("INSERT INTO jobs_quota (user_id) VALUES (%s) ON CONFLICT DO NOTHING", [row[0]])
        for name, value in limits.items():
            cursor.execute(f"UPDATE jobs_quota SET {name} = %s WHERE user_id = %s", [value, row[0]])


def wait_until_idle(stack: Stack) -> None:
    with stack.sql() as cursor:
        leased = "SELECT count(*) FROM jobs_chunk WHERE state = 'leased' AND worker NOT LIKE '%example.org'"
        until(lambda: cursor.execute(leased).fetchone()[0] == 0)
