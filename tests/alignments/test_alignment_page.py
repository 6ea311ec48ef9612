"""The page of an alignment: figures, verdict, and its rows as files."""

from __future__ import annotations

import pytest

from jobs.alignments import pages_summary
from jobs.science.alignments.reading import read_alignment
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

A3M = b">p\nMKTAYIAKQR\n>a\nMKTAYI----\n>b\nMRTa--IAKQR\n>c\nMKTAYIAKQK\n"


@pytest.fixture
def address(api) -> str:
    answer = api.post("/api/alignments/?name=mine.a3m", A3M, content_type="text/x-a3m")
    assert answer.status_code == 201, answer.content
    return f"/contexts/alignments/{answer.json()['id']}/"


def test_the_figures_are_those_of_the_rows(browser, address):
    body = browser.get(f"{address}summary/").json()
    assert body["parent"] == "MKTAYIAKQR"
    assert body["depth"] == [4, 4, 4, 3, 3, 4, 3, 3, 3, 3]
    assert (body["rows"], body["band_rows"]) == (4, [1, 1, 1, 1])
    assert body["bands"][1] == [1, 1, 1, 1, 1, 1, None, None, None, None]
    assert sum(body["frequencies"][0]) == pytest.approx(1)


def test_the_page_has_a_verdict_and_leads_to_where_its_bounds_come_from(browser, address):
    response = browser.get(address)
    assert "effective sequences for each residue: too thin" in text_of(response)
    assert b"/help/contexts/#is-an-alignment-deep-enough" in response.content
    assert b'id="is-an-alignment-deep-enough"' in browser.get("/help/contexts/").content


def test_rows_are_downloaded_in_columns_and_as_whole_sequences(browser, address):
    a3m = browser.get(f"{address}rows.a3m")
    assert a3m["Content-Disposition"] == 'attachment; filename="mine.a3m"'
    assert read_alignment(a3m.content).names == ("p", "a", "b", "c")
    assert b">b\nMRTAIAKQR\n" in browser.get(f"{address}rows.fasta").content


def test_a_huge_alignment_is_not_drawn(browser, address, monkeypatch):
    monkeypatch.setattr(pages_summary, "MOST_CELLS", 10)
    assert browser.get(f"{address}summary/").status_code == 413
    text = text_of(browser.get(address))
    assert "too large to be drawn: 4 rows of 10 columns" in text


def test_other_people_get_nothing(other_browser, address):
    for part in ("", "summary/", "rows.a3m", "rows.fasta"):
        assert other_browser.get(address + part).status_code == 404
