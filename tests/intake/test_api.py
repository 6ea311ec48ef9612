"""The REST interface with good and bad input, a worker inside the test, and real servers."""

from __future__ import annotations

import gzip
import io
import json
from datetime import timedelta

import numpy as np
import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test.client import MULTIPART_CONTENT
from rest_framework.test import APIClient

from e1protocol import CANONICAL, Query
from jobs.models import Chunk, Job
from tests.helpers import FASTA, body, encode, lines, post, submit

pytestmark = pytest.mark.django_db

SYNC = "/api/v3/e1-demo/{}/"


# --- asynchronous ----------------------------------------------------------------------------------------------------


def test_a_library_from_upload_to_download(api, inline_worker, demo_engine):
    response = submit(
        api, name="my library", params='{"repr_layers": [-1, 2], "include": ["mean", "per_token", "logits"]}'
    )
    assert response.status_code == 202, response.content
    job = body(response)
    assert response["Location"] == job["url"]
    assert int(response["Retry-After"]) > 0
    assert job["counts"] == dict(total=3, pending=3, succeeded=0, failed=0, skipped=0, cancelled=0)
    assert (job["state"], job["name"], job["params"]["repr_layers"]) == ("queued", "my library", [6, 2])
    assert job["demonstration"]
    assert "Profluent-E1" in job["attribution"]

    assert inline_worker() == 1
    job = body(api.get(job["url"]))
    assert job["state"] == "succeeded"
    assert job["counts"]["succeeded"] == 3
    assert job["provenance"][0]["model"] == "e1-demo"

    rows = lines(api.get(job["links"]["results"], {"format": "jsonl"}))
    assert [(row["index"], row["name"], row["state"]) for row in rows] == [
        (0, "one", "succeeded"),
        (1, "two", "succeeded"),
        (2, "three", "succeeded"),
    ]
    for row, sequence in zip(rows, ("MKTAYIAKQR", "MKTAYIAKQRQISFVK", CANONICAL), strict=True):
        (direct,) = demo_engine.encode([Query(sequence, (), (6, 2), frozenset({"mean", "per_token", "logits"}))])
        result = row["result"]
        assert [entry["layer"] for entry in result["embeddings"]] == [6, 2]
        np.testing.assert_allclose(result["embeddings"][0]["embedding"], direct.mean[6], atol=1e-5)
        np.testing.assert_allclose(result["per_token_embeddings"][1]["embeddings"], direct.per_token[2], atol=1e-4)
        np.testing.assert_allclose(result["logits"], direct.logits, atol=1e-4)
        assert result["vocab_tokens"] == list(CANONICAL)
    with np.load(io.BytesIO(b"".join(api.get(job["links"]["results"], {"format": "npz"}).streaming_content))) as arrays:
        assert arrays["name"].tolist() == ["one", "two", "three"]
        assert arrays["mean_layer_6"].shape == (3, 128)
        assert arrays["offsets"].tolist() == [0, 10, 26, 46]
    manifest = body(api.get(job["links"]["manifest"]))
    assert manifest["counts"] == job["counts"]


@pytest.mark.parametrize(
    ("media_type", "content", "names"),
    [
        ("text/x-fasta", FASTA, ["one", "two", "three"]),
        ("application/gzip", gzip.compress(FASTA, mtime=0), ["one", "two", "three"]),
        ("text/csv", b"name,sequence\na,MKT\nb,MKV\n", ["a", "b"]),
        ("application/x-ndjson", b'{"sequence": "MKT", "name": "x"}\n{"sequence": "MKV"}\n', ["x", "record_2"]),
        ("application/octet-stream", FASTA, ["one", "two", "three"]),
    ],
)
def test_raw_bodies(api, inline_worker, media_type, content, names):
    response = api.post("/api/jobs/?model=e1-demo&action=log_prob&name=raw", content, content_type=media_type)
    assert response.status_code == 202, response.content
    inline_worker()
    rows = lines(api.get(body(response)["links"]["results"]))
    assert [row["name"] for row in rows] == names
    assert all(row["result"]["log_prob"] < 0 for row in rows)


def test_a_json_body_of_many_items(api, inline_worker):
    items = [{"sequence": "MK?" + "A" * n, "name": f"v{n}"} for n in range(20)]
    response = post(
        api, "/api/jobs/", {"model": "e1-demo", "action": "predict", "params": {"rows": "masked"}, "items": items}
    )
    assert response.status_code == 202, response.content
    inline_worker()
    rows = lines(api.get(body(response)["links"]["results"]))
    assert len(rows) == 20
    assert all(np.shape(row["result"]["logits"]) == (1, 20) and row["result"]["mask_positions"] == [2] for row in rows)


def test_a_context_file_goes_to_every_record(api, inline_worker, demo_engine):
    context = SimpleUploadedFile("homologs.fasta", b">h1\nMKTAYIVKQR\n>h2\nMRTAYLAKQR\n")
    response = submit(api, action="log_prob", context=context)
    assert response.status_code == 202, response.content
    inline_worker()
    rows = lines(api.get(body(response)["links"]["results"]))
    from jobs.actions.log_prob import log_probability

    (direct,) = demo_engine.encode([Query("MKTAYIAKQR", ("MKTAYIVKQR", "MRTAYLAKQR"), (), frozenset({"logits"}))])
    assert rows[0]["result"]["log_prob"] == pytest.approx(log_probability(direct.logits, "MKTAYIAKQR"), rel=1e-6)
    manifest = body(api.get(body(response)["links"]["manifest"]))
    assert "context" in json.dumps(manifest)


def test_all_errors_of_a_file_with_line_and_column(api):
    content = b">a\nMKT\n>b\nMK1T\n>c\nMKT\nAA-A\n>d\n\n"
    response = submit(api, content)
    assert response.status_code == 400
    error = body(response)
    assert error["status_code"] == 400
    places = [(e["line"], e.get("column"), e["record"], e.get("character")) for e in error["errors"]]
    assert places[:2] == [(4, 3, "b", "1"), (7, 3, "c", "-")]
    assert [e["code"] for e in error["errors"]][-1] == "empty_sequence"
    assert all(e["remedy"] for e in error["errors"])
    assert not Job.objects.exists()


def test_bad_records_are_skipped_on_request(api, inline_worker):
    response = submit(api, b">a\nMKT\n>b\nMK1T\n>c\nMKT\n", on_invalid="skip", action="log_prob")
    assert response.status_code == 202
    inline_worker()
    job = body(api.get(body(response)["url"]))
    assert (job["state"], job["counts"]["skipped"], job["counts"]["succeeded"]) == ("succeeded", 1, 2)
    (skipped,) = body(api.get(job["links"]["items"], {"state": "skipped"}))["results"]
    assert (skipped["name"], skipped["line"], skipped["state"]) == ("b", 3, "skipped")
    assert skipped["reason"]
    assert [row["state"] for row in lines(api.get(job["links"]["results"]))] == ["succeeded", "skipped", "succeeded"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (dict(model="e1-601m"), "unknown_model"),
        (dict(model="e1-600m"), "unknown_model"),
        (dict(action="fold"), "unknown_action"),
        (dict(params="{"), "bad_params"),
        (dict(params='{"repr_layer": [1]}'), "unknown_parameter"),
        (dict(params='{"repr_layers": [7]}'), "bad_layers"),
        (dict(params='{"include": ["meen"]}'), "bad_include"),
        (dict(on_invalid="ignore"), "bad_on_invalid"),
        (dict(name="x" * 201), "bad_name"),
    ],
)
def test_bad_fields_of_a_submission(api, fields, code):
    response = submit(api, **fields)
    assert (response.status_code, body(response)["code"]) == (400, code)
    assert not Job.objects.exists()


def test_missing_pieces(api):
    assert (
        body(api.post("/api/jobs/", encode({"model": "e1-demo", "action": "encode"}), content_type=MULTIPART_CONTENT))[
            "code"
        ]
        == "no_file"
    )
    assert body(post(api, "/api/jobs/", {"action": "encode", "items": []}))["code"] == "missing_field"
    assert body(post(api, "/api/jobs/", {"model": "e1-demo", "action": "encode"}))["code"] == "no_items"
    assert (
        body(post(api, "/api/jobs/", {"model": "e1-demo", "action": "encode", "items": [{}], "extra": 1}))["code"]
        == "unknown_field"
    )
    assert api.post("/api/jobs/", b"{", content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("path", "curl"),
    [
        ("/api/jobs/", "-H 'Content-Type: text/x-fasta'"),
        ("/api/alignments/", "-H 'Content-Type: text/x-a3m'"),
        ("/api/contexts/", "-H 'Content-Type: text/x-fasta'"),
        ("/api/estimate/", "-H 'Content-Type: text/x-fasta'"),
        ("/api/webhooks/", "-H 'Content-Type: application/json'"),
        ("/api/jobs/{job}/assays/", "-F file=@FILE"),
    ],
)
def test_a_body_of_a_kind_that_is_not_read_is_told_the_kinds_that_are(api, path, curl):
    path = path.format(job=body(submit(api))["id"])
    answer = api.post(path, b">x\nMKT\n", content_type="application/x-www-form-urlencoded")
    (problem,) = body(answer)["errors"]
    assert (answer.status_code, body(answer)["code"]) == (415, "unsupported_media_type")
    assert "application/x-www-form-urlencoded" in problem["message"]
    assert curl in problem["remedy"]
    assert api.post(path, b"<x/>", content_type="application/xml").status_code == 415


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("filename", "content", "code"),
    [
        ("empty.fasta", b"", "empty_file"),
        ("picture.png", PNG, "not_text"),
        ("library.fasta", PNG, "not_text"),
        ("library.fasta.gz", gzip.compress(FASTA * 400, mtime=0)[:-30], "truncated_gzip"),
        ("library.csv", b"a,b\n1,2\n", "missing_column"),
        ("library.fasta", b">a\n" + b"M" * 3000 + b"\n", "invalid_records"),
        ("library.fasta", b"".join(b">p%d\nMKT\n" % n for n in range(5000)) + b"\x81", "invalid_utf8"),
    ],
)
def test_files_that_are_refused_leave_no_job(api, filename, content, code):
    response = submit(api, content, filename)
    assert (response.status_code, body(response)["code"]) == (400, code)
    assert not Job.objects.exists()


def test_the_same_key_and_body_give_the_same_job(api):
    first = submit(api, headers={"Idempotency-Key": "k1"})
    again = submit(api, headers={"Idempotency-Key": "k1"})
    assert body(first)["id"] == body(again)["id"]
    assert Job.objects.count() == 1
    other = submit(api, b">a\nMKTT\n", headers={"Idempotency-Key": "k1"})
    assert (other.status_code, body(other)["code"]) == (409, "idempotency_key_reused")
    changed = submit(api, params='{"repr_layers": [2]}', headers={"Idempotency-Key": "k1"})
    assert changed.status_code == 409


def test_a_rejected_upload_frees_its_key(api):
    assert submit(api, b">a\nMK1\n", headers={"Idempotency-Key": "k2"}).status_code == 400
    assert submit(api, headers={"Idempotency-Key": "k2"}).status_code == 202


@pytest.mark.parametrize("kind", ["raw", "multipart", "json"])
def test_an_upload_that_breaks_off_queues_nothing(api, kind):
    if kind == "raw":
        path, content, media_type = "/api/jobs/?model=e1-demo&action=encode", FASTA, "text/x-fasta"
    elif kind == "multipart":
        path, media_type = "/api/jobs/", MULTIPART_CONTENT
        content = encode({"model": "e1-demo", "action": "encode", "file": SimpleUploadedFile("a.fasta", FASTA)})
    else:
        path, media_type = "/api/jobs/", "application/json"
        content = orjson.dumps({"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}]})
    # The stream of the body ends early; only the announced length shows it.
    broken = {"wsgi.input": io.BytesIO(content[:-20]), "CONTENT_LENGTH": str(len(content))}
    response = api.generic("POST", path, content, content_type=media_type, **broken)
    assert response.status_code == 400
    assert body(response)["code"] == "upload_incomplete"
    assert not Job.objects.exists()


def test_other_peoples_jobs_are_not_there(api, other_api, inline_worker):
    links = body(submit(api))["links"]
    for name in ("self", "items", "results", "manifest", "events"):
        assert other_api.get(links[name]).status_code == 404, name
    for name in ("cancel", "pause", "resume", "retry"):
        assert other_api.post(links[name]).status_code == 404, name
    assert other_api.delete(links["self"]).status_code == 404
    assert body(other_api.get("/api/jobs/"))["results"] == []


@pytest.mark.parametrize("header", [None, "Token nonsense", "Bearer x", "Token"])
def test_no_token_no_answer(db, header):
    client = APIClient()
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get("/api/jobs/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Token")
    assert body(response)["status_code"] == 401


def test_tokens_are_stored_as_digests(person, token_of):
    from jobs.models import ApiToken

    key = token_of(person, name="laptop")
    row = ApiToken.objects.get()
    assert key not in (row.digest, row.token_key)
    assert len(row.digest) >= 64
    assert key.startswith(row.token_key)


def test_lists_are_paged_and_filtered(api):
    for _ in range(3):
        submit(api)
    submit(api, action="log_prob")
    page = body(api.get("/api/jobs/", {"page_size": 3}))
    assert len(page["results"]) == 3
    assert len(body(api.get(page["next"]))["results"]) == 1
    assert [job["action"] for job in body(api.get("/api/jobs/", {"action": "log_prob"}))["results"]] == ["log_prob"]
    assert body(api.get("/api/jobs/", {"state": "failed"}))["results"] == []


def test_cancel_pause_resume_retry_delete(api, inline_worker):
    job = body(submit(api))
    assert body(api.post(job["links"]["pause"]))["state"] == "paused"
    assert inline_worker() == 0
    assert body(api.post(job["links"]["resume"]))["state"] == "queued"
    assert body(api.post(job["links"]["cancel"]))["state"] == "cancelled"
    assert body(api.post(job["links"]["cancel"]))["code"] == "job_is_over"
    assert body(api.post(job["links"]["retry"]))["code"] == "nothing_failed"
    assert api.delete(job["url"]).status_code == 204
    assert api.get(job["url"]).status_code == 404


def test_results_refuse_a_choice_that_is_not_there(api, inline_worker):
    job = body(submit(api, params='{"include": ["mean", "per_token"]}'))
    inline_worker()
    results = job["links"]["results"]
    for query, code in (
        ({"format": "csv"}, "several_tables"),
        ({"format": "csv", "table": "logits"}, "unknown_table"),
        ({"format": "npz", "table": "mean"}, "unknown_table"),
        ({"format": "xls"}, "unknown_format"),
    ):
        refused = api.get(results, query)
        assert (refused.status_code, body(refused)["code"]) == (400, code)
        assert body(refused)["errors"][0]["remedy"]
    chosen = api.get(results, {"format": "csv", "table": "per_token", "bom": "true"})
    data = b"".join(chosen.streaming_content)
    assert data.startswith(b"\xef\xbb\xbfindex,name,position,residue,per_token_layer_6_0,")
    assert 'filename="library-encode-per_token.csv"' in chosen["Content-Disposition"]


def test_a_dna_file_is_computed_with_a_warning(api):
    job = body(submit(api, b">gene\nACGTACGTACGTTTGACCA\n>gene2\nGGGTTTACCA\n"))
    assert [warning["code"] for warning in job["warnings"]] == ["looks_like_dna"]


# --- synchronous -----------------------------------------------------------------------------------------------------


@pytest.fixture
def answering(inline_worker, monkeypatch):
    """Let the worker answer while the request waits: publishing computes at once."""
    from jobs.queue import dispatch as queue

    def compute(*_):
        inline_worker()
        return True

    monkeypatch.setattr(queue, "dispatch_quietly", compute)
    monkeypatch.setattr(queue, "publish_at_once", compute)


def test_encode_drop_in(api, answering, demo_engine):
    items = [
        {"sequence": "MKTAYIAKQR"},
        {"sequence": "MKXBZ", "context_sequences": ["MKT", "AAA"]},
        {"sequence": "W", "context_sequences": None},
    ]
    response = post(
        api,
        SYNC.format("encode"),
        {"params": {"repr_layers": [-1, 0], "include": ["mean", "per_residue"]}, "items": items},
    )
    assert response.status_code == 200, response.content
    results = body(response)["results"]
    (direct,) = demo_engine.encode([Query("MKXBZ", ("MKT", "AAA"), (6,), frozenset({"mean"}))])
    np.testing.assert_allclose(results[1]["embeddings"][0]["embedding"], direct.mean[6], atol=1e-5)
    assert results[1]["context_sequence_count"] == 2
    assert [np.shape(entry["embeddings"]) for entry in results[0]["per_token_embeddings"]] == [(10, 128), (10, 128)]
    assert "logits" not in results[0]


def test_predict_drop_in(api, answering):
    response = post(api, SYNC.format("predict"), {"items": [{"sequence": "MK?AY?"}]})
    (result,) = body(response)["results"]
    assert np.shape(result["logits"]) == (6, 20)
    assert result["sequence_tokens"] == list("MK?AY?")
    assert result["vocab_tokens"] == list(CANONICAL)
    assert result["mask_positions"] == [2, 5]
    (masked,) = body(
        post(api, SYNC.format("predict"), {"params": {"rows": "masked"}, "items": [{"sequence": "MK?AY?"}]})
    )["results"]
    np.testing.assert_allclose(masked["logits"], np.array(result["logits"])[[2, 5]], atol=1e-5)


@pytest.mark.parametrize("action", ["log_prob", "predict_log_prob"])
def test_log_prob_drop_in(api, answering, action):
    (result,) = body(post(api, SYNC.format(action), {"params": {}, "items": [{"sequence": "MKTAY"}]}))["results"]
    assert result.keys() == {"log_prob"}
    assert result["log_prob"] < 0


def test_gzip_bodies(api, answering):
    content = gzip.compress(orjson.dumps({"items": [{"sequence": "MKTAY"}]}))
    response = api.post(
        SYNC.format("log_prob"), content, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert response.status_code == 200, response.content


@pytest.mark.parametrize("packed", [False, True])
def test_a_json_body_above_the_limit_is_413_and_names_the_way_out(api, settings, packed):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    content = orjson.dumps({"items": [{"sequence": "M" * 2000}] * 8})
    headers = {"Content-Encoding": "gzip"} if packed else {}
    content = gzip.compress(content) if packed else content
    response = api.post(SYNC.format("encode"), content, content_type="application/json", headers=headers)
    assert (response.status_code, body(response)["code"]) == (413, "too_large")
    assert "file" in body(response)["detail"]


@pytest.mark.parametrize(
    ("action", "payload", "code", "path"),
    [
        ("encode", {}, "no_items", "items"),
        ("encode", {"items": []}, "no_items", "items"),
        ("encode", {"items": "MKT"}, "no_items", "items"),
        ("encode", {"items": [{"sequence": "MKT"}] * 9}, "too_many_items", "items"),
        ("encode", {"items": [{"sequence": "MKt"}]}, None, "items.0.sequence"),
        ("encode", {"items": [{"sequence": "MKJ"}]}, None, "items.0.sequence"),
        ("encode", {"items": [{"sequence": "MK?"}]}, None, "items.0.sequence"),
        ("encode", {"items": [{"sequence": ""}]}, "empty_sequence", "items.0.sequence"),
        ("encode", {"items": [{"sequence": "M" * 3000}]}, "sequence_too_long", "items.0.sequence"),
        ("encode", {"items": [{"sequence": 5}]}, None, "items.0.sequence"),
        (
            "encode",
            {"items": [{"sequence": "M"}, {"sequence": "M", "context_sequences": ["A"] * 51}]},
            "too_many_contexts",
            "items.1.context_sequences",
        ),
        ("encode", {"items": [{"sequence": "M", "context_sequences": ["A?"]}]}, None, "items.0.context_sequences.0"),
        (
            "encode",
            {"items": [{"sequence": "M" * 2048, "context_sequences": ["A" * 2048] * 50}]},
            "context_too_long",
            None,
        ),
        ("predict", {"items": [{"sequence": "MKT"}]}, "no_mask", "items.0.sequence"),
        ("predict", {"params": {"rows": "some"}, "items": [{"sequence": "M?"}]}, "bad_rows", "params.rows"),
        ("log_prob", {"items": [{"sequence": "MKX"}]}, None, "items.0.sequence"),
        ("log_prob", {"items": [{"sequence": "MK"}], "params": {"x": 1}}, "unknown_parameter", "params.x"),
        ("log_prob", {"items": [{"sequence": "MK"}], "params": []}, "bad_params", "params"),
        *(
            (action, {"items": [{"sequence": "M?"}], "params": {"dtype": dtype}}, "dtype_not_offered", "params.dtype")
            for action in ("encode", "predict", "log_prob")
            for dtype in ("float16", "float32", None)
        ),
    ],
)
def test_bad_synchronous_requests(api, inline_worker, action, payload, code, path):
    response = post(api, SYNC.format(action), payload)
    assert response.status_code == 400, response.content
    error = body(response)
    assert error["detail"]
    if code:
        assert error["code"] == code
    if path:
        assert path in [problem.get("path") for problem in error["errors"]]
    assert not Job.objects.exists()


@pytest.mark.parametrize(("model", "served"), [("e1-600m", True), ("e1-601m", False)])
def test_a_model_that_is_not_served_comes_with_the_way_to_serve_it(api, model, served):
    refused = post(api, "/api/jobs/", {"model": model, "action": "encode", "items": [{"sequence": "MK"}]})
    (problem,) = body(refused)["errors"]
    assert problem["remedy"].startswith("Choose from e1-demo.")
    assert (f"`e1 up --model {model}`" in problem["remedy"]) == served


def test_unknown_model_and_action_are_404(api, inline_worker):
    payload = {"items": [{"sequence": "MK"}]}
    assert body(post(api, "/api/v3/e1-601m/encode/", payload))["status_code"] == 404
    assert body(post(api, "/api/v3/e1-demo/fold/", payload))["status_code"] == 404
    assert api.get("/api/v3/schema/e1-demo/fold/").status_code == 404


def test_no_worker_is_503(api):
    response = post(api, SYNC.format("encode"), {"items": [{"sequence": "MK"}]})
    assert (response.status_code, body(response)["code"]) == (503, "no_worker")
    assert int(response["Retry-After"]) > 0
    assert not Job.objects.exists()


def test_no_redis_is_503_and_jobs_are_kept(api, inline_worker, monkeypatch):
    from jobs.queue import dispatch as queue

    def away(_model):
        raise OSError("connection refused")

    monkeypatch.setattr(queue, "dispatch", away)
    monkeypatch.setattr(queue, "queue_length", away)
    response = post(api, SYNC.format("encode"), {"items": [{"sequence": "MK"}]})
    assert (response.status_code, body(response)["code"]) == (503, "queue_unavailable")
    assert not Job.objects.exists()
    assert submit(api).status_code == 202


def test_a_message_whose_receipt_is_lost_is_answered_all_the_same(api, inline_worker, monkeypatch):
    from jobs.queue import dispatch as queue

    def arrives(*_, **__):
        inline_worker()
        raise OSError("timed out")

    monkeypatch.setattr(queue, "queue_length", lambda _: 0)
    monkeypatch.setattr(queue.current_app, "send_task", arrives)
    response = post(api, SYNC.format("encode"), {"items": [{"sequence": "MK"}]})
    assert response.status_code == 200, response.content
    assert Job.objects.get().state == "succeeded"


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_lone_request_passes_the_dispatcher_and_comes_again_if_its_message_is_lost(
    api, inline_worker, monkeypatch, settings, waiting
):
    from jobs.queue import dispatch as queue

    settings.E1_SYNC_WAIT_SECONDS = 0.01
    sent, dispatched = [], []
    monkeypatch.setattr(queue, "queue_length", lambda _: waiting)
    monkeypatch.setattr(queue, "dispatch_quietly", lambda model: dispatched.append(model) or True)
    monkeypatch.setattr(queue.current_app, "send_task", lambda *_, args, **__: sent.append(args))
    assert post(api, SYNC.format("encode"), {"items": [{"sequence": "MK"}]}).status_code == 504
    chunk = Chunk.objects.get()
    assert sent == ([] if waiting else [[[[chunk.pk]]]])
    assert dispatched == (["e1-demo"] if waiting else [])
    assert (chunk.published_at is None) == bool(waiting)
    monkeypatch.setattr(queue, "queue_length", lambda _: 0)
    Chunk.objects.update(published_at=Now() - timedelta(seconds=queue.LOST_SECONDS + 1))
    sent.clear()
    assert queue.dispatch("e1-demo") == 1
    assert sent == [[[[chunk.pk]]]]


def test_a_slow_answer_is_504_with_the_jobs_url(api, inline_worker, settings):
    settings.E1_SYNC_WAIT_SECONDS = 0.05
    response = post(api, SYNC.format("encode"), {"items": [{"sequence": "MK"}]})
    assert response.status_code == 504
    url = body(response)["job"]
    inline_worker()
    assert body(api.get(url))["state"] == "succeeded"


@pytest.mark.parametrize("action", ["encode", "predict", "log_prob"])
def test_request_schemas(api, action):
    schema = body(api.get(f"/api/v3/schema/e1-demo/{action}/"))
    assert schema["properties"]["items"]["maxItems"] == 8
    assert "sequence" in schema["properties"]["items"]["items"]["properties"]
    assert "dtype" not in schema["properties"]["params"]["properties"]
    assert "contexts" in schema["properties"]["params"]["properties"]


def test_the_openapi_document_is_complete(api):
    document = body(APIClient().get("/api/schema/"))
    assert "/api/v3/{model}/{action}/" in document["paths"]
    assert "/api/jobs/{job_id}/results/" in document["paths"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["responses"], (path, method)
    assert APIClient().get("/api/docs/").status_code == 200


def test_the_openapi_document_names_the_choice_of_numbers(api):
    from jobs.actions.dtypes import TYPES

    objects = body(APIClient().get("/api/schema/"))["components"]["schemas"]
    dtype = objects["EncodeParams"]["properties"]["dtype"]
    assert (dtype["enum"], dtype["default"]) == ([*TYPES, None], "float32"), "null is as good as no dtype"


def test_the_openapi_document_knows_what_is_taken_and_answered(api):
    document = body(APIClient().get("/api/schema/"))
    objects = document["components"]["schemas"]
    for name in ("ItemBodyRequest", "SyncItemRequest"):
        assert ("variant" in objects[name]["properties"]) == (name == "ItemBodyRequest")
        assert ("sequence" in objects[name].get("required", ())) == (name == "SyncItemRequest")
    assert "units" in objects["JobSummary"]["properties"]
    assert "reason" in objects["Counting"]["properties"]
    answers = {
        (operation["operationId"]): operation["responses"].keys()
        for operations in document["paths"].values()
        for operation in operations.values()
    }
    assert {"400", "409"} <= answers["jobs_artefact"]
    assert "200" not in answers["jobs_submit"]
    assert "409" not in answers["searches_delete"]


def test_the_openapi_document_has_no_warnings(tmp_path):
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_health(api, inline_worker):
    assert APIClient().get("/livez").status_code == 200
    assert body(APIClient().get("/readyz"))["ready"]
    assert b"e1_workers" in APIClient().get("/metrics").content


def test_health_without_a_worker_says_which(db):
    response = APIClient().get("/readyz")
    assert response.status_code == 503
    assert body(response)["checks"]["model e1-demo"] == {"ok": False, "detail": "no worker is alive"}


@pytest.mark.parametrize("field", ["model", "action", "name", "on_invalid"])
def test_a_text_in_a_list_as_r_sends_it_is_named(api, field):
    fields = {"model": "e1-demo", "action": "encode", "name": "n", "on_invalid": "reject"}
    data = {**fields, "items": [{"sequence": "MKT"}], field: [fields[field]]}
    response = post(api, "/api/jobs/", data)
    assert response.status_code == 400, response.content
    (problem,) = body(response)["errors"]
    assert (problem["code"], problem["path"]) == ("wrong_type", field)
    assert "auto_unbox" in problem["remedy"]
