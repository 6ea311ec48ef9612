"""Every table that is downloaded as CSV: no spreadsheet runs a name as a formula."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from jobs.files.pieces import FORMULA_STARTS
from tests.factories import SHORT
from tests.helpers import body, submit_items

pytestmark = pytest.mark.django_db

NAMES = ["=1+1", "@SUM(A1)", "-2+3", "+cmd|' /C calc'!A1", '=HYPERLINK("http://x","y")', "-", "a,b"]
JOBS = Path(__file__).parents[2] / "jobs"
ANSWERING = {
    "results/export/tables.py": "results",
    "results/export/ledger.py": "the ledger",
    "results/export/bad_records.py": "bad records",
    "pages/picks.py": "picked items",
    "variants/files.py": "the table of variants",
    "variants/likelihoods.py": "the table of log-probabilities",
    "variants/baskets.py": "picked variants of a scan",
    "variants/pages_comparisons.py": "two runs side by side, which names variants by their codes",
    "campaigns/exporting.py": "measurements in the file of a campaign, tried in tests/campaigns/test_archive.py",
    "campaigns/library_tables.py": "orders of libraries, whose texts are codes and words of the program",
    "campaigns/prediction_tables.py": "predictions, which name variants by their codes",
    "campaigns/rounds.py": "plate maps, whose texts are codes and words of the program",
    "campaigns/serializers_comparison.py": "figures of models, and predictions, which name variants by their codes",
    "pages/public_projects.py": "measurements by a public link, tried in tests/publishing/test_public_projects.py",
    "metering/serializers.py": "accounts of use, tried in tests/metering/test_accounts.py",
}
"""Modules that write CSV. The tests below download each table that holds texts of users."""


def test_every_module_that_answers_with_csv_is_known():
    """A new one is added above, with a test that its cells are harmless."""
    writes = re.compile(r"\b(csv_lines\(|text_cell[(,])")
    written = {str(path.relative_to(JOBS)) for path in JOBS.rglob("*.py") if writes.search(path.read_text())}
    assert {path for path in written if not path.startswith("files/")} == set(ANSWERING)


def submitted(api, action, items, **params):
    return body(submit_items(api, items, action, params=params))


def cells(response, column="name") -> list[str]:
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return [row[column] for row in csv.DictReader(io.StringIO(text, newline=""))]


def is_harmless(found: list[str]) -> None:
    assert sorted(cell.removeprefix("'") for cell in found) == sorted(NAMES), "each name in a cell of its own"
    assert not [cell for cell in found if cell.startswith(FORMULA_STARTS)]


def test_results_ledger_and_picks(api, browser, inline_worker):
    job = submitted(api, "encode", [{"name": name, "sequence": "MKTAYIAKQR"} for name in NAMES])
    inline_worker()
    is_harmless(cells(api.get(f"/api/jobs/{job['id']}/results/", {"format": "csv"})))
    is_harmless(cells(api.get(f"/api/jobs/{job['id']}/ledger/")))
    of_items = [cells(browser.get(f"/jobs/{job['id']}/items/{n}/table.csv")) for n in range(len(NAMES))]
    is_harmless([cell for found in of_items for cell in found])
    picked = ",".join(map(str, range(len(NAMES))))
    is_harmless(cells(browser.post(f"/jobs/{job['id']}/picks/", {"do": "csv", "indices": picked})))


def test_rows_for_each_residue(api, inline_worker):
    job = submitted(api, "predict", [{"name": name, "sequence": "M?T"} for name in NAMES])
    inline_worker()
    found = cells(api.get(f"/api/jobs/{job['id']}/results/", {"format": "csv"}))
    assert len(found) == 60 * len(NAMES)
    is_harmless(list(dict.fromkeys(found)))


def test_reasons_of_failures(api, inline_worker):
    items = [{"name": name, "sequence": "M1"} for name in NAMES] + [{"name": "well", "sequence": "MKT"}]
    job = body(submit_items(api, items, on_invalid="skip"))
    inline_worker()
    for address in ("results/?format=csv", "ledger/"):
        text = b"".join(api.get(f"/api/jobs/{job['id']}/{address}").streaming_content).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        is_harmless([row["name"] for row in rows if row["state"] == "skipped"])
        texts = [cell for row in rows for key, cell in row.items() if key not in ("log_prob", "index")]
        assert not [cell for cell in texts if cell.startswith(FORMULA_STARTS)]


def test_picks_of_records_that_were_skipped(api, browser):
    """The text of a skipped record is no sequence: it may be a formula."""
    items = [{"name": str(n), "sequence": text} for n, text in enumerate([*NAMES, "MKT"])]
    job = body(submit_items(api, items, "encode", on_invalid="skip"))
    picked = ",".join(map(str, range(len(items))))
    *skipped, good = cells(browser.post(f"/jobs/{job['id']}/picks/", {"do": "csv", "indices": picked}), "sequence")
    assert (len(skipped), good) == (len(NAMES), "MKT")
    assert not [cell for cell in skipped if cell.startswith(FORMULA_STARTS)]


def test_the_table_of_variants(api, browser, inline_worker):
    items = [{"name": name, "variant": f"M1{letter}"} for name, letter in zip(NAMES, "ACDEFGH", strict=True)]
    job = submitted(api, "score", items, parent=SHORT, method="wildtype_marginal")
    inline_worker()
    is_harmless(cells(browser.get(f"/jobs/{job['id']}/variants.csv")))


def test_the_table_of_log_probabilities(api, browser, inline_worker):
    items = [{"name": name, "sequence": f"MKT{letter}"} for name, letter in zip(NAMES, "ACDEFGH", strict=True)]
    job = submitted(api, "log_prob", items)
    inline_worker()
    is_harmless(cells(browser.get(f"/jobs/{job['id']}/ranked.csv")))


def test_the_basket_of_a_scan(api, browser, inline_worker):
    for name in NAMES:
        job = submitted(api, "scan", [{"name": name, "sequence": SHORT}], method="wildtype_marginal")
        inline_worker()
        address = f"/jobs/{job['id']}/items/0/basket"
        browser.post(f"{address}/", {"do": "add", "pick": ["1A", "2R"]})
        found = cells(browser.get(f"{address}.csv"))
        assert len(found) == 2
        assert not [cell for cell in found if cell.startswith(FORMULA_STARTS)]
