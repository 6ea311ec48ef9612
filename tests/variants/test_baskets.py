"""The basket of a scan: picking, limits, combinations, files, and the job that is made of it."""

from __future__ import annotations

import csv
import io
import re

import pytest

from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.science.variants.ranges import positions_of_text
from jobs.variants import baskets
from tests.factories import SHORT, finished
from tests.helpers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def scan(api, inline_worker):
    return finished(
        api, inline_worker, "scan", [{"sequence": SHORT, "name": "parent"}], method="wildtype_marginal", offset=20
    )


@pytest.fixture
def address(scan) -> str:
    return f"/jobs/{scan['id']}/items/0/basket/"


def words(browser) -> list[str]:
    """Return the only basket of the session."""
    found = list(browser.session.get(baskets.KEY, {}).values())
    return found[0] if found else []


def rows(response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def test_picks_are_added_toggled_and_taken_out(browser, address):
    assert "The basket is empty" in text_of(browser.get(address))
    browser.post(address, {"do": "add", "pick": ["2R", "1A", "2R", "1M", "99A", "2B", "x"]})
    assert words(browser) == ["2R", "1A"], "the wild type, other positions and nonsense are no variants"
    browser.post(address, {"pick": ["1A", "3S"]})
    assert words(browser) == ["2R", "3S"]
    text = text_of(browser.get(address))
    assert "2 substitutions of parent" in text
    assert "K22R" in text, "residues have the numbers of the job"
    browser.post(address, {"do": "remove", "pick": "2R"})
    assert words(browser) == ["3S"]
    browser.post(address, {"do": "clear"})
    assert words(browser) == []


def test_the_best_are_picked_within_limits(browser, address, scan, api):
    form = {"do": "best", "count": "7", "per_site": "2", "without": "C, p M", "leave_out": "22-23", "only": "21-28"}
    answer = browser.post(address, {**form, "back": f"/jobs/{scan['id']}/?position=3"})
    assert answer["Location"] == f"/jobs/{scan['id']}/?position=3"
    picked = words(browser)
    assert len(picked) == 7
    sites = [int(word[:-1]) for word in picked]
    assert max(map(sites.count, sites)) <= 2
    assert set(sites) <= {1, 4, 5, 6, 7, 8}
    assert not {word[-1] for word in picked} & set("CPM")
    browser.post(address, {**form, "count": "2"})
    assert len(set(words(browser))) == 9, "further ones are picked"
    assert "No substitution fits" in text_of(browser.post(address, {"do": "best", "least": "99"}, follow=True))


@pytest.mark.parametrize(
    ("field", "value", "words_of_it"),
    [
        ("count", "many", "not a whole number"),
        ("per_site", "0", "not a whole number"),
        ("without", "C, 1B", "not one of the twenty residues"),
        ("least", "high", "not a number"),
        ("only", "x-y", "positions hold"),
    ],
)
def test_a_wrong_limit_is_refused_and_nothing_is_picked(browser, address, field, value, words_of_it):
    assert words_of_it in text_of(browser.post(address, {"do": "best", field: value}, follow=True))
    assert words(browser) == []


def test_the_remedy_for_wrong_positions_is_accepted(browser, address):
    """The code is `bad_positions`; its remedy is to give numbers of residues and ranges."""
    with pytest.raises(InvalidInput) as caught:
        positions_of_text("x-y")
    (problem,) = caught.value.problems
    assert (problem.code, problem.remedy) == (
        "bad_positions",
        "Give the numbers of residues, and ranges, such as 24, 56-60.",
    )
    browser.post(address, {"do": "best", "count": "2", "only": "21, 22-23"})
    assert len(words(browser)) == 2


def test_a_basket_never_leads_to_another_site(browser, address):
    for back in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert browser.post(address, {"do": "clear", "back": back})["Location"] == address


def test_the_csv_has_names_mutations_sequences_and_scores(browser, address, api, scan):
    browser.post(address, {"do": "add", "pick": ["2R", "1A", "1C"]})
    result = api.get(f"{scan['url']}items/0/").json()["result"]
    score = {
        f"{at}{letter}": value
        for at, row in enumerate(result["scores"], 1)
        for letter, value in zip(result["vocab_tokens"], row, strict=True)
    }
    single = rows(browser.get(address.replace("basket/", "basket.csv")))
    assert [row["variant"] for row in single] == ["K22R", "M21A", "M21C"]
    assert single[1]["name"] == "parent_M21A"
    assert single[1]["sequence"] == "A" + SHORT[1:]
    assert [float(row["score"]) for row in single] == pytest.approx([score["2R"], score["1A"], score["1C"]], abs=1e-4)
    both = rows(browser.get(address.replace("basket/", "basket.csv"), {"most": "2"}))
    assert [row["variant"] for row in both] == ["M21A", "M21C", "K22R", "M21A:K22R", "M21C:K22R"]
    assert float(both[3]["score"]) == pytest.approx(score["1A"] + score["2R"], abs=1e-4)
    assert (both[3]["mutations"], both[3]["positions"], both[3]["sequence"][:3]) == ("2", "1 2", "ART")
    fasta = b"".join(browser.get(address.replace("basket/", "basket.fasta")).streaming_content).decode()
    assert fasta.startswith(f">parent_K22R\nMR{SHORT[2:]}\n")


def test_a_basket_becomes_a_job_of_scores_or_a_library(browser, address, scan):
    browser.post(address, {"do": "add", "pick": ["2R", "1A"]})
    form = browser.get("/jobs/new/", {"basket": scan["id"], "item": "0", "action": "score"}).content.decode()
    assert "variant\nK22R\nM21A\n" in form
    assert SHORT in form
    assert re.search(r'name="offset"[^>]*value="20"', form)
    library = browser.get("/jobs/new/", {"basket": scan["id"], "action": "encode", "most": "2"}).content.decode()
    assert f"&gt;parent_M21A_K22R\nAR{SHORT[2:]}" in library


def test_a_basket_that_makes_too_many_variants_is_refused(browser, address, scan, monkeypatch):
    monkeypatch.setattr(baskets, "MOST_VARIANTS", 2)
    browser.post(address, {"do": "add", "pick": ["2R", "1A"]})
    refusal = "picks make more than 2 variants of up to 2 mutations"
    assert refusal in text_of(browser.get(address, {"most": "2"}))
    asked = {"basket": scan["id"], "action": "score", "most": "2"}
    assert refusal in text_of(browser.get("/jobs/new/", asked, follow=True))
    monkeypatch.setattr(baskets, "MOST_PICKS", 2)
    browser.post(address, {"do": "add", "pick": ["3S"]})
    assert words(browser) == ["2R", "1A"]


def test_a_script_gets_the_new_basket_or_the_reason(browser, address):
    script = {"X-Requested-With": "fetch"}
    part = browser.post(address, {"do": "add", "pick": "2R"}, headers=script)
    assert 'data-words="2R"' in part.content.decode()
    assert b"<html" not in part.content
    refused = browser.post(address, {"do": "best", "count": "0"}, headers=script)
    assert refused.status_code == 400
    assert "not a whole number" in refused.content.decode()


def test_baskets_of_other_people_and_of_other_jobs_are_not_there(other_browser, browser, address, scan):
    assert other_browser.get(address).status_code == 404
    assert other_browser.post(address, {"do": "clear"}).status_code == 404
    assert browser.get(address.replace("items/0", "items/1")).status_code == 404
    assert browser.get("/jobs/new/", {"basket": "x"}).status_code == 404
    assert Job.objects.count() == 1


def test_old_baskets_make_room(browser, address, monkeypatch):
    browser.post(address, {"do": "add", "pick": "2R"})
    session = browser.session
    monkeypatch.setattr(baskets, "MOST_BASKETS", 2)
    for job in ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"):
        baskets.basket_save(session, job, 0, [(1, "A")])
    assert list(session[baskets.KEY]) == [
        f"{job}:0" for job in ("1" * 8 + "-1111-1111-1111-" + "1" * 12, "2" * 8 + "-2222-2222-2222-" + "2" * 12)
    ]
