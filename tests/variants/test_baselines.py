"""What is beside scores on pages, in REST and in downloads: the profile, BLOSUM62, percentiles, measured values."""

from __future__ import annotations

import io
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from e1protocol import CANONICAL
from jobs.models import NeighbourCount
from jobs.models.states import WorkState
from jobs.science.alignments.profile import blosum_score, profile_of
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.sampling import neighbour_counts
from jobs.science.variants.codes import read_variant
from jobs.variants import baselines
from tests.factories import MEASUREMENTS, SHORT, VARIANTS, finished, scored
from tests.helpers import csv_rows, stored_alignment, text_of, upload_assay

pytestmark = pytest.mark.django_db

FAMILY = b">parent\nMKTAYIAKQR\n>a\nMRTAYLAKQK\n>b\nMKSAFIAKER\n>c\n-KTGYIGKQR\n"
OTHER = b">parent\nMKTAYIAKQR\n>a\nMKTAYIAWWW\n"


@pytest.fixture
def scan(api, inline_worker):
    item = [{"sequence": SHORT, "name": "parent"}]
    return finished(api, inline_worker, "scan", item, method="wildtype_marginal", offset=20)


@pytest.fixture
def score(api, inline_worker):
    return scored(api, inline_worker, [*VARIANTS, "AKTAYIAKQR"])


def profile():
    rows = read_alignment(FAMILY)
    return profile_of(rows, neighbour_counts(rows))


def layers(api, job, **query):
    answer = api.get(f"/api/jobs/{job['id']}/baselines/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_scan_has_a_profile_blosum62_and_percentiles_beside_its_scores(api, scan):
    stored = stored_alignment(api, FAMILY)
    body = layers(api, scan)
    assert body["alignment"]["id"] == stored["id"]
    assert body["alignment"]["rows"] == 4
    assert body["no_profile"] is None
    assert body["numbers"][0] == "21"
    expected = profile()
    assert body["alignment"]["neff"] == pytest.approx(expected.neff)
    matrices = {name: np.array(rows, dtype=float) for name, rows in body["matrices"].items()}
    for code in ("M1A", "K2R", "R10W"):
        variant = read_variant(code, SHORT)
        cell = (variant.mutations[0].position - 1, CANONICAL.index(variant.mutations[0].mutant))
        assert matrices["profile"][cell] == pytest.approx(expected.score(variant))
        assert matrices["blosum62"][cell] == blosum_score(variant)
    of_scan = api.get(f"{scan['url']}items/0/").json()["result"]
    assert matrices["score"] == pytest.approx(np.array(of_scan["scores"]))
    wild = (np.arange(10), [CANONICAL.index(letter) for letter in SHORT])
    assert np.isnan(matrices["percentile"][wild]).all()
    places = matrices["percentile"][~np.isnan(matrices["percentile"])]
    assert len(places) == 190
    assert places.mean() == pytest.approx(50)
    best = np.unravel_index(
        np.nanargmax(np.where(np.isnan(matrices["percentile"]), np.nan, matrices["score"])), (10, 20)
    )
    assert matrices["percentile"][best] == np.nanmax(matrices["percentile"])
    assert "measured" not in matrices


def test_without_an_alignment_the_rest_goes_on(api, browser, scan, score):
    body = layers(api, scan)
    assert body["alignment"] is None
    assert body["no_profile"]["code"] == "no_alignment"
    assert "profile" not in body["matrices"]
    page = text_of(browser.get(f"/jobs/{scan['id']}/items/0/"))
    assert "You have no alignment of this parent, so there is no profile" in page
    variants = text_of(browser.get(f"/jobs/{score['id']}/variants/"))
    assert "so there is no profile" in variants
    rows = csv_rows(browser.get(f"/jobs/{score['id']}/variants.csv"))
    assert {row["profile"] for row in rows} == {""}
    by_code = {row["variant"]: row for row in rows}
    assert float(by_code["K2R"]["blosum62"]) == blosum_score(read_variant("K2R", SHORT))
    assert float(by_code["WT"]["blosum62"]) == 0


def test_neighbours_that_are_not_counted_yet_are_said(api, browser, scan):
    stored_alignment(api, FAMILY)
    NeighbourCount.objects.update(state=WorkState.WAITING)
    body = layers(api, scan)
    assert body["no_profile"]["code"] == "not_counted"
    assert "There is no profile yet" in text_of(browser.get(f"/jobs/{scan['id']}/items/0/"))
    NeighbourCount.objects.update(state=WorkState.DONE)
    assert layers(api, scan)["no_profile"] is None, "nothing is remembered of a count that was not there"


def test_a_very_large_alignment_is_not_read_for_a_page(api, scan, monkeypatch):
    stored_alignment(api, FAMILY)
    monkeypatch.setattr(baselines, "MOST_CELLS", 39)
    monkeypatch.setattr(baselines, "alignment_load", lambda _: pytest.fail("it is read"))
    assert layers(api, scan)["no_profile"]["code"] == "alignment_too_large"


def test_the_deepest_alignment_is_taken_and_another_can_be_chosen(api, other_api, browser, scan):
    small, large = stored_alignment(api, OTHER), stored_alignment(api, FAMILY)
    theirs = stored_alignment(other_api, FAMILY + b">d\nMKTAYIAKQK\n")
    assert layers(api, scan)["alignment"]["id"] == large["id"]
    assert layers(api, scan, alignment=small["id"])["alignment"]["id"] == small["id"]
    assert layers(api, scan, alignment="none")["no_profile"]["code"] == "not_chosen"
    for wrong in (theirs["id"], "x"):
        answer = api.get(f"/api/jobs/{scan['id']}/baselines/", {"alignment": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_alignment")
    html = browser.get(f"/jobs/{scan['id']}/items/0/", {"alignment": small["id"]}).content.decode()
    assert f'value="{small["id"]}" selected' in html
    assert theirs["id"] not in html


def test_jobs_of_other_actions_have_no_baselines(api, other_api, inline_worker, scan):
    job = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    answer = api.get(f"/api/jobs/{job['id']}/baselines/")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_action")
    assert api.get(f"/api/jobs/{scan['id']}/baselines/", {"item": 5}).status_code == 404
    assert other_api.get(f"/api/jobs/{scan['id']}/baselines/").status_code == 404


def test_variants_have_percentiles_within_the_scan_of_their_parent(api, browser, inline_worker, score):
    assert layers(api, score)["scan"] is None
    assert "There are no percentiles" in text_of(browser.get(f"/jobs/{score['id']}/variants/"))
    finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="masked_marginal")
    assert layers(api, score)["scan"] is None, "another method"
    finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="wildtype_marginal", positions=[1, 2])
    assert layers(api, score)["scan"] is None, "some positions only"
    items = [{"sequence": "AAAA"}, {"sequence": SHORT}]
    scan = finished(api, inline_worker, "scan", items, method="wildtype_marginal")
    body = layers(api, score)
    assert body["scan"] == {"job": scan["id"], "item": 1}
    columns = {
        name: dict(zip(body["variants"]["variant"], body["variants"][name], strict=True))
        for name in ("score", "percentile")
    }
    whole = layers(api, scan, item=1)["matrices"]
    assert columns["percentile"]["K2R"] == pytest.approx(whole["percentile"][1][CANONICAL.index("R")], abs=0.6)
    scores = [one for row in whole["score"] for one in row if one]
    below = sum(one < columns["score"]["M1A:K2R"] for one in scores)
    assert columns["percentile"]["M1A:K2R"] == pytest.approx(100 * below / 190, abs=0.6)
    page = f"/jobs/{score['id']}/variants/"
    assert f'href="/jobs/{scan["id"]}/items/1/"' in browser.get(page).content.decode()
    assert all(row["percentile"] for row in csv_rows(browser.get(f"{page[:-1]}.csv")))


def test_the_page_of_one_variant_says_where_it_stands(api, browser, inline_worker, score):
    page = f"/jobs/{score['id']}/items/{VARIANTS.index('M1A:K2R')}/"
    plain = browser.get(page).content.decode()
    assert f'id="blosum62">{blosum_score(read_variant("M1A:K2R", SHORT)):.0f}<' in plain
    assert 'id="percentile"' not in plain
    assert 'id="profile"' not in plain
    stored_alignment(api, FAMILY)
    finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="wildtype_marginal")
    text = browser.get(page).content.decode()
    shown = re.search(r'id="profile">([-\d.]+) ', text)
    assert float(shown[1]) == pytest.approx(profile().score(read_variant("M1A:K2R", SHORT)), abs=6e-4)
    place = layers(api, score)["variants"]
    expected = dict(zip(place["variant"], place["percentile"], strict=True))["M1A:K2R"]
    assert float(re.search(r'id="percentile">([\d.]+) ', text)[1]) == pytest.approx(expected, abs=0.06)


def test_ranked_variants_are_sorted_by_the_profile(api, browser, score):
    stored_alignment(api, FAMILY)
    expected = profile()
    page = f"/jobs/{score['id']}/variants"
    rows = csv_rows(browser.get(f"{page}.csv", {"sort": "profile"}))
    found = [float(row["profile"]) for row in rows]
    assert found == sorted(found, reverse=True)
    for row in rows:
        assert float(row["profile"]) == pytest.approx(expected.score(read_variant(row["variant"], SHORT)))
    html = browser.get(f"{page}/", {"sort": "profile"}).content.decode()
    heads = re.findall(r'<a class="sorter" href="[^"]*">(\w+)', html)
    assert heads == ["Variant", "Rank", "Score", "Profile", "BLOSUM62", "Mutations", "Name"]
    first = re.search(r'<th scope="row"[^>]*><a [^>]*>([^<]*)', html)
    assert first[1] == rows[0]["variant"]


def test_a_scan_downloads_ranked_substitutions_with_everything_beside_them(api, browser, other_browser, scan):
    stored_alignment(api, FAMILY)
    upload_assay(api, scan, "mutant,value\nK22R,3.5\nM21A:K22R,9\n")
    address = f"/jobs/{scan['id']}/items/0/substitutions"
    rows = csv_rows(browser.get(f"{address}.csv"))
    assert len(rows) == 190
    assert [int(row["rank"]) for row in rows] == list(range(1, 191))
    assert [float(row["score"]) for row in rows] == sorted((float(row["score"]) for row in rows), reverse=True)
    k2r = next(row for row in rows if row["variant"] == "K22R")
    assert (k2r["position"], k2r["number"], k2r["measured"]) == ("2", "22", "3.5")
    assert float(k2r["profile"]) == pytest.approx(profile().score(read_variant("K2R", SHORT)))
    assert sum(bool(row["measured"]) for row in rows) == 1, "a double mutant is no cell of the heat map"
    book = io.BytesIO(b"".join(browser.get(f"{address}.xlsx").streaming_content))
    sheet = pd.read_excel(book, engine="calamine")
    assert sheet["percentile"].tolist() == pytest.approx([float(row["percentile"]) for row in rows])
    about = pd.read_excel(book, sheet_name="about", engine="calamine")
    assert "profile_alignment_digest" in about["about"].tolist()
    assert other_browser.get(f"{address}.csv").status_code == 404
    assert browser.get(f"/jobs/{scan['id']}/items/7/substitutions.csv").status_code == 404


def test_the_page_of_measurements_leads_to_their_heat_map(api, browser, scan, score):
    upload_assay(api, scan, "mutant,value\nK22R,9\n")
    older = upload_assay(api, scan, "mutant,value\nK22R,3.5\n").json()["id"]
    upload_assay(api, scan, "mutant,value\nK22R,7\n")
    page = browser.get(f"/jobs/{scan['id']}/assays/{older}/").content.decode()
    link = unescape(re.search(r'id="on-heat-map" href="([^"]+)"', page)[1])
    assert browser.get(link).content.decode().count("<td>3.50</td>") == 1
    of_score = upload_assay(api, score, MEASUREMENTS).json()["id"]
    assert "on-heat-map" not in browser.get(f"/jobs/{score['id']}/assays/{of_score}/").content.decode()


def test_the_next_steps_of_a_scan_come_before_its_pictures(browser, scan):
    page = browser.get(f"/jobs/{scan['id']}/").content.decode()
    assert page.index("Compare with measurements") < page.index("Run again with changes") < page.index("<heat-map")
    assert f'href="/jobs/new/?from={scan["id"]}"' in page[: page.index("<heat-map")]


def test_the_table_view_follows_what_the_heat_map_shows(api, browser, scan):
    stored_alignment(api, FAMILY)
    upload_assay(api, scan, "mutant,value\nK22R,3.5\n")
    page = f"/jobs/{scan['id']}/items/0/"
    plain = browser.get(page).content.decode()
    assert "Table view: score of all substitutions" in plain
    assert 'data-layer="score"' in plain
    measured = browser.get(page, {"show": "measured"}).content.decode()
    assert "Table view: measured of all substitutions" in measured
    assert measured.count("<td>3.50</td>") == 1
    ranked = text_of(browser.get(page, {"order": "profile"}))
    assert "All substitutions, best profile first" in ranked
    address = unescape(re.search(r'data-layers="([^"]+)"', plain)[1])
    assert np.array(api.get(address).json()["matrices"]["measured"], dtype=float)[1, CANONICAL.index("R")] == 3.5


# --- measurements ---------------------------------------------------------------------------------------------------


def test_measurements_judge_the_score_and_the_baselines_alike(api, browser, score):
    stored_alignment(api, FAMILY)
    made = upload_assay(api, score, MEASUREMENTS).json()
    body = api.get(f"{made['url']}metrics/", {"threshold": "6"}).json()
    assert [one["name"] for one in body["scores"]] == ["score", "profile", "blosum62"]
    assert (body["pairs"], body["left_out"], body["hits"]) == (12, 0, 6)
    assert body["mutations"] == [
        {"mutations": 0, "variants": 1},
        {"mutations": 1, "variants": 10},
        {"mutations": 2, "variants": 1},
    ]
    by_name = {one["name"]: one for one in body["metrics"]}
    assert by_name["spearman"]["values"]["score"] == pytest.approx(made["metrics"]["spearman"])
    assert (by_name["spearman"]["chance"], by_name["spearman"]["best"]) == (0, 1)
    assert by_name["auroc"]["chance"] == 0.5
    assert by_name.keys() >= {"ndcg", "ndcg_proteingym", "top_recall", "pearson", "mcc"}
    interval = body["interval"]
    assert interval["reason"] == ""
    assert interval["groups"] == 10, "M1A, K2R and their double mutant are one group, and the parent another"
    assert [(one["score"], one["against"]) for one in interval["differences"]] == [
        ("score", "profile"),
        ("blosum62", "profile"),
    ]
    text = text_of(browser.get(f"/jobs/{score['id']}/assays/{made['id']}/", {"threshold": "6"}))
    assert "Best possible" in text
    assert "AUROC" in text
    assert "Variants by number of mutations: 1 with none (the parent), 10 with 1, 1 with 2." in text
    wrong = text_of(browser.get(f"/jobs/{score['id']}/assays/{made['id']}/", {"threshold": "six"}))
    assert "“six” is not a number" in wrong
    assert "AUROC" not in wrong


def test_without_an_alignment_measurements_are_judged_against_blosum62(api, browser, score):
    made = upload_assay(api, score, MEASUREMENTS).json()
    body = api.get(f"{made['url']}metrics/").json()
    assert body["no_profile"]["code"] == "no_alignment"
    assert [one["against"] for one in body["interval"]["differences"]] == ["blosum62"]
    assert "This job \N{MINUS SIGN} BLOSUM62" in text_of(browser.get(f"/jobs/{score['id']}/assays/{made['id']}/"))


@pytest.mark.slow
def test_measurements_judge_another_run_on_the_same_variants(api, other_api, browser, inline_worker, score):
    made = upload_assay(api, score, MEASUREMENTS).json()
    other = finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="masked_marginal")
    address = f"{made['url']}metrics/"
    body = api.get(address, {"with": other["id"]}).json()
    assert {"score": "score", "against": "other"}.items() <= body["interval"]["differences"][-1].items()
    assert body["pairs"] == 12
    page = f"/jobs/{score['id']}/assays/{made['id']}/"
    plain = browser.get(page)
    assert f'value="{other["id"]}.0"' in plain.content.decode()
    assert "The other run" not in text_of(plain)
    assert "This job \N{MINUS SIGN} The other run" in text_of(browser.get(page, {"with": f"{other['id']}.0"}))
    apart = scored(api, inline_worker, ["A1M"], parent="AKT")
    theirs = scored(other_api, inline_worker, ["M1A"])
    for wrong, code in ((apart, "other_parent"), (theirs, "no_other_job")):
        answer = api.get(address, {"with": wrong["id"]})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    answer = api.get(address, {"threshold": "six"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_number")


def test_the_alignment_of_a_stranger_makes_no_profile(api, other_api, scan):
    stored_alignment(other_api, FAMILY)
    assert layers(api, scan)["no_profile"]["code"] == "no_alignment"
