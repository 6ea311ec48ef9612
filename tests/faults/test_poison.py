"""Items and devices that break a worker, in real processes: which items fail, and when a worker stops claiming."""

from __future__ import annotations

import os

import numpy as np
import pytest
from django.db import connection

from e1client import Client
from e1protocol import Query
from jobs.fleet.pace import workers_alive
from jobs.fleet.workers import MAX_DEVICE_ERRORS
from jobs.library.selectors import items_of
from jobs.models import Chunk, Item, Worker
from jobs.operations.health import readiness
from jobs.tasks import dispatch_all
from tests.worker.worker_process import children_of, eventually, finished, worker_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FAULTY = "tests.faults.engines:app"
SHORT = {"E1_FAULTY_ENGINE": "1", "E1_LEASE_SECONDS": "5", "E1_HANG_SECONDS": "10"}
"""Dead and hanging processes are noticed within seconds."""


@pytest.fixture
def client(live_server, person, token_of, settings):
    settings.E1_HANG_SECONDS = int(SHORT["E1_HANG_SECONDS"])
    with Client(url=live_server.url, token=token_of(person)) as connected:
        yield connected


def sequences_of(count, seed=0):
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("AGILKDEST"), int(n))) for n in random.integers(8, 30, count)]


def submit(client, sequences):
    return client.submit_items(sequences, model="e1-demo", action="encode", params={"include": ["mean"]})


def finish(client, job):
    """Wait for the job with the safety nets of beat, and skip every back-off."""

    def over():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_chunk SET not_before = now() WHERE state = 'ready' AND not_before > now()")
        return finished(client, job.id)

    eventually(over, 3000)
    return client.job(job.id)


def test_every_kind_of_poison_fails_alone_and_its_neighbours_have_their_numbers(client, tmp_path, demo_engine):
    sequences = sequences_of(32)
    poison = {3: "CWCWCWCWCR", 10: "CWCWCWCWCE", 17: "CWCWCWCWCM", 26: "CWCWCWCWCH"}
    for index, mark in poison.items():
        sequences[index] = sequences[index][:5] + mark
    with worker_process(tmp_path, app=FAULTY, **SHORT):
        job = finish(client, submit(client, sequences))
        results = client.results(job)
    assert (job.state, job.counts["succeeded"], job.counts["failed"]) == ("partial", 28, 4)
    failed = {item.index: item for item in items_of(job_row(job)).filter(state="failed")}
    assert {index: item.error_code for index, item in failed.items()} == {
        3: "worker_error",
        10: "worker_lost",
        17: "out_of_memory",
        26: "worker_lost",
    }
    assert "the network fell over" in failed[3].error[0]["message"]
    for index in (3, 10, 26):
        chunk = Chunk.objects.get(pk=failed[index].chunk_id)
        assert (chunk.n_items, chunk.losses) == (1, 3), "alone, three times"
    assert Chunk.objects.get(pk=failed[17].chunk_id).losses == 0, "memory that runs out costs no attempt"
    well = [index for index in range(32) if index not in poison]
    assert results.index.tolist() == well
    direct = demo_engine.encode([Query(sequences[index]) for index in well])
    np.testing.assert_allclose(results.mean(), [one.mean[6] for one in direct], atol=1e-4)


def job_row(job):
    from jobs.models import Job

    return Job.objects.get(pk=job.id)


def test_a_device_that_fails_again_and_again_is_given_nothing_more(client, tmp_path):
    """Every sequence of the job breaks the device. The worker restarts, passes its self-test, and still gives up."""
    job = submit(client, ["CWCWCWCWCD" + sequence for sequence in sequences_of(64)])
    with worker_process(tmp_path, app=FAULTY, **SHORT) as process:

        def sick():
            dispatch_all()
            return Worker.objects.filter(name="w1@test", state="sick").exists()

        eventually(sick, 3000)
        worker = Worker.objects.get(name="w1@test")
        assert worker.device_errors == MAX_DEVICE_ERRORS
        assert "device errors in a row" in worker.reason
        assert not workers_alive().exists()
        # It takes no message, and its process stays: nothing restarts and no attempt is used.
        (child,) = children_of(process.pid)
        attempts = sum(Chunk.objects.filter(job_id=job.id).values_list("attempts", flat=True))
        ready = list(Chunk.objects.filter(job_id=job.id, state="ready").values_list("id", flat=True))
        for _ in range(3):
            from celery import current_app

            current_app.send_task("worker.run_bundles", args=[[ready[:2]]], queue="model.e1-demo")
        healthy_after(client, tmp_path)
        assert children_of(process.pid) == [child]
        assert sum(Chunk.objects.filter(job_id=job.id).values_list("attempts", flat=True)) == attempts
    assert not Item.objects.filter(job_id=job.id, error_code__isnull=False).exists(), "no item pays for the device"


def healthy_after(client, tmp_path):
    """Assert that a healthy worker beside the sick one receives every message."""
    client.cancel(client.jobs(limit=1)[0])
    with worker_process(tmp_path, name="w2"):
        job = finish(client, submit(client, sequences_of(40, seed=1)))
    assert (job.state, job.counts["succeeded"]) == ("succeeded", 40)


def test_a_poison_item_on_a_device_does_not_make_the_worker_sick(client, tmp_path):
    sequences = sequences_of(16, seed=2)
    sequences[4] = "CWCWCWCWCD"
    with worker_process(tmp_path, app=FAULTY, **SHORT):
        job = finish(client, submit(client, sequences))
        worker = Worker.objects.get(name="w1@test")
        assert worker.state != "sick", worker.reason
    assert (job.state, job.counts["succeeded"], job.counts["failed"]) == ("partial", 15, 1)
    assert os.environ.get("E1_FAULTY_ENGINE") is None


def test_a_worker_whose_numbers_are_wrong_claims_nothing_and_says_so(client, tmp_path):
    """The device computes wrong numbers, so the self-test fails and nothing is stored."""
    job = submit(client, sequences_of(24, seed=3))
    with worker_process(tmp_path, app=FAULTY, sick=True, E1_WRONG_NUMBERS="1"):
        worker = Worker.objects.get(name="w1@test")
        assert "tolerance" in worker.reason, "it says what it found"
        assert not workers_alive().exists()
        ready, checks = readiness()
        assert not ready
        assert "w1@test is sick" in checks["model e1-demo"]["detail"]
        for _ in range(3):
            dispatch_all()
        with worker_process(tmp_path, name="w2"):
            job = finish(client, job)
        assert (job.state, job.counts["succeeded"]) == ("succeeded", 24)
        computed = Chunk.objects.filter(job_id=job.id).values_list("worker", "attempts")
        assert set(computed) == {("w2@test", 1)}
