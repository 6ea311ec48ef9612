"""A drained worker finishes its leases, leaves the rest to others, and takes work again after the drain."""

from __future__ import annotations

from io import StringIO

import pytest
from celery import current_app
from django.core.management import CommandError, call_command

from e1protocol import model_queue
from jobs.fleet import pace, workers
from jobs.fleet.pools import fleet_of
from jobs.intake.ingest import Request, job_accept, job_create, job_ingest
from jobs.models import Chunk, Worker
from jobs.models.states import ChunkState
from jobs.operations import queues as fleet
from jobs.operations.health import readiness
from jobs.parsing import Record
from jobs.queue import dispatch as queue
from jobs.queue import leases
from worker import bundles, tasks

pytestmark = pytest.mark.django_db

MODEL = "e1-demo"


@pytest.fixture
def chunks(person) -> list[int]:
    """Ids of four ready chunks that are on their way in a message."""
    job = job_create(owner=person, request=Request(MODEL, "log_prob", {}))
    job_ingest(job=job, records=(Record(n, f"p{n}", "", n + 1, "MKTAYIAKQR", None) for n in range(32)))
    job_accept(job=job)
    ids = list(Chunk.objects.filter(job=job).order_by("id").values_list("id", flat=True))
    Chunk.objects.filter(pk__in=ids).update(published_at="2026-01-01T00:00Z")
    return ids


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, str]]:
    """The worker's requests to its parent process."""
    said: list[tuple[str, str]] = []
    for verb in ("cancel_consumer", "add_consumer"):
        monkeypatch.setattr(
            current_app.control, verb, lambda name, destination, verb=verb: said.append((verb, name, *destination))
        )
    return said


def states(ids):
    return list(Chunk.objects.filter(pk__in=ids).order_by("id").values_list("state", flat=True))


def test_a_drained_worker_leaves_its_message_to_others(inline_worker, chunks, told, monkeypatch):
    monkeypatch.setattr(queue, "dispatch_quietly", lambda model: True)
    assert workers.worker_drain(name="inline") == "inline"
    tasks.run_bundles([[chunk] for chunk in chunks])
    assert states(chunks) == [ChunkState.READY] * 4
    assert not Chunk.objects.filter(published_at__isnull=False).exists()
    queues = [model_queue(MODEL), model_queue(MODEL, "float32")]
    assert told == [("cancel_consumer", name, "inline") for name in queues]


def test_a_worker_that_is_drained_in_the_middle_finishes_what_it_has_leased(inline_worker, chunks, told, monkeypatch):
    monkeypatch.setattr(queue, "dispatch_quietly", lambda model: True)
    compute = bundles._compute

    def drained_meanwhile(process, claimed):
        workers.worker_drain(name="inline")
        return compute(process, claimed)

    monkeypatch.setattr(bundles, "_compute", drained_meanwhile)
    tasks.run_bundles([[chunk] for chunk in chunks])
    # The one in hand and the one that was claimed ahead; nothing is left under a lease.
    assert states(chunks) == [ChunkState.DONE] * 2 + [ChunkState.READY] * 2
    assert list(Chunk.objects.filter(pk__in=chunks[2:], published_at__isnull=True).values_list("pk", flat=True))


def test_an_idle_worker_hears_of_it_with_its_heartbeat_and_of_the_end_too(inline_worker, told):
    beat = inline_worker.worker.beat
    beat()
    workers.worker_drain(name="inline")
    beat()
    beat()
    workers.worker_drain(name="inline", draining=False)
    beat()
    said = [verb for verb, name, _ in told if name == model_queue(MODEL)]
    assert said == ["add_consumer", "cancel_consumer", "add_consumer"]
    of_precision = [verb for verb, name, _ in told if name == model_queue(MODEL, "float32")]
    assert of_precision == said, "the queue of its precision too"


def test_a_drain_is_said_and_counts_as_no_worker(inline_worker, chunks, person, client):
    leases.chunks_claim(chunk_ids=chunks[:1], worker="inline")
    workers.worker_drain(name="inline")
    assert not pace.workers_alive(MODEL).exists()
    assert fleet_of(MODEL).whole.reason == "no worker of this model is alive"
    (seen,) = fleet.workers_seen(MODEL)
    assert (seen.state, seen.leased) == ("draining", 1)
    Chunk.objects.filter(pk=chunks[0]).update(state=ChunkState.READY, lease_token=None, lease_end=None)
    assert fleet.workers_seen(MODEL)[0].state == "drained"
    ready, checks = readiness()
    assert not ready
    assert checks[f"model {MODEL}"]["detail"] == "inline is draining"
    client.force_login(person)
    assert "holds nothing: it can be stopped" in client.get("/service/").content.decode()


def test_a_new_start_ends_the_drain_and_a_child_that_comes_back_does_not(inline_worker):
    workers.worker_starting(name="inline", model=MODEL, run="first")
    workers.worker_drain(name="inline")
    workers.worker_starting(name="inline", model=MODEL, run="first")
    assert workers.worker_is_draining(name="inline")
    workers.worker_starting(name="inline", model=MODEL, run="second")
    assert not workers.worker_is_draining(name="inline")


def test_the_command_for_scripts(inline_worker, chunks):
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("e1_worker_drain", *arguments, stdout=out)
        return out.getvalue()

    Worker.objects.filter(name="inline").update(name="inline@here")
    assert "inline@here is drained" in run("inline", "--wait", "0")
    leases.chunks_claim(chunk_ids=chunks[:1], worker="inline@here")
    with pytest.raises(CommandError, match="still computes after 0 s"):
        run("inline", "--wait", "0")
    assert "takes work again" in run("inline@here", "--undo")
    with pytest.raises(CommandError, match="no worker"):
        run("other")
    workers.worker_starting(name="inline@there", model=MODEL)
    with pytest.raises(CommandError, match="give the whole name"):
        run("inline")
