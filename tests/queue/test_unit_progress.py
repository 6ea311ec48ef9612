"""How far a job of work units is: on its page, in the list, and in its ticks."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from jobs.api import events
from jobs.models import Chunk, Job
from jobs.models.states import ChunkState
from jobs.queue.stages import Steps
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
    assert '<progress max="23" value="8"' in page
    assert "<b>Computing</b>: <b>8</b> of 22 passes through the network, about" in page
    assert " to go" in page
    assert "Then items are assembled from them: <b>0</b> of 1<" in page
    rate = page.split("<dt>Rate</dt><dd>")[1].split("</dd>")[0]
    number, words = rate.split(" ", 1)
    assert float(number) > 0
    assert words == "passes through the network a second"
    listed = " ".join(browser.get("/").content.decode().split())
    assert '<progress max="23" value="8"' in listed
    assert "8 of 22 passes through the network, " in listed


def units_only(job: Job) -> None:
    """Compute all units, and put no item together."""
    for chunk in Chunk.objects.filter(job=job, state=ChunkState.READY, unit_count__gt=0).order_by("id"):
        tasks.run_bundles([[chunk.pk]])


def test_the_bar_is_not_full_while_items_are_put_together(half_done, person):
    units_only(half_done)
    browser = Client()
    browser.force_login(person)
    body = browser.get(f"/api/jobs/{half_done.pk}/").json()
    assert (body["stage"], body["eta_seconds"]) == ("assembling", None)
    page = " ".join(browser.get(f"/jobs/{half_done.pk}/").content.decode().split())
    assert '<progress max="23" value="22"' in page
    assert "Computed: <b>22</b> of 22" in page
    assert "<b>Assembling</b> items from them: <b>0</b> of 1, time left not known yet" in page
    assert "0 s to go" not in page
    assert "assembling: 0 of 1 items" in " ".join(browser.get("/").content.decode().split())


@pytest.mark.parametrize(
    ("state", "units", "items", "stage"),
    [
        ("queued", (0, 22), (0, 1), "waiting"),
        ("running", (0, 22), (0, 1), "computing"),
        ("paused", (8, 22), (0, 1), "computing"),
        ("running", (22, 22), (0, 157), "assembling"),
        ("running", (22, 22), (33, 157), "assembling"),
        ("running", (22, 22), (157, 157), "writing"),
        ("queued", (0, 0), (0, 5), "waiting"),
        ("running", (0, 0), (3, 5), "computing"),
        ("running", (0, 0), (5, 5), "writing"),
        ("succeeded", (22, 22), (1, 1), None),
        ("validating", (0, 0), (0, 0), None),
    ],
)
def test_every_stage_has_its_name(state, units, items, stage):
    assert Steps(state, units[1], units[0], items[1], items[0]).stage == stage


def test_a_finished_job_tells_its_items(half_done, person, inline_worker):
    inline_worker()
    browser = Client()
    browser.force_login(person)
    listed, alone = (" ".join(browser.get(to).content.decode().split()) for to in ("/", f"/jobs/{half_done.pk}/"))
    assert '<progress max="1" value="1" class="finished"' in listed
    assert re.search(r'<span id="sentence">1 succeeded\b', alone)
    assert "<progress" not in alone
    for page in (listed, alone):
        assert "passes through" not in page.split("Settings")[0]


def test_a_tick_is_sent_when_units_are_done(half_done, monkeypatch):
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # it would end the test's transaction
    first = next(events.ticks(half_done.pk, half_done.owner)).decode()
    assert json.loads(first.split("data: ")[1])["units"] == {"done": 8, "total": 22}
