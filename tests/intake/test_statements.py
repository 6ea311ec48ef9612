"""How many statements a small request sends to the database.

Each is a round trip, and together they are most of the time that the service adds to the forward pass of one protein.
A bound is the number of now: who needs one more raises it, and says in the commit why it is worth its time. COPY, BEGIN
and COMMIT are not counted. A test's transaction turns each transaction of the service into a savepoint, which is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from jobs.intake import sync
from jobs.models import Job
from jobs.models.states import JobState
from jobs.queue import dispatch as queue
from jobs.quotas import usage
from tests.helpers import post, submit_items

pytestmark = pytest.mark.django_db

PROTEIN = [{"sequence": "MKTAYIAKQR" * 30}]
OF_A_SUBMISSION = 25
OF_A_SYNCHRONOUS_REQUEST = 10
OF_A_WORKER = 17


class Statements(list[str]):
    """The statements of a block, except those that are sent while it is paused."""

    counting = True

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if self.counting:
            self.append(sql)
        return execute(sql, *rest)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.counting = False
        try:
            yield
        finally:
            self.counting = True

    def about(self, table: str) -> list[str]:
        return [sql for sql in self if table in sql]


@pytest.fixture
def statements(monkeypatch, person):
    """Return what collects statements. Messages go nowhere, and the sum of stored bytes is known from before."""
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)
    monkeypatch.setattr(queue.current_app, "send_task", lambda *args, **options: None)
    usage.stored_remember(person.pk, 0)
    return Statements()


def test_a_submission_of_one_protein(api, inline_worker, statements):
    with connection.execute_wrapper(statements):
        answer = submit_items(api, PROTEIN)
    assert answer.status_code == 202, answer.content
    assert answer.json()["queue"]["position"] == 1, "the answer says what takes most of the statements"
    assert len(statements.about("jobs_worker")) == 2, "once to dispatch, once to forecast"
    assert len(statements) <= OF_A_SUBMISSION, "\n".join(statements)


def test_a_synchronous_request_of_one_protein(api, inline_worker, statements, monkeypatch):
    def computed(job: Job, woken: threading.Event, deadline: float, *, trusting: bool) -> bool:
        with statements.paused():
            assert inline_worker() == 1
        return trusting

    monkeypatch.setattr(sync, "_wait", computed)
    with connection.execute_wrapper(statements):
        answer = post(api, "/api/v3/e1-demo/log_prob/", {"items": PROTEIN})
    assert answer.status_code == 200, answer.content
    assert len(statements) <= OF_A_SYNCHRONOUS_REQUEST, "\n".join(statements)


def test_a_worker_with_one_protein(api, inline_worker, statements):
    job_id = submit_items(api, PROTEIN).json()["id"]
    (chunk_id,) = Job.objects.get(pk=job_id).chunks.values_list("pk", flat=True)
    with connection.execute_wrapper(statements):
        inline_worker.worker.run([[chunk_id]])
    assert Job.objects.get(pk=job_id).state == JobState.SUCCEEDED
    assert len(statements) <= OF_A_WORKER, "\n".join(statements)
