"""Pages of scans, scores and contact maps as the server renders them, and their form."""

from __future__ import annotations

import io
import re
from html import unescape

import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client

from jobs.contexts.services import context_set_create
from jobs.models import Item, Job
from jobs.science.variants.codes import read_variant
from jobs.variants import bins
from jobs.variants.pages import narrowed_to
from jobs.variants.table import Wanted, read_table, variant_table
from tests.factories import SHORT, finished, scored, sent
from tests.helpers import csv_rows, text_of

pytestmark = pytest.mark.django_db

VARIANTS = ["M1A", "K2R", "M1A:K2R", "AKTAYIAKQR", "WT", "T3S/R10A", "q9n"]


@pytest.fixture
def stranger_browser(stranger) -> Client:
    client = Client()
    client.force_login(stranger)
    return client


# --- scan -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def scan(api, inline_worker):
    return finished(api, inline_worker, "scan", [{"sequence": SHORT, "name": "parent"}], method="wildtype_marginal")


def test_a_scan_is_ranked_paged_and_narrowed_to_a_position(api, browser, scan, monkeypatch):
    page = f"/jobs/{scan['id']}/items/0/"
    result = api.get(f"{scan['url']}items/0/").json()["result"]
    whole = browser.get(page)
    text = text_of(whole)
    assert "190 substitutions at 10 positions" in text
    assert "All substitutions, best first" in text
    best = max(
        (score, f"{SHORT[at]}{at + 1}{letter}")
        for at, row in enumerate(result["scores"])
        for letter, score in zip(result["vocab_tokens"], row, strict=True)
        if letter != SHORT[at]
    )
    first = re.search(r'data-position="\d+">(\w+)</a></th><td>([-\d.]+)</td>', whole.content.decode())
    assert first[1] == best[1]
    assert float(first[2]) == pytest.approx(best[0], abs=1e-3)
    at_two = text_of(browser.get(page, {"position": "2"}))
    assert "Position 2 (K), best first" in at_two
    assert all(f"K2{letter}" in at_two for letter in "ACDEFGHILMNPQRSTVWY")
    assert "K2K" not in at_two
    assert "All substitutions" in text_of(browser.get(page, {"position": "99", "page": "x"})), "an odd address is plain"
    beside = browser.get(
        page, {"position": "2", "order": "worst"}, headers={"HX-Request": "true", "HX-Target": "beside"}
    )
    assert "Position 2 (K), worst first" in text_of(beside)
    assert b"<html" not in beside.content
    monkeypatch.setattr("jobs.web.links.PAGE_ROWS", 4)
    last = text_of(browser.get(page, {"rows": "3"}))
    assert "Positions 9 to 10 of 10" in last


def test_a_scan_is_a_table_for_spreadsheets(api, browser, scan, stranger_browser):
    path = f"/jobs/{scan['id']}/items/0/table.csv"
    rows = csv_rows(browser.get(path))
    assert len(rows) == 200
    result = api.get(f"{scan['url']}items/0/").json()["result"]
    assert [float(row["score"]) for row in rows] == pytest.approx(
        [score for row in result["scores"] for score in row], abs=1e-4
    )
    assert rows[20 + 14]["variant"] == "K2R"
    assert sum(float(row["probability"]) for row in rows[:20]) == pytest.approx(1, abs=1e-4)
    assert stranger_browser.get(path).status_code == 404
    assert browser.get(f"/jobs/{scan['id']}/items/1/table.csv").status_code == 404
    assert list(rows[0])[:8] == ["index", "name", "position", "number", "wild_type", "mutant", "variant", "score"]


# --- score ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def score(api, inline_worker):
    return scored(api, inline_worker, VARIANTS)


def test_the_table_reads_codes_and_sequences_alike_and_remembers_them(score, monkeypatch):
    job = Job.objects.get()
    table = variant_table(job)
    assert list(table.codes) == ["M1A", "K2R", "M1A:K2R", "M1A", "WT", "T3S:R10A", "Q9N"]
    assert table.count.tolist() == [1, 1, 2, 1, 0, 2, 1]
    assert table.score[0] == table.score[3]
    assert table.score[4] == 0
    assert [table.sequence(at) for at in (2, 3)] == ["ARTAYIAKQR", "AKTAYIAKQR"]
    assert table.variant(5) == read_variant("T3S:R10A", SHORT)
    monkeypatch.setattr("jobs.variants.table.read_table", lambda _: pytest.fail("it is read once"))
    assert variant_table(job) is table
    assert sorted(table.places.tolist()) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"search": "k2"}, {"K2R", "M1A:K2R"}),
        ({"position": 1}, {"M1A", "M1A:K2R"}),
        ({"wild": "T"}, {"T3S:R10A"}),
        ({"mutations": 2}, {"M1A:K2R", "T3S:R10A"}),
        ({"mutations": 0}, {"WT"}),
        ({"position": 10, "wild": "M"}, set()),
    ],
)
def test_variants_are_filtered(score, wanted, found):
    table = read_table(Job.objects.get())
    assert {row.code for row in table.rows(table.select(Wanted(**wanted)))} == found


def test_of_long_names_the_table_holds_the_beginning(score):
    Item.objects.filter(index=1).update(name="n" * 4000)
    names = read_table(Job.objects.get()).names
    assert names[1] == "n" * 200
    assert names[0] == Item.objects.get(index=0).name


def test_variants_are_sorted_and_ties_keep_the_order_of_the_input(score):
    table = read_table(Job.objects.get())
    scores = {sort: [row.score for row in table.rows(table.select(Wanted(sort=sort)))] for sort in ("best", "worst")}
    assert scores["best"] == sorted(scores["best"], reverse=True)
    assert scores["worst"] == sorted(scores["worst"])
    assert table.select(Wanted(sort="index")).tolist() == list(range(7))
    by_position = [row.code for row in table.rows(table.select(Wanted(sort="position")))]
    assert by_position == ["WT", "M1A", "M1A:K2R", "M1A", "K2R", "T3S:R10A", "Q9N"]
    names = [row.name for row in table.rows(table.select(Wanted(sort="name")))]
    assert names == sorted(names)


def test_positions_are_those_of_the_jobs_numbering(api, inline_worker):
    scored(api, inline_worker, ["M24A", "K25R"], offset=23)
    table = read_table(Job.objects.get())
    assert list(table.codes) == ["M24A", "K25R"]
    wanted, _ = narrowed_to(QueryDict("position=25"), table)
    assert [row.code for row in table.rows(table.select(wanted))] == ["K25R"]
    assert table.sequence(0) == "AKTAYIAKQR"


def test_insertion_letters_are_those_of_the_jobs_numbering(api, inline_worker):
    scored(api, inline_worker, ["M51A", "T52AS", "Q57N:Y53G"], numbering={"labels": "51-52, 52A-52B, 53-58"})
    table = read_table(Job.objects.get())
    assert list(table.codes) == ["M51A", "T52AS", "Y53G:Q57N"]
    assert table.positions.tolist() == [1, 3, 5, 9]
    wanted, fault = narrowed_to(QueryDict("position=52a"), table)
    assert fault == ""
    assert [row.code for row in table.rows(table.select(wanted))] == ["T52AS"]
    assert table.variant(1) == read_variant("T3S", SHORT)
    assert "numbered 51 to 58" in narrowed_to(QueryDict("position=52C"), table)[1]


def test_sequences_of_another_length_are_ranked_and_stand_for_themselves(api, inline_worker):
    scored(api, inline_worker, ["MKTAYIAKQ", "M1A"], method="pseudo_log_likelihood")
    table = read_table(Job.objects.get())
    assert table.count.tolist() == [-1, 1]
    assert table.sequence(0) == "MKTAYIAKQ"
    assert [row.code for row in table.rows(table.select(Wanted(position=1)))] == ["M1A"]


def test_variants_that_are_not_scored_are_left_out(api, inline_worker):
    """Packed numbers belong to the items with a result, in their order."""
    variants = [f"{letter}{at}W" for at, letter in enumerate(SHORT, start=1)]
    job = scored(api, inline_worker, variants)
    stored = Job.objects.get(pk=job["id"])
    before = read_table(stored)
    chunk = stored.chunks.filter(unit_count=0, n_items__gt=0).order_by("first_index").first()
    stored.chunks.filter(pk=chunk.pk).update(state="failed", n_succeeded=0, n_failed=chunk.n_items)
    after = read_table(stored)
    assert list(after.codes) == variants[chunk.n_items :]
    assert after.score.tolist() == before.score.tolist()[chunk.n_items :]


def test_the_page_ranks_filters_draws_and_sends_on(browser, score, stranger_browser):
    page = f"/jobs/{score['id']}/variants/"
    whole = browser.get(page)
    text = text_of(whole)
    assert "7 variants" in text
    assert "Distribution of scores" in text
    bins = [int(count) for count in re.findall(r'<td data-value="(\d+)">', whole.content.decode())]
    assert sum(bins) == 7
    narrowed = text_of(browser.get(page, {"mutations": "2"}))
    assert "2 variants of 7" in narrowed
    assert "No variant matches" in text_of(browser.get(page, {"search": "W99"}))
    assert (
        browser.get(page, {"position": "-", "wild": "?", "sort": "odd", "mutations": "x", "page": "9"}).status_code
        == 200
    )
    for given, words in (
        ("7,7", "“7,7” is not the number of a residue."),
        ("7x", "The parent has no residue 7x: its residues are numbered 1 to 10."),
        ("0", "The parent has no residue 0: its residues are numbered 1 to 10."),
        ("11", "no residue 11"),
    ):
        answer = browser.get(page, {"position": given})
        text = text_of(answer)
        assert words in text
        assert "7 variants" in text
        assert "of these" not in text
        assert f'value="{given}" aria-invalid="true"' in answer.content.decode()
        assert len(csv_rows(browser.get(f"{page[:-1]}.csv", {"position": given}))) == 7
    assert "problem-position" not in browser.get(page, {"position": "2"}).content.decode()
    csv_link = re.search(r'id="variants-csv" href="([^"]+)"', browser.get(page, {"position": "1"}).content.decode())[1]
    assert {row["variant"] for row in csv_rows(browser.get(unescape(csv_link)))} == {"M1A", "M1A:K2R"}
    link = re.search(
        r'id="send-top" href="([^"]+)"', browser.get(page, {"mutations": "2", "alignment": "none"}).content.decode()
    )[1]
    form = unescape(browser.get(unescape(link)).content.decode())
    assert ">M1A:K2R\nARTAYIAKQR\n" in form
    assert ">WT" not in form
    html = browser.get(page, {"position": "1"}).content.decode()
    book = browser.get(unescape(re.search(r'id="variants-xlsx" href="([^"]+)"', html)[1]))
    sheet = pd.read_excel(io.BytesIO(b"".join(book.streaming_content)), engine="calamine")
    table = pd.read_csv(io.BytesIO(b"".join(browser.get(unescape(csv_link)).streaming_content)))
    pd.testing.assert_frame_equal(sheet, table, check_dtype=False)
    assert table["score"].tolist() == sorted(table["score"], reverse=True)
    assert dict(zip(table["variant"], table["sequence"], strict=True))["M1A:K2R"] == "ARTAYIAKQR"
    assert 'filename="a-score-variants.xlsx"' in book["Content-Disposition"]
    for path in (page, f"/jobs/{score['id']}/variants.csv", f"/jobs/{score['id']}/variants.xlsx", unescape(link)):
        assert stranger_browser.get(path).status_code == 404


def test_each_column_sorts_the_table_and_says_so(browser, score, monkeypatch):
    monkeypatch.setattr("jobs.web.links.PAGE_ROWS", 2)
    page = f"/jobs/{score['id']}/variants/"

    def heads(query: str) -> dict[str, tuple[str, str]]:
        html = browser.get(page + query).content.decode()
        found = re.findall(r'<th scope="col"([^>]*)><a class="sorter" href="([^"]*)">(\w+)', html)
        return {text: ("".join(re.findall(r'aria-sort="(\w+)"', more)), unescape(link)) for more, link, text in found}

    first = heads("?search=K&page=2")
    assert list(first) == ["Variant", "Rank", "Score", "BLOSUM62", "Mutations", "Name"], "one context has no spread"
    assert first["Score"] == ("descending", "?search=K&sort=worst"), "from the first page, as it is narrowed"
    assert heads(first["Score"][1])["Score"][0] == "ascending"
    for text, sort in (("Variant", "position"), ("Mutations", "mutations"), ("Name", "name")):
        assert first[text] == ("", f"?search=K&sort={sort}")
        assert heads(first[text][1])[text][0] == "ascending"
    codes = re.findall(r'<th scope="row"[^>]*><a[^>]*>([^<]*)', browser.get(f"{page}?sort=mutations").content.decode())
    assert codes[0] == "WT"
    last = re.search(r'href="([^"]*)">Last page', browser.get(page).content.decode())
    assert last is not None
    assert "Next page" not in browser.get(page + unescape(last[1])).content.decode()


def test_the_page_of_one_variant_leads_to_all(browser, score):
    text = text_of(browser.get(f"/jobs/{score['id']}/items/2/"))
    assert "Variant M1A:K2R" in text
    assert "All variants of this job, ranked" in text


def test_jobs_without_variants_have_no_such_page(api, browser, scan):
    assert browser.get(f"/jobs/{scan['id']}/variants/").status_code == 404
    form = browser.get("/jobs/new/", {"ranked": scan["id"], "top": "3"})
    assert unescape(form.content.decode()).count("\n>") + 1 >= 3
    assert browser.get("/jobs/new/", {"ranked": "x"}).status_code == 404


def test_a_distribution_of_equal_scores_is_one_bar():
    import numpy as np

    assert [one.count for one in bins.bins_of(np.zeros(4))] == [4]
    assert bins.bins_of(np.zeros(0)) == []


@pytest.mark.parametrize(
    ("low", "high", "step", "digits"),
    [(-3.28, 1.41, 0.2, 1), (-0.004, 0.0121, 0.001, 3), (-900, 0, 50, 0), (1, 31, 1, 0)],
)
def test_bins_of_a_distribution_have_round_edges_and_hold_every_score(low, high, step, digits):
    import numpy as np

    scores = np.linspace(low, high, 501)
    found = bins.bins_of(scores)
    assert sum(one.count for one in found) == 501
    assert len(found) <= bins.BINS + 1
    assert found[0].low <= low < found[0].high
    assert found[-1].low <= high <= found[-1].high
    for one in found:
        assert one.digits == digits
        assert one.low / step == pytest.approx(round(one.low / step), abs=1e-6)
        assert one.high - one.low == pytest.approx(step)


# --- the form for a new job -----------------------------------------------------------------------------------------


def submit(browser: Client, **fields):
    whole = {"model": "e1-demo", "on_invalid": "reject", "key": "k", "complete": "1", "offset": "0"}
    return browser.post("/jobs/new/", {**whole, "method": "masked_marginal", **fields})


def variants_of(job: Job) -> list[str]:
    return list(Item.objects.filter(job=job).order_by("index").values_list("sequence", flat=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("M1A\nK2R\n\nM1A:K2R\n", ["M1A", "K2R", "M1A:K2R"]),
        ("variant\nM1A\n", ["M1A"]),
        (f">x\nA{SHORT[1:]}\n", [f"A{SHORT[1:]}"]),
    ],
)
def test_variants_are_pasted_as_a_list_a_table_or_sequences(browser, text, found):
    answer = submit(browser, action="score", parent=f">parent\n{SHORT[:5]}\n{SHORT[5:]}", sequences=text)
    assert answer.status_code == 302, text_of(answer)
    job = Job.objects.get()
    assert variants_of(job) == found
    assert job.params["parent"] == SHORT


def test_a_bare_sequence_is_pasted_and_several_bare_lines_are_refused(browser):
    refused = submit(browser, action="scan", sequences=f"{SHORT}\n{SHORT}\n")
    assert refused.status_code == 400
    assert "one sequence or several" in text_of(refused)
    assert submit(browser, action="scan", sequences=f"\n {SHORT.lower()}\n").status_code == 302
    assert variants_of(Job.objects.get()) == [SHORT]


def test_a_file_of_codes_is_a_list_of_variants(browser):
    file = SimpleUploadedFile("codes.txt", b"m1a\r\n\r\nK2R,T3S\r\nWT")
    assert submit(browser, action="score", parent=SHORT, file=file).status_code == 302
    items = Item.objects.order_by("index").values_list("name", "sequence", "line")
    assert list(items) == [("m1a", "M1A", 1), ("K2R,T3S", "K2R:T3S", 3), ("WT", "WT", 4)]


def test_a_fault_in_a_pasted_list_is_told_by_the_line_that_it_was_typed_in(browser):
    answer = submit(browser, action="score", parent=SHORT, sequences="M1A\n\nA2R\n")
    assert answer.status_code == 400
    assert "line 3" in text_of(answer).lower()


def test_all_single_variants_are_made_of_the_parent_in_a_file(browser):
    parent = SimpleUploadedFile("parent.fasta", b">p\nMKT\n")
    answer = submit(browser, action="score", parent_file=parent, all_singles="1", offset="23")
    assert answer.status_code == 302, text_of(answer)
    job = Job.objects.get()
    assert (job.total_items, job.name) == (57, "Variant scores, 57 variants, 3 aa")
    assert variants_of(job)[:2] == ["M24A", "M24C"]


def test_a_scan_takes_positions_and_a_stored_context_set(browser, person):
    context_set_create(owner=person, name="mine", contexts=[["MKTAY"], ["MRTAY"]], provenance={})
    assert "mine: 2 contexts" in text_of(browser.get("/jobs/new/?action=scan"))
    answer = submit(browser, action="scan", sequences=f">p\n{SHORT}\n", positions="2, 4-6", context_set="mine")
    assert answer.status_code == 302, text_of(answer)
    params = Job.objects.get().params
    assert params["positions"] == [2, 4, 5, 6]
    assert [context["sequences"] for context in params["contexts"]] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"parent": "", "sequences": "M1A"}, "parent", "The parent is missing"),
        ({"parent": ">a\nMK\n>b\nMK\n", "sequences": "M1A"}, "parent", "one sequence"),
        ({"parent": "MK1", "sequences": "M1A"}, "parent", "The character '1' at position 3"),
        ({"parent": SHORT, "sequences": "M1A", "offset": "two"}, "offset", "whole number"),
        ({"parent": SHORT, "sequences": "M1A", "method": "other"}, "method", "Choose from"),
        ({"parent": SHORT, "sequences": "M1A", "all_singles": "1"}, "file", "one of the two"),
        ({"parent": SHORT, "sequences": "M1A", "context_set": "none"}, "context", "none"),
        ({"action": "scan", "sequences": f">p\n{SHORT}", "positions": "2-x"}, "positions", "ranges"),
        ({"action": "scan", "sequences": f">p\n{SHORT}", "method": "pseudo_log_likelihood"}, "method", "action score"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(browser, fields, place, words):
    answer = submit(browser, **{"action": "score", **fields})
    assert answer.status_code == 400
    html = answer.content.decode()
    slot = re.search(rf'id="problem-{place}" data-slot>(.*?)</div>', html, re.DOTALL)[1]
    assert words in unescape(slot), slot
    assert "params." not in text_of(answer)
    assert Job.objects.count() == 0
    if "parent" in fields:
        assert fields["parent"].strip() in unescape(html)


def test_a_wrong_wild_type_is_listed_and_a_shifted_numbering_is_suggested(browser):
    answer = submit(
        browser, action="score", parent=SHORT, sequences="\n".join(f"{c}{n}A" for n, c in enumerate(SHORT, 2))
    )
    assert answer.status_code == 400
    text = text_of(answer)
    assert "Set the numbering offset to 1 instead of 0" in text
    assert "M2A names M, but the parent has K there" in text


@pytest.mark.parametrize("action", ["score", "scan", "contacts"])
def test_examples_load_and_can_be_submitted_as_they_are(browser, action):
    form = browser.get("/jobs/new/", {"example": action})
    html = form.content.decode()
    fields = {
        name: unescape(re.search(rf'<textarea[^>]*name="{name}"[^>]*>(.*?)</textarea>', html, re.DOTALL)[1])
        for name in ("sequences", "parent")
    }
    answer = submit(browser, action=action, **fields)
    assert answer.status_code == 302, text_of(answer)
    assert Job.objects.get().total_items >= 1


def test_run_again_brings_parent_method_and_numbers_back(api, browser):
    job = sent(api, "score", [{"variant": "M24A"}], parent=SHORT, offset=23, method="wildtype_marginal")
    html = browser.get("/jobs/new/", {"from": job["id"]}).content.decode()
    assert SHORT in html
    assert re.search(r'value="wildtype_marginal" selected', html)
    assert re.search(r'name="offset"[^>]*value="23"', html)


@pytest.mark.parametrize("which", ["scan", "score"])
def test_the_best_of_a_scan_or_a_score_bring_their_parent_along(which, browser, request):
    job = request.getfixturevalue(which)
    html = browser.get("/jobs/new/", {"ranked": job["id"], "top": 3}).content.decode()
    assert re.search(rf'<textarea[^>]*name="parent"[^>]*>{SHORT}</textarea>', html)


# --- what a job would cost, before it is submitted ------------------------------------------------------------------


def cost(browser: Client, **fields):
    form = {"model": "e1-demo", "on_invalid": "reject", "method": "masked_marginal", "complete": "1", "key": "k"}
    answer = browser.post("/jobs/new/cost/", {**form, **fields})
    assert answer.status_code == 200, answer.content
    assert not Job.objects.exists(), "asking stores nothing"
    return answer.json()


@pytest.mark.parametrize(
    ("fields", "items"),
    [
        ({"action": "score", "parent": SHORT, "sequences": "M1A\nK2R\n"}, 2),
        ({"action": "score", "parent": f">p\n{SHORT}\n", "all_singles": "1", "context_set": "mine"}, 190),
        ({"action": "score", "parent": SHORT, "file": SimpleUploadedFile("v.csv", b"variant\nM1A\nT3S\nQ9N\n")}, 3),
        ({"action": "scan", "sequences": f">p\n{SHORT}\n", "positions": "2, 4-6", "context_set": "mine"}, 1),
        ({"action": "contacts", "sequences": f">p\n{SHORT}\n"}, 1),
    ],
)
def test_the_form_tells_its_cost_before_it_is_submitted(browser, person, inline_worker, fields, items):
    context_set_create(owner=person, name="mine", contexts=[["MKTAY"], ["MRTAY"]], provenance={})
    told = cost(browser, **fields)
    assert told["items"] == items
    assert told["seconds"] > 0
    if "file" in fields:
        fields["file"].seek(0)
    assert submit(browser, **{"method": "masked_marginal", **fields}).status_code == 302
    job = Job.objects.get()
    assert told["units"] == job.total_units
    assert (told["chunks"], told["tokens"]) == (
        job.chunks.count(),
        sum(job.chunks.values_list("n_tokens", flat=True)),
    )


def test_faults_of_variants_are_told_before_anything_is_sent(browser):
    told = cost(browser, action="score", parent=SHORT, sequences="M1A\nM2A\nK2R\nQ99A\n")["faults"]
    assert "2 of 4 records are not valid" in told["detail"]
    assert [fault["line"] for fault in told["listed"]] == [2, 4]
    assert told["more"] == 0
    assert "parent" in cost(browser, action="score", sequences="M1A\n")["faults"]["detail"]
    assert Client().post("/jobs/new/cost/", headers={"X-Requested-With": "fetch"}).status_code == 401
