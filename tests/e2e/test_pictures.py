"""Pictures in a real browser: the colours of known values, the keyboard path, the table view, both themes, phones."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ready, violations
from tests.factories import UBIQUITIN, pdb
from tests.stack import E1

PARENT = UBIQUITIN[:40]
ROWS = "GAVLIMCFYWHKRDENQSTP"


@pytest.fixture(scope="module")
def jobs(stack) -> dict[str, str]:
    """Make jobs of variants with results, measurements and a structure. Return each page's address by name."""
    import httpx

    made: dict[str, str] = {}
    with (
        stack.client() as client,
        httpx.Client(base_url=stack.url, headers={"Authorization": f"Token {stack.token}"}, timeout=60) as http,
    ):

        def add(action: str, items: list[dict], **params) -> str:
            body = {"model": "e1-demo", "action": action, "params": params, "items": items, "name": f"{action} job"}
            answer = http.post("/api/jobs/", json=body)
            assert answer.status_code == 202, answer.text
            return answer.json()["id"]

        scan = add("scan", [{"sequence": PARENT, "name": "parent"}], method="wildtype_marginal")
        codes = [
            f"{letter}{at}{mutant}" for at, letter in enumerate(PARENT[:12], 1) for mutant in "ACDE" if mutant != letter
        ]
        score = add("score", [{"variant": code} for code in codes], parent=PARENT, method="wildtype_marginal")
        contacts = add("contacts", [{"sequence": UBIQUITIN[:27], "name": "short"}])
        for job in (scan, score, contacts):
            client.wait(job, timeout=240)
        rows = "mutant,fitness\n" + "".join(f"{code},{n / 7}\n" for n, code in enumerate(codes))
        assay = http.post(f"/api/jobs/{score}/assays/", files={"file": ("measured.csv", rows.encode())})
        assert assay.status_code == 201, assay.text
        helix = {"file": ("helix.pdb", pdb(UBIQUITIN[:27], missing=2))}
        assert http.post(f"/api/jobs/{contacts}/structures/", files=helix).status_code == 201
    made["scan"] = f"/jobs/{scan}/items/0/"
    made["variants"] = f"/jobs/{score}/variants/"
    made["variant"] = f"/jobs/{score}/items/0/"
    made["contacts"] = f"/jobs/{contacts}/items/0/"
    made["assay"] = f"/jobs/{score}/assays/{assay.json()['id']}/"
    made["assays"] = f"/jobs/{score}/assays/"
    made["new score"] = "/jobs/new/?action=score"
    made["new scan"] = "/jobs/new/?action=scan"
    made["scan item"] = f"/api/jobs/{scan}/items/0/"
    return made


PAGES = ("scan", "variants", "variant", "contacts", "assay", "assays", "new score", "new scan")
PICTURES = {
    "scan": ("heat-map", "position-track", "sequence-logo"),
    "variants": ("bar-chart",),
    "contacts": ("heat-map",),
    "assay": ("scatter-plot",),
}


def drawn(page: Page, name: str) -> None:
    ready(page)
    for picture in PICTURES.get(name, ()):
        expect(page.locator(picture)).to_have_attribute("data-ready", "")


def colour(page: Page, row: int, column: int) -> list[int]:
    """Return the colour of a cell of the heat map, away from its middle, where the sign of the wild type may be."""
    script = """([row, column]) => {
        const map = document.querySelector("heat-map"), canvas = map.querySelector("canvas");
        const box = map.cellBox(row, column), density = canvas.width / canvas.clientWidth;
        const at = [(box.x + box.width * 0.15) * density, (box.y + box.height * 0.15) * density].map(Math.round);
        return [...canvas.getContext("2d").getImageData(...at, 1, 1).data].slice(0, 3); }"""
    return page.evaluate(script, [row, column])


def scale(share: float) -> list[float]:
    """Return the colour of ColorBrewer's RdBu at a share from 0 to 1."""
    stops = bytes.fromhex("67001fb2182bd6604df4a582fddbc7f7f7f7d1e5f092c5de4393c32166ac053061")
    at = min(max(share, 0), 1) * 10
    low = min(int(at), 9)
    pair = [stops[3 * n : 3 * n + 3] for n in (low, low + 1)]
    return [a + (at - low) * (b - a) for a, b in zip(*pair, strict=True)]


@pytest.mark.parametrize("dark", [False, True])
def test_known_values_have_known_colours_in_both_themes(open_page, jobs, dark):
    import numpy as np

    page = open_page(dark=dark).page
    page.goto(jobs["scan"])
    drawn(page, "scan")
    result = page.request.get(jobs["scan item"]).json()["result"]
    scores = np.array(result["scores"])
    limit = np.percentile(np.abs(scores[scores != 0]).astype(np.float32), 98)
    for row, column in ((0, 0), (5, 9), (9, 20), (13, 39)):
        value = scores[column, result["vocab_tokens"].index(ROWS[row])]
        assert colour(page, row, column) == pytest.approx(scale(0.5 + value / (2 * limit)), abs=3)
    wild = ROWS.index(PARENT[3])
    assert colour(page, wild, 3) == [247, 247, 247], "zero is the middle of the scale"
    page.locator("#heat .picture-stage").focus()
    page.keyboard.press("Home")
    expect(page.locator("#heat [role=status]")).to_contain_text("M1G: score")


def test_the_canvas_is_as_dense_as_the_screen_and_follows_the_theme(open_page, jobs):
    page = open_page().page
    page.goto(jobs["scan"])
    drawn(page, "scan")
    ground = "document.querySelector('#heat canvas').getContext('2d').getImageData(2, 2, 1, 1).data.join()"
    light = page.evaluate(ground)
    assert page.evaluate("(c => c.width / c.clientWidth)(document.querySelector('#heat canvas'))") == pytest.approx(1)
    page.get_by_label("Colours").select_option("dark")
    page.wait_for_function(f"light => {ground} !== light", arg=light)
    page.get_by_label("Colours").select_option("auto")


def test_a_scan_is_read_with_the_keyboard_and_its_position_survives(page, jobs):
    page.goto(jobs["scan"])
    drawn(page, "scan")
    status = page.locator("#heat [role=status]")
    stage = page.locator("#heat .picture-stage")
    stage.focus()
    for keys, words in (
        (["ArrowRight", "ArrowDown"], "Q2A: score"),
        (["End"], f"{PARENT[-1]}40A: score"),
        (["Home", "ArrowUp"], "M1G: score"),
        (["PageDown"], f"{PARENT[10]}11G: score"),
    ):
        for key in keys:
            page.keyboard.press(key)
        expect(status).to_contain_text(words)
    before = page.evaluate("document.querySelector('heat-map').cellBox(0, 0).width")
    page.keyboard.press("+")
    assert page.evaluate("document.querySelector('heat-map').cellBox(0, 0).width") == pytest.approx(2 * before)
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?position=11$"))
    expect(page.locator("#beside")).to_contain_text(f"Position 11 ({PARENT[10]}), best first")
    page.reload()
    drawn(page, "scan")
    expect(page.locator("#beside")).to_contain_text("Position 11")
    page.locator("#track .picture-stage").focus()
    for key in ("ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"position=12"))
    expect(page.locator("#beside")).to_contain_text("Position 12")
    expect(page.locator("#track [role=status]")).to_contain_text("mean score")
    page.go_back()
    expect(page.locator("#beside")).to_contain_text("Position 11")
    page.locator("#logo .picture-stage").focus()
    page.keyboard.press("Home")
    expect(page.locator("#logo [role=status]")).to_contain_text("Position 1 (M)")
    expect(page.locator("#logo [role=status]")).to_contain_text("bits")
    page.locator("#beside").get_by_role("link", name="All positions").click()
    expect(page.locator("#beside")).to_contain_text("All substitutions")
    assert "position" not in page.url


def test_a_click_on_a_cell_shows_its_position(page, jobs):
    page.goto(jobs["scan"])
    drawn(page, "scan")
    box = page.evaluate("document.querySelector('heat-map').cellBox(0, 7)")
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    page.locator("#heat canvas").hover(position=at)
    expect(page.locator("#heat .picture-readout")).to_contain_text("L8G: score")
    page.locator("#heat canvas").click(position=at)
    expect(page.locator("#beside")).to_contain_text(f"Position 8 ({PARENT[7]})")


def test_pictures_are_saved_and_tables_downloaded(page, jobs):
    page.goto(jobs["scan"])
    drawn(page, "scan")
    with page.expect_download() as png:
        page.locator("#heat").get_by_role("button", name="Save as PNG").click()
    assert png.value.suggested_filename == "scan-parent.png"
    assert png.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as table:
        page.get_by_role("link", name="CSV, a row for each substitution").click()
    assert table.value.suggested_filename == "parent-scan.csv"
    assert len(table.value.path().read_text().splitlines()) == 1 + 40 * 20


def test_the_table_view_holds_what_the_picture_draws(page, jobs):
    page.goto(jobs["scan"])
    page.get_by_text("Table view: score of all substitutions").click()
    row = page.locator("#table-view tbody tr").first
    result = page.request.get(jobs["scan item"]).json()["result"]
    cells = row.locator("td").all_inner_texts()[3:]
    shown = [0.0 if cell == "·" else float(cell) for cell in cells]
    assert shown == pytest.approx(result["scores"][0], abs=0.006)


@pytest.mark.slow
def test_a_contact_map_says_scores_and_the_structure(page, jobs):
    page.goto(jobs["contacts"])
    drawn(page, "contacts")
    page.locator("#heat .picture-stage").focus()
    status = page.locator("#heat [role=status]")
    for key in ["ArrowDown"] * 3 + ["ArrowRight"] * 7:
        page.keyboard.press(key)
    expect(status).to_contain_text("F4 and L8: score")
    expect(status).to_contain_text("in the structure")
    page.keyboard.press("Home")
    expect(status).to_contain_text("not resolved in the structure")
    page.get_by_label("Separation along the chain").select_option("24")
    page.get_by_role("button", name="Show", exact=True).click()
    drawn(page, "contacts")
    expect(page.get_by_role("main")).to_contain_text("Best pairs, 24 or more apart")
    expect(page.locator("#precision")).to_contain_text("Long-range precision at L")


def test_measurements_and_distributions_are_read_with_the_keyboard(page, jobs):
    page.goto(jobs["assay"])
    drawn(page, "assay")
    page.locator("scatter-plot .picture-stage").focus()
    page.keyboard.press("Home")
    status = page.locator("scatter-plot [role=status]")
    expect(status).to_contain_text(re.compile(r"^\w+: score .*, fitness "))
    first = status.inner_text()
    page.keyboard.press("ArrowRight")
    expect(status).not_to_have_text(first)
    page.goto(jobs["variants"])
    drawn(page, "variants")
    page.locator("bar-chart .picture-stage").focus()
    page.keyboard.press("End")
    expect(page.locator("bar-chart [role=status]")).to_contain_text(re.compile(r" to .*: \d+"))


def test_the_best_variants_go_to_a_new_job(page, jobs):
    page.goto(jobs["variants"])
    page.get_by_label("Position").fill("3")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("4 variants of")
    page.get_by_role("link", name="Send the best 4 of these to a new job").click()
    expect(page.locator("#preview-status")).to_contain_text("4 sequences")
    page.locator("#id_action").select_option("log_prob")
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name="Best of score job")).to_be_visible()


def test_an_example_of_scores_is_loaded_and_its_faults_stand_beside_their_fields(page, watched):
    watched.expected = re.compile("status of 400")
    page.goto("/jobs/new/")
    page.get_by_role("link", name="score", exact=True).click()
    expect(page.locator("#id_parent")).to_have_value(UBIQUITIN)
    expect(page.locator("#id_repr_layers")).to_be_hidden()
    page.locator("#id_offset").fill("5")
    page.get_by_role("button", name="Submit job").click()
    expect(page.locator("#problem-offset")).to_contain_text("Set the numbering offset to 0")
    expect(page.locator("#problem-records")).to_contain_text("I44A names I")


def test_forms_and_tables_work_without_scripts(open_page, jobs):
    watched = open_page(scripts=False)
    watched.expected = re.compile("status of 400")
    page = watched.page
    page.goto(jobs["scan"] + "?position=5")
    expect(page.locator("#beside")).to_contain_text("Position 5")
    expect(page.get_by_role("main")).to_contain_text("The tables hold the same numbers")
    page.goto(jobs["assays"])
    page.locator("#id_file").set_input_files({"name": "m.csv", "mimeType": "text/csv", "buffer": b"mutant,a\nW1A,1\n"})
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("alert")).to_contain_text("not variants of this job's parent")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_pages_with_pictures(open_page, jobs, theme):
    page = open_page(dark=theme == "dark").page
    found = {}
    for name in PAGES:
        page.goto(jobs[name])
        drawn(page, name)
        if wrong := violations(page):
            found[name] = wrong
    assert found == {}


@pytest.mark.slow
def test_no_page_with_pictures_is_wider_than_a_phone(open_page, jobs):
    page = open_page(phone=True).page
    for name in PAGES:
        page.goto(jobs[name])
        drawn(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_twenty_by_two_thousand_cells_move_within_a_frame_or_two(page, jobs):
    """This counts work, not time: zooming copies the painting and repaints no cell."""
    page.goto(jobs["scan"])
    drawn(page, "scan")
    painted = page.evaluate(
        """async () => {
            const map = document.querySelector("heat-map"), columns = 2000;
            const values = new Float32Array(20 * columns).map((_, at) => Math.sin(at));
            const columnNames = Array.from({ length: columns }, (_, at) => String(at + 1));
            const describe = (row, column) => `${row} ${column}`;
            map.heat = { ...map.heat, columns, values, columnNames, mark: () => null, describe };
            const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            await frame();
            const put = CanvasRenderingContext2D.prototype.putImageData;
            let count = 0;
            CanvasRenderingContext2D.prototype.putImageData = function (...all) { count += 1; put.apply(this, all); };
            const stage = map.querySelector(".picture-stage");
            stage.focus();
            for (const key of ["+", "+", "ArrowRight", "End", "Home", "-"]) {
                stage.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
                await frame();
            }
            CanvasRenderingContext2D.prototype.putImageData = put;
            return count;
        }"""
    )
    assert painted == 0
    assert page.evaluate("document.querySelector('heat-map').cellBox(0, 0).width") < 3


@pytest.mark.slow
def test_the_commands_of_the_walk_through_give_what_the_page_says(stack, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "variant-walkthrough.md").read_text()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    env = {
        **os.environ,
        "E1_URL": stack.url,
        "E1_TOKEN": stack.token,
        "PATH": f"{Path(E1).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ranked = (tmp_path / "ranked.csv").read_text().splitlines()
    assert len(ranked) == 6
    best = (tmp_path / "best.csv").read_text().splitlines()
    assert len(best) == 19 * 76
    said = re.findall(r"^(\w+,\d+\.\d+)\.{3}$", page, re.MULTILINE)
    assert said, "the page shows the first lines"
    for line, words in zip([best[0], best[1], ranked[0]], said, strict=True):
        assert line.startswith(words)
    assert (tmp_path / "contacts.npz").stat().st_size > 10_000
