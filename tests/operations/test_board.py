"""The page of operations: everyone's work, people and workers, for administrators only."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from jobs.fleet import workers
from jobs.models import Job, Worker
from jobs.operations import board
from jobs.queue.losses import leases_reap
from tests.factories import claim, expire, ids, make_job, record
from tests.helpers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db):
    user = User.objects.create_superuser("root", password="a long password 52")
    client = Client()
    client.force_login(user)
    return client


def test_it_is_for_administrators_only(browser, admin, person):
    job = make_job(person, [record(0)])
    assert browser.get("/operations/").status_code == 404
    assert browser.post(f"/operations/jobs/{job.pk}/act/", {"do": "cancel"}).status_code == 404
    assert Job.objects.get(pk=job.pk).state == "queued"
    assert Client().get("/operations/").status_code == 302
    assert admin.get("/operations/").status_code == 200
    assert "/operations/" not in browser.get("/").content.decode()
    assert "/operations/" in admin.get("/").content.decode()


def test_work_of_everyone_with_its_expected_end(admin, person, stranger, inline_worker):
    first = make_job(person, [record(n, "M" * 100) for n in range(400)], name="large library")
    make_job(stranger, [record(0)], name="small one")
    jobs, total = board.open_jobs()
    assert ([job.name for job in jobs], total) == (["large library", "small one"], 2)
    assert 0 < jobs[1].ends_in < jobs[0].ends_in
    rows = board.shares(jobs)
    assert [(row.owner, row.jobs) for row in rows] == [("rosalind", 1), ("james", 1)]
    assert rows[0].ends_in == jobs[0].ends_in
    text = text_of(admin.get("/operations/"))
    for words in ("large library", "small one", "rosalind", "james", "0 of 400"):
        assert words in text
    assert "in a few seconds" in text or "in about" in text, "by the rate of this machine"
    assert f'href="/jobs/{first.pk}/' not in admin.get("/operations/").content.decode()  # others' results stay theirs


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [("pause", "queued", "paused"), ("resume", "paused", "queued"), ("cancel", "queued", "cancelled")],
)
def test_anyones_job_can_be_changed(admin, person, act, before, after):
    job = make_job(person, [record(0)], name="theirs")
    Job.objects.filter(pk=job.pk).update(state=before)
    answer = admin.post(f"/operations/jobs/{job.pk}/act/", {"do": act}, follow=True)
    assert Job.objects.get(pk=job.pk).state == after
    assert "theirs of rosalind" in text_of(answer)


def test_a_reload_of_a_change_leads_to_the_page(admin, person):
    job = make_job(person, [record(0)])
    answer = admin.get(f"/operations/jobs/{job.pk}/act/")
    assert (answer.status_code, answer["Location"]) == (302, "/operations/")
    assert admin.put(f"/operations/jobs/{job.pk}/act/").status_code == 405


def test_a_change_that_is_too_late_is_told(admin, person):
    job = make_job(person, [record(0)])
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    text = text_of(admin.post(f"/operations/jobs/{job.pk}/act/", {"do": "cancel"}, follow=True))
    assert "The job is over: it is succeeded" in text


def test_changes_ask_first(admin, person):
    make_job(person, [record(0)])
    html = admin.get("/operations/").content.decode()
    (form,) = re.findall(r"<details[^>]*>(?:(?!</details>).)*operations/jobs(?:(?!</details>).)*</details>", html, re.S)
    assert "Cancel for good" in form
    assert "<details open" not in html


def test_workers_show_rate_and_last_error(admin, person, inline_worker):
    job = make_job(person, [record(0)])
    claim(ids(job), worker="inline")
    expire(ids(job))
    leases_reap()
    assert "the worker process died or hung" in Worker.objects.get().last_error
    text = text_of(admin.get("/operations/"))
    assert "10,000 tokens/s" in text
    assert "the worker process died or hung" in text


def test_a_bundle_that_was_only_claimed_leaves_no_error(person, inline_worker):
    from jobs.queue import leases

    job = make_job(person, [record(0)])
    leases.chunks_claim(chunk_ids=ids(job), worker="inline")
    expire(ids(job))
    leases_reap()
    assert Worker.objects.get().last_error == ""


def test_why_a_worker_is_sick_goes_before_its_last_error(admin):
    workers.worker_starting(name="w@gpu", model="e1-demo")
    workers.worker_failed(name="w@gpu", reason="an old error")
    workers.worker_sick(name="w@gpu", reason="the weights are damaged")
    text = text_of(admin.get("/operations/"))
    assert "the weights are damaged" in text
    assert "an old error" not in text


def test_people_show_what_they_keep(admin, person):
    make_job(person, [record(n, "M" * 1000) for n in range(8)])
    people = {one.name: one for one in board.people()}
    assert people["rosalind"].stored_bytes > 8000
    assert people["root"].superuser
    assert "rosalind" in text_of(admin.get("/operations/"))


def test_a_person_is_added_with_a_password_that_is_shown_once(admin):
    answer = admin.post("/operations/", {"name": "barbara", "email": "barbara@example.org", "password": ""})
    shown = re.search(r'id="new-password"[^>]*>([^<]+)<', answer.content.decode())[1]
    user = User.objects.get(username="barbara")
    assert (user.email, user.is_superuser, user.is_staff) == ("barbara@example.org", False, False)
    assert authenticate(RequestFactory().post("/login/"), username="barbara", password=shown) == user
    assert shown not in admin.get("/operations/").content.decode()


def test_a_given_password_is_not_shown(admin):
    answer = admin.post("/operations/", {"name": "barbara", "email": "", "password": "maize and transposons"})
    assert answer.status_code == 200
    assert "maize and transposons" not in answer.content.decode()
    assert User.objects.get(username="barbara").check_password("maize and transposons")


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "root"}, 409, "There is a user 'root' already"),
        ({"name": ""}, 400, "cannot be blank"),
        ({"name": "two words"}, 400, "Enter a valid username"),
        ({"name": "barbara", "email": "nowhere"}, 400, "valid email address"),
        ({"name": "barbara", "password": "12345"}, 400, "too short"),
    ],
)
def test_what_cannot_be_added_is_told_and_kept_in_the_form(admin, fields, status, words):
    answer = admin.post("/operations/", fields)
    assert (answer.status_code, User.objects.count()) == (status, 1)
    assert words in text_of(answer)
    if fields["name"]:
        assert f'value="{fields["name"]}"' in answer.content.decode()
