"""The structure beside a scan in a browser with WebGL: drawn under the strict policy, and linked both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import ARGUMENTS, BROWSERS, Watched, ready, violations
from tests.factories import UBIQUITIN, pdb
from tests.needed import needed_program

PARENT = UBIQUITIN[:40]
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""WebGL without a graphics card."""


@pytest.fixture(scope="module")
def address(stack) -> str:
    """Return the page of a scan with two structures, whose first three residues are not resolved.

    The newest, a helix, is shown; the other has no atoms O.
    """
    headers = {"Authorization": f"Token {stack.token}"}
    with stack.client() as client, httpx.Client(base_url=stack.url, headers=headers, timeout=60) as http:
        item = {"sequence": PARENT, "name": "parent"}
        body = {"model": "e1-demo", "action": "scan", "params": {"method": "wildtype_marginal"}, "items": [item]}
        job = http.post("/api/jobs/", json=body).json()["id"]
        client.wait(job, timeout=240)
        for name, atoms in (("tube.pdb", ("N", "CA", "C", "CB")), ("helix.pdb", ("N", "CA", "C", "O", "CB"))):
            file = {"file": (name, pdb(PARENT, missing=3, atoms=atoms))}
            answer = http.post(f"/api/jobs/{job}/structures/", files=file)
            assert answer.status_code == 201, answer.text
    return f"/jobs/{job}/items/0/"


@pytest.fixture(scope="module")
def drawing_browser(browser: Browser) -> Iterator[Browser]:
    """Return a browser that draws WebGL by software. It shares Playwright with the other browser of the session."""
    path = needed_program(*BROWSERS, package="chromium")
    arguments = [one for one in ARGUMENTS if one != "--disable-gpu"]
    found = browser.browser_type.launch(executable_path=path, args=[*arguments, *SOFTWARE])
    yield found
    found.close()


@pytest.fixture
def watched_drawing(drawing_browser, stack, logged_in) -> Iterator[Watched]:
    context = drawing_browser.new_context(
        base_url=stack.url, storage_state=logged_in, viewport={"width": 1200, "height": 900}
    )
    context.set_default_timeout(30_000)
    watched = Watched(context)
    yield watched
    context.close()
    watched.check()


def opened(watched: Watched, address: str) -> Page:
    page = watched.page
    page.goto(address)
    ready(page)
    expect(page.locator("#molecule")).to_have_attribute("data-ready", "")
    return page


def painted(page: Page) -> int:
    """Return how many different colours the drawing has."""
    script = """() => {
        const from = document.querySelector("#molecule canvas"), to = document.createElement("canvas");
        to.width = from.width; to.height = from.height;
        const context = to.getContext("2d");
        context.drawImage(from, 0, 0);
        const data = context.getImageData(0, 0, to.width, to.height).data, found = new Set();
        for (let at = 0; at < data.length; at += 4) found.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
        return found.size; }"""
    return int(page.evaluate(script))


def test_the_structure_is_drawn_under_the_strict_policy(watched_drawing, address):
    page = opened(watched_drawing, address)
    assert painted(page) > 20, "shaded colours, not an empty ground"
    assert page.locator("[data-structure-waiting]").count() == 0


@pytest.mark.slow
def test_a_structure_without_atoms_o_is_drawn_as_a_tube(watched_drawing, address):
    page = opened(watched_drawing, address)
    page.get_by_role("combobox", name="Structure").select_option(label="tube.pdb, chain A")
    page.locator("form", has=page.get_by_role("combobox", name="Structure")).get_by_role("button", name="Show").click()
    expect(page.locator("#h-structure ~ p").first).to_contain_text("tube.pdb")
    expect(page.locator("#molecule")).to_have_attribute("data-ready", "")
    assert painted(page) > 20


@pytest.mark.slow
def test_a_position_of_the_page_is_shown_in_the_structure(watched_drawing, address):
    page = opened(watched_drawing, f"{address}?position=20")
    status = page.locator("#molecule [role=status]")
    expect(status).to_contain_text(re.compile(rf"^{PARENT[19]}20: mean score"))
    page.goto(f"{address}?position=2")
    expect(page.locator("#molecule [role=status]")).to_contain_text("2 is not resolved in the structure")


def test_residues_are_chosen_by_key_and_the_other_pictures_follow(watched_drawing, address):
    page = opened(watched_drawing, f"{address}?position=20")
    stage = page.locator(".molecule-stage")
    stage.focus()
    page.keyboard.press("PageDown")
    expect(page).to_have_url(re.compile(r"position=21"))
    expect(page.locator("#beside")).to_contain_text(f"Position 21 ({PARENT[20]}), best first")
    expect(page.locator("#molecule [role=status]")).to_contain_text(f"{PARENT[20]}21")
    page.locator("#heat .picture-stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#molecule [role=status]")).to_contain_text(f"{PARENT[21]}22")


def test_a_click_on_a_residue_chooses_it(watched_drawing, address):
    page = opened(watched_drawing, address)
    page.locator("#molecule canvas").scroll_into_view_if_needed()
    box = page.locator("#molecule canvas").bounding_box()
    assert box is not None
    for step in range(40):
        x, y = box["x"] + box["width"] * (0.3 + 0.01 * step), box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if "position=" in page.url:
            break
    expect(page).to_have_url(re.compile(r"position=\d+"))


@pytest.mark.slow
def test_colours_follow_the_choice_and_the_theme(watched_drawing, address):
    page = opened(watched_drawing, address)
    picture = "document.querySelector('#molecule canvas').toDataURL()"
    before = page.evaluate(picture)
    page.get_by_label("Coloured by").select_option("touching")
    page.wait_for_function(f"before => {picture} !== before", arg=before)
    before = page.evaluate(picture)
    page.get_by_label("Colours").select_option("dark")
    page.wait_for_function(f"before => {picture} !== before", arg=before)
    page.get_by_label("Colours").select_option("auto")


@pytest.mark.slow
def test_the_page_with_a_structure_has_no_violations(watched_drawing, address):
    page = opened(watched_drawing, address)
    assert violations(page) == []


def test_without_webgl_the_page_says_so_and_the_table_remains(open_page, address):
    page = open_page().page
    page.add_init_script(
        "HTMLCanvasElement.prototype.getContext = (get => function (kind, ...more) {"
        " return kind.startsWith('webgl') ? null : get.call(this, kind, ...more); })"
        "(HTMLCanvasElement.prototype.getContext)"
    )
    page.goto(address)
    ready(page)
    expect(page.locator("[data-structure-waiting]")).to_contain_text("it has no WebGL")
    page.get_by_text("Table view: residues of the structure").click()
    expect(page.locator("#structure-table")).to_contain_text(f"{PARENT[5]}6")
    loaded = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert not [name for name in loaded if "3dmol" in name.lower()], "half a megabyte is not loaded for nothing"
