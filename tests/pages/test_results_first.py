"""The page of a job begins with its results. What became of its items, and where the numbers come from, follows."""

from __future__ import annotations

import re

import pytest

from jobs.contexts.services import context_set_create
from jobs.models import Job
from jobs.pages import outcome
from tests.factories import SHORT, finished, scored
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db

LIBRARY = (
    b">sp|P62593|BLAT_ECOLX Beta-lactamase TEM OS=Escherichia coli OX=562\nMKTAYIAKQR\n"
    b">WP_1.1 class A beta-lactamase [Klebsiella]\nMKTAYIAKQRQISFVK\n>bad\nMK1\n"
)


def page_of(job: dict) -> str:
    return job["links"]["page"]


def test_a_library_begins_with_its_first_items_and_one_line(api, browser, inline_worker):
    job = body(submit(api, LIBRARY, on_invalid="skip"))
    inline_worker()
    response = browser.get(page_of(job))
    html, text = response.content.decode(), text_of(response)
    sentence = text_of_id(html, "sentence")
    assert re.fullmatch(r"2 succeeded, 1 skipped, \d+ s, e1-demo float32", sentence), sentence
    assert "Beta-lactamase TEM, Escherichia coli" in text
    assert "class A beta-lactamase, Klebsiella" in text
    assert re.search(r"layer 6, norm \d+\.\d{3}: (-?\d+\.\d{3} ){4}…", text)
    order = [html.index(mark) for mark in ('id="sentence"', "norm ", 'id="downloads"', 'id="problems"', 'id="asked"')]
    assert order == sorted(order)
    assert len(re.findall("<details class=.fold", html)) == 4, "failures, provenance, settings and commands are folded"


def text_of_id(html: str, name: str) -> str:
    return re.search(rf'id="{name}">([^<]*)<', html)[1]


def test_the_contexts_are_named_in_the_line(api, browser, inline_worker, person):
    context_set_create(owner=person, name="kaib-1", contexts=[[SHORT]], provenance={})
    job = finished(api, inline_worker, "scan", [{"sequence": SHORT}], contexts=[{"set": "kaib-1"}])
    assert text_of_id(browser.get(page_of(job)).content.decode(), "sentence").endswith("e1-demo float32 under kaib-1")


def test_a_scan_of_one_protein_is_drawn_on_the_page_of_its_job(api, browser, inline_worker):
    job = finished(api, inline_worker, "scan", [{"sequence": SHORT, "name": "p"}], method="wildtype_marginal")
    response = browser.get(page_of(job), {"position": "2"})
    assert b'id="scan"' in response.content
    assert "Position 2 (K), best first" in text_of(response)
    part = browser.get(page_of(job), {"position": "3"}, headers={"HX-Request": "true", "HX-Target": "beside"})
    assert "Position 3 (T), best first" in text_of(part)
    assert b"<html" not in part.content


def test_scores_and_log_probabilities_are_tables(api, browser, inline_worker):
    job = scored(api, inline_worker, ["M1A", "K2R", "M1A:K2R"])
    text = text_of(browser.get(page_of(job)))
    assert "3 variants, best first" in text
    assert "M1A:K2R" in text
    other = body(submit(api, action="log_prob"))
    inline_worker()
    assert "3 sequences, by log-probability per residue" in text_of(browser.get(page_of(other)))


def test_names_are_a_column_only_if_they_say_more_than_the_variants(api, browser, inline_worker):
    head = '<th scope="col">Name</th>'
    job = scored(api, inline_worker, ["M1A", "K2R"])
    assert head not in browser.get(page_of(job)).content.decode()
    items = [{"variant": "M1A", "name": "of plate 7"}, {"variant": "K2R", "name": "K2R"}]
    named = finished(api, inline_worker, "score", items, parent=SHORT)
    page = browser.get(page_of(named))
    assert head in page.content.decode()
    assert "of plate 7" in text_of(page)
    assert "?sort=name" not in browser.get(f"{page_of(job)}variants/").content.decode()
    table = browser.get(f"{page_of(named)}variants/")
    assert "?sort=name" in table.content.decode()
    assert "of plate 7" in text_of(table)


def test_large_jobs_are_ranked_on_their_own_page_only(api, browser, inline_worker, monkeypatch):
    monkeypatch.setattr(outcome, "RANKED", 2)
    monkeypatch.setattr(outcome, "variant_table", lambda _: pytest.fail("it is not read"))
    job = scored(api, inline_worker, ["M1A", "K2R", "M1A:K2R"])
    text = text_of(browser.get(page_of(job)))
    assert "The best" not in text
    assert "Rank the variants" in text


def test_results_that_are_too_large_are_named_without_figures(api, browser, inline_worker, monkeypatch):
    monkeypatch.setattr(outcome, "READ_BYTES", 10)
    job = body(submit(api))
    inline_worker()
    text = text_of(browser.get(page_of(job)))
    assert "3 results one first" in text.replace("Name Record Residues Result ", "")
    assert "norm" not in text


def test_the_results_come_when_the_job_is_finished_and_are_sent_once(api, browser, inline_worker):
    job = body(submit(api))
    asked = {"HX-Request": "true", "HX-Target": "outcome"}
    before = browser.get(page_of(job))
    assert "Results appear here when the job is finished" in text_of(before)
    seen = re.search(r'data-seen="([^"]+)"', before.content.decode())[1]
    assert browser.get(page_of(job), headers={**asked, "E1-Seen": seen}).status_code == 204
    inline_worker()
    part = browser.get(page_of(job), headers={**asked, "E1-Seen": seen})
    assert "norm" in text_of(part)
    assert b"<html" not in part.content
    again = browser.get(page_of(job), headers={**asked, "E1-Seen": part["E1-Digest"]})
    assert again.status_code == 204
    Job.objects.update(state="expired")
    assert browser.get(page_of(job)).status_code == 200


def test_items_count_from_one_on_pages(api, browser, inline_worker):
    job = body(submit(api))
    inline_worker()
    listed = text_of(browser.get(f"{page_of(job)}items/"))
    assert re.search(r"one first 1 1 10", listed), listed
    assert "record 1," in text_of(browser.get(f"{page_of(job)}items/0/"))


def test_masks_are_filled_in_by_probability_and_sent_on(api, browser, inline_worker):
    job = finished(api, inline_worker, "predict", [{"sequence": "MK?AY?AK", "name": "two"}])
    result = api.get(f"{job['url']}items/0/").json()["result"]
    best = "".join(
        result["vocab_tokens"][row.index(max(row))] for row in (result["logits"][at] for at in result["mask_positions"])
    )
    html = browser.get(page_of(job)).content.decode()
    first = f"MK{best[0]}AY{best[1]}AK"
    assert f'id="filled-1">{first}<' in html
    form = browser.get("/jobs/new/", {"filled": job["id"], "item": "0", "action": "encode"}).content.decode()
    assert f"&gt;two_1\n{first}\n" in form
    assert len(re.findall(r"&gt;two_\d+", form)) == 10
    assert browser.get("/jobs/new/", {"filled": job["id"], "item": "5"}).status_code == 404
