"""Predictions on the page of a model, without scripts: a table with pages, order and search, CSV, and files."""

from __future__ import annotations

import csv
import io
import re

import pytest

from jobs.campaigns import selections
from jobs.limits import PAGE_ROWS
from jobs.models import Campaign, PredictionFile, Project, ProjectMember
from jobs.models.projects import Role
from jobs.models.states import WorkState
from jobs.tasks.turns import turn_take
from tests.campaigns.steps import PARENT, made, some_singles, text_of, trained, upload
from tests.helpers import text_of as shown_text

pytestmark = pytest.mark.django_db

SINGLES = 19 * len(PARENT)
ALL = {"do": "prediction", "what": "all_singles"}
ROW = re.compile(r'<tr><td class="number">([\d,]+)</td><th scope="row">(.*?)</th>')


def table(answer) -> list[tuple[int, str]]:
    """Return rank and variant of each row."""
    html = answer.content.decode()
    return [(int(rank.replace(",", "")), code.replace("<wbr>", "")) for rank, code in ROW.findall(html)]


@pytest.fixture
def model(api) -> str:
    """Return the page of a model that has learnt nothing, which is quick."""
    return trained(api, made(api))["url"].removeprefix("/api")


@pytest.mark.slow
def test_a_list_is_ranked_with_intervals(api, browser):
    url = made(api)
    assert upload(api, url, text_of(some_singles(26))).status_code == 201
    page = trained(api, url)["url"].removeprefix("/api")
    answer = browser.post(page, {"do": "prediction", "what": "variants", "variants": "V17A, K18A\nV17A:K18A"})
    assert [rank for rank, _ in table(answer)] == [1, 2, 3]
    assert {code for _, code in table(answer)} == {"V17A", "K18A", "V17A:K18A"}
    assert len(re.findall(r'<span class="quiet">[^<]+ to [^<]+</span>', answer.content.decode())) == 3
    got = browser.post(page, {"do": "csv", "what": "all_singles"})
    assert "synthetic-model-1-predictions.csv" in got["Content-Disposition"]
    found = list(csv.DictReader(io.StringIO(b"".join(got.streaming_content).decode("utf-8-sig"))))
    assert [int(row["rank"]) for row in found] == list(range(1, SINGLES + 1))
    assert all(float(row["low"]) <= float(row["mean"]) <= float(row["high"]) for row in found)
    refused = browser.post(page, {"do": "prediction", "what": "variants", "variants": "W99A"})
    assert refused.status_code == 400
    assert "W99A" in shown_text(refused)


def test_the_table_has_pages(browser, model):
    answer = browser.post(model, ALL)
    assert f"{SINGLES:,} variants, ranked by the prior." in shown_text(answer)
    assert [rank for rank, _ in table(answer)] == list(range(1, PAGE_ROWS + 1))
    pages = -(-SINGLES // PAGE_ROWS)
    html = answer.content.decode()
    assert f"Page 1 of {pages}" in html
    assert 'form="prediction-form" name="page" value="2">Next page' in html
    second = browser.post(model, {"what": "all_singles", "page": "2"})
    assert [rank for rank, _ in table(second)] == list(range(PAGE_ROWS + 1, 2 * PAGE_ROWS + 1))
    answer = browser.post(model, {"what": "all_singles", "page": str(pages)})
    assert [rank for rank, _ in table(answer)] == list(range(PAGE_ROWS * (pages - 1) + 1, SINGLES + 1))
    assert "Previous page" in answer.content.decode()
    assert "Next page" not in answer.content.decode()


def test_order_and_search(browser, model):
    worst = browser.post(model, {**ALL, "sort": "worst"})
    assert [rank for rank, _ in table(worst)] == list(range(SINGLES, SINGLES - PAGE_ROWS, -1))
    assert '<option value="worst" selected>' in worst.content.decode()
    told = browser.post(model, {**ALL, "sort": "asked"})
    assert [code[:2] for _, code in table(told)[:20]] == ["M3"] * 19 + ["K4"]
    found = browser.post(model, {**ALL, "search": "v17"})
    assert len(table(found)) == 19
    assert "19 of them hold “v17”" in shown_text(found)
    assert table(browser.post(model, {**ALL, "search": "V17", "page": "7"})) == table(found), "there is one page"
    none = browser.post(model, {**ALL, "search": "<b>"})
    assert "No code holds “<b>”" in shown_text(none)
    assert table(none) == []


def test_large_ones_become_a_file_with_its_progress(browser, model, monkeypatch):
    monkeypatch.setattr(selections, "MOST", 100)
    answer = browser.post(model, ALL)
    assert (answer.status_code, answer["Location"]) == (302, f"{model}#prediction-files")
    page = browser.get(model)
    assert 'id="files" data-live' in page.content.decode()
    assert f"queued {SINGLES:,} variants, all single substitutions" in shown_text(page)
    look = {"HX-Request": "true", "HX-Target": "files"}
    first = browser.get(model, headers=look)
    assert "<form" not in first.content.decode()
    assert browser.get(model, headers={**look, "E1-Seen": first["E1-Digest"]}).status_code == 204
    below = browser.post(model, {"do": "prediction", "what": "variants", "variants": "V17A"})
    assert "data-live" not in below.content.decode(), "a reload would send the form again"
    assert "Follow their progress" in shown_text(below)
    while turn_take():
        pass
    assert browser.get(model, headers=look)["HX-Refresh"] == "true"
    html = browser.get(model).content.decode()
    links = re.findall(r'<a href="([^"]+)" download>(CSV|Parquet)</a>', html)
    assert [kind for _, kind in links] == ["CSV", "Parquet"]
    content = b"".join(browser.get(links[0][0]).streaming_content)
    assert content.count(b"\n") == SINGLES + 1


def test_a_file_is_deleted_after_a_question(browser, other_browser, model):
    assert browser.post(model, {**ALL, "do": "file"}).status_code == 302
    found = PredictionFile.objects.get()
    PredictionFile.objects.update(state=WorkState.FAILED, reason="the builder's disk refused to write: full")
    page = browser.get(model)
    assert "failed The builder's disk refused to write: full" in shown_text(page)
    closed = re.search(r"<details><summary>Delete</summary>(.*?)</details>", page.content.decode(), re.DOTALL)
    assert closed
    assert 'value="delete-file"' in closed[1]
    sent = {"do": "delete-file", "file": str(found.pk)}
    assert other_browser.post(model, sent).status_code == 404
    assert browser.post(model, {**sent, "file": "0"}).status_code == 404
    assert PredictionFile.objects.exists()
    assert browser.post(model, sent).status_code == 302
    assert not PredictionFile.objects.exists()


def test_a_file_on_its_way_is_stopped_after_a_question(browser, other_browser, model):
    assert browser.post(model, {**ALL, "do": "file"}).status_code == 302
    found = PredictionFile.objects.get()
    html = browser.get(model).content.decode()
    closed = re.search(r'<details id="ask-stop-\d+"><summary>Stop(.*?)</details>', html, re.DOTALL)
    assert closed
    assert f'form="file-act" name="stop-file" value="{found.pk}"' in closed[1]
    assert 'id="file-act"' in html
    assert other_browser.post(model, {"stop-file": str(found.pk)}).status_code == 404
    assert browser.post(model, {"stop-file": "0"}).status_code == 404
    found.refresh_from_db()
    assert found.state == WorkState.WAITING
    assert browser.post(model, {"stop-file": str(found.pk)}).status_code == 302
    page = browser.get(model)
    assert "failed It was stopped" in shown_text(page)
    assert "ask-stop" not in page.content.decode()
    assert browser.post(model, {"stop-file": str(found.pk)}).status_code == 302, "it has ended"


def test_a_reader_predicts_and_makes_no_file(browser, other_browser, stranger, model):
    project = Project.objects.create(owner=Campaign.objects.get().owner, name="shared")
    Campaign.objects.update(project=project)
    ProjectMember.objects.create(project=project, user=stranger, role=Role.VIEW)
    assert "Make a file" in browser.get(model).content.decode()
    html = other_browser.get(model).content.decode()
    assert "Make a file" not in html
    assert "At most 20,000 variants" in html
    assert len(table(other_browser.post(model, ALL))) == PAGE_ROWS
    assert other_browser.post(model, {**ALL, "do": "file"}).status_code == 403
    assert not PredictionFile.objects.exists()
