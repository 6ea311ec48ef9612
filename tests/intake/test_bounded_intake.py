"""Bounds on what one upload, ensemble or pause takes from others, and what an upload that ends early leaves."""

from __future__ import annotations

import pytest

from jobs.errors import Conflict, InvalidInput, NotFound, TooLarge
from jobs.fleet.crew import Crew
from jobs.intake import ingest as intake
from jobs.intake.extend import job_extend
from jobs.intake.submit import job_submit
from jobs.limits import RECORD_BYTES
from jobs.models import Chunk, Item, Job, Quota, Worker
from jobs.parsing import Record, tally
from jobs.queue import dispatch as queue
from jobs.queue.lifecycle import job_delete, job_retry
from jobs.quotas import usage
from tests.factories import make_job, record, submission
from tests.helpers import post, submit_items
from worker import tasks

pytestmark = pytest.mark.django_db

ENSEMBLE = [["MKTAYIAKQR" * 30, "MKTAYLAKQR" * 30], ["ACDEFGHIKL" * 20]]
ENSEMBLE_TOKENS = 2 * 304 + 204


def of_an_ensemble(api, count=20):
    items = [{"sequence": "MKTAYIAKQR"}] * count
    answer = submit_items(api, items, params={"contexts": ENSEMBLE})
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["id"])


# --- ensembles -------------------------------------------------------------------------------------------------------


def test_the_contexts_of_an_ensemble_count_once_with_the_first_chunk(api):
    job = of_an_ensemble(api)
    tokens = Chunk.objects.filter(job=job).order_by("first_index").values_list("n_tokens", flat=True)
    assert list(tokens) == [ENSEMBLE_TOKENS + 2 * 8 * 14, 2 * 8 * 14, 2 * 4 * 14]


def test_every_message_has_time_to_read_the_contexts_of_its_jobs(api, monkeypatch):
    job = of_an_ensemble(api)
    first = Chunk.objects.filter(job=job).order_by("id").first()
    Chunk.objects.filter(pk=first.pk).update(state="done", n_failed=8)
    Chunk.objects.filter(job=job).update(published_at=None)
    sent = []
    monkeypatch.setattr(queue, "queue_length", lambda name: 0)
    monkeypatch.setattr(queue, "crew_of", lambda model: Crew([], [Worker(tokens_per_second=100.0)]))
    monkeypatch.setattr(queue.current_app, "send_task", lambda name, **options: sent.append(options["time_limit"]))
    queue.dispatch("e1-demo")
    assert sent == [30 * (2 * 12 * 14 + ENSEMBLE_TOKENS) // 100], "by one that remembers nothing"


def test_a_retry_counts_what_its_items_run_under(api, person):
    job = of_an_ensemble(api, count=3)
    chunk = Chunk.objects.get(job=job)
    Chunk.objects.filter(pk=chunk.pk).update(state="done", n_succeeded=1, n_failed=2)
    Item.objects.filter(job=job, index__gt=0).update(error_code="x", error=[])
    Job.objects.filter(pk=job.pk).update(state="partial")
    needed = ENSEMBLE_TOKENS + 2 * 2 * 14
    quota, _ = Quota.objects.update_or_create(user=person, defaults={"queued_tokens": needed - 1})
    with pytest.raises(TooLarge):
        job_retry(job_id=job.pk)
    quota.queued_tokens = needed
    quota.save()
    assert job_retry(job_id=job.pk) == 2
    old, new = Chunk.objects.filter(job=job).order_by("id")
    assert (old.pk, old.n_items, old.n_failed) == (chunk.pk, 1, 0)
    assert (new.n_items, new.n_tokens, new.first_index) == (2, needed, 1)
    assert list(Item.objects.filter(chunk=new).order_by("index").values_list("index", "error_code")) == [
        (1, None),
        (2, None),
    ]


def test_a_retry_counts_the_units_that_run_again(api, person):
    contacts = submit_items(api, [{"sequence": "MKTAYIAKQR"}], "contacts").json()["id"]
    units = Chunk.objects.filter(job=contacts, unit_count__gt=0)
    tokens = sum(units.values_list("n_tokens", flat=True))
    Chunk.objects.filter(job=contacts).update(state="cancelled", blocked=False)
    Item.objects.filter(job=contacts).update(error_code="x", error=[])
    Job.objects.filter(pk=contacts).update(state="cancelled")
    Quota.objects.update_or_create(user=person, defaults={"queued_tokens": tokens})
    with pytest.raises(TooLarge):
        job_retry(job_id=contacts)
    Quota.objects.update(queued_tokens=tokens + 8)
    assert job_retry(job_id=contacts) == 1


def test_a_synchronous_ensemble_takes_no_more_than_contexts_of_its_items_may(api, monkeypatch):
    monkeypatch.setattr("jobs.api.sync.SYNC_CONTEXT_TOKENS", ENSEMBLE_TOKENS - 1)
    body = {"items": [{"sequence": "MKT"}], "params": {"contexts": ENSEMBLE}}
    answer = post(api, "/api/v3/e1-demo/log_prob/", body)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"], problem["path"]) == (400, "contexts_too_long", "params.contexts")
    assert "812 tokens" in problem["message"]
    assert not Job.objects.exists()


# --- what is stored --------------------------------------------------------------------------------------------------


def test_names_headers_and_skipped_letters_count(api, person):
    fasta = b">first a long story\nMKTAYIAKQR\n>second\nMKT-AYIAKQRQ1\n>third \xc3\xa4\nMKT\n"
    answer = api.post("/api/jobs/?model=e1-demo&action=log_prob&on_invalid=skip", fasta, content_type="text/x-fasta")
    assert answer.status_code == 202, answer.content
    job = Job.objects.get()
    kept = Item.objects.values_list("name", "header", "sequence", "error_code")
    text = sum(RECORD_BYTES + len(name.encode()) + len(header.encode()) for name, header, *_ in kept)
    skipped = [len(sequence) for *_, sequence, code in kept if code]
    assert len(skipped) == 1
    assert job.text_bytes == text + sum(skipped) > 0
    assert job.stored_bytes == 13 + job.text_bytes + 2 * 8 == usage.use_of(person.pk).stored_bytes


@pytest.mark.parametrize("end", ["paused", "cancelled"])
def test_units_that_wait_for_their_item_count(api, person, inline_worker, end):
    job_id = submit_items(api, [{"sequence": "MKTAYIAKQR"}], "contacts").json()["id"]
    before = usage.use_of(person.pk).stored_bytes
    unit = Chunk.objects.filter(job=job_id, unit_count__gt=0).order_by("id").first()
    tasks.run_bundles([[unit.pk]])
    assert usage.unit_bytes_of(job_id) == unit.unit_count * 10 * 400 * 4
    api.post(f"/api/jobs/{job_id}/{'pause' if end == 'paused' else 'cancel'}/")
    job = Job.objects.get(pk=job_id)
    assert job.state == end
    held = before if end == "paused" else job.library_bytes
    assert usage.use_of(person.pk).stored_bytes == held + usage.unit_bytes_of(job_id)
    if end == "cancelled":
        assert job_delete(job_id=job.pk) == held + unit.unit_count * 10 * 400 * 4


# --- uploads ---------------------------------------------------------------------------------------------------------


def hand_in(person, records):
    return job_submit(owner=person, submission=submission(records, key=None))


def test_batches_are_bounded_by_letters_too(monkeypatch):
    monkeypatch.setattr(intake, "BATCH_LETTERS", 1000)
    records = [Record(n, f"p{n}", "", 0, "M" * 10, ("A" * 90,)) for n in range(50)]
    batches = list(intake._batches(iter(records)))
    assert [len(batch) for batch in batches] == [8, 8, 8, 16, 8, 2]
    assert [one for batch in batches for one in batch] == records


def test_a_library_beyond_the_limit_is_refused_while_it_comes(person, monkeypatch):
    monkeypatch.setattr(intake, "BATCH", 8)
    monkeypatch.setattr(tally, "MAX_ITEMS", 20)
    read = []
    with pytest.raises(InvalidInput, match="more than 20 records"):
        hand_in(person, (read.append(n) or record(n) for n in range(1000)))
    assert len(read) == 24
    assert not Job.objects.exists()


@pytest.mark.parametrize("quota", [{"stored_bytes": 500}, {"queued_tokens": 500}])
def test_an_upload_that_the_quota_cannot_hold_ends_before_it_has_come(person, monkeypatch, quota):
    monkeypatch.setattr(intake, "BATCH", 8)
    monkeypatch.setattr(intake, "BATCHES_ON_TRUST", 2)
    Quota.objects.create(user=person, **quota)
    read = []
    with pytest.raises(TooLarge):
        hand_in(person, (read.append(n) or record(n) for n in range(100_000)))
    assert len(read) < 200
    assert not Job.objects.exists()


def deleting(job_of, records):
    """Yield the records, and delete the job that they are read into after the first batch."""
    yield from records[:8]
    job_delete(job_id=job_of().pk)
    yield from records[8:]


@pytest.mark.parametrize("count", [8, 16, 24])
def test_an_upload_that_is_deleted_while_it_is_read_says_so(person, monkeypatch, count):
    monkeypatch.setattr(intake, "BATCH", 8)
    with pytest.raises(Conflict) as caught:
        hand_in(person, deleting(Job.objects.get, [record(n) for n in range(count)]))
    assert caught.value.code == "upload_deleted"
    assert not Job.objects.exists()


def test_an_extension_whose_upload_is_deleted_adds_nothing(person, monkeypatch):
    monkeypatch.setattr(intake, "BATCH", 8)
    job = make_job(person, [record(0)])
    more = deleting(lambda: Job.objects.exclude(pk=job.pk).get(), [record(n) for n in range(8)])
    with pytest.raises(NotFound):
        job_extend(job=job, submission=submission(more, key=None))
    job.refresh_from_db()
    assert (Job.objects.count(), job.total_items, Item.objects.count()) == (1, 1, 1)
