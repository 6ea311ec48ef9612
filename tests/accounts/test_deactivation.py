"""A deactivated user: jobs, background work, webhooks and streams stop, and come back with the user."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from jobs import tasks
from jobs.api import events
from jobs.background.leases import LEASE, work_renew
from jobs.models import Alignment, Artefact, Delivery, HomologSearch, Item, Job, NeighbourCount, Webhook
from jobs.models.states import JobState, WorkState
from jobs.queue.lifecycle import job_pause
from jobs.tasks.turns import next_in_turn
from jobs.webhooks import services as webhooks
from tests.helpers import body, submit

pytestmark = pytest.mark.django_db


def turn(user: User, *, active: bool) -> None:
    user.is_active = active
    user.save()


def state_of(answer) -> str:
    return Job.objects.get(pk=body(answer)["id"]).state


def test_jobs_pause_and_come_back_except_those_that_their_owner_paused(api, other_api, person, inline_worker):
    job, paused, others = submit(api), submit(api), submit(other_api)
    job_pause(job_id=body(paused)["id"])
    items = Item.objects.count()
    turn(person, active=False)
    assert [state_of(one) for one in (job, paused, others)] == ["paused", "paused", "queued"]
    inline_worker()
    assert [state_of(one) for one in (job, others)] == ["paused", "succeeded"]
    assert Item.objects.count() == items
    assert api.get("/api/jobs/").status_code == 401
    turn(person, active=True)
    assert [state_of(one) for one in (job, paused)] == ["queued", "paused"]
    inline_worker()
    assert state_of(job) == "succeeded"
    assert api.post(f"/api/jobs/{body(paused)['id']}/resume/").status_code == 200
    turn(person, active=True)
    assert state_of(paused) == "queued"


def test_the_administration_deactivates_and_activates(api, person, client):
    job = submit(api)
    client.force_login(User.objects.create_superuser("root"))
    path = f"/admin/auth/user/{person.pk}/change/"
    data = {"username": person.username, "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    data |= {"quota-TOTAL_FORMS": 0, "quota-INITIAL_FORMS": 0}
    for extra, state in (({}, "paused"), ({"is_active": "on"}, "queued")):
        assert client.post(path, data | extra).status_code == 302
        assert state_of(job) == state


def test_what_no_signal_has_seen_follows_within_a_reap(api, person, monkeypatch):
    job = submit(api)
    User.objects.filter(pk=person.pk).update(is_active=False)
    late = Job.objects.create(owner=person, model="e1-demo", action="encode", state=JobState.QUEUED)
    tasks.reap()
    assert state_of(job) == Job.objects.get(pk=late.pk).state == "paused"
    User.objects.filter(pk=person.pk).update(is_active=True)
    tasks.reap()
    assert state_of(job) == "queued"


def test_background_work_stops_and_comes_back(person, stranger):
    def search(owner, **fields):
        return HomologSearch.objects.create(
            owner=owner, name="s", database_name="d", database_digest="0", parent="MKTAYIAKQR", settings={}, **fields
        )

    lease = {"state": WorkState.RUNNING, "attempts": 3}
    job = Job.objects.create(owner=person, model="e1-demo", action="encode", state=JobState.SUCCEEDED)
    alignment = Alignment.objects.create(
        owner=person, name="a", source="upload", digest="0", parent="M", depth=1, columns=1, histogram=[]
    )
    mine = [
        search(person, **lease, token=uuid4(), lease_end=Now() + LEASE),
        Artefact.objects.create(job=job, kind="map", fingerprint="x", **lease, token=uuid4(), lease_end=Now() + LEASE),
        NeighbourCount.objects.create(
            alignment=alignment, threshold=0.8, **lease, token=uuid4(), lease_end=Now() + LEASE
        ),
    ]
    other = search(stranger)
    turn(person, active=False)
    for work in mine:
        assert not work_renew(work), "the worker that holds it stops"
        work.refresh_from_db()
        assert (work.state, work.token, work.attempts) == (WorkState.WAITING, None, 0)
    assert next_in_turn() == ("homologsearch", str(other.pk))
    other.delete()
    assert next_in_turn() is None
    turn(person, active=True)
    assert next_in_turn() is not None


def test_webhooks_wait_and_come_back(person):
    hook = Webhook.objects.create(owner=person, url="https://example.org/", secret="", events=["job.succeeded"])
    Delivery.objects.create(webhook=hook, event="job.succeeded", body="{}")
    turn(person, active=False)
    assert webhooks._claim() is None
    turn(person, active=True)
    assert webhooks._claim() is not None


def test_streams_end_at_their_next_look(api, person, monkeypatch):
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(events, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(events, "LONGEST_STREAM_SECONDS", 5.0)
    stream = events.ticks(body(submit(api))["id"], person)
    assert next(stream).startswith(b"event: tick")
    turn(person, active=False)
    assert list(stream) == [b"event: done\ndata: {}\n\n"]
