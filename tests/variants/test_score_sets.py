"""MaveDB's score sets as they are downloaded, in jobs of score and as measurements."""

from __future__ import annotations

import csv
import gzip
import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import Item, Job
from tests.factories import SHORT, scored
from tests.helpers import submit, text_of, upload_assay
from tests.score_sets import PARENT, score_set

pytestmark = pytest.mark.django_db

FILE = "urn_mavedb_00000099-a-1_scores.csv"
HEAD = "accession,hgvs_nt,hgvs_splice,hgvs_pro,score\n"
FORM = {"on_invalid": "reject", "method": "masked_marginal", "complete": "1", "key": "k", "offset": "0"}


def table(*names):
    return (HEAD + "".join(f"urn:mavedb:1#{n},NA,NA,{name},{n}.5\n" for n, name in enumerate(names, 1))).encode()


def workbook(data):
    book = openpyxl.Workbook()
    for row in csv.reader(data.decode().splitlines()):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def send(api, data, filename=FILE, parent=PARENT, method="wildtype_marginal", **fields):
    params = f'{{"parent": "{parent}", "method": "{method}"}}'
    return submit(api, data, filename, action="score", params=params, **fields)


def left_out(cleaning):
    return {what.removeprefix("left_out_"): n for what, n in cleaning.items() if what.startswith("left_out_")}


def items_of(job):
    return list(Item.objects.filter(job=job["id"]).order_by("index").values_list("index", "name", "sequence", "line"))


@pytest.mark.parametrize("on_invalid", ["reject", "skip"])
def test_a_score_set_is_taken_as_it_is_and_what_has_no_score_is_counted(api, browser, on_invalid):
    made = score_set()
    answer = send(api, made.text.encode(), on_invalid=on_invalid)
    assert answer.status_code == 202, answer.content
    job = answer.json()
    assert (job["counts"]["total"], job["counts"]["skipped"]) == (len(made.written), 0)
    assert left_out(job["cleaning"]) == made.left_out
    (warning,) = [one for one in job["warnings"] if one["code"] == "rows_left_out"]
    assert warning["message"].startswith(
        f"{sum(made.left_out.values())} of {made.rows:,} rows have no score and are left"
    )
    assert "61 stops" in warning["message"]
    assert "pseudo_log_likelihood" in warning["remedy"]
    items = items_of(job)
    assert [name for _, name, _, _ in items] == made.written, "each is named as it was written"
    assert [index for index, *_ in items] == list(range(len(items)))
    codes = {name: code for _, name, code, _ in items}
    assert (codes["p.Met1Ala"], codes["_wt"], codes["p.="]) == ("M1A", "WT", "WT")
    assert codes["p.[Met1Ala;Lys60Trp]"] == "M1A:K60W"
    table_lines = made.text.splitlines()
    assert all(f",{name}," in table_lines[line - 1] for _, name, _, line in items)
    page = text_of(browser.get(f"/jobs/{job['id']}/"))
    assert "Left out 62 synonymous changes, 61 stops, 2 frame shifts" in page
    assert "left_out" not in page
    manifest = api.get(f"{job['url']}manifest/").json()
    assert left_out(manifest["cleaning"]) == made.left_out


def test_the_estimate_and_the_preview_count_the_same(api, browser):
    made = score_set()
    form = {"model": "e1-demo", "action": "score", "params": f'{{"parent": "{PARENT}"}}'}
    upload = {**form, "file": _file(made.text.encode())}
    answer = api.post("/api/estimate/", upload, format="multipart")
    assert answer.status_code == 200, answer.content
    assert left_out(answer.json()["cleaning"]) == made.left_out
    fields = {"model": "e1-demo", "action": "score", "parent": PARENT, **FORM}
    cost = browser.post("/jobs/new/cost/", {**fields, "file": _file(made.text.encode())}).json()
    assert cost["items"] == len(made.written)
    assert "rows_left_out" in [one["code"] for one in cost["warnings"]]


def _file(data):
    return SimpleUploadedFile(FILE, data)


def test_the_page_takes_a_score_set(browser):
    made = score_set()
    fields = {"model": "e1-demo", "action": "score", "parent": PARENT, **FORM}
    answer = browser.post("/jobs/new/", {**fields, "file": _file(made.text.encode())})
    assert answer.status_code == 302, text_of(answer)
    assert Job.objects.get().total_items == len(made.written)


@pytest.mark.parametrize("how", ["gz", "tab", "carriage returns", "no suffix", "UTF-16", "workbook"])
def test_a_score_set_in_other_clothes(api, how):
    data = table("p.Ala4Thr", "p.Ala4Ter", "p.Ala4=", "p.[Ala4Thr;Lys8Arg]")
    filename = FILE
    if how == "gz":
        data, filename = gzip.compress(data), FILE + ".gz"
    elif how == "no suffix":
        filename = "scores"
    elif how == "UTF-16":
        data = data.decode().encode("utf-16")
    elif how == "workbook":
        data, filename = workbook(data), "scores.xlsx"
    elif how == "tab":
        data, filename = data.replace(b",", b"\t"), "scores.tsv"
    else:
        data = data.replace(b"\n", b"\r\n")
    answer = send(api, data, filename)
    assert answer.status_code == 202, answer.content
    assert [code for _, _, code, _ in items_of(answer.json())] == ["A4T", "A4T:K8R"]


def test_replicates_are_scored_alike_and_the_parent_is_0(api, inline_worker):
    data = table("p.Ala4Thr", "p.Ala4Thr", "p.(Ala4Thr)", "_wt", "p.=", "p.Ala4Ter", "p.[Lys8Arg;Ala4Thr]")
    job = send(api, data, parent=SHORT).json()
    inline_worker()
    results = [api.get(f"{job['url']}items/{n}/").json()["result"] for n in range(6)]
    assert [one["variant"] for one in results] == ["A4T", "A4T", "A4T", "WT", "WT", "A4T:K8R"]
    assert results[0]["score"] == results[1]["score"] == results[2]["score"] != 0
    assert results[3]["score"] == results[4]["score"] == 0


def test_deletions_and_insertions_are_computed_by_pseudo_log_likelihood(api, inline_worker):
    names = ["p.Ala4del", "p.Lys2_Thr3insGly", "p.Ala4dup", "p.Ala4delinsGlySer", "p.Ala4Ter", "p.Arg10fs", "p.Ala4="]
    job = send(api, table(*names), parent=SHORT, method="pseudo_log_likelihood").json()
    assert left_out(job["cleaning"]) == {"stop": 1, "frame_shift": 1, "synonymous": 1}
    inline_worker()
    results = [api.get(f"{job['url']}items/{n}/").json()["result"] for n in range(4)]
    assert [one["variant"] for one in results] == ["MKTYIAKQR", "MKGTAYIAKQR", "MKTAAYIAKQR", "MKTGSYIAKQR"]
    assert [name for _, name, _, _ in items_of(job)] == names[:4]
    assay = upload_assay(api, job, table(*names)).json()
    assert (assay["counts"]["matched"], assay["counts"]["left_out"]) == (4, left_out(job["cleaning"]))


def test_a_wrong_wild_type_is_an_error_as_in_any_list(api):
    data = table("p.Ala4Thr", "p.Ala4Ter", "p.Gly5Thr", "p.Ala4Tht")
    answer = send(api, data, parent=SHORT)
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert [(one["code"], one["line"]) for one in errors] == [("wrong_wild_type", 4), ("bad_variant", 5)]
    assert "'p.Gly5Thr' names G, but the parent has Y there" in errors[0]["message"]
    job = send(api, data, parent=SHORT, on_invalid="skip").json()
    assert (job["counts"]["total"], job["counts"]["skipped"]) == (3, 2)
    assert left_out(job["cleaning"]) == {"stop": 1}


def test_a_score_set_without_a_substitution_is_refused_and_the_remedy_works(api):
    data = table("p.Ala4del", "NA", "p.Ala4Ter")
    answer = send(api, data, parent=SHORT)
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert problem["code"] == "no_items"
    assert "1 stop, 1 deletion and 1 row without a variant" in problem["message"]
    assert "pseudo_log_likelihood" in problem["remedy"]
    assert send(api, data, parent=SHORT, method="pseudo_log_likelihood").status_code == 202
    assert send(api, table("p.Ala4Thr"), parent=SHORT).status_code == 202


def test_in_a_column_of_another_name_nothing_is_left_out(api):
    answer = send(api, b"variant,score\nA4T,1\np.Ala4Ter,2\n", parent=SHORT)
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert problem["code"] == "bad_letter"
    assert "'p.Ala4Ter' is a stop codon" in problem["message"]


def test_a_score_set_as_measurements_accounts_for_every_row(api, browser, inline_worker):
    job = scored(api, inline_worker, ["M1A", "K2R", "WT"], parent=PARENT)
    made = score_set()
    answer = upload_assay(api, job, made.text)
    assert answer.status_code == 201, answer.content
    assay = answer.json()
    assert (assay["variant_column"], assay["value_column"]) == ("hgvs_pro", "score")
    counts = assay["counts"]
    assert counts["left_out"] == made.left_out
    assert (counts["rows"], counts["matched"], counts["unreadable"]) == (made.rows, 3, 0)
    sums = sum(counts[name] for name in ("matched", "duplicates", "without_score", "without_measurement", "unreadable"))
    assert sums + sum(made.left_out.values()) == made.rows
    assert counts["duplicates"] == 3, "two replicates of p.Met1Ala, and p.= beside _wt"
    page = text_of(browser.get(f"/jobs/{job['id']}/assays/{assay['id']}/"))
    assert "61 left out: stops" in page
    assert "1 left out: deletion with an insertion" in page


def test_measurements_of_nothing_that_can_be_scored_are_refused(api, inline_worker):
    job = scored(api, inline_worker, ["M1A"])
    answer = upload_assay(api, job, table("p.Met1Ter", "NA"))
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert problem["code"] == "assay_mismatch"
    assert "1 stop and 1 row without a variant" in problem["message"]
