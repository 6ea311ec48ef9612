"""How far a job of work units is: on its page, in the list, and in its ticks."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from jobs.api import events
from jobs.models import Chunk, Job
from jobs.models.states import ChunkState
from worker import tasks

pytestmark = pytest.mark.django_db

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"


@pytest.fixture
def half_done(api, inline_worker) -> Job:
    """One chunk of eight units computed, of three."""
    body = {"model": "e1-demo", "action": "scan", "items": [{"sequence": PARENT}]}
    job = Job.objects.get(pk=api.post("/api/jobs/", body, format="json").json()["id"])
    chunk = Chunk.objects.filter(job=job, state=ChunkState.READY, blocked=False).order_by("id").first()
    tasks.run_bundles([[chunk.pk]])
    return job


def test_page_and_list_tell_passes_their_rate_and_the_time_left(half_done, person):
    browser = Client()
    browser.force_login(person)
    page = " ".join(browser.get(f"/jobs/{half_done.pk}/").content.decode().split())
    assert '<progress max="22" value="8"' in page
    assert "<b>8</b> of 22 passes through the network, about" in page
    assert " to go" in page
    rate = page.split("<dt>Rate</dt><dd>")[1].split("</dd>")[0]
    number, words = rate.split(" ", 1)
    assert float(number) > 0
    assert words == "passes through the network a second"
    listed = " ".join(browser.get("/").content.decode().split())
    assert '<progress max="22" value="8"' in listed
    assert "8 of 22 passes through the network, " in listed


def test_a_finished_job_tells_its_items(half_done, person, inline_worker):
    inline_worker()
    browser = Client()
    browser.force_login(person)
    for address in (f"/jobs/{half_done.pk}/", "/"):
        page = " ".join(browser.get(address).content.decode().split())
        assert '<progress max="1" value="1" class="finished"' in page
        assert "passes through" not in page.split("Settings")[0]


def test_a_tick_is_sent_when_units_are_done(half_done, monkeypatch):
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # it would end the test's transaction
    first = next(events.ticks(half_done.pk)).decode()
    assert json.loads(first.split("data: ")[1])["units"] == {"done": 8, "total": 22}
