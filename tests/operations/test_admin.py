"""The admin: only for superusers, under the strict policy, with quotas, use, drain and queues."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User

from jobs.models import Job, Quota, Worker
from tests.helpers import submit_items

pytestmark = pytest.mark.django_db

PAGES = [
    "/admin/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/jobs/job/",
    "/admin/jobs/worker/",
    "/admin/jobs/worker/queues/",
]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("root", password="a long password 57"))
    return client


@pytest.fixture
def job(api, inline_worker):
    answer = submit_items(api, [{"sequence": "MKTA"}] * 9, name="<b>mine</b>")
    return Job.objects.get(pk=answer.json()["id"])


def test_staff_see_every_page_and_none_breaks_the_policy(staff, job, person):
    pages = [*PAGES, f"/admin/jobs/job/{job.pk}/change/", f"/admin/auth/user/{person.pk}/change/"]
    for path in [*pages, "/admin/jobs/worker/inline/change/"]:
        answer = staff.get(path)
        text = answer.content.decode()
        assert answer.status_code == 200, path
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*(src=|application/json))|<style| style=| on\w+=\"", text), path
        assert "<b>mine" not in text


def test_nobody_else_does(client, person, job):
    client.force_login(person)
    for path in PAGES:
        assert client.get(path).status_code == 302, path


def test_who_may_change_users_makes_no_superuser(client, person):
    """Django's permission to change users also covers the boxes "staff", "superuser", groups and permissions."""
    person.is_staff = True
    person.save()
    person.user_permissions.set(Permission.objects.all())
    client.force_login(person)
    for path in [*PAGES, "/admin/auth/user/?q=x", f"/admin/auth/user/{person.pk}/change/"]:
        assert client.get(path).status_code == 302, path
    client.post(f"/admin/auth/user/{person.pk}/change/", {"username": person.username, "is_superuser": "on"})
    assert not User.objects.get(pk=person.pk).is_superuser
    assert "/admin/" not in client.get("/").content.decode(), "the menu names no page that is closed"


def test_users_show_their_use_and_get_limits(staff, job, person):
    Quota.objects.update_or_create(user=person, defaults={"active_jobs": 3})
    text = staff.get("/admin/auth/user/").content.decode()
    assert "1 of 3" in text
    form = staff.get(f"/admin/auth/user/{person.pk}/change/").context["adminform"].form
    data = {name: value for name, value in form.initial.items() if isinstance(value, str | int | bool) and value}
    data |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "password": person.password}
    data |= {"quota-TOTAL_FORMS": 1, "quota-INITIAL_FORMS": 1, "quota-0-user": person.pk}
    data |= {"quota-0-active_jobs": 7, "quota-0-stored_bytes": 10_000}
    answer = staff.post(f"/admin/auth/user/{person.pk}/change/", data)
    assert answer.status_code == 302, answer.context["errors"]
    quota = Quota.objects.get(user=person)
    assert (quota.active_jobs, quota.stored_bytes, quota.queued_tokens) == (7, 10_000, None)


def test_a_submission_between_a_users_page_and_its_form_is_no_conflict(staff, person):
    Quota.objects.all().delete()
    inline = staff.get(f"/admin/auth/user/{person.pk}/change/").context["inline_admin_formsets"][0].formset
    assert inline.initial_form_count() == Quota.objects.filter(user=person).count() == 1


def test_jobs_are_there_to_look_at(staff, job):
    assert staff.post(f"/admin/jobs/job/{job.pk}/change/", {"name": "other"}).status_code == 403
    assert staff.post(f"/admin/jobs/job/{job.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.get("/admin/jobs/job/add/").status_code == 403
    assert Job.objects.get(pk=job.pk).name == "<b>mine</b>"


def test_workers_are_drained_and_take_work_again(staff, inline_worker):
    for action, draining in (("drain", True), ("undrain", False)):
        staff.post("/admin/jobs/worker/", {"action": action, "_selected_action": ["inline"]})
        assert Worker.objects.get(name="inline").draining is draining


def test_queues_show_what_waits_for_whom(staff, job, person):
    text = staff.get("/admin/jobs/worker/queues/").content.decode()
    assert re.search(rf"{person.username}</th><td>1</td><td>2</td><td>72</td>", text)
    assert "in the broker" in text
    assert "72 tokens are open" in text
