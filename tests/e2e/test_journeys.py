"""What people come for, from the first click to the file: with the result, and with a bound on their actions.

`E1_JOURNEYS=FILE` keeps how many actions and seconds each part took.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from e1protocol import CANONICAL
from tests.e2e import proteins
from tests.e2e.conftest import ready
from tests.e2e.keys import Keys
from tests.e2e.people import Person
from tests.e2e.proteins import Protein
from tests.stack import Stack

pytestmark = pytest.mark.slow

CONTEXTS = 15
"""Contexts of the published ensemble."""
PICKED, PER_SITE = 20, 2
METHOD = "Wild-type marginal: one pass of the unmasked parent"
"""The quicker method: masked marginals take a pass for each residue and context, minutes on this machine's cores."""
NEEDED = ", ".join(path.name for path in proteins.NEEDED)
TEM1 = pytest.param(
    "TEM-1",
    marks=[
        pytest.mark.full,
        pytest.mark.skipif(
            not all(path.is_file() for path in proteins.NEEDED),
            reason=f"needs {NEEDED} of ProteinGym in ../shared/data",
        ),
    ],
)


@pytest.fixture(scope="module", params=["ubiquitin", TEM1])
def protein(request, tmp_path_factory) -> Protein:
    if request.param == "TEM-1":
        return proteins.tem1()
    return proteins.ubiquitin(tmp_path_factory.mktemp("protein"))


@pytest.fixture(scope="module")
def scan(stack, protein, tmp_path_factory) -> str:
    """Return the address of a scan of the protein under the set that its alignment makes."""
    with stack.client() as client:
        alignment = client.upload_alignment(protein.alignment)["id"]
        client.sample_contexts(alignment, name=f"{protein.name}-15", preset="published_ensemble")
        file = tmp_path_factory.mktemp("scan") / "parent.fasta"
        file.write_text(f">{protein.name}\n{protein.parent}\n")
        params = {"method": "wildtype_marginal", "contexts": [{"set": f"{protein.name}-15"}]}
        job = client.submit(file, model="e1-demo", action="scan", params=params)
        assert client.wait(job, timeout=900).state == "succeeded"
    return f"/jobs/{job.id}/"


@pytest.fixture(scope="module")
def colleague(stack) -> tuple[str, str]:
    """Add a user who has never been here. Return name and password."""
    added = stack.run("user", "add", "ada")
    assert added.returncode == 0, added.stderr
    return "ada", re.search(r"password (\S+)", added.stdout)[1]


def drawn(page: Page, *pictures: str) -> None:
    ready(page)
    for one in pictures:
        expect(page.locator(f"#{one}")).to_have_attribute("data-ready", "", timeout=240_000)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def scores_of(page: Page, job: str, parent: str) -> pd.Series:
    """Return the scores of all substitutions of a scan by code, as REST has them."""
    result = page.request.get(f"/api{job}items/0/").json()["result"]
    letters = result["vocab_tokens"]
    table = {
        f"{wild}{at}{new}": score
        for at, (wild, scores) in enumerate(zip(parent, result["scores"], strict=True), 1)
        for new, score in zip(letters, scores, strict=True)
        if new != wild
    }
    return pd.Series(table)


def best(scores: pd.Series) -> list[str]:
    """Return the best substitutions with at most two at a site, chosen one by one."""
    chosen: list[str] = []
    for code in scores.sort_values(ascending=False, kind="stable").index:
        if sum(one[:-1] == code[:-1] for one in chosen) < PER_SITE:
            chosen.append(code)
        if len(chosen) == PICKED:
            break
    return chosen


BAD = ["digit", "empty", "stop", "gap"]


@pytest.fixture
def library(tmp_path) -> Path:
    """Return a FASTA file of twelve good records with four bad ones between them."""
    good = "".join(f">p{n}\nMKTAYIAKQRQISFVKSHFSRQL{CANONICAL[n]}\n" for n in range(12))
    bad = ">digit\nMKT1AY\n>empty\n\n>stop\nMK*TAY\n>gap\nMK-TAY\n"
    file = tmp_path / "library.fasta"
    file.write_text(good[: good.index(">p6")] + bad + good[good.index(">p6") :])
    return file


def test_a_newcomer_embeds_a_library_with_four_bad_records(open_page, colleague, library):
    page = open_page(anonymous=True).page
    page.goto("/")
    ada = Person(page, "embed a library with four bad records")
    ada.log_in(*colleague)
    ada.finish("log in", most=3)
    ada.click(ada.link("Embed a library"))
    ready(page)
    ada.attach(page.get_by_label("A file: FASTA"), library)
    expect(page.locator("#preview-status")).to_have_text("16 sequences, 306 residues; 4 records are not valid.")
    for words in ("line 14, column 4 (digit)", "line 15 (empty)", "(stop)", "Remove the gaps"):
        expect(page.locator("#preview")).to_contain_text(words)
    ada.click(ada.button("Submit the 12 good ones"))
    expect(page.locator("#sentence")).to_contain_text("12 succeeded, 4 skipped", timeout=60_000)
    rows = rows_of(ada.download(page.get_by_role("region", name="Download").get_by_role("link", name="CSV")))
    vectors = {row["name"]: list(row.values())[4:] for row in rows if row["state"] == "succeeded"}
    assert list(vectors) == [f"p{n}" for n in range(12)]
    assert np.isfinite(np.array(list(vectors.values()), dtype=float)).all()
    assert [row["name"] for row in rows if row["state"] == "skipped"] == BAD
    returned = rows_of(ada.download(page.get_by_role("link", name="4 bad records as CSV")))
    assert [row["name"] for row in returned] == BAD
    assert all(row["reason"] for row in returned), returned
    ada.finish("from the first page to both files", most=5)


def test_the_same_with_keys_alone(open_page, colleague, library):
    page = open_page(anonymous=True).page
    keys = Keys(page)
    page.goto("/")
    ready(page)
    assert keys.focus() == "User name"
    page.keyboard.type(colleague[0])
    keys.to("Password")
    page.keyboard.type(colleague[1])
    keys.press("Enter")
    expect(page.get_by_role("heading", name="What do you want to know?")).to_be_visible()
    ready(page)
    keys.open("Embed a library")
    expect(page.get_by_role("heading", level=1, name="Embed a library")).to_be_visible()
    ready(page)
    keys.attach("A file: FASTA", library)
    expect(page.locator("#preview-status")).to_contain_text("4 records are not valid")
    keys.open("Submit the 12 good ones")
    expect(page.locator("#sentence")).to_contain_text("12 succeeded, 4 skipped", timeout=60_000)
    ready(page)
    rows = rows_of(keys.download("CSV"))
    assert Counter(row["state"] for row in rows) == {"succeeded": 12, "skipped": 4}
    assert [row["name"] for row in rows_of(keys.download("4 bad records as CSV"))] == BAD
    assert page.evaluate("window.pointers") == []


def test_twenty_variants_are_picked_from_a_scan_under_contexts(open_page, protein):
    page = open_page().page
    page.goto("/")
    person = Person(page, f"scan {protein.name} under contexts, pick {PICKED} and score them")
    person.click(person.link("Find homologs, build a context"))
    ready(page)
    person.attach(page.get_by_label("A3M, aligned FASTA"), protein.alignment)
    person.click(person.button("Upload"))
    ready(page)
    expect(page.locator("#live")).to_contain_text("effective sequences", timeout=120_000)
    person.click(person.button("Draw and store"))
    expect(page.get_by_role("main")).to_contain_text(f"Saved {CONTEXTS} contexts as {protein.name}")
    person.finish("from the first page to a context set", most=4)

    person.click(person.link("Scan this protein with these contexts"))
    ready(page)
    person.click(page.locator("#advanced > summary"))
    person.choose(page.get_by_label("Method"), METHOD)
    person.click(person.button("Submit job"))
    size = f"{protein.name} scan, {len(protein.parent)} aa, {CONTEXTS} contexts"
    expect(page.get_by_role("heading", level=1, name=size)).to_be_visible(timeout=60_000)
    drawn(page, "heat")
    job = re.search(r"/jobs/[^/]+/", page.url)[0]
    person.finish("from the set to the heat map", most=4)

    person.click(page.locator("summary", has_text="Pick the best variants"))
    person.fill(page.get_by_label("At most per site"), str(PER_SITE))
    person.click(person.button("Pick"))
    expect(page.get_by_label("Basket of variants")).to_contain_text(f"{PICKED} variants")
    person.click(person.link("Score together"))
    ready(page)
    person.click(person.button("Submit job"))
    expect(page.locator("#sentence")).to_contain_text(f"{PICKED} succeeded", timeout=120_000)
    person.click(person.link("Rank the variants"))
    rows = rows_of(person.download(person.link("These variants as CSV")))
    person.finish(f"from the heat map to a file of {PICKED} variants", most=7)

    scores = scores_of(page, job, protein.parent)
    assert {row["name"] for row in rows} == set(best(scores))
    for row in rows:
        at, new = int(row["name"][1:-1]), row["name"][-1]
        assert (row["variant"], row["mutations"]) == (row["name"], "1")
        assert row["sequence"] == protein.parent[: at - 1] + new + protein.parent[at:]
        assert float(row["score"]) == pytest.approx(scores[row["name"]], abs=1e-3)
    shown = [float(row["score"]) for row in rows]
    assert shown == sorted(shown, reverse=True)


def test_measurements_are_laid_over_a_scan(open_page, protein, scan):
    page = open_page().page
    page.goto(scan)
    drawn(page, "heat")
    person = Person(page, f"lay measurements over the scan of {protein.name}")
    person.click(person.link("Compare with measurements"))
    person.attach(page.get_by_label("A table as CSV or XLSX"), protein.measurements)
    person.click(person.button("Compare"))
    drawn(page, "scatter")
    person.finish("from the scan to its rank correlation", most=3)
    measured, scores = pd.Series(protein.measured), scores_of(page, scan, protein.parent)
    both = pd.DataFrame({"measured": measured, "score": scores[measured.index]})
    spearman = both.corr("spearman").loc["measured", "score"]
    expect(page.get_by_role("region", name="How well the scores rank").locator("dd").first).to_contain_text(
        f"{spearman:.3f}"
    )
    expect(page.get_by_role("region", name="How the names map").locator("dt").first).to_have_text(str(len(measured)))
    person.click(person.link("Show them as a heat map"))
    drawn(page, "heat")
    person.finish("from there to measured values on the heat map", most=1)
    expect(page.get_by_label("The heat map shows")).to_have_value("measured")
    code, value = next((code, value) for code, value in protein.measured.items() if code.startswith(protein.parent[1]))
    box = page.evaluate(
        "([letter, at]) => document.querySelector('#heat').cellBox('GAVLIMCFYWHKRDENQSTP'.indexOf(letter), at - 1)",
        [code[-1], int(code[1:-1])],
    )
    page.locator("#heat canvas").hover(position={"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2})
    expect(page.locator("#heat .picture-tip")).to_contain_text(f"{code}")
    expect(page.locator("#heat .picture-tip")).to_contain_text(f"{value:.2f}".removeprefix("-"))


def test_a_scan_is_compared_with_and_without_contexts(open_page, protein, scan):
    page = open_page().page
    page.goto(scan)
    drawn(page, "heat")
    person = Person(page, f"compare {protein.name} with and without contexts")
    person.click(person.link("Run again with changes"))
    ready(page)
    person.choose(page.get_by_label("Or use a saved context set"), "None")
    person.click(person.button("Submit job"))
    without = f"{protein.name} scan, {len(protein.parent)} aa"
    expect(page.get_by_role("heading", level=1, name=without, exact=True)).to_be_visible(timeout=60_000)
    drawn(page, "heat")
    alone = re.search(r"/jobs/[^/]+/", page.url)[0]
    person.click(person.link("Compare with another run"))
    offered = page.get_by_label("Compare with").locator("option").all_inner_texts()
    assert f"under {CONTEXTS} contexts" in offered[0], "the run with contexts is offered first"
    person.click(person.button("Compare"))
    drawn(page, "heat", "scatter")
    rows = pd.DataFrame(rows_of(person.download(person.link("All variants as CSV"))))
    person.finish("from the scan with contexts to the file of differences", most=6)
    first, second = (scores_of(page, job, protein.parent) for job in (alone, scan))
    rows = rows.set_index("variant")[["first", "second", "difference"]].astype(float)
    assert len(rows) == 19 * len(protein.parent)
    assert rows["first"].to_numpy() == pytest.approx(first[rows.index].to_numpy(), abs=1e-3)
    assert rows["second"].to_numpy() == pytest.approx(second[rows.index].to_numpy(), abs=1e-3)
    assert rows["difference"].to_numpy() == pytest.approx((rows["second"] - rows["first"]).to_numpy(), abs=1e-3)
    spearman = pd.DataFrame({"a": first, "b": second}).corr("spearman").loc["a", "b"]
    expect(page.locator("#spearman")).to_contain_text(f"{spearman:.3f}")
    expect(page.locator("#spearman")).to_contain_text("95 % interval")


CHANGES = re.compile(
    "Rename|Set tags|Move|Archive|Delete|Cancel|Pause|Remove|Take out|Share|Save$|Upload|Add|link$|Let edit"
)
"""Words of buttons that change what others see."""


def test_a_project_is_shared_with_somebody_who_can_change_nothing(
    open_page: Callable, protein: Protein, scan: str, colleague: tuple[str, str], stack: Stack
):
    page = open_page().page
    page.goto("/")
    person = Person(page, "share a project for reading")
    name = f"Work on {protein.name}"
    person.click(page.get_by_role("banner").get_by_role("link", name="Projects"))
    person.fill(page.get_by_label("Name"), name)
    person.click(person.button("Make the project"))
    person.click(person.link("Move jobs here"))
    number = scan.split("/")[2]
    person.click(page.locator(f"input[name=pick][value='{number}']"))
    person.click(person.button("Move"))
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    person.fill(page.get_by_label("User name of a colleague"), colleague[0])
    person.click(person.button("Share"))
    expect(page.get_by_role("main")).to_contain_text("ada may read and download")
    person.finish("from any page to a shared project", most=8)
    project = page.url.removeprefix(stack.url)

    theirs = open_page(anonymous=True).page
    theirs.goto("/")
    ada = Person(theirs, "read a shared project")
    ada.log_in(*colleague)
    ada.click(theirs.get_by_role("banner").get_by_role("link", name="Projects"))
    ada.click(ada.link(name))
    expect(theirs.get_by_role("main")).to_contain_text("you may read and download")
    offered = theirs.get_by_role("main").get_by_role("button").all_inner_texts()
    assert not [words for words in offered if CHANGES.search(words)]
    ada.click(theirs.get_by_role("table").get_by_role("link").first)
    drawn(theirs, "heat")
    expect(theirs.locator("#read-only")).to_be_visible()
    offered = theirs.get_by_role("main").get_by_role("button").all_inner_texts()
    assert not [words for words in offered if CHANGES.search(words)], offered
    table = ada.download(ada.link("Ranked substitutions as CSV"))
    ada.finish("from the log-in to the file", most=7)
    assert len(rows_of(table)) == 19 * len(protein.parent)

    # Nor does the service take a change that the pages do not offer.
    secret = theirs.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    for address, form in (
        (f"{scan}act/", {"do": "rename", "name": "mine now"}),
        (f"{scan}act/", {"do": "delete"}),
        (f"{project}act/", {"do": "change", "name": "mine now"}),
        (f"{project}share/", {"do": "share", "user": "ada", "role": "edit"}),
    ):
        headers = {"Referer": f"{stack.url}{address}"}
        answer = theirs.request.post(address, form={**form, "csrfmiddlewaretoken": secret}, headers=headers)
        assert answer.status in (403, 404), (address, form)
        assert "Please send it again" not in answer.text(), "refused for its secret, and not for the right"
    page.goto(scan)
    expect(page.get_by_role("heading", level=1, name="mine now")).to_have_count(0)
    page.goto(project)
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("ada may read and download")
