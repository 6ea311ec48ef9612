"""Publishing: which ready chunks go to Redis next, as bundles of ids.

Postgres is the queue. A message is a hint: lost, late or doubled ones do no harm. A short window per model keeps every
worker busy while order and fairness stay in SQL: interactive jobs first, then the owner with the fewest tokens in
flight, then the oldest job.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from e1protocol import TASK_RUN_BUNDLE, model_queue
from jobs.fleet.pace import rates_measured, workers_alive
from jobs.models import Chunk
from jobs.models.states import ChunkState

log = logging.getLogger(__name__)

MAX_TIME_LIMIT = 3600
"""Longest hard limit of a message in seconds; the broker's visibility timeout lies above it."""
STALE_SECONDS = 600
"""A published chunk that nobody claimed for this long is published again even behind a full queue."""
LOST_SECONDS = 5
"""The same where the queue is empty: its message is lost, or about to be claimed; a double does no harm."""
MESSAGE_BUNDLES = 4
"""Bundles of one message at most: within a message the device never waits for the next one."""
INTERACTIVE = None
"""Stands for the owner of all synchronous requests."""
BROKER_ERRORS = (OperationalError, RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready chunk as the dispatcher sees it."""

    chunk_id: int
    owner_id: int
    tokens: int
    isolate: bool
    interactive: bool = False
    context: tuple[object, int] | None = None
    """Job and stored context of its first item, where that has one."""
    job: object = None


def dispatch(model: str) -> int:
    """Fill this model's window; returns how many messages were published. Raises a BROKER_ERRORS where Redis is down.

    One dispatcher at a time per model: an advisory lock makes others wait a moment and find the work done.
    """
    queue = model_queue(model)
    waiting = queue_length(queue)
    workers = list(workers_alive(model).values_list("tokens_per_second", flat=True))
    window = 2 * max(1, len(workers)) - waiting
    if window <= 0:
        return 0
    budget = _bundle_tokens(workers)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('e1-dispatch'), hashtext(%s))", [model])
        count = MESSAGE_BUNDLES * window
        candidates = _candidates(model, STALE_SECONDS if waiting else LOST_SECONDS, limit=64 * count)
        bundles = plan_bundles(by_context(candidates), _tokens_in_flight(model), budget=budget, count=count)
        ids = [candidate.chunk_id for bundle in bundles for candidate in bundle]
        cursor.execute("UPDATE jobs_chunk SET published_at = statement_timestamp() WHERE id = ANY(%s)", [ids])
    messages = plan_messages(bundles, window)
    # A limit is needed most when the only worker has just been killed for a hang, and starts again.
    _publish(queue, messages, rates_measured(model))
    return len(messages)


def dispatch_quietly(model: str) -> bool:
    """`dispatch`, where a broker that is down is no reason to fail: beat repeats it. Returns whether it worked."""
    try:
        dispatch(model)
    except BROKER_ERRORS as error:
        log.warning("cannot publish for %s, Redis does not answer: %s", model, error)
        return False
    return True


def by_context(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates, those of one context behind the first of them, so that a worker that has encoded a context
    goes on with it.

    Candidates without context stay where they are. Nothing waits for ever: each plan begins with the oldest again.
    """
    first: dict[object, int] = {}
    for place, candidate in enumerate(candidates):
        if candidate.context is not None:
            first.setdefault(candidate.context, place)
    places = [place if c.context is None else first[c.context] for place, c in enumerate(candidates)]
    return [candidates[place] for place in sorted(range(len(candidates)), key=lambda place: places[place])]


def plan_bundles(
    candidates: Sequence[Candidate], in_flight: dict[int, int], *, budget: int, count: int
) -> list[list[Candidate]]:
    """Cut candidates into at most `count` bundles of about `budget` tokens.

    Candidates come by job age. Interactive ones go first, whoever owns them. Then each bundle takes from the owner
    with the fewest tokens in flight, this plan's own bundles included; an isolated chunk goes alone; a chunk above the
    budget goes alone too.
    """
    load: dict[int | None, float] = defaultdict(float, {owner: float(tokens) for owner, tokens in in_flight.items()})
    load[INTERACTIVE] = -math.inf
    queues: dict[int | None, list[Candidate]] = {}
    for candidate in candidates:
        queues.setdefault(INTERACTIVE if candidate.interactive else candidate.owner_id, []).append(candidate)
    for chunks in queues.values():
        chunks.reverse()
    bundles: list[list[Candidate]] = []
    while queues and len(bundles) < count:
        owner = min(queues, key=lambda key: load[key])
        bundle = _take(queues[owner], budget)
        load[owner] += sum(candidate.tokens for candidate in bundle)
        if not queues[owner]:
            del queues[owner]
        bundles.append(bundle)
    return bundles


def plan_messages(bundles: Sequence[list[Candidate]], count: int) -> list[list[list[Candidate]]]:
    """Bundles in order as at most `count` messages: one each while there are enough messages for all, so that no worker
    waits while another one has several. Within a message bundles of one context follow each other.
    """
    size = max(1, math.ceil(len(bundles) / count))
    return [_context_runs(bundles[start : start + size]) for start in range(0, len(bundles), size)]


def _context_runs(bundles: Sequence[list[Candidate]]) -> list[list[Candidate]]:
    leads = by_context([bundle[0] for bundle in bundles])
    bundle_of = {bundle[0].chunk_id: bundle for bundle in bundles}
    return [bundle_of[lead.chunk_id] for lead in leads]


def _take(chunks: list[Candidate], budget: int) -> list[Candidate]:
    """Pop one bundle from the end of the list."""
    bundle = [chunks.pop()]
    room = budget - bundle[0].tokens
    while chunks and not bundle[0].isolate and not chunks[-1].isolate and chunks[-1].tokens <= room:
        bundle.append(chunks.pop())
        room -= bundle[-1].tokens
    return bundle


def _candidates(model: str, stale_seconds: int, limit: int) -> list[Candidate]:
    """The next ready chunks of every job that wants some, few from each: enough whoever is chosen.

    `BETWEEN` and the order by job and id keep the planner on the index of open chunks: with an equality it may as well
    walk the primary key, past every chunk of every job that is over.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT chunk.id, job.owner_id, chunk.n_tokens, chunk.isolate, job.interactive, job.id,
                (SELECT context_id FROM jobs_item WHERE job_id = job.id AND index = chunk.first_index)
            FROM (
                SELECT id, owner_id, interactive, created_at FROM jobs_job
                WHERE model = %(model)s AND state IN ('queued', 'running')
            ) job
            CROSS JOIN LATERAL (
                SELECT id, first_index, n_tokens, isolate FROM jobs_chunk
                WHERE job_id BETWEEN job.id AND job.id AND state = 'ready' AND not_before <= statement_timestamp()
                  AND NOT blocked
                  AND (published_at IS NULL OR published_at < statement_timestamp() - %(stale)s * interval '1 second')
                ORDER BY job_id, id LIMIT %(limit)s
            ) chunk
            ORDER BY job.created_at, chunk.id
            """,
            {"model": model, "stale": stale_seconds, "limit": limit},
        )
        return [
            Candidate(chunk, owner, tokens, isolate, interactive, (job, context) if context is not None else None, job)
            for chunk, owner, tokens, isolate, interactive, job, context in cursor.fetchall()
        ]


def _tokens_in_flight(model: str) -> dict[int, int]:
    """Tokens leased or published, by owner. Interactive ones are not held against their owner."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT job.owner_id, sum(chunk.n_tokens)
            FROM jobs_chunk chunk JOIN jobs_job job ON job.id = chunk.job_id
            WHERE NOT job.interactive AND chunk.model = %s
              AND (chunk.state = 'leased' OR (chunk.state = 'ready' AND chunk.published_at IS NOT NULL))
            GROUP BY job.owner_id
            """,
            [model],
        )
        return {owner: int(tokens) for owner, tokens in cursor.fetchall()}


def _bundle_tokens(rates: Sequence[float | None]) -> int:
    """About one second of the slowest worker's compute, or the setting where nobody has measured."""
    known = [rate for rate in rates if rate]
    return int(min(known)) if known else int(settings.E1_BUNDLE_TOKENS)


def _context_tokens(candidates: Iterable[Candidate]) -> dict[object, int]:
    """By job, tokens of the contexts that all its items are computed under."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shared.job_id, sum(context.tokens) FROM jobs_jobcontext shared "
            "JOIN jobs_context context ON context.id = shared.context_id WHERE shared.job_id = ANY(%s) GROUP BY 1",
            [list({candidate.job for candidate in candidates})],
        )
        return {job: int(tokens) for job, tokens in cursor.fetchall()}


def message_tokens(message: Sequence[Sequence[Candidate]], context_tokens: Mapping[object, int]) -> int:
    """What a worker that remembers nothing runs for these bundles: their chunks, and the contexts of their jobs."""
    candidates = [candidate for bundle in message for candidate in bundle]
    jobs = {candidate.job for candidate in candidates}
    return sum(candidate.tokens for candidate in candidates) + sum(context_tokens.get(job, 0) for job in jobs)


def time_limit(tokens: int, rates: Sequence[float | None]) -> int:
    """Hard limit of a message in seconds: thirty times what it should take, at least E1_HANG_SECONDS."""
    slowest = min((rate for rate in rates if rate), default=None)
    if slowest is None:
        return MAX_TIME_LIMIT
    return int(min(MAX_TIME_LIMIT, max(settings.E1_HANG_SECONDS, 30 * tokens / slowest)))


def _publish(queue: str, messages: Sequence[Sequence[Sequence[Candidate]]], rates: Sequence[float | None]) -> None:
    """Send the messages; chunks whose message could not be sent are marked unpublished again."""
    contexts = _context_tokens(candidate for message in messages for bundle in message for candidate in bundle)
    for number, message in enumerate(messages):
        try:
            current_app.send_task(
                TASK_RUN_BUNDLE,
                args=[[[candidate.chunk_id for candidate in bundle] for bundle in message]],
                queue=queue,
                time_limit=time_limit(message_tokens(message, contexts), rates),
                retry=False,
            )
        except BROKER_ERRORS:
            unsent = [one.chunk_id for later in messages[number:] for bundle in later for one in bundle]
            Chunk.objects.filter(id__in=unsent).update(published_at=None)
            raise


def unpublish(chunk_ids: Sequence[int]) -> None:
    """The message that named these chunks has come to nothing: they may be sent again at once."""
    Chunk.objects.filter(id__in=chunk_ids, state=ChunkState.READY).update(published_at=None)


def probe(model: str) -> None:
    """Ask a worker for a forward pass that belongs to nobody: an idle service proves that it works."""
    current_app.send_task(TASK_RUN_BUNDLE, args=[[]], queue=model_queue(model), expires=60, retry=False)


def queue_length(queue: str) -> int:
    """Messages waiting in Redis. Celery's own connection pool is used, so that one setting says where Redis is."""
    with current_app.connection_or_acquire() as connected:
        return int(connected.default_channel.client.llen(queue))


def broker_answers() -> bool:
    """Whether Redis answers a ping."""
    try:
        with current_app.connection_or_acquire() as connected:
            return bool(connected.default_channel.client.ping())
    except BROKER_ERRORS:
        return False
