"""The downloads that the pages of jobs and items offer: every link works, and files are called after what they hold."""

from __future__ import annotations

import io
import re
from html import unescape

import pandas as pd
import pytest

from jobs.models import Job
from jobs.pages.downloads import downloads_of
from jobs.queue.progress import job_counts
from tests.factories import SHORT, finished, sent
from tests.helpers import body, submit, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings):
    """Places for all downloads of a test: the test client gives none back."""
    settings.E1_DOWNLOADS = settings.E1_USER_DOWNLOADS = 100


def links(html: str, inside: str) -> dict[str, str]:
    """Addresses by the text of each link to a download."""
    part = html.split(inside)[1].split("data-unfold" if "downloads" in inside else "</p>", maxsplit=1)[0]
    return {
        text: unescape(href) for href, text in re.findall(r'href="([^"]+)" download(?:="[^"]*")?>([^<]+)</a>', part)
    }


def name_in(answer) -> str:
    return re.search(r'filename="([^"]+)"', answer["Content-Disposition"])[1]


def bytes_of(answer) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def test_a_job_of_several_tables_has_a_csv_for_each_and_one_workbook(api, browser, inline_worker):
    asked = '{"include": ["mean", "per_token", "logits"]}'
    job = body(submit(api, b">NA\nMKTAYIAKQR\n>p2\nMKT\n", "TEM-1.fasta", params=asked))
    inline_worker()
    found = links(browser.get(job["links"]["page"]).content.decode(), 'id="downloads"')
    del found["Manifest"]
    names, contents = {}, {}
    for text, href in found.items():
        answer = browser.get(href)
        names[text], contents[text] = name_in(answer), bytes_of(answer)
    assert names == {
        "JSONL": "TEM-1-encode.jsonl",
        "CSV: mean": "TEM-1-encode-mean.csv",
        "CSV: per_token": "TEM-1-encode-per_token.csv",
        "CSV: logits": "TEM-1-encode-logits.csv",
        "XLSX": "TEM-1-encode.xlsx",
        "NPZ": "TEM-1-encode.npz",
        "Parquet": "TEM-1-encode.parquet",
        "Ledger": "TEM-1-encode-ledger.csv",
    }
    for name, rows in (("mean", 2), ("per_token", 13), ("logits", 260)):
        data = contents[f"CSV: {name}"]
        assert data.startswith(b"\xef\xbb\xbf"), "Excel sees that it is UTF-8"
        assert len(pd.read_csv(io.BytesIO(data))) == rows
    sheets = pd.read_excel(io.BytesIO(contents["XLSX"]), sheet_name=None, engine="calamine")
    assert {name: len(sheet) for name, sheet in sheets.items() if name != "about"} == {
        "mean": 2,
        "per_token": 13,
        "logits": 260,
    }
    text = text_of(browser.get(job["links"]["page"]))
    assert "a row for each residue." in text
    assert "a row for each item and residue and amino acid at a position, in sheets." in text


@pytest.mark.parametrize(
    ("action", "params", "title", "rows"),
    [
        ("scan", {"method": "wildtype_marginal"}, "CSV, a row for each substitution", 200),
        ("contacts", {}, "CSV, a row for each pair of residues", 45),
        ("predict", {}, "CSV, a row for each amino acid at a position", 220),
        ("log_prob", {}, "CSV", 1),
    ],
)
def test_an_item_has_its_numbers_as_csv_xlsx_and_json(api, browser, inline_worker, action, params, title, rows):
    sequence = SHORT + "?" * (action == "predict")
    items = [{"name": "other", "sequence": sequence}, {"name": "β-lactamase 1", "sequence": sequence}]
    job = finished(api, inline_worker, action, items, **params)
    page = f"/jobs/{job['id']}/items/1/"
    found = links(browser.get(page).content.decode(), 'id="item-files"')
    assert list(found) == [title, "XLSX", "JSON"]
    csv = browser.get(found[title])
    assert csv["Content-Disposition"].endswith(f"filename*=UTF-8''%CE%B2-lactamase-1-{action}.csv")
    assert name_in(csv) == f"lactamase-1-{action}.csv"
    table = pd.read_csv(io.BytesIO(bytes_of(csv)))
    assert (len(table), set(table["name"]), set(table["index"])) == (rows, {"β-lactamase 1"}, {1})
    book = pd.read_excel(io.BytesIO(bytes_of(browser.get(found["XLSX"]))), engine="calamine")
    pd.testing.assert_frame_equal(book.drop(columns="error"), table.drop(columns="error"), check_dtype=False)
    assert api.get(found["JSON"]).json()["name"] == "β-lactamase 1"
    whole = pd.read_csv(io.BytesIO(bytes_of(api.get(f"{job['links']['results']}?format=csv"))))
    of_item = whole[whole["index"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_item, table)


def test_an_item_with_several_tables_asks_for_one(api, browser, inline_worker):
    job = finished(api, inline_worker, "encode", [{"sequence": SHORT}], include=["mean", "logits"])
    page = f"/jobs/{job['id']}/items/0/"
    found = links(browser.get(page).content.decode(), 'id="item-files"')
    assert list(found) == ["CSV", "CSV, a row for each amino acid at a position", "XLSX", "JSON"]
    for href in list(found.values())[:3]:
        bytes_of(browser.get(href))
    for query in ("", "?table=scores"):
        refused = browser.get(f"{page}table.csv{query}", follow=True)
        assert refused.redirect_chain == [(page, 302)]
        assert "table" in text_of(refused)


def test_an_item_without_a_result_has_no_files(api, browser):
    job = sent(api, "log_prob", [{"sequence": SHORT}])
    page = f"/jobs/{job['id']}/items/0/"
    assert 'id="item-files"' not in browser.get(page).content.decode()
    for name in ("table.csv", "table.xlsx"):
        assert browser.get(page + name)["Location"] == page


def test_a_table_beyond_a_sheet_is_not_offered_as_one(api, browser, inline_worker, monkeypatch):
    job = finished(api, inline_worker, "encode", [{"sequence": SHORT}], include=["mean", "logits"])
    monkeypatch.setattr("jobs.files.xlsx.MAX_ROWS", 200)
    monkeypatch.setattr("jobs.results.export.tables.MAX_ROWS", 200)
    row = Job.objects.get(pk=job["id"])
    offered = {one.key: one for one in downloads_of(row, job_counts(row)) if one.format == "xlsx"}
    assert list(offered) == ["xlsx-mean", "xlsx-logits"]
    assert "more rows than the 199" in offered["xlsx-logits"].refused
    assert not offered["xlsx-mean"].refused
    bytes_of(browser.get(offered["xlsx-mean"].url))
    refused = browser.get(offered["xlsx-logits"].url)
    assert (refused.status_code, refused.json()["code"]) == (400, "sheet_too_large")
    assert "CSV has the same table without a limit." in text_of(browser.get(f"/jobs/{job['id']}/"))


def test_a_large_item_still_has_its_files(api, browser, inline_worker, monkeypatch):
    job = finished(api, inline_worker, "predict", [{"sequence": SHORT + "?"}])
    monkeypatch.setattr("jobs.results.items.MAX_ANSWER_BYTES", 10)
    html = browser.get(f"/jobs/{job['id']}/items/0/").content.decode()
    assert "the results take" in html.lower()
    assert (
        len(bytes_of(browser.get(links(html, 'id="item-files"')["CSV, a row for each amino acid at a position"]))) > 0
    )
