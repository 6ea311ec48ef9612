"""A job keeps to workers of one precision: the first claim fixes it, others skip it, and its owner can release it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db.models.functions import Now

from e1protocol import model_queue
from jobs.fleet import workers
from jobs.fleet.pace import GONE
from jobs.models import Chunk, Job, Worker
from jobs.queue import dispatch as queue
from jobs.queue import leases
from jobs.queue.expected import can_be_released, queue_place
from jobs.queue.lifecycle import job_release
from tests.factories import make_job, record
from tests.helpers import post

pytestmark = pytest.mark.django_db

MODEL = "e1-demo"
ITEMS = [{"sequence": "MKTAYIAKQR"}] * 16


@pytest.fixture
def fleet(demo_engine):
    """Return a function that adds a living worker of a precision."""

    def add(name: str, precision: str) -> None:
        workers.worker_starting(name=name, model=MODEL)
        engine_id = workers.engine_record(identity=replace(demo_engine.identity, precision=precision))
        workers.worker_ready(name=name, engine_id=engine_id, tokens_per_second=1000.0)

    return add


@pytest.fixture
def sent(monkeypatch):
    """Return the messages that are sent, as pairs of a queue and chunk ids."""
    messages = []
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)

    def send(_task, *, args, queue, **_):
        messages.append((queue, {chunk for bundle in args[0] for chunk in bundle}))

    monkeypatch.setattr(queue.current_app, "send_task", send)
    return messages


def library(person) -> tuple[Job, list[int]]:
    job = make_job(person, [record(n) for n in range(16)])
    return job, list(Chunk.objects.filter(job=job).order_by("id").values_list("id", flat=True))


def claim(ids, precision):
    return [chunk.id for chunk in leases.chunks_claim(chunk_ids=ids, worker=f"of {precision}", precision=precision)]


def test_the_first_claim_fixes_the_precision_and_other_workers_skip_the_job(person):
    job, (first, second) = library(person)
    assert claim([first], "float32") == [first]
    job.refresh_from_db()
    assert (job.precision, job.state) == ("float32", "running")
    Chunk.objects.filter(pk=second).update(published_at=Now())
    assert claim([second], "bfloat16") == []
    assert Chunk.objects.get(pk=second).published_at is None, "it can be published to others at once"
    assert claim([second], "float32") == [second]


def test_a_job_that_asks_for_a_precision_has_it_before_any_claim(api, fleet):
    asked = {"model": MODEL, "action": "log_prob", "params": {"precision": "bfloat16"}, "items": ITEMS}
    body = post(api, "/api/jobs/", asked).json()
    assert (body["precision"], body["params"]) == ("bfloat16", {"precision": "bfloat16"})
    ids = list(Chunk.objects.filter(job=body["id"]).values_list("id", flat=True))
    assert claim(ids, "float32") == []
    assert Job.objects.get().state == "queued", "a worker that skips a job does not start it"
    assert sorted(claim(ids, "bfloat16")) == sorted(ids)


def test_auto_is_left_out_and_nonsense_is_refused(api):
    asked = {"model": MODEL, "action": "encode", "params": {"precision": "auto"}, "items": ITEMS}
    body = post(api, "/api/jobs/", asked).json()
    assert (body["precision"], "precision" in body["params"]) == ("", False)
    for wrong in ("half", ["float32", "bfloat16"], 3):
        refused = post(api, "/api/jobs/", asked | {"params": {"precision": wrong}})
        assert refused.status_code == 400, refused.content
        assert "params.precision" in refused.content.decode()
    refused = post(api, f"/api/v3/{MODEL}/encode/", {"params": {"precision": "float32"}, "items": ITEMS[:1]})
    assert "precision_not_offered" in refused.content.decode()


def test_a_mixed_fleet_has_a_queue_for_each_precision(person, fleet, sent):
    fleet("a", "float32")
    fleet("b", "bfloat16")
    fixed, (first, second) = library(person)
    claim([first], "bfloat16")
    free, others = library(person)
    queue.dispatch(MODEL)
    published = dict(sent)
    assert published == {model_queue(MODEL, "bfloat16"): {second}, model_queue(MODEL): set(others)}
    assert free.precision == ""
    assert fixed.pk != free.pk


def test_chunks_that_no_living_worker_may_compute_are_not_published(person, fleet, sent):
    fleet("a", "float32")
    job, (first, second) = library(person)
    claim([first], "bfloat16")
    queue.dispatch(MODEL)
    assert not sent
    place = queue_place(Job.objects.get(pk=job.pk))
    assert (place.position, place.starts_in_seconds) == (None, None)
    assert "waits for a worker that computes in bfloat16" in place.reason
    job_release(job_id=job.pk)
    queue.dispatch(MODEL)
    assert sent == [(model_queue(MODEL), {second})]
    assert claim([second], "float32") == [second]


def test_a_release_is_offered_once_no_worker_has_been_there_for_a_while(api, browser, person, fleet):
    fleet("a", "float32")
    fleet("b", "bfloat16")
    job, (first, _) = library(person)
    claim([first], "bfloat16")
    job.refresh_from_db()
    assert not can_be_released(job)
    Worker.objects.filter(name="b").update(state="stopped")
    assert not can_be_released(job), "it was there a moment ago"
    Worker.objects.filter(name="b").update(heartbeat_at=Now() - GONE)
    assert can_be_released(job)
    page = browser.get(f"/jobs/{job.pk}/").content.decode()
    assert "No worker has computed in bfloat16 for a while" in page
    browser.post(f"/jobs/{job.pk}/act/", {"do": "release"})
    job.refresh_from_db()
    assert job.precision == Job.ANY_PRECISION
    assert not can_be_released(job)
    assert api.post(f"/api/jobs/{job.pk}/release/").json()["precision"] == "any"


def test_a_job_without_a_precision_has_nothing_to_release(api, person):
    job, _ = library(person)
    refused = api.post(f"/api/jobs/{job.pk}/release/")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_bound")


def test_an_estimate_counts_only_workers_of_the_asked_precision(api, fleet):
    fleet("a", "float32")
    fleet("b", "float32")
    asked = {"model": MODEL, "action": "log_prob", "params": {}, "items": ITEMS}
    both = post(api, "/api/estimate/", asked).json()
    assert both["workers"] == 2
    none = post(api, "/api/estimate/", asked | {"params": {"precision": "bfloat16"}}).json()
    assert (none["workers"], none["seconds"]) == (0, None)
    assert none["seconds_reason"] == "no worker of this model that computes in bfloat16 is alive"
    Worker.objects.filter(name="b").update(
        engine=workers.engine_record(identity=replace(_identity(), precision="bfloat16"))
    )
    one = post(api, "/api/estimate/", asked | {"params": {"precision": "bfloat16"}}).json()
    assert one["seconds"] == pytest.approx(2 * both["seconds"], rel=0.02)


def _identity():
    from e1protocol import EngineIdentity

    return EngineIdentity(**Worker.objects.select_related("engine").get(name="a").engine.identity)


def test_urgent_chunks_are_those_that_the_worker_may_compute(person):
    job, ids = library(person)
    Job.objects.filter(pk=job.pk).update(interactive=True, precision="float32")
    assert leases.chunks_ready_interactive(model=MODEL, precision="bfloat16") == []
    assert leases.chunks_ready_interactive(model=MODEL, precision="float32") == ids
