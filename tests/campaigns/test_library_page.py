"""The page that designs a library, without scripts: figures, refusals, files, a job with scores, and predictions."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from openpyxl import load_workbook

from jobs.models import Item, Job
from tests.campaigns.steps import made, trained
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

SITES = {"sites": "13, 15 17"}


@pytest.fixture
def home(api) -> str:
    """Return the address of the page of a campaign."""
    return made(api).removeprefix("/api")


def shown(browser, home: str, **query) -> str:
    answer = browser.get(f"{home}library/", SITES | query)
    assert answer.status_code == 200
    return _plain(answer)


def _plain(answer) -> str:
    return text_of(answer).replace("\N{MULTIPLICATION SIGN}", "x")


def links(browser, address: str, **query) -> dict[str, str]:
    """Return the addresses of the links of a page by their words."""
    body = browser.get(address, query).content.decode()
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', body)
    return {re.sub("<.*?>", "", words): html.unescape(url) for url, words in found}


@pytest.mark.parametrize(
    ("scheme", "members", "one"), [("NNK", "32,768", "98,163"), ("22c", "10,648", "31,897"), ("NDT", "1,728", "5,175")]
)
def test_the_usual_libraries_of_three_sites(browser, home, scheme, members, one):
    text = shown(browser, home, scheme=scheme)
    assert f"{members} codon combinations" in text
    assert f"Clones for 95 % of one member ? {one} " in text
    assert "Clones for 95 % of all members" in text
    assert "Library coverage of a plate" in text


def test_figures_of_one_library(browser, home):
    text = shown(browser, home, scheme="NDT")
    assert "1,728 codon combinations (12 x 12 x 12)" in text
    assert "1,728 without a stop codon" in text
    assert "0 % of the members have one" in text
    assert "1 codon combination for each protein" in text
    assert re.search(r"96 5\.4 % 5\.4 % 384 20 % 20 %", text)
    assert "BLOSUM62" in text


def test_a_budget_is_refused_with_the_largest_design_that_fits(browser, home):
    text = shown(browser, home, budget="1,000".replace(",", ""))
    assert "98,163 clones are needed for 95 % of one member, and the budget is 1,000" in text
    assert "The largest design that fits has 2 sites with 22c, NDT: 264 members, 789 clones." in text
    assert "Score these" not in text
    found = links(browser, f"{home}library/", **SITES, budget="1000")
    text = _plain(browser.get(f"{home}library/{found['Use 13 with 22c, 15 with NDT']}"))
    assert "264 codon combinations (22 x 12)" in text
    assert "789" in text
    assert "Score these" in text


def test_what_is_typed_for_a_site_stays_while_another_is_refused(browser, home):
    query = {"sites": "13, 9999, 15", "wanted-13": "AVLI", "scheme-15": "NDT"}
    body = browser.get(f"{home}library/", query, headers={"HX-Target": "design", "HX-Request": "true"}).content.decode()
    assert "9999" in body
    assert "codon combinations" not in body, "it is refused"
    assert 'name="wanted-13" value="AVLI"' in body
    assert '<option value="NDT" selected>' in body


def test_a_budget_of_members(browser, home):
    text = shown(browser, home, scheme="NDT", budget="1000", budget_of="members")
    assert "The library has 1,728 members, and the budget is 1,000" in text


def test_each_site_has_residues_and_codons_of_its_own(browser, home):
    text = shown(browser, home, **{"wanted": "AV", "scheme": "minimal", "wanted-15": "i l, m", "scheme-17": "NDT"})
    assert "48 codon combinations (2 x 2 x 12)" not in text
    rows = re.findall(r"(\d) of (\d+) ", text)
    assert [int(stops) for stops, _ in rows[:3]] == [0, 0, 0]
    body = browser.get(f"{home}library/", SITES | {"scheme": "minimal", "wanted-15": "i l, m"}).content.decode()
    assert 'value="i l, m"' in body


def test_the_best_residues_by_the_prior(browser, home):
    text = shown(browser, home, scheme="minimal", best="3")
    assert "64 without a stop codon" in text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"sites": "20"}, "The parent has no residue '20'. Give residues in the campaign's numbering"),
        ({"sites": "A13"}, "The parent has Q and not A at 13"),
        ({"sites": "5"}, "excluded region"),
        ({"wanted": "AZ", "scheme": "minimal"}, "'Z' is wanted at 13, which is not one of the twenty"),
        ({"wanted-13": "W", "scheme": "NDT"}, "NDT does not code for W, which you want at 13"),
        ({"budget": "many"}, "udget is 'many'"),
        ({"best": "0", "scheme": "minimal"}, "est is '0'"),
        ({"host": "unicorn"}, "no codon table"),
        ({"scheme": "NNN"}, "NNN"),
        ({"sites": "7 8 9 10 11 12 13 14", "scheme": "22c"}, "the limit is 2,000"),
    ],
)
def test_a_refusal_is_beside_what_was_typed(browser, home, query, words):
    answer = browser.get(f"{home}library/", SITES | query)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert words in text_of(answer)
    assert "Score these" not in text_of(answer)


def test_an_empty_form_offers_positions_of_the_prior(browser, home):
    answer = browser.get(f"{home}library/")
    assert 'role="alert"' not in answer.content.decode()
    found = links(browser, f"{home}library/")
    labels = [words for words in found if re.fullmatch(r"\d+", words)]
    assert len(labels) == 12
    text = text_of(browser.get(f"{home}library/{found[labels[0]]}"))
    assert "32 codon combinations" in text
    again = links(browser, f"{home}library/{found[labels[0]]}")
    assert labels[0] not in again


def test_the_part_that_renews_is_the_answer_to_scripts(browser, home):
    answer = browser.get(f"{home}library/", SITES, headers={"HX-Request": "true", "HX-Target": "design"})
    body = answer.content.decode()
    assert "<html" not in body
    assert "32,768 codon combinations" in text_of(answer)
    assert 'name="csrfmiddlewaretoken"' not in body


def test_files_of_a_design(browser, home):
    query = {**SITES, "scheme": "minimal", "wanted": "AV", "wanted-15": "ST"}
    found = links(browser, f"{home}library/", **query)

    def content(words: str) -> bytes:
        answer = browser.get(f"{home}library/{found[words]}")
        assert answer.status_code == 200
        assert answer["Content-Disposition"].startswith("attachment")
        return b"".join(answer.streaming_content)

    rows = list(csv.DictReader(io.StringIO(content("Sites as CSV").decode())))
    assert [(row["site"], row["residues"]) for row in rows] == [("13", "AV"), ("15", "ST"), ("17", "AV")]
    book = load_workbook(io.BytesIO(content("Sites and synthesis order as XLSX")))
    assert book.sheetnames == ["synthesis", "sites", "about"]
    members = list(csv.DictReader(io.StringIO(content("Members as CSV").decode())))
    assert len(members) == 8
    assert content("Members as FASTA").count(b">") == 8
    assert load_workbook(io.BytesIO(content("Members as XLSX")))["members"].max_row == 9
    assert len(content("Synthesis order as CSV").splitlines()) > 1
    for name, status in (("plates.csv", 400), ("order.fasta", 400)):
        assert browser.get(f"{home}library/", query | {"file": name}).status_code == status
    assert browser.get(f"{home}library/", {"sites": "13", "file": "sites.csv", "budget": "2"}).status_code == 400


def test_members_are_scored_in_a_job(browser, home):
    query = "sites=13+15&scheme=minimal&wanted=AVW&method=wildtype_marginal"
    body = browser.get(f"{home}library/?{query}").content.decode()
    assert "Score these 9 members" in text_of(browser.get(f"{home}library/?{query}"))
    key = re.search(r'name="key" value="(\w+)"', body)[1]
    answer = browser.post(f"{home}library/?{query}", {"do": "submit", "key": key})
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}/")
    assert (job.action, job.params["method"], job.total_items) == ("score", "wildtype_marginal", 9)
    assert job.params["numbering"]["start"] == 3
    assert "library of 9" in job.name
    codes = set(Item.objects.values_list("sequence", flat=True))
    assert len(codes) == 9
    browser.post(f"{home}library/?{query}", {"do": "submit", "key": key})
    assert Job.objects.count() == 1
    browser.post(f"{home}library/?{query}&wanted-13=A", {"do": "submit", "key": key})
    assert Job.objects.count() == 2


def test_what_cannot_be_scored_is_refused(browser, home):
    for query, status in (("", 400), ("sites=13+14+15+16+17&scheme=NNK", 413), ("sites=13&budget=2", 400)):
        answer = browser.post(f"{home}library/?{query}", {"do": "submit"})
        assert answer.status_code == status
        assert 'role="alert"' in answer.content.decode()
    answer = browser.post(f"{home}library/?sites=13&method=guess", {"do": "submit"})
    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_a_model_predicts_the_combinations(api, browser, home):
    assert "A model that is ready predicts the members" in shown(browser, home)
    trained(api, f"/api{home}")
    body = browser.get(f"{home}library/", SITES | {"scheme": "minimal", "wanted": "AVW"}).content.decode()
    text = text_of(browser.get(f"{home}library/", SITES | {"scheme": "minimal", "wanted": "AVW"}))
    assert "Predict with model 1: activity" in text
    assert "47 combinations. They have the parent's residue at 13, 15, too, which this library does not have." in text
    variants = re.search(r'name="variants" value="([^"]+)"', body)[1]
    action = re.search(r'form="predict-form" formaction="([^"]+)"', body)[1]
    answer = browser.post(action.partition("#")[0], {"do": "prediction", "what": "combinations", "variants": variants})
    assert "47 variants, ranked by the prior" in text_of(answer)


def test_the_page_is_linked(api, browser, home):
    assert f"{home}library/" in links(browser, home).values()
    trained(api, f"/api{home}")
    assert f"{home}library/" in links(browser, f"{home}models/1/").values()
    marks = re.findall(r'class="help-mark" href="([^"]+)"', browser.get(f"{home}library/", SITES).content.decode())
    assert {one.partition("#")[2] for one in marks} == {"degenerate-codons", "clones", "library-coverage"}
    document = browser.get("/help/campaigns/").content.decode()
    for one in marks:
        assert f'id="{one.partition("#")[2]}"' in document
