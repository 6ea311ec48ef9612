"""The hand-over of a project by an administrator."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from jobs.contexts.selectors import context_set_sequences
from jobs.models import Context, Item, Job, ProjectMember
from jobs.queue.lifecycle import job_delete
from tests.helpers import body, client_of, post, stored_alignment, submit_items

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root")


def test_the_project_goes_with_what_its_owner_submitted(api, project, person, editor, viewer, root):
    given = {"sequence": "MKTAYIAKQR", "context_sequences": ["MKTAYI"]}
    job = submit_items(api, [given], key="k", project=str(project.pk)).json()
    private = submit_items(api, [given]).json()
    alignment = stored_alignment(api)
    post(api, "/api/contexts/", {"name": "family", "contexts": [["MKTAYI"]]})
    post(client_of(editor), "/api/contexts/", {"name": "family", "contexts": [["ACDEF"]]})
    things = {"alignments": [alignment["id"]], "contexts": ["family"]}
    assert post(api, f"/api/projects/{project.pk}/add/", things).status_code == 200
    done = post(client_of(root), f"/api/projects/{project.pk}/hand-over/", {"user": "erwin"})
    assert done.status_code == 204
    project.refresh_from_db()
    assert project.owner == editor
    assert Job.objects.get(pk=job["id"]).owner == editor
    assert Job.objects.get(pk=private["id"]).owner == person, "what is not in the project stays"
    assert context_set_sequences(editor, "family-2") == [("MKTAYI",)]
    assert ProjectMember.objects.filter(project=project).get().user == viewer
    job_delete(job_id=Job.objects.get(pk=private["id"]).pk)  # an account is deleted after its jobs
    person.delete()
    item = Item.objects.get(job=job["id"])
    assert item.context.owner == editor
    assert client_of(editor).get(f"/api/jobs/{job['id']}/items/0/").json()["context_sequences"] == ["MKTAYI"]
    assert Context.objects.filter(owner=editor).count() == 2


def test_only_administrators_hand_over(api, as_editor, other_api, project):
    for client in (api, as_editor, other_api):
        assert post(client, f"/api/projects/{project.pk}/hand-over/", {"user": "erwin"}).status_code == 404
    project.refresh_from_db()
    assert project.owner.get_username() == "rosalind"


def test_the_page_of_the_administrator(client, root, project, editor):
    client.force_login(root)
    assert "TEM-1" in client.get("/projects/hand-over/?user=rosalind").content.decode()
    wrong = client.post("/projects/hand-over/", {"user": "rosalind", "project": str(project.pk), "to": "nobody"})
    assert wrong.status_code == 400
    client.post("/projects/hand-over/", {"user": "rosalind", "project": str(project.pk), "to": "erwin"})
    project.refresh_from_db()
    assert project.owner == editor
    assert body(client_of(root).get("/api/projects/"))["results"] == [], "an administrator still sees nothing of it"
