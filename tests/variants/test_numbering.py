"""Numberings of jobs: skipped numbers and insertion letters in requests, results, pages and tables."""

from __future__ import annotations

import csv
import io
import re

import pyarrow.parquet as pq
import pytest

from e1client.results import Results
from jobs.models import Job
from jobs.science.variants.numbering import Numbering
from tests.factories import SHORT, finished, scored, sent
from tests.helpers import csv_rows, submit_items, text_of, upload_assay
from tests.results.export_checks import content, hdf5, npz

pytestmark = pytest.mark.django_db

LETTERS = {"labels": "51-52, 52A-52B, 53-58"}
"""SHORT as M51 K52 T52A A52B Y53 I54 A55 K56 Q57 R58."""


def refusal(api, action, items, **params):
    answer = submit_items(api, items, action, params=params)
    assert answer.status_code == 400, answer.content
    return answer.json()["errors"][0]


def scan_of(api, work, **params):
    return finished(api, work, "scan", [{"sequence": SHORT, "name": "parent"}], method="wildtype_marginal", **params)


def test_a_scan_has_positions_and_the_numbers_of_its_residues(api, browser, inline_worker):
    job = scan_of(api, inline_worker, numbering=LETTERS)
    assert job["params"]["numbering"] == LETTERS
    result = api.get(f"{job['url']}items/0/").json()["result"]
    assert result["positions"] == list(range(1, 11))
    assert result["numbers"] == ["51", "52", "52A", "52B", "53", "54", "55", "56", "57", "58"]
    page = f"/jobs/{job['id']}/items/0/"
    text = text_of(browser.get(page, {"position": "3"}))
    assert "Residue 52A (T, position 3), best first" in text
    assert "T52AS" in text
    assert "its residues are numbered 51 to 58, with insertion letters" in text
    rows = csv_rows(browser.get(f"{page}table.csv"))
    assert [(row["variant"], row["position"], row["number"]) for row in rows[40:42]] == [
        *(("T52AA", "3", "52A"), ("T52AC", "3", "52A"))
    ]


def test_a_scan_of_positions_named_by_their_numbers(api, inline_worker):
    job = scan_of(api, inline_worker, numbering=LETTERS, positions=["53", "52a", 1])
    assert job["params"]["positions"] == [1, 3, 5]
    assert api.get(f"{job['url']}items/0/").json()["result"]["numbers"] == ["51", "52A", "53"]
    fault = refusal(api, "scan", [{"sequence": SHORT}], numbering=LETTERS, positions=["52C"])
    assert (fault["code"], fault["path"]) == ("bad_positions", "params.positions")


def test_a_scan_without_a_numbering_counts_from_1(api, browser, inline_worker):
    job = scan_of(api, inline_worker)
    assert api.get(f"{job['url']}items/0/").json()["result"]["numbers"] == [str(n) for n in range(1, 11)]
    text = text_of(browser.get(f"/jobs/{job['id']}/items/0/", {"position": "3"}))
    assert "Position 3 (T), best first" in text
    assert "numbered" not in text


def test_skipped_numbers_are_those_of_every_sequence_of_a_scan(api, inline_worker):
    items = [{"sequence": SHORT}, {"sequence": SHORT[:5]}]
    job = finished(api, inline_worker, "scan", items, numbering={"start": 3, "skip": [5, 8]})
    results = [api.get(f"{job['url']}items/{n}/").json()["result"]["numbers"] for n in (0, 1)]
    assert results[0] == ["3", "4", "6", "7", "9", "10", "11", "12", "13", "14"]
    assert results[1] == results[0][:5]


def test_a_list_of_numbers_must_fit_each_sequence(api):
    fault = refusal(api, "scan", [{"sequence": SHORT}, {"sequence": SHORT[:9]}], numbering=LETTERS)
    assert (fault["code"], fault["index"]) == ("bad_numbering", 1)
    assert "10 numbers, and the sequence 9 residues" in fault["message"]
    fault = refusal(api, "score", [{"variant": "M51A"}], parent=SHORT[:9], numbering=LETTERS)
    assert (fault["code"], fault["path"]) == ("bad_numbering", "params.numbering")


def test_an_offset_stays_an_offset(api, inline_worker):
    job = scored(api, inline_worker, ["M24A"], numbering={"offset": 23})
    assert job["params"]["offset"] == 23
    assert "numbering" not in job["params"]
    both = scored(api, inline_worker, ["M24A"], numbering={"start": 24}, offset=23)
    assert both["params"] == job["params"]
    fault = refusal(api, "score", [{"variant": "M24A"}], parent=SHORT, numbering=LETTERS, offset=23)
    assert (fault["code"], fault["remedy"]) == ("two_numberings", "Give one of the two.")


def test_scores_are_the_same_under_any_numbering(api, inline_worker):
    plain = scored(api, inline_worker, ["T3S", "K2R:A4G"])
    lettered = scored(api, inline_worker, ["T52AS", "K52R:A52BG"], numbering=LETTERS)
    found = [[api.get(f"{job['url']}items/{n}/").json()["result"] for n in (0, 1)] for job in (plain, lettered)]
    assert [one["score"] for one in found[0]] == [one["score"] for one in found[1]]
    assert [one["variant"] for one in found[1]] == ["T52AS", "K52R:A52BG"]
    assert [one["positions"] for one in found[0]] == [one["positions"] for one in found[1]] == [[3], [2, 4]]
    assert [one["numbers"] for one in found[0] + found[1]] == [["3"], ["2", "4"], ["52A"], ["52", "52B"]]


def test_the_ranked_list_has_the_numbers_of_residues_beside_their_positions(api, browser, inline_worker):
    job = scored(api, inline_worker, ["K52R:A52BG", "WT"], numbering=LETTERS)
    rows = {row["variant"]: row for row in csv_rows(browser.get(f"/jobs/{job['id']}/variants.csv"))}
    assert (rows["K52R:A52BG"]["positions"], rows["K52R:A52BG"]["numbers"]) == ("2 4", "52 52B")
    assert (rows["WT"]["positions"], rows["WT"]["numbers"]) == ("", "")
    assert "its residues are numbered 51 to 58, with insertion letters" in text_of(
        browser.get(f"/jobs/{job['id']}/variants/")
    )


@pytest.mark.parametrize("numbering", [LETTERS, {"start": -1, "skip": [0, 1000]}, {"offset": 0}])
def test_every_file_of_arrays_has_the_numbers_of_residues(api, inline_worker, numbering):
    job = scan_of(api, inline_worker, numbering=numbering, positions=[1, 2, 3, 10])
    expected = api.get(f"{job['url']}items/0/").json()["result"]["numbers"]
    stored = Job.objects.get(pk=job["id"])
    arrays = npz(stored)
    assert arrays["numbers"].tolist() == expected
    results = Results(arrays)
    assert results.scan_numbers() == [expected]
    assert results.scan_positions()[0].tolist() == [1, 2, 3, 10]
    assert pq.read_table(io.BytesIO(content(stored, "parquet")))["numbers"].to_pylist() == [expected]
    with hdf5(stored) as file:
        assert file["numbers"].asstr()[:].tolist() == expected
    rows = list(csv.DictReader(io.StringIO(content(stored, "csv").decode())))
    assert [row["number"] for row in rows[::20]] == expected
    assert rows[41]["variant"] == f"T{expected[2]}C"


# --- numberings that are wrong in part ------------------------------------------------------------------------------

PARENT = "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLNSGKILESFRPRHDE"
SKIPPED = Numbering.skipping(3, [30, 47])
CODES = [f"{letter}{SKIPPED.label(position)}C" for position, letter in enumerate(PARENT, start=1) if letter != "C"]


def test_an_offset_that_fits_in_part_is_refused_with_the_numbering_that_fits(api):
    items = [{"variant": code} for code in CODES]
    fault = refusal(api, "score", items, parent=PARENT, offset=2)
    assert (fault["code"], fault["path"]) == ("wrong_numbering", "params.numbering")
    assert "by 2 up to 29, by 3 from 31 on, by 4 from 48 on" in fault["message"]
    assert '{"start": 3, "skip": [30, 47]}' in fault["remedy"]
    job = sent(api, "score", items, parent=PARENT, numbering={"start": 3, "skip": [30, 47]})
    assert job["warnings"] == []


def test_codes_that_fit_by_accident_are_warned_about_if_others_are_skipped(api, browser):
    items = [{"variant": code} for code in CODES]
    answer = submit_items(api, items, "score", params={"parent": PARENT, "offset": 2}, on_invalid="skip")
    job = answer.json()
    taken = {item["name"] for item in api.get(f"{job['url']}items/?state=pending").json()["results"]}
    accidental = taken & set(CODES[27:])
    assert accidental
    assert [warning["code"] for warning in job["warnings"]] == ["wrong_numbering", "accidental_fit"]
    assert all(code[:-1] in job["warnings"][1]["message"] for code in sorted(accidental)[:5])
    assert "may fit the parent by accident" in text_of(browser.get(f"/jobs/{job['id']}/"))
    estimate = api.post(
        "/api/estimate/",
        {"model": "e1-demo", "action": "score", "params": {"parent": PARENT, "offset": 2}, "items": items,
         "on_invalid": "skip"},
        format="json",
    )  # fmt: skip
    assert [warning["code"] for warning in estimate.json()["warnings"]] == ["wrong_numbering", "accidental_fit"]


def test_an_assay_whose_numbers_fit_in_part_says_so(api, browser):
    job = sent(api, "score", [{"variant": "M3A"}], parent=PARENT, offset=2)
    table = "mutant,score\n" + "".join(f"{code},1\n" for code in CODES)
    refused = upload_assay(api, job, table, offset="0")
    assert refused.json()["code"] == "wrong_numbering"
    assert refused.json()["errors"][0]["path"] == "numbering"
    mostly = "mutant,score\n" + "".join(f"{code},1\n" for code in [*CODES, *CODES[:27]])
    made = upload_assay(api, job, mostly).json()
    assert [warning["code"] for warning in made["warnings"]] == ["wrong_numbering", "accidental_fit"]
    assert "by 3 from 31 on" in text_of(browser.get(f"/jobs/{job['id']}/assays/{made['id']}/"))


# --- the position beside the number, on every page ------------------------------------------------------------------


def test_pages_of_scores_show_positions_beside_numbers(api, browser, inline_worker):
    job = scored(api, inline_worker, ["T52AS", "K52R:A52BG", "WT"], numbering=LETTERS)
    page = browser.get(f"/jobs/{job['id']}/variants/").content.decode()
    assert '<td data-label="Position" class="number">3</td>' in page
    assert '<td data-label="Position" class="number">2 4</td>' in page
    assert "Positions 2 (numbered 52) , 4 (numbered 52B)" in text_of(browser.get(f"/jobs/{job['id']}/items/1/"))
    made = upload_assay(api, job, "mutant,score\nT52AS,1\nK52R:A52BG,2\nWT,0\n")
    assert made.status_code == 201, made.content
    page = text_of(browser.get(f"/jobs/{job['id']}/assays/{made.json()['id']}/"))
    assert "Variant Position Score" in page
    assert re.search(r"T52AS 3 -?\d", page)


def test_pages_of_scores_by_position_have_no_second_column(api, browser, inline_worker):
    job = scored(api, inline_worker, ["M1A"])
    assert 'data-label="Position"' not in browser.get(f"/jobs/{job['id']}/variants/").content.decode()
    assert "numbered" not in text_of(browser.get(f"/jobs/{job['id']}/items/0/"))
