"""A campaign through REST: first plate without data, data back, the next round."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.learning.dna import translated
from jobs.models import Campaign, Measurement, Property, PropertyModel, Round
from jobs.tasks.turns import turn_take
from tests.campaigns.steps import (
    DEAD,
    FIRST,
    PARENT,
    PLATE,
    made,
    plates_of,
    proposed,
    some_singles,
    text_of,
    trained,
    upload,
    with_alignment,
)

pytestmark = pytest.mark.django_db

TEM1 = Path(__file__).parents[2].parent / "shared" / "data"


def test_a_first_plate_without_data(api):
    url = with_alignment(api)
    model = trained(api, url)
    assert (model["n_training"], model["ranks_by"], model["prior"]["used"]) == (0, "prior", "profile")
    assert set(model["cross_validation"].values()) == {None}
    assert model["gain"]["value"] is None
    assert "learning_curve" not in model
    body = proposed(api, url, model)
    assert len(body["rows"]) == 3 * 96
    for plate in "123":
        own = [row for row in body["rows"] if row["plate"] == plate]
        assert len({row["well"] for row in own}) == 96
        assert Counter(row["role"] for row in own) == {"variant": 88, "wild_type": 4, "dead": 2, "blank": 2}
        assert Counter(row["pick"] for row in own) == {"chosen": 80, "random": 8, "control": 8}
    variants = {row["sequential"]: row for row in body["rows"] if row["role"] == "variant"}
    assert len(variants) == 88
    assert max(Counter(code[1:-1] for code in variants).values()) <= 2
    assert min(int(code[1:-1]) for code in variants) > 4  # 1-6 in the user's numbering are the positions 1 to 4
    assert {row["variant"] for row in body["rows"] if row["role"] == "dead"} == {DEAD}
    assert all(row["mean"] is None and row["model_digest"] == model["digest"] for row in body["rows"])
    again = proposed(api, url, model)
    assert (again["digest"], again["n"]) == (body["digest"], 2)
    for code, row in variants.items():
        position = int(code[1:-1])
        label = position + 2 + (position + 2 >= 20) + (position + 3 >= 30)
        assert row["variant"] == f"{code[0]}{label}{code[-1]}"


def test_tables_of_a_round_translate_back(api):
    url = with_alignment(api)
    body = proposed(api, url, trained(api, url), count=10)
    address = f"{url}rounds/{body['n']}/"
    rows = list(csv.DictReader(io.StringIO(api.get(f"{address}?format=csv").content.decode())))
    assert len(rows) == len(body["rows"])
    for row in rows:
        code = row["sequential"]
        if row["role"] == "blank":
            assert not row["dna"]
        elif code == "WT":
            assert translated(row["dna"]) == PARENT
        else:
            at = int(code[1:-1])
            assert translated(row["dna"]) == PARENT[: at - 1] + code[-1] + PARENT[at:]
    book = api.get(f"{address}?format=xlsx")
    assert book.content[:2] == b"PK"
    assert api.get(f"{address}?format=xlsx").content == book.content
    assert api.get(f"{address}?format=pdf").json()["code"] == "bad_format"


def test_data_back_and_the_next_round(api):
    url = with_alignment(api)
    first = proposed(api, url, trained(api, url))
    rows = plates_of(first)
    failed_or_low = ("f", "<")
    comma = max(n for n, row in enumerate(rows) if row[3] == "variant" and row[4][0] not in failed_or_low)
    rows[comma][4] = rows[comma][4].replace(".", ",")
    book = io.BytesIO()
    from openpyxl import Workbook

    sheet = Workbook()
    sheet.active.append(["plate", "well", "variant", "role", "activity", "Tm"])
    for row in rows:
        numbers = [float(cell) if cell.replace(".", "", 1).isdigit() else cell for cell in row[4:]]
        sheet.active.append([*row[:4], *numbers])
    sheet.save(book)
    file = SimpleUploadedFile("plates.xlsx", book.getvalue())
    answer = api.post(f"{url}measurements/", {"file": file, "round": first["n"]}, format="multipart")
    assert answer.status_code == 201, answer.content
    counts = answer.json()
    assert counts["read"] == 2 * 288
    assert [one["code"] for one in counts["problems"]] == ["decimal_commas"]
    code, value = rows[comma][2], float(rows[comma][4].replace(",", "."))
    assert value in Measurement.objects.filter(written=rows[comma][4]).values_list("value", flat=True), code
    for name, low in (("activity", 15), ("Tm", 0)):
        own = counts["properties"][name]
        assert (own["failed"], own["censored"], own["matched"]) == (9, low, 279 - low)
    frozen = {n: Round.objects.get(number=n).frozen for n in (1,)}

    at = next(n for n, row in enumerate(rows) if row[3] == "variant" and row[4][0].isdigit())
    corrected = [list(rows[at])]
    corrected[0][4] = "3.25"
    stored = Measurement.objects.count()
    answer = upload(api, url, text_of(corrected), round=first["n"]).json()
    assert (answer["n"], answer["corrected"], answer["unchanged"]) == (1, 1, 1)
    assert Measurement.objects.count() == stored + 1
    assert upload(api, url, text_of(corrected), round=first["n"]).json()["n"] == 0

    activity, tm = trained(api, url, seed=1), trained(api, url, "Tm", seed=1)
    assert (activity["n_training"], activity["n_censored"], tm["n_training"]) == (87, 5, 87)
    for name in ("position", "random"):
        names = {"model", "prior", "profile", "augmented_ridge", "position_mean"}
        assert set(activity["cross_validation"][name]) == names
    assert activity["cross_validation"]["depth"] is None
    assert activity["reasons"]["depth"]
    assert activity["gain"]["n"] == 87
    assert activity["gain"]["detectable"] > 0
    assert activity["ranks_by"] == "prior"
    curve = activity["learning_curve"]
    assert [one["n"] for one in curve[:-1]] == [12, 24, 48]
    assert 48 < curve[-1]["n"] < 87
    assert all(one[name]["spearman"]["low"] is not None for one in curve for name in ("model", "prior"))
    assert activity["coverage"]["nominal"] == 0.9
    assert activity["coverage"]["width"] > 0

    predicted = api.post(f"{url}models/{activity['n']}/predictions/", {"all_singles": True}, format="json").json()
    assert len(predicted["rows"]) == 19 * len(PARENT)
    best = max(predicted["rows"], key=lambda row: row["prior"])
    assert best["rank"] == 1
    assert all(row["low"] <= row["mean"] <= row["high"] for row in predicted["rows"])

    assert api.post(f"{url}rounds/1/ordered/").json()["state"] == "ordered"
    plate = PLATE | {"replicates": 1, "bridging": 4, "retests": 8}
    goals = [{"model": activity["n"], "threshold": 1.5}, {"model": tm["n"], "threshold": -2}]
    body = proposed(api, url, activity, objectives=goals, plate=plate, count=68, pool="doubles", max_per_position=None)
    picks = Counter(row["pick"] for row in body["rows"])
    assert picks == {"control": 8, "chosen": 68, "random": 8, "retest": 8, "bridging": 4}
    measured = {row["sequential"] for row in first["rows"] if row["role"] == "variant"}
    for row in body["rows"]:
        if row["pick"] in ("chosen", "random"):
            assert row["sequential"] not in measured
            assert ":" in row["sequential"]
            assert "prior" in row["reason"] or "random" in row["reason"]
        elif row["pick"] in ("retest", "bridging"):
            assert row["sequential"] in measured
    least, most = bounds_of_hits(body)
    assert least <= body["expected"]["hits"] <= most
    assert 0 < body["expected"]["hits"] < 76
    assert Round.objects.get(number=1).frozen == frozen[1]
    assert api.get(f"{url}rounds/1/").json()["digest"] == hashlib.sha256(frozen[1].encode()).hexdigest()
    assert api.post(f"{url}rounds/1/measured/").json()["realised"] == {"measured": 85, "hits": None}
    assert api.post(f"{url}rounds/{body['n']}/measured/").json()["code"] == "wrong_state"


def bounds_of_hits(body) -> tuple[float, float]:
    """Return the fewest and the most expected hits that the intervals of 90 % in the rows allow, with 10 % to spare."""
    least = most = 0.0
    for row in body["rows"]:
        if row["pick"] in ("chosen", "random"):
            pairs = list(zip(row["objectives"], body["objectives"], strict=True))
            least += np.prod([0.8 * (one["low"] > goal["threshold"]) for one, goal in pairs])
            most += min(0.2 if one["high"] < goal["threshold"] else 1.0 for one, goal in pairs)
    return least, most


@pytest.mark.slow
def test_a_factor_of_a_plate_changes_no_normalised_value(api):
    url = with_alignment(api)
    first = proposed(api, url, trained(api, url))
    upload(api, url, text_of(plates_of(first)), round=1)
    plain = {row[0]: row[1] for row in PropertyModel.objects.get(number=trained(api, url)["n"]).training}
    other = with_alignment(api)
    rows = plates_of(proposed(api, other, trained(api, other)), lambda plate: 1.5 if plate == "2" else 1.0)
    censored = {row[2] for row in rows if row[4].startswith("<")}
    upload(api, other, text_of(rows), round=1)
    campaign = Campaign.objects.get(pk=other.split("/")[-2])
    scaled = PropertyModel.objects.get(campaign=campaign, number=trained(api, other)["n"]).training
    labels = {row["sequential"]: row["variant"] for row in first["rows"]}
    for code, value, wells, *_ in scaled:
        assert wells == (12 if code == "WT" else 6 if labels[code] == DEAD else 3)
        if labels[code] not in censored:
            assert value == pytest.approx(plain[code], abs=1e-9)


@pytest.mark.slow
def test_the_same_data_give_the_same_digest(api):
    url = made(api)
    upload(api, url, text_of(some_singles(30)))
    one, two = trained(api, url, seed=3), trained(api, url, seed=3)
    assert one["digest"] == two["digest"]
    assert one["prior"]["used"] == "blosum62"
    assert trained(api, url, seed=4)["digest"] != one["digest"]


def test_unknown_variants_and_words_are_problems_and_the_rest_is_read(api):
    url = made(api)
    rows = some_singles(25)
    rows[4][2], rows[5][4], rows[6][1] = "W1W9", "much", "Z99"
    body = upload(api, url, text_of(rows)).json()
    assert (body["read"], body["unreadable"], body["n"]) == (54, 5, 49)
    codes = {one["code"] for one in body["problems"]}
    assert {"bad_number", "bad_well"} <= codes
    assert all(one["line"] for one in body["problems"] if "line" in one)
    long = "variant,property,value\n" + "".join(f"{row[2]},activity,{row[4]}\n" for row in some_singles(5))
    assert upload(api, made(api), long).json()["matched"] == 7
    named = "mutant,kcat\n" + "".join(f"{row[2]},{row[4]}\n" for row in some_singles(5))
    told = {"columns": json.dumps({"activity": "kcat"})}
    assert upload(api, made(api), named, **told).json()["matched"] == 7


@pytest.mark.slow
@pytest.mark.parametrize("features", ["site", "one_hot"])
def test_features_and_combinations(api, features):
    url = made(api)
    upload(api, url, text_of(some_singles(30)))
    model = trained(api, url, features=features, prior="none")
    assert (model["features"]["used"], model["ranks_by"]) == (features, "model")
    mutations = [row[2] for row in some_singles(4)[2:]]
    body = api.post(f"{url}models/{model['n']}/predictions/", {"combinations": mutations}, format="json").json()
    assert len(body["rows"]) == 2**4 - 1
    assert sorted(row["rank"] for row in body["rows"]) == list(range(1, 16))


def test_refusals_name_the_field(api):
    url = made(api)
    wrong = {"name": "x", "parent": PARENT, "model": "e1-demo"}
    for more, code in (
        ({"parent": "MKZ1"}, "bad_letter"),
        ({"cds": "ATGATG"}, "bad_cds"),
        ({"exclude": ["a-b"]}, "bad_exclude"),
        ({"host": "martian"}, "unknown_codon_table"),
        ({"colour": "red"}, "unknown_field"),
    ):
        answer = api.post("/api/campaigns/", wrong | more, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert api.post(f"{url}models/", {"property": "activity", "features": "median"}, format="json").status_code == 400
    profile = api.post(f"{url}models/", {"property": "activity", "prior": "profile"}, format="json").json()
    turn_take()
    failed = api.get(profile["url"]).json()
    assert failed["state"] == "failed"
    assert "no alignment" in failed["reason"]
    answer = api.post(f"{url}proposals/", FIRST | {"objectives": [{"model": profile["n"]}]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_not_ready")
    again = api.post(f"{url}properties/", {"name": "Tm", "higher_is_better": True}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "property_exists")


def test_strangers_find_nothing_and_deletion_leaves_nothing(api, other_api):
    url = made(api)
    upload(api, url, text_of(some_singles(22)))
    model = trained(api, url)
    proposed(api, url, model, count=5, plate=None)
    for path in ("", "properties/", "measurements/", "models/", f"models/{model['n']}/", "rounds/", "rounds/1/"):
        assert api.get(f"{url}{path}").status_code == 200
        assert other_api.get(f"{url}{path}").status_code == 404
    assert other_api.delete(url).status_code == 404
    assert other_api.get("/api/campaigns/").json()["results"] == []
    assert api.delete(url).status_code == 204
    assert not any(one.objects.exists() for one in (Campaign, Property, Measurement, PropertyModel, Round))
    assert api.get(url).status_code == 404
