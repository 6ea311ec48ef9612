"""Device errors are counted across a worker's processes, and a worker that claims nothing loses no message."""

from __future__ import annotations

import os

import pytest
from celery import current_app
from django.conf import settings

from jobs.fleet import workers
from jobs.fleet.workers import MAX_DEVICE_ERRORS
from jobs.models import Chunk, Worker
from jobs.queue import dispatch as queue
from jobs.queue import losses
from tests.factories import be_patient, ids, make_job, record
from worker import tasks
from worker.engine.runner import is_out_of_memory

pytestmark = pytest.mark.django_db


class Ended(BaseException):
    pass


@pytest.fixture
def breaking(inline_worker, demo_engine, monkeypatch):
    """A worker whose device fails at every bundle, and ends for it."""

    def fail(queries):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def end(status):
        raise Ended

    monkeypatch.setattr(demo_engine, "encode", fail)
    monkeypatch.setattr(os, "_exit", end)

    def run(chunk_id):
        with pytest.raises(Ended):
            tasks.run_bundles([[chunk_id]])
        return Worker.objects.get().device_errors

    return run


def test_errors_in_a_row_outlive_the_process_and_end_with_a_new_start(person, breaking):
    job = make_job(person, [record(n) for n in range(8 * MAX_DEVICE_ERRORS)])
    workers.worker_starting(name="inline", model="e1-demo", run="first")
    for number, chunk_id in enumerate(ids(job), start=1):
        assert not workers.worker_is_broken(name="inline")
        assert breaking(chunk_id) == number
        workers.worker_starting(name="inline", model="e1-demo", run="first")
    assert workers.worker_is_broken(name="inline")
    workers.worker_starting(name="inline", model="e1-demo", run="second")
    assert not workers.worker_is_broken(name="inline")


def test_a_bundle_that_succeeds_ends_the_row_and_a_self_test_does_not(db):
    workers.worker_starting(name="w", model="e1-demo")
    workers.worker_device_error(name="w")
    workers.worker_proved(name="w")
    worker = Worker.objects.get()
    assert (worker.device_errors, worker.last_bundle_at) == (1, None)
    assert worker.last_forward_at
    workers.worker_computed(name="w")
    worker = Worker.objects.get()
    assert worker.device_errors == 0
    assert worker.last_bundle_at


def test_an_item_that_was_lost_alone_before_does_not_speak_against_the_device(person, breaking):
    job = make_job(person, [record(0)])
    for expected in (1, 1, 1):
        be_patient(job)
        assert breaking(ids(job)[0]) == expected
    assert Chunk.objects.get().losses == losses.MAX_LOSSES


def test_a_worker_that_claims_nothing_leaves_the_chunks_of_a_message_to_others(person, inline_worker, monkeypatch):
    job = make_job(person, [record(n) for n in range(16)])
    Chunk.objects.update(published_at="2026-01-01T00:00:00Z")
    monkeypatch.setattr(tasks.current.process, "healthy", False)
    asked = []
    monkeypatch.setattr(
        current_app.control, "cancel_consumer", lambda queue, destination: asked.append((queue, *destination))
    )
    tasks.run_bundles([ids(job)])
    queues = ["model.e1-demo", "model.e1-demo.float32"]
    assert asked == [(name, "inline") for name in queues], "the parent did not hear it while it started"
    assert set(Chunk.objects.values_list("state", "published_at")) == {("ready", None)}


def test_memory_that_runs_out_is_known_by_what_pytorch_says_of_it():
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 45)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_messages_sent_while_the_only_worker_starts_again_have_a_limit_too(person, monkeypatch):
    """Else what hangs a second time hangs for an hour, its lease renewed by a thread."""
    limits = []
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)  # other tests may have left messages
    monkeypatch.setattr(queue.current_app, "send_task", lambda *_, **options: limits.append(options["time_limit"]))
    workers.worker_starting(name="w", model="e1-demo")
    workers.worker_computed(name="w", tokens_per_second=10_000.0)
    workers.worker_starting(name="w", model="e1-demo")
    make_job(person, [record(n) for n in range(16)])
    assert queue.dispatch("e1-demo")
    assert set(limits) == {settings.E1_HANG_SECONDS}
    # Without any measured rate the limit is the longest one.
    Chunk.objects.update(published_at=None)
    Worker.objects.update(tokens_per_second=None)
    queue.dispatch("e1-demo")
    assert limits[-1] == queue.MAX_TIME_LIMIT


def test_a_worker_whose_repeated_self_test_fails_claims_nothing_more(person, inline_worker, monkeypatch):
    from worker.model import verify

    job = make_job(person, [record(n) for n in range(16)])
    wrong = [verify.Check("known answers", measured=1.0, tolerance=0.1)]
    monkeypatch.setattr(verify, "self_test", lambda engine: wrong)
    monkeypatch.setattr(tasks.current, "stop_taking", lambda: None)
    tasks.run_bundles([])
    worker = Worker.objects.get()
    assert (worker.state, worker.reason) == ("sick", "a repeated self-test failed")
    tasks.run_bundles([ids(job)])
    assert set(Chunk.objects.filter(job=job).values_list("state", "attempts")) == {("ready", 0)}
