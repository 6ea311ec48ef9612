"""Measurements beside the scores of a job: storage, comparison, refusals and pages."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from jobs.contexts.services import context_set_create
from jobs.models import Assay, Chunk, Output, Quota
from jobs.variants.assays import labelled
from tests.factories import MEASUREMENTS, SHORT, VARIANTS, finished, scored, sent
from tests.helpers import text_of, upload_assay

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(api):
    """A job that is never computed: names map to its parent nevertheless."""
    return sent(api, "score", [{"variant": variant} for variant in VARIANTS], parent=SHORT)


def test_measurements_are_laid_over_scores(api, inline_worker):
    job = scored(api, inline_worker, VARIANTS)
    answer = upload_assay(api, job, MEASUREMENTS + "M1W,5\nX,\n", value_column="dms_score")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["name"], made["variant_column"], made["value_column"], made["offset"]) == (
        *("measured.csv", "mutant", "DMS_score"),
        0,
    )
    assert made["counts"] == {
        "rows": 14,
        "matched": 12,
        "duplicates": 0,
        "without_score": 1,
        "without_measurement": 1,
        "unreadable": 0,
        "left_out": {},
    }
    rows = {row["variant"]: row for row in made["points"]}
    results = [api.get(f"{job['url']}items/{n}/").json()["result"] for n in range(12)]
    assert {name: row["score"] for name, row in rows.items()} == {one["variant"]: one["score"] for one in results}
    assert rows["K2R"]["measured"] == 1.0
    assert -1 <= made["metrics"]["spearman"] <= 1
    assert api.get(made["url"]).json() == made
    (listed,) = api.get(f"{job['url']}assays/").json()["results"]
    assert listed == {name: made[name] for name in listed}


def test_an_overlay_is_made_once_and_again_where_the_results_change(api, inline_worker):
    job = scored(api, inline_worker, VARIANTS)
    made = upload_assay(api, job, MEASUREMENTS).json()
    with CaptureQueriesContext(connection) as asked:
        assert api.get(made["url"]).json() == made
    assert not [one["sql"] for one in asked if '"jobs_assay"."names"' in one["sql"]], "the rows are not read again"
    Output.objects.filter(chunk__job=job["id"], kind="score").update(data=b"\0" * 64)
    Chunk.objects.filter(job=job["id"]).update(finished_at=timezone.now())
    again = api.get(made["url"]).json()
    assert {row["score"] for row in again["points"][:8]} == {0.0}


def test_an_assay_is_laid_over_a_scan_and_multiple_variants_are_sums(api, inline_worker):
    job = scored(api, inline_worker, VARIANTS)
    scan = finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="wildtype_marginal")
    of_scan, of_score = (upload_assay(api, one, MEASUREMENTS).json() for one in (scan, job))
    assert of_scan["counts"]["matched"] == 12
    for a, b in zip(of_scan["points"], of_score["points"], strict=True):
        assert a["variant"] == b["variant"]
        assert a["score"] == pytest.approx(b["score"], abs=1e-4)


def test_an_offset_that_is_wrong_by_one_is_refused_with_the_right_one(api, job):
    shifted = "mutant,score\n" + "".join(f"{letter}{n}A,1\n" for n, letter in enumerate(SHORT, start=2))
    answer = upload_assay(api, job, shifted)
    assert answer.status_code == 400
    assert answer.json()["code"] == "wrong_offset"
    assert "Set the numbering offset to 1 instead of 0" in answer.json()["errors"][0]["remedy"]
    assert Assay.objects.count() == 0
    assert upload_assay(api, job, shifted, offset="1").status_code == 201


@pytest.mark.parametrize(
    ("text", "fields", "code"),
    [
        ("mutant,score\nW1A,1\nW2A,2\n", {}, "assay_mismatch"),
        ("mutant,score\n", {}, "empty_file"),
        (MEASUREMENTS, {"offset": "two"}, "bad_number"),
        (MEASUREMENTS, {"variant_column": "nothing"}, "missing_column"),
        (b"\x89PNG\r\n\x1a\n", {}, "not_text"),
    ],
)
def test_what_is_no_assay_of_the_parent_is_refused(api, job, text, fields, code):
    answer = upload_assay(api, job, text, **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert Assay.objects.count() == 0


def test_a_file_is_asked_for_and_the_action_must_have_scores(api, inline_worker, job):
    missing = api.post(f"{job['url']}assays/", {"offset": "1"})
    assert (missing.status_code, missing.json()["code"]) == (400, "no_file")
    encoded = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    refused = upload_assay(api, encoded, MEASUREMENTS)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_action")


def test_other_people_see_and_reach_nothing(api, other_api, job):
    made = upload_assay(api, job, MEASUREMENTS).json()
    for method, path in (("get", f"{job['url']}assays/"), ("get", made["url"]), ("delete", made["url"])):
        assert getattr(other_api, method)(path).status_code == 404
    assert (
        other_api.post(f"{job['url']}assays/", {"file": SimpleUploadedFile("m.csv", MEASUREMENTS.encode())}).status_code
        == 404
    )
    assert APIClient().get(made["url"]).status_code == 401
    assert Assay.objects.count() == 1


def test_an_assay_goes_by_itself_or_with_its_job(api, job):
    first, second = upload_assay(api, job, MEASUREMENTS).json(), upload_assay(api, job, MEASUREMENTS).json()
    assert api.delete(first["url"]).status_code == 204
    assert api.get(first["url"]).status_code == 404
    assert api.get(second["url"]).status_code == 200
    assert api.delete(job["url"]).status_code == 204
    assert Assay.objects.count() == 0


def test_attachments_have_a_limit_and_count_against_the_quota(api, job, person, monkeypatch):
    from jobs.quotas import admission, usage

    before = usage.use_of(person.pk).stored_bytes
    upload_assay(api, job, MEASUREMENTS)
    assert usage.use_of(person.pk).stored_bytes - before == Assay.objects.get().size
    monkeypatch.setattr(admission, "MAX_ATTACHMENTS", 1)
    assert upload_assay(api, job, MEASUREMENTS).json()["code"] == "too_many_attachments"
    monkeypatch.setattr(admission, "MAX_ATTACHMENTS", 9)
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": usage.use_of(person.pk).stored_bytes + 1})
    refused = upload_assay(api, job, MEASUREMENTS)
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored_bytes")
    assert Assay.objects.count() == 1


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_form_leads_to_the_comparison_and_errors_stand_beside_it(api, browser, inline_worker):
    job = scored(api, inline_worker, VARIANTS)
    page = f"/jobs/{job['id']}/assays/"
    form = browser.get(page)
    assert form.status_code == 200
    shifted = "mutant,score\n" + "".join(f"{letter}{n}A,1\n" for n, letter in enumerate(SHORT, start=2))
    refused = browser.post(page, {"file": SimpleUploadedFile("m.csv", shifted.encode()), "offset": "0"})
    assert refused.status_code == 400
    assert "Set the numbering offset to 1 instead of 0" in text_of(refused)
    assert 'id="id_offset" name="offset" inputmode="numeric" value="0"' in refused.content.decode()
    assert "M2A" in text_of(refused)
    answer = browser.post(
        page, {"file": SimpleUploadedFile("m.csv", MEASUREMENTS.encode()), "offset": "0"}, follow=True
    )
    shown = text_of(answer)
    for words in ("Spearman", "NDCG@10", "Top-10 % recall", "12 matched", "0 duplicates"):
        assert words in shown
    assert "M1A:K2R" in shown, "the table view has the variants"
    made = Assay.objects.get()
    away = browser.post(f"/jobs/{job['id']}/attachments/delete/", {"assay": str(made.pk)}, follow=True)
    assert "m.csv is removed" in text_of(away)
    assert Assay.objects.count() == 0


def test_assays_of_the_same_file_are_told_apart(api, browser, inline_worker):
    job = scored(api, inline_worker, VARIANTS)
    for _ in range(3):
        assert upload_assay(api, job, MEASUREMENTS).status_code == 201
    listed = browser.get(f"/jobs/{job['id']}/assays/").content.decode()
    names = re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', listed)
    assert len(set(names)) == 3
    for name in names:
        assert re.fullmatch(r"\S+, DMS_score, \d+ \w+ \d{4}, [\d:]{8} UTC(, number \d+)?", name)
    one, other = Assay(name="m.csv", value_column="a"), Assay(name="m.csv", value_column="b")
    assert [label for _, label in labelled([one, other, Assay(name="n.csv")])] == ["m.csv, a", "m.csv, b", "n.csv"]


def test_a_refused_table_of_measurements_keeps_the_names_of_columns_that_were_typed(browser, job):
    page = f"/jobs/{job['id']}/assays/"
    fields = {"variant_column": "mutant", "value_column": "fitness", "offset": "3"}
    refused = browser.post(page, {"file": SimpleUploadedFile("m.csv", MEASUREMENTS.encode()), **fields})
    assert refused.status_code == 400
    for typed in fields.values():
        assert f'value="{typed}"' in refused.content.decode()


def test_rows_that_cannot_be_read_are_skipped_on_request(api, job):
    data = MEASUREMENTS + "M1A,high\n"
    refused = upload_assay(api, job, data)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_number")
    made = upload_assay(api, job, data, on_invalid="skip")
    assert made.status_code == 201, made.content
    assert "bad_rows" in {note["code"] for note in Assay.objects.get().notes}


def test_result_pages_name_and_link_the_contexts(api, person, browser, inline_worker):
    context_set_create(owner=person, name="family", contexts=[["MKTAY"], ["MRTAY", "MKSAY"]], provenance={})
    named = {"contexts": [{"set": "family"}]}
    scores = finished(api, inline_worker, "score", [{"variant": "K2R"}, {"variant": "T3S"}], parent=SHORT, **named)
    plain = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    assay = upload_assay(api, scores, "mutant,y\nK2R,1\nT3S,2\n").json()
    likely = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}], **named)
    pages = [f"/jobs/{scores['id']}/variants/", f"/jobs/{scores['id']}/assays/{assay['id']}/"]
    for address in (*pages, f"/jobs/{likely['id']}/ranked/"):
        shown = browser.get(address).content.decode()
        assert '2 contexts of the set <a href="/contexts/sets/family/">family</a>' in shown, address
        assert "3 sequences, 15 residues" in shown, address
    assert "none for the whole job" in text_of(browser.get(f"/jobs/{plain['id']}/ranked/"))


def test_the_page_counts_records_from_1_and_rest_items_from_0(api, browser, inline_worker):
    sequences = [{"sequence": SHORT}, {"sequence": SHORT[::-1]}]
    scans = finished(api, inline_worker, "scan", sequences, method="wildtype_marginal")
    form = f"/jobs/{scans['id']}/assays/"
    assert 'name="item" inputmode="numeric" value="2"' in browser.get(f"{form}?item=2").content.decode()
    assert f"{form}?item=2" in browser.get(f"/jobs/{scans['id']}/items/1/").content.decode()
    for number, code in (("1", 302), ("0", 400), ("3", 400)):
        file = SimpleUploadedFile("measured.csv", MEASUREMENTS.encode())
        answer = browser.post(form, {"file": file, "item": number, "value_column": "dms_score"})
        assert answer.status_code == code, number
    assert "his job has no valid item 2 (record 3)" in text_of(answer)
    assert [one.item_index for one in Assay.objects.all()] == [0]
    assert upload_assay(api, scans, MEASUREMENTS, item="0", value_column="dms_score").status_code == 201


def test_the_box_of_the_page_leaves_out_rows_that_cannot_be_read(browser, job):
    page, data = f"/jobs/{job['id']}/assays/", (MEASUREMENTS + "M1A,high\n").encode()
    shown = browser.get(page).content.decode()
    field, value = re.search(r'type="checkbox"[^>]*name="(on_invalid)" value="(\w+)"', shown).groups()
    assert browser.post(page, {"file": SimpleUploadedFile("m.csv", data)}).status_code == 400
    refused = browser.post(page, {"file": SimpleUploadedFile("m.txt", b"name\nM1A\n"), field: value})
    assert re.search(r'name="on_invalid" value="skip" checked', refused.content.decode()), "it stays ticked"
    answer = browser.post(page, {"file": SimpleUploadedFile("m.csv", data), field: value}, follow=True)
    assert "rows cannot be read and is left out" in text_of(answer)
    assert "bad_rows" in {note["code"] for note in Assay.objects.get().notes}
