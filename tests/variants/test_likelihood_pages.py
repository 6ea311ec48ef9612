"""The page of log-probabilities: ranks, orders, search, files, and the best ones in a new job."""

from __future__ import annotations

import csv
import io
import math

import pytest

from tests.factories import finished
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

SEQUENCES = {"NA": "MKTAYIAKQR", "0012": "ACDEFGHIKLMNPQRSTVWY", "=long": "MKTAYIAKQRQISFVKSHFSRQLEERLG", "d": "WWWWW"}


@pytest.fixture
def job(api, inline_worker):
    items = [{"sequence": sequence, "name": name} for name, sequence in SEQUENCES.items()]
    return finished(api, inline_worker, "log_prob", items)


@pytest.fixture
def expected(api, job) -> dict[str, float]:
    found = [api.get(f"{job['url']}items/{n}/").json() for n in range(len(SEQUENCES))]
    return {one["name"]: one["result"]["log_prob"] for one in found}


def rows_of(browser, job, **query) -> list[dict[str, str]]:
    answer = browser.get(f"/jobs/{job['id']}/ranked.csv", query)
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def test_the_file_has_every_number_and_the_rank_per_residue(browser, job, expected):
    rows = rows_of(browser, job)
    names = [row["name"].removeprefix("'") for row in rows]
    assert names == sorted(expected, key=lambda name: -expected[name] / len(SEQUENCES[name]))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    for name, row in zip(names, rows, strict=True):
        assert float(row["log_prob"]) == expected[name]
        assert int(row["residues"]) == len(SEQUENCES[name])
        assert float(row["per_residue"]) == pytest.approx(expected[name] / len(SEQUENCES[name]))
        assert float(row["perplexity"]) == pytest.approx(math.exp(-float(row["per_residue"])))
        assert int(row["index"]) == list(SEQUENCES).index(name)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("index", ["NA", "0012", "=long", "d"]),
        ("name", ["0012", "=long", "NA", "d"]),
        ("longest", ["=long", "0012", "NA", "d"]),
        ("shortest", ["d", "NA", "0012", "=long"]),
    ],
)
def test_rows_are_sorted_and_searched(browser, job, sort, names):
    found = [row["name"].removeprefix("'") for row in rows_of(browser, job, sort=sort)]
    assert found == names
    assert [row["name"] for row in rows_of(browser, job, sort=sort, search="na")] == ["NA"]


def test_sums_and_means_are_orders_of_their_own(browser, job, expected):
    total = [row["name"].removeprefix("'") for row in rows_of(browser, job, sort="total")]
    assert total == sorted(expected, key=lambda name: -expected[name])
    worst = [row["rank"] for row in rows_of(browser, job, sort="worst")]
    assert worst == ["4", "3", "2", "1"]


def test_the_page_shows_rows_bars_and_what_can_be_done(browser, job):
    assert "Rank the sequences" in text_of(browser.get(f"/jobs/{job['id']}/"))
    page = browser.get(f"/jobs/{job['id']}/ranked/", {"search": "long"})
    text = text_of(page)
    assert "1 sequence of 4" in text
    assert 'id="bins"' in page.content.decode()
    assert browser.get(f"/jobs/{job['id']}/ranked.xlsx").status_code == 200
    assert "No sequence matches" in text_of(browser.get(f"/jobs/{job['id']}/ranked/", {"search": "nobody"}))


def test_the_best_go_to_a_new_job_as_sequences(browser, job, expected):
    best = sorted(expected, key=lambda name: -expected[name] / len(SEQUENCES[name]))[:2]
    page = browser.get("/jobs/new/", {"ranked": job["id"], "top": 2}).content.decode()
    text = "".join(f"&gt;{name}\n{SEQUENCES[name]}\n" for name in best)
    assert text in page


def test_other_peoples_and_other_kinds_of_jobs_have_no_such_page(api, browser, other_browser, inline_worker, job):
    assert other_browser.get(f"/jobs/{job['id']}/ranked/").status_code == 404
    encode = finished(api, inline_worker, "encode", [{"sequence": "MKT"}])
    assert browser.get(f"/jobs/{encode['id']}/ranked/").status_code == 404
    assert "Rank the sequences" not in text_of(browser.get(f"/jobs/{encode['id']}/"))
