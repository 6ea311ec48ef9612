"""Access: tokens, logins, sessions, and the headers that protect browsers."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from e1site.defaults import cookie_name
from jobs.accounts.tokens import token_create, token_revoke
from jobs.models import ApiToken
from tests.helpers import body, submit

pytestmark = pytest.mark.django_db


def with_token(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_key_is_nowhere_in_the_database(person):
    key = token_create(owner=person, name="laptop", days=90)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM jobs_apitoken t")
        ((row,),) = cursor.fetchall()
    assert key not in row
    assert key[:8] in row, "the beginning tells tokens apart"
    assert re.fullmatch("[0-9a-f]{64}", key)


def test_the_last_use_is_written_at_most_once_a_minute(person):
    client = with_token(token_create(owner=person, name="laptop", days=None))
    assert client.get("/api/jobs/").status_code == 200
    first = ApiToken.objects.get().last_used
    assert first is not None
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get("/api/jobs/").status_code == 200
    assert not [q for q in queries.captured_queries if q["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert len([q for q in queries.captured_queries if "jobs_apitoken" in q["sql"]]) == 1
    ApiToken.objects.update(last_used=first - timedelta(seconds=61))
    client.get("/api/jobs/")
    assert ApiToken.objects.get().last_used > first


def test_an_expired_token_is_refused_and_stays_to_be_seen(person):
    key = token_create(owner=person, name="old", days=90)
    client, browser = with_token(key), Client()
    assert client.get("/api/jobs/").status_code == 200
    ApiToken.objects.update(expiry=timezone.now())
    response = client.get("/api/jobs/")
    assert (response.status_code, body(response)["code"]) == (401, "authentication_failed")
    assert "expired" in body(response)["detail"]
    browser.force_login(person)
    assert 'class="state failed">expired<' in browser.get("/account/tokens/").content.decode()


def test_a_revoked_token_is_refused_at_once(person):
    key = token_create(owner=person, name="lost", days=None)
    client = with_token(key)
    assert client.get("/api/jobs/").status_code == 200
    token_revoke(owner=person, digest=ApiToken.objects.get().digest)
    assert client.get("/api/jobs/").status_code == 401


@pytest.mark.parametrize("life", ["90", "365", "never"])
def test_the_end_is_chosen_when_a_token_is_made(person, life):
    browser = Client()
    browser.force_login(person)
    page = browser.post("/account/tokens/", {"name": "notebook", "life": life}).content.decode()
    token = ApiToken.objects.get()
    days = None if token.expiry is None else round((token.expiry - timezone.now()) / timedelta(days=1))
    assert days == (None if life == "never" else int(life))
    assert f"<code>{token.token_key}…</code>" in page
    assert token.digest[:20] not in re.sub(r"/account/tokens/\w+/revoke/", "", page)


@pytest.mark.parametrize(
    "header",
    ["Token \xff\xfe", "Token " + "a" * 10_000, "Token \x00" + "0" * 63, "Token ' OR 1=1--", "Token a b", "Token",
     "Token " + "\uff10" * 64, "Basic cm9vdDpyb290", "Bearer x", "\x00", " ", "Token " + "A" * 64],
)  # fmt: skip
def test_odd_headers_are_refused_alike(person, header):
    token_create(owner=person, name="laptop", days=None)
    response = Client().get("/api/jobs/", headers={"Authorization": header.encode().decode("latin-1")})
    assert response.status_code == 401
    assert body(response)["code"] in ("authentication_failed", "not_authenticated")


# --- logins ----------------------------------------------------------------------------------------------------------


def attempt(name="rosalind", password="wrong", address="10.0.0.1", **headers):
    return Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password}, headers=headers)


def test_logins_are_throttled_by_name_and_address(person, stranger):
    for _ in range(4):
        assert attempt().status_code == 200
    locked = attempt()
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert attempt(password="a long password 51").status_code == 429, "the right password does not help now"
    assert attempt(password="a long password 51", address="10.0.0.2").status_code == 302, "nobody else locks her out"
    assert attempt(name="james", password="a long password 53").status_code == 302
    browser = Client(REMOTE_ADDR="10.0.0.1")
    browser.force_login(person)
    assert browser.get("/").status_code == 200, "who is in stays in"


def test_a_login_says_the_same_whether_there_is_such_a_user(person):
    def said(name):
        pages = [attempt(name=name).content.decode() for _ in range(7)]
        return [re.sub(r'value="[^"]*"', "", page) for page in pages]

    assert said("rosalind") == said("nobody-of-that-name")
    assert "Too many attempts" in said("rosalind")[-1]


def test_a_lock_opens_after_a_while_or_by_the_administrator(person):
    from axes.models import AccessAttempt
    from django.core.management import call_command

    for _ in range(6):
        attempt()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert attempt(password="a long password 51").status_code == 302
    for _ in range(6):
        attempt()
    assert attempt(password="a long password 51").status_code == 429
    call_command("axes_reset_username", "rosalind", verbosity=0)
    assert attempt(password="a long password 51").status_code == 302


def test_the_admin_login_is_throttled_too(person):
    for _ in range(5):
        response = Client().post("/admin/login/", {"username": "admin", "password": "x"})
    assert response.status_code == 429


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_counted_before_they_are_tried(person, monkeypatch):
    tried = []

    def check(user, guess, check=User.check_password):
        tried.append(guess)
        threading.Event().wait(0.3)  # a hash takes as long; without a count before it all guesses are in by then
        return check(user, guess)

    monkeypatch.setattr(User, "check_password", check)

    def guess(number):
        try:
            return attempt(password=f"guess {number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(guess, range(30)))
    assert len(tried) <= 5
    assert answers.count(429) >= 25


def test_a_login_clears_the_count(person):
    for _ in range(3):
        for _ in range(4):
            assert attempt().status_code == 200
        assert attempt(password="a long password 51").status_code == 302


# --- changed passwords -----------------------------------------------------------------------------------------------

NEW = {"new_password1": "another long one 77", "new_password2": "another long one 77"}


def test_wrong_old_passwords_count_as_failed_logins(person, browser):
    for _ in range(4):
        answer = browser.post("/account/password/", {"old_password": "guess", **NEW}, REMOTE_ADDR="10.0.0.1")
        assert (answer.status_code, "old_password" in answer.context["form"].errors) == (200, True)
    locked = browser.post("/account/password/", {"old_password": "guess", **NEW}, REMOTE_ADDR="10.0.0.1")
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    right = {"old_password": "a long password 51", **NEW}
    assert browser.post("/account/password/", right, REMOTE_ADDR="10.0.0.1").status_code == 429
    assert attempt(password="a long password 51").status_code == 429, "the count is that of the logins"
    assert browser.post("/account/password/", right, REMOTE_ADDR="10.0.0.2").status_code == 302


def test_the_right_old_password_clears_the_count(person, browser):
    for _ in range(9):
        short = {"old_password": "a long password 51", "new_password1": "x", "new_password2": "x"}
        answer = browser.post("/account/password/", short, REMOTE_ADDR="10.0.0.1")
        assert list(answer.context["form"].errors) == ["new_password2"]


@pytest.mark.parametrize("revoke", [False, True])
def test_a_changed_password_ends_other_sessions_and_offers_to_revoke_tokens(person, stranger, browser, revoke):
    key = token_create(owner=person, name="laptop", days=None)
    token_create(owner=stranger, name="laptop", days=None)
    other = Client()
    other.force_login(person)
    assert "Revoke my API token" in browser.get("/account/password/").content.decode()
    data = {"old_password": "a long password 51", **NEW, **({"revoke": "on"} if revoke else {})}
    answer = browser.post("/account/password/", data, follow=True)
    assert answer.status_code == 200
    assert ("1 API token is revoked" in answer.content.decode()) is revoke
    assert other.get("/").status_code == 302, "the other session has ended"
    assert browser.get("/").status_code == 200
    assert with_token(key).get("/api/jobs/").status_code == (401 if revoke else 200)
    assert ApiToken.objects.filter(user=stranger).count() == 1


def test_no_password_is_kept_of_an_attempt(person):
    attempt(password="my other password")
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(a::text, ' ') FROM axes_accessattempt a")
        assert "my other password" not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("proxies", "header", "seen"),
    [
        (0, "1.2.3.4", "10.0.0.1"),
        (1, "1.2.3.4", "1.2.3.4"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        (2, "1.2.3.4", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "not an address", "10.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_what_a_client_says_of_its_address_is_not_believed(rf, settings, proxies, header, seen):
    from jobs.web.access import client_address

    settings.E1_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)
    assert client_address(request) == seen


def test_a_name_of_odd_characters_is_no_error(person):
    assert attempt(name="\x00").status_code == 400, "no form has a NUL"
    for name in ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 10_000, "' OR 1=1"):
        assert attempt(name=name).status_code == 200
    long = {"User-Agent": "x" * 5000, "Accept": "y" * 5000, "X-Forwarded-For": "z" * 5000}
    assert attempt(**long).status_code == 200


# --- cookies and headers ---------------------------------------------------------------------------------------------


def test_cookies_are_closed_to_scripts_and_other_sites(person):
    response = attempt(password="a long password 51")
    session = response.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    page = Client().get("/login/")
    assert (page.cookies["csrftoken"]["httponly"], page.cookies["csrftoken"]["samesite"]) == (True, "Lax")


def test_behind_tls_cookies_and_browsers_stay_there(person, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    page = Client().get("/login/", secure=True)
    assert page["Strict-Transport-Security"] == "max-age=31536000"
    assert page.cookies["csrftoken"]["secure"]


def test_two_services_on_one_host_have_cookies_of_their_own():
    names = {
        cookie_name("sessionid", service=service, https=https) for service in ("", "e1-a", "e1-b") for https in (0, 1)
    }
    assert len(names) == 6
    assert {"sessionid", "__Host-sessionid"} < names
    assert all(re.fullmatch(r"(__Host-)?sessionid(-[0-9a-f]{8})?", name) for name in names)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Origin": "https://other.example"}, r"sent the form from https://other\.example.*E1_CSRF_TRUSTED_ORIGINS"),
        ({}, "too old"),
    ],
)
def test_a_refused_login_says_what_was_wrong(person, headers, words):
    client = Client(enforce_csrf_checks=True)
    client.get("/login/")
    answer = client.post("/login/", {"csrfmiddlewaretoken": "x" * 32}, headers=headers)
    assert answer.status_code == 403
    text = " ".join(answer.content.decode().split())
    assert re.search(words, text), text
    assert "Nothing was changed" in text


def test_a_login_without_a_cookie_says_so(person):
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "rosalind"})
    assert answer.status_code == 403
    assert "sent no cookie" in answer.content.decode()


def test_probes_answer_under_any_host(person):
    client = Client(headers={"Host": "10.244.0.17:8000"})
    assert client.get("/livez").content == b"ok\n"
    assert client.get("/readyz").status_code in (200, 503)
    assert b"# HELP e1_" in client.get("/metrics").content
    assert client.get("/login/").status_code == client.get("/metrics/").status_code == 400


def test_no_cache_keeps_an_answer_of_the_interface(api, browser, inline_worker):
    job = body(submit(api, action="log_prob"))["id"]
    inline_worker()
    paths = ["/api/jobs/", f"/api/jobs/{job}/", f"/api/jobs/{job}/results/?format=csv", f"/api/jobs/{job}/ledger/"]
    for path in [*paths, "/api/schema/", "/api/docs/", "/api/nothing/", "/api/jobs/?limit=x"]:
        for client in (api, browser, Client()):
            answer = client.get(path)
            kept = {word.strip() for word in answer.get("Cache-Control", "").split(",")}
            assert {"private", "no-store"} <= kept, (path, answer.status_code)
    assert api.post("/api/jobs/", b"{", content_type="application/json")["Cache-Control"] == "private, no-store"
    assert api.get(f"/api/jobs/{job}/events/")["Cache-Control"] == "no-cache", "an event stream"
    assert "no-store" not in Client().get("/livez").get("Cache-Control", "")


ADMIN_PAGES = [
    "admin:index",
    "admin:auth_user_changelist",
    "admin:auth_user_add",
    "admin:axes_accessattempt_changelist",
]


@pytest.mark.parametrize(
    "name", ["job-list-page", "job-new-page", "tokens-page", "openapi-docs", "login", *ADMIN_PAGES]
)
def test_every_page_keeps_the_strict_policy(name, person, api):
    submit(api)
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(person)
    response = browser.get(reverse(name))
    assert response.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    page = response.content.decode()
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|<style|\son\w+=\"|\sstyle=\"", page)
    assert inline == [], "the policy would block it"
