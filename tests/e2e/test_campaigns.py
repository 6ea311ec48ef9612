"""A first plate without data in a real browser, with and without scripts: every page to axe, and on a phone."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import faults_at
from tests.e2e.steps import file

PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"


def new_campaign(page: Page, name: str) -> None:
    """Fill in the form of a new campaign: Ambler's way of numbering, and a host."""
    page.goto("/")
    page.get_by_role("link", name="Learn from my measurements").click()
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Parent", exact=True).fill(PARENT)
    page.get_by_label("Numbering offset").fill("2")
    page.get_by_label("Skipped numbers").fill("20, 30")
    page.get_by_label("Excluded regions").fill("1-6")
    page.get_by_label("Host").select_option("e_coli")
    page.get_by_role("button", name="Make the campaign").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def first_round(page: Page) -> None:
    """Go from a new campaign to its first round by what the page says is next."""
    step = page.locator("#next")
    expect(step).to_contain_text("Say what you measure")
    section = page.locator("#new-property")
    section.get_by_label("Name").fill("activity")
    section.get_by_label("Normalisation of plates").select_option("wild_type_ratio")
    section.get_by_role("button", name="Add the property").click()
    expect(step).to_contain_text("Make a model")
    page.get_by_role("button", name="Make a model").click()
    expect(page.get_by_role("heading", level=1, name="Model 1: activity")).to_be_visible()


def propose(page: Page) -> None:
    page.get_by_role("link", name="Propose a round").click()
    page.get_by_label("Dead controls", exact=True).fill("2")
    page.get_by_label("Variant of the dead control").fill("S15A")
    page.get_by_label("Random picks").fill("8")
    page.get_by_label("Most at a position").fill("2")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("heading", level=1, name="Round 1")).to_be_visible()


def downloaded(page: Page) -> list[dict[str, str]]:
    """Return the rows of the plate map and synthesis order as CSV."""
    with page.expect_download() as got:
        page.get_by_role("link", name="CSV", exact=True).click()
    return list(csv.DictReader(io.StringIO(got.value.path().read_text())))


def measured(rows: list[dict[str, str]]) -> str:
    """Return measurements of a round: a failed well, one below a limit, and the rest by a rule of the residue."""
    lines = ["plate,well,activity"]
    for at, row in enumerate(rows):
        value = f"{2 + (ord((row['variant'] or 'A')[-1]) % 7) / 5 + at % 3 / 20:.2f}"
        value = "failed" if at == 5 else "<0.1" if at == 6 else value
        lines.append(f"{row['plate']},{row['well']},{value}")
    return "\n".join(lines) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.full)], ids=["light", "dark"])
def test_a_first_plate_and_its_data_with_axe_at_every_page(open_page, dark):
    watched = open_page(dark=dark)
    watched.expected = re.compile("status of 400")  # of the import that is refused
    page = watched.page
    wrong: dict[str, list[str]] = {}

    def look(name: str) -> None:
        if found := faults_at(page, (390,)):
            wrong[name] = found

    page.goto("/campaigns/new/")
    look("new campaign")
    new_campaign(page, f"first plate {'dark' if dark else 'light'}")
    look("empty campaign")
    first_round(page)
    expect(page.get_by_role("heading", name="No gain over the prior yet")).to_be_visible(timeout=60_000)
    look("model without data")
    home = page.url.partition("models/")[0]
    propose(page)
    look("round")
    rows = downloaded(page)
    assert len(rows) == 96
    assert sum(row["role"] == "variant" for row in rows) == 88
    page.get_by_text("Note that it is ordered").click()
    page.get_by_role("button", name="It is ordered").click()
    expect(page.get_by_role("status").filter(has_text="Round 1 is ordered")).to_be_visible()
    page.goto(f"{home}propose/")
    look("proposal")

    page.goto(home)
    expect(page.get_by_label("Round", exact=True)).to_have_value("1")
    page.locator("#id_file").set_input_files(file("plate.csv", measured(rows)))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#counts")).to_contain_text("96 rows added")
    look("campaign with counts")
    page.get_by_role("link", name="96 wells of activity").click()
    expect(page.get_by_role("region", name="Round 1, plate 1")).to_be_visible()
    look("data")
    page.goto(home)
    page.get_by_role("button", name="Make a model").click()
    expect(page.get_by_role("heading", name="Observed against out-of-fold")).to_be_visible(timeout=120_000)
    page.get_by_label("Predict", exact=True).select_option("all_singles")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#predictions tbody tr")).to_have_count(50)
    look("model with predictions")
    page.get_by_label("Order").select_option("worst")
    page.get_by_label("Code holds").fill("17")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#predictions tbody tr")).to_have_count(19)
    page.get_by_role("button", name="Make a file").click()
    files = page.get_by_role("table", name="Files of predictions")
    expect(files.get_by_role("link", name="Parquet")).to_be_visible(timeout=120_000)
    look("model with a file of predictions")
    with page.expect_download() as got:
        files.get_by_role("link", name="CSV").click()
    assert len(got.value.path().read_text().splitlines()) == 19 * len(PARENT) + 1
    page.goto(home)
    page.get_by_label("Seed").fill("1")
    page.get_by_role("button", name="Make a model").click()
    expect(page.get_by_role("heading", name="Observed against out-of-fold")).to_be_visible(timeout=120_000)
    page.get_by_role("link", name="Compare models").click()
    expect(page.get_by_role("heading", level=1, name="Compare models: activity")).to_be_visible()
    page.get_by_text("Choose models").click()
    page.get_by_role("checkbox", name="Model 2").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Against model 2")).to_be_visible()
    page.get_by_text("Table view").click()
    look("comparison of models")
    page.goto(home)
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the whole campaign").click()
    page.goto("/campaigns/")
    page.get_by_label("The ZIP file of an export").set_input_files(got.value.path())
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="is imported: 1 property, 96 measurements")).to_be_visible()
    page.goto("/campaigns/")
    page.get_by_label("The ZIP file of an export").set_input_files(file("plate.zip", "no archive"))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("not a ZIP file")
    look("list with a refused import")
    assert wrong == {}


@pytest.mark.slow
def test_the_same_without_scripts_on_a_phone(open_page):
    page = open_page(scripts=False, phone=True).page
    wide = []

    def look() -> None:
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(page.url)

    new_campaign(page, "plain phone")
    look()
    first_round(page)
    look()
    for _ in range(60):
        if page.get_by_role("heading", name="No gain over the prior yet").count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    look()
    propose(page)
    look()
    page.goto(page.url.partition("rounds/")[0])
    look()
    page.goto(f"{page.url}data/")
    look()
    page.goto("/campaigns/new/")
    look()
    assert wide == []
    page.goto("/campaigns/")
    look()
    page.get_by_role("link", name="plain phone").click()
    page.get_by_text("Delete this campaign").click()
    page.get_by_role("button", name="Delete the campaign").click()
    expect(page.get_by_role("main")).to_contain_text("plain phone is deleted")
    assert wide == []
