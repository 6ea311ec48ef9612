"""The shapes that are promised to programs: each field is in the OpenAPI document, and in real answers."""

from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator

from jobs.learning.folds import KINDS
from tests.campaigns.steps import made, proposed, some_singles, text_of, trained, upload

pytestmark = pytest.mark.django_db

REQUESTS = {
    "/api/campaigns/": "name parent model context_set alignment numbering cds host exclude",
    "/api/campaigns/{campaign_id}/properties/": "name unit higher_is_better log limits threshold normalisation",
    "/api/campaigns/{campaign_id}/measurements/": "file property columns round",
    "/api/campaigns/{campaign_id}/models/": "property prior features seed",
    "/api/campaigns/{campaign_id}/models/{number}/predictions/": "variants all_singles combinations",
    "/api/campaigns/{campaign_id}/proposals/": (
        "objectives count strategy pool plate max_per_position mutations exclude seed"
    ),
}
"""The fields of the bodies of POST, by address. More may be there."""
PLATE = "wells wild_type dead blanks replicates retests bridging random"
STEPS = (
    "/api/campaigns/{campaign_id}/rounds/{number}/ordered/",
    "/api/campaigns/{campaign_id}/rounds/{number}/measured/",
)
FIGURE = {"value", "low", "high"}


@pytest.fixture(scope="module")
def document() -> dict:
    return SchemaGenerator().get_schema(request=None, public=True)


def fields(document: dict, schema: dict) -> dict:
    name = schema["$ref"].rpartition("/")[2] if "$ref" in schema else ""
    return (document["components"]["schemas"][name] if name else schema)["properties"]


def test_requests(document):
    for address, names in REQUESTS.items():
        post = document["paths"][address]["post"]
        (content,) = [
            one["schema"] for kind, one in post["requestBody"]["content"].items() if kind != "application/gzip"
        ][:1]
        found = fields(document, content)
        assert set(names.split()) <= set(found), address
        assert {"201", "202"} & set(post["responses"]), address
    proposal = fields(document, {"$ref": "#/ProposalRequestRequest"})
    plate = proposal["plate"]
    assert set(PLATE.split()) <= set(fields(document, plate.get("allOf", [plate])[0]))
    for address in STEPS:
        assert set(document["paths"][address]) >= {"post"}


def test_choices(document):
    schemas = document["components"]["schemas"]

    def choices(name: str, field: str) -> set[str]:
        found = schemas[name]["properties"][field]
        found = found.get("allOf", [found])[0]
        return set(schemas[found["$ref"].rpartition("/")[2]]["enum"] if "$ref" in found else found["enum"])

    assert choices("PropertySubmissionRequest", "normalisation") == {"none", "wild_type_ratio", "wild_type_difference"}
    assert choices("ModelSubmissionRequest", "prior") >= {"auto", "none", "zero_shot", "profile"}
    assert choices("ModelSubmissionRequest", "features") >= {"auto", "mean", "site", "profile", "one_hot"}
    assert choices("ModelBody", "state") == {"queued", "running", "ready", "failed"}
    assert choices("ModelBody", "ranks_by") == {"model", "prior"}


def test_answers(api):
    url = made(api)
    assert "id" in api.get(url).json()
    told = api.post(f"{url}properties/", {"name": "yield", "higher_is_better": True}, format="json").json()
    assert "id" in told
    counts = upload(api, url, text_of(some_singles(22))).json()
    assert {"read", "matched", "failed", "censored", "problems", "n"} <= set(counts)
    model = trained(api, url, name="yield")
    assert {"n", "state", "digest", "n_training", "cross_validation", "gain", "coverage", "ranks_by"} <= set(model)
    assert (
        set(model["cross_validation"]) == set(KINDS) == {"position", "random", "modulo", "contiguous", "depth", "round"}
    )
    assert {"metric", "folds", "n", "detectable", *FIGURE} <= set(model["gain"])
    assert set(model["coverage"]) == {"nominal", "guaranteed", "observed", "width"}
    path = f"{url}models/{model['n']}/predictions/"
    answer = api.post(path, {"variants": ["V17A"]}, format="json")
    assert answer.status_code == 201
    assert set(answer.json()["rows"][0]) == {"variant", "mean", "low", "high", "prior", "rank"}
    later = api.post(path, {"variants": ["V17A"], "file": True}, format="json")
    assert later.status_code == 202
    assert {"id", "n", "state", "progress", "files"} <= set(later.json())
    body = proposed(api, url, model, count=3)
    assert {"well", "role", "variant", "mean", "low", "high", "reason", "model_digest"} <= set(body["rows"][0])
    for step, state in (("ordered", "ordered"), ("measured", "measured")):
        answer = api.post(f"{url}rounds/{body['n']}/{step}/")
        assert (answer.status_code, answer.json()["state"], answer.json()["n"]) == (201, state, body["n"])


@pytest.mark.slow
def test_figures_of_a_model_that_learnt(api):
    url = made(api)
    assert upload(api, url, text_of(some_singles(30))).status_code == 201
    model = trained(api, url)
    found = model["cross_validation"]["random"]
    assert {"model", "prior", "augmented_ridge"} <= set(found)
    for ranking in found.values():
        assert set(ranking["spearman"]) == FIGURE
