"""Jobs with dtype float16: the numbers of float32 rounded once, in half the bytes, also after retries."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from jobs.maps.similar import vector_of_item
from jobs.models import Chunk, Item, Job, Output
from jobs.results.manifest import manifest_of
from tests.helpers import body, client_of, post
from tests.libraries import grouped, library, state
from tests.maps.analysis_checks import built, cosines
from tests.results.export_checks import check_all_formats

pytestmark = pytest.mark.django_db

EVERYTHING = {"repr_layers": [-1, 2, 0], "include": ["mean", "per_token", "logits"]}
SEQUENCES = ["MKTAYIAKQR", "MKTAYIAKQRQISFVK", "ACDEFGHIKLMNPQRSTVWY", "MKW"] * 3
MASKED = ["MK?AYIAKQR", "M??A", "?"]
CONTEXTS = [["MKTAYIA"], ["ACDEFGH", "MKT"]]


def submitted(api, action: str, params: dict, sequences=SEQUENCES, **headers) -> Job:
    items = [{"sequence": sequence} for sequence in sequences]
    answer = post(
        api, "/api/jobs/", {"model": "e1-demo", "action": action, "params": params, "items": items}, **headers
    )
    assert answer.status_code in (200, 202), answer.content
    return Job.objects.get(pk=body(answer)["id"])


def arrays_of(api, job: Job) -> dict[str, np.ndarray]:
    data = b"".join(api.get(f"/api/jobs/{job.pk}/results/?format=npz").streaming_content)
    return dict(np.load(io.BytesIO(data), allow_pickle=False))


def is_rounded(half: dict[str, np.ndarray], full: dict[str, np.ndarray]) -> int:
    """Compare every array of `half` with that of `full`, and return how many numbers were rounded."""
    assert half.keys() == full.keys()
    rounded = [name for name, array in full.items() if array.dtype == np.float32]
    for name, array in full.items():
        expected = array.astype(np.float16) if name in rounded else array
        assert half[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(half[name], expected, err_msg=name)
    return len(rounded)


@pytest.mark.parametrize(
    ("action", "params", "sequences", "arrays"),
    [
        ("encode", EVERYTHING, SEQUENCES, 7),
        ("encode", EVERYTHING | {"contexts": CONTEXTS}, SEQUENCES[:3], 21),
        ("predict", {}, MASKED, 1),
        ("predict", {"rows": "masked", "contexts": CONTEXTS}, MASKED, 3),
    ],
)
def test_numbers_are_those_of_float32_rounded_in_half_the_bytes(api, inline_worker, action, params, sequences, arrays):
    full = submitted(api, action, params, sequences)
    half = submitted(api, action, params | {"dtype": "float16"}, sequences)
    inline_worker()
    assert is_rounded(arrays_of(api, half), arrays_of(api, full)) == arrays
    assert {output.dtype for output in Output.objects.filter(chunk__job=half)} == {"<f2"}
    assert {output.dtype for output in Output.objects.filter(chunk__job=full)} == {"<f4"}
    assert stored_bytes(half) * 2 == stored_bytes(full)


def stored_bytes(job: Job) -> int:
    return sum(len(output.data) for output in Output.objects.filter(chunk__job=job))


def test_postgres_stores_half(api, inline_worker):
    """Eight vectors of 128 numbers take 2 or 4 kB without compression, beside a header."""
    jobs = [submitted(api, "encode", {"dtype": dtype}, SEQUENCES[:8]) for dtype in ("float32", "float16")]
    inline_worker()
    with connection.cursor() as cursor:
        sizes = []
        for job in jobs:
            cursor.execute(
                "SELECT pg_column_size(data) FROM jobs_output JOIN jobs_chunk c ON c.id = chunk_id WHERE job_id = %s",
                [job.pk],
            )
            sizes.append([size for (size,) in cursor.fetchall()])
    assert [len(found) for found in sizes] == [1, 1]
    (full,), (half,) = sizes
    assert 8 * 128 * 4 <= full <= 8 * 128 * 4 + 8
    assert 8 * 128 * 2 <= half <= 8 * 128 * 2 + 8


def test_it_is_shown_with_the_job_in_its_manifest_and_on_the_item_page(api, person, inline_worker):
    job = submitted(api, "encode", EVERYTHING | {"dtype": "float16"}, SEQUENCES[:2])
    inline_worker()
    assert body(api.get(f"/api/jobs/{job.pk}/"))["params"]["dtype"] == "float16"
    assert manifest_of(job)["params"]["dtype"] == "float16"
    result = body(api.get(f"/api/jobs/{job.pk}/items/0/"))["result"]
    vector = np.array(result["embeddings"][0]["embedding"], dtype=np.float32)
    np.testing.assert_array_equal(vector, arrays_of(api, job)["mean_layer_6"][0].astype(np.float32))
    browser = Client()
    browser.force_login(person)
    page = browser.get(f"/jobs/{job.pk}/items/0/")
    assert page.status_code == 200
    norm = np.linalg.norm(vector.astype(np.float64))
    assert page.context["result"]["vectors"][0]["norm"] == pytest.approx(norm, rel=1e-12)


class Overflowing:
    """An engine that returns a number beyond float16 for the last residue of one sequence."""

    def __init__(self, engine, sequence):
        self.engine, self.sequence = engine, sequence

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def encode(self, queries):
        return [
            replace(one, per_token={layer: self.spoilt(array) for layer, array in one.per_token.items()})
            if query.sequence == self.sequence
            else one
            for query, one in zip(queries, self.engine.encode(queries), strict=True)
        ]

    def spoilt(self, array):
        array = array.copy()
        array[-1, 3] = -70_000
        return array


def test_an_item_that_does_not_fit_fails_alone_and_a_retry_keeps_the_type(api, inline_worker, demo_engine, monkeypatch):
    from worker import tasks

    params = {"include": ["mean", "per_token"], "dtype": "float16"}
    spoilt = submitted(api, "encode", params)
    whole = submitted(api, "encode", params)
    with monkeypatch.context() as patch:
        patch.setattr(tasks.current.process, "engine", Overflowing(demo_engine, "MKW"))
        ids = list(Chunk.objects.filter(job=spoilt).order_by("id").values_list("id", flat=True))
        tasks.run_bundles([ids])
    inline_worker()
    spoilt.refresh_from_db()
    assert spoilt.state == "partial"
    wrong = Item.objects.filter(job=spoilt, error_code__isnull=False).order_by("index")
    assert list(wrong.values_list("index", "error_code")) == [(n, "float16_overflow") for n in (3, 7, 11)]
    (problem,) = wrong[0].error
    assert problem["message"] == "per_token of layer 6 reaches 70,000 here, and float16 ends at 65,504"
    assert "float32" in problem["remedy"]
    (failure,) = body(api.get(f"/api/jobs/{spoilt.pk}/"))["failures"]
    assert (failure["code"], failure["count"]) == ("float16_overflow", 3)
    expected = arrays_of(api, whole)
    others = arrays_of(api, spoilt)
    assert others["index"].tolist() == [n for n in range(12) if n % 4 != 3]
    np.testing.assert_array_equal(others["mean_layer_6"], expected["mean_layer_6"][others["index"]])
    assert api.post(f"/api/jobs/{spoilt.pk}/retry/").status_code == 202
    inline_worker()
    again = arrays_of(api, spoilt)
    assert again.keys() == expected.keys()
    assert again["index"].tolist() == list(range(12))
    for name in ("mean_layer_6", "per_token_layer_6"):
        assert again[name].dtype == expected[name].dtype == np.float16
        # Computed beside other items: float32 differs in its last digits, and so float16 may be the next one.
        apart = np.abs(again[name].astype(np.float64) - expected[name])
        assert (apart <= np.maximum(np.spacing(np.abs(expected[name])), 2e-6)).all(), name
    kept = [n for n in range(12) if n % 4 != 3]
    assert again["mean_layer_6"][kept].tobytes() == others["mean_layer_6"].tobytes()


def test_float32_takes_the_same_number(api, inline_worker, demo_engine, monkeypatch):
    from worker import tasks

    monkeypatch.setattr(tasks.current.process, "engine", Overflowing(demo_engine, "MKW"))
    job = submitted(api, "encode", {"include": ["per_token"]}, SEQUENCES[:4])
    inline_worker()
    job.refresh_from_db()
    assert (job.state, arrays_of(api, job)["per_token_layer_6"].min()) == ("succeeded", -70_000)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_an_extended_job_keeps_its_type_and_gives_the_same_bits(api, inline_worker, dtype):
    job = submitted(api, "encode", {"include": ["mean"], "dtype": dtype})
    inline_worker()
    more = {"items": [{"sequence": sequence} for sequence in SEQUENCES]}
    answer = post(api, f"/api/jobs/{job.pk}/extend/", more)
    assert answer.status_code == 202, answer.content
    inline_worker()
    vectors = arrays_of(api, job)["mean_layer_6"]
    assert vectors.dtype == np.dtype(dtype)
    assert len(vectors) == 2 * len(SEQUENCES)
    assert vectors[: len(SEQUENCES)].tobytes() == vectors[len(SEQUENCES) :].tobytes()


def test_a_request_repeated_with_the_default_spelled_out_is_the_same_one(api):
    key = {"Idempotency-Key": "one"}
    first = submitted(api, "encode", {"include": ["mean"]}, **key)
    assert submitted(api, "encode", {"include": ["mean"], "dtype": "float32"}, **key).pk == first.pk
    other = {"model": "e1-demo", "action": "encode", "params": {"dtype": "float16"}}
    items = [{"sequence": sequence} for sequence in SEQUENCES]
    assert post(api, "/api/jobs/", other | {"items": items}, **key).status_code == 409


@pytest.mark.parametrize("action", ["log_prob", "score", "scan", "contacts"])
def test_other_actions_refuse_it_at_intake(api, action):
    params = {"dtype": "float16"} | ({"parent": "MKT"} if action == "score" else {})
    asked = {"model": "e1-demo", "action": action, "params": params, "items": [{"sequence": "MKT"}]}
    for path in ("/api/jobs/", "/api/estimate/"):
        answer = post(api, path, asked)
        assert (answer.status_code, body(answer)["code"]) == (400, "dtype_not_offered")
        assert body(answer)["errors"][0]["path"] == "params.dtype"
    assert not Job.objects.exists()


@pytest.mark.parametrize("dtype", ["half", 16, ""])
def test_no_type_of_that_name(api, dtype):
    asked = {"model": "e1-demo", "action": "encode", "params": {"dtype": dtype}, "items": [{"sequence": "MKT"}]}
    answer = post(api, "/api/jobs/", asked)
    assert (answer.status_code, body(answer)["code"]) == (400, "bad_dtype")
    assert body(answer)["errors"][0]["remedy"] == "Choose from float32, float16."


def test_large_files_are_of_the_rounded_numbers_too(monkeypatch):
    """Complete chunks and single items, across the borders of pages."""
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 5)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 1500)
    lib = library("encode", {"include": ["mean", "logits"], "dtype": "float16"}, items=45, skipped={0, 9})
    lib.finish(failing={1, 12, 13, 30})
    check_all_formats(lib)


@pytest.mark.usefixtures("analysed_here")
def test_analyses_read_float32_of_the_stored_numbers():
    lib = grouped(40, params={"dtype": "float16"})
    lib.finish(failing={9})
    state(lib, "partial")
    owner = client_of(lib.job.owner)
    indices, vectors = lib.vectors()
    _, found, arrays = built(owner, lib, "neighbours", k=3)
    expected = cosines(vectors, vectors)
    np.fill_diagonal(expected, -np.inf)
    assert arrays["similarity"].dtype == np.float32
    assert np.abs(arrays["similarity"] - np.sort(expected, axis=1)[:, ::-1][:, :3]).max() < 1e-6
    assert found["index"] == indices
    for kind, params in (("clusters", {"neighbours": 8}), ("map", {"method": "pca", "neighbours": 8})):
        shown, _, placed = built(owner, lib, kind, **params)
        assert shown["facts"]["clusters"] == 4
        assert all(array.dtype != np.float16 for array in placed.values())
    assert vector_of_item(lib.job, 0, 6).dtype == np.float32
    answer = owner.post(f"/api/jobs/{lib.job.pk}/neighbours/", {"index": 4, "k": 2}, format="json")
    assert answer.status_code == 200, answer.content
    best = [indices[at] for at in np.argsort(-expected[indices.index(4)])[:2]]
    assert [one["index"] for one in body(answer)["neighbours"]] == best
