"""Estimates leave out the passes that earlier jobs hold: they count as the claim will, and read no results."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from e1protocol import tokens_of
from e1protocol.costs import Costs, Load, context_load, pass_load, taken_load
from jobs.fleet import workers
from jobs.intake import held
from jobs.intake.cutting import PlanTally
from jobs.models import Chunk, Job, Project, ProjectMember, Worker
from jobs.models.projects import Role
from jobs.models.states import ChunkState, JobState
from jobs.queue.lifecycle import job_delete
from tests.factories import SHORT
from tests.helpers import client_of, post

pytestmark = pytest.mark.django_db

CONTEXTS = [["MKTAYIV", "MRTAY"], ["GGWAYIAKQ"]]
NEW = "MKWVTFISLLLLFSSAYS"
CODES = [{"variant": one} for one in ("M1A", "K2R:T3S", "R10K")]
"""They mutate four positions."""


def scan(*sequences, **params):
    items = [{"sequence": sequence} for sequence in sequences or (SHORT,)]
    return {"model": "e1-demo", "action": "scan", "params": params, "items": items}


def score(items=CODES, **params):
    return {"model": "e1-demo", "action": "score", "params": {"parent": SHORT, **params}, "items": items}


def estimate(client, asked):
    answer = post(client, "/api/estimate/", asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


def earlier(client, asked):
    """Return how many units are there, of how many, and how many were not looked at."""
    found = estimate(client, asked)
    return found["earlier_jobs"]["units"], found["units"], found["earlier_jobs"]["not_looked_at"]


@pytest.fixture
def ran(api, inline_worker, demo_engine, monkeypatch):
    """Run a job, and return it with the passes that it computed."""
    seen: list[int] = []
    encode = demo_engine.encode
    monkeypatch.setattr(demo_engine, "encode", lambda queries: seen.append(len(queries)) or encode(queries))

    def run(asked, client=api) -> tuple[Job, int]:
        seen.clear()
        answer = post(client, "/api/jobs/", asked)
        assert answer.status_code == 202, answer.content
        inline_worker()
        job = Job.objects.get(pk=answer.json()["id"])
        assert job.state == JobState.SUCCEEDED
        return job, sum(seen)

    return run


CASES = {
    "all": (scan(contexts=CONTEXTS), score(contexts=CONTEXTS), 0),
    "another context": (scan(contexts=CONTEXTS), score(contexts=[CONTEXTS[1], ["MKT"]]), 4),
    "some positions": (scan(positions=[1, 2, 3]), score(), 1),
    "more than a scan of some": (scan(positions=[4, 5]), scan(), len(SHORT) - 2),
    "one pass": (scan(method="wildtype_marginal"), score(method="wildtype_marginal"), 0),
    "one pass with too few rows": (score(method="wildtype_marginal"), scan(method="wildtype_marginal"), 1),
    "another method": (scan(), score(method="wildtype_marginal"), 1),
    "two proteins, one of them new": (scan(), scan(NEW, SHORT), len(NEW)),
}


@pytest.mark.parametrize(("first", "second", "left"), CASES.values(), ids=CASES)
def test_an_estimate_counts_the_passes_that_the_job_then_takes(api, ran, first, second, left):
    before = estimate(api, second)
    ran(first)
    found = estimate(api, second)
    assert found["units"] - found["earlier_jobs"]["units"] == left
    assert before["earlier_jobs"]["units"] == before["earlier_jobs"]["tokens"] == 0
    assert found["earlier_jobs"]["seconds_without"] == before["earlier_jobs"]["seconds_without"] == before["seconds"]
    assert (found["seconds"] < before["seconds"]) == (left < found["units"])
    assert {name: found[name] for name in ("units", "chunks", "tokens", "output_bytes")} == {
        name: before[name] for name in ("units", "chunks", "tokens", "output_bytes")
    }
    assert ran(second)[1] == left


def test_seconds_count_what_is_left_alone(api, ran):
    costs = Costs(1e-2, 1e-5, 1e-3, 1e-9)
    ran(scan(contexts=CONTEXTS[:1]))
    Worker.objects.update(costs=costs.as_dict())
    own, context = tokens_of(SHORT), [tokens_of(*one) for one in CONTEXTS]
    whole = sum((pass_load(own, size, 4) + context_load(size) for size in context), Load())
    rest = pass_load(own, context[1], 4) + context_load(context[1])
    found = estimate(api, score(contexts=CONTEXTS))
    together = costs.plain(Load(8 * len(CODES)))
    assert found["seconds"] == pytest.approx(costs.plain(rest) + together, rel=0.01)
    assert found["earlier_jobs"]["seconds_without"] == pytest.approx(costs.plain(whole) + together, rel=0.01)
    assert found["earlier_jobs"]["tokens"] == 4 * own + context[0]
    low, high = found["seconds_range"]
    assert low < found["seconds"] < high


def test_taken_chunks_take_a_little_time_each(api, ran):
    ran(scan())
    costs = Costs(1e-9, chunk=0.5)
    Worker.objects.update(costs=costs.as_dict())
    together = 0.5
    found = estimate(api, scan())
    assert found["earlier_jobs"]["seconds_without"] == pytest.approx(2 * 0.5 + together, rel=0.01)
    assert found["seconds"] == pytest.approx(costs.plain(taken_load(2)) + together, rel=0.01)


def test_a_second_worker_encodes_no_context_if_all_passes_are_there(api, ran):
    asked = scan(contexts=[["MKTAYIAKQR" * 10]])
    ran(asked)
    engine = Worker.objects.get().engine_id
    workers.worker_starting(name="second", model="e1-demo")
    workers.worker_ready(name="second", engine_id=engine, tokens_per_second=10_000.0)
    assert estimate(api, asked)["seconds"] <= 8 / 10_000 + 1e-6, "one of them puts the scan together"


# --- whose jobs, and which engine ------------------------------------------------------------------------------------


def test_jobs_of_others_and_expired_and_deleted_ones_count_for_nothing(api, ran, other_api):
    job, _ = ran(scan())
    assert earlier(api, score()) == (4, 4, 0)
    assert earlier(other_api, score()) == (0, 4, 0)
    Job.objects.filter(pk=job.pk).update(state=JobState.EXPIRED)
    assert earlier(api, score()) == (0, 4, 0)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    job_delete(job_id=job.pk)
    assert earlier(api, score()) == (0, 4, 0)


def test_jobs_of_a_project_count_for_its_members_alone(ran, person, stranger):
    project = Project.objects.create(owner=person, name="TEM-1")
    membership = ProjectMember.objects.create(project=project, user=stranger, role=Role.VIEW)
    ran({**scan(), "project": str(project.pk)})
    member = client_of(User.objects.get(pk=stranger.pk))
    assert earlier(member, score()) == (4, 4, 0)
    membership.delete()
    assert earlier(member, score()) == (0, 4, 0)


def other_engine(demo_engine, **change):
    return workers.engine_record(identity=replace(demo_engine.identity, **change))


def test_only_the_engine_of_the_pool_counts(api, ran, demo_engine):
    ran(scan())
    workers.worker_starting(name="second", model="e1-demo")
    other = other_engine(demo_engine, device="another")
    workers.worker_ready(name="second", engine_id=other, tokens_per_second=10_000.0)
    assert earlier(api, score()) == (0, 4, 0), "either of two engines may claim a chunk"
    Worker.objects.filter(name="inline").delete()
    assert earlier(api, score()) == (0, 4, 0)
    Worker.objects.update(engine=Chunk.objects.filter(engine__isnull=False).first().engine_id)
    assert earlier(api, score()) == (4, 4, 0)


def test_each_pool_has_what_its_own_engine_holds(api, ran, demo_engine):
    ran(scan())
    workers.worker_starting(name="fast", model="e1-demo")
    fast = other_engine(demo_engine, precision="bfloat16")
    workers.worker_ready(name="fast", engine_id=fast, tokens_per_second=20_000.0)
    found = estimate(api, score())
    assert [(one["precision"], one["earlier_jobs"]["units"]) for one in found["pools"]] == [
        ("bfloat16", 0),
        ("float32", 4),
    ]
    assert found["earlier_jobs"]["units"] == 0, "the first claim decides"
    assert found["seconds"] == found["pools"][0]["seconds"]
    assert earlier(api, score(precision="float32")) == (4, 4, 0)


def test_without_a_worker_nothing_is_said_to_be_there(api, ran):
    ran(scan())
    Worker.objects.all().delete()
    found = estimate(api, score())
    assert found["earlier_jobs"] == {"units": 0, "tokens": 0, "not_looked_at": 0, "seconds_without": None}


def test_failed_and_unfinished_units_are_not_there(api, ran):
    job, _ = ran(scan())
    first, last = Chunk.objects.filter(job=job, unit_count__gt=0).order_by("id")
    first.unit_errors = {"1": {"code": "out_of_memory", "message": "too large"}}
    first.save(update_fields=["unit_errors"])
    assert earlier(api, score()) == (3, 4, 0)
    Chunk.objects.filter(pk=last.pk).update(state=ChunkState.READY, engine=None)
    assert earlier(api, score()) == (2, 4, 0), "position 10 is in the second chunk"


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_a_large_library_is_looked_at_in_part(api, ran, monkeypatch):
    ran(scan(SHORT, NEW))
    many = scan("MKTAYIA", SHORT, NEW)
    known = len(SHORT) + len(NEW)
    assert earlier(api, many) == (known, known + 7, 0)
    monkeypatch.setattr(held, "MOST", 1)
    assert earlier(api, many) == (len(SHORT), known + 7, len(NEW)), "a protein that no job has needs no look"
    monkeypatch.setattr(PlanTally, "MOST_GROUPS", 2)
    assert earlier(api, many) == (len(SHORT), known + 7, len(NEW))
    monkeypatch.setattr(PlanTally, "MOST_UNITS", 8)
    assert earlier(api, many) == (0, known + 7, known)


def test_the_look_reads_no_results_and_as_many_rows_for_many_proteins_as_for_one(api, ran):
    ran(scan())

    def statements(asked):
        with CaptureQueriesContext(connection) as found:
            estimate(api, asked)
        return [one["sql"] for one in found.captured_queries]

    few = statements(scan())
    assert not any('"jobs_output"."data"' in one for one in few)
    new = [SHORT[:-1] + letter + "A" * n for n in range(1, 20) for letter in "CDEF"]
    assert len(statements(scan(SHORT, *new))) == len(few)


def test_chunks_that_are_taken_are_a_kind_of_their_own(ran, inline_worker, monkeypatch):
    """Otherwise a taken chunk, which takes milliseconds, would count as a slow way to compute nothing."""
    ran(scan())
    inline_worker.worker.process.costs = Costs(1e-6, chunk=1e-3)
    seen, learn = [], Costs.learned
    monkeypatch.setattr(Costs, "learned", lambda costs, loads, seconds: seen.append(loads) or learn(costs, loads, 1.0))
    ran(score())
    assert seen[0] == {"score, taken": taken_load(1)}
    kinds = set(inline_worker.worker.process.costs.kinds)
    assert kinds == {", taken", "score, taken", ", together", "score, together"}
