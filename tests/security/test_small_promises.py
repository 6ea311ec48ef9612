"""Promises of docs/asvs.md that have no other test: sessions, passwords, methods, logs, and errors."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import path

from e1site.urls import handler404, handler500, urlpatterns  # noqa: F401 - this module is a table of addresses too
from tests.helpers import ROOT

pytestmark = pytest.mark.django_db
PASSWORD = "a long password 51"


def broken(request):
    raise RuntimeError("the password of the database is hunter2")


urlpatterns = [*urlpatterns, path("broken/", broken), path("api/broken/", broken)]


def login(client: Client, password: str = PASSWORD, name: str = "rosalind"):
    return client.post("/login/", {"username": name, "password": password})


def test_a_login_begins_a_new_session_and_a_logout_ends_it_at_the_server(person, browser):
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    assert login(client).status_code == 302
    used = client.cookies["sessionid"].value
    assert used != planted
    assert not Session.objects.filter(session_key=planted).exists()
    assert client.get("/").status_code == 200

    assert client.post("/logout/").status_code == 302
    assert not Session.objects.filter(session_key=used).exists()
    client.cookies["sessionid"] = used
    assert client.get("/").status_code == 302, "the old cookie opens nothing"


@pytest.mark.parametrize(
    "password", ["x" * 128, "all lower case words", " spaces count ", "Ünïcödé-Wörter-9", "0" * 30 + "a"]
)
def test_any_long_password_is_taken_exactly_as_typed(person, browser, password):
    data = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert browser.post("/account/password/", data).status_code == 302
    assert login(Client(), password).status_code == 302
    for other in (password[:72] + "y" if len(password) > 72 else password.upper(), password.strip() + "!"):
        assert login(Client(), other).status_code == 200


@pytest.mark.parametrize("place", ["https://elsewhere.example.org/", "//elsewhere.example.org", "javascript:alert(1)"])
def test_a_login_leads_to_no_other_host(person, place):
    answer = Client().post("/login/", {"username": "rosalind", "password": PASSWORD, "next": place})
    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize("password", ["short 7", "password123", "rosalind1"])
def test_short_common_and_similar_passwords_are_refused(person, browser, password):
    data = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert browser.post("/account/password/", data).status_code == 200
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)


@pytest.mark.parametrize(("address", "fields"), [("/login/", 1), ("/account/password/", 3)])
def test_password_fields_are_masked_and_take_password_managers(person, browser, address, fields):
    page = (Client() if address == "/login/" else browser).get(address).content.decode()
    found = re.findall(r'<input[^>]*type="password"[^>]*>', page)
    assert len(found) == fields
    for field in found:
        assert re.search(r'autocomplete="(current|new)-password"', field)
        assert not re.search("onpaste|maxlength|readonly", field)


def test_passwords_are_stored_by_a_slow_hash():
    """In a process of its own, because tests hash fast."""
    code = (
        "import django; django.setup(); from django.contrib.auth.hashers import get_hasher; h = get_hasher(); "
        "print(h.algorithm, h.iterations)"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "e1site.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    algorithm, iterations = done.stdout.split()
    assert algorithm == "pbkdf2_sha256"
    assert int(iterations) >= 600_000


@pytest.mark.parametrize("address", ["/", "/login/", "/api/jobs/", "/livez", "/admin/login/"])
def test_trace_answers_nothing_that_was_sent(person, browser, address):
    answer = browser.generic("TRACE", address, headers={"X-Secret": "hunter2"})
    assert b"hunter2" not in answer.content
    assert answer.status_code in (302, 401, 403, 404, 405)


@pytest.mark.urls("tests.security.test_small_promises")
@pytest.mark.parametrize("address", ["/broken/", "/api/broken/"])
def test_an_unexpected_error_reveals_nothing_and_is_logged(person, browser, address, caplog):
    browser.raise_request_exception = False
    answer = browser.get(address)
    assert answer.status_code == 500
    for secret in (b"hunter2", b"RuntimeError", b"Traceback", b"test_small_promises"):
        assert secret not in answer.content
    assert any(record.exc_info and "hunter2" in str(record.exc_info[1]) for record in caplog.records)


@pytest.mark.parametrize("address", ["/nothing%0d%0aINFO%20forged", "/api/jobs/%0aforged/", "/jobs/x%1b[2Jforged/"])
def test_a_request_cannot_write_lines_of_its_own_into_the_log(person, browser, address, caplog):
    caplog.set_level(logging.INFO)
    browser.get(address)
    lines = [record.getMessage() for record in caplog.records if "forged" in record.getMessage()]
    assert lines
    assert all(line.isprintable() for line in lines)


def test_no_answer_opens_the_service_to_other_origins(person, browser):
    for address in ("/", "/login/", "/api/jobs/", "/api/schema/", "/livez"):
        answer = browser.get(address, headers={"Origin": "https://elsewhere.example.org"})
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("address", ["/static/", "/static/jobs/", "/static/jobs/../../settings.py", "/static/%2e%2e/"])
def test_no_folder_is_listed(address):
    assert Client().get(address).status_code == 404
