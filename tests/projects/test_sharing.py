"""Who sees and changes what in a shared project. `tests/security/test_matrix.py` walks every route in every role."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from jobs.api import events
from jobs.contexts.params import with_stored
from jobs.contexts.selectors import context_set_of, context_set_sequences
from jobs.errors import InvalidInput, NotFound
from jobs.maps.services import analyses_of, analysis_request, comparable_jobs, library_of
from jobs.models import Artefact, Job, Project, ProjectMember, Quota
from jobs.models.projects import Role
from jobs.quotas.usage import use_of
from tests.helpers import body, client_of, post, submit, submit_items, upload_columns

pytestmark = pytest.mark.django_db


def patch(client, job, **data):
    return client.patch(f"/api/jobs/{job.pk}/", data, format="json")


def test_viewers_read_and_never_change(as_viewer, job):
    assert body(as_viewer.get(f"/api/jobs/{job.pk}/items/"))["results"]
    refused = patch(as_viewer, job, name="mine now")
    assert (refused.status_code, refused.json()["code"]) == (403, "read_only")
    job.refresh_from_db()
    assert job.name != "mine now"


def test_editors_rename_and_cancel_but_do_not_delete(as_editor, job):
    assert patch(as_editor, job, name="TEM-1 library").status_code == 200
    refused = as_editor.delete(f"/api/jobs/{job.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    assert as_editor.post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    assert Job.objects.filter(pk=job.pk).exists()


def test_strangers_get_404_and_lists_hold_nothing_of_others(other_api, as_viewer, job):
    assert other_api.get(f"/api/jobs/{job.pk}/").status_code == 404
    assert other_api.get(f"/api/jobs/?project={job.project_id}").status_code == 404
    assert body(as_viewer.get("/api/jobs/"))["results"] == [], "the list without a project is one's own"


def test_access_ends_when_a_member_is_removed_also_in_a_running_stream(api, as_viewer, viewer, job, monkeypatch):
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(events, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(events, "LONGEST_STREAM_SECONDS", 5.0)
    stream = events.ticks(job.pk, viewer)
    assert next(stream).startswith(b"event: tick")
    assert api.delete(f"/api/projects/{job.project_id}/members/vera/").status_code == 204
    left = [event for event in stream if not event.startswith(b":")]  # a slow machine gets comments
    assert left == [b"event: done\ndata: {}\n\n"]
    assert as_viewer.get(f"/api/jobs/{job.pk}/").status_code == 404


def test_only_the_owner_lets_others_in(api, as_editor, stranger, project):
    members = f"/api/projects/{project.pk}/members/"
    refused = post(as_editor, members, {"user": "james", "role": "edit"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    shared = post(api, members, {"user": "james"}).json()
    assert [(one["user"], one["role"]) for one in shared["results"]] == [("erwin", "edit"), ("james", "view")]
    assert post(api, members, {"user": "nobody"}).json()["code"] == "no_such_user"
    assert post(api, members, {"user": "rosalind"}).json()["code"] == "is_the_owner"
    User.objects.filter(pk=stranger.pk).update(is_active=False)
    assert post(api, members, {"user": "james", "role": "edit"}).json()["code"] == "no_such_user"


def test_a_link_makes_readers_until_it_is_revoked(api, other_api, project, stranger):
    url = api.post(f"/api/projects/{project.pk}/link/").json()["url"]
    token = url.rstrip("/").rpartition("/")[2]
    assert not Project.objects.filter(link_digest__contains=token).exists(), "only a digest is stored"
    joined = post(other_api, "/api/projects/join/", {"token": token})
    assert (joined.status_code, joined.json()["access"]) == (200, "view")
    member = ProjectMember.objects.get(project=project, user=stranger)
    assert (member.role, member.by_link) == ("view", True)
    ProjectMember.objects.filter(pk=member.pk).update(role=Role.EDIT)
    post(other_api, "/api/projects/join/", {"token": token})
    member.refresh_from_db()
    assert member.role == "edit", "the link takes nothing away"
    assert api.delete(f"/api/projects/{project.pk}/link/").status_code == 204
    late = client_of(User.objects.create_user("late"))
    assert post(late, "/api/projects/join/", {"token": token}).json()["code"] == "no_such_link"
    assert api.post(f"/api/projects/{project.pk}/link/").json()["url"] != url


def test_following_a_link_changes_nothing_before_the_button(api, other_browser, project, stranger):
    url = api.post(f"/api/projects/{project.pk}/link/").json()["url"].removeprefix("http://testserver")
    assert "TEM-1" in other_browser.get(url).content.decode()
    assert not ProjectMember.objects.exists()
    assert other_browser.post(url).status_code == 302
    assert ProjectMember.objects.get().user == stranger


def test_an_editor_cannot_carry_others_jobs_to_other_people(as_editor, editor, job, project):
    own = Project.objects.create(owner=editor, name="elsewhere")
    refused = patch(as_editor, job, project=str(own.pk))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
    job.refresh_from_db()
    assert job.project_id == project.pk


def test_an_editor_moves_between_projects_of_one_owner_and_out(as_editor, editor, job, person):
    second = Project.objects.create(owner=person, name="second")
    assert patch(as_editor, job, project=str(second.pk)).json()["code"] == "unknown_project"
    ProjectMember.objects.create(project=second, user=editor, role=Role.EDIT)
    assert patch(as_editor, job, project=str(second.pk)).json()["project"] == str(second.pk)
    assert patch(as_editor, job, project=None).status_code == 200
    assert as_editor.get(f"/api/jobs/{job.pk}/").status_code == 404


def test_what_a_member_submits_counts_for_the_member(as_editor, editor, person, project):
    before = use_of(person.pk).stored_bytes
    made = submit_items(as_editor, [{"sequence": "MKTAYI"}], project=str(project.pk)).json()
    assert made["owner"] == "erwin"
    assert use_of(person.pk).stored_bytes == before
    assert use_of(editor.pk).stored_bytes > 0


def test_a_column_that_an_editor_adds_counts_for_the_editor(as_editor, editor, person, job):
    class Library:
        pass

    Library.job = job
    before = use_of(person.pk).stored_bytes, use_of(editor.pk).stored_bytes
    assert upload_columns(as_editor, Library, "index,family\n0,beta\n").status_code == 201
    assert use_of(person.pk).stored_bytes == before[0]
    assert use_of(editor.pk).stored_bytes > before[1]
    Quota.objects.update_or_create(user=editor, defaults={"stored_bytes": 1})
    assert upload_columns(as_editor, Library, "index,other\n0,beta\n").status_code == 413


def test_a_comparison_shows_names_only_to_those_who_may_see_both_jobs(
    api, as_viewer, viewer, person, job, inline_worker
):
    private = Job.objects.get(pk=body(submit(api, b">secret-enzyme\nMKTAYIAKQR\n"))["id"])
    inline_worker()
    analysis_request(job=job, kind="neighbours", params={"against": str(private.pk), "k": 1}, by=person)
    found = Artefact.objects.get(job=job, kind="neighbours")
    assert list(analyses_of(job, person)) == [found]
    assert list(analyses_of(job, viewer)) == []
    assert as_viewer.get(f"/api/jobs/{job.pk}/artefacts/{found.pk}/").status_code == 404
    assert as_viewer.get(f"/api/jobs/{job.pk}/analyses/{found.pk}/").status_code == 404
    assert comparable_jobs(job, viewer) == []
    with pytest.raises(InvalidInput, match="you have no job"):
        library_of(job, viewer, str(private.pk), -1)
    private.delete()
    assert list(analyses_of(job, person)) == [found], "the one who asked keeps it"
    assert list(analyses_of(job, viewer)) == []


def test_a_digest_opens_a_context_only_where_it_may_be_read(api, viewer, stranger, project):
    post(api, "/api/contexts/", {"name": "family", "contexts": [["MKTAYI"]]})
    digest = body(api.get("/api/contexts/family/"))["contexts"][0]["digest"]
    for user in (viewer, stranger):
        with pytest.raises(InvalidInput):
            with_stored([{"digest": digest}], user)
    post(api, f"/api/projects/{project.pk}/add/", {"contexts": ["family"]})
    assert with_stored([{"digest": digest}], viewer) == [["MKTAYI"]]
    assert context_set_sequences(viewer, "family") == [("MKTAYI",)]
    with pytest.raises(InvalidInput):
        with_stored([{"digest": digest}], stranger)
    with pytest.raises(NotFound):
        context_set_of(stranger, "family")


def test_ones_own_set_goes_before_a_shared_one_of_the_same_name(api, as_viewer, viewer, project):
    post(api, "/api/contexts/", {"name": "family", "contexts": [["MKTAYI"]]})
    post(api, f"/api/projects/{project.pk}/add/", {"contexts": ["family"]})
    post(as_viewer, "/api/contexts/", {"name": "family", "contexts": [["ACDEF"]]})
    assert context_set_sequences(viewer, "family") == [("ACDEF",)]


def test_a_members_page_offers_only_what_the_member_may_do(viewer, editor, job, client):
    for user, may in ((viewer, False), (editor, True)):
        client.force_login(user)
        text = client.get(reverse("job-page", args=[job.pk])).content.decode()
        assert ('value="rename"' in text) is may
        assert 'value="delete"' not in text
        page = client.get(reverse("project-page", args=[job.project_id])).content.decode()
        assert ('value="change"' in page) is may
        assert 'value="share"' not in page


def test_no_page_names_a_project_that_is_no_longer_open(person, editor, as_editor, client, project):
    made = submit_items(as_editor, [{"sequence": "MKTAYI"}], project=str(project.pk)).json()
    ProjectMember.objects.filter(user=editor).delete()
    Project.objects.filter(pk=project.pk).update(name="renamed-secret")
    client.force_login(editor)
    assert "renamed-secret" not in client.get(reverse("job-page", args=[made["id"]])).content.decode()
    assert "renamed-secret" not in client.get(f"/?project={project.pk}").content.decode()
