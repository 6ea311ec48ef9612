"""Results expire and free their storage page by page; counts and manifest stay readable."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jobs.background.artefacts import artefact_request
from jobs.models import Artefact, ArtefactBlock, Chunk, Item, Job, Output, Tally
from jobs.models.states import JobState
from jobs.queue import lifecycle
from jobs.quotas import usage
from jobs.results import retention
from jobs.tasks import expire
from jobs.tasks.building import artefact_build
from jobs.templatetags.moments import size
from tests.helpers import post, submit_items

pytestmark = pytest.mark.django_db

ITEMS = [{"sequence": "MKTAYIAKQR"}] * 30 + [{"sequence": "M1"}]


def submit(api, items=ITEMS, key="k", **fields):
    answer = submit_items(api, items, "encode", key=key, on_invalid="skip", **fields)
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["id"])


def look(api, job):
    return api.get(f"/api/jobs/{job.pk}/").json()


def let_pass(job, days):
    """Move the date of the job this many days closer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET expires_at = expires_at - %s * interval '1 day' WHERE id = %s", [days, job.pk]
        )


@pytest.fixture
def job(api, settings, inline_worker):
    """Make a closed job of 30 items and a skipped one, with a file, that expires in 30 days."""
    settings.E1_RETENTION_DAYS = 30
    job = submit(api)
    inline_worker()
    artefact_build(artefact_id=artefact_request(job=job, kind="h5").pk)
    job.refresh_from_db()
    return job


def rows_of(job):
    return [
        Output.objects.filter(chunk__job=job).count(),
        Item.objects.filter(job=job).count(),
        Chunk.objects.filter(job=job).count(),
        Artefact.objects.filter(job=job).count(),
        ArtefactBlock.objects.filter(artefact__job=job).count(),
    ]


def test_a_closed_job_gets_its_day_and_loses_it_where_it_goes_on(api, job):
    assert timedelta(days=29) < job.expires_at - timezone.now() < timedelta(days=31)
    Chunk.objects.filter(job=job, first_index=0).update(state="failed", n_succeeded=0, n_failed=8)
    Tally.objects.filter(job=job).delete()
    Item.objects.filter(job=job, index__lt=8).update(error_code="x", error=[{"code": "x", "message": "x"}])
    Job.objects.filter(pk=job.pk).update(state=JobState.PARTIAL)
    lifecycle.job_retry(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.expires_at) == (JobState.QUEUED, None)


def test_nothing_expires_before_its_day_or_without_the_setting(api, job, settings):
    before = rows_of(job)
    let_pass(job, 29)
    assert retention.jobs_expire() == 0
    let_pass(job, 2)
    settings.E1_RETENTION_DAYS = 0
    assert retention.jobs_expire() == 0
    job.refresh_from_db()
    assert (job.state, job.expires_at, rows_of(job)) == (JobState.SUCCEEDED, None, before)


def test_an_expired_job_gives_its_storage_back_and_its_counts_stay(api, person, job):
    before = look(api, job)
    used = usage.use_of(person.pk).stored_bytes
    assert used == job.stored_bytes + Artefact.objects.get(job=job).size
    manifest = api.get(f"/api/jobs/{job.pk}/manifest/").json()
    let_pass(job, 31)
    expire()
    after = look(api, job)
    assert rows_of(job) == [0] * 5
    assert after["state"] == "expired"
    for field in ("counts", "finished", "chunks", "provenance", "failures", "throughput", "started_at", "finished_at"):
        assert after[field] == before[field], field
    counts = after["counts"]
    assert counts["total"] == sum(counts[s] for s in ("pending", "succeeded", "failed", "skipped", "cancelled")) == 31
    assert (after["stored_bytes"], after["freed_bytes"]) == (0, used)
    assert usage.use_of(person.pk).stored_bytes == 0
    kept = api.get(f"/api/jobs/{job.pk}/manifest/").json()
    assert kept == manifest | {"state": "expired"}
    assert kept["results_checksum"] != "blake2b-16:" + "0" * 32


def test_what_is_gone_is_said_to_be_gone(api, client, person, job):
    let_pass(job, 31)
    expire()
    for rest in ("items/", "items/0/", "results/?format=npz", "results/?format=h5", "ledger/"):
        answer = api.get(f"/api/jobs/{job.pk}/{rest}")
        assert (answer.status_code, answer.json()["code"]) == (410, "results_expired"), rest
    answer = post(api, f"/api/jobs/{job.pk}/analyses/", {"kind": "clusters", "params": {}})
    assert (answer.status_code, answer.json()["code"]) == (410, "results_expired")
    answer = api.post(f"/api/jobs/{job.pk}/columns/", b"index,fitness\n0,1\n", content_type="text/csv")
    assert (answer.status_code, answer.json()["code"]) == (410, "results_expired")
    for verb in ("retry", "keep", "cancel", "resume"):
        assert api.post(f"/api/jobs/{job.pk}/{verb}/").status_code == 409, verb
    client.force_login(person)
    text = client.get(f"/jobs/{job.pk}/").content.decode()
    assert "This job expired" in text
    assert "download-npz" not in text
    for path in (f"/jobs/{job.pk}/items/", f"/jobs/{job.pk}/items/0/", f"/jobs/new/?from={job.pk}"):
        assert client.get(path).status_code == 410, path


def test_the_key_of_an_expired_job_makes_a_new_one(api, job):
    assert submit(api).pk == job.pk
    let_pass(job, 31)
    expire()
    assert submit(api).pk != job.pk


def test_rows_go_by_pages_and_a_purge_that_was_cut_off_goes_on(api, job, monkeypatch):
    monkeypatch.setattr(retention, "PAGE_CHUNKS", 1)
    let_pass(job, 31)
    assert retention.job_expire(job_id=job.pk)
    assert not retention.job_purge_page(job_id=job.pk)
    assert rows_of(job)[1:3] == [23, 3]
    job.refresh_from_db()
    assert job.stored_bytes > 0
    assert look(api, job)["counts"]["succeeded"] == 30
    assert retention.jobs_expire(seconds=-1) == 0
    assert retention.jobs_expire() == 1
    assert rows_of(job) == [0] * 5


def test_keeping_puts_the_day_off_and_the_page_warns_before_it(api, client, person, job):
    client.force_login(person)

    def page() -> str:
        return client.get(f"/jobs/{job.pk}/").content.decode()

    assert 'id="expires"' not in page()
    let_pass(job, 25)
    assert 'id="expires"' in page()
    assert "Keep for 30 days from now" in page()
    client.post(f"/jobs/{job.pk}/act/", {"do": "keep"})
    assert 'id="expires"' not in page()
    let_pass(job, 29)
    assert api.post(f"/api/jobs/{job.pk}/keep/").status_code == 200
    let_pass(job, 29)
    expire()
    assert look(api, job)["state"] == "succeeded"


def test_jobs_that_closed_before_the_setting_came_have_a_full_term(api, job):
    Job.objects.filter(pk=job.pk).update(expires_at=None)
    expire()
    job.refresh_from_db()
    assert job.expires_at - timezone.now() > timedelta(days=29)


def test_an_answered_synchronous_request_goes_as_a_whole_after_its_hours(api, settings, inline_worker):
    settings.E1_SYNC_WAIT_SECONDS = 0.0
    post(api, "/api/v3/e1-demo/log_prob/", {"items": ITEMS[:2]})
    inline_worker()
    job = Job.objects.get()
    assert timedelta(hours=23) < job.expires_at - timezone.now() < timedelta(hours=25)
    let_pass(job, 2)
    expire()
    assert not Job.objects.exists()
    assert not Chunk.objects.exists()


def test_deleting_says_how_much_is_free_again(api, client, person, job):
    other = submit(api, key="other")
    client.force_login(person)
    freed = usage.stored_bytes_of(job)
    answer = api.delete(f"/api/jobs/{job.pk}/")
    assert answer["E1-Freed-Bytes"] == str(freed)
    freed = usage.stored_bytes_of(other)
    assert freed == other.library_bytes > 300
    answer = client.post(f"/jobs/{other.pk}/act/", {"do": "delete"}, follow=True)
    assert f"{size(freed)} of your storage are free again" in answer.content.decode()
