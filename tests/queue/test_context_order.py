"""A worker with room for few contexts encodes each one once, in the order in which the dispatcher sends them."""

from __future__ import annotations

import pytest

from e1protocol import TASK_RUN_BUNDLE, tokens_of
from jobs.models import Chunk, Context, Job
from jobs.models.states import JobState
from jobs.queue import dispatch as queue
from tests.factories import make_job, record
from worker import tasks
from worker.engine.contexts import ContextCache

pytestmark = pytest.mark.django_db

FIRST, SECOND = ("MKTAYIAKQRQISFVKSHFSRQ", "MKTAYIAKQRQ"), ("MSTNPKPQRKTKRNTNRRPQDV", "MSTNPKPQRKT")
LENGTH = 30


def alternating(count, sequence="MKTAYIAKQR" * 3):
    """Chunks of eight with one context and with the other by turns; no two sequences alike."""
    letters = "ACDEFGHIKLMNPQRSTVWY"
    for n in range(count):
        text = letters[n % 20] + letters[n // 20 % 20] + sequence[2:LENGTH]
        yield record(n, text, context=FIRST if n // 8 % 2 == 0 else SECOND)


@pytest.fixture
def sent(monkeypatch):
    """The messages that the dispatcher sends while nothing waits in Redis; bundles of two chunks."""
    messages = []

    def send_task(name, args, **options):
        assert name == TASK_RUN_BUNDLE
        messages.append(args[0])

    monkeypatch.setattr(queue, "queue_length", lambda name: 0)
    monkeypatch.setattr(queue, "bundle_tokens", lambda workers: 2 * (8 * (LENGTH + 4) + tokens_of(*FIRST)))
    monkeypatch.setattr(queue.current_app, "send_task", send_task)
    return messages


@pytest.fixture
def cache(inline_worker, demo_engine, monkeypatch):
    """Return a function that limits the worker's engine to a number of contexts of this size."""

    def install(entries: float) -> ContextCache:
        kept = ContextCache(int(entries * tokens_of(*FIRST) * demo_engine._context_token_bytes))
        monkeypatch.setattr(demo_engine, "contexts", kept)
        return kept

    return install


def run(messages):
    """What a worker does with the messages, dispatching after each of them as it does."""
    while messages:
        tasks.run_bundles(messages.pop(0))


def encoded(kept: ContextCache) -> int:
    return kept.misses


def test_contexts_that_alternate_in_a_library_are_encoded_once_each(person, sent, cache):
    kept = cache(1.5)  # one at a time
    job = make_job(person, list(alternating(8 * 16)))
    queue.dispatch("e1-demo")
    bundles = [bundle for message in sent for bundle in message]
    assert [len(bundle) for bundle in bundles] == [2] * 8
    contexts = [{Chunk.objects.get(pk=pk).items.order_by("index")[0].context_id for pk in bundle} for bundle in bundles]
    assert [len(found) for found in contexts] == [1] * 8
    run(sent)
    assert Job.objects.get(pk=job.pk).state == JobState.SUCCEEDED
    assert Context.objects.count() == 2
    assert encoded(kept) == 2


def test_jobs_that_take_turns_share_a_workers_memory(person, stranger, sent, cache):
    kept = cache(2.5)
    one = make_job(person, [record(n, item.sequence, context=FIRST) for n, item in enumerate(alternating(64))])
    other = make_job(stranger, [record(n, item.sequence, context=SECOND) for n, item in enumerate(alternating(64))])
    queue.dispatch("e1-demo")
    owners = [[Chunk.objects.get(pk=bundle[0]).job_id for bundle in message] for message in sent]
    assert owners == [[one.pk, one.pk, other.pk, other.pk]] * 2
    run(sent)
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.SUCCEEDED}
    assert encoded(kept) == 2
