"""Two runs of the same parent side by side: page, CSV, and REST."""

from __future__ import annotations

import csv
import io

import pytest

from jobs.science.variants.metrics import spearman
from tests.factories import SHORT, finished, scored
from tests.helpers import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(api, inline_worker) -> list[dict]:
    """Return two scans of the parent by two methods, and a job of some of its variants."""
    item = [{"sequence": SHORT, "name": "parent"}]
    return [
        finished(api, inline_worker, "scan", item, method="wildtype_marginal", offset=20),
        finished(api, inline_worker, "scan", item, method="masked_marginal"),
        scored(api, inline_worker, ["M1A", "K2R", "M1A:K2R", "WT"]),
    ]


def address(job: dict) -> str:
    return f"/api/jobs/{job['id']}/comparison/"


def scores_of(api, job: dict) -> dict[tuple[int, str], float]:
    result = api.get(f"{job['url']}items/0/").json()["result"]
    return {
        (at, letter): score
        for at, row in enumerate(result["scores"], 1)
        for letter, score in zip(result["vocab_tokens"], row, strict=True)
        if letter != SHORT[at - 1]
    }


def test_two_scans_are_compared_variant_by_variant(api, runs):
    body = api.get(address(runs[0]), {"with": runs[1]["id"]}).json()
    one, two = scores_of(api, runs[0]), scores_of(api, runs[1])
    assert body["pairs"] == len(one) == 190
    assert body["spearman"] == pytest.approx(spearman(list(one.values()), [two[key] for key in one]))
    assert body["interval"]["low"] <= body["spearman"] <= body["interval"]["high"]
    first = body["variants"][0]
    assert first["variant"] == "M21A", "the numbering is that of the first job"
    assert first["difference"] == pytest.approx(two[1, "A"] - one[1, "A"], abs=1e-6)
    assert body["differences"][0][body["vocab_tokens"].index("A")] == pytest.approx(first["difference"])
    assert body["differences"][0][body["vocab_tokens"].index("M")] is None
    assert body["numbers"][:2] == ["21", "22"]


def test_a_scan_and_a_list_of_variants_share_some(api, runs):
    body = api.get(address(runs[2]), {"with": runs[0]["id"]}).json()
    assert [row["variant"] for row in body["variants"]] == ["M1A", "K2R"]
    assert (body["pairs"], body["only_first"], body["only_second"]) == (2, 2, 188)
    assert body["first"]["action"] == "score"


def test_what_cannot_be_compared_is_refused(api, other_api, inline_worker, runs):
    other = scored(api, inline_worker, ["A1M"], parent="AKT")
    wrong = finished(api, inline_worker, "log_prob", [{"sequence": SHORT}])
    apart = scored(api, inline_worker, ["T3S:R10A"])

    def code(first: dict, second: str) -> tuple[int, str]:
        answer = api.get(address(first), {"with": second})
        return answer.status_code, answer.json()["code"]

    assert code(runs[0], other["id"]) == (400, "other_parent")
    assert code(runs[0], apart["id"]) == (400, "nothing_to_compare")
    assert code(runs[0], wrong["id"]) == (409, "wrong_action")
    assert code(wrong, runs[0]["id"]) == (409, "wrong_action")
    assert code(runs[0], "x") == (400, "no_other_job")
    assert other_api.get(address(runs[0]), {"with": runs[1]["id"]}).status_code == 404
    theirs = scored(other_api, inline_worker, ["M1A"])
    assert code(runs[0], theirs["id"]) == (400, "no_other_job")


def test_the_page_offers_runs_of_the_same_parent_and_shows_the_table(api, browser, inline_worker, runs):
    scored(api, inline_worker, ["A1M"], parent="AKT")
    page = f"/jobs/{runs[0]['id']}/compare/"
    choice = browser.get(page).content.decode()
    assert f'value="{runs[1]["id"]}.0"' in choice
    assert f'value="{runs[2]["id"]}.0"' in choice
    assert choice.count("<option") == 2, "neither the run itself nor that of another parent"
    found = browser.get(page, {"with": f"{runs[1]['id']}.0"})
    text = text_of(found)
    assert "190 with both scores" in text
    assert "paired bootstrap over positions" in text
    link = f"/jobs/{runs[0]['id']}/compare.csv"
    response = browser.get(link, {"with": runs[1]["id"], "with_item": "0"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 190
    assert list(rows[0]) == ["variant", "first", "second", "difference"]
    assert float(rows[0]["difference"]) == pytest.approx(float(rows[0]["second"]) - float(rows[0]["first"]), abs=1e-4)
    assert browser.get(link).status_code == 302


def test_without_another_run_the_page_says_what_to_do(api, browser, inline_worker):
    job = finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="wildtype_marginal")
    assert "You have no other scores of this parent" in text_of(browser.get(f"/jobs/{job['id']}/compare/"))
