"""The worker of tests with the real dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from celery import current_app

from e1protocol import model_queue
from jobs.models import Worker
from tests.queue.bundles import CHUNK_TOKENS, MODEL
from worker import tasks


@pytest.fixture
def take(inline_worker) -> Iterator[Callable[[], int]]:
    """Return a function that computes the next message of the queue and returns its bundles, each of one chunk.

    The worker says that it computes a chunk a second.
    """
    with current_app.connection_or_acquire() as connected:
        connected.default_channel.queue_purge(model_queue(MODEL))
        Worker.objects.update(tokens_per_second=float(CHUNK_TOKENS))

        def one() -> int:
            box = connected.SimpleQueue(model_queue(MODEL))
            try:
                message = box.get(block=False)
            except box.Empty:
                return 0
            finally:
                box.close()
            message.ack()
            bundles = message.decode()[0][0]
            tasks.run_bundles(bundles)
            Worker.objects.update(tokens_per_second=float(CHUNK_TOKENS))
            return len(bundles)

        yield one
        connected.default_channel.queue_purge(model_queue(MODEL))
