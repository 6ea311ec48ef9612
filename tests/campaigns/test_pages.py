"""Campaigns in the browser, without scripts: first plate, data back, what the pages say, and what they refuse."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.campaigns.training import HELD_OUT, samples_of
from jobs.learning.crossvalidation import out_of_fold, within_folds
from jobs.learning.curve import APART
from jobs.learning.folds import folds_of
from jobs.learning.gaussian import GaussianProcess
from jobs.learning.priors import Tables
from jobs.learning.training import REPEATS
from jobs.models import Campaign, Job, Measurement, PropertyModel, Round
from jobs.models.states import WorkState
from jobs.science.variants.codes import Variant, read_variant
from jobs.tasks.turns import turn_take
from tests.campaigns.steps import PARENT, made, plates_of, proposed, trained, with_alignment
from tests.campaigns.steps import text_of as csv_of
from tests.factories import finished
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

NEW = {
    "name": "From the page", "model": "e1-demo", "parent": f">my protein\n{PARENT[:30]}\n{PARENT[30:]}",
    "offset": "2", "skip": "20, 30", "exclude": "1 - 6", "host": "e_coli",
}  # fmt: skip
ACTIVITY = {
    "do": "property", "name": "activity", "direction": "higher", "log": "true", "limit_low": "0.05",
    "normalisation": "wild_type_ratio",
}  # fmt: skip
PLATE = {
    "do": "propose", "plate": "true", "strategy": "greedy", "pool": "singles", "wells": "96", "wild_type": "4",
    "dead": "2", "dead_variant": "S15A", "blanks": "2", "random": "8", "replicates": "1", "max_per_position": "2",
    "model1": "1", "seed": "7",
}  # fmt: skip


class Shown(HTMLParser):
    """The tables of a page by their captions, each as rows of texts, with the classes of the cells."""

    def __init__(self, response) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.classes: dict[str, list[str]] = {}
        self._now, self._caption, self._cell = "", False, False
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        if tag == "caption":
            self._caption, self._now = True, ""
        elif self._now and tag == "tr":
            self.rows[self._now].append([])
        elif self._now and tag in ("td", "th"):
            self.rows[self._now][-1].append("")
            self._cell = True
            self.classes[self._now].append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag):
        if tag == "caption":
            self._caption = False
            self.rows[self._now], self.classes[self._now] = [], []
        elif tag in ("td", "th"):
            self._cell = False
        elif tag == "table":
            self._now = ""

    def handle_data(self, data):
        if self._caption:
            self._now += data.strip()
        elif self._now and self._cell:
            self.rows[self._now][-1][-1] += data


def begun(browser) -> str:
    """Return the address of a campaign with a property, made by the forms."""
    answer = browser.post("/campaigns/new/", NEW)
    assert answer.status_code == 302, text_of(answer)
    assert browser.post(answer["Location"], ACTIVITY).status_code == 302
    return answer["Location"]


def page_of(url: str) -> str:
    """Return the address of the page of a campaign of REST."""
    return url.removeprefix("/api")


def file_of(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("plates.csv", text.encode())


def train(browser, page: str) -> str:
    """Return the address of a model that is ready."""
    answer = browser.post(page, {"do": "train", "property": "activity", "seed": "0"})
    assert answer.status_code == 302, text_of(answer)
    while turn_take():
        pass
    return answer["Location"]


def field(form: str, name: str) -> str:
    """Return what is filled in."""
    return re.search(rf'<input[^>]*name="{name}"[^>]* value="([^"]*)"', form)[1]


def test_a_first_plate_without_data(browser):
    assert "No campaigns yet" in text_of(browser.get("/campaigns/"))
    answer = browser.post("/campaigns/new/", NEW)
    page = answer["Location"]
    stored = Campaign.objects.get()
    assert (stored.parent, stored.numbering, stored.excluded) == (PARENT, {"start": 3, "skip": [20, 30]}, [1, 2, 3, 4])
    assert "Say what you measure" in text_of(browser.get(page))
    browser.post(page, ACTIVITY)
    assert "Make a model. Without measurements it ranks by its prior" in text_of(browser.get(page))
    assert "needs a model that is ready" in text_of(browser.get(f"{page}propose/"))

    model = browser.post(page, {"do": "train", "property": "activity"})["Location"]
    assert "queued" in text_of(browser.get(model))
    assert "Model 1 of activity is being computed" in text_of(browser.get(page))
    while turn_take():
        pass
    text = text_of(browser.get(model))
    assert "No gain over the prior yet" in text
    assert "a model needs 20 measured variants that differ, and there are 0" in text

    assert "Propose the first plate" in text_of(browser.get(page))
    form = browser.get(f"{page}propose/").content.decode()
    assert '<option value="1" selected>Model 1: activity, ranked by the prior' in form
    assert (field(form, "max_per_position"), field(form, "random")) == ("2", "8")
    shown = browser.post(f"{page}propose/", PLATE)["Location"]
    answer = browser.get(shown)
    tables = Shown(answer)
    kinds = [one.split()[0] for one in tables.classes["Wells of plate 1"] if one.startswith("pick-")]
    assert {kind: kinds.count(kind) for kind in kinds} == {"pick-chosen": 80, "pick-random": 8, "pick-control": 8}
    assert "80 chosen, 8 random, 8 control" in text_of(answer)
    assert sum("S15A" in cell for row in tables.rows["Wells of plate 1"] for cell in row) == 2
    frozen = Round.objects.get()
    later = browser.get(f"{page}propose/").content.decode()
    assert (field(later, "max_per_position"), field(later, "random")) == ("", "0"), "only a first round is spread"

    assert "Order round 1" in text_of(browser.get(page))
    assert "variants are not proposed again" in text_of(answer)
    assert "Round 1 is ordered" in text_of(browser.post(shown, {"do": "ordered"}, follow=True))
    assert "Upload the measurements of round 1" in text_of(browser.get(page))
    assert '<option value="1" selected>Round 1</option>' in browser.get(page).content.decode()
    assert Round.objects.get().frozen == frozen.frozen
    refused = browser.post(shown, {"do": "ordered"}, follow=True)
    assert "Round 1 is ordered" in text_of(refused), "the same step again changes nothing"


@pytest.fixture
def measured(api, browser) -> str:
    """Return the page of a campaign whose first round is measured, with its model 2 ready."""
    url = with_alignment(api)
    first = proposed(api, url, trained(api, url))
    page = page_of(url)
    browser.post(f"{page}rounds/1/", {"do": "ordered"})
    answer = browser.post(page, {"do": "upload", "round": "1", "file": file_of(csv_of(plates_of(first)))})
    assert answer.status_code == 200
    rows = Shown(answer).rows["Cells of the file by property"]
    assert [one.strip() for one in rows[1]] == ["activity", "264", "9", "15", "0", "0"]
    assert "Of 576 cells, 0 could not be read" in text_of(answer)
    return page


def test_data_come_back_and_are_shown_as_they_are(browser, measured):
    assert "Round 1 has measurements" in text_of(browser.get(measured))
    answer = browser.get(f"{measured}data/?property=activity&plate=1/2")
    text, tables = text_of(answer), Shown(answer)
    assert "288 wells count: 9 failed, 15 censored" in text
    assert "ratios to the wild type" in text
    plate = tables.rows["Round 1, plate 2"]
    assert len(plate) == 9, "eight rows of wells below the numbers of the columns"
    cells = [cell for row in plate[1:] for cell in row[1:]]
    assert len(cells) == 96
    assert sum("failed" in cell for cell in cells) == 3
    assert sum("<" in cell for cell in cells) == 5
    assert sum("wild type" in cell for cell in cells) == 4
    quality = tables.rows["Quality of each plate, from raw values"]
    assert [row[0] for row in quality[1:]] == ["Round 1, plate 1", "Round 1, plate 2", "Round 1, plate 3"]
    matrix = tables.rows["Mean values by position and residue"]
    assert [one.strip() for one in matrix[0][1:]] == list("GAVLIMCFYWHKRDENQSTP")
    measured_cells = [cell for row in matrix[1:] for cell in row[1:] if cell and "·" not in cell]
    assert len(measured_cells) == 88 + 1, "the dead control is a single substitution too"
    assert all("wild type" in row[1 + "GAVLIMCFYWHKRDENQSTP".index(row[0][0])] for row in matrix[1:])
    other = text_of(browser.get(f"{measured}data/?property=Tm"))
    assert "differences from the wild type" in other


@pytest.mark.parametrize("numbered", [True, False])
def test_the_csv_of_a_round_with_values_is_a_file_of_measurements(api, numbered):
    """As the walk of docs/campaigns.md says, with the round's number or without."""
    url = made(api)
    shape = {"wells": 96, "wild_type": 4, "blanks": 2, "random": 2}
    proposed(api, url, trained(api, url), count=10, plate=shape)
    answer = api.get(f"{url}rounds/1/?format=csv")
    lines = b"".join(answer).decode().splitlines()
    filled = [f"{lines[0]},activity", *(f"{line},{2 + at / 10}" for at, line in enumerate(lines[1:]))]
    file = SimpleUploadedFile("round-1.csv", "\n".join(filled).encode())
    fields = {"property": "activity", **({"round": 1} if numbered else {})}
    told = api.post(f"{url}measurements/", {"file": file, **fields}, format="multipart").json()
    assert (told["read"], told["problems"]) == (18, [])
    assert Measurement.objects.filter(role="variant").count() == 12
    assert Measurement.objects.filter(role="wild_type").count() == 4


def test_outliers_and_corrections_are_told_and_kept(api, browser):
    page = page_of(made(api))
    values = ("1.9", "2.0", "2.1", "2.03")
    rows = [["1", f"A{n + 1}", "WT", "", value, ""] for n, value in enumerate(values[:3])]
    for line, code in zip("BCD", ("V17A", "K18A", "S19A"), strict=True):
        rows += [["1", f"{line}{n + 1}", code, "", value, ""] for n, value in enumerate(values)]
    rows[-1][4] = "9.5"
    browser.post(page, {"do": "upload", "property": "activity", "file": file_of(csv_of(rows))})
    text = text_of(browser.get(f"{page}data/"))
    assert "1 outlier." in text
    assert "4.75 ! (outlier)" in text
    assert "4, 1 outlier" in text
    rows[-1][4] = "2.0"
    answer = browser.post(page, {"do": "upload", "property": "activity", "file": file_of(csv_of(rows[-1:]))})
    assert [one.strip() for one in Shown(answer).rows["Cells of the file by property"][1]][-1] == "1"
    text = text_of(browser.get(f"{page}data/"))
    assert "0 outliers. 1 earlier row is kept, and replaced by its correction." in text
    assert Measurement.objects.count() == len(rows) + 1


def test_problems_of_a_file_are_listed_and_the_rest_is_stored(api, browser):
    page = page_of(made(api))
    text = "variant,kcat\nV17A,1.5\nW99A,2\nK18A,much\n"
    answer = browser.post(page, {"do": "upload", "property": "activity", "column": "kcat", "file": file_of(text)})
    assert answer.status_code == 200
    shown = text_of(answer)
    assert "1 row added from plates.csv" in shown
    assert "Of 3 cells, 2 could not be read and were left out" in shown
    assert "Line 3" in shown
    assert "Line 4" in shown


def test_a_model_beside_its_prior_and_profile(browser, measured):
    browser.post(f"{measured}rounds/1/", {"do": "measured"})
    assert "There are new measurements of activity: learn from them" in text_of(browser.get(measured))
    address = train(browser, measured)
    model = PropertyModel.objects.get(number=2)
    answer = browser.get(address)
    text, html = text_of(answer), answer.content.decode()
    assert "No gain over the prior yet" in text
    assert "the ranking that you get is the prior's" in text or "so the prior ranks" in text
    folds = Shown(answer).rows["Spearman by kind of folds"]
    assert [one.strip() for one in folds[0]] == [
        "Folds",
        "Model",
        "Prior",
        "Profile",
        "Augmented ridge",
        "Mean of the position",
    ]
    value = model.card["cross_validation"]["position"]["model"]["spearman"]["value"]
    assert f"{value:.2f}".replace("-", "\N{MINUS SIGN}") in folds[1][1]
    assert any("others" in row[1] for row in folds), "a kind without folds has its reason"
    assert re.search(r"<dt>Prior</dt><dd>[^<]+: <a href=./contexts/alignments/[^>]+>[^<]+</a>, Neff ", html)
    assert html.count('<path class="points"') == 3
    for path in re.findall(r'class="points" d="([^"]+)"', html)[1:]:
        assert path.count("M") == len(model.training) == 87
    assert "Nominal interval coverage 90 %" in text
    assert "of held-out variants are inside their interval" in text
    assert "of the measured range" in text
    shown = text_of(browser.get(f"{address}?folds=random"))
    assert "folds random: 87 variants" in shown
    page = browser.get(f"{address}?page=2").content.decode()
    assert '<details id="table-view" open>' in page
    course = Shown(browser.get(measured)).rows["Best activity by round"]
    assert course[1][0] == "Round 1"
    assert "not predicted" in course[1][3], "the first model had learnt nothing"
    assert "Propose the next plate" in text_of(browser.get(measured))


def test_held_out_predictions_are_those_of_the_figures(api, browser, measured):
    """Those of folds by position are of the first assignment; the figure is the mean over all assignments."""
    train(browser, measured)
    model = PropertyModel.objects.get(number=2)
    variants = [Variant() if row[0] == "WT" else read_variant(row[0], PARENT) for row in model.training]
    rows, truth = samples_of(model, Tables.unpacked(bytes(model.tables), PARENT), model.card["features"]["used"])
    assert truth == pytest.approx(np.log([row[1] for row in model.training]))
    for kind, repeats in (("position", REPEATS), ("random", 1)):
        found = []
        for repeat in range(repeats):
            folds = folds_of(kind, variants, [1] * len(variants), seed=model.seed + repeat * APART)
            held = out_of_fold(GaussianProcess(), rows, truth, folds)
            found.append(within_folds(held, [truth[one.test] for one in folds.splits]))
            if repeat == 0:
                stored = np.array(model.fits[HELD_OUT][kind], dtype=float)
                assert stored[folds.splits[0].test] == pytest.approx(held[0], abs=1e-9)
        shown = model.card["cross_validation"][kind]["model"]["spearman"]["value"]
        assert np.mean(found) == pytest.approx(shown, abs=1e-9)
    curve = Shown(browser.get(f"{measured}models/2/")).rows[
        "Spearman by the size of the training set, with intervals of 95 %"
    ]
    steps = model.card["learning_curve"]
    assert [row[0] for row in curve[1:]] == [str(one["n"]) for one in steps]
    assert curve[-1][1].startswith(f"{steps[-1]['model']['spearman']['value']:.2f}".replace("-", "\N{MINUS SIGN}"))
    assert HELD_OUT not in api.get(f"/api{measured}models/2/").content.decode()


def test_a_model_that_is_computed_shows_itself_when_it_is_over(browser):
    page = begun(browser)
    address = browser.post(page, {"do": "train", "property": "activity"})["Location"]
    assert 'id="live" data-live' in browser.get(address).content.decode()
    look = {"HX-Request": "true", "HX-Target": "live"}
    first = browser.get(address, headers=look)
    assert "queued" in first.content.decode()
    assert "<form" not in first.content.decode()
    assert browser.get(address, headers={**look, "E1-Seen": first["E1-Digest"]}).status_code == 204
    PropertyModel.objects.update(state=WorkState.FAILED, reason="there is no profile")
    assert browser.get(address, headers=look)["HX-Refresh"] == "true"
    assert "failed: There is no profile" in text_of(browser.get(address))
    assert "Model 1 failed: there is no profile. Make another one." in text_of(browser.get(page))


def test_the_parent_of_a_scan_begins_a_campaign(api, browser, other_browser, inline_worker):
    parent = "MKTAYIAKQR"
    items = [{"sequence": parent, "name": "short"}]
    job = finished(api, inline_worker, "scan", items, method="wildtype_marginal", offset=20)
    link = f"/campaigns/new/?from={job['id']}.0"
    assert link in browser.get(f"/jobs/{job['id']}/items/0/").content.decode()
    form = browser.get(link).content.decode()
    assert parent in form
    assert 'name="offset" inputmode="numeric" value="20"' in form
    assert f'<option value="{job["id"]}.0">' in browser.get("/campaigns/new/").content.decode()
    assert other_browser.get(link).status_code == 404
    assert browser.get("/campaigns/new/?from=nonsense").status_code == 404
    assert browser.get(f"/campaigns/new/?from={job['id']}.7").status_code == 400


def test_two_scans_of_one_name_are_told_apart(api, browser, inline_worker):
    items = [{"sequence": "MKTAYIAKQR", "name": "prot01"}]
    made = [finished(api, inline_worker, "scan", items, method="wildtype_marginal")["id"] for _ in range(2)]
    Job.objects.filter(pk=made[0]).update(created_at=datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
    html = browser.get("/campaigns/new/").content.decode()
    words = [re.search(rf'<option value="{one}.0">([^<]+)<', html)[1] for one in made]
    assert words[0].startswith("2026-11-03 09:05 UTC: ")
    assert words[0] != words[1]


def test_a_refused_form_keeps_what_was_typed(browser):
    wrong = {**NEW, "parent": "MKT1", "exclude": "1-5, 70"}
    answer = browser.post("/campaigns/new/", wrong)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert 'value="1-5, 70"' in html
    assert "MKT1" in html
    assert not Campaign.objects.exists()
    page = begun(browser)
    again = browser.post(page, ACTIVITY)
    assert again.status_code == 409
    assert "property" in text_of(again)
    train(browser, page)
    answer = browser.post(f"{page}propose/", {**PLATE, "wells": "96", "dead": "95"})
    assert answer.status_code == 400
    assert 'name="dead" inputmode="numeric" value="95"' in answer.content.decode()
    assert browser.post(f"{page}propose/", {**PLATE, "model1": ""}).status_code == 400
    assert not Round.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("wild", ["\ufffe", "9" * 400, "1e999", "-1", "<b>", "0.5", "A1\r\nB2", ",", "None"])
def test_wild_values_of_any_field_are_refused_or_taken(browser, wild):
    page = begun(browser)
    model = train(browser, page)
    forms = {
        "/campaigns/new/": NEW,
        page: ACTIVITY,
        f"{page}propose/": {**PLATE, "count": "2", "threshold1": "1", "fewest": "1", "most": "2", "exclude": "7",
                            "variants": "V17A"},
        model: {"do": "prediction", "what": "variants", "variants": "V17A", "search": "V", "sort": "rank", "page": "1",
                "file": "1"},
    }  # fmt: skip
    for address, form in forms.items():
        for field in form:
            if field != "do":
                assert browser.post(address, {**form, field: wild}).status_code in (200, 302, 400, 404, 409, 413), field
    assert browser.post(model, {"do": "delete-file", "file": wild}).status_code in (302, 404)
    sent = {"do": "train", "property": "activity", "prior": "auto", "features": "auto", "seed": "0"}
    for field in ("property", "prior", "features", "seed"):
        assert browser.post(page, {**sent, field: wild}).status_code in (302, 400, 404, 429), field
    for field in ("property", "column", "round", "sheet"):
        answer = browser.post(page, {"do": "upload", "file": file_of("variant,activity\nV17A,1\n"), field: wild})
        assert answer.status_code in (200, 400, 404), field


def test_deletion_asks_first_and_leaves_nothing(browser, other_browser, measured):
    html = browser.get(measured).content.decode()
    closed = re.search(r"<details><summary>Delete this campaign</summary>(.*?)</details>", html, re.DOTALL)
    assert closed
    assert 'value="delete"' in closed[1]
    assert html.count('value="delete"') == 1
    assert other_browser.post(measured, {"do": "delete"}).status_code == 404
    assert Campaign.objects.exists()
    assert "is deleted" in text_of(browser.post(measured, {"do": "delete"}, follow=True))
    assert not any(one.objects.exists() for one in (Campaign, Measurement, PropertyModel, Round))
