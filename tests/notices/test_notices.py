"""E-mails and browser news about ended jobs: chosen by the user, sent once, tried again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend
from django.db.models import F
from django.utils import timezone

from jobs.models import Job, Mail, NoticeChoice
from jobs.notices import services
from jobs.notices.services import choice_set, mails_send
from jobs.queue import lifecycle
from jobs.tasks import deliver_webhooks
from tests.factories import make_job, record
from tests.helpers import submit_items, text_of

pytestmark = pytest.mark.django_db
ITEMS = [{"sequence": "MKTAYIAKQR"}, {"sequence": "MKTAYIAKQRQISFVK"}]


class Receiver:
    """A mail server. `refusals` are the answers to the next mails, before it takes one."""

    def __init__(self) -> None:
        self.mails: list = []
        self.refusals: list[str] = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refusals:
            return self.refusals.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def smtp(settings, monkeypatch):
    receiver = Receiver()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(receiver, hostname="127.0.0.1", port=port)
    controller.start()
    settings.E1_EMAIL, settings.E1_PUBLIC_URL = True, "https://e1.example.org"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "e1@example.org"
    yield receiver
    controller.stop()


@pytest.fixture
def wanting(person):
    User.objects.filter(pk=person.pk).update(email="rosalind@example.org")
    person.refresh_from_db()
    choice_set(user=person, email="all", browser="off")
    return person


def due_now() -> None:
    Mail.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_mail_says_what_has_ended_with_links(api, wanting, inline_worker, smtp):
    job = submit_items(api, ITEMS, name="TEM-1 library").json()
    inline_worker()
    deliver_webhooks()
    (mail,) = smtp.mails
    assert (mail["To"], mail["From"]) == ("rosalind@example.org", "e1@example.org")
    assert mail["Subject"] == "TEM-1 library: succeeded"
    assert mail["Message-ID"] == f"<{Mail.objects.get().message_id}@e1.example.org>"
    text = mail.get_content()
    assert "2 items: 2 succeeded." in text
    assert f"https://e1.example.org/jobs/{job['id']}/" in text
    assert "https://e1.example.org/account/notifications/" in text


def test_each_end_is_mailed_once(api, wanting, inline_worker, smtp):
    submit_items(api, ITEMS)
    inline_worker()
    for _ in range(3):
        due_now()
        mails_send()
        lifecycle.job_finalise(job_id=Job.objects.get().pk)
    assert len(smtp.mails) == 1


def test_nothing_is_sent_unless_it_was_asked_for(api, person, inline_worker, smtp):
    User.objects.filter(pk=person.pk).update(email="rosalind@example.org")
    submit_items(api, ITEMS)
    inline_worker()
    assert mails_send() == 0
    assert not Mail.objects.exists()


def test_nothing_is_written_without_a_mail_server(api, wanting, inline_worker):
    submit_items(api, ITEMS)
    inline_worker()
    assert not Mail.objects.exists()


@pytest.mark.parametrize(("minutes", "mails"), [(4, 0), (6, 1)])
def test_long_jobs_only(wanting, smtp, minutes, mails, engine_id):
    choice_set(user=wanting, email="long", browser="off")
    job = make_job(wanting, [record(0)])
    Job.objects.update(touched_at=F("touched_at") - timedelta(minutes=minutes))
    job.chunks.update(state="failed", n_failed=1)
    lifecycle.job_finalise(job_id=job.pk)
    assert Mail.objects.count() == mails


def test_jobs_that_their_owner_cancelled_are_not_told(wanting, smtp):
    job = make_job(wanting, [record(0)])
    lifecycle.job_cancel(job_id=job.pk)
    assert Job.objects.get().state == "cancelled"
    assert not Mail.objects.exists()


def test_a_mail_that_is_refused_for_now_is_sent_later_with_the_same_id(api, wanting, inline_worker, smtp):
    submit_items(api, ITEMS)
    inline_worker()
    smtp.refusals = ["451 try again later"]
    assert mails_send() == 1
    mail = Mail.objects.get()
    assert (mail.sent, mail.attempts) == (False, 1)
    assert "451" in mail.reason
    assert mails_send() == 0, "it waits"
    due_now()
    assert mails_send() == 1
    assert [one["Message-ID"] for one in smtp.mails] == [f"<{mail.message_id}@e1.example.org>"]
    assert Mail.objects.get().sent


def test_a_server_that_is_down_is_tried_for_a_day_and_then_given_up(api, wanting, inline_worker, smtp, settings):
    submit_items(api, ITEMS)
    inline_worker()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = closed.getsockname()[1]
        for _ in range(len(services.PAUSES) + 3):
            due_now()
            mails_send()
    mail = Mail.objects.get()
    assert (mail.sent, mail.attempts, mail.next_attempt_at) == (False, len(services.PAUSES) + 1, None)
    assert "does not answer" in mail.reason


def test_an_address_that_does_not_exist_is_given_up_at_once(api, wanting, inline_worker, smtp):
    User.objects.filter(pk=wanting.pk).update(email="nobody@example.org")
    submit_items(api, ITEMS)
    inline_worker()
    mails_send()
    mail = Mail.objects.get()
    assert mail.next_attempt_at is None
    assert "550 no such user" in mail.reason


def test_two_senders_send_a_mail_once(api, wanting, inline_worker, smtp):
    submit_items(api, ITEMS)
    inline_worker()
    assert services._claim() is not None
    assert mails_send() == 0, "another process has it"


def test_mails_of_a_deactivated_user_wait_and_those_of_a_changed_mind_are_gone(api, wanting, inline_worker, smtp):
    submit_items(api, ITEMS)
    inline_worker()
    User.objects.filter(pk=wanting.pk).update(is_active=False)
    assert mails_send() == 0
    User.objects.filter(pk=wanting.pk).update(is_active=True)
    choice_set(user=wanting, email="off", browser="off")
    assert mails_send() == 0
    assert not Mail.objects.exists()


def test_the_page_stores_a_choice_and_lists_mails(browser, person, api, inline_worker, smtp):
    assert "has no e-mail address" in text_of(browser.get("/account/notifications/"))
    User.objects.filter(pk=person.pk).update(email="nobody@example.org")
    answer = browser.post("/account/notifications/", {"email": "all", "browser": "long"}, follow=True)
    assert "Your choice is stored." in text_of(answer)
    choice = NoticeChoice.objects.get()
    assert (choice.email, choice.browser) == ("all", "long")
    submit_items(api, ITEMS, name="TEM-1")
    inline_worker()
    mails_send()
    text = text_of(browser.get("/account/notifications/"))
    assert "TEM-1: succeeded" in text
    assert "given up" in text


def test_a_choice_that_is_not_offered_is_refused(browser):
    answer = browser.post("/account/notifications/", {"email": "hourly", "browser": "off"})
    assert answer.status_code == 400
    assert not NoticeChoice.objects.exists()


def test_news_for_browsers_are_ones_own_and_as_chosen(browser, other_browser, api, person, inline_worker):
    before = timezone.now().isoformat()
    job = submit_items(api, ITEMS, name="TEM-1").json()
    inline_worker()
    address = "/account/notifications/news/"
    assert browser.get(address, {"after": before}).json()["jobs"] == [], "off by default"
    for name, found in (("long", []), ("all", [job["id"]])):
        choice_set(user=person, email="off", browser=name)
        news = browser.get(address, {"after": before}).json()
        assert [one["id"] for one in news["jobs"]] == found
    assert news["jobs"][0] == {
        "id": job["id"], "name": "TEM-1", "state": "succeeded", "url": f"/jobs/{job['id']}/",
    }  # fmt: skip
    assert browser.get(address, {"after": news["until"]}).json()["jobs"] == []
    assert browser.get(address, {"after": "nonsense"}).json()["jobs"] == []
    assert other_browser.get(address, {"after": before}).json()["jobs"] == []
    assert "<job-notices" in browser.get("/").content.decode()
    assert "<job-notices" not in other_browser.get("/").content.decode()


@pytest.mark.parametrize(
    "given", [{}, {"E1_EMAIL_FROM": "a@b.org"}, {"E1_EMAIL_FROM": "a@b.org", "E1_PUBLIC_URL": "b.org"}]
)
def test_half_a_configuration_is_refused(given):
    environment = {**os.environ, "E1_EMAIL_URL": "smtp://127.0.0.1:25", **given}
    done = subprocess.run(
        [sys.executable, "-c", "import e1site.settings"], env=environment, capture_output=True, text=True, check=False
    )
    assert ImproperlyConfigured.__name__ in done.stderr
    assert "E1_EMAIL_URL needs" in done.stderr
