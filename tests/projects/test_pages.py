"""Pages of projects, and what is done with several jobs at once."""

from __future__ import annotations

import pytest

from jobs.models import Job, Project, ProjectMember
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db


def test_a_project_is_made_filled_and_deleted_in_the_browser(browser, api):
    made = browser.post("/projects/", {"name": "TEM-1", "description": "of E. coli"})
    assert made.status_code == 302
    page = made["Location"]
    job = body(submit(api, name="a library"))
    project = page.strip("/").rpartition("/")[2]
    assert f"?select=yes&amp;into={project}" in browser.get(page).content.decode()
    assert f'value="{project}" selected' in browser.get(f"/?select=yes&into={project}").content.decode()
    moved = browser.post("/jobs/bulk/", {"do": "move", "pick": job["id"], "project": project})
    assert moved["Location"] == page
    assert "a library" in text_of(browser.get(page))
    browser.post(f"{page}act/", {"do": "change", "name": "TEM-1", "notes": "# Aim\r\n\r\n**fast**"})
    assert "<strong>fast</strong>" in browser.get(page).content.decode()
    browser.post(f"{page}act/", {"do": "delete"})
    assert "You deleted this project" in text_of(browser.get(page))
    browser.post(f"{page}act/", {"do": "restore"})
    assert "a library" in text_of(browser.get(page))


def test_picked_jobs_are_archived_and_come_back(browser, api):
    ids = [body(submit(api, name=f"library {n}"))["id"] for n in range(2)]
    browser.post("/jobs/bulk/", {"do": "archive", "pick": ids})
    assert "library 0" not in text_of(browser.get("/"))
    assert "library 0" in text_of(browser.get("/?state=archived"))
    browser.post("/jobs/bulk/", {"do": "unarchive", "pick": ids[:1]})
    assert "library 0" in text_of(browser.get("/"))


def test_deleting_several_jobs_asks_once_more(browser, api):
    ids = [body(submit(api, name=f"library {n}"))["id"] for n in range(2)]
    asked = browser.post("/jobs/bulk/", {"do": "ask-delete", "pick": ids})
    assert "Delete 2 jobs?" in text_of(asked)
    assert Job.objects.count() == 2
    browser.post("/jobs/bulk/", {"do": "delete-for-good", "pick": ids})
    assert not Job.objects.exists()


def test_one_job_of_somebody_else_stops_the_whole_act(browser, api, other_api):
    own, other = body(submit(api))["id"], body(submit(other_api))["id"]
    for act in ("delete-for-good", "archive", "move"):
        refused = browser.post("/jobs/bulk/", {"do": act, "pick": [own, other]}, follow=True)
        assert "there is no job" in text_of(refused).lower()
    assert Job.objects.filter(archived_at__isnull=True).count() == 2


def test_the_list_is_narrowed_by_project_and_tag(browser, api, project):
    inside = body(submit(api, name="inside", project=str(project.pk)))
    submit(api, name="outside")
    api.patch(inside["url"], {"tags": ["kinetics"]}, format="json")
    assert "outside" not in text_of(browser.get(f"/?project={project.pk}"))
    assert "inside" in text_of(browser.get(f"/?project={project.pk}&select=yes"))
    assert "outside" not in text_of(browser.get("/?tag=kinetics"))


def test_the_page_of_a_job_chooses_its_project(browser, api, project):
    job = body(submit(api, project=str(project.pk)))
    assert f'value="{project.pk}" selected' in browser.get(job["links"]["page"]).content.decode()


def test_the_new_job_page_puts_a_job_into_the_project(browser, project):
    page = browser.get(f"/jobs/new/?project={project.pk}").content.decode()
    assert f'value="{project.pk}" selected' in page
    fields = {"model": "e1-demo", "action": "log_prob", "sequences": ">a\nMKTAYI\n", "complete": "1"}
    assert browser.post("/jobs/new/", fields | {"project": str(project.pk)}).status_code == 302
    assert Job.objects.get().project == project
    refused = browser.post("/jobs/new/", fields | {"project": "00000000-0000-0000-0000-000000000000", "key": "k"})
    assert refused.status_code == 400


def test_the_owner_shares_and_a_member_leaves(browser, other_browser, project, stranger):
    page = f"/projects/{project.pk}/"
    browser.post(f"{page}share/", {"do": "share", "user": "james", "role": "view"})
    assert "you may read and download" in text_of(other_browser.get(page))
    assert "/projects/join/" in text_of(browser.post(f"{page}share/", {"do": "link"}))
    other_browser.post(f"{page}share/", {"do": "leave"})
    assert not ProjectMember.objects.exists()
    assert other_browser.get(page).status_code == 404
    assert Project.objects.count() == 1
