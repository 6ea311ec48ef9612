"""Projects by REST: texts, contents, archive, deletion and its undoing."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone

from jobs.models import Alignment, ContextSet, Job, Project
from jobs.models.projects import UNDO_DAYS
from jobs.projects import services
from jobs.projects.notes import TAGS, notes_html
from tests.helpers import body, post, stored_alignment, submit, submit_items

pytestmark = pytest.mark.django_db


def change(api, path, **data):
    return api.patch(path, data, format="json")


def test_a_project_is_made_changed_archived_and_listed(api):
    made = post(api, "/api/projects/", {"name": "TEM-1", "notes": "**fast**"})
    assert made.status_code == 201
    url = made.json()["url"]
    assert made["Location"] == url
    assert (made.json()["access"], made.json()["jobs"]) == ("own", 0)
    changed = change(api, url, name="TEM-1 lactamase", description="of E. coli", archived=True)
    assert changed.json()["name"] == "TEM-1 lactamase"
    assert body(api.get("/api/projects/"))["results"] == []
    assert [one["name"] for one in body(api.get("/api/projects/?state=archived"))["results"]] == ["TEM-1 lactamase"]
    assert change(api, url, archived=False).json()["archived_at"] is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "bad_name"),
        ({"name": "   "}, "bad_name"),
        ({"name": "x" * 101}, "bad_name"),
        ({"name": "x", "notes": "y" * 50_001}, "bad_notes"),
        ({"name": "x", "colour": "red"}, "unknown_field"),
    ],
)
def test_bad_texts_are_refused_and_make_nothing(api, data, code):
    refused = post(api, "/api/projects/", data)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert not Project.objects.exists()


def test_a_job_is_submitted_into_a_project_and_moved_out(api, project):
    job = submit_items(api, [{"sequence": "MKTAYI"}], project=str(project.pk)).json()
    assert job["project"] == str(project.pk)
    listed = body(api.get(f"/api/jobs/?project={project.pk}"))["results"]
    assert [one["id"] for one in listed] == [job["id"]]
    moved = change(api, job["url"], project=None, tags=["kinetics", "kinetics", "round 2"])
    assert (moved.json()["project"], moved.json()["tags"]) == (None, ["kinetics", "round 2"])
    assert body(api.get(f"/api/jobs/?project={project.pk}"))["results"] == []
    assert len(body(api.get("/api/jobs/?tag=kinetics"))["results"]) == 1
    assert body(api.get("/api/jobs/?tag=kin"))["results"] == []


def test_a_key_with_another_project_is_another_request(api, project):
    items = [{"sequence": "MKTAYI"}]
    first = submit_items(api, items, key="k", project=str(project.pk)).json()
    assert submit_items(api, items, key="k", project=str(project.pk)).json()["id"] == first["id"]
    assert submit_items(api, items, key="k").status_code == 409


def test_a_project_that_is_not_yours_takes_no_job(other_api, project):
    refused = submit_items(other_api, [{"sequence": "MKT"}], project=str(project.pk))
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_project")
    assert not Job.objects.exists()


def test_alignments_and_sets_are_moved_together_or_not_at_all(api, project):
    alignment = stored_alignment(api)
    post(api, "/api/contexts/", {"name": "family", "contexts": [["MKT"]]})
    job = body(submit(api))
    things = {"jobs": [job["id"]], "alignments": [alignment["id"]], "contexts": ["family"]}
    missing = post(api, f"/api/projects/{project.pk}/add/", things | {"contexts": ["family", "none"]})
    assert missing.status_code == 404
    assert not Job.objects.filter(project=project).exists()
    shown = post(api, f"/api/projects/{project.pk}/add/", things).json()
    assert (shown["jobs"], shown["alignments"], shown["contexts"]) == (1, 1, 1)
    left = post(api, f"/api/projects/{project.pk}/remove/", {"contexts": ["family"]}).json()
    assert (left["jobs"], left["alignments"], left["contexts"]) == (1, 1, 0)
    assert post(api, f"/api/projects/{project.pk}/add/", {}).json()["code"] == "nothing_named"


def test_a_deleted_project_is_restored_with_all_it_had(api, project, job, as_viewer):
    url = f"/api/projects/{project.pk}/"
    assert as_viewer.get(f"/api/jobs/{job.pk}/").status_code == 200
    assert api.delete(url).status_code == 204
    assert as_viewer.get(f"/api/jobs/{job.pk}/").status_code == 404, "the sharing ends at once"
    assert api.get(f"/api/jobs/{job.pk}/").status_code == 200, "what it held stays with its owner"
    assert [one["id"] for one in body(api.get("/api/projects/?state=deleted"))["results"]] == [str(project.pk)]
    assert as_viewer.post(f"{url}restore/").status_code == 404
    assert api.post(f"{url}restore/").json()["jobs"] == 1
    assert as_viewer.get(f"/api/jobs/{job.pk}/").status_code == 200


def test_the_purge_takes_projects_whose_time_is_over_and_nothing_they_held(api, project, job):
    kept = Project.objects.create(owner=project.owner, name="later", deleted_at=timezone.now())
    Project.objects.filter(pk=project.pk).update(deleted_at=timezone.now() - timedelta(days=UNDO_DAYS, seconds=1))
    assert api.post(f"/api/projects/{project.pk}/restore/").status_code == 404
    assert services.projects_purge() == 1
    assert list(Project.objects.values_list("pk", flat=True)) == [kept.pk]
    job.refresh_from_db()
    assert job.project_id is None


def test_deleting_an_account_leaves_what_others_put_into_its_project(project, editor):
    theirs = Alignment.objects.create(
        owner=editor, project=project, name="x", source="upload", digest="0", parent="MKT", depth=1, columns=3,
        histogram=[],
    )  # fmt: skip
    ContextSet.objects.create(owner=project.owner, project=project, name="mine")
    project.owner.delete()
    theirs.refresh_from_db()
    assert theirs.project_id is None
    assert not ContextSet.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "![picture](https://elsewhere.example/spy.png)",
        "[click](javascript:alert(1))",
        "[click](data:text/html,<script>alert(1)</script>)",
        '<a href="https://a.example" onclick="alert(1)">x</a>',
        "[x](https://a.example 'title\" onclick=\"alert(1)')",
        "<style>body{display:none}</style>",
        "[ref]\n\n[ref]: javascript:alert(1)",
    ],
)
def test_notes_bring_nothing_that_runs_or_tells_who_reads(text):
    for tag, attributes in elements_of(notes_html(text)):
        assert tag in TAGS, tag
        assert set(attributes) <= {"href", "rel"}, attributes
        assert attributes.get("href", "https://").startswith(("https://", "http://", "mailto:")), attributes


def elements_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return the elements that a browser would make, with their attributes."""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Reader().feed(html)
    return found


def test_notes_are_markdown():
    html = notes_html("# Aim\n\n- **fast**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[paper](https://a.example/x?y=1)\n")
    assert "<h3>Aim</h3>" in html
    assert "<strong>fast</strong>" in html
    assert "<td>2</td>" in html
    assert '<a href="https://a.example/x?y=1" rel="noopener noreferrer nofollow">paper</a>' in html
