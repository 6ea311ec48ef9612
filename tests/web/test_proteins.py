"""Was this protein done before? The page and REST."""

from __future__ import annotations

import pytest

from jobs.library import proteins
from jobs.models import Job, Project
from tests.factories import SHORT, sent
from tests.helpers import post, stored_alignment, text_of

pytestmark = pytest.mark.django_db

FAMILY = f">p\n{SHORT}\n>a\nMRTAYLAKQK\n".encode()


@pytest.fixture
def work(api) -> dict[str, dict]:
    """Return a scan, a library with the protein as its second item, variants of it, and a job of another protein."""
    return {
        "scan": sent(api, "scan", [{"sequence": SHORT}]),
        "library": sent(api, "encode", [{"sequence": "AKT"}, {"sequence": SHORT}, {"sequence": SHORT}]),
        "score": sent(api, "score", [{"variant": "M1A"}], parent=SHORT),
        "other": sent(api, "scan", [{"sequence": SHORT + "K"}]),
    }


def found(api, sequence=SHORT):
    answer = post(api, "/api/proteins/", {"sequence": sequence})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_jobs_alignments_and_places_of_a_protein_are_found(api, work):
    stored = stored_alignment(api, FAMILY)
    body = found(api)
    assert [(one["id"], one["item"]) for one in body["jobs"]] == [
        (work["score"]["id"], 0),
        (work["library"]["id"], 1),
        (work["scan"]["id"], 0),
    ], "newest first"
    assert [one["id"] for one in body["alignments"]] == [stored["id"]]
    assert body["campaigns"] == []
    assert (body["residues"], body["jobs_searched"]) == (10, 4)


@pytest.mark.parametrize("text", [f">TEM-1 of mine\n{SHORT[:5]}\n{SHORT[5:]}\n", " mktay iakqr* \n"])
def test_a_sequence_is_read_as_elsewhere(api, work, text):
    assert len(found(api, text)["jobs"]) == 3


@pytest.mark.parametrize(
    ("sequence", "code"),
    [(None, "missing_parent"), ("", "missing_parent"), (">a\n", "missing_parent"), (7, "missing_parent"),
     (">a\nMK\n>b\nMR\n", "two_parents"), ("MK1", "bad_letter"), ("M" * 100_000, "sequence_too_long")],
)  # fmt: skip
def test_what_is_no_sequence_is_refused(api, browser, sequence, code):
    answer = post(api, "/api/proteins/", {"sequence": sequence})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code
    if isinstance(sequence, str):
        assert browser.post("/proteins/", {"sequence": sequence}).status_code == 400


def test_work_of_others_is_found_only_in_shared_projects(api, other_api, other_browser, stranger, work):
    assert found(other_api)["jobs"] == []
    page = f"/proteins/?job={work['scan']['id']}"
    assert other_browser.get(page).status_code == 404
    job = Job.objects.get(pk=work["scan"]["id"])
    job.project = Project.objects.create(owner=job.owner, name="shared")
    job.save()
    job.project.members.create(user=stranger, role="view")
    assert [one["id"] for one in found(other_api)["jobs"]] == [work["scan"]["id"]]
    assert other_browser.get(page).status_code == 200


def test_large_libraries_are_left_out_and_that_is_said(api, browser, work, monkeypatch):
    monkeypatch.setattr(proteins, "MOST_ITEMS", 2)
    body = found(api)
    assert work["library"]["id"] not in [one["id"] for one in body["jobs"]]
    assert body["jobs_searched"] == 3
    text = text_of(browser.post("/proteins/", {"sequence": SHORT}))
    assert "Searched: the newest 3 jobs" in text


def test_the_page_lists_what_there_is_and_says_when_there_is_nothing(browser, work):
    empty = browser.get("/proteins/")
    assert "Was this protein done before?" in text_of(empty)
    assert "Searched" not in text_of(empty)
    html = browser.get(f"/proteins/?job={work['scan']['id']}").content.decode()
    assert f"/jobs/{work['library']['id']}/items/1/" in html
    assert f"/jobs/{work['score']['id']}/" in html
    assert work["other"]["id"] not in html
    nothing = text_of(browser.post("/proteins/", {"sequence": "MMMMM"}))
    assert "Nothing yet on these 5 residues" in nothing
    assert browser.get("/proteins/?job=x").status_code == 404
