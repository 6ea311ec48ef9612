"""The map of a library in a real browser: making it, keys, picks, colours."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import violations
from tests.e2e.steps import proteins


@pytest.fixture(scope="module")
def job(stack) -> str:
    """Return an encode job with a column."""
    path = stack.folder.path.with_name("map.fasta")
    path.write_text(proteins(80))
    with stack.client() as client:
        made = client.submit(path, model="e1-demo", action="encode", name="four families")
        client.wait(made, timeout=120)
        column = "name,family,weight\n" + "".join(f"family{n % 4}_{n},f{n % 4},{n}\n" for n in range(79))
        client._transport.request(
            "POST", f"/api/jobs/{made.id}/columns/", files={"file": ("c.csv", column.encode(), "text/csv")}
        )
    return made.id


@pytest.fixture(scope="module")
def made_map(job, browser, stack, logged_in) -> str:
    """Make the map with its button and return the address of the page."""
    context = browser.new_context(base_url=stack.url, storage_state=logged_in)
    page = context.new_page()
    page.goto(f"/jobs/{job}/")
    page.get_by_role("link", name="Open map").click()
    page.get_by_label("Method").select_option("pca")
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("#builds")).to_contain_text("ready", timeout=120_000)
    context.close()
    return f"/jobs/{job}/map/"


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.locator("point-map")).to_have_attribute("data-ready", "")
    return page


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_map_and_its_neighbours(open_page, made_map, theme):
    page = opened(open_page(dark=theme == "dark").page, made_map)
    assert violations(page) == []
    page.locator("point-map canvas").nth(1).press("Home")
    page.keyboard.press("Enter")
    expect(page.locator("#point-panel ol li")).to_have_count(10)
    assert violations(page) == []
    page.get_by_label("Colour by").select_option("Length")
    expect(page.locator("#map-legend")).to_contain_text("percentile")
    assert violations(page) == []
    page.locator("#point-panel").get_by_role("link", name="All neighbours").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Neighbours of")
    assert violations(page) == []


def test_the_keys_walk_pick_and_open_points(page, made_map):
    opened(page, made_map)
    stage = page.locator("point-map canvas").nth(1)
    stage.focus()
    status = page.locator("#map-status")
    page.keyboard.press("ArrowRight")
    expect(status).to_contain_text("family0_0: record 1")
    seen = {status.inner_text()}
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        seen.add(status.inner_text())
    assert len(seen) > 2, "the arrows move nowhere"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.locator("#picked-count")).to_have_text("1 picked")
    expect(page.locator("#picked-names")).to_have_text("family0_0")
    expect(page.get_by_role("checkbox", name="Pick family0_0", exact=True)).to_be_checked()
    assert "point=0" in page.url
    page.keyboard.press("Enter")
    expect(page.locator("#point-panel h2")).to_be_focused()
    expect(page.locator("#point-panel ol li")).to_have_count(10)
    names = page.locator("#point-panel ol li a").all_inner_texts()
    assert sum(name.startswith("family0") for name in names) > 5
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("family0_0")
    page.go_back()
    expect(page.locator("#map-status")).to_contain_text("family0_0")


def pixel(page: Page, x: float, y: float) -> list[int]:
    script = """([x, y]) => { const c = document.querySelector('point-map canvas');
        const p = c.getContext('2d').getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data;
        return [p[0], p[1], p[2]]; }"""
    return page.evaluate(script, [x, y])


def place(page: Page, item: int) -> list[float]:
    """Return the place of a point, in pixels of the canvas."""
    return page.evaluate(
        """item => { const m = document.querySelector('point-map'); const i = m.points.index.indexOf(item);
            return [m.points.u[i] * m.view.scale + m.view.left, m.points.v[i] * m.view.scale + m.view.top]; }""",
        item,
    )


def wait_drawn(page: Page, before: str | None) -> None:
    expect(page.locator("point-map")).not_to_have_attribute("data-drawn", before or "")


def test_a_point_has_the_colour_of_its_class_and_the_theme_changes_the_ground(page, made_map):
    opened(page, made_map)
    column = page.locator("#id_colour option", has_text="family").get_attribute("value")
    page.get_by_label("Colour by").select_option(column)
    expect(page.locator("#map-legend")).to_contain_text("f3")
    for _ in range(6):
        page.locator("point-map canvas").nth(1).press("+")
    page.locator("point-map canvas").nth(1).press("0")
    # Far out: one point alone, beside the names of groups.
    page.evaluate("document.querySelector('point-map').focusItem(79)")
    before = page.locator("point-map").get_attribute("data-drawn")
    for _ in range(14):
        page.locator("point-map canvas").nth(1).press("+")
    wait_drawn(page, before)
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    none = pixel(page, *place(page, 79))
    assert none == [0x8A, 0x94, 0x9B], "item 79 has no family"
    light = pixel(page, 3, 3)
    page.get_by_label("Colours").select_option("dark")
    page.wait_for_function(
        "light => { const c = document.querySelector('point-map canvas');"
        " return c.getContext('2d').getImageData(3, 3, 1, 1).data[0] !== light; }",
        arg=light[0],
    )
    assert light == [255, 255, 255]


def test_the_map_is_never_blank_while_its_size_changes(page, made_map):
    opened(page, made_map)
    seen = page.evaluate(
        """() => new Promise(done => {
            const stage = document.querySelector('.map-stage'), canvas = stage.querySelector('canvas');
            const before = canvas.width;
            new ResizeObserver(() => {  // called after the map's own, before anything is painted
                if (canvas.width === before) return;
                done(canvas.getContext('2d').getImageData(3, 3, 1, 1).data[3]);
            }).observe(stage);
            setTimeout(() => { stage.style.width = '300px'; });
        })"""
    )
    assert seen == 255


def test_a_box_picks_points_and_the_picks_become_files_and_a_job(page, made_map):
    opened(page, made_map)
    page.get_by_label("Pick by box").check()
    bounds = page.locator("point-map canvas").nth(1).bounding_box()
    page.mouse.move(bounds["x"] + 3, bounds["y"] + 3)
    page.mouse.down()
    page.mouse.move(bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["height"] / 2)
    page.mouse.move(bounds["x"] + bounds["width"] - 3, bounds["y"] + bounds["height"] - 3)
    page.mouse.up()
    expect(page.locator("#picked-count")).to_have_text("80 picked")
    page.get_by_role("button", name="Pick nothing").click()
    expect(page.locator("#picked-count")).to_have_text("Nothing is picked")
    page.locator("#map-legend button").first.click()
    count = int(re.search(r"\d+", page.locator("#picked-count").inner_text())[0])
    assert 0 < count < 80
    with page.expect_download() as got:
        page.get_by_role("button", name="Download FASTA").click()
    assert got.value.path().read_text().count(">") == count
    with page.expect_download() as got:
        page.get_by_role("button", name="Save picture").click()
    assert got.value.path().read_bytes()[:4] == b"\x89PNG"
    page.get_by_role("button", name="New job from these").click()
    expect(page.get_by_label("Or paste sequences")).to_have_value(re.compile(">family"))


def test_a_click_opens_the_neighbours_of_a_point(page, made_map):
    opened(page, made_map)
    x, y = place(page, 40)
    page.locator("point-map canvas").nth(1).click(position={"x": x, "y": y})
    expect(page.locator("#point-panel ol li")).to_have_count(10)


def test_without_scripts_the_page_has_its_table_and_forms(open_page, made_map):
    page = open_page(scripts=False).page
    page.goto(made_map)
    expect(page.get_by_role("main")).to_contain_text("The picture needs scripts")
    page.get_by_role("checkbox", name="Pick family1_1", exact=True).check()
    with page.expect_download() as got:
        page.get_by_role("button", name="Download FASTA").click()
    assert got.value.path().read_text().startswith(">family1_1\n")


@pytest.mark.slow
def test_the_map_fits_a_phone(open_page, made_map):
    page = opened(open_page(phone=True).page, made_map)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    x, y = place(page, 40)
    page.locator("point-map canvas").nth(1).click(position={"x": x, "y": y})
    expect(page.locator("#point-panel ol li")).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
