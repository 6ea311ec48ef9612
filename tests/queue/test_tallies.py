"""Progress from a tally and the rows after it equals a count of every row."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Count, Sum

from jobs.models import Chunk, Job, Tally
from jobs.models.states import ChunkState, JobState
from jobs.queue import progress
from jobs.queue.lifecycle import job_cancel, job_delete, job_finalise, job_retry
from jobs.queue.tallies import tallies_advance, tally_advance
from tests.libraries import library

pytestmark = pytest.mark.django_db


def counted(job: Job) -> dict[str, tuple[int, ...]]:
    """Every row of the job, one by one."""
    rows = Chunk.objects.filter(job=job).values_list("state").order_by()
    sums = rows.annotate(a=Count("*"), b=Sum("n_items"), c=Sum("n_succeeded"), d=Sum("n_failed"))
    return {state: tuple(numbers) for state, *numbers in sums}


def said(job: Job) -> dict[str, tuple[int, ...]]:
    totals: dict[str, tuple[int, ...]] = {}
    for one in progress.chunk_sums([job.pk])[job.pk]:
        numbers = (one.chunks, one.items, one.succeeded, one.failed)
        totals[one.state] = tuple(map(sum, zip(totals.get(one.state, (0, 0, 0, 0)), numbers, strict=True)))
    return totals


@pytest.fixture
def lib():
    return library("log_prob", items=60, skipped={3})


def test_it_counts_up_to_the_first_open_chunk(lib):
    chunks = list(Chunk.objects.filter(job=lib.job).order_by("id"))
    lib.finish([*chunks[:3], chunks[5]], failing={0})
    tallies_advance()
    assert Tally.objects.get(job=lib.job).upto == chunks[2].id
    assert said(lib.job) == counted(lib.job)
    lib.finish(chunks[3:5])
    assert said(lib.job) == counted(lib.job)
    tallies_advance()
    assert Tally.objects.get(job=lib.job).upto == chunks[5].id
    assert said(lib.job) == counted(lib.job)
    assert sum(one["chunks"] for one in progress.job_engines(lib.job)) == 6


def test_rows_that_are_counted_are_not_read_again(lib):
    chunks = list(Chunk.objects.filter(job=lib.job).order_by("id"))
    lib.finish(chunks[:4])
    tallies_advance()
    before = said(lib.job)
    Chunk.objects.filter(pk=chunks[0].pk).delete()
    tallies_advance()
    assert said(lib.job) == before


def test_a_closed_job_is_counted_to_its_end(lib):
    lib.finish()
    assert job_finalise(job_id=lib.job.pk)
    assert Tally.objects.get(job=lib.job).upto == Chunk.objects.filter(job=lib.job).latest("id").id
    assert said(lib.job) == counted(lib.job)


def test_a_cancelled_job_is_counted_to_its_end(lib):
    lib.finish(Chunk.objects.filter(job=lib.job).order_by("id")[:2])
    job_cancel(job_id=lib.job.pk)
    assert said(lib.job) == counted(lib.job)
    assert said(lib.job)[ChunkState.CANCELLED][0] == 6


def test_a_retry_counts_anew(lib):
    lib.finish(failing={0, 1, 20})
    job_finalise(job_id=lib.job.pk)
    job_retry(job_id=lib.job.pk)
    assert said(lib.job) == counted(lib.job)
    assert progress.job_counts(lib.job)["pending"] == 3
    tallies_advance()
    assert said(lib.job) == counted(lib.job)
    lib.finish()
    job_finalise(job_id=lib.job.pk)
    lib.job.refresh_from_db()
    assert lib.job.state == JobState.SUCCEEDED
    assert said(lib.job) == counted(lib.job)


def test_ready_chunks_beyond_the_counted_ones_are_worked_out(lib, monkeypatch):
    monkeypatch.setattr(progress, "READY_COUNTED", 2)
    lib.finish(Chunk.objects.filter(job=lib.job).order_by("id")[:2], failing={1})
    assert said(lib.job) == counted(lib.job)
    counts = progress.job_counts(lib.job)
    assert counts["total"] == sum(number for state, number in counts.items() if state != "total")


def test_an_upload_that_is_still_read_has_no_tally(lib):
    lib.finish(Chunk.objects.filter(job=lib.job).order_by("id")[:1])
    Job.objects.filter(pk=lib.job.pk).update(state=JobState.VALIDATING)
    tally_advance(job_id=lib.job.pk)
    assert not Tally.objects.exists()


def test_it_goes_with_its_job(lib):
    lib.finish()
    job_finalise(job_id=lib.job.pk)
    job_delete(job_id=lib.job.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_tally")
        assert cursor.fetchone() == (0,)
