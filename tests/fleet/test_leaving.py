"""A worker with `--leave-when-idle` ends in order when nothing was computed for long, and not before."""

from __future__ import annotations

import pytest
from celery import current_app

from jobs.models import Job
from tests.helpers import submit_items
from tests.worker.worker_process import eventually, worker_process
from worker import tasks

pytestmark = pytest.mark.django_db
ITEMS = [{"sequence": "MKTAYIAKQR"}]


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(tasks.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def left(monkeypatch) -> list[list[str]]:
    """Whom the workers of the test have asked to end."""
    said: list[list[str]] = []
    monkeypatch.setattr(current_app.control, "shutdown", lambda destination: said.append(list(destination)))
    monkeypatch.setattr(current_app.control, "add_consumer", lambda *_, **__: None)
    return said


def worker_of(inline_worker, leave_after: float) -> tasks.ModelWorker:
    return tasks.ModelWorker("e1-demo", "inline", process=inline_worker.worker.process, leave_after=leave_after)


def test_an_idle_worker_leaves_after_its_time(inline_worker, clock, left):
    worker = worker_of(inline_worker, 60)
    clock[0] += 59
    worker.beat()
    assert left == []
    clock[0] += 1
    worker.beat()
    assert left == [["inline"]]


def test_it_stays_by_default(inline_worker, clock, left):
    worker = worker_of(inline_worker, 0)
    clock[0] += 1e6
    worker.beat()
    assert left == []


def test_work_begins_the_time_anew_and_a_self_test_does_not(api, inline_worker, clock, left, monkeypatch):
    worker = worker_of(inline_worker, 60)
    monkeypatch.setattr(tasks, "current", worker)
    submit_items(api, ITEMS)
    clock[0] += 50
    inline_worker()
    assert Job.objects.get().state == "succeeded"
    clock[0] += 50
    worker.beat()
    assert left == []
    worker.run([])  # a probe
    clock[0] += 10
    worker.beat()
    assert left == [["inline"]]


def test_a_worker_with_a_long_message_is_not_idle(inline_worker, clock, left, monkeypatch):
    worker = worker_of(inline_worker, 60)

    def answer(bundles):
        clock[0] += 600
        worker.beat()

    monkeypatch.setattr(worker, "_answer", answer)
    worker.run([[1]])
    assert left == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_process_ends_by_itself_with_0(tmp_path):
    with worker_process(tmp_path, options=("--leave-when-idle", "1")) as process:
        eventually(lambda: process.poll() is not None)
        assert process.returncode == 0
