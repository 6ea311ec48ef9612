"""Administrators list users, set passwords, deactivate, activate and delete: by command and on the admin's pages."""

from __future__ import annotations

import io

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from jobs.models import ApiToken, Context, Item, Job
from tests.helpers import body, submit

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("e1_user", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def root():
    return User.objects.create_superuser("root", password="a long password 57")


@pytest.fixture
def admin(root, client):
    client.force_login(root)
    return client


def test_the_list_shows_role_state_and_work(root, person, api):
    submit(api)
    User.objects.filter(pk=person.pk).update(is_active=False)
    lines = run("list").splitlines()
    assert lines[0] == "root: administrator, active, no login yet, 0 jobs, 0 tokens"
    assert lines[1] == "rosalind: user, deactivated, no login yet, 1 job, 1 token"


@pytest.mark.parametrize("revoke", [False, True])
def test_a_new_password_ends_sessions_and_locks(person, api, browser, revoke):
    for _ in range(6):
        Client().post("/login/", {"username": "rosalind", "password": "wrong"})
    said = run("password", "rosalind", *(["--revoke-tokens"] if revoke else []))
    password = said.split()[1]
    assert browser.get("/").status_code == 302, "the session has ended"
    assert not AccessAttempt.objects.exists()
    login = Client().post("/login/", {"username": "rosalind", "password": password})
    assert login.status_code == 302
    assert Client().post("/login/", {"username": "rosalind", "password": "a long password 51"}).status_code == 200
    assert ("1 API token revoked" in said, "1 API token still valid" in said) == (revoke, not revoke)
    assert api.get("/api/jobs/").status_code == (401 if revoke else 200)


def test_a_given_password_is_checked_and_not_printed(person, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("rosalind\na fine long one 88\n"))
    with pytest.raises(CommandError, match="too similar to the username"):
        run("password", "rosalind", "--password-stdin")
    person.refresh_from_db()
    assert person.check_password("a long password 51")
    assert "a fine long one 88" not in run("password", "rosalind", "--password-stdin")
    person.refresh_from_db()
    assert person.check_password("a fine long one 88")


def test_a_user_is_deactivated_and_comes_back(root, person, api):
    job = body(submit(api))["id"]
    run("deactivate", "rosalind")
    assert (api.get("/api/jobs/").status_code, Job.objects.get(pk=job).state) == (401, "paused")
    run("activate", "rosalind")
    assert (api.get("/api/jobs/").status_code, Job.objects.get(pk=job).state) == (200, "queued")


def test_the_last_administrator_stays(root, person, admin):
    with pytest.raises(CommandError, match="only administrator"):
        run("deactivate", "root")
    admin.post("/admin/auth/user/", {"action": "deactivate", "_selected_action": [root.pk, person.pk]})
    assert list(User.objects.filter(is_active=True)) == [root]
    User.objects.create_superuser("second")
    run("deactivate", "root")
    assert not User.objects.get(username="root").is_active


@pytest.mark.parametrize("what", ["password", "deactivate", "activate", "delete"])
def test_an_unknown_name_is_refused(what, person):
    with pytest.raises(CommandError, match="no user 'rosalynd'"):
        run(what, "rosalynd")


def test_a_user_is_deleted_with_everything_if_that_is_said(root, person, stranger, api, other_api, inline_worker):
    assert submit(api, context=SimpleUploadedFile("h.fasta", b">h\nMKTAYIAKQR\n")).status_code == 202
    submit(other_api)
    inline_worker()
    with pytest.raises(CommandError, match="rosalind has 1 job and 0 campaigns; use `deactivate`"):
        run("delete", "rosalind")
    assert person.is_active
    assert run("delete", "rosalind", "--with-jobs") == "deleted rosalind and 1 job\n"
    assert set(User.objects.values_list("username", flat=True)) == {"root", "james"}
    assert set(Job.objects.values_list("owner__username", flat=True)) == {"james"}
    assert set(Item.objects.values_list("job__owner__username", flat=True)) == {"james"}
    assert not Context.objects.exists()
    assert ApiToken.objects.count() == 1
    User.objects.create_superuser("second")
    assert run("delete", "root") == "deleted root and 0 jobs\n"


def test_the_admin_offers_to_deactivate_a_user_who_has_jobs(admin, root, person, stranger, api):
    job = body(submit(api))["id"]
    page = admin.get(f"/admin/auth/user/{person.pk}/delete/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "rosalind owns 1 job" in text
    assert "e1 user delete rosalind --with-jobs" in text
    assert admin.post(f"/admin/auth/user/{person.pk}/delete/", {"post": "yes"}).status_code == 200
    assert Job.objects.filter(pk=job).exists()

    action = f"/admin/auth/user/{person.pk}/deactivate/"
    assert f'action="{action}"' in text
    assert admin.get(action).status_code == 403
    assert admin.post(action).status_code == 302
    assert (User.objects.get(pk=person.pk).is_active, Job.objects.get(pk=job).state) == (False, "paused")
    assert "deactivated already" in admin.get(f"/admin/auth/user/{person.pk}/delete/").content.decode()

    admin.post("/admin/auth/user/", {"action": "activate", "_selected_action": [person.pk]})
    assert (User.objects.get(pk=person.pk).is_active, Job.objects.get(pk=job).state) == (True, "queued")
    assert admin.post(f"/admin/auth/user/{stranger.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=stranger.pk).exists()


def test_a_superuser_deletes_a_user_with_all_jobs_by_typing_the_name(admin, root, person, stranger, api, other_api):
    submit(api)
    submit(api)
    kept = body(submit(other_api))["id"]
    address = f"/admin/auth/user/{person.pk}/delete/"
    assert "Delete rosalind and 2 jobs" in admin.get(address).content.decode()
    wrong = admin.post(address, {"with_jobs": "james"})
    assert "Nothing is deleted" in wrong.content.decode()
    assert Job.objects.filter(owner=person).count() == 2
    assert User.objects.get(pk=person.pk).is_active
    answer = admin.post(address, {"with_jobs": "rosalind"}, follow=True)
    assert "The user rosalind is deleted, with 2 jobs and all results." in answer.content.decode()
    assert not User.objects.filter(username="rosalind").exists()
    assert [str(job.pk) for job in Job.objects.all()] == [kept]
    assert LogEntry.objects.filter(user=root, action_flag=DELETION, object_repr="rosalind").count() == 1


def test_nobody_deletes_the_last_administrator_or_does_it_without_the_right(admin, root, person, browser, stranger):
    Job.objects.create(owner=root, model="e1-demo", action="encode", params={})
    answer = admin.post(f"/admin/auth/user/{root.pk}/delete/", {"with_jobs": "root"})
    assert "only administrator" in answer.content.decode()
    assert User.objects.get(pk=root.pk).is_active
    assert Job.objects.filter(owner=root).exists()
    assert not LogEntry.objects.exists()
    Job.objects.create(owner=stranger, model="e1-demo", action="encode", params={})
    assert browser.post(f"/admin/auth/user/{stranger.pk}/delete/", {"with_jobs": "james"}).status_code == 302
    assert User.objects.filter(pk=stranger.pk).exists()


def test_the_action_that_would_list_every_row_is_away(admin, person):
    assert 'value="delete_selected"' not in admin.get("/admin/auth/user/").content.decode()


def test_only_administrators_deactivate(person, browser, stranger):
    assert browser.post(f"/admin/auth/user/{stranger.pk}/deactivate/").status_code == 302
    assert User.objects.get(pk=stranger.pk).is_active
