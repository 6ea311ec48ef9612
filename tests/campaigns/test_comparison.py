"""Models of a property side by side, through REST and on the page: figures, paired differences, what should rank."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from jobs.campaigns.comparing import Comparison, Side
from jobs.campaigns.training import HELD_OUT
from jobs.models import Campaign, PropertyModel
from jobs.models.states import WorkState
from tests.campaigns.steps import PARENT, made, some_singles, text_of, trained, upload
from tests.helpers import text_of as shown_text

pytestmark = pytest.mark.django_db
METRICS = {"squared_error", "spearman", "ndcg", "top_recall"}


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def two_models(api) -> str:
    """Return a campaign with two models that learnt from the same 26 variants by other features."""
    url = made(api)
    assert upload(api, url, text_of(some_singles(26))).status_code == 201
    trained(api, url)
    trained(api, url, features="one_hot")
    return url


@pytest.mark.slow
def test_models_are_compared_with_their_baselines_and_in_pairs(api, browser, other_api):
    url = two_models(api)
    address = f"{url}models/comparison/"
    body = api.get(address).json()
    assert [one["n"] for one in body["models"]] == [2, 1]
    assert (body["property"], body["main"], body["folds"], body["least"]) == ("activity", 2, "position", 20)
    for model in body["models"]:
        assert model["n_training"] == 27
        figures = model["cross_validation"]["position"]
        assert {"model", "prior", "augmented_ridge"} <= set(figures)
        assert set(figures["model"]) == {"spearman", "ndcg", "top_recall"}
        assert figures["model"]["spearman"]["low"] <= figures["model"]["spearman"]["value"]
    [pair] = body["pairs"]
    assert (pair["model"], pair["against"], pair["n"], pair["changed"]) == (2, 1, 27, 0)
    assert pair["difference"] == "none", "fewer than 48 variants show nothing"
    assert set(pair["differences"]) == METRICS
    assert body["ranks_next"]["by"] == "prior"
    # The other way round the differences of ranks have the other sign.
    [turned] = api.get(f"{address}?models=1,2&main=1").json()["pairs"]
    assert (turned["model"], turned["against"]) == (1, 2)
    assert turned["differences"]["spearman"]["value"] == pytest.approx(-pair["differences"]["spearman"]["value"])
    assert turned["differences"]["spearman"]["low"] == pytest.approx(-pair["differences"]["spearman"]["high"])

    figures = rows_of(api.get(f"{address}?format=csv"))
    [spearman] = [
        row for row in figures
        if (row["model"], row["folds"], row["ranking"], row["metric"]) == ("1", "position", "prior", "spearman")
    ]  # fmt: skip
    told = body["models"][1]["cross_validation"]["position"]["prior"]["spearman"]
    assert float(spearman["value"]) == pytest.approx(told["value"], rel=1e-5)
    apart = {row["metric"]: row for row in figures if row["against"]}
    assert set(apart) == METRICS
    assert float(apart["spearman"]["value"]) == pytest.approx(pair["differences"]["spearman"]["value"], rel=1e-5)
    got = api.get(f"{address}?format=csv&table=variants&folds=random")
    assert "synthetic-models-2-1-variants.csv" in got["Content-Disposition"]
    variants = rows_of(got)
    assert len(variants) == 27
    assert set(variants[0]) == {"variant", "measured", "model_2", "model_1"}
    assert {"V17A"} <= {row["variant"] for row in variants}, "in the numbering of the campaign"
    assert all(float(row["model_1"]) > 0 for row in variants), "activities, not their logarithms"

    shown = address.removeprefix("/api").replace("comparison", "compare")
    page = browser.get(shown)
    said, html = shown_text(page), page.content.decode()
    assert "Compare models: activity" in said
    assert "The prior ranks the next plate" in said
    assert "Against model 1: no difference shown" in said
    assert "Fewer than 48 variants show nothing: both models predicted 27." in said
    assert "27 common variants" in said
    assert 'role="img"' in html
    assert '"middle up-title"' in html
    assert ">out-of-fold prediction of model 2</text>" in html
    assert ">that of model 1</text>" in html
    assert "Model 1 upwards, model 2 to the right: 27 variants, folds by position." in said
    assert "Augmented ridge" in said
    random = browser.get(f"{shown}?models=1&models=2&folds=random")
    assert 'aria-current="true">Random' in random.content.decode()
    assert other_api.get(address).status_code == 404


@pytest.mark.slow
def test_other_properties_are_refused_and_one_model_is_too_few(api, browser):
    url = made(api)
    address, page = f"{url}models/comparison/", f"{url.removeprefix('/api')}models/compare/"
    none = api.get(address)
    assert (none.status_code, none.json()["code"]) == (409, "too_few_models")
    assert "takes two ready models of one property" in shown_text(browser.get(page))
    trained(api, url)
    trained(api, url, name="Tm")
    still = api.get(address)
    assert (still.status_code, still.json()["code"]) == (409, "too_few_models"), "one of each property"
    mixed = api.get(f"{address}?models=1,2")
    assert (mixed.status_code, mixed.json()["code"]) == (400, "bad_models")
    assert "model 2 is of Tm, and model 1 of activity: other measurements are not compared" in mixed.json()["detail"]
    refused = browser.get(f"{page}?models=1&models=2")
    assert refused.status_code == 400
    assert "other measurements are not compared" in shown_text(refused)
    for wrong, code, status in (
        ("models=1", "bad_models", 400),
        ("models=1,1", "bad_models", 400),
        ("models=x", "bad_models", 400),
        ("models=1,2,3,4,5,6,7", "bad_models", 400),
        ("models=1,9", "not_found", 404),
    ):
        answer = api.get(f"{address}?{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (status, code), wrong
    trained(api, url, name="Tm", seed=1)
    body = api.get(address).json()
    assert (body["property"], [one["n"] for one in body["models"]]) == ("Tm", [3, 2]), "the newest two of one kind"
    [pair] = body["pairs"]
    assert pair["differences"] is None
    assert "too little to learn from" in pair["reason"]
    assert body["folds"] is None
    assert "Against model 2: not compared" in shown_text(browser.get(page))
    for more, code in (
        ("main=7", "bad_models"),
        ("folds=x", "bad_choice"),
        ("format=x", "bad_format"),
        ("table=x", "bad_choice"),
    ):
        assert api.get(f"{address}?{more}").json()["code"] == code
    PropertyModel.objects.filter(number=3).update(state=WorkState.FAILED)
    assert api.get(f"{address}?models=2,3").json()["code"] == "model_not_ready"


# --- the comparison itself, without a database ----------------------------------------------------------------------


def side(number: int, predicted, *, values=None, by="model", prior="profile", seed=0) -> Side:
    """Return a model of single mutants whose held-out predictions by position are given."""
    rows = values or measured(len(predicted))
    card = {
        "ranks_by": by, "method": "gaussian_process", "prior": {"used": prior}, "features": {"used": "site"},
    }  # fmt: skip
    found = PropertyModel(
        campaign=Campaign(parent=PARENT, numbering={"offset": 0}),
        number=number,
        seed=seed,
        training=rows,
        card=card,
        fits={HELD_OUT: {"position": list(predicted)}},
    )
    found.property = found.campaign.properties.model(campaign=found.campaign, name="activity", higher_is_better=True)
    return Side(found)


def measured(count: int) -> list[list[object]]:
    codes = [f"{PARENT[at]}{at + 1}{new}" for new in "ACDEFG" for at in range(len(PARENT)) if PARENT[at] != new]
    value = np.random.default_rng(0).normal(size=count).round(6)
    return [[code, float(one), 1, 0, 0] for code, one in zip(codes[:count], value, strict=True)]


def near(count: int, noise: float, seed: int) -> list[float]:
    truth = np.array([row[1] for row in measured(count)])
    return list(truth + np.random.default_rng(seed).normal(size=count) * noise)


def compared(*sides: Side) -> Comparison:
    return Comparison(sides[0].model.campaign, list(sides), sides[0], "position", 0)


def test_the_newest_with_a_gain_ranks_unless_another_is_better():
    old, new = side(1, near(120, 0.5, 1)), side(2, near(120, 0.5, 2))
    found = compared(new, old)
    assert found.pairs[0].found.verdict == "none"
    assert (found.advice.model, found.advice.by) == (2, "model")
    assert "no other one is shown to be better" in found.advice.reason
    better = side(1, near(120, 0.1, 1))
    found = compared(new, better)
    assert found.pairs[0].found.verdict == "worse"
    assert found.advice.model == 1
    assert "better than model 2" in found.advice.reason
    # What ranks by its prior is not advised, even with smaller errors.
    found = compared(new, side(1, near(120, 0.1, 1), by="prior"))
    assert found.advice.model == 2
    assert "the only chosen model with a gain" in found.advice.reason


def test_without_a_gain_the_prior_ranks():
    found = compared(side(2, near(60, 1, 2), by="prior"), side(1, near(60, 1, 1), by="prior", prior="blosum62"))
    assert (found.advice.model, found.advice.by) == (2, "prior")
    assert "Their priors differ" in found.advice.reason
    alone = compared(side(2, near(60, 1, 2), prior="none"), side(1, near(60, 1, 1), by="prior"))
    assert (alone.advice.model, alone.advice.by) == (2, "model")
    assert "has no prior" in alone.advice.reason


def test_only_variants_that_both_predicted_count_and_the_newer_value():
    rows = measured(90)
    changed = [[code, value + (1.0 if at < 5 else 0.0), *rest] for at, (code, value, *rest) in enumerate(rows)]
    old = side(1, near(60, 0.5, 1), values=rows[:60])
    held = near(90, 0.5, 2)
    new = side(2, [None if 50 <= at < 55 else one for at, one in enumerate(held)], values=changed)
    [pair] = compared(new, old).pairs
    assert (pair.n, pair.changed) == (55, 5)
    assert pair.found.n == 55
    few = compared(new, side(1, near(19, 0.5, 1), values=rows[:19])).pairs[0]
    assert (few.n, few.found) == (19, None)
    assert few.reason == "models 2 and 1 both predicted 19 variants out of fold, and 20 are needed"


def test_a_model_without_these_folds_has_a_reason():
    new, old = side(2, near(60, 1, 2)), side(1, near(60, 1, 1))
    found = Comparison(new.model.campaign, [new, old], new, "round", 0)
    assert found.pairs[0].reason == "model 2 has no folds of the kind round"
    old.model.fits = {}
    assert "model 1 has no held-out predictions" in compared(new, old).pairs[0].reason
