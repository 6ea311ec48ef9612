"""The forecast of starts and ends: the pure simulation, and what then happens with the real dispatcher."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol.costs import Costs
from jobs.models import Chunk, Job, Worker
from jobs.models.states import ChunkState
from jobs.queue import dispatch as queue
from jobs.queue.expected import forecasts, queue_place, waiting_jobs
from jobs.queue.forecast import Waiting, simulate
from tests.factories import make_job, record
from tests.queue.bundles import CHUNK_TOKENS, MODEL, WINDOW


def play(*jobs: Waiting, rate=100.0, budget=100, window=2):
    return simulate(jobs, rate=rate, budget=budget, window=window)


def test_a_job_alone_starts_at_once_and_ends_when_its_tokens_are_computed():
    found = play(Waiting("a", 1, 1000))["a"]
    assert (found.place, found.starts, found.ends) == (1, 0.0, 10.0)


def test_what_is_in_flight_is_computed_first():
    found = play(Waiting("old", 1, 0, in_flight=500), Waiting("new", 2, 100))
    assert (found["new"].starts, found["new"].ends) == (5.0, 6.0)


def test_owners_and_jobs_of_an_owner_take_turns():
    found = play(
        *(Waiting(f"long {n}", 1, 10_000) for n in range(3)), Waiting("short", 1, 100), Waiting("other", 2, 100)
    )
    assert found["short"].starts <= 6.0
    assert found["other"].starts <= 3.0
    assert found["long 0"].ends > 280


def test_interactive_jobs_go_first_and_leave_a_bundle_to_others():
    many = [Waiting(f"sync {n}", 1, 100, interactive=True) for n in range(20)]
    found = play(Waiting("job", 2, 1000), *many)
    assert found["sync 0"].starts <= 1.0
    assert found["job"].starts <= 3.0


JOBS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 5000), st.integers(0, 500), st.booleans()), min_size=1, max_size=12
)


@given(JOBS, st.integers(1, 300), st.integers(1, 20))
def test_every_job_starts_once_and_all_work_is_done_in_its_time(drawn, budget, window):
    jobs = [Waiting(n, owner, ready, flight, first) for n, (owner, ready, flight, first) in enumerate(drawn)]
    found = play(*jobs, budget=budget, window=window)
    work = {one.job: one.ready + one.in_flight for one in jobs}
    assert set(found) == {job for job, tokens in work.items() if tokens}
    assert sorted(one.place for one in found.values()) == list(range(1, len(found) + 1))
    for job, one in found.items():
        assert one.ends - one.starts >= work[job] / 100.0 - 1e-6
    assert max((one.ends for one in found.values()), default=0.0) == pytest.approx(sum(work.values()) / 100.0)


# --- against what then happens ---------------------------------------------------------------------------------------


def started(job: Job) -> bool:
    return Chunk.objects.filter(job=job).exclude(state=ChunkState.READY).exists()


@pytest.mark.django_db
def test_jobs_start_when_it_was_said(person, stranger, take):
    """A chunk takes the worker a second, so seconds are counted in chunks."""
    jobs = []
    for owner, chunks in [(person, 60), (person, 60), (stranger, 60), (person, 2), (stranger, 2), (person, 60)]:
        jobs.append(make_job(owner, [record(n) for n in range(8 * chunks)]))
        queue.dispatch(MODEL)
    said = {job: queue_place(job) for job in jobs}
    assert {forecasts(MODEL)[job.pk].starts for job in jobs} >= {said[job].starts_in_seconds for job in jobs}
    happened: dict[Job, int] = {}
    computed = 0
    while len(happened) < len(jobs):
        before = computed
        computed += take()
        assert computed > before
        happened |= {job: before for job in jobs if job not in happened and started(job)}
    for job in jobs:
        # Messages hold several bundles, which are chosen together; the simulation chooses one at a time.
        assert abs(said[job].starts_in_seconds - happened[job]) <= WINDOW, (said[job], happened)


@pytest.mark.django_db
def test_a_long_job_is_estimated_from_its_first_chunks(person, take):
    job = make_job(person, [record(n) for n in range(8 * 100)])
    (one,) = waiting_jobs(MODEL, Costs(1.0))
    assert one.ready == pytest.approx(Chunk.objects.filter(job=job).count() * CHUNK_TOKENS, rel=0.01)


@pytest.mark.django_db
def test_what_cannot_be_known_is_not_said(person, inline_worker):
    job = make_job(person, [record(0)])
    Worker.objects.update(tokens_per_second=None)
    place = queue_place(job)
    assert (place.position, place.starts_in_seconds) == (None, None)
    assert "no worker has measured" in place.reason
    Worker.objects.all().delete()
    assert queue_place(job).reason.startswith("no worker of e1-demo is alive")
