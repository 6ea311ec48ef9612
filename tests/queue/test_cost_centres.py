"""Work of a cost centre with workers of its own: only these compute it, and what users read says so."""

from __future__ import annotations

from itertools import product

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import OuterRef

from e1protocol import model_queue
from jobs import database
from jobs.fleet import workers
from jobs.fleet.centres import CENTRE_OF_JOB, centre_name, centre_of
from jobs.fleet.pace import open_work
from jobs.models import Chunk, CostCentre, Job, Worker
from jobs.operations.health import trouble_of
from jobs.operations.queues import queues
from jobs.queue import dispatch as queue
from jobs.queue import leases
from jobs.queue.expected import forecasts, queue_place
from jobs.tasks import dispatch_all
from tests.factories import ids, make_job, record
from tests.helpers import post, submit_items
from worker.tasks import ModelWorker

pytestmark = pytest.mark.django_db

MODEL = "e1-demo"
ITEMS = [{"sequence": "MKTAYIAKQR"}] * 16


def centre(user: User, code: str, *, own_workers: bool = True) -> CostCentre:
    group = Group.objects.create(name=f"group {Group.objects.count()}")
    user.groups.add(group)
    return CostCentre.objects.create(group=group, code=code, own_workers=own_workers)


def add(name: str, cost_centre: str = "", *, engine_id: int, rate: float = 1000.0) -> None:
    """Add a living worker."""
    workers.worker_starting(name=name, model=MODEL, cost_centre=cost_centre)
    workers.worker_ready(name=name, engine_id=engine_id, tokens_per_second=rate)


@pytest.fixture
def sent(monkeypatch):
    """Return the chunks that are sent, by queue."""
    messages: dict[str, set[int]] = {}
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)
    monkeypatch.setattr(queue, "broker_answers", lambda: True)

    def send(_task, *, args, queue, **_):
        messages.setdefault(queue, set()).update(chunk for bundle in args[0] for chunk in bundle)

    monkeypatch.setattr(queue.current_app, "send_task", send)
    return messages


def claim(chunks, cost_centre="", precision="float32"):
    found = leases.chunks_claim(
        chunk_ids=chunks, worker=f"of {cost_centre}", precision=precision, cost_centre=cost_centre
    )
    return sorted(chunk.id for chunk in found)


# --- the rule --------------------------------------------------------------------------------------------------------
KINDS = [None, ("B", True), ("B", False), ("A", True), ("A", False)]


@pytest.mark.parametrize(("first", "second"), list(product(KINDS, KINDS)))
def test_the_charged_cost_centre_decides_in_sql_and_in_python_alike(person, stranger, first, second):
    centre(stranger, "0")  # another person's is never taken
    for one in filter(None, (first, second)):
        centre(person, one[0], own_workers=one[1])
    charged = min((code for code, _ in filter(None, (first, second))), default="")
    own = {code for code, own_workers in filter(None, (first, second)) if own_workers}
    expected = charged if charged in own else ""
    job = make_job(person, [record(0)])
    assert centre_name(person.pk) == expected
    assert database.rows(f"SELECT {CENTRE_OF_JOB} FROM jobs_job job WHERE id = %s", [job.pk]) == [(expected,)]
    assert Job.objects.values_list(centre_of(OuterRef("owner_id")), flat=True).get(pk=job.pk) == expected


def test_a_worker_claims_only_the_work_of_its_cost_centre(person, stranger):
    centre(person, "A")
    mine, other = (make_job(user, [record(n) for n in range(16)]) for user in (person, stranger))
    both = ids(mine) + ids(other)
    Chunk.objects.update(published_at="2026-01-01T00:00Z")
    assert claim(both, "B") == []
    assert set(Job.objects.values_list("state", "precision")) == {("queued", "")}, "a worker that skips a job starts it"
    assert not Chunk.objects.filter(published_at__isnull=False).exists(), "others can have it at once"
    assert claim(both[:1] + both[2:3]) == both[2:3]
    assert claim(both, "A") == ids(mine)
    assert claim(both) == both[3:]


def test_without_the_tick_a_cost_centre_is_computed_by_everyones_workers(person):
    charged = centre(person, "A", own_workers=False)
    first, second = ids(make_job(person, [record(n) for n in range(16)]))
    assert claim([first], "A") == []
    assert claim([first]) == [first]
    CostCentre.objects.filter(pk=charged.pk).update(own_workers=True)
    assert claim([second]) == [], "the tick counts at once"
    assert claim([second], "A") == [second]


def test_a_synchronous_request_is_urgent_for_its_own_workers_only(person):
    centre(person, "A")
    job = make_job(person, [record(0)])
    Job.objects.filter(pk=job.pk).update(interactive=True)
    assert leases.chunks_ready_interactive(model=MODEL) == []
    assert leases.chunks_ready_interactive(model=MODEL, cost_centre="B") == []
    assert leases.chunks_ready_interactive(model=MODEL, cost_centre="A") == ids(job)


# --- the queues ------------------------------------------------------------------------------------------------------
def test_each_cost_centre_has_a_queue_and_no_other_chunks_are_in_it(person, stranger, engine_id, sent):
    centre(person, "A, and 1")
    mine, other = (make_job(user, [record(n) for n in range(16)]) for user in (person, stranger))
    add("a", "A, and 1", engine_id=engine_id)
    add("b", "B", engine_id=engine_id)
    queue.dispatch(MODEL)
    # Without a worker of no cost centre, its chunks wait in the model's queue, as they do in an empty service.
    assert sent == {model_queue(MODEL, cost_centre="A, and 1"): set(ids(mine)), model_queue(MODEL): set(ids(other))}


def test_chunks_wait_unpublished_while_no_worker_of_their_cost_centre_is_alive(person, engine_id, sent):
    centre(person, "A")
    job = make_job(person, [record(0)])
    add("everyone's", engine_id=engine_id)
    queue.dispatch(MODEL)
    assert sent == {}
    add("a", "A", engine_id=engine_id)
    queue.dispatch(MODEL)
    assert sent == {model_queue(MODEL, cost_centre="A"): set(ids(job))}


def test_a_flood_of_synchronous_requests_of_a_cost_centre_lets_its_job_through(person, stranger, engine_id, sent):
    """The work of other cost centres is no reason to starve it."""
    centre(person, "A")
    other = make_job(stranger, [record(0)])
    assert claim(ids(other)) == ids(other)
    flood = make_job(person, [record(n, "M" * 1000) for n in range(400)])
    Job.objects.filter(pk=flood.pk).update(interactive=True)
    job = make_job(person, [record(0)])
    add("a", "A", engine_id=engine_id)
    queue.dispatch(MODEL)
    assert set(ids(job)) <= sent[model_queue(MODEL, cost_centre="A")]


def test_an_idle_worker_of_a_cost_centre_is_asked_for_its_self_test(engine_id, monkeypatch):
    add("a", "A", engine_id=engine_id)
    Worker.objects.update(last_forward_at="2026-01-01T00:00Z")
    asked = []
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)
    monkeypatch.setattr(queue, "broker_answers", lambda: True)
    monkeypatch.setattr(queue.current_app, "send_task", lambda _task, *, args, queue, **_: asked.append((queue, args)))
    dispatch_all()
    assert asked == [(model_queue(MODEL, cost_centre="A"), [[]])]


def test_a_worker_reads_the_queues_of_its_cost_centre(inline_worker, monkeypatch):
    mine = ModelWorker(MODEL, "inline", process=inline_worker.worker.process, cost_centre="A")
    told = []
    for verb in ("add_consumer", "cancel_consumer"):
        monkeypatch.setattr(
            queue.current_app.control, verb, lambda name, destination, verb=verb: told.append((verb, name))
        )
    mine.beat()
    names = [model_queue(MODEL, "float32", "A"), model_queue(MODEL, cost_centre="A")]
    assert told == [("add_consumer", name) for name in names]
    told.clear()
    mine.stop_taking()
    assert sorted(told) == sorted(("cancel_consumer", name) for name in names)


def test_the_administrators_page_counts_messages_of_all_queues(engine_id, monkeypatch):
    add("a", "A", engine_id=engine_id)
    monkeypatch.setattr(queue, "queue_length", lambda name: {model_queue(MODEL, cost_centre="A"): 3}.get(name, 1))
    assert next(one.messages for one in queues() if one.model == MODEL) == 4


# --- what users and administrators read ------------------------------------------------------------------------------
def test_a_job_says_that_no_worker_of_its_cost_centre_is_there(api, person, engine_id, sent):
    centre(person, "A")
    add("everyone's", engine_id=engine_id)
    body = submit_items(api, ITEMS).json()
    assert body["queue"]["position"] is None
    assert body["queue"]["reason"].startswith("no worker of e1-demo for the cost centre A is alive")
    assert forecasts(MODEL) == {}
    add("a", "A", engine_id=engine_id)
    assert api.get(body["url"]).json()["queue"]["reason"] == "next in line"
    assert set(map(str, forecasts(MODEL))) == {body["id"]}


def test_a_job_waits_for_its_own_workers_alone(person, stranger, engine_id):
    centre(person, "A")
    mine, other = (make_job(user, [record(n) for n in range(400)]) for user in (person, stranger))
    add("a", "A", engine_id=engine_id, rate=500.0)
    add("everyone's", engine_id=engine_id, rate=2000.0)
    tokens = sum(mine.chunks.values_list("n_tokens", flat=True))
    found = forecasts(MODEL)
    assert found[mine.pk].ends == pytest.approx(tokens / 500, rel=0.02)
    assert found[other.pk].ends == pytest.approx(tokens / 2000, rel=0.02)
    assert {queue_place(job).reason for job in (mine, other)} == {"next in line"}
    assert [(work.cost_centre, work.jobs, work.tokens) for work in open_work(MODEL)] == [
        ("", 1, tokens),
        ("A", 1, tokens),
    ]


def test_a_synchronous_request_is_refused_at_once_without_a_worker_of_its_cost_centre(api, person, engine_id):
    centre(person, "A")
    add("everyone's", engine_id=engine_id)
    refused = post(api, f"/api/v3/{MODEL}/log_prob/", {"items": ITEMS[:1]})
    assert (refused.status_code, refused.json()["code"]) == (503, "no_worker")
    assert "no worker of e1-demo for the cost centre A is alive" in refused.json()["detail"]
    assert not Job.objects.exists()


def test_an_estimate_counts_the_workers_and_the_work_of_its_cost_centre(api, other_api, person, stranger, engine_id):
    asked = {"model": MODEL, "action": "log_prob", "params": {}, "items": ITEMS}
    centre(person, "A")
    add("everyone's", engine_id=engine_id)
    none = post(api, "/api/estimate/", asked).json()
    assert (none["workers"], none["seconds"]) == (0, None)
    assert none["seconds_reason"] == "no worker of this model for the cost centre A is alive"
    make_job(stranger, [record(n) for n in range(16)])
    add("a", "A", engine_id=engine_id, rate=500.0)
    mine, other = (post(one, "/api/estimate/", asked).json() for one in (api, other_api))
    assert (mine["workers"], mine["waiting"]["tokens"]) == (1, 0)
    assert (other["workers"], other["waiting"]["tokens"] > 0) == (1, True)
    assert mine["seconds"] == pytest.approx(2 * other["seconds"], rel=0.02)


def test_an_administrator_reads_the_pace_of_each_cost_centre_and_others_only_their_own(
    api, other_api, person, engine_id
):
    centre(person, "A")
    add("a", "A", engine_id=engine_id, rate=500.0)
    job = make_job(person, [record(n) for n in range(16)])
    tokens = sum(job.chunks.values_list("n_tokens", flat=True))

    def pace(client, query=""):
        return client.get(f"/api/usage/{query}").json()["models"][MODEL]

    for query in ("", "?cost_centre=A"):
        assert (pace(api, query)["workers"], pace(api, query)["waiting_tokens"]) == (1, tokens)
    assert (pace(other_api)["workers"], pace(other_api)["waiting_tokens"]) == (0, 0)
    for client, query in ((api, "?cost_centre="), (other_api, "?cost_centre=A")):
        refused = client.get(f"/api/usage/{query}")
        assert (refused.status_code, refused.json()["code"]) == (403, "administrators_only")
    User.objects.filter(username="james").update(is_superuser=True)
    assert pace(other_api, "?cost_centre=A")["tokens_per_second"] == 500.0


def test_work_that_waits_for_a_worker_of_its_cost_centre_is_no_fault_of_the_queue(person, engine_id):
    centre(person, "A")
    mine = make_job(person, [record(0)])
    Job.objects.filter(pk=mine.pk).update(touched_at="2026-01-01T00:00Z")
    Chunk.objects.update(not_before="2026-01-01T00:00Z")
    assert trouble_of([MODEL])[-1].startswith("The queue of e1-demo does not move"), "no worker is alive"
    add("everyone's", engine_id=engine_id)
    assert not any("does not move" in one for one in trouble_of([MODEL]))
    add("a", "A", engine_id=engine_id)
    assert trouble_of([MODEL])[-1].startswith("The queue of e1-demo does not move"), "its worker is there and idle"


def test_pages_of_administrators_name_the_cost_centre(browser, person, engine_id):
    User.objects.filter(pk=person.pk).update(is_superuser=True, is_staff=True)
    charged = centre(person, "A & B")
    make_job(person, [record(0)])
    page = browser.get("/service/").content.decode()
    assert "Waiting for the cost centre A &amp; B" in page
    assert "no worker that may compute this is alive" in page
    add("a", "A & B", engine_id=engine_id)
    page = browser.get("/service/").content.decode()
    assert "for the cost centre A &amp; B" in page
    assert "no worker that may compute this is alive" not in page
    form = browser.get(f"/admin/auth/group/{charged.pk}/change/").content.decode()
    assert "computed by its own workers" in form.lower()
