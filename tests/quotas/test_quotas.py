"""Quotas against a real Postgres: refused early and at acceptance, never exceeded however many submit at once."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from jobs.limits import RECORD_BYTES
from jobs.models import Chunk, Item, Job, Quota
from jobs.models.states import JobState
from jobs.queue import lifecycle
from jobs.quotas import usage
from jobs.quotas.admission import quota_lock
from jobs.templatetags.moments import size
from tests.helpers import post, submit_items

pytestmark = pytest.mark.django_db

SYNC = "/api/v3/e1-demo/log_prob/"
EIGHT = [{"sequence": "MKTAYIAKQR"}] * 8
TOKENS = 8 * 14
BYTES = 8 * (10 + 8 + len("record_1") + RECORD_BYTES)
"""Letters, a float64 and the name that an item without one gets."""


def submit(api, items=EIGHT, key=None, **fields):
    return submit_items(api, items, key=key, **fields)


def refused(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code), response.content
    return response


@pytest.mark.parametrize(
    ("quota", "limit", "status", "code", "waits"),
    [
        ("active_jobs", 1, 429, "quota_active_jobs", True),
        ("queued_tokens", 2 * TOKENS - 1, 429, "quota_queued_tokens", True),
        ("stored_bytes", 2 * BYTES - 1, 413, "quota_stored_bytes", False),
    ],
)
def test_the_second_job_is_over_the_border_and_leaves_nothing(api, person, quota, limit, status, code, waits):
    Quota.objects.create(user=person, **{quota: limit})
    assert submit(api).status_code == 202
    answer = refused(submit(api, key="again"), status, code)
    assert ("Retry-After" in answer) == waits
    assert Job.objects.count() == 1
    assert Item.objects.filter(job__owner=person).count() == 8
    lifecycle.job_delete(job_id=Job.objects.get().pk)
    assert submit(api, key="again").status_code == 202


@pytest.mark.parametrize(("quota", "amount"), [("queued_tokens", TOKENS), ("stored_bytes", BYTES)])
def test_the_border_itself_is_allowed_and_what_never_fits_is_told_so(api, person, quota, amount):
    Quota.objects.create(user=person, **{quota: amount - 1})
    answer = refused(submit(api), 413, "too_large_for_quota")
    assert "Retry-After" not in answer
    assert not Job.objects.exists()
    Quota.objects.update(**{quota: amount})
    assert submit(api).status_code == 202


def test_the_service_s_limits_hold_for_everybody_without_own_ones(api, person, settings):
    settings.E1_QUOTA_ACTIVE_JOBS = 1
    assert submit(api).status_code == 202
    refused(submit(api), 429, "quota_active_jobs")
    Quota.objects.update_or_create(user=person, defaults={"active_jobs": 0})
    assert submit(api).status_code == 202
    assert usage.limits_of(person.pk).active_jobs == 0


def test_too_many_active_jobs_are_told_before_the_body_is_read(api, person):
    Quota.objects.create(user=person, active_jobs=1)
    first = submit(api, key="one")
    answer = api.post("/api/jobs/", b"no JSON at all", content_type="application/json")
    refused(answer, 429, "quota_active_jobs")
    repeated = submit(api, key="one")
    assert (repeated.status_code, repeated.json()["id"]) == (202, first.json()["id"])


def test_somebody_else_s_jobs_count_for_nothing(api, stranger, person, token_of):
    from rest_framework.test import APIClient

    other = APIClient(headers={"Authorization": f"Token {token_of(stranger)}"})
    Quota.objects.create(user=person, active_jobs=1)
    assert submit(other).status_code == 202
    assert submit(api).status_code == 202


def test_the_header_fields_say_what_is_left(api, person, settings):
    settings.E1_QUOTA_ACTIVE_JOBS = settings.E1_QUOTA_STORED_BYTES = 0
    assert "RateLimit" not in submit(api)
    Quota.objects.update_or_create(user=person, defaults={"active_jobs": 2, "queued_tokens": 10_000})
    answer = submit(api)
    policy = '"active-jobs";q=2;qu="concurrent-requests", "queued-tokens";q=10000;qu="e1-tokens"'
    assert answer["RateLimit-Policy"] == policy
    assert answer["RateLimit"] == f'"active-jobs";r=0, "queued-tokens";r={10_000 - 2 * TOKENS}'
    assert submit(api)["RateLimit"].startswith('"active-jobs";r=0;t=30, "queued-tokens";r=')


def test_batch_jobs_do_not_starve_synchronous_requests(api, person, settings, inline_worker):
    """They are refused for their own number and for storage, never for what the batch jobs have queued."""
    settings.E1_SYNC_WAIT_SECONDS = 0.0
    Quota.objects.create(user=person, active_jobs=1, queued_tokens=TOKENS, sync_requests=2, stored_bytes=0)
    assert submit(api).status_code == 202
    answers = [post(api, SYNC, {"items": EIGHT}) for _ in range(3)]
    # No worker runs meanwhile: the first two are accepted and outlive the wait limit.
    assert [answer.status_code for answer in answers] == [504, 504, 429]
    refused(answers[2], 429, "quota_sync_requests")
    left = ['"sync-requests";r=1', '"sync-requests";r=0', '"sync-requests";r=0;t=2']
    assert [answer["RateLimit"] for answer in answers] == left
    assert usage.use_of(person.pk).queued_tokens == 3 * TOKENS
    inline_worker()
    assert usage.use_of(person.pk).sync_requests == 0


def test_a_full_storage_refuses_synchronous_requests_too(api, person, inline_worker):
    Quota.objects.create(user=person, stored_bytes=BYTES)
    assert submit(api).status_code == 202
    refused(post(api, SYNC, {"items": EIGHT}), 413, "quota_stored_bytes")
    assert Job.objects.count() == 1


def test_a_retry_is_under_the_quota_too(api, person):
    Quota.objects.create(user=person, active_jobs=1)
    job = Job.objects.get(pk=submit(api).json()["id"])
    Chunk.objects.filter(job=job).update(state="failed", n_failed=8)
    Item.objects.filter(job=job).update(error_code="worker_lost", error=[{"code": "worker_lost", "message": "lost"}])
    assert lifecycle.job_finalise(job_id=job.pk)
    assert submit(api).status_code == 202
    refused(api.post(f"/api/jobs/{job.pk}/retry/"), 429, "quota_active_jobs")
    job.refresh_from_db()
    assert job.state == JobState.FAILED


@pytest.mark.django_db(transaction=True)
def test_a_quota_is_never_locked_outside_a_transaction(person):
    with pytest.raises(AssertionError, match="inside the transaction"):
        quota_lock(user_id=person.pk)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("quota", "limit"), [("active_jobs", 5), ("queued_tokens", 5 * TOKENS), ("stored_bytes", 5 * BYTES)]
)
def test_many_submissions_at_once_never_exceed_the_border(person, token_of, settings, quota, limit):
    from rest_framework.test import APIClient

    settings.E1_UPLOADS = settings.E1_USER_UPLOADS = 64  # it is the quota that is to refuse them
    Quota.objects.create(user=person, **{quota: limit})
    key = token_of(person)
    start = threading.Barrier(16)
    codes: list[str] = []

    def one() -> None:
        api = APIClient(headers={"Authorization": f"Token {key}"})
        start.wait()
        try:
            answer = submit(api)
            codes.append("accepted" if answer.status_code == 202 else answer.json()["code"])
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert sorted(codes) == ["accepted"] * 5 + [f"quota_{quota}"] * 11
    assert getattr(usage.use_of(person.pk), quota) == limit
    assert Job.objects.count() == 5


def test_the_page_shows_use_and_limits(client, person, api):
    Quota.objects.create(user=person, stored_bytes=2 * BYTES, active_jobs=1)
    submit(api, name="my library")
    client.force_login(person)
    text = client.get("/account/quota/").content.decode()
    assert "(0 left)" in text
    assert "used up" in text
    assert f"{size(2 * BYTES)} <" in text
    assert f"({size(BYTES)} left)" in text
    assert "my library" in text
    assert text.count('<span class="quiet">no limit</span>') == 1
