"""Dispatcher: chooses the ready chunks that go to Redis next, as bundles of ids.

Postgres is the queue. A message is a hint: a lost, late or repeated one does no harm. A short window per model keeps
workers busy, while order and fairness stay in SQL. Interactive jobs go first, then the owner with the fewest tokens in
flight, of several the one served longest ago. Within an owner a job of seconds passes a scan of minutes. A job's first
minute goes first, then jobs take turns as owners do (`jobs.queue.shares`). One bundle of another job is always on its
way, so that a flood of interactive jobs of one user stops no one. Cost centres with workers of their own have queues of
their own (`jobs.fleet.centres`). `jobs.queue.forecast` plays the same rule forward.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from e1protocol import TASK_RUN_BUNDLE, model_queue
from e1protocol.costs import Costs, Load, context_load, in_tokens, total
from jobs import database
from jobs.fleet.centres import CENTRE_OF_JOB
from jobs.fleet.crew import Crew, crew_of
from jobs.fleet.pace import kind_of
from jobs.models import Chunk, Job, Turn
from jobs.models.states import ChunkState, JobState
from jobs.queue.shares import HEAD_START_SECONDS, Had, Share, Turns

log = logging.getLogger(__name__)

MAX_TIME_LIMIT = 3600
"""Longest hard limit of a message in seconds; the broker's visibility timeout is longer."""
STALE_SECONDS = 600
"""A published chunk that stays unclaimed for this long is published again, even behind a full queue."""
LOST_SECONDS = 5
"""The same for an empty queue: the message is lost, or about to be claimed."""
MESSAGE_BUNDLES = 4
"""Most bundles in one message. Within a message the device never waits for the next bundle."""
BROKER_ERRORS = (OperationalError, RedisError, OSError)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ready chunk. `context` is the job and the stored context of its first item, if it has one. The items of a job
    `under` contexts are all computed under each of those.

    `tokens` is its time in tokens without context (`in_tokens`). Under contexts that is more than its length.
    """

    chunk_id: int
    owner_id: int
    tokens: int
    isolate: bool
    interactive: bool = False
    context: tuple[object, int] | None = None
    job: object = None
    under: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Workers that consume the same queue: their rates, and the precisions of the jobs whose chunks go there.

    `precisions` are None if nothing is known of the workers. The jobs are those that workers of this cost centre, or of
    none, compute.
    """

    queue: str
    rates: Sequence[float | None]
    precisions: Sequence[str] | None = None
    cost_centre: str = ""


def groups_of(model: str, crew: Crew) -> list[Group]:
    """Return the groups of the workers of no cost centre, and those of each cost centre with a living worker.

    Chunks of any other cost centre that has workers of its own go nowhere.
    """
    return [group for centre, some in crew.by_centre().items() for group in _groups_of(model, centre, some)]


def _groups_of(model: str, centre: str, crew: Crew) -> list[Group]:
    """Return one group if all living workers have the same precision, or one more for each precision.

    Chunks of a job whose precision no living worker has go nowhere.
    """
    alive = crew.precisions
    every = [rate for rates in alive.values() for rate in rates]
    free = ["", Job.ANY_PRECISION]
    queue = model_queue(model, cost_centre=centre)
    if not alive or "" in alive:
        return [Group(queue, every, None, centre)]
    if len(alive) == 1:
        return [Group(queue, every, [*free, *alive], centre)]
    own = [
        Group(model_queue(model, precision, centre), rates, [precision], centre) for precision, rates in alive.items()
    ]
    return [*own, Group(queue, every, free, centre)]


def dispatch(model: str) -> int:
    """Fill this model's windows and return how many messages were published.

    An advisory lock lets one dispatcher per model work at a time. Raises one of BROKER_ERRORS if Redis is down.
    """
    crew = crew_of(model)
    return sum(_dispatch(model, group, crew) for group in groups_of(model, crew))


def _dispatch(model: str, group: Group, crew: Crew) -> int:
    """Fill the window of one queue."""
    queue, workers = group.queue, group.rates
    waiting = queue_length(queue)
    costs = in_tokens(crew.costs)
    window = 2 * max(1, len(workers)) - waiting
    if window <= 0:
        return 0
    budget = bundle_tokens(workers)
    with transaction.atomic():
        database.execute("SELECT pg_advisory_xact_lock(hashtext('e1-dispatch'), hashtext(%s))", [model])
        count = MESSAGE_BUNDLES * window
        candidates = _candidates(
            model,
            STALE_SECONDS if waiting else LOST_SECONDS,
            limit=64 * count,
            costs=costs,
            precisions=group.precisions,
            cost_centre=group.cost_centre,
        )
        if not candidates:
            return 0
        turns = turns_of(model, workers, costs, cost_centre=group.cost_centre)
        bundles = plan_bundles(by_context(candidates), turns, budget=budget, count=count)
        _remember(turns, {candidate.job for bundle in bundles for candidate in bundle})
        ids = [candidate.chunk_id for bundle in bundles for candidate in bundle]
        Chunk.objects.filter(id__in=ids).update(published_at=Now())
    messages = plan_messages(bundles, window)
    # Includes workers that are starting: after a hang the only worker may be one of them, and needs a limit most.
    _publish(queue, messages, crew.rates_seen, costs)
    return len(messages)


def publish_at_once(model: str, crew: Crew, chunk_ids: Sequence[int], tokens: int) -> bool:
    """Send the chunks of a synchronous request past the dispatcher; return False if Redis is down.

    Nothing waits, so no one has to take turns. `crew` has a living worker, and `tokens` are those of the chunks. They
    count as published already. If the message is lost, they are published again like any others.
    """
    try:
        _send(_queue_of(model, crew), [list(chunk_ids)], time_limit(tokens, crew.rates_seen))
    except BROKER_ERRORS as error:
        log.warning("cannot publish for %s, Redis does not answer: %s", model, error)
        return False
    return True


def nothing_waits(model: str, crew: Crew) -> bool:
    """Return whether the queue of these workers is empty, so that a message reaches one of them at once.

    Raises one of BROKER_ERRORS if Redis is down.
    """
    return queue_length(_queue_of(model, crew)) == 0


def _queue_of(model: str, crew: Crew) -> str:
    """Return the queue of a crew with a living worker, for any precision."""
    return model_queue(model, cost_centre=crew.alive[0].cost_centre)


def dispatch_quietly(model: str) -> bool:
    """Run `dispatch`, and return False instead of raising if Redis is down: beat repeats it."""
    try:
        dispatch(model)
    except BROKER_ERRORS as error:
        log.warning("cannot publish for %s, Redis does not answer: %s", model, error)
        return False
    return True


def dispatch_if_any(model: str) -> None:
    """Run `dispatch` if any chunk may be published: a worker has just become free, and mostly nothing waits."""
    # BETWEEN as in `_candidates`.
    ((waits,),) = database.rows(
        """
        SELECT EXISTS (
            SELECT FROM jobs_job job WHERE model = %(model)s AND state IN ('queued', 'running') AND EXISTS (
                SELECT FROM jobs_chunk
                WHERE job_id BETWEEN job.id AND job.id AND state = 'ready' AND not_before <= statement_timestamp()
                  AND NOT blocked
                  AND (published_at IS NULL OR published_at < statement_timestamp() - %(lost)s * interval '1 second')
            )
        )
        """,
        {"model": model, "lost": LOST_SECONDS},
    )
    if waits:
        dispatch_quietly(model)


def by_context(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Move candidates up behind the first one with the same context, which a worker then has encoded already.

    No candidate waits for ever: each plan begins with the oldest again.
    """
    first: dict[object, int] = {}
    places = [
        place if one.context is None else first.setdefault(one.context, place) for place, one in enumerate(candidates)
    ]
    return [candidates[place] for place in sorted(range(len(candidates)), key=places.__getitem__)]


def plan_bundles(candidates: Sequence[Candidate], turns: Turns, *, budget: int, count: int) -> list[list[Candidate]]:
    """Cut candidates, given by job age, into at most `count` bundles of about `budget` tokens. Counts them in `turns`.

    Interactive ones go first, their owners in turn; their bundles mix owners. Then each bundle comes from the owner and
    the owner's job whose turn it is (`jobs.queue.shares`). A bundle with room left takes from the owner's next job. If
    no other job has any in flight, the last bundle is one of them. An isolated chunk goes alone, and so does a chunk
    above the budget.
    """
    queues: dict[Share, dict[Hashable, list[Candidate]]] = {}
    for candidate in reversed(candidates):
        share = candidate.owner_id, candidate.interactive
        queues.setdefault(share, {}).setdefault(candidate.job, []).append(candidate)
    # From the oldest on, for ties.
    queues = {share: dict(reversed(jobs.items())) for share, jobs in reversed(queues.items())}
    starves = any(not share[1] for share in queues) and not turns.any_in_flight()
    shared = [share for share in queues if share[1]]
    interactive = _in_turns({share: _by_age(queues.pop(share)) for share in shared}, turns)
    bundles: list[list[Candidate]] = []
    while interactive and len(bundles) < count - starves:
        bundles.append(_take(interactive, budget))
    while queues and len(bundles) < count:
        owner = turns.next_share(queues)
        bundles.append(_bundle_of(owner, queues[owner], turns, budget))
        if not queues[owner]:
            del queues[owner]
    return bundles


def _by_age(jobs: Mapping[Hashable, list[Candidate]]) -> list[Candidate]:
    """Merge the queues of one owner's jobs, the oldest job last: chunks are taken from the end."""
    return [candidate for chunks in reversed(list(jobs.values())) for candidate in chunks]


def _bundle_of(share: Share, jobs: dict[Hashable, list[Candidate]], turns: Turns, budget: int) -> list[Candidate]:
    """Take one bundle from the owner's jobs in turn, and remove jobs without further candidates."""
    bundle: list[Candidate] = []
    room = budget
    while jobs:
        job = turns.next_job(jobs)
        first = jobs[job][-1]
        if bundle and (bundle[0].isolate or first.isolate or first.tokens > room):
            break
        taken = _take(jobs[job], room)
        tokens = sum(candidate.tokens for candidate in taken)
        bundle += taken
        room -= tokens
        turns.hand_out(share, job, tokens)
        if jobs[job]:
            break
        del jobs[job]
    return bundle


def _in_turns(queues: dict[Share, list[Candidate]], turns: Turns) -> list[Candidate]:
    """Merge queues (their next one is last) into one, so that the owner whose turn it is comes next."""
    merged: list[Candidate] = []
    while queues:
        share = turns.next_share(queues)
        merged.append(queues[share].pop())
        turns.hand_out(share, merged[-1].job, merged[-1].tokens)
        if not queues[share]:
            del queues[share]
    merged.reverse()
    return merged


def plan_messages(bundles: Sequence[list[Candidate]], count: int) -> list[list[list[Candidate]]]:
    """Spread bundles, in order, over at most `count` messages.

    Messages hold several bundles only if there are more bundles than messages: no worker waits while another one has
    several. Within a message, bundles of one context follow each other.
    """
    size = max(1, math.ceil(len(bundles) / count))
    messages = []
    for start in range(0, len(bundles), size):
        some = bundles[start : start + size]
        bundle_of = {bundle[0].chunk_id: bundle for bundle in some}
        messages.append([bundle_of[lead.chunk_id] for lead in by_context([bundle[0] for bundle in some])])
    return messages


def _take(chunks: list[Candidate], budget: int) -> list[Candidate]:
    """Pop one bundle from the end of the list."""
    bundle = [chunks.pop()]
    room = budget - bundle[0].tokens
    while chunks and not bundle[0].isolate and not chunks[-1].isolate and chunks[-1].tokens <= room:
        bundle.append(chunks.pop())
        room -= bundle[-1].tokens
    return bundle


def _candidates(
    model: str,
    stale_seconds: int,
    limit: int,
    costs: Costs,
    precisions: Sequence[str] | None = None,
    *,
    cost_centre: str = "",
) -> list[Candidate]:
    """Return the next ready chunks of every claimable job of these precisions, at most `limit` of each.

    The jobs are those that workers of this cost centre, or of none, compute.
    """
    # BETWEEN and the order by job and id keep the planner on the index of open chunks. With an equality it may walk the
    # primary key, past every chunk of every closed job.
    found = database.rows(
        f"""
            SELECT chunk.id, job.owner_id, chunk.isolate, job.interactive, job.id, job.action, job.under,
                chunk.together, chunk.n_tokens, chunk.n_attended, chunk.n_passes,
                (SELECT context_id FROM jobs_item WHERE job_id = job.id AND index = chunk.first_index)
            FROM (
                SELECT id, owner_id, interactive, created_at, action, params ? 'contexts' AS under FROM jobs_job job
                WHERE model = %(model)s AND state IN ('queued', 'running')
                  AND (%(precisions)s::text[] IS NULL OR precision = ANY(%(precisions)s))
                  AND {CENTRE_OF_JOB} = %(centre)s
            ) job
            CROSS JOIN LATERAL (
                SELECT id, first_index, n_tokens, n_attended, n_passes, isolate,
                    "group" IS NOT NULL AND unit_count = 0 AS together
                FROM jobs_chunk
                WHERE job_id BETWEEN job.id AND job.id AND state = 'ready' AND not_before <= statement_timestamp()
                  AND NOT blocked
                  AND (published_at IS NULL OR published_at < statement_timestamp() - %(stale)s * interval '1 second')
                ORDER BY job_id, id LIMIT %(limit)s
            ) chunk
            ORDER BY job.created_at, chunk.id
            """,  # noqa: S608 - a constant
        {
            "model": model,
            "centre": cost_centre,
            "stale": stale_seconds,
            "limit": limit,
            "precisions": None if precisions is None else list(precisions),
        },
    )
    return [
        Candidate(
            chunk,
            owner,
            round(costs.seconds(Load(tokens, attended, passes, 1), kind_of(action, contexts=under, together=together))),
            isolate,
            interactive,
            (job, context) if context is not None else None,
            job,
            under,
        )
        for chunk, owner, isolate, interactive, job, action, under, together, tokens, attended, passes, context in found
    ]


def turns_of(model: str, rates: Sequence[float | None], costs: Costs, *, cost_centre: str = "") -> Turns:
    """Return what unfinished jobs have had: tokens that are leased or published, and past turns.

    The jobs are those of this model that workers of this cost centre, or of none, compute.
    """
    rate = sum(one for one in rates if one) or float(settings.E1_BUNDLE_TOKENS)
    turns = Turns(int(HEAD_START_SECONDS * rate))
    in_flight = tokens_in_flight(model, costs)
    rows = database.rows(
        f"""
            SELECT job.id, job.owner_id, job.interactive, coalesce(turn.handed_out, 0), coalesce(turn.last, 0)
            FROM jobs_job job LEFT JOIN jobs_turn turn ON turn.job_id = job.id
            WHERE job.model = %s AND job.state IN ('queued', 'running', 'paused', 'cancelling')
              AND {CENTRE_OF_JOB} = %s
            """,  # noqa: S608 - a constant
        [model, cost_centre],
    )
    for job, owner, interactive, handed_out, last in rows:
        turns.note((owner, interactive), job, Had(in_flight.get(job, 0), handed_out, last))
    return turns


def tokens_in_flight(model: str, costs: Costs) -> dict[Hashable, int]:
    """Return the tokens that are leased or published, by job, as `costs` count them."""
    found = database.rows(
        """
            SELECT part.job_id, job.action, job.params ? 'contexts', part.together, part.tokens, part.attended,
                part.passes, part.chunks
            FROM (
                SELECT job_id, "group" IS NOT NULL AND unit_count = 0 AS together, sum(n_tokens) AS tokens,
                    sum(n_attended) AS attended, sum(n_passes) AS passes, count(*) AS chunks
                FROM jobs_chunk
                WHERE model = %s AND (state = 'leased' OR (state = 'ready' AND published_at IS NOT NULL))
                GROUP BY 1, 2
            ) part JOIN jobs_job job ON job.id = part.job_id
            """,
        [model],
    )
    tokens: dict[Hashable, int] = {}
    for job, action, under, together, *load in found:
        kind = kind_of(action, contexts=under, together=together)
        tokens[job] = tokens.get(job, 0) + round(costs.seconds(Load(*map(int, load)), kind))
    return tokens


def _remember(turns: Turns, jobs: Iterable[Any]) -> None:
    """Store the turns of these jobs. The caller holds the dispatcher's lock."""
    rows = [(job, turns.jobs[job].handed_out, turns.jobs[job].last) for job in jobs]
    Turn.objects.bulk_create(
        [Turn(job_id=job, handed_out=handed_out, last=last) for job, handed_out, last in rows],
        update_conflicts=True,
        unique_fields=["job_id"],
        update_fields=["handed_out", "last"],
    )


def turns_forget() -> None:
    """Delete the turns of jobs that are over: if one is retried, it begins anew."""
    unfinished = Job.objects.filter(pk=OuterRef("job_id"), state__in=JobState.unfinished())
    Turn.objects.filter(~Exists(unfinished)).delete()


def bundle_tokens(rates: Sequence[float | None]) -> int:
    """Return about one second of the slowest worker's compute, or the setting if no worker has measured its rate."""
    known = [rate for rate in rates if rate]
    return int(min(known)) if known else int(settings.E1_BUNDLE_TOKENS)


def _context_tokens(candidates: Iterable[Candidate], costs: Costs) -> dict[object, int]:
    """Return by job what the contexts take that all its items are computed under, in tokens as `costs` count them."""
    jobs = {candidate.job for candidate in candidates if candidate.under}
    if not jobs:
        return {}
    found = database.rows(
        "SELECT shared.job_id, array_agg(context.tokens) FROM jobs_jobcontext shared "
        "JOIN jobs_context context ON context.id = shared.context_id WHERE shared.job_id = ANY(%s) GROUP BY 1",
        [list(jobs)],
    )
    return {job: round(costs.plain(total(map(context_load, tokens)))) for job, tokens in found}


def message_tokens(message: Sequence[Sequence[Candidate]], context_tokens: Mapping[object, int]) -> int:
    """Return the tokens of these bundles on a worker with an empty cache: their chunks, and their jobs' contexts."""
    candidates = [candidate for bundle in message for candidate in bundle]
    jobs = {candidate.job for candidate in candidates}
    return sum(candidate.tokens for candidate in candidates) + sum(context_tokens.get(job, 0) for job in jobs)


def time_limit(tokens: int, rates: Sequence[float | None]) -> int:
    """Return a message's hard limit in seconds: thirty times its expected time, at least E1_HANG_SECONDS."""
    slowest = min((rate for rate in rates if rate), default=None)
    if slowest is None:
        return MAX_TIME_LIMIT
    return int(min(MAX_TIME_LIMIT, max(settings.E1_HANG_SECONDS, 30 * tokens / slowest)))


def _publish(
    queue: str, messages: Sequence[Sequence[Sequence[Candidate]]], rates: Sequence[float | None], costs: Costs
) -> None:
    """Send the messages; mark the chunks of unsent ones as unpublished and raise."""
    contexts = _context_tokens((candidate for message in messages for bundle in message for candidate in bundle), costs)
    for number, message in enumerate(messages):
        try:
            bundles = [[candidate.chunk_id for candidate in bundle] for bundle in message]
            _send(queue, bundles, time_limit(message_tokens(message, contexts), rates))
        except BROKER_ERRORS:
            unsent = [one.chunk_id for later in messages[number:] for bundle in later for one in bundle]
            Chunk.objects.filter(id__in=unsent).update(published_at=None)
            raise


def _send(queue: str, bundles: list[list[int]], seconds: int) -> None:
    """Send a message of bundles, which may take so many seconds."""
    current_app.send_task(TASK_RUN_BUNDLE, args=[bundles], queue=queue, time_limit=seconds, retry=False)


def unpublish(chunk_ids: Sequence[int]) -> None:
    """Allow these chunks to be published again at once, because their message led to nothing."""
    Chunk.objects.filter(id__in=chunk_ids, state=ChunkState.READY).update(published_at=None)


def probe(model: str, cost_centre: str = "") -> None:
    """Ask a worker for a self-test, so that an idle service proves that it works."""
    queue = model_queue(model, cost_centre=cost_centre)
    current_app.send_task(TASK_RUN_BUNDLE, args=[[]], queue=queue, expires=60, retry=False)


def queue_length(queue: str) -> int:
    """Return how many messages wait in Redis."""
    # Celery's connection pool, so that one setting has the address of Redis.
    with current_app.connection_or_acquire() as connected:
        return int(connected.default_channel.client.llen(queue))


def broker_answers() -> bool:
    """Return whether Redis answers a ping."""
    try:
        with current_app.connection_or_acquire() as connected:
            return bool(connected.default_channel.client.ping())
    except BROKER_ERRORS:
        return False
