"""Fair share with the real dispatcher on real stores: counted in bundles that a worker takes, never in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from jobs.intake.ingest import Request, job_accept, job_create, job_ingest
from jobs.models import Chunk, Job
from jobs.models.states import ChunkState, JobState
from jobs.parsing import Record
from jobs.queue import dispatch as queue
from tests.queue.bundles import MODEL, WINDOW

pytestmark = pytest.mark.django_db


def submit(owner: User, chunks: int, interactive: bool = False) -> Job:
    job = job_create(owner=owner, request=Request(MODEL, "log_prob", {}, interactive=interactive))
    job_ingest(job=job, records=(Record(n, f"p{n}", "", n + 1, "MKTAYIAKQR", None) for n in range(8 * chunks)))
    job_accept(job=job)
    queue.dispatch(MODEL)
    return job


def bundles_until_done(job: Job, take: Callable[[], int], most: int) -> int:
    """Return how many bundles the worker takes until the job ends. Fails after `most` of them."""
    taken = 0
    while not Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists():
        count = take()
        assert count, "the queue ran dry before the job was done"
        taken += count
        assert taken <= most, f"{taken} bundles were taken, and the small job is not done"
    return taken


def left_of(job: Job) -> int:
    return Chunk.objects.filter(job=job, state=ChunkState.READY).count()


def test_a_small_job_beside_a_huge_one_of_another_user_finishes_within_a_few_bundles(person, stranger, take):
    huge = submit(person, 400)
    assert take() == queue.MESSAGE_BUNDLES
    small = submit(stranger, 3)
    bundles_until_done(small, take, most=WINDOW + queue.MESSAGE_BUNDLES)
    assert left_of(huge) > 300


def test_a_small_job_passes_a_huge_one_of_the_same_user(person, take):
    huge = submit(person, 400)
    assert take() == queue.MESSAGE_BUNDLES
    small = submit(person, 3)
    bundles_until_done(small, take, most=WINDOW + queue.MESSAGE_BUNDLES)
    assert left_of(huge) > 300


@pytest.mark.slow
def test_a_user_with_many_jobs_has_no_larger_share(person, stranger, take):
    mine = [submit(person, 100) for _ in range(4)]
    other = submit(stranger, 200)
    taken = 0
    while taken < 80:
        taken += take()
    done = sum(100 - left_of(job) for job in mine)
    assert abs(done - (200 - left_of(other))) <= 2 * WINDOW
    assert max(map(left_of, mine)) - min(map(left_of, mine)) <= WINDOW, "they take turns too"


def test_ten_small_jobs_of_ten_users_share_the_worker_with_a_huge_one(person, take):
    huge = submit(person, 400)
    small = [submit(User.objects.create_user(f"user{n}"), 2) for n in range(10)]
    taken = sum(bundles_until_done(job, take, most=WINDOW + 3 * 2 * len(small)) for job in small)
    # Each user has one share of eleven: while twenty small bundles run, the huge job gets about two of its own.
    assert taken <= WINDOW + 2 * len(small) + 2 * queue.MESSAGE_BUNDLES
    assert left_of(huge) > 360


@pytest.mark.slow
def test_more_users_than_bundles_on_their_way_all_get_their_turn(take):
    jobs = [submit(User.objects.create_user(f"user{n}"), 40) for n in range(2 * WINDOW)]
    taken = 0
    while taken < 6 * len(jobs):
        taken += take()
    done = [40 - left_of(job) for job in jobs]
    assert min(done) >= 4
    assert max(done) <= 8 + WINDOW, "the first was alone at first"


@pytest.mark.slow
def test_of_two_huge_jobs_each_gets_half(person, stranger, take):
    first, second = submit(person, 200), submit(stranger, 200)
    taken = 0
    while taken < 80:
        taken += take()
    done = [200 - left_of(job) for job in (first, second)]
    assert abs(done[0] - done[1]) <= 2 * WINDOW


@pytest.mark.slow
def test_a_flood_of_synchronous_requests_stops_neither_jobs_nor_other_requests(person, stranger, take):
    job = submit(stranger, 40)
    for _ in range(40):
        submit(person, 1, interactive=True)
    taken = 0
    while taken < 32:
        taken += take()
    assert left_of(job) <= 40 - taken // WINDOW
    request = submit(stranger, 1, interactive=True)
    bundles_until_done(request, take, most=WINDOW + queue.MESSAGE_BUNDLES)


def test_a_synchronous_request_goes_before_everybody_s_bundles(person, stranger, take):
    submit(person, 400)
    request = submit(stranger, 1, interactive=True)
    assert bundles_until_done(request, take, most=queue.MESSAGE_BUNDLES) <= queue.MESSAGE_BUNDLES
