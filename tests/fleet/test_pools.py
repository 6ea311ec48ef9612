"""Estimates for a fleet whose workers compute in several types: a job keeps to one pool, and may ask for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e1protocol import EngineIdentity
from e1protocol.costs import Costs, Load, taken_load
from jobs.fleet import workers
from jobs.fleet.pace import TAKEN, Pace
from jobs.fleet.pools import fleet_of
from jobs.models import Job, Worker
from jobs.queue.expected import forecasts, queue_place
from tests.factories import make_job, record
from tests.helpers import post

pytestmark = pytest.mark.django_db

MODEL = "e1-demo"
IDENTITY = EngineIdentity(MODEL, "0" * 64, "float32", "cpu", "sdpa", "2", "1", demonstration=True)
SEQUENCES = ["MKTAYIAKQR" * 20] * 64


def add(name: str, precision: str, token: float | None) -> None:
    """Add a living worker. Without `token` seconds for a token it has measured nothing."""
    workers.worker_starting(name=name, model=MODEL)
    engine_id = workers.engine_record(identity=replace(IDENTITY, precision=precision))
    workers.worker_ready(name=name, engine_id=engine_id, tokens_per_second=1 / token if token else 0.0)
    if token:
        Worker.objects.filter(name=name).update(costs=Costs(token).as_dict())


def estimate(api, precision: str = "auto"):
    items = [{"sequence": sequence} for sequence in SEQUENCES]
    params = {"precision": precision}
    answer = post(api, "/api/estimate/", {"model": MODEL, "action": "encode", "params": params, "items": items})
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def mixed():
    """One slow worker in float32, and two that are four times as fast in bfloat16."""
    add("slow", "float32", 4e-4)
    add("fast-1", "bfloat16", 1e-4)
    add("fast-2", "bfloat16", 1e-4)


def test_a_fleet_of_one_type_is_one_pool_with_the_time_of_all(api):
    add("one", "float32", 1e-4)
    add("two", "float32", 1e-4)
    found = estimate(api)
    (pool,) = found["pools"]
    assert pool["precision"] == "float32"
    for name in ("workers", "tokens_per_second", "seconds", "seconds_range", "waiting"):
        assert pool[name] == found[name]
    assert found["seconds"] == pytest.approx(found["tokens"] * 1e-4 / 2, rel=0.01)


def test_a_job_takes_the_time_of_one_pool_and_not_that_of_all_workers(api, mixed):
    found = estimate(api)
    fast, slow = found["pools"]
    assert [(one["precision"], one["workers"]) for one in (fast, slow)] == [("bfloat16", 2), ("float32", 1)]
    assert fast["seconds"] == pytest.approx(found["tokens"] * 1e-4 / 2, rel=0.01)
    assert slow["seconds"] == pytest.approx(found["tokens"] * 4e-4, rel=0.01)
    assert found["seconds"] == slow["seconds"]
    assert found["seconds_range"] == [fast["seconds_range"][0], slow["seconds_range"][1]]
    assert found["workers"] == 3


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_job_that_asks_for_a_type_has_the_time_of_its_pool(api, mixed, precision):
    expected = next(one for one in estimate(api)["pools"] if one["precision"] == precision)
    found = estimate(api, precision)
    assert found["pools"] == [expected]
    assert {name: found[name] for name in expected if name != "precision"} == {
        name: value for name, value in expected.items() if name != "precision"
    }


def test_a_type_that_no_worker_has_has_no_pool_and_a_reason(api):
    add("one", "float32", 1e-4)
    found = estimate(api, "bfloat16")
    assert (found["pools"], found["workers"], found["seconds"]) == ([], 0, None)
    assert found["seconds_reason"] == "no worker of this model that computes in bfloat16 is alive"


def test_a_pool_that_has_measured_nothing_does_not_hide_the_other(api, mixed):
    Worker.objects.filter(name="slow").update(costs={}, tokens_per_second=None)
    found = estimate(api)
    fast, slow = found["pools"]
    assert (slow["precision"], slow["seconds"]) == ("float32", None)
    assert found["seconds"] == fast["seconds"]


def test_the_work_of_one_type_does_not_wait_for_the_other_pool(api, mixed, person):
    job = make_job(person, [record(n) for n in range(16)])
    tokens = sum(job.chunks.values_list("n_tokens", flat=True))
    Job.objects.filter(pk=job.pk).update(precision="float32")
    fast, slow = estimate(api)["pools"]
    assert (fast["waiting"]["tokens"], slow["waiting"]["tokens"]) == (0, tokens)
    Job.objects.filter(pk=job.pk).update(precision="")
    fast, slow = estimate(api)["pools"]
    assert fast["waiting"]["tokens"] == pytest.approx(tokens * 8 / 9, abs=1)
    assert slow["waiting"]["tokens"] == pytest.approx(tokens / 9, abs=1)
    assert estimate(api)["waiting"]["tokens"] == pytest.approx(tokens, abs=1)


def test_a_bound_job_waits_for_its_own_workers_alone(mixed, person):
    """Ends are compared, because all jobs are of one size and the fast workers are eight times as fast together."""
    bound, other = (make_job(person, [record(n) for n in range(400)]) for _ in range(2))
    Job.objects.filter(pk=bound.pk).update(precision="float32")
    Job.objects.filter(pk=other.pk).update(precision="bfloat16")
    found = forecasts(MODEL)
    tokens = sum(bound.chunks.values_list("n_tokens", flat=True))
    assert found[bound.pk].ends == pytest.approx(tokens / 2_500, rel=0.02)
    assert found[other.pk].ends == pytest.approx(tokens / 20_000, rel=0.02)
    assert queue_place(bound).starts_in_seconds == 0.0
    Job.objects.filter(pk=other.pk).update(precision="")
    assert forecasts(MODEL)[bound.pk].ends == pytest.approx(tokens * (1 + 1 / 9) / 2_500, rel=0.1)


def test_without_workers_there_is_no_pool():
    fleet = fleet_of(MODEL)
    assert (fleet.pools, fleet.whole.workers, fleet.seconds({})) == ([], 0, None)


def test_chunks_that_earlier_jobs_hold_bring_no_workers_for_the_rest():
    """One chunk is computed by one worker, however many others are only taken over."""
    pace = Pace(1e4, 8, [Costs(1e-4)] * 8, {})
    rest = {"scan": Load(tokens=100_000, chunks=1)}
    alone = pace.seconds(rest)
    with_taken = pace.seconds(rest | {"scan" + TAKEN: taken_load(9)})
    assert alone is not None
    assert with_taken is not None
    assert with_taken >= alone * (1 - 1e-6)
