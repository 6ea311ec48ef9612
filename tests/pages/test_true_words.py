"""Pages say what is so: contexts, records, names of formats, attributions, and where a password lies."""

from __future__ import annotations

import pytest
from django.test import Client

from jobs.contexts.services import context_set_create
from jobs.models import Job
from jobs.templatetags.problems import coded
from tests.factories import SHORT, finished
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db

CONTEXTS = [["MKTAYIAK"], ["ACDEFGH", "MKT"]]


@pytest.mark.slow
@pytest.mark.parametrize("action", ["encode", "log_prob", "score", "scan", "contacts"])
def test_the_page_of_an_item_names_the_contexts_it_was_computed_with(api, browser, person, inline_worker, action):
    context_set_create(owner=person, name="family", contexts=CONTEXTS, provenance={})
    item = {"variant": "M1A"} if action == "score" else {"sequence": SHORT}
    params = {"contexts": [{"set": "family"}], **({"parent": SHORT} if action == "score" else {})}
    job = finished(api, inline_worker, action, [item], **params)
    page = browser.get(f"/jobs/{job['id']}/items/0/")
    assert "2 contexts of the set family : 3 sequences, 18 residues" in text_of(page)
    assert 'href="/contexts/sets/family/"' in page.content.decode()
    assert "No context sequences" not in text_of(page)


def test_an_item_without_contexts_says_so(api, browser, inline_worker):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    assert "No context sequences." in text_of(browser.get(f"/jobs/{job['id']}/items/0/"))


def test_perplexity_says_what_it_is(api, browser, inline_worker):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    text = text_of(browser.get(f"/jobs/{job['id']}/items/0/"))
    assert "of the unmasked pass" in text
    assert "20 a guess" not in text


def test_records_count_from_1_and_formats_have_their_names(api, browser):
    job = body(submit(api, b">a\nMKT\n>b\nMK1\n", on_invalid="skip"))
    page = job["links"]["page"]
    text = text_of(browser.get(page))
    assert "b record 2" in text
    assert "#1" not in text
    assert "Parquet A table" in text
    assert "HDF5 Arrays" in text
    assert "record 2" in text_of(browser.get(f"{page}items/1/"))


def test_nothing_is_computed_by_a_network_before_it_is(browser):
    for address in ("/login/", "/", "/jobs/new/", "/service/"):
        text = text_of((Client() if address == "/login/" else browser).get(address))
        assert "Computed by" not in text
        assert text.count("neither endorses nor supports it") == 1, address
        assert "Built with Profluent-E1" in text


def test_the_disclaimer_is_on_a_page_once(api, browser, inline_worker):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    for address in (f"/jobs/{job['id']}/", f"/jobs/{job['id']}/items/0/"):
        text = text_of(browser.get(address))
        assert text.count("neither endorses nor supports it") == 1
        assert text.count("not E1-600M") >= 1


@pytest.mark.parametrize(
    ("host", "address", "told"),
    [
        ("localhost:8000", "127.0.0.1", True),
        ("127.0.0.1:8000", "::1", True),
        ("lab-server:8000", "127.0.0.1", False),
        ("localhost:8000", "192.168.1.7", False),
    ],
)
def test_only_this_machine_is_told_where_the_first_password_lies(settings, host, address, told):
    settings.ALLOWED_HOSTS = ["*"]
    page = Client().get("/login/", HTTP_HOST=host, REMOTE_ADDR=address)
    assert ("admin-password" in page.content.decode()) == told


def test_an_open_page_is_loaded_again_once_there_is_a_result(api, browser, inline_worker):
    job = body(submit(api, b"variant\nM1A\n", "v.csv", action="score", params=f'{{"parent": "{SHORT}"}}'))
    for address in (f"/jobs/{job['id']}/items/0/", f"/jobs/{job['id']}/variants/"):
        assert 'id="not-yet"' in browser.get(address).content.decode()
        assert browser.get(address, headers={"HX-Target": "not-yet"}).status_code == 204
    inline_worker()
    for address in (f"/jobs/{job['id']}/items/0/", f"/jobs/{job['id']}/variants/"):
        assert browser.get(address, headers={"HX-Target": "not-yet"})["HX-Refresh"] == "true"
        assert 'id="not-yet"' not in browser.get(address).content.decode()


def test_words_between_backticks_are_code():
    assert coded("Send it in `file`.") == "Send it in <code>file</code>."
    assert coded("<b> `<i>`") == "&lt;b&gt; <code>&lt;i&gt;</code>"
    assert coded("one ` alone") == "one ` alone"


def test_code_is_shown_as_code(api, browser):
    submit(api, b">a\nMKT?YI\n", action="predict")
    for address in ("/jobs/new/", f"/jobs/{Job.objects.get().pk}/"):
        page = browser.get(address)
        assert "where the sequence has <code>?</code>" in page.content.decode()
        assert "`" not in text_of(page)
