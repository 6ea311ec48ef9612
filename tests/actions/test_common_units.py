"""Passes that jobs have in common are computed once: which are taken, from whom, and what they cost.

`tests/worker/test_worker.py` counts them in a worker process of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from jobs.actions import ItemView, get_action
from jobs.actions.marginal_units import MarginalUnits
from jobs.actions.units import common_key
from jobs.fleet import workers
from jobs.library import common
from jobs.models import Chunk, Job, Output, Project, ProjectMember, UnitGroup, UsageAccount
from jobs.models.projects import Role
from jobs.models.states import ChunkState, JobState
from jobs.queue.lifecycle import job_delete
from jobs.quotas import usage
from jobs.science.variants.marginals import MarginalPlan
from tests.factories import SHORT
from tests.helpers import client_of, submit_items
from worker import bundles, known, tasks

pytestmark = pytest.mark.django_db

CONTEXTS = [["MKTAYIV", "MRTAY"], ["GGWAYIAKQ"]]
VARIANTS = ["M1A", "K2R:T3S", "R10K"]
"""They mutate four positions."""
ALL = len(SHORT)


@pytest.fixture
def passes(demo_engine, monkeypatch):
    """Count the queries that reach the engine: `passes()` returns those since the last call."""
    seen: list[int] = []
    encode = demo_engine.encode
    monkeypatch.setattr(demo_engine, "encode", lambda queries: seen.append(len(queries)) or encode(queries))

    def since() -> int:
        count = sum(seen)
        seen.clear()
        return count

    return since


@pytest.fixture
def ask(api, inline_worker):
    """Submit a job and compute it."""

    def run(action, client=api, *, parent=SHORT, items=None, work=True, **params) -> Job:
        if action == "score":
            params["parent"], items = parent, items or [{"variant": variant} for variant in VARIANTS]
        project = params.pop("project", None)
        fields = {"project": str(project.pk)} if project else {}
        answer = submit_items(client, items or [{"sequence": parent}], action, params=params, **fields)
        assert answer.status_code == 202, answer.content
        if work:
            inline_worker()
        job = Job.objects.get(pk=answer.json()["id"])
        assert not work or job.state == JobState.SUCCEEDED
        return job

    return run


def numbers(job: Job) -> dict[tuple[int, str], bytes]:
    """Return the bytes of all results of a job."""
    rows = Output.objects.filter(chunk__job=job, chunk__unit_count=0).order_by("chunk_id")
    return {(row.chunk.first_index, row.kind): bytes(row.data) for row in rows.select_related("chunk")}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["masked_marginal", "wildtype_marginal"])
@pytest.mark.parametrize("contexts", [{}, {"contexts": CONTEXTS}], ids=["alone", "contexts"])
@pytest.mark.parametrize(("first", "second"), [("scan", "score"), ("score", "scan"), ("scan", "scan")])
def test_the_second_job_computes_what_the_first_has_not_with_the_same_numbers(
    ask, passes, method, contexts, first, second
):
    expected = numbers(alone := ask(second, method=method, **contexts))
    whole = passes()
    job_delete(job_id=alone.pk)
    ask(first, method=method, **contexts)
    passes()
    job = ask(second, method=method, **contexts)
    each = len(contexts.get("contexts", [1]))
    wanted = {"scan": ALL, "score": 4}[second]
    held = {"scan": ALL, "score": 4}[first]
    if method == "masked_marginal":
        assert whole == each * wanted
        assert passes() == each * (wanted - min(held, wanted))
    else:
        assert whole == each
        assert passes() == (0 if held >= wanted else each)
    for key, data in numbers(job).items():
        np.testing.assert_allclose(np.frombuffer(data, "<f8"), np.frombuffer(expected[key], "<f8"), rtol=0, atol=1e-4)


def test_taken_numbers_are_bit_for_bit_those_of_the_first_job(ask, passes):
    first = ask("scan", contexts=CONTEXTS)
    passes()
    assert numbers(ask("scan", contexts=CONTEXTS)) == numbers(first)
    assert passes() == 0


def test_contexts_are_told_apart_and_their_order_is_not(ask, passes):
    ask("scan", contexts=CONTEXTS)
    passes()
    ask("score", contexts=[CONTEXTS[1], [], CONTEXTS[0][::-1]])
    assert passes() == 2 * 4, "only the second context of the scan is the same"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"method": "wildtype_marginal"}, 1),
        ({"parent": SHORT[:-1] + "K", "items": [{"variant": "M1A"}]}, 1),
        ({"method": "pseudo_log_likelihood", "items": [{"sequence": SHORT}]}, ALL),
        ({"offset": 23, "items": [{"variant": "M24A"}]}, 0),
        ({}, 0),
    ],
    ids=["method", "parent", "likelihood", "numbering", "nothing"],
)
def test_only_the_numbering_may_differ(ask, passes, change, expected):
    ask("scan")
    passes()
    ask("score", **change)
    assert passes() == expected


@pytest.mark.parametrize(
    "change", [{"precision": "bfloat16"}, {"checkpoint_sha256": "0" * 64}, {"device": "another"}, {"code_version": "0"}]
)
def test_numbers_of_another_engine_are_not_taken(ask, passes, demo_engine, monkeypatch, change):
    ask("scan")
    passes()
    other = workers.engine_record(identity=replace(demo_engine.identity, **change))
    monkeypatch.setattr(tasks.current.process, "engine_id", other)
    ask("score")
    assert passes() == 4


def test_numbers_of_another_model_are_not_taken(ask, passes):
    Job.objects.filter(pk=ask("scan").pk).update(model="e1-150m")
    passes()
    ask("score")
    assert passes() == 4


# --- whose numbers ---------------------------------------------------------------------------------------------------


def test_nobody_takes_from_a_job_that_is_not_theirs(ask, passes, other_api):
    ask("scan")
    passes()
    ask("score", other_api)
    assert passes() == 4


@pytest.mark.parametrize("member", [True, False])
def test_a_member_of_the_project_takes_as_long_as_it_is_one(ask, passes, person, stranger, member):
    project = Project.objects.create(owner=person, name="TEM-1")
    membership = ProjectMember.objects.create(project=project, user=stranger, role=Role.VIEW)
    ask("scan", project=project)
    passes()
    if not member:
        membership.delete()
    ask("score", client_of(User.objects.get(pk=stranger.pk)))
    assert passes() == (0 if member else 4)


def test_an_expired_job_gives_nothing(ask, passes):
    Job.objects.filter(pk=ask("scan").pk).update(state=JobState.EXPIRED)
    passes()
    ask("score")
    assert passes() == 4


def test_a_deleted_job_takes_nothing_from_those_that_took(ask, passes):
    source = ask("scan")
    taker = ask("score")
    before = numbers(taker)
    passes()
    job_delete(job_id=source.pk)
    assert not UnitGroup.objects.filter(job_id=source.pk).exists()
    assert numbers(taker) == before
    ask("score")
    assert passes() == 0, "the taker has copies, and others take them"


# --- cost ------------------------------------------------------------------------------------------------------------


def test_passes_are_charged_once(ask):
    ask("scan")
    ask("score")
    row = UsageAccount.objects.get()
    assert (row.passes, row.residues) == (ALL, ALL * ALL)


def test_the_bytes_of_kept_passes_are_foreseen_and_counted_once(ask, api, person):
    job = ask("score", contexts=CONTEXTS, work=False)
    estimate = submit_estimate(api, job)
    assert estimate["stored_bytes"] == usage.use_of(person.pk).stored_bytes
    results = 3 * 8 * (2 + 2)
    assert job.stored_bytes == job.library_bytes + results + 2 * 4 * 80
    tasks.run_bundles([[Chunk.objects.filter(job=job, unit_count__gt=0).earliest("id").pk]])
    Job.objects.filter(pk=job.pk).update(state=JobState.PAUSED)
    assert usage.use_of(person.pk).stored_bytes == estimate["stored_bytes"]


def submit_estimate(api, job):
    body = {
        "model": "e1-demo",
        "action": "score",
        "params": {"parent": SHORT, "contexts": CONTEXTS},
        "items": [{"variant": variant} for variant in VARIANTS],
    }
    answer = api.post("/api/estimate/", body, format="json")
    assert answer.status_code == 200, answer.content
    # The contexts are stored already, with the job.
    contexts = sum(job.contexts.values_list("context__tokens", flat=True))
    return {**answer.json(), "stored_bytes": answer.json()["stored_bytes"] + contexts}


def test_the_time_of_a_bundle_teaches_only_what_was_computed(ask, monkeypatch):
    seen, charges = [], bundles._charges
    monkeypatch.setattr(bundles, "_charges", lambda chunks, *rest: seen.extend(chunks) or charges(chunks, *rest))
    ask("score")
    seen.clear()
    ask("scan")
    units = [chunk for chunk in seen if chunk.units]
    assert sum(len(chunk.known) for chunk in units) == 4
    for chunk in units:
        share = len(chunk.to_compute) / len(chunk.units)
        assert chunk.computed_load.tokens == round(chunk.load.tokens * share)
        assert chunk.computed_load.chunks == 1


# --- parts and faults ------------------------------------------------------------------------------------------------


def test_finished_units_of_an_unfinished_job_are_taken(ask, passes):
    first = ask("scan", work=False)
    units = Chunk.objects.filter(job=first, unit_count__gt=0).order_by("id")
    assert units.count() == 2
    tasks.run_bundles([[units[0].pk]])
    Job.objects.filter(pk=first.pk).update(state=JobState.PAUSED)
    passes()
    ask("score")
    assert passes() == 1, "position 10 is in the second chunk"


def test_a_scan_gives_its_passes_also_after_many_scores(ask, passes, monkeypatch):
    monkeypatch.setattr(common, "MOST", 1)
    ask("scan")
    ask("score")
    passes()
    ask("score", items=[{"variant": "T3S"}, {"variant": "A4G"}])
    assert passes() == 0


def test_failed_units_are_computed(ask, passes):
    first = ask("scan")
    unit = Chunk.objects.filter(job=first, unit_count__gt=0).earliest("id")
    unit.outputs.all().delete()
    Chunk.objects.filter(pk=unit.pk).update(
        state=ChunkState.FAILED,
        unit_errors={str(n): {"code": "out_of_memory", "message": "too large"} for n in range(unit.unit_count)},
    )
    passes()
    ask("score")
    assert passes() == 3


def test_everything_is_computed_if_earlier_jobs_cannot_be_read(ask, passes, monkeypatch, caplog):
    ask("scan")
    passes()

    def broken(**_):
        raise RuntimeError("no")

    monkeypatch.setattr(known, "sources_of", broken)
    ask("score")
    assert passes() == 4
    assert "cannot be read" in caplog.text


def test_contact_maps_and_likelihoods_keep_nothing(ask):
    ask("contacts")
    ask("score", method="pseudo_log_likelihood", items=[{"sequence": SHORT}])
    assert not UnitGroup.objects.exists()
    assert not Output.objects.filter(kind="unit").exists()


places = st.sets(st.integers(0, ALL - 1), min_size=1).map(lambda found: tuple(sorted(found)))
contexts = st.lists(st.sampled_from([(), ("MK",), ("MK", "T"), ("MKT",)]), min_size=1, max_size=4).map(tuple)


@given(places, contexts, places, contexts, st.sampled_from(["masked_marginal", "wildtype_marginal"]))
def test_a_unit_is_taken_if_and_only_if_the_other_plan_has_its_numbers(
    mine, my_contexts, theirs, their_contexts, method
):
    """A query is everything that a pass depends on. Its logits are faked by one number for each of its rows."""

    def rows(query):
        return [(query.sequence, query.context, position) for position in query.positions]

    plan = MarginalUnits(MarginalPlan(method, SHORT, my_contexts, mine))
    other = MarginalUnits(MarginalPlan(method, SHORT, their_contexts, theirs))
    stored = [rows(other.queries(unit)[0]) for unit in range(len(other))]
    held = {row for some in stored for row in some}
    places = plan.units_in(other, range(len(plan)))
    for unit in range(len(plan)):
        wanted = rows(plan.queries(unit)[0])
        place = places.get(unit)
        assert (place is not None) == (set(wanted) <= held)
        if place is not None:
            numbers = np.arange(len(stored[place]))[:, None]
            assert [stored[place][number] for number in plan.taken(other, numbers)[:, 0]] == wanted


def test_the_key_is_that_of_parent_and_method():
    def key(name, **params):
        what = {"positions": (0, 1)} if name == "score" else {"item": ItemView(SHORT)}
        return common_key(get_action(name).plan({"positions": None, **params}, (), **what))

    scan = key("scan", method="masked_marginal")
    assert scan == key("score", method="masked_marginal", parent=SHORT)
    assert scan != key("score", method="masked_marginal", parent=SHORT[:-1])
    assert scan != key("scan", method="wildtype_marginal")
