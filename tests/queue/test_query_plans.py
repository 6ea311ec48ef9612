"""Frequent queries of the service never read a whole table.

The queries of the real functions are caught and explained. The tables hold three libraries of 24,000 sequences (9,000
chunks) and are vacuumed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from benchmarks.finished_jobs import random_protein, scored_job, variants_of
from benchmarks.service_data import MODEL, clear, lay_out_job, settle
from e1protocol.costs import Costs
from jobs.api.presenters import present_job
from jobs.library import selectors
from jobs.library.contexts import contexts_hold, contexts_let_go
from jobs.library.outputs import PackedOutput
from jobs.models import Chunk, EngineRecord, Job, Tally
from jobs.models.states import ChunkState, ItemState
from jobs.queue import dispatch as queue
from jobs.queue import leases, lifecycle, losses, progress, tallies
from jobs.results.export.columns import columns_of
from jobs.results.export.npz import _snapshot
from jobs.results.export.reading import item_pages, load, place
from jobs.variants.rows import KINDS, STORED
from jobs.variants.table import read_table, variant_table

pytestmark = pytest.mark.django_db

ITEMS = 24_000
LARGE = {"jobs_chunk", "jobs_item", "jobs_output"}


@dataclass(frozen=True)
class Scan:
    """One place where a plan touches a table."""

    kind: str
    table: str
    index: str


@dataclass(frozen=True)
class Tables:
    """The jobs that are laid out: two that are over, one that runs, and one of 4,000 variants."""

    finished: Job
    running: Job
    scored: Job


@pytest.fixture(scope="module")
def tables(django_db_setup, django_db_blocker) -> Iterator[Tables]:
    with django_db_blocker.unblock():
        try:
            lay_out_job(ITEMS, done=1.0, outputs=True, width=4)
            finished = lay_out_job(ITEMS, done=1.0, outputs=True, width=4)
            running = lay_out_job(ITEMS, done=0.6, outputs=True, width=4)
            parent = random_protein(60)
            scored = scored_job(model="e1-demo", parent=parent, variants=list(variants_of(parent, 4000)))
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE jobs_chunk SET published_at = statement_timestamp() WHERE id IN "
                    "(SELECT id FROM jobs_chunk WHERE job_id = %s AND state = 'ready' ORDER BY id LIMIT 16)",
                    [running],
                )
                cursor.execute(
                    "UPDATE jobs_item SET error_code = 'out_of_memory', error = '[{\"message\": \"too large\"}]' "
                    "WHERE job_id = %s AND index %% 4000 = 5",
                    [finished],
                )
            for job_id in Job.objects.values_list("pk", flat=True):
                tallies.tally_advance(job_id=job_id)
            settle()
            yield Tables(Job.objects.get(pk=finished), Job.objects.get(pk=running), Job.objects.get(pk=scored))
        finally:
            clear()
            User.objects.filter(username="admin").delete()
            EngineRecord.objects.all().delete()


def plans_of(work: Callable[[], object]) -> list[Scan]:
    """Every scan of every statement that the work runs on the service's tables."""
    with CaptureQueriesContext(connection) as caught:
        work()
    scans: list[Scan] = []
    for sql in (one["sql"] for one in caught.captured_queries):
        if "jobs_" in sql and sql.split()[0] in ("SELECT", "UPDATE", "WITH", "DELETE"):
            scans += explained(sql)
    assert scans, "nothing was asked"
    return scans


def explained(sql: str, parameters: list[object] | None = None) -> list[Scan]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        (found,) = cursor.fetchone()
    plan = json.loads(found) if isinstance(found, str) else found
    return list(_scans(plan[0]["Plan"]))


def _scans(node: dict) -> Iterator[Scan]:
    if node["Node Type"].endswith("Scan"):
        table, index = node.get("Relation Name", ""), node.get("Index Name", "")
        yield Scan(node["Node Type"], table, index)
    for child in node.get("Plans", ()):
        yield from _scans(child)


def check(scans: list[Scan], *indexes: str) -> None:
    """No large table is read whole, and these indexes are used."""
    whole = [scan for scan in scans if scan.kind in ("Seq Scan", "Parallel Seq Scan") and scan.table in LARGE]
    assert not whole, scans
    used = {scan.index for scan in scans}
    assert used.issuperset(indexes), used


def some_ready(job: Job, count: int = 8) -> list[int]:
    ready = Chunk.objects.filter(job=job, state=ChunkState.READY).order_by("id")
    return list(ready.values_list("id", flat=True)[:count])


def test_the_check_itself_sees_a_whole_table(tables):
    with pytest.raises(AssertionError):
        check(explained("SELECT sum(n_tokens) FROM jobs_chunk"))


def test_candidates_of_the_dispatcher(tables):
    assert len(queue._candidates(MODEL, 600, 128, Costs(1.0))) == 128
    check(plans_of(lambda: queue._candidates(MODEL, 600, 128, Costs(1.0))), "chunk_open")


def test_whether_anything_waits(tables, monkeypatch):
    asked = []
    monkeypatch.setattr(queue, "dispatch_quietly", asked.append)
    check(plans_of(lambda: queue.dispatch_if_any(MODEL)), "chunk_open")
    assert asked == [MODEL]


def test_tokens_in_flight(tables):
    assert queue.tokens_in_flight(MODEL, Costs(1.0))
    check(plans_of(lambda: queue.tokens_in_flight(MODEL, Costs(1.0))), "chunk_published")


def test_claim(tables):
    ids = some_ready(tables.running)
    scans = plans_of(lambda: leases.chunks_claim(chunk_ids=ids, worker="w"))
    check(scans, "jobs_chunk_pkey")
    assert {scan.index for scan in scans if scan.table == "jobs_item"} <= {"", *indexes_of("jobs_item")}


def test_ready_chunks_of_synchronous_requests(tables):
    check(plans_of(lambda: leases.chunks_ready_interactive(model=MODEL)), "chunk_open")


def test_renew_and_release(tables):
    check(plans_of(lambda: leases.lease_renew(token=uuid4())))
    check(plans_of(lambda: leases.chunks_begin(token=uuid4())))
    check(plans_of(lambda: leases.lease_release(token=uuid4())))


def test_complete_and_close(tables):
    (chunk,) = leases.chunks_claim(chunk_ids=some_ready(tables.running, 1), worker="w")
    output = PackedOutput("mean", 30, -1, "<f4", 4, (1,) * 8, b"\0" * 128)
    engine_id = EngineRecord.objects.order_by("pk")[0].pk
    scans = plans_of(
        lambda: leases.chunk_complete(
            chunk_id=chunk.id, token=chunk.token, outputs=[output], failures={}, succeeded=8, engine_id=engine_id
        )
    )
    check(scans)
    check(plans_of(lambda: lifecycle.job_finalise(job_id=tables.running.pk)), "chunk_open")


def test_reap(tables):
    check(plans_of(losses.leases_reap))
    check(plans_of(lambda: list(progress.closable_jobs())), "chunk_open")


def test_tallies(tables):
    check(plans_of(tallies.tallies_advance), "chunk_closed", "chunk_open")


def test_progress_reads_only_what_the_tally_does_not_hold(tables):
    scans = plans_of(lambda: progress.job_counts(tables.running))
    check(scans, "chunk_closed", "chunk_open")
    assert Scan("Index Only Scan", "jobs_chunk", "chunk_closed") in scans
    tally = Tally.objects.get(job=tables.running)
    behind = Chunk.objects.filter(job=tables.running, pk__gt=tally.upto, state__in=ChunkState.closed())
    assert tally.counts
    assert behind.count() == 0


def test_rate_and_failures(tables):
    # However long ago the jobs were laid out: something has just been finished.
    last = Chunk.objects.filter(job=tables.running, state=ChunkState.DONE).latest("pk")
    Chunk.objects.filter(pk=last.pk).update(finished_at=Now())
    assert progress.job_rate(tables.running)
    scans = plans_of(lambda: progress.job_rate(tables.running))
    check(scans, "chunk_finished")
    assert {scan.kind for scan in scans} == {"Index Only Scan"}
    check(plans_of(lambda: selectors.job_failures(tables.finished)), "item_with_error")


@pytest.mark.parametrize("which", ["running", "finished"])
def test_everything_that_a_page_says_of_a_job(tables, which):
    job = getattr(tables, which)
    check(plans_of(lambda: present_job(job)))
    check(plans_of(lambda: progress.results_fingerprint(job)))
    check(plans_of(lambda: columns_of(job)), "chunk_finished", "output_once")


@pytest.mark.parametrize("state", [state for state in ItemState if state != ItemState.CANCELLED])
def test_a_page_of_items_in_one_state(tables, state):
    items = selectors.items_in_state(selectors.items_of(tables.finished), ItemState(state))
    check(plans_of(lambda: list(items.filter(index__gt=ITEMS // 2)[:100])))


def test_keyset_pages_of_items(tables):
    pages = item_pages(tables.finished, sequences=True)
    next(pages)
    scans = plans_of(lambda: next(pages))
    check(scans, "jobs_item_pkey")


def test_keyset_pages_of_outputs(tables):
    columns = columns_of(tables.finished)
    pages = item_pages(tables.finished, sequences=False)
    next(pages)
    page = [item for item in next(pages) if item.succeeded][:256]
    check(plans_of(lambda: place(page, columns)), "output_once")
    rows = sorted({stored.id for one in place(page, columns) for stored, _ in one.places})
    assert len(load(place(page, columns))) == len(page)
    check(explained("SELECT id, data FROM jobs_output WHERE id = ANY(%s)", [rows]), "jobs_output_pkey")


def test_the_table_of_variants_reads_its_own_job_and_is_then_remembered(tables):
    job = tables.scored
    assert len(read_table(job)) == 4000
    check(plans_of(lambda: read_table(job)), "jobs_item_pkey")
    chunks = list(Chunk.objects.filter(job=job).values_list("pk", flat=True))
    check(explained(STORED, [chunks, list(KINDS)]), "output_once")
    variant_table(job)
    again = plans_of(lambda: variant_table(job))
    check(again)
    assert not [scan for scan in again if scan.table in ("jobs_item", "jobs_output")], "a page reads no rows"


def test_the_snapshot_of_an_npz_file(tables):
    check(plans_of(lambda: _snapshot(tables.finished, columns_of(tables.finished))), "chunk_closed")


def indexes_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [table])
        return {name for (name,) in cursor.fetchall()}


def test_freeing_a_context_looks_up_what_names_it(tables, person):
    """Most items name none; a job under many contexts is deleted without reading those of all others."""
    with transaction.atomic():
        refs = contexts_hold(owner_id=person.pk, contexts=[("MKTAYIAKQR",), ("MKTAYLAKQR",)])
    ids = [ref.id for ref in refs.values()]

    def let_go() -> None:
        with transaction.atomic():
            assert contexts_let_go(ids) == 2 * 14

    check(plans_of(let_go), "item_with_context")
