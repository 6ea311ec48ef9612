"""Failed checks, their messages on pages, and their end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisAway
from rest_framework.test import APIClient

from jobs.fleet import workers
from jobs.models import Chunk, Job, Worker
from jobs.operations.health import readiness, trouble_of
from jobs.queue import dispatch as queue
from jobs.queue import leases, lifecycle
from tests.factories import extend, ids, make_job, record

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=4)
WORDS = "does not move: "


@pytest.fixture
def job(person, inline_worker):
    """Return a job that has waited for long, while its worker is alive and healthy."""
    job = make_job(person, [record(n) for n in range(16)])
    Job.objects.update(touched_at=timezone.now() - LONG_AGO)
    Chunk.objects.update(not_before=timezone.now() - LONG_AGO)
    return job


def red():
    return {name for name, check in readiness()[1].items() if not check["ok"]}


def test_a_queue_that_does_not_move_is_red_and_recovers(job, inline_worker, browser):
    assert red() == {"queue e1-demo"}
    answer = APIClient().get("/readyz")
    assert answer.status_code == 503
    assert "1 job waits" in answer.json()["checks"]["queue e1-demo"]["detail"]
    page = f"/jobs/{job.pk}/"
    for address in (page, "/", "/service/"):
        assert WORDS in browser.get(address).content.decode(), address
    assert WORDS in browser.get(page, headers={"HX-Request": "true", "HX-Target": "live"}).content.decode()
    inline_worker()
    assert red() == set()
    assert APIClient().get("/readyz").status_code == 200
    for address in (page, "/", "/service/"):
        assert WORDS not in browser.get(address).content.decode(), address


def test_a_bundle_that_takes_long_is_no_standstill(job):
    leases.chunks_claim(chunk_ids=ids(job)[:1], worker="w1")
    assert red() == set()
    Chunk.objects.filter(state="leased").update(lease_end=timezone.now() - timedelta(seconds=1))
    assert red() == {"queue e1-demo"}


def test_a_bundle_of_another_job_is_movement(job):
    workers.worker_computed(name="inline")
    assert red() == set()
    Worker.objects.update(last_bundle_at=timezone.now() - LONG_AGO)
    assert red() == {"queue e1-demo"}
    workers.worker_proved(name="inline")
    assert red() == {"queue e1-demo"}, "a worker that only proves itself moves nothing"


def rest(job):
    """A paused job doesn't wait, and a resumed one starts to wait anew."""
    lifecycle.job_pause(job_id=job.pk)
    assert red() == set()
    lifecycle.job_resume(job_id=job.pk)


def more(job):
    extend(job, [record(0)])


@pytest.mark.parametrize("act", [rest, more])
def test_who_has_just_asked_has_not_waited(job, act):
    assert red() == {"queue e1-demo"}
    act(job)
    assert red() == set()


def test_back_off_is_no_standstill(job):
    Chunk.objects.update(not_before=timezone.now())
    assert red() == set()


def test_no_forward_pass_lately_is_red(inline_worker):
    assert red() == set()
    Worker.objects.update(last_forward_at=timezone.now() - LONG_AGO)
    assert red() == {"model e1-demo"}


def test_a_sick_worker_is_named_with_its_reason(inline_worker):
    workers.worker_sick(name="inline", reason="3 device errors in a row")
    detail = readiness()[1]["model e1-demo"]["detail"]
    assert detail == "inline is sick: 3 device errors in a row"


def test_redis_that_is_down_is_red_and_said_on_pages(person, inline_worker, browser, monkeypatch):
    job = make_job(person, [record(0)])

    def away(*_, **__):
        raise RedisAway("no such file")

    with monkeypatch.context() as broken:
        broken.setattr(queue.current_app, "connection_or_acquire", away)
        assert red() == {"redis"}
        assert "(Redis) does not answer" in browser.get(f"/jobs/{job.pk}/").content.decode()
    assert red() == set()
    assert "(Redis)" not in browser.get(f"/jobs/{job.pk}/").content.decode()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_goes_between_two_checks_is_red_with_its_checks(inline_worker, monkeypatch, error):
    def fail(*_, **__):
        raise error("the connection is closed")

    with monkeypatch.context() as broken:
        broken.setattr("jobs.operations.health.pace.worker_forward_is_fresh", fail)
        answer = APIClient().get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        checks = answer.json()["checks"]
        assert {name for name, check in checks.items() if not check["ok"]} == {
            "postgres",
            "upkeep",
            "model e1-demo",
            "queue e1-demo",
        }
        assert "the connection is closed" in checks["postgres"]["detail"]
    assert red() == set()


def test_nothing_is_asked_where_no_job_waits(monkeypatch):
    monkeypatch.setattr(queue, "broker_answers", lambda: pytest.fail("asked"))
    assert trouble_of([]) == []


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_said_and_the_page_comes_back(browser, monkeypatch, error):
    def fail(*_, **__):
        raise error("the connection is closed")

    browser.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("jobs.pages.joblist.selectors.jobs_of", fail)
        answer = browser.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    text = answer.content.decode()
    assert "The database does not answer" in text
    assert '<meta http-equiv="refresh" content="10">' in text
    assert 'href="/static/jobs/plain.css"' in text
    assert finders.find("jobs/plain.css"), "its style needs no build"
    assert browser.get("/").status_code == 200


def test_a_form_is_not_sent_again_by_itself(browser, monkeypatch):
    def fail(*_, **__):
        raise OperationalError("away")

    browser.raise_request_exception = False
    monkeypatch.setattr("jobs.pages.job_acts.open_job", fail)
    answer = browser.post("/jobs/0dae77fd-b85a-5bfa-b182-52cc45abf4b3/act/", {"do": "cancel"})
    assert answer.status_code == 503
    assert "refresh" not in answer.content.decode()
