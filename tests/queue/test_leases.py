"""Leases of chunks, against a real Postgres."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs.actions import Stored, get_action
from jobs.errors import Conflict, InvalidInput
from jobs.intake import ingest as intake
from jobs.library.outputs import pack_outputs
from jobs.library.selectors import items_of
from jobs.metering.charges import Charge
from jobs.models import Chunk, Item, Job, Output
from jobs.models.states import ChunkState, JobState
from jobs.queue import leases, lifecycle, losses
from jobs.queue.progress import job_counts
from jobs.tasks import reap
from tests.factories import bad, be_patient, claim, complete, expire, ids, make_job, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(person):
    return make_job(person, [record(n) for n in range(20)])


def test_ingest_cuts_into_chunks_of_eight(job):
    assert list(Chunk.objects.filter(job=job).order_by("id").values_list("first_index", "n_items", "n_tokens")) == [
        (0, 8, 112),
        (8, 8, 112),
        (16, 4, 56),
    ]
    assert job.state == JobState.QUEUED
    assert job_counts(job) == dict(total=20, pending=20, succeeded=0, failed=0, skipped=0, cancelled=0)
    assert [item.index for item in items_of(job)] == list(range(20))


def test_bad_records_leave_nothing_behind_and_free_the_key(person):
    with pytest.raises(InvalidInput) as caught:
        make_job(person, [record(0), bad(1), record(2), bad(3)], idempotency_key="k")
    assert [problem.line for problem in caught.value.problems] == [2, 4]
    assert Job.objects.count() == Item.objects.count() == Chunk.objects.count() == 0
    make_job(person, [record(0)], idempotency_key="k")


def test_skipped_records_are_listed_with_their_reason(person):
    job = make_job(person, [record(0), bad(1), *(record(n) for n in range(2, 12))], on_invalid="skip")
    assert job_counts(job) == dict(total=12, pending=11, succeeded=0, failed=0, skipped=1, cancelled=0)
    skipped = items_of(job).get(index=1)
    assert (skipped.state, skipped.error_code, skipped.error[0]["line"]) == ("skipped", "bad_letter", 2)
    assert list(Chunk.objects.filter(job=job).order_by("id").values_list("n_items", flat=True)) == [8, 3]


def test_skipped_records_do_not_shorten_chunks_at_the_borders_of_batches(person, monkeypatch):
    monkeypatch.setattr(intake, "BATCH", 10)
    records = [bad(n) if n in (3, 9, 10, 11, 29) else record(n) for n in range(45)]
    job = make_job(person, records, on_invalid="skip")
    chunks = Chunk.objects.filter(job=job).order_by("id")
    assert list(chunks.values_list("n_items", flat=True)) == [8, 8, 8, 8, 8]
    for chunk in chunks:
        assert chunk.items.count() == 8
    assert list(items_of(job).values_list("index", flat=True)) == list(range(45))


def test_a_file_of_bad_records_only_is_refused_even_when_skipping(person):
    with pytest.raises(InvalidInput):
        make_job(person, [bad(0), bad(1)], on_invalid="skip")
    assert not Job.objects.exists()


def test_claim_is_exclusive_and_carries_the_items(job):
    first = claim(ids(job)[:2])
    assert [len(chunk.items) for chunk in first] == [8, 8]
    assert first[0].items[0].view.sequence == "MKTAYIAKQR"
    assert claim(ids(job)[:2], worker="w2") == []
    assert [chunk.id for chunk in claim(ids(job), worker="w2")] == ids(job)[2:]
    assert Job.objects.get(pk=job.pk).state == JobState.RUNNING


def test_completion_stores_once_and_closes_the_job(job, engine_id):
    for chunk in claim(ids(job)):
        assert complete(chunk, engine_id)
        assert not complete(chunk, engine_id, value=5.0)
    assert lifecycle.job_finalise(job_id=job.pk)
    assert not lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert job.finished_at
    assert Output.objects.count() == 3
    assert job_counts(job)["succeeded"] == 20


def test_a_zombie_writes_nothing(job, engine_id):
    zombie, *_ = claim(ids(job)[:1])
    expire([zombie.id])
    assert losses.leases_reap() == 1
    assert leases.lease_renew(token=zombie.token) == 0
    assert not complete(zombie, engine_id)
    assert not Output.objects.exists()
    be_patient(job)
    # Its chunk was lost while it ran alone, so its items go on one by one.
    assert len(ids(job, first_index__lt=8)) == 8


def test_renewal_keeps_the_lease(job):
    chunk, *_ = claim(ids(job)[:1])
    expire([chunk.id])
    assert leases.lease_renew(token=chunk.token) == 1
    assert losses.leases_reap() == 0


def test_lost_bundle_lost_chunk_lost_item(job, engine_id):
    """A bundle splits into chunks, a chunk into items, and three losses alone fail the one item."""
    bundle = ids(job)
    claim(bundle)
    expire(bundle)
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        (before,) = cursor.fetchone()
    assert losses.leases_reap() == 3
    assert set(Chunk.objects.values_list("state", "isolate", "losses")) == {("ready", True, 0)}
    assert min(Chunk.objects.values_list("not_before", flat=True)) >= before + timedelta(seconds=1)
    Chunk.objects.update(not_before=before + timedelta(hours=1))  # a second is soon over
    assert claim(bundle) == [], "back-off"
    be_patient(job)

    poisoned = bundle[0]
    claim([poisoned])
    expire([poisoned])
    losses.leases_reap()
    singles = ids(job, first_index__lt=8)
    assert len(singles) == 8
    for number in range(losses.MAX_LOSSES):
        be_patient(job)
        (one,) = claim(singles[:1])
        assert Chunk.objects.get(pk=one.id).attempts == 3 + number
        expire(singles[:1])
        losses.leases_reap()
    be_patient(job)
    for chunk_id in ids(job, state=ChunkState.READY):
        (chunk,) = claim([chunk_id])
        assert complete(chunk, engine_id)
    lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.PARTIAL
    assert job_counts(job) == dict(total=20, pending=0, succeeded=19, failed=1, skipped=0, cancelled=0)
    failed = items_of(job).get(state="failed")
    assert (failed.index, failed.error_code) == (0, "worker_lost")


def test_what_was_claimed_ahead_pays_for_nothing_that_ends_its_worker(job):
    """A chunk that was claimed ahead returns unchanged and at once, however often its neighbour kills the process."""
    beside, poison = ids(job)[:2]
    for _ in range(2 * losses.MAX_LOSSES):
        be_patient(job)
        (ahead,) = leases.chunks_claim(chunk_ids=[beside], worker="w1")
        claim([poison] if Chunk.objects.filter(pk=poison).exists() else ids(job, state=ChunkState.READY)[-1:])
        expire(ids(job, state=ChunkState.LEASED))
        assert losses.leases_reap() == 2
        row = Chunk.objects.get(pk=beside)
        assert (row.state, row.n_items, row.losses, row.isolate, row.last_error) == ("ready", 8, 0, False, "")
        assert not complete(ahead, None), "its token is gone all the same"
    assert claim([beside]), "without a back-off"


def test_only_what_is_computed_alone_is_alone(job):
    (first, second, third) = ids(job)
    claim([first, second])
    claim([third])
    assert list(Chunk.objects.order_by("id").values_list("begun", "alone")) == [(True, False)] * 2 + [(True, True)]
    assert leases.chunks_begin(token=uuid4()) == set()
    expire(ids(job))
    losses.leases_reap()
    be_patient(job)
    leases.chunks_claim(chunk_ids=[first], worker="w2")
    assert set(Chunk.objects.filter(pk=first).values_list("begun", "alone")) == {(False, False)}


def test_of_a_bundle_with_a_cancelled_job_the_rest_is_alone(person):
    jobs = [make_job(person, [record(0)]) for _ in range(2)]
    (kept,), (left,) = (ids(job) for job in jobs)
    (claimed, _) = leases.chunks_claim(chunk_ids=[kept, left], worker="w1")
    lifecycle.job_cancel(job_id=jobs[1].pk)
    assert leases.chunks_begin(token=claimed.token) == {kept}
    assert Chunk.objects.get(pk=kept).alone
    assert Chunk.objects.get(pk=left).state == ChunkState.CANCELLED


def test_what_waits_to_be_written_is_not_alone_when_the_next_bundle_begins(job):
    first, second = ids(job)[:2]
    (written,) = claim([first])
    assert Chunk.objects.get(pk=first).alone
    (following,) = leases.chunks_claim(chunk_ids=[second], worker="w1")
    leases.chunks_begin(token=following.token, unwritten=[uuid4(), written.token])
    assert list(Chunk.objects.filter(pk__in=[first, second]).order_by("id").values_list("alone", flat=True)) == [
        False,
        True,
    ]


def test_what_cannot_be_read_for_computing_is_lost_until_it_fails(person, monkeypatch):
    """Without a counted loss it would be claimed again for ever."""
    job = make_job(person, [record(0)])

    def broken(chunks, token):
        raise MemoryError("no room for its contexts")

    monkeypatch.setattr(leases, "_with_items", broken)
    for _ in range(losses.MAX_LOSSES):
        be_patient(job)
        with pytest.raises(MemoryError):
            leases.chunks_claim(chunk_ids=ids(job), worker="w1")
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "no room for its contexts" in items_of(job).get().error[0]["message"]


@pytest.mark.parametrize("begin", [False, True])
def test_a_claim_that_the_database_cuts_off_counts_for_nothing(person, monkeypatch, begin):
    job = make_job(person, [record(0)])

    def cut_off(chunks, token):
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(leases, "_with_items", cut_off)
    with pytest.raises(OperationalError):
        leases.chunks_claim(chunk_ids=ids(job), worker="w1", begin=begin)
    chunk = Chunk.objects.get(job=job)
    assert (chunk.state, chunk.attempts, chunk.losses, chunk.lease_token) == (ChunkState.READY, 0, 0, None)


def test_synchronous_requests_that_must_run_alone_come_alone(person):
    jobs = [make_job(person, [record(0)], interactive=True) for _ in range(4)]
    chunks = [ids(job)[0] for job in jobs]
    assert leases.chunks_ready_interactive(model="e1-demo") == chunks
    Chunk.objects.filter(pk__in=chunks[:2]).update(isolate=True)
    assert leases.chunks_ready_interactive(model="e1-demo") == chunks[2:]
    claim(chunks[2:])
    assert leases.chunks_ready_interactive(model="e1-demo") == chunks[:1]
    claim(chunks[:1])
    assert leases.chunks_ready_interactive(model="e1-demo") == chunks[1:2]


def test_a_released_lease_counts_for_nothing(job):
    (chunk,) = claim(ids(job)[:1])
    assert leases.lease_release(token=chunk.token) == 1
    row = Chunk.objects.get(pk=chunk.id)
    assert (row.state, row.losses, row.isolate) == (ChunkState.READY, 0, False)


def test_failed_items_are_left_out_of_the_stored_arrays(job, engine_id):
    (chunk,) = claim(ids(job)[:1])
    complete(chunk, engine_id, failures=[2, 5])
    output = Output.objects.get()
    assert np.frombuffer(output.data, "<f8").tolist() == [-1.0, -2.0, -4.0, -5.0, -7.0, -8.0]
    assert [item.index for item in items_of(job).filter(state="failed")] == [2, 5]
    assert Chunk.objects.get(pk=chunk.id).n_failed == 2


def test_a_chunk_whose_items_all_fail_is_failed(person, engine_id):
    job = make_job(person, [record(0), record(1)])
    (chunk,) = claim(ids(job))
    complete(chunk, engine_id, failures=[0, 1])
    lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, Chunk.objects.get().state) == (JobState.FAILED, ChunkState.FAILED)


def test_cancel_keeps_what_is_done_and_lets_the_leased_finish(job, engine_id):
    first, second = claim(ids(job)[:2])
    complete(first, engine_id)
    lifecycle.job_cancel(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLING
    assert claim(ids(job)) == []
    complete(second, engine_id)
    lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert job_counts(job) == dict(total=20, pending=0, succeeded=16, failed=0, skipped=0, cancelled=4)
    with pytest.raises(Conflict):
        lifecycle.job_cancel(job_id=job.pk)


def test_a_lease_lost_while_cancelling_is_cancelled(job):
    (chunk,) = claim(ids(job)[:1])
    lifecycle.job_cancel(job_id=job.pk)
    expire([chunk.id])
    losses.leases_reap()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert job_counts(job)["cancelled"] == 20


def test_pause_and_resume(job):
    lifecycle.job_pause(job_id=job.pk)
    lifecycle.job_pause(job_id=job.pk)
    assert claim(ids(job)) == []
    lifecycle.job_resume(job_id=job.pk)
    assert len(claim(ids(job))) == 3
    with pytest.raises(Conflict):
        lifecycle.job_pause(job_id=make_closed(job))


def make_closed(job):
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    return job.pk


def test_retry_runs_failed_items_only(job, engine_id):
    for chunk in claim(ids(job)):
        failing = {0, 9, 16, 17, 18, 19} & {item.index for item in chunk.items}
        complete(chunk, engine_id, failures=failing, value=-100.0)
    lifecycle.job_finalise(job_id=job.pk)
    before = {row.pk: bytes(row.data) for row in Output.objects.all()}
    assert lifecycle.job_retry(job_id=job.pk) == 6
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert job_counts(job) == dict(total=20, pending=6, succeeded=14, failed=0, skipped=0, cancelled=0)
    (chunk,) = claim(ids(job))
    assert [item.index for item in chunk.items] == [0, 9, 16, 17, 18, 19]
    complete(chunk, engine_id)
    lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert {row.pk: bytes(row.data) for row in Output.objects.filter(pk__in=before)} == before
    with pytest.raises(Conflict):
        lifecycle.job_retry(job_id=job.pk)


def test_retry_needs_failed_items(job, engine_id):
    with pytest.raises(Conflict, match="closed job"):
        lifecycle.job_retry(job_id=job.pk)
    lifecycle.job_cancel(job_id=job.pk)
    with pytest.raises(Conflict, match="no failed items"):
        lifecycle.job_retry(job_id=job.pk)


def test_deleting_a_job_leaves_no_row_and_fences_its_workers(job, engine_id):
    (chunk,) = claim(ids(job)[:1])
    lifecycle.job_delete(job_id=job.pk)
    assert not complete(chunk, engine_id)
    assert not Item.objects.exists()
    assert not Chunk.objects.exists()
    assert not Output.objects.exists()


def test_the_database_refuses_half_a_lease(job):
    with pytest.raises(IntegrityError), transaction.atomic():
        Chunk.objects.filter(job=job).update(lease_token=uuid4())
    with pytest.raises(IntegrityError), transaction.atomic():
        Chunk.objects.filter(job=job).update(state=ChunkState.DONE)


def test_contexts_are_stored_once(person):
    job = make_job(person, [record(n, context=("MKT", "AAA") if n % 2 else None) for n in range(16)])
    assert Item.objects.filter(job=job).exclude(context=None).values("context").distinct().count() == 1
    chunk = Chunk.objects.filter(job=job).order_by("id").first()
    assert chunk.n_tokens == 8 * 14 + (2 * 3 + 8), "a context counts once for all items of a chunk"
    (claimed,) = claim([chunk.id])
    assert [item.view.context for item in claimed.items] == [(), ("MKT", "AAA")] * 4


@pytest.mark.django_db(transaction=True)
def test_claiming_and_cancelling_at_once_never_wait_in_a_circle(person):
    """Workers claim while owners cancel; every transaction locks jobs before chunks."""
    errors: list[BaseException] = []

    def in_thread(call):
        def run():
            try:
                call()
            except Conflict:
                pass
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        return threading.Thread(target=run)

    for _ in range(15):
        job = make_job(person, [record(n) for n in range(64)])
        chunks = ids(job)
        threads = [in_thread(lambda part=chunks[n::3]: claim(part)) for n in range(3)]
        threads += [in_thread(lambda: lifecycle.job_cancel(job_id=job.pk)), in_thread(losses.leases_reap)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        job.refresh_from_db()
        assert job.state in (JobState.CANCELLING, JobState.CANCELLED)
        assert not Chunk.objects.filter(job=job, state=ChunkState.READY).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_last_workers_at_once_one_closes_the_job(person, engine_id):
    """Each stores its chunk and looks for open ones in the same transaction."""
    charge = Charge(uuid4())
    errors: list[BaseException] = []

    def store(chunk, meet):
        try:
            meet.wait(30)
            done = leases.Completion(chunk.id, chunk.token, [], {}, len(chunk.items), charge)
            leases.bundle_complete(done=[done], engine_id=engine_id, closing=[chunk.job_id])
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    for _ in range(10):
        job = make_job(person, [record(n) for n in range(16)])
        meet = threading.Barrier(2)
        chunks = [chunk for chunk_id in ids(job) for chunk in claim([chunk_id])]
        threads = [threading.Thread(target=store, args=(chunk, meet)) for chunk in chunks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        job.refresh_from_db()
        assert job.state == JobState.SUCCEEDED


def test_computing_may_begin_with_the_claim_but_not_of_what_must_run_alone(job):
    first, second, third = ids(job)
    Chunk.objects.filter(pk=second).update(isolate=True)
    (begun,) = leases.chunks_claim(chunk_ids=[first], worker="w1", begin=True)
    (waits,) = leases.chunks_claim(chunk_ids=[second], worker="w1", begin=True)
    assert (begun.begun, waits.begun) == (True, False)
    rows = Chunk.objects.filter(job=job).order_by("id").values_list("begun", "alone", "attempts")
    assert list(rows) == [(True, True, 1), (False, False, 0), (False, False, 0)]
    leases.chunks_claim(chunk_ids=[third], worker="w1", begin=True, unwritten=[begun.token])
    assert [alone for _, alone, _ in rows.all()] == [False, False, True], "the first is not stored yet"


def test_a_chunk_given_back_to_a_job_that_is_cancelling_is_cancelled(job, engine_id):
    first, second = claim(ids(job)[:1]) + claim(ids(job)[1:2])
    lifecycle.job_cancel(job_id=job.pk)
    leases.lease_release(token=first.token)
    assert set(Chunk.objects.filter(pk=first.id).values_list("state", flat=True)) == {ChunkState.CANCELLED}
    complete(second, engine_id)
    assert lifecycle.job_finalise(job_id=job.pk)
    assert job_counts(job) == dict(total=20, pending=0, succeeded=8, failed=0, skipped=0, cancelled=12)


def test_the_safety_net_closes_what_was_given_back_just_while_its_job_was_cancelled(job):
    (chunk,) = claim(ids(job)[:1])
    lifecycle.job_cancel(job_id=job.pk)
    # Like a worker that has read the job before it was cancelled.
    Chunk.objects.filter(pk=chunk.id).update(state=ChunkState.READY, lease_token=None, lease_end=None)
    reap()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_the_values_of_a_chunk_stream_and_stand_in_no_statement(person, engine_id):
    job = make_job(person, [record(n) for n in range(3)])
    (chunk,) = claim(ids(job))
    arrays = [np.arange(40_000.0, dtype=np.float32).reshape(-1, 4) + item.index for item in chunk.items]
    outputs = [
        output
        for layer in (0, -1)
        for output in pack_outputs(
            get_action("encode"),
            [
                (item.index, [Stored("mean", layer, array[:1]), Stored("per_token", layer, array)])
                for item, array in zip(chunk.items, arrays, strict=True)
            ],
        )
    ]
    with CaptureQueriesContext(connection) as queries:
        assert leases.chunk_complete(
            chunk_id=chunk.id, token=chunk.token, outputs=outputs, failures={}, succeeded=3, engine_id=engine_id
        )
    assert max(len(query["sql"]) for query in queries) < 2000, "a message has an end, at which the connection is lost"
    fields = ("kind", "layer", "item_index", "dtype", "width", "rows", "data", "checksum")
    stored = [
        (*row[:5], tuple(row[5]), bytes(row[6]), bytes(row[7]))
        for row in Output.objects.filter(chunk_id=chunk.id).order_by("id").values_list(*fields)
    ]
    assert stored == [tuple(getattr(output, field) for field in fields) for output in outputs]
