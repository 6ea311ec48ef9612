"""Waking a request that waits for a job, and what happens if nothing is heard."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest

from jobs.intake import sync
from jobs.models import Job
from jobs.queue import lifecycle, wakes
from tests.factories import make_job, record

pytestmark = pytest.mark.django_db
PATIENCE = 30.0


@pytest.fixture
def ears(monkeypatch):
    """Return a listener whose thread ends with the test."""
    monkeypatch.setattr(wakes, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(wakes, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(wakes, "PAUSE_SECONDS", 0.05)
    ears = wakes.Ears()
    yield ears
    if (thread := ears._thread) is not None:
        thread.join(PATIENCE)
    assert ears._thread is None, "the thread ends when nobody waits"


def until(true) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_whoever_waits_is_woken_and_no_one_else(ears):
    mine, other = uuid4(), uuid4()
    with ears.waiting(mine) as woken, ears.waiting(other) as asleep:
        until(lambda: ears.hears)
        wakes.closed_say(uuid4())
        wakes.closed_say(mine)
        assert woken.wait(PATIENCE)
        assert not asleep.is_set()


def test_one_thread_hears_again_after_redis_was_away(ears, monkeypatch):
    connection = wakes.current_app.connection_for_read
    calls = []

    def first_refused():
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionRefusedError("away")
        return connection()

    monkeypatch.setattr(wakes.current_app, "connection_for_read", first_refused)
    job_id = uuid4()
    with ears.waiting(job_id) as woken, ears.waiting(uuid4()):
        until(lambda: ears.hears)
        wakes.closed_say(job_id)
        assert woken.wait(PATIENCE)
    assert len(calls) == 2


def test_a_worker_does_not_fail_because_nobody_can_be_woken(monkeypatch):
    def away():
        raise ConnectionRefusedError("away")

    monkeypatch.setattr(wakes.current_app, "connection_or_acquire", away)
    wakes.closed_say(uuid4())


@pytest.mark.parametrize("hears", [True, False])
def test_a_job_whose_end_nobody_heard_is_seen(person, inline_worker, monkeypatch, hears):
    """The message may be lost, and Redis may be away."""
    job = make_job(person, [record(0)], interactive=True)
    inline_worker()
    monkeypatch.setattr(sync.EARS, "hears", hears)
    sync._wait(job, threading.Event(), time.monotonic() + 60)
    assert Job.objects.get(pk=job.pk).state == "succeeded"


@pytest.mark.parametrize("interactive", [True, False])
def test_the_end_of_a_synchronous_request_is_said_after_its_commit(
    person, inline_worker, monkeypatch, django_capture_on_commit_callbacks, interactive
):
    said = []
    monkeypatch.setattr(lifecycle, "closed_say", said.append)
    job = make_job(person, [record(0)], interactive=interactive)
    with django_capture_on_commit_callbacks() as callbacks:
        inline_worker()
        assert not said
    for callback in callbacks:
        callback()
    assert said == [job.pk] * interactive
