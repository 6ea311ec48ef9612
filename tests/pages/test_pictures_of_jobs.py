"""Pictures of results in the list of jobs: what they show, and that a view reads results once only."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.db import DatabaseError
from django.test import Client

from jobs.models import Artefact, Job, JobPicture
from jobs.models.states import JobState, WorkState
from jobs.pages import pictures
from tests.factories import finished, scored
from tests.helpers import post

pytestmark = pytest.mark.django_db
SEQUENCE = "MKTAYIAKQR"


def labels(client: Client, address: str = "/") -> list[str]:
    text = client.get(address).content.decode()
    return re.findall(r'<svg class="thumb" [^>]*role="img" aria-label="([^"]*)">', text)


@pytest.mark.parametrize(
    ("action", "items", "params", "words"),
    [
        ("scan", [{"sequence": SEQUENCE}], {}, "Heat map of a scan of 10 positions"),
        ("contacts", [{"sequence": SEQUENCE}], {}, "Contact map of 10 residues"),
        ("predict", [{"sequence": "MKT?YIAKQR"}], {}, r"Probabilities of residues at position 4, [A-Z] first"),
        ("log_prob", [{"sequence": SEQUENCE}] * 2, {}, "Histogram of 2 log-probabilities per residue"),
        ("encode", [{"sequence": SEQUENCE}] * 2, {"include": ["mean"]}, "First numbers of 2 embeddings"),
    ],
)
def test_each_result_has_its_picture(api, browser, inline_worker, action, items, params, words):
    finished(api, inline_worker, action, items, **params)
    (label,) = labels(browser)
    assert re.fullmatch(words, label)
    stored = JobPicture.objects.get().picture
    assert stored["shapes"], "it is not empty"
    assert len(repr(stored)) < 10_000


def test_scores_are_a_histogram(api, browser, inline_worker):
    scored(api, inline_worker, ["M1A", "K2R", "T3S"])
    assert labels(browser) == ["Histogram of 3 scores"]


def test_a_view_reads_no_results_again(api, browser, inline_worker, monkeypatch):
    finished(api, inline_worker, "scan", [{"sequence": SEQUENCE}])
    assert labels(browser)
    monkeypatch.setattr(pictures, "_made", lambda *_: pytest.fail("it reads the results again"))
    assert labels(browser) == ["Heat map of a scan of 10 positions"]


def test_a_job_that_ran_again_gets_another_picture(api, browser, inline_worker):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SEQUENCE}])
    assert labels(browser) == ["Histogram of 1 log-probabilities per residue"]
    post(api, f"{job['url']}extend/", {"items": [{"sequence": SEQUENCE}]})
    assert labels(browser) == [], "it runs"
    inline_worker()
    assert labels(browser) == ["Histogram of 2 log-probabilities per residue"]


def test_one_view_makes_a_few_pictures_and_the_next_one_goes_on(api, browser, inline_worker, monkeypatch):
    monkeypatch.setattr(pictures, "MADE_AT_ONCE", 1)
    for _ in range(2):
        finished(api, inline_worker, "log_prob", [{"sequence": SEQUENCE}])
    assert [len(labels(browser)) for _ in range(3)] == [1, 2, 2]


def test_large_results_failures_and_open_jobs_have_none(api, browser, inline_worker, monkeypatch):
    monkeypatch.setattr(pictures, "READ_BYTES", 100)
    job = finished(api, inline_worker, "scan", [{"sequence": SEQUENCE}])
    assert labels(browser) == []
    assert JobPicture.objects.get().picture is None, "that there is none is stored, too"
    Job.objects.filter(pk=job["id"]).update(state=JobState.EXPIRED)
    assert labels(browser) == []


def test_a_picture_that_cannot_be_stored_is_shown(api, browser, inline_worker, monkeypatch):
    finished(api, inline_worker, "log_prob", [{"sequence": SEQUENCE}])

    def full(**_):
        raise DatabaseError("no space left on device")

    monkeypatch.setattr(JobPicture.objects, "update_or_create", full)
    assert labels(browser) == ["Histogram of 1 log-probabilities per residue"]


def test_a_library_with_a_map_shows_the_map(api, browser, inline_worker, person, monkeypatch):
    job = finished(api, inline_worker, "encode", [{"sequence": SEQUENCE}] * 2, include=["mean"])
    row = Job.objects.get(pk=job["id"])
    Artefact.objects.create(job=row, kind="map", fingerprint="m", state=WorkState.DONE, size=40)
    monkeypatch.setattr(pictures, "file_blocks", lambda *_: [b'{"x":[0,1,2],"y":[0,', b"1,4]}"])
    assert labels(browser) == ["Map of 3 items"]


def test_the_picture_of_a_job_goes_with_it(api, browser, inline_worker):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SEQUENCE}])
    labels(browser)
    assert api.delete(job["url"]).status_code == 204
    assert not JobPicture.objects.exists()


def test_numbers_of_a_scan_that_are_missing_are_drawn_as_nothing():
    values = np.full((20, 100), np.nan)
    assert pictures.heat_map(values, "x").shapes == ()
