"""Libraries for measuring the service: a FASTA file of any length, and jobs inserted by SQL in bulk.

These jobs have the same rows as if ingest and workers had written them; the smoke test downloads and reads one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np

from benchmarks.service_stack import MODEL
from e1protocol import BOUNDARY_TOKENS, CANONICAL, MODELS, EngineIdentity

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from jobs.models import Job

RESIDUES = 350
CHUNK_TOKENS = 8 * (RESIDUES + BOUNDARY_TOKENS)
SEQUENCES_PER_WRITE = 1000
FACTS = MODELS[MODEL]


def fasta(folder: Path, count: int) -> Path:
    """Return a file of `count` random sequences of RESIDUES residues in `folder`; write it the first time."""
    path = folder / f"library-{count}.fasta"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    letters = np.frombuffer(CANONICAL.encode(), dtype=np.uint8)
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        for start in range(0, count, SEQUENCES_PER_WRITE):
            many = min(SEQUENCES_PER_WRITE, count - start)
            drawn = letters[random.integers(0, len(letters), (many, RESIDUES))]
            file.writelines(b">protein%09d\n%s\n" % (start + n, drawn[n].tobytes()) for n in range(many))
    beside.rename(path)
    return path


def lay_out_job(
    items: int,
    *,
    done: float,
    state: str = "running",
    outputs: bool = False,
    leased: int = 8,
    width: int = FACTS.hidden_size,
    layer: int = FACTS.layers,
) -> UUID:
    """Insert a job of `items` sequences: a share of its chunks is done, some are leased, the others are ready.

    With `outputs` every done chunk has its mean embeddings, `width` float32 an item. Afterwards this does what beat and
    vacuum would do within a few seconds.
    """
    from django.db import connection, transaction

    from jobs.library.outputs import checksum

    final = done == 1
    params = {"repr_layers": [layer], "include": ["mean"]}
    job = create_job(
        action="encode", params=params, state="succeeded" if final else state, items=items, residues=items * RESIDUES
    )
    chunks = -(-items // 8)
    numbers = {
        "job": job.pk,
        "model": MODEL,
        "items": items,
        "chunks": chunks,
        "done": chunks if final else int(done * chunks),
        "leased": 0 if final else leased,
        "tokens": RESIDUES + BOUNDARY_TOKENS,
        "engine": idle_engine(MODEL),
        "residues": RESIDUES,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CHUNKS, numbers)
        cursor.execute(_ITEMS, numbers)
        if outputs:
            data = np.random.default_rng(1).normal(size=(8, width)).astype("<f4").tobytes()
            row = {"layer": layer, "width": width, "data": data, "checksum": checksum(data)}
            cursor.execute(_OUTPUTS, {**numbers, **row})
        cursor.execute(
            "UPDATE jobs_job SET started_at = CASE WHEN %s THEN statement_timestamp() - interval '10 minutes' END, "
            "finished_at = CASE WHEN %s THEN statement_timestamp() END WHERE id = %s",
            [done > 0, final, job.pk],
        )
    settle(job.pk)
    return job.pk


def paused_job(items: int, **options: Any) -> UUID:
    """Insert a paused job without results, for `start_job`."""
    return lay_out_job(items, done=0.0, leased=0, state="paused", **options)


def start_job(job_id: UUID) -> None:
    """Resume a paused job and dispatch it."""
    from jobs.queue.dispatch import dispatch
    from jobs.queue.lifecycle import job_resume

    job_resume(job_id=job_id)
    dispatch(MODEL)


def create_job(
    *, action: str, params: dict[str, Any], state: str, items: int, residues: int, model: str = MODEL
) -> Job:
    """Create the job itself, for the first user."""
    from jobs.models import Job

    return Job.objects.create(
        id=uuid4(),
        owner=first_user(),
        name=f"{action} of {items}",
        model=model,
        action=action,
        params=params,
        state=state,
        total_items=items,
        total_residues=residues,
    )


def first_user() -> User:
    """Return the user who owns all jobs."""
    from django.contrib.auth.models import User

    return User.objects.get_or_create(username="admin")[0]


def logged_in_client() -> Client:
    """Return Django's client, logged in as the first user."""
    from django.test import Client

    browser = Client(SERVER_NAME="localhost")
    browser.force_login(first_user())
    return browser


def bench_identity(model: str) -> EngineIdentity:
    """Return the identity of an engine that computes nothing."""
    return EngineIdentity(model, "0" * 64, "float32", "none", "none", "none", "bench", True)


def idle_engine(model: str) -> int:
    """Record an engine that computes nothing; return its number."""
    from jobs.fleet.workers import engine_record

    return engine_record(identity=bench_identity(model))


def settle(job_id: UUID | None = None) -> None:
    """Do what autovacuum does on a service that has run for a while; count the items of one job."""
    from django.db import connection

    from jobs.queue.tallies import tally_advance

    with connection.cursor() as cursor:
        for table in ("jobs_job", "jobs_chunk", "jobs_item", "jobs_output"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    if job_id is not None:
        tally_advance(job_id=job_id)


def clear() -> None:
    """Delete every job with all that belongs to it. The files of the tables shrink at once."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job CASCADE")


# Finished chunks end evenly over ten minutes, the last one now.
_CHUNKS = """
INSERT INTO jobs_chunk (job_id, first_index, model, state, n_items, n_tokens, n_succeeded, n_failed, attempts, losses,
    isolate, last_error, not_before, alone, worker, lease_token, lease_end, engine_id, finished_at)
SELECT %(job)s, 8 * n, %(model)s, state, size, size * %(tokens)s,
    CASE WHEN state = 'done' THEN size ELSE 0 END, 0, 1, 0, false, '', statement_timestamp(), false, 'bench',
    CASE WHEN state = 'leased' THEN gen_random_uuid() END,
    CASE WHEN state = 'leased' THEN statement_timestamp() + interval '1 day' END,
    CASE WHEN state = 'done' THEN %(engine)s END,
    CASE WHEN state = 'done' THEN statement_timestamp() - (%(done)s - n) * interval '10 minutes' / %(done)s END
FROM (
    SELECT n, least(8, %(items)s - 8 * n) AS size, CASE WHEN n < %(done)s THEN 'done'
        WHEN n < %(done)s + %(leased)s THEN 'leased' ELSE 'ready' END AS state
    FROM generate_series(0, %(chunks)s - 1) n
) planned ORDER BY n
"""
# All sequences differ, because an engine computes equal ones once.
_ITEMS = """
INSERT INTO jobs_item (job_id, index, chunk_id, line, name, header, sequence)
SELECT job_id, first_index + k, id, 2 * (first_index + k) + 1,
    'protein' || lpad((first_index + k)::text, 9, '0'), '',
    left(repeat(translate(md5((first_index + k)::text), '0123456789abcdef', 'ACDEFGHIKLMNPQRS'), 1 + %(residues)s / 32),
        %(residues)s)
FROM jobs_chunk CROSS JOIN LATERAL generate_series(0, n_items - 1) k
WHERE job_id = %(job)s ORDER BY first_index, k
"""
_OUTPUTS = """
INSERT INTO jobs_output (chunk_id, kind, layer, item_index, dtype, width, rows, data, checksum)
SELECT id, 'mean', %(layer)s, -1, '<f4', %(width)s, '[1, 1, 1, 1, 1, 1, 1, 1]', %(data)s, %(checksum)s
FROM jobs_chunk WHERE job_id = %(job)s AND state = 'done' ORDER BY id
"""
