"""The hold on an Idempotency-Key: one request has it, and it ends soon after the process."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from jobs.errors import Conflict
from jobs.intake import submit
from jobs.intake.extend import job_extend
from jobs.intake.ingest import job_create
from jobs.intake.submit import job_submit
from jobs.models import Hold, Item, Job
from jobs.models.states import JobState
from jobs.web.turns import Turns
from tests.factories import make_job, record, submission

pytestmark = pytest.mark.django_db(transaction=True)


def hand_in(person, records, key="k"):
    return job_submit(owner=person, submission=submission(records, key=key))


def test_what_a_killed_process_left_under_a_key_gives_way_to_the_upload_that_is_repeated(person):
    left = job_create(owner=person, request=submission([], key="k").request)
    Item.objects.create(job=left, index=0, name="half", sequence="MKT", error_code="x", error=[])
    job, made = hand_in(person, [record(0)])
    assert made
    assert list(Job.objects.all()) == [job]
    assert (job.state, job.total_items) == (JobState.QUEUED, 1)
    assert hand_in(person, [record(0)]) == (job, False)


def test_somebody_else_s_key_of_the_same_text_is_another_one(person, stranger):
    left = job_create(owner=stranger, request=submission([], key="k").request)
    assert hand_in(person, [record(0)])[1]
    assert Job.objects.filter(pk=left.pk).exists()


class Upload(threading.Thread):
    """Run an upload on its own connection that stops before its last record."""

    def __init__(self, hand_in) -> None:
        super().__init__(daemon=True)
        self.reading, self.go_on = threading.Event(), threading.Event()
        self.backend = 0
        self.ended_with: Exception | None = None
        self._hand_in = hand_in

    def _records(self):
        yield record(0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = cursor.fetchone()[0]
        self.reading.set()
        assert self.go_on.wait(60)
        yield record(1)

    def run(self):
        try:
            self._hand_in(self._records())
        except Exception as error:
            self.ended_with = error
        finally:
            connection.close()

    def __enter__(self):
        self.start()
        assert self.reading.wait(60)
        return self

    def __exit__(self, *_):
        self.go_on.set()
        self.join(60)
        assert not self.is_alive()


@pytest.fixture
def process_dies(monkeypatch):
    """Return what ends an upload as if its process were gone: its connection, its hold and its turn at reading."""
    return lambda upload: _end(upload, monkeypatch)


def _end(upload, monkeypatch):
    monkeypatch.setattr(submit, "READING", Turns(2))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [upload.backend])
        assert cursor.fetchone()[0]
    assert Hold.objects.update(lease_end=Now() - timedelta(seconds=1)) == 1


def test_a_key_is_held_while_its_upload_is_read_and_free_when_its_process_is_gone(person, process_dies):
    with Upload(lambda records: hand_in(person, records)) as first:
        for _ in range(2):
            with pytest.raises(Conflict) as caught:
                hand_in(person, [record(0)])
            assert (caught.value.code, caught.value.retry_after) == ("idempotency_in_progress", 5)
        assert Job.objects.get().state == JobState.VALIDATING
        process_dies(first)
        job, made = hand_in(person, [record(0)])
        assert made
    assert isinstance(first.ended_with, DatabaseError), "what was overtaken is not accepted as well"
    assert list(Job.objects.all()) == [job]


def test_a_key_is_free_again_after_every_end(person):
    with Upload(lambda records: hand_in(person, records)) as first:
        pass
    assert first.ended_with is None
    assert not hand_in(person, [record(0), record(1)])[1]
    with pytest.raises(ZeroDivisionError):
        hand_in(person, (record(1 // n) for n in (1, 0)), key="other")
    assert hand_in(person, [record(0)], key="other")[1]
    assert not Hold.objects.exists()


def test_the_key_of_an_extension_is_free_when_its_process_is_gone(person, process_dies):
    job = make_job(person, [record(0)])

    def extend(records):
        return job_extend(job=Job.objects.get(pk=job.pk), submission=submission(records, key="k"))

    with Upload(extend) as first:
        with pytest.raises(Conflict, match="still being read"):
            extend([record(0)])
        process_dies(first)
        assert extend([record(0)])[1]
    assert isinstance(first.ended_with, DatabaseError)
    assert not extend([record(0)])[1]
    job.refresh_from_db()
    assert (list(Job.objects.all()), job.total_items) == ([job], 2)
