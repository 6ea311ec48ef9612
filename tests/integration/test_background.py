"""The work that all users share in the background: what may take long stands in nobody's way."""

from __future__ import annotations

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from e1site.stack import parts
from jobs import tasks
from jobs.services import webhooks
from worker.app import app
from worker.protocol import ARTEFACT_QUEUE, TASK_BUILD, TASK_EXPIRE, TASK_WEBHOOKS, TASK_WORK

pytestmark = pytest.mark.django_db


# --- queues ----------------------------------------------------------------------------------------------------------


def queue_of(task: str) -> str:
    return app.amqp.router.route({}, task)["queue"].name


def test_nothing_that_beat_sends_waits_behind_what_may_take_hours(monkeypatch):
    assert queue_of(TASK_BUILD) == queue_of(TASK_WORK) == ARTEFACT_QUEUE
    assert ARTEFACT_QUEUE not in {queue_of(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    sent = []
    monkeypatch.setattr(webhooks.current_app, "send_task", lambda name, queue, **_: sent.append((name, queue)))
    webhooks._publish()
    assert sent == [(TASK_WEBHOOKS, queue_of(TASK_WEBHOOKS))]


def test_of_the_service_worker_a_process_is_left_to_the_safety_nets():
    command = parts.service_worker().command
    slow = {TASK_WEBHOOKS, TASK_EXPIRE}
    assert int(command[command.index("--concurrency") + 1]) > len(slow)


@pytest.mark.parametrize(
    ("lock", "task", "work"),
    [("e1-webhooks", tasks.deliver_webhooks, "deliveries_send"), ("e1-expire", tasks.expire, "jobs_expire")],
)
def test_each_of_them_keeps_one_process_at_a_time(monkeypatch, lock, task, work):
    done = []
    monkeypatch.setattr(tasks, work, lambda: done.append(work))
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(hashtext(%s))", [lock])
        task()
        assert done == []
        other.execute("SELECT pg_advisory_unlock(hashtext(%s))", [lock])
    task()
    assert done == [work]
