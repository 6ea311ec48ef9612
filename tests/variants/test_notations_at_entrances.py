"""Every notation of a variant at every entrance, and the remedy of every refusal, done as it says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import Item
from tests.factories import SHORT, scored
from tests.helpers import submit, submit_items, text_of, upload_assay

DATA = Path(__file__).parents[1] / "data"

pytestmark = pytest.mark.django_db

WRITTEN = {
    "A4T": "A4T",
    "a4t": "A4T",
    "Ala4Thr": "A4T",
    "p.Ala4Thr": "A4T",
    "p.(Ala4Thr)": "A4T",
    "p.A4T": "A4T",
    "NP_000537.3:p.Ala4Thr": "A4T",
    "AA4T;": "A4T",
    "KA2R,TA3S;": "K2R:T3S",
    "K2R:T3S": "K2R:T3S",
    "T3S:K2R": "K2R:T3S",
    "K2R;T3S": "K2R:T3S",
    "K2R/T3S": "K2R:T3S",
    "K2R,T3S": "K2R:T3S",
    "K2R+T3S": "K2R:T3S",
    "K2R_T3S": "K2R:T3S",
    "K2R-T3S": "K2R:T3S",
    "K2R T3S": "K2R:T3S",
    "p.[Lys2Arg;Thr3Ser]": "K2R:T3S",
    "p.Lys2_Thr3delinsArgSer": "K2R:T3S",
    "A4T_Y5F_I6V": "A4T:Y5F:I6V",
    "WT": "WT",
    "_wt": "WT",
    "p.=": "WT",
    "p.Ala4=": "WT",
    "_sy": "WT",
}
PARAMS = {"parent": SHORT, "method": "wildtype_marginal"}


def by_items(api, browser):
    return submit_items(api, [{"variant": written} for written in WRITTEN], "score", params=PARAMS)


def by_table(separator):
    def send(api, browser):
        text = io.StringIO()
        csv.writer(text, delimiter=separator).writerows([["variant", "fitness"], *([one, 1] for one in WRITTEN)])
        return submit(api, text.getvalue().encode(), "variants.csv", action="score", params=json.dumps(PARAMS))

    return send


def by_jsonl(api, browser):
    text = "".join(json.dumps({"variant": written}) + "\n" for written in WRITTEN)
    return submit(api, text.encode(), "variants.jsonl", action="score", params=json.dumps(PARAMS))


def by_list(api, browser):
    return submit(api, "\n".join(WRITTEN).encode(), "variants.txt", action="score", params=json.dumps(PARAMS))


FORM = {"model": "e1-demo", "action": "score", "parent": SHORT, "method": "wildtype_marginal", "offset": "0"}


def by_page(api, browser):
    more = {"on_invalid": "reject", "key": "k", "complete": "1"}
    return browser.post("/jobs/new/", {**FORM, **more, "sequences": "\r\n".join(WRITTEN)})


def by_file_on_the_page(api, browser):
    more = {"on_invalid": "reject", "key": "k", "complete": "1"}
    return browser.post(
        "/jobs/new/", {**FORM, **more, "file": SimpleUploadedFile("v.txt", "\n".join(WRITTEN).encode())}
    )


ENTRANCES = {
    "JSON": by_items,
    "CSV": by_table(","),
    "semicolons": by_table(";"),
    "TSV": by_table("\t"),
    "JSONL": by_jsonl,
    "list": by_list,
    "page": by_page,
    "file on the page": by_file_on_the_page,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_each_notation_is_read_and_keeps_its_name(api, browser, entrance):
    answer = ENTRANCES[entrance](api, browser)
    assert answer.status_code in {202, 302}, text_of(answer)
    items = dict(Item.objects.order_by("index").values_list("name", "sequence"))
    assert items == WRITTEN
    assert Item.objects.count() == len(WRITTEN)


@pytest.mark.parametrize(
    "file", sorted((DATA / "field-cases" / "joined-variants").iterdir()), ids=lambda file: file.name
)
def test_joined_variants_as_people_have_them(api, file):
    parent = "MKTAYIAKQRQISFVKSHFSRQ"
    params = json.dumps({"parent": parent})
    answer = submit(api, file.read_bytes(), file.name, action="score", params=params)
    assert answer.status_code == 202, answer.content
    items = dict(Item.objects.values_list("name", "sequence"))
    assert items == {name: name.replace("_", ":").replace("-", ":") for name in file.read_text().split()}


def test_results_pages_and_downloads_show_the_code_beside_the_name(api, browser, inline_worker):
    job = scored(api, inline_worker, list(WRITTEN))
    rows = [api.get(f"{job['url']}items/{n}/").json() for n in range(len(WRITTEN))]
    assert {row["name"]: row["result"]["variant"] for row in rows} == WRITTEN
    assert {row["result"]["score"] for row in rows if row["result"]["variant"] == "WT"} == {0}
    assert len({row["result"]["score"] for row in rows if row["result"]["variant"] == "K2R:T3S"}) == 1
    listed = text_of(browser.get(f"/jobs/{job['id']}/variants/", {"sort": "index"}))
    assert "p.[Lys2Arg;Thr3Ser]" in listed
    assert "K2R:T3S" in listed
    listed = api.get(f"{job['url']}items/").json()["results"]
    assert {row["name"]: row["variant"] for row in listed} == WRITTEN
    items = text_of(browser.get(f"/jobs/{job['id']}/items/"))
    assert "p.[Lys2Arg;Thr3Ser]" in items
    assert "K2R:T3S" in items
    assert "record 2, A4T" in text_of(browser.get(f"/jobs/{job['id']}/items/1/"))
    found = b"".join(api.get(f"{job['url']}results/?format=csv").streaming_content).decode()
    by_name = {row["name"]: row["score"] for row in csv.DictReader(io.StringIO(found))}
    assert by_name["KA2R,TA3S;"] == by_name["K2R:T3S"]


def test_each_notation_names_a_measurement(api, inline_worker):
    job = scored(api, inline_worker, ["A4T", "K2R:T3S", "A4T:Y5F:I6V", "WT"])
    text = io.StringIO()
    csv.writer(text).writerows([["mutant", "score"], *([written, n] for n, written in enumerate(WRITTEN))])
    counts = upload_assay(api, job, text.getvalue()).json()["counts"]
    assert (counts["matched"], counts["unreadable"], counts["without_score"]) == (4, 0, 0)
    assert counts["left_out"] == {"synonymous": 2}, "p.Ala4= and _sy are no measurements of the parent"
    assert counts["matched"] + counts["duplicates"] + 2 == counts["rows"] == len(WRITTEN)


ANY_LENGTH = {"method": "pseudo_log_likelihood"}
LETTERED = {"numbering": {"labels": "1-4, 4A-4B, 5-8"}}
REFUSED = {
    # what was written: (code, part of the remedy, the item that does what it says, its parameters)
    "p.Ala4Ter": ("bad_letter", "shortened sequence", {"sequence": SHORT[:3]}, ANY_LENGTH),
    "p.Ala4del": ("indel", "Choose pseudo_log_likelihood", {"variant": "p.Ala4del"}, ANY_LENGTH),
    "p.Lys2_Thr3insGly": ("indel", "Choose pseudo_log_likelihood", {"variant": "p.Lys2_Thr3insGly"}, ANY_LENGTH),
    "p.Ala4dup": ("indel", "Choose pseudo_log_likelihood", {"variant": "p.Ala4dup"}, ANY_LENGTH),
    "p.Ala4delinsGlySer": ("indel", "Choose pseudo_log_likelihood", {"variant": "p.Ala4delinsGlySer"}, ANY_LENGTH),
    "p.Ala4fs": ("indel", "Give the full sequence", {"sequence": "MKTRRRR"}, ANY_LENGTH),
    "p.Met1ext-5": ("indel", "Give the full sequence", {"sequence": "MAAAA" + SHORT}, ANY_LENGTH),
    "del4": ("indel", "Give the full sequence", {"sequence": "MKTYIAKQR"}, ANY_LENGTH),
    SHORT[:-1]: ("indel", "Choose pseudo_log_likelihood", {"sequence": SHORT[:-1]}, ANY_LENGTH),
    "p.?": ("bad_variant", "such as A24T", {"variant": "A4T"}, {}),
    "p.Ala4Tht": ("bad_variant", "p.Ala24Thr", {"variant": "p.Ala4Thr"}, {}),
    "K2R|T3S": ("bad_variant", "join several by ':'", {"variant": "K2R:T3S"}, {}),
    "foo": ("bad_variant", "WT is the parent", {"variant": "WT"}, {}),
    "A4X": ("bad_letter", "Choose one of", {"variant": "A4Y"}, {}),
    "p.Gly4Thr": ("wrong_wild_type", "Check the parent", {"variant": "p.Ala4Thr"}, {}),
    "p.Ala99Thr": ("position_outside", "the numbering", {"variant": "p.Ala99Thr"}, {"offset": 95}),
    "A4BT": ("position_outside", "give a numbering that has the letter", {"variant": "Y4AT"}, LETTERED),
    "A4T:A4G": ("position_twice", "once", {"variant": "A4G"}, {}),
    "p.Tyr5_Thr3del": ("bad_variant", "in their order", {"variant": "p.Thr3_Tyr5del"}, ANY_LENGTH),
    "GB4T;": ("wrong_wild_type", "if chain B is another protein", {"variant": "AA4T;"}, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("written", REFUSED)
def test_a_refusal_quotes_what_was_written_and_its_remedy_works(api, written):
    code, remedy, mended, params = REFUSED[written]
    key = "sequence" if written == SHORT[:-1] else "variant"
    answer = submit_items(api, [{"variant": "A4T"}, {key: written}], "score", params=PARAMS)
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert (problem["code"], problem["index"]) == (code, 1)
    assert remedy in problem["remedy"]
    if key == "variant":
        assert problem["record"] == written
        assert written.rstrip(";") in problem["message"]
    assert submit_items(api, [mended], "score", params={**PARAMS, **params}).status_code == 202
    skipped = submit_items(api, [{"variant": "A4T"}, {key: written}], "score", params=PARAMS, on_invalid="skip").json()
    assert (skipped["counts"]["total"], skipped["counts"]["skipped"]) == (2, 1)


def test_a_list_and_the_page_refuse_the_same_with_the_same_words(api, browser):
    listed = [written for written in REFUSED if written != SHORT[:-1]]
    text = "".join(f"{written}\n" for written in listed)
    answer = submit(api, text.encode(), "variants.txt", action="score", params=json.dumps(PARAMS))
    errors = answer.json()["errors"]
    assert [(one["record"], one["code"], one["line"]) for one in errors] == [
        (written, REFUSED[written][0], line) for line, written in enumerate(listed, 1)
    ]
    more = {"on_invalid": "reject", "key": "k", "complete": "1"}
    page = text_of(browser.post("/jobs/new/", {**FORM, **more, "sequences": text}))
    assert all(written.rstrip(";") in page for written in listed)
    assert "'p.Ala4fs' is a frame shift and not a substitution" in page


def test_a_shifted_numbering_of_long_codes_is_told_and_its_remedy_works(api):
    items = [{"variant": f"p.{name}{at}Trp"} for at, name in enumerate(["Met", "Lys", "Thr", "Ala"], start=24)]
    (first, *_) = submit_items(api, items, "score", params=PARAMS).json()["errors"]
    assert (first["code"], first["path"]) == ("wrong_offset", "params.offset")
    assert "23" in first["remedy"]
    assert submit_items(api, items, "score", params={**PARAMS, "offset": 23}).status_code == 202


def test_a_cell_with_commas_needs_quotes_and_the_remedy_works(api):
    params = json.dumps(PARAMS)
    answer = submit(api, b"variant,score\nK2R,T3S,1\n", "v.csv", action="score", params=params)
    (problem,) = answer.json()["errors"]
    assert problem["code"] == "wrong_field_count"
    assert "in quotes" in problem["remedy"]
    assert submit(api, b'variant,score\n"K2R,T3S",1\n', "v.csv", action="score", params=params).status_code == 202
