"""Estimates: they match what a job stores afterwards, and they also work without workers."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Sum
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from e1protocol import MODELS
from e1protocol.costs import Costs, Load, context_load, pass_load
from jobs.actions import ACTIONS
from jobs.actions.columns import result_bytes
from jobs.fleet import workers
from jobs.fleet.pace import SLACK
from jobs.intake import estimates
from jobs.limits import RECORD_BYTES
from jobs.models import Chunk, Context, Item, Job, Output, Worker
from jobs.quotas import usage
from tests.helpers import post

pytestmark = pytest.mark.django_db

SEQUENCES = ["MKTAYIAKQR", "MKTAYIAKQRQISFVK", "ACDEFGHIKLMNPQRSTVWY"] * 4
FASTA = b"".join(b">p%d\n%s\n" % (n, sequence.encode()) for n, sequence in enumerate(SEQUENCES))
EVERYTHING = {"repr_layers": [-1, 2], "include": ["mean", "per_token", "logits"]}


def upload(api, path, **fields):
    data = {"file": SimpleUploadedFile("library.fasta", FASTA), "model": "e1-demo", **fields}
    return api.post(path, encode_multipart(BOUNDARY, data), content_type=MULTIPART_CONTENT)


def request(action, params, sequences=SEQUENCES, **more):
    items = [{"sequence": sequence} for sequence in sequences]
    return {"model": "e1-demo", "action": action, "params": params, "items": items, **more}


REQUESTS = [
    request("encode", EVERYTHING),
    request("encode", {"repr_layers": [1]}),
    request("encode", EVERYTHING | {"dtype": "float16"}),
    request("encode", EVERYTHING | {"dtype": "float16", "contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}),
    request("predict", {"rows": "masked", "dtype": "float16"}, ["MK?AYIAKQR", "M??A"]),
    request("predict", {"rows": "all"}, ["MK?AYIAKQR", "M??A"]),
    request("predict", {"rows": "masked"}, ["MK?AYIAKQR", "M??A"]),
    request("log_prob", {}),
    request("log_prob", {}, context_sequences=["MKTAYIA", "ACDEFGH"]),
]


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: f"{asked['action']}-{len(asked['params'])}")
def test_what_is_estimated_is_what_the_job_then_takes(api, person, inline_worker, asked):
    answer = post(api, "/api/estimate/", asked)
    assert answer.status_code == 200, answer.content
    estimate = answer.json()
    job = Job.objects.get(pk=post(api, "/api/jobs/", asked).json()["id"])
    chunks = Chunk.objects.filter(job=job)
    assert estimate["tokens"] == chunks.aggregate(n=Sum("n_tokens"))["n"] == usage.use_of(person.pk).queued_tokens
    contexts = Context.objects.aggregate(n=Sum("tokens"))["n"] or 0
    assert estimate["stored_bytes"] == job.stored_bytes + contexts == usage.use_of(person.pk).stored_bytes
    inline_worker()
    job.refresh_from_db()
    stored = sum(len(output.data) for output in Output.objects.filter(chunk__job=job))
    assert estimate["output_bytes"] == stored == usage.result_bytes_of(job.pk)
    texts = Item.objects.values_list("name", "header")
    assert job.text_bytes == sum(RECORD_BYTES + len(name) + len(header) for name, header in texts)
    assert job.stored_bytes == estimate["stored_bytes"] - contexts == stored + estimate["residues"] + job.text_bytes
    again = post(api, "/api/estimate/", asked).json()
    assert again["stored_bytes"] == job.stored_bytes, "the contexts are there already"
    assert usage.use_of(person.pk).queued_tokens == 0


PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
TWO = [["MKTAYIA"], ["ACDEFGH", "MKT"]]
CODES = [{"variant": f"{letter}{n}A"} for n, letter in enumerate(PARENT, start=1) if letter != "A"]
LONG = [
    ("score", {"parent": PARENT, "contexts": TWO}, CODES),
    ("score", {"parent": PARENT, "method": "wildtype_marginal"}, CODES),
    ("score", {"parent": PARENT, "method": "pseudo_log_likelihood", "contexts": TWO}, CODES[:3]),
    ("scan", {"contexts": TWO, "positions": [1, 2, 9]}, [{"sequence": one} for one in SEQUENCES]),
    ("scan", {"contexts": TWO}, [{"sequence": PARENT}, {"sequence": "MXKT"}]),
    ("contacts", {"contexts": TWO}, [{"sequence": "MKTAYIAKQR"}, {"sequence": "MKTAY"}]),
    ("encode", {"contexts": TWO}, [{"sequence": one} for one in SEQUENCES[:9]]),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG, ids=lambda case: "-".join([case[0], *case[1]]))
def test_units_chunks_and_tokens_are_those_that_intake_plans(api, case, inline_worker):
    asked = {"model": "e1-demo", "action": case[0], "params": case[1], "items": case[2]}
    estimate = post(api, "/api/estimate/", asked).json()
    body = post(api, "/api/jobs/", asked).json()
    assert estimate["units"] == body.get("units", {"total": 0})["total"]
    assert estimate["chunks"] == body["chunks"]["total"]
    chunks = Chunk.objects.filter(job=body["id"])
    assert estimate["tokens"] == chunks.aggregate(n=Sum("n_tokens"))["n"]
    inline_worker()
    assert Job.objects.get(pk=body["id"]).state == "succeeded"
    assert chunks.count() == estimate["chunks"]


def test_every_further_worker_encodes_the_contexts_once_more(api, inline_worker):
    asked = request("scan", {"contexts": [["MKTAYIAKQR" * 10]]}, [PARENT])
    one = post(api, "/api/estimate/", asked).json()
    workers.worker_starting(name="second", model="e1-demo")
    engine = Worker.objects.get(name="inline").engine_id
    workers.worker_ready(name="second", engine_id=engine, tokens_per_second=10_000.0)
    two = post(api, "/api/estimate/", asked).json()
    assert two["tokens"] == one["tokens"]
    assert two["seconds"] == pytest.approx((one["tokens"] + 104) / 20_000, rel=5e-3)


@pytest.mark.parametrize("action", ["encode", "predict"])
def test_float16_takes_half_of_the_results_and_of_the_quota(api, settings, action):
    sequences = ["MK?AYIAKQR", "M??A"] if action == "predict" else SEQUENCES
    full, half = (
        post(api, "/api/estimate/", request(action, {"dtype": dtype}, sequences)).json()
        for dtype in ("float32", "float16")
    )
    assert half["output_bytes"] * 2 == full["output_bytes"]
    assert half["stored_bytes"] - half["output_bytes"] == full["stored_bytes"] - full["output_bytes"]
    assert half["tokens"] == full["tokens"]
    settings.E1_QUOTA_STORED_BYTES = half["stored_bytes"]
    for dtype, accepted in (("float32", False), ("float16", True)):
        asked = request(action, {"dtype": dtype}, sequences)
        assert post(api, "/api/estimate/", asked).json()["accepted"] == accepted
        assert post(api, "/api/jobs/", asked).status_code == (202 if accepted else 413)


def test_an_estimate_stores_nothing_in_any_form_of_the_body(api, inline_worker):
    whole = upload(api, "/api/estimate/", action="encode")
    raw = api.post("/api/estimate/?model=e1-demo&action=encode", FASTA, content_type="text/x-fasta")
    assert whole.status_code == raw.status_code == 200
    assert whole.json() == raw.json()
    assert (whole.json()["items"], whole.json()["chunks"]) == (12, 2)
    assert not any(model.objects.exists() for model in (Job, Item, Chunk, Context))


def test_seconds_grow_with_what_tokens_attend_to_and_lie_within_the_range(api, inline_worker):
    costs = Costs(1e-4, 1e-7, 1e-3, 0.01, 0.5)
    Worker.objects.update(costs=costs.as_dict())
    homologs = ["MKTAYIAKQR" * 20] * 8
    found = []
    for contexts in ([], [homologs[:1]], [homologs]):
        found.append(post(api, "/api/estimate/", request("scan", {"contexts": contexts}, [PARENT])).json())
    for estimate, context in zip(found, (0, 204, 8 * 204), strict=True):
        own = len(PARENT) + 4
        load = context_load(context) + pass_load(own, context, len(PARENT)) + Load(8, chunks=estimate["chunks"])
        assert estimate["seconds"] == pytest.approx(costs.plain(load) + 2 * 0.5, rel=0.01)
        low, high = estimate["seconds_range"]
        assert low < estimate["seconds"] < high
    assert found[2]["seconds"] > found[1]["seconds"] > found[0]["seconds"]


def test_what_jobs_of_a_kind_took_moves_and_narrows_the_range_of_the_next_one(api, inline_worker):
    asked = request("encode", {})
    costs = Costs(1e-3, 0.0, 0.0, 0.0)
    Worker.objects.update(costs=costs.as_dict())
    before = post(api, "/api/estimate/", asked).json()
    for _ in range(50):
        costs = costs.learned({"encode": Load(1000)}, 3.0)
    Worker.objects.update(costs=costs.as_dict())
    after = post(api, "/api/estimate/", asked).json()
    assert after["seconds"] == pytest.approx(3 * before["seconds"], rel=0.05)
    width = [(one["seconds_range"][1] - SLACK) / one["seconds_range"][0] for one in (before, after)]
    assert width[1] < width[0]


def test_a_worker_learns_from_its_bundles(api, inline_worker):
    process = inline_worker.worker.process
    process.costs = Costs(1e-9)
    post(api, "/api/jobs/", request("scan", {"contexts": TWO}, [PARENT]))
    inline_worker()
    learned = Costs.from_dict(Worker.objects.get().costs)
    families = {"", " under contexts", " under contexts, together"}
    assert set(learned.kinds) == families | {"scan under contexts", "scan under contexts, together"}
    assert learned.factor("scan under contexts") > 1, "no machine computes a token in a nanosecond"


def test_the_page_has_the_formula_of_all_workers_together(api, inline_worker):
    Worker.objects.update(costs=Costs(1e-3, 1e-7, 1e-3, 0.01, 0.5).learned({"encode": Load(100)}, 0.3).as_dict())
    asked = request("encode", {})
    estimate = post(api, "/api/estimate/", asked).json()
    formula = api.get("/api/usage/").json()["models"]["e1-demo"]["formula"]
    attended = sum((len(one) + 4) ** 2 * 3 for one in SEQUENCES)
    parts = {"token": estimate["tokens"], "attended": attended, "one_pass": len(SEQUENCES), "chunk": estimate["chunks"]}
    work = sum(formula[name] * count for name, count in parts.items())
    kind = formula["kinds"]["encode"]
    assert formula["start"] + kind["factor"] * work == pytest.approx(estimate["seconds"], rel=0.01)
    assert estimate["seconds"] * kind["width"] + formula["slack"] == pytest.approx(
        estimate["seconds_range"][1], rel=0.01
    )
    Worker.objects.all().delete()
    assert api.get("/api/usage/").json()["models"]["e1-demo"]["formula"] is None


def test_seconds_come_from_the_measured_rate_and_are_null_with_a_reason_without_it(api, inline_worker):
    estimate = upload(api, "/api/estimate/", action="encode").json()
    assert estimate["seconds"] == pytest.approx(estimate["tokens"] / 10_000, rel=5e-3)
    assert (estimate["workers"], estimate["seconds_reason"]) == (1, None)
    Worker.objects.all().delete()
    estimate = upload(api, "/api/estimate/", action="encode").json()
    assert estimate["seconds"] is estimate["seconds_range"] is estimate["waiting"]["seconds"] is None
    assert estimate["seconds_reason"] == "no worker of this model is alive"


def test_bad_input_is_refused_as_a_submission_would_be(api):
    asked = request("log_prob", {}, ["MKT1", "MKTA"])
    refused, estimated = (post(api, path, asked).json() for path in ("/api/jobs/", "/api/estimate/"))
    assert (estimated["code"], estimated["errors"]) == (refused["code"], refused["errors"])
    skipping = post(api, "/api/estimate/", asked | {"on_invalid": "skip"}).json()
    assert (skipping["items"], skipping["skipped"]) == (1, 1)


def test_a_context_costs_its_tokens_once_for_each_chunk_that_names_it(api):
    own = [{"sequence": "MKTA", "context_sequences": ["ACDE"]} for _ in range(9)]
    asked = {"model": "e1-demo", "action": "log_prob", "items": own}
    assert post(api, "/api/estimate/", asked).json()["tokens"] == 9 * (4 + 4) + 2 * (4 + 4)


def test_no_more_than_so_many_contexts_are_told_apart(api, person, monkeypatch):
    monkeypatch.setattr(estimates._Contexts, "MOST", 3)
    held = []
    new_bytes = estimates._Contexts.new_bytes

    def noted(contexts, user_id):
        held.append((len(contexts._seen), len(contexts._tokens)))
        return new_bytes(contexts, user_id)

    monkeypatch.setattr(estimates._Contexts, "new_bytes", noted)

    def new(letters):
        items = [{"sequence": "MKTA", "context_sequences": ["AC" + letter]} for letter in letters]
        estimate = post(api, "/api/estimate/", {"model": "e1-demo", "action": "log_prob", "items": items}).json()
        names = len(letters) * (RECORD_BYTES + len("record_1"))
        return (estimate["stored_bytes"] - estimate["output_bytes"] - estimate["residues"] - names) // (3 + 4)

    assert [new("DDEEFF"), new("DEFGHDEF"), new("DEFGGG")] == [3, 5, 6]
    assert held == [(3, 3)] * 3
    items = [{"sequence": "MKTA", "context_sequences": ["ACD"]}]
    post(api, "/api/jobs/", {"model": "e1-demo", "action": "log_prob", "items": items})
    assert new("DDEEFF") == 2, "one is kept already"


def test_the_cost_of_every_action_is_known():
    for name, action in ACTIONS.items():
        if name in ("encode", "predict", "log_prob"):
            params = action.check_params({}, MODELS["e1-demo"])
            assert result_bytes(action.columns(params, MODELS["e1-demo"]), "MK?A"), name


def test_the_estimate_says_what_the_quota_leaves_and_whether_the_job_would_be_accepted(api, settings):
    assert upload(api, "/api/estimate/", action="log_prob").json()["accepted"]
    settings.E1_QUOTA_QUEUED_TOKENS = 100
    estimate = upload(api, "/api/estimate/", action="log_prob").json()
    assert estimate["quota"]["queued_tokens"] == {"limit": 100, "used": 0, "left": 100}
    assert estimate["quota"]["stored_bytes"]["limit"] == settings.E1_QUOTA_STORED_BYTES
    assert not estimate["accepted"]
    assert estimate["refusal"]["code"] == "too_large_for_quota"
