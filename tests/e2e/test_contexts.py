"""Contexts in the browser: from an alignment or a search to a set, by keyboard, without scripts, in both themes."""

from __future__ import annotations

import random
import re

import pytest
from playwright.sync_api import expect

from e1protocol import CANONICAL
from tests.e2e.conftest import ready, violations
from tests.e2e.steps import file, tab_to

RANDOM = random.Random(3)
PARENT = "".join(RANDOM.choices(CANONICAL, k=150))


def mutated(share: float) -> str:
    return "".join(RANDOM.choice(CANONICAL) if RANDOM.random() < share else letter for letter in PARENT)


FAMILY = [mutated(0.1 + 0.02 * n) for n in range(25)]
A3M = f">parent\n{PARENT}\n" + "".join(f">h{n}\n{row}\n" for n, row in enumerate(FAMILY))


@pytest.fixture(scope="module")
def made(stack) -> dict[str, str]:
    """Return addresses of an alignment, a set, and a finished search in an installed library."""
    path = stack.folder.path.with_name("library.fasta")
    noise = ["".join(RANDOM.choices(CANONICAL, k=150)) for _ in range(200)]
    path.write_text("".join(f">s{n}\n{row}\n" for n, row in enumerate([*FAMILY, *noise])))
    added = stack.run("database", "add", "small", str(path))
    assert "added small: 225 sequences" in added.stdout, added.stderr
    family = stack.folder.path.with_name("family.a3m")
    family.write_text(A3M)
    with stack.client() as client:
        alignment = client.upload_alignment(family)
        client.sample_contexts(alignment, name="ready-made", samplings=[{"max_residues": 1500}] * 3)
        search = client.wait_search(client.search_homologs(PARENT, database="small", name="found"))
        assert (search["state"], search["hits"]) == ("done", 25)
        found = client.alignment(search["alignment"])
    return {
        "contexts": "/contexts/",
        "set": "/contexts/sets/ready-made/",
        "alignment": f"/contexts/alignments/{alignment['id']}/",
        "found alignment": f"/contexts/alignments/{found['id']}/",
        "search": f"/contexts/searches/{search['id']}/",
    }


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(open_page, made, theme):
    watched = open_page(dark=theme == "dark")
    page = watched.page
    found = {}
    for name, path in made.items():
        page.goto(path)
        ready(page)
        if wrong := violations(page):
            found[name] = wrong
    page.goto(made["alignment"])
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    ready(page)
    found |= {"preview": wrong} if (wrong := violations(page)) else {}
    watched.expected = re.compile("status of 400")
    page.goto("/contexts/")
    page.locator("#id_homologs").fill(">a\nM1T\n")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 2, column 2")
    found |= {"refusal": wrong} if (wrong := violations(page)) else {}
    assert found == {}


@pytest.mark.slow
def test_no_page_is_wider_than_a_phone(open_page, made):
    page = open_page(phone=True).page
    for name, path in made.items():
        page.goto(path)
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_the_picture_shows_what_its_table_says(open_page, made):
    page = open_page(dark=True).page
    page.goto(made["alignment"])
    bars = page.locator("svg.histogram rect")
    page.get_by_text("The numbers of the picture").click()
    counts = [int(text) for text in page.locator("figure table td:nth-child(2)").all_inner_texts()]
    assert sum(counts) == 25
    heights = [bar.bounding_box()["height"] for bar in bars.all()]
    filled = [count for count in counts if count]
    assert len(heights) == len(filled)
    for height, count in zip(heights, filled, strict=True):
        assert height == pytest.approx(max(heights) * count / max(filled), abs=1.5)
    colour = "e => getComputedStyle(e).fill"
    assert bars.first.evaluate(colour) != page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    title = page.get_by_role("img", name=re.compile("25 homologs by their similarity"))
    expect(title).to_be_visible()


@pytest.mark.slow
def test_from_an_alignment_to_a_set_by_keyboard_alone(page, made):
    page.goto(made["alignment"])
    ready(page)
    tab_to(page, "The published ensemble")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("My settings, below")).to_be_checked()
    expect(page.get_by_label("Residues of each")).to_be_visible()  # the choice unfolds its fields
    tab_to(page, "Contexts")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    tab_to(page, "Residues of each")
    page.keyboard.press("Control+a")
    page.keyboard.type("900")
    tab_to(page, "Name of the set")
    page.keyboard.type("by-keyboard")
    tab_to(page, "Preview")
    page.keyboard.press("Enter")
    expect(page.locator("#preview-part")).to_contain_text("under 2 contexts")
    tab_to(page, "Draw and store")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="by-keyboard")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Saved 2 contexts")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_alignment_is_uploaded_and_mended(open_page, scripts):
    watched = open_page(scripts=scripts)
    watched.expected = re.compile("status of 400")
    page = watched.page
    page.goto("/contexts/")
    page.locator("#id_file").set_input_files(file("family.a3m", A3M))
    page.locator("#id_parent").fill(PARENT[10:])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("first row is not the parent")
    page.locator("#id_file").set_input_files(file("family.a3m", A3M))
    page.get_by_label("put the parent before it").check()
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1, name="family.a3m")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("140, the residues of the parent")


def test_a_search_moves_by_itself_to_its_alignment(page, made):
    page.goto("/contexts/")
    page.locator("#id_search_parent").fill(PARENT)
    page.locator("#id_search_name").fill("from the page")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="from the page")).to_be_visible()
    page.get_by_role("link", name="Draw contexts from the alignment").click(timeout=60_000)
    expect(page.get_by_role("main")).to_contain_text("An alignment from a search")
