"""The pages of contexts without scripts: forms, tables, pictures, and refusals beside the input."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.alignments import services as alignments
from jobs.alignments.databases import database_add
from jobs.contexts.services import context_set_create
from jobs.models import Alignment, ContextSet, HomologSearch, Job, NeighbourCount
from jobs.tasks.works import WORKS
from jobs.web.histogram import Histogram

pytestmark = pytest.mark.django_db

A3M = b">parent\nMKTAYI\n>a\nMKTaAYI\n>b\nMRTAY-\n>b\n--TAYL\n"


def text(response):
    return re.sub(r"\s+", " ", response.content.decode())


def upload(browser, file=A3M, **fields):
    return browser.post("/contexts/", {"do": "upload", "file": SimpleUploadedFile("family.a3m", file), **fields})


@pytest.fixture
def alignment(browser):
    return upload(browser)["Location"]


OWN = {"preset": "", "count": "2", "seed": "3", "max_residues": "12"}


def test_an_empty_page_says_what_to_do(browser):
    page = text(browser.get("/contexts/"))
    assert "None yet: draw some from an alignment" in page
    assert "e1 database add" in page
    assert 'href="/contexts/" aria-current="page"' in page


def test_from_an_upload_to_a_set(browser, person):
    answer = upload(browser, parent="MRTAY", add_parent="true", name="my family")
    assert answer.status_code == 302
    page = text(browser.get(answer["Location"]))
    assert "my family" in page
    assert "4, the parent included" in page
    assert "4 homologs" not in page
    assert "3 homologs by their similarity to the parent" in page
    preview = browser.post(answer["Location"], {"do": "preview", **OWN})
    assert preview.status_code == 200
    assert "takes 10 passes" in text(preview)
    assert "no worker of the model is running" in text(preview)
    assert 'value="12"' in text(preview)
    assert not ContextSet.objects.exists()
    stored = browser.post(answer["Location"], {"do": "store", "name": "mine", **OWN})
    assert stored["Location"] == "/contexts/sets/mine/"
    shown = text(browser.get(stored["Location"]))
    assert "Saved 2 contexts as mine" in shown
    assert answer["Location"] in shown
    assert "[{&quot;set&quot;: &quot;mine&quot;}]" in shown or '[{"set": "mine"}]' in shown
    assert "the alignment my family" in text(browser.get("/contexts/"))
    browser.post(answer["Location"], {"do": "delete"})
    assert not Alignment.objects.exists()
    assert "deleted since" in text(browser.get("/contexts/sets/mine/"))
    assert browser.post("/contexts/sets/mine/").status_code == 302
    assert not ContextSet.objects.exists()


@pytest.mark.parametrize(
    ("file", "fields", "words"),
    [
        (
            A3M,
            {"parent": "MKTAYL"},
            ["The first row is not the parent", "or tick “If the first row", "MKTAYL</textarea>"],
        ),
        (b">a\nMKTA\n>b\nMK\n>c\nM\n", {}, ["columns", "plain homologs"]),
        (b">a\nMKT\n>b\n---\n", {"name": "kept"}, ["gaps only", 'value="kept"']),
    ],
)
def test_refused_uploads_keep_what_was_typed(browser, file, fields, words):
    answer = upload(browser, file, **fields)
    assert answer.status_code == 400
    for word in words:
        assert word.lower() in text(answer).lower()
    for code in ("first_row_not_parent", "unequal_rows", "empty_row", "add_parent)"):
        assert code not in text(answer), "a word for programs"
    assert not Alignment.objects.exists()


def test_an_upload_without_a_file(browser):
    answer = browser.post("/contexts/", {"do": "upload"})
    assert (answer.status_code, "Choose an alignment" in text(answer)) == (400, True)
    assert browser.post("/contexts/", {"do": "nonsense"}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"do": "store", **OWN}, "a name has 1 to 100"),
        ({"do": "preview", "preset": "", "max_residues": "many"}, "max_residues is &#x27;many&#x27;"),
        ({"do": "preview", "preset": "", "max_similarity": "0.1"}, "No row of the alignment has a similarity"),
        ({"do": "preview", "preset": "", "count": "none"}, "list of 1 to 64"),
        ({"do": "preview", "preset": "mine"}, "there is no preset"),
        ({"do": "preview", "preset": "", "seed": "-1"}, "seed is -1"),
    ],
)
def test_refused_samplings(browser, alignment, fields, word):
    answer = browser.post(alignment, fields)
    assert answer.status_code == 400
    assert word.lower() in text(answer).lower()
    assert not ContextSet.objects.exists()


def test_a_set_and_its_alignment_fill_the_form_of_a_scan(browser, other_browser, alignment):
    number = alignment.rstrip("/").rpartition("/")[2]
    assert f'href="/jobs/new/?task=scan&amp;alignment={number}"' in text(browser.get(alignment))
    assert browser.post(alignment, {"do": "store", **OWN, "name": "x"}).status_code == 302
    link = f"/jobs/new/?task=scan&context_set=x&alignment={number}"
    assert f'href="{link.replace("&", "&amp;")}"' in text(browser.get("/contexts/sets/x/"))
    form = text(browser.get(link))
    assert "&gt;family MKTAYI </textarea>" in form
    assert '<option value="x" selected>' in form
    scored = text(browser.get(f"/jobs/new/?action=score&alignment={number}"))
    assert "MKTAYI</textarea>" in scored
    for wrong in (number[:-1], "family"):
        assert browser.get(f"/jobs/new/?task=scan&alignment={wrong}").status_code == 404
    assert other_browser.get(link).status_code == 404


def test_the_form_suggests_a_name_that_is_free(browser, person, alignment):
    def suggested(page: str) -> str:
        return re.search(r'id="id_name" name="name"[^>]* value="([^"]*)"', page)[1]

    assert suggested(text(browser.get(alignment))) == "family"
    for name in ("family", "family-2"):
        context_set_create(owner=person, name=name, contexts=[["MKT"]], provenance={})
    assert suggested(text(browser.get(alignment))) == "family-3"
    cleared = browser.post(alignment, {"do": "preview", **OWN, "name": ""})
    assert suggested(text(cleared)) == "", "what was cleared stays cleared"
    other = upload(browser, A3M + b">c\nMKTAYI\n", name="β-lactamases of E. coli.sto.gz")["Location"]
    assert suggested(text(browser.get(other))) == "lactamases-of-E.-coli"


def test_a_set_is_chosen_for_a_new_job(browser, person, stranger):
    context_set_create(owner=person, name="mine", contexts=[["MKT"], ["MRT"]], provenance={})
    context_set_create(owner=stranger, name="secret-set", contexts=[["MKT"]], provenance={})
    assert 'href="/jobs/new/?context_set=mine"' in text(browser.get("/contexts/sets/mine/"))
    form = text(browser.get("/jobs/new/?context_set=mine"))
    assert '<option value="mine" selected>mine: 2 contexts</option>' in form
    assert "secret-set" not in form
    asked = {
        "model": "e1-demo",
        "action": "log_prob",
        "on_invalid": "reject",
        "sequences": ">a\nMKTAY\n",
        "complete": "1",
    }
    refused = browser.post("/jobs/new/", asked | {"context_set": "secret-set"})
    assert (refused.status_code, "there is no context set" in text(refused).lower()) == (400, True)
    assert browser.post("/jobs/new/", asked | {"context_set": "mine"}).status_code == 302
    assert [one["sequences"] for one in Job.objects.get().params["contexts"]] == [1, 1]


def test_a_name_that_is_taken(browser, person, alignment):
    context_set_create(owner=person, name="x", contexts=[["MKT"]], provenance={})
    answer = browser.post(alignment, {"do": "store", "name": "x", **OWN})
    assert (answer.status_code, "with other contexts" in text(answer)) == (409, True)


def test_the_page_waits_for_a_deep_alignment(browser, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    address = upload(browser)["Location"]
    live = browser.get(address, headers={"HX-Request": "true", "HX-Target": "live"})
    assert "neighbours are being counted" in text(live)
    assert "<html" not in text(live)
    assert (
        browser.get(
            address, headers={"HX-Request": "true", "HX-Target": "live", "E1-Seen": live["E1-Digest"]}
        ).status_code
        == 204
    )
    waiting = browser.post(address, {"do": "store", "name": "x", **OWN})
    assert "Ask again in a moment" in text(waiting)
    assert WORKS["neighbourcount"].run(str(NeighbourCount.objects.get().pk))
    assert "data-final" in text(browser.get(address, headers={"HX-Request": "true", "HX-Target": "live"}))
    assert browser.post(address, {"do": "store", "name": "x", **OWN}).status_code == 302


def test_plain_homologs(browser):
    answer = browser.post("/contexts/", {"do": "homologs", "name": "plain", "sequences": ">a\nMKT\n>b\nMRT\n"})
    assert answer["Location"] == "/contexts/sets/plain/"
    assert "plain homologs" in text(browser.get(answer["Location"]))
    for fields, word in [
        ({"name": "x", "sequences": ">a\nM1T\n"}, "line 2, column 2"),
        ({"name": "x"}, "no context sequences"),
        ({"sequences": ">a\nMKT\n"}, "a name has 1 to 100"),
        ({"name": "x", "sequences": "MKT", "file": SimpleUploadedFile("x.fasta", b">a\nMKT\n")}, "one of the two"),
    ]:
        refused = browser.post("/contexts/", {"do": "homologs", **fields})
        assert (refused.status_code, word.lower() in text(refused).lower()) == (400, True), word


def test_a_search_from_the_page(browser, settings, tmp_path):
    settings.E1_DATABASES = str(tmp_path / "databases")
    parent = "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLN"
    (tmp_path / "x.fasta").write_text("".join(f">p{n}\n{parent[: 40 + n]}\n" for n in range(10)))
    database_add(name="small", file=tmp_path / "x.fasta")
    asked = {"do": "search", "database": "small", "parent": parent, "iterations": "1", "evalue": "0.001"}
    for wrong, word in [
        ({"database": "other"}, "no database"),
        ({"evalue": "low"}, "evalue is"),
        ({"parent": ""}, "no residues"),
    ]:
        refused = browser.post("/contexts/", asked | wrong)
        assert (refused.status_code, word in text(refused).lower()) == (400, True), word
    address = browser.post("/contexts/", asked | {"min_coverage": "0.9", "tool": "hmmer"})["Location"]
    search = HomologSearch.objects.get()
    assert "Cancel search" in text(browser.get(address))
    listed = browser.get("/contexts/", headers={"HX-Request": "true", "HX-Target": "searches"})
    assert (search.name in text(listed), "<html" in text(listed)) == (True, False)
    assert WORKS["homologsearch"].run(str(search.pk))
    done = text(browser.get(address))
    search.refresh_from_db()
    assert "<b>10</b> homologs found in 1 iteration" in done
    assert f"/contexts/alignments/{search.alignment_id}/" in done
    browser.post(address)
    assert "the search is over" in text(browser.get(address))
    again = browser.post("/contexts/", asked)["Location"]
    browser.post(again)
    assert ">cancelled</span>" in text(browser.get(again))


def test_a_picture_of_nothing_and_of_one_bin():
    bins = [{"low": at / 20, "high": (at + 1) / 20, "count": 0} for at in range(20)]
    nothing = Histogram.of(bins)
    assert (nothing.rows, [bar.height for bar in nothing.bars]) == ((), [0] * 20)
    assert "no homologs" in nothing.sentence
    bins[10]["count"] = 7
    one = Histogram.of(bins)
    assert [bar.count for bar in one.rows] == [7]
    assert (one.bars[10].height, one.bars[10].y) == (144, 14)
    assert "7 homologs" in one.sentence
    assert "between 0.5 and 0.55" in one.sentence
