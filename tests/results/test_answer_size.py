"""Results in one answer: no more than a process can hold, and only those that were requested."""

from __future__ import annotations

import orjson
import pytest
from django.test import Client

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.actions.columns import result_bytes
from jobs.limits import MAX_ANSWER_BYTES, MAX_RESIDUES, SYNC_ITEMS
from jobs.maps.similar import vector_of_item
from jobs.models import Job
from jobs.results import items as results
from tests.helpers import body

pytestmark = pytest.mark.django_db

EVERYTHING = {"include": ["mean", "per_token", "logits"], "repr_layers": [0, -1]}
SEQUENCES = ["MKTAYIAKQR", "MKT", "MKTAYIA"]


@pytest.fixture
def job(api, inline_worker) -> Job:
    items = [{"sequence": sequence} for sequence in SEQUENCES]
    sent = {"model": "e1-demo", "action": "encode", "params": EVERYTHING, "items": items}
    job_id = body(api.post("/api/jobs/", sent, format="json"))["id"]
    inline_worker()
    return Job.objects.get(pk=job_id)


@pytest.fixture
def rows_read(monkeypatch) -> list[list[int]]:
    """Collect the row counts of every stored row that is read."""
    read: list[list[int]] = []
    unpack = results.unpack

    def noted(data, dtype, width, rows):
        read.append(rows)
        return unpack(data, dtype, width, rows)

    monkeypatch.setattr(results, "unpack", noted)
    return read


@pytest.fixture
def small_answers(monkeypatch):
    """Limit answers to little more than the result of the shortest item."""
    size = result_bytes(ACTIONS["encode"].columns(EVERYTHING, MODELS["e1-demo"]), "MKT")
    monkeypatch.setattr(results, "MAX_ANSWER_BYTES", size)


def test_a_synchronous_request_for_more_than_an_answer_holds_is_refused(api):
    layers = {"include": ["per_token"], "repr_layers": list(range(MODELS["e1-demo"].layers + 1))}
    params = layers | {"contexts": [["MKT"], ["MKV"]]}
    items = [{"sequence": "M" * MAX_RESIDUES}] * SYNC_ITEMS
    refused = api.post("/api/v3/e1-demo/encode/", {"params": params, "items": items}, format="json")
    error = body(refused)
    assert (refused.status_code, error["code"]) == (413, "results_too_large")
    assert "/api/jobs/" in error["errors"][0]["remedy"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("slug", MODELS)
def test_the_largest_answer_of_one_layer_is_no_larger(slug):
    params = {"include": ["mean", "per_token", "logits"], "repr_layers": [-1]}
    columns = ACTIONS["encode"].columns(params, MODELS[slug])
    assert SYNC_ITEMS * result_bytes(columns, "M" * MAX_RESIDUES) <= MAX_ANSWER_BYTES


def test_one_item_is_read_without_the_others_of_its_chunk(api, job, rows_read):
    answer = orjson.loads(api.get(f"/api/jobs/{job.pk}/items/1/").content)["result"]
    assert [len(one["embeddings"]) for one in answer["per_token_embeddings"]] == [3, 3]
    own = [rows for rows in rows_read if len(rows) == 1]
    shared = [rows for rows in rows_read if len(rows) == 3]
    assert (own, len(shared), len(rows_read)) == ([[3], [3]], 3, 5), "two layers of its own; two means, one of logits"


def test_the_embedding_of_one_item_is_read_without_those_of_its_residues(api, job, rows_read):
    vector = vector_of_item(job, 1, 0)
    assert rows_read == [[1, 1, 1]]
    means = orjson.loads(api.get(f"/api/jobs/{job.pk}/items/1/").content)["result"]["embeddings"]
    assert vector.tolist() == pytest.approx(next(one["embedding"] for one in means if one["layer"] == 0))


def test_an_item_that_is_too_large_for_one_answer_is_refused(api, person, job, small_answers, rows_read):
    refused = api.get(f"/api/jobs/{job.pk}/items/0/")
    error = body(refused)
    assert (refused.status_code, error["code"]) == (413, "results_too_large")
    assert f"/api/jobs/{job.pk}/results/?format=npz" in error["errors"][0]["remedy"]
    browser = Client()
    browser.force_login(person)
    page = browser.get(f"/jobs/{job.pk}/items/0/")
    assert (page.status_code, b"one answer holds at most" in page.content) == (200, True)
    assert not rows_read
    assert api.get(f"/api/jobs/{job.pk}/items/1/").status_code == 200
    assert browser.get(f"/jobs/{job.pk}/items/1/").status_code == 200
