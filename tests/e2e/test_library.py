"""A combinatorial library through its page in a real browser, with and without scripts: figures, a budget, a job."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import faults_at, ready
from tests.e2e.steps import TEM1
from tests.stack import Stack

LIBRARIES = (("NNK", "32,768", "98,163"), ("22c", "10,648", "31,897"), ("NDT", "1,728", "5,175"))
"""Scheme, members of three sites, and clones for 95 % of one member."""


@pytest.fixture(scope="module")
def campaign(stack: Stack) -> str:
    """Return the address of a campaign with a model that has not learnt."""
    with stack.client() as client:
        ambler = {"start": 3, "skip": [239, 253]}
        made = client.create_campaign("three sites", parent=TEM1, model="e1-demo", numbering=ambler, host="e_coli")
        client.add_property(made["id"], "activity", higher_is_better=True)
        model = client.train_model(made["id"], "activity")
        client.wait_model(made["id"], model["n"])
    return f"/campaigns/{made['id']}/"


def figures(page: Page, members: str, one: str) -> None:
    section = page.get_by_role("region", name="Size of the library")
    expect(section).to_contain_text(f"{members} codon combinations")
    expect(section).to_contain_text(one)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.full)], ids=["light", "dark"])
def test_a_library_of_three_sites_within_a_budget(open_page, campaign, dark):
    page = open_page(dark=dark).page
    wrong: dict[str, list[str]] = {}

    def look(name: str) -> None:
        if found := faults_at(page, (320, 390, 1024)):
            wrong[name] = found

    page.goto(campaign)
    page.get_by_role("link", name="Design a library").click()
    look("empty")
    page.get_by_label("Positions", exact=True).fill("E104, M182, G238")
    for scheme, members, one in LIBRARIES:
        page.get_by_label("Codons", exact=True).select_option(scheme)
        figures(page, members, one)
    page.get_by_label("Codons", exact=True).select_option("NNK")
    figures(page, *LIBRARIES[0][1:])
    look("NNK")
    page.get_by_label("Budget").fill("1000")
    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("98,163 clones are needed for 95 % of one member, and the budget is 1,000")
    expect(refused).to_contain_text("2 sites with 22c, NDT: 264 members, 789 clones")
    expect(page.get_by_role("button", name="Score these")).to_have_count(0)
    look("refused")
    page.get_by_role("link", name="Use 104 with 22c, 182 with NDT").click()
    figures(page, "264", "789")
    expect(page.get_by_label("Codons at 182")).to_have_value("NDT")
    ready(page)
    page.get_by_label("Codons at 182").select_option("minimal")
    page.get_by_label("Wanted residues at 182").press_sequentially("mtv")
    figures(page, "66", "196")
    expect(page.get_by_label("Wanted residues at 182")).to_have_value("mtv")
    expect(page.get_by_label("Wanted residues at 182")).to_be_focused()
    assert "wanted-182=mtv" in page.url
    look("own residues")
    with page.expect_download() as got:
        page.get_by_role("link", name="Members as CSV").click()
    rows = list(csv.DictReader(io.StringIO(got.value.path().read_text())))
    assert len(rows) == 60
    assert {row["sequence"][179] for row in rows} == set("MTV")
    page.get_by_role("button", name="Predict with model 1: activity").click()
    expect(page.get_by_role("status").filter(has_text="59 variants, ranked by the prior")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Score these 59 members").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("three sites: library of 59")
    assert wrong == {}


@pytest.mark.slow
def test_the_same_without_scripts_on_a_phone(open_page, campaign):
    page = open_page(scripts=False, phone=True).page
    page.goto(f"{campaign}library/")
    page.get_by_label("Positions", exact=True).fill("104 182 238")
    page.get_by_label("Codons", exact=True).select_option("NDT")
    page.get_by_role("button", name="Design").click()
    figures(page, *LIBRARIES[2][1:])
    page.get_by_label("Codons at 238").select_option("minimal")
    page.get_by_label("Wanted residues at 238").fill("GA")
    page.get_by_role("button", name="Design").click()
    figures(page, "288", "861")
    page.get_by_text("Positions with the best substitutions").click()
    page.get_by_role("link", name="Add position").first.click()
    expect(page.get_by_role("table", name="Each position with its codons").locator("tbody tr")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
