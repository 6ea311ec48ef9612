"""Work beside the device: the bundle that is claimed ahead, and the writer."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from functools import partial

import pytest
from django.db import OperationalError

from jobs.models import Chunk, Job, Worker
from jobs.models.states import ChunkState, JobState
from jobs.queue import leases, lifecycle, losses
from jobs.queue.progress import job_engines
from tests.factories import make_job, record
from worker import tasks
from worker.aside import Beside

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(person):
    return make_job(person, [record(n) for n in range(24)])


@pytest.fixture
def bundles(job):
    ids = list(Chunk.objects.filter(job=job).order_by("id").values_list("id", flat=True))
    assert len(ids) == 3
    return [[chunk_id] for chunk_id in ids]


@pytest.fixture
def during_first(inline_worker, demo_engine, monkeypatch):
    """Return a function that calls something while the first bundle computes, and returns the number of bundles."""
    calls: list[int] = []

    def install(what):
        encode = demo_engine.encode

        def hooked(queries):
            calls.append(len(queries))
            if len(calls) == 1:
                what()
            return encode(queries)

        monkeypatch.setattr(demo_engine, "encode", hooked)
        return calls

    return install


def states(job):
    return list(Chunk.objects.filter(job=job).order_by("id").values_list("state", flat=True))


def test_while_one_bundle_computes_the_next_is_claimed_and_no_further_one(job, bundles, during_first):
    seen = []
    calls = during_first(lambda: seen.extend(states(job)))
    tasks.run_bundles(bundles)
    assert seen == ["leased", "leased", "ready"]
    assert calls == [8, 8, 8]
    assert Job.objects.get().state == JobState.SUCCEEDED
    assert not Chunk.objects.exclude(attempts=1).exists()


def test_a_cancelled_job_is_over_after_the_bundle_in_hand(job, bundles, during_first):
    calls = during_first(lambda: lifecycle.job_cancel(job_id=job.pk))
    tasks.run_bundles(bundles)
    assert calls == [8]
    assert states(job) == ["done", "cancelled", "cancelled"]
    assert Job.objects.get().state == JobState.CANCELLED


def test_a_paused_job_gives_back_what_was_claimed_ahead(job, bundles, during_first):
    calls = during_first(lambda: lifecycle.job_pause(job_id=job.pk))
    tasks.run_bundles(bundles)
    assert calls == [8]
    assert states(job) == ["done", "ready", "ready"]
    assert not Chunk.objects.filter(state=ChunkState.READY).exclude(lease_token=None, losses=0).exists()
    lifecycle.job_resume(job_id=job.pk)
    tasks.run_bundles(bundles[1:])
    assert Job.objects.get().state == JobState.SUCCEEDED


def test_a_device_error_ends_the_process_and_gives_back_what_was_claimed_ahead(job, bundles, during_first, monkeypatch):
    def fail():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    class Ended(BaseException):
        pass

    def end(status):
        raise Ended

    during_first(fail)
    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(Ended):
        tasks.run_bundles(bundles)
    assert set(states(job)) == {"ready"}
    ahead = Chunk.objects.get(pk=bundles[1][0])
    assert (ahead.last_error, ahead.losses, ahead.isolate) == ("", 0, False)
    assert not Chunk.objects.filter(pk=bundles[0][0]).exists(), "lost alone, it is split into its items"
    assert Chunk.objects.filter(job=job, isolate=True, last_error__contains="CUDA error").count() == 8


class Late:
    """A writer that writes when it is waited for, and not before."""

    def __init__(self):
        self.waiting = []

    def do(self, work, *args):
        self.waiting.append(partial(work, *args))
        return Future()

    def flush(self, seconds=None):
        while self.waiting:
            self.waiting.pop(0)()


def test_what_must_run_alone_shares_its_process_with_nothing_that_is_not_written(
    job, bundles, inline_worker, demo_engine, monkeypatch
):
    """If it ended the process, computed results that are not stored would be lost and counted."""
    process = tasks.current.process
    monkeypatch.setattr(process, "writer", Late())
    encode, seen = demo_engine.encode, []

    def hooked(queries):
        seen.append((states(job), list(Chunk.objects.filter(begun=True).values_list("id", flat=True))))
        return encode(queries)

    monkeypatch.setattr(demo_engine, "encode", hooked)
    first, second, third = (chunk_id for (chunk_id,) in bundles)
    Chunk.objects.filter(pk=second).update(isolate=True)
    tasks.run_bundles(bundles)
    assert [which for which, _ in seen] == [
        ["leased", "leased", "ready"],
        ["done", "leased", "leased"],
        ["done", "done", "leased"],
    ]
    assert [sorted(begun) for _, begun in seen] == [[first], [first, second], [first, second, third]]
    process.writer.flush()
    assert Job.objects.get().state == JobState.SUCCEEDED


def test_what_must_run_alone_is_given_back_where_results_before_it_cannot_be_stored(
    job, bundles, inline_worker, monkeypatch
):
    """The database is down. Waiting for it inside the task would exceed its time limit and lose the results."""

    class Stuck(Late):
        def flush(self, seconds=None):
            assert seconds is not None
            raise TimeoutError

    process = tasks.current.process
    writer = Stuck()
    monkeypatch.setattr(process, "writer", writer)
    second = bundles[1][0]
    Chunk.objects.filter(pk=second).update(isolate=True)
    with pytest.raises(TimeoutError):
        tasks.run_bundles(bundles)
    assert states(job) == ["leased", "ready", "ready"]
    assert Chunk.objects.get(pk=second).losses == 0
    Late.flush(writer)
    assert states(job) == ["done", "ready", "ready"]


def test_an_empty_message_is_a_proof_of_life(inline_worker):
    from jobs.models import Worker

    Worker.objects.update(last_forward_at=None)
    tasks.run_bundles([])
    assert Worker.objects.get().last_forward_at is not None


def test_work_beside_is_done_in_order_waits_where_it_is_full_and_outlives_errors():
    beside = Beside("test", waiting=1)
    gate, done = threading.Event(), []
    beside.do(lambda: (gate.wait(), done.append(0)))
    beside.do(lambda: done.append(1))
    third = threading.Thread(target=lambda: beside.do(lambda: done.append(2)))
    third.start()
    third.join(0.05)
    assert third.is_alive(), "one computes, one waits: the third has to"
    gate.set()
    third.join()
    failed = beside.do(lambda: 1 / 0)
    beside.flush()
    assert done == [0, 1, 2]
    assert isinstance(failed.exception(), ZeroDivisionError)
    beside.do(lambda: done.append(3))
    beside.flush()
    assert done == [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def no_lease_is_renewed_for_ever():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


@pytest.mark.parametrize(("call", "at"), [("chunks_ready_interactive", 2), ("chunks_begin", 1)])
def test_a_connection_lost_between_two_bundles_leaves_no_lease_that_is_renewed_for_ever(
    job, bundles, inline_worker, monkeypatch, call, at
):
    """A bundle claimed ahead is returned. A thread would renew its lease until a restart, and it would never run."""
    original, calls = getattr(leases, call), []

    def lost(**arguments):
        calls.append(call)
        if len(calls) == at:
            raise OperationalError("terminating connection due to administrator command")
        return original(**arguments)

    monkeypatch.setattr(leases, call, lost)
    with pytest.raises(OperationalError):
        tasks.run_bundles(bundles)
    assert states(job) == ["done", "ready", "ready"]
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]
    assert not Chunk.objects.exclude(losses=0).exists()
    tasks.run_bundles(bundles[1:])
    assert Job.objects.get().state == JobState.SUCCEEDED


def test_what_fails_at_the_end_of_a_job_does_not_cost_its_results(person, inline_worker, monkeypatch):
    small = make_job(person, [record(0)])

    def broken(job):
        raise RuntimeError("a webhook without an address")

    monkeypatch.setattr(leases, "job_close_locked", broken)
    inline_worker()
    small.refresh_from_db()
    assert small.state == JobState.SUCCEEDED, "closed after its chunk"
    assert states(small) == ["done"]
    assert not Chunk.objects.exclude(losses=0).exists()


def test_a_loss_is_noted_though_the_database_is_away_at_that_moment(
    job, bundles, inline_worker, demo_engine, monkeypatch
):
    original, calls = losses.lease_lost, []

    def away(**arguments):
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the database system is starting up")
        original(**arguments)

    def broken(queries):
        raise RuntimeError("the network fell over")

    monkeypatch.setattr(losses, "lease_lost", away)
    monkeypatch.setattr(tasks.connection, "close", lambda: None)  # the test's own transaction lives on it
    monkeypatch.setattr(demo_engine, "encode", broken)
    tasks.run_bundles(bundles[:1])
    assert len(calls) == 2
    assert Chunk.objects.filter(job=job, isolate=True, last_error__contains="fell over").count() == 8


@pytest.mark.parametrize("sent", [3, 1])
def test_a_process_that_is_ended_for_a_hang_gives_back_only_what_it_had_not_begun(
    job, bundles, inline_worker, demo_engine, monkeypatch, sent
):
    """Ending begins with SIGTERM, which a hang in Python hears. Given back uncounted, the item would hang for ever."""

    def ended(queries):
        raise SystemExit

    monkeypatch.setattr(demo_engine, "encode", ended)
    with pytest.raises(SystemExit):
        tasks.run_bundles(bundles[:sent])
    assert states(job) == ["leased", "ready", "ready"], "its lease runs out, and that counts"
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_every_chunk_names_the_attention_that_computed_it(inline_worker, demo_engine, bundles, job, monkeypatch):
    """A worker may compute its first bundles by PyTorch's attention, until its own is compiled."""
    tasks.run_bundles([bundles[0]])
    own = demo_engine.runner.backend._replace(name="e1-flash")
    encode = demo_engine.encode

    def compiled_by_now(queries):
        monkeypatch.setattr(demo_engine.runner, "backend", own)
        return encode(queries)

    monkeypatch.setattr(demo_engine, "encode", compiled_by_now)
    tasks.run_bundles([bundles[1], bundles[2]])
    chunks = Chunk.objects.filter(job=job).order_by("id").select_related("engine")
    assert [chunk.engine.identity["attention"] for chunk in chunks] == ["sdpa", "e1-flash", "e1-flash"]
    assert Worker.objects.get(name="inline").engine_id == chunks[1].engine_id
    assert {engine["attention"]: engine["chunks"] for engine in job_engines(job)} == {"sdpa": 1, "e1-flash": 2}
