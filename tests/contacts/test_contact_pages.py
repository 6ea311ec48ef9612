"""A contact map on the page of its item."""

from __future__ import annotations

import pytest

from tests.factories import SHORT, finished, sent
from tests.helpers import csv_rows, text_of

pytestmark = pytest.mark.django_db


def test_a_contact_map_is_ranked_by_separation(api, browser, inline_worker):
    job = finished(api, inline_worker, "contacts", [{"sequence": SHORT}])
    page = f"/jobs/{job['id']}/items/0/"
    text = text_of(browser.get(page))
    assert "Best pairs, 6 or more apart" in text
    assert "No pair of this sequence lies so far apart" in text_of(browser.get(page, {"separation": "24"}))
    rows = csv_rows(browser.get(f"{page}table.csv"))
    assert len(rows) == 45
    assert [float(row["score"]) for row in rows] == sorted((float(row["score"]) for row in rows), reverse=True)
    assert {"first": rows[0]["first"], "letter": SHORT[int(rows[0]["first"]) - 1]}["letter"] == rows[0]["first_residue"]


def test_a_filter_before_anything_is_scored_says_so(api, browser):
    job = sent(api, "score", [{"variant": "M1A"}], parent=SHORT)
    text = text_of(browser.get(f"/jobs/{job['id']}/variants/", {"wild": "M"}))
    assert "No variant is scored yet." in text
    assert "No variant matches" not in text
