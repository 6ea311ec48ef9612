"""The service behind pgbouncer in transaction mode, where a session belongs to no client."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from jobs import tasks
from jobs.alignments import services as alignments
from jobs.intake.submit import job_submit
from jobs.library.alignments import BLOCKS_READ, alignment_load
from jobs.models import Alignment, Job
from jobs.queue import lifecycle
from tests.factories import claim, complete, ids, make_job, record, submission
from tests.helpers import stored_alignment
from tests.pooler import SESSIONS, pooled
from tests.servers import RUNNING

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def pool() -> Iterator[Path]:
    with pooled(Path(os.environ[RUNNING]) / "pg", dict(os.environ)) as folder:
        yield folder


@pytest.fixture
def through_the_pool(transactional_db, pool, monkeypatch) -> Iterator[None]:
    """Connect this process, in all threads, through the pool."""
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", str(pool))
        patch.setitem(connection.settings_dict, "OPTIONS", {})
        _open_sessions()
        yield
        connection.close()


def _open_sessions() -> None:
    """Have the pool open all its sessions."""
    meet = threading.Barrier(SESSIONS)

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            meet.wait(30)
            cursor.execute("COMMIT")
        connection.close()

    holders = [threading.Thread(target=hold) for _ in range(SESSIONS)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join(30)


def locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("task", "step"),
    [(tasks.reap, "leases_reap"), (tasks.expire, "jobs_expire"), (tasks.deliver_webhooks, "deliveries_send")],
)
def test_what_beat_repeats_is_done_every_time(through_the_pool, monkeypatch, task, step):
    done = []
    monkeypatch.setattr(tasks, step, lambda: done.append(step))
    for _ in range(2 * SESSIONS):
        task()
    assert len(done) == 2 * SESSIONS
    assert locks() == 0


def test_a_key_is_free_after_its_upload(through_the_pool, person):
    for number in range(2 * SESSIONS):
        for again in (False, True):
            _, made = job_submit(owner=person, submission=submission([record(0)], key=f"key {number}"))
            assert made is not again
    assert Job.objects.count() == 2 * SESSIONS
    assert locks() == 0


def test_rows_are_read_page_by_page(through_the_pool, monkeypatch, api, person, engine_id):
    """Each page may come from another session, which knows no cursor of the last one."""
    monkeypatch.setattr(alignments, "BLOCK", 4)
    stored = Alignment.objects.get(pk=stored_alignment(api)["id"])
    assert stored.blocks.count() > 2 * BLOCKS_READ
    assert alignment_load(stored).depth == stored.depth
    monkeypatch.setattr(lifecycle, "PAGE", 3)
    job = make_job(person, [record(n) for n in range(8)])
    (chunk,) = claim(ids(job))
    complete(chunk, engine_id, failures=range(7))
    lifecycle.job_finalise(job_id=job.pk)
    assert lifecycle.job_retry(job_id=job.pk) == 7
