"""The actions score, scan and contacts in the service: units, items, failures, cancelling, retries, downloads."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.errors import Problem
from jobs.intake.requests import AT_HAND
from jobs.models import Chunk, Item, Job, JobContext, Output
from jobs.models.states import ChunkState, JobState
from jobs.queue import leases, losses
from jobs.queue.units import groups_release
from jobs.science.contacts.jacobian import average_product_corrected
from tests import helpers

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
CASES = json.loads((TINY / "cases.json").read_text())
SCORING = CASES["scoring"]
CONTEXTS = [SCORING["contexts"][name].split(",") for name in ("c0", "c1")]
PARENT = SCORING["parent"]
SHORT = "MKTAYIAKQR"

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tiny_engine():
    from worker.engine import Engine

    return Engine.load(TINY)


@pytest.fixture
def tiny_worker(inline_worker, tiny_engine, monkeypatch):
    """Run the inline worker with the golden checkpoint instead of e1-demo, so that numbers have their golden values."""
    from worker import tasks

    monkeypatch.setattr(tasks.current.process, "engine", tiny_engine)
    return inline_worker


@pytest.fixture
def submit(api):
    def send(**body) -> Job:
        answer = api.post("/api/jobs/", {"model": "e1-demo", **body}, format="json")
        assert answer.status_code == 202, answer.json()
        return Job.objects.get(pk=answer.json()["id"])

    return send


def rows_of(api, job, format="jsonl"):
    answer = api.get(f"/api/jobs/{job.pk}/results/?format={format}")
    assert answer.status_code == 200, answer.content
    data = b"".join(answer.streaming_content)
    return [json.loads(line) for line in data.splitlines()] if format == "jsonl" else data


def finished(job):
    job.refresh_from_db()
    return job.state


# --- score: golden numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["masked_marginal", "wildtype_marginal"])
@pytest.mark.parametrize("contexts", [None, CONTEXTS])
def test_scores_are_the_golden_ones(api, submit, tiny_worker, method, contexts):
    params = {"parent": PARENT, "method": method} | ({"contexts": contexts} if contexts else {})
    job = submit(action="score", params=params, items=[{"variant": v} for v in SCORING["variants"]])
    tiny_worker()
    assert finished(job) == JobState.SUCCEEDED
    rows = rows_of(api, job)
    key = f"{method}.{'two' if contexts else 'none'}"
    expected = {one["id"]: one["score"] for one in SCORING["scores"][f"{key}.mean"]}
    for row in rows:
        result = row["result"]
        assert result["variant"] == row["name"]
        assert result["score"] == pytest.approx(expected[result["variant"]], abs=1e-4)
        assert len(result["scores"]) == (2 if contexts else 1)
        if contexts:
            single = {one["context_id"]: one["score"] for one in SCORING["scores"][f"{key}.none"]
                      if one["id"] == result["variant"]}  # fmt: skip
            assert result["scores"] == pytest.approx([single["c0"], single["c1"]], abs=1e-4)
            assert result["spread"] == pytest.approx(np.std([single["c0"], single["c1"]]), abs=1e-4)


def test_only_mutated_positions_are_computed(api, submit, tiny_worker):
    job = submit(
        action="score",
        params={"parent": PARENT, "contexts": CONTEXTS},
        items=[{"variant": "K1A"}, {"variant": "K1C:V2A"}],
    )
    assert job.unit_positions == [0, 1]
    assert job.total_units == 4
    assert api.get(f"/api/jobs/{job.pk}/").json()["units"] == {"done": 0, "total": 4}
    tiny_worker()
    assert api.get(f"/api/jobs/{job.pk}/").json()["units"] == {"done": 4, "total": 4}
    # Later jobs may take what the units have computed.
    kinds = {"unit", "score", "spread", "scores"}
    assert set(Output.objects.filter(chunk__job=job).values_list("kind", flat=True)) == kinds


def test_the_parameters_describe_contexts_and_keep_no_letters(submit):
    job = submit(action="score", params={"parent": SHORT, "contexts": CONTEXTS}, items=[{"variant": "M1A"}])
    assert [one["sequences"] for one in job.params["contexts"]] == [2, 3]
    assert JobContext.objects.filter(job=job).count() == 2
    assert CONTEXTS[0][0] not in json.dumps(job.params)


def test_a_parent_without_mutations_scores_zero(api, submit, tiny_worker):
    job = submit(action="score", params={"parent": SHORT}, items=[{"variant": "WT"}, {"sequence": SHORT}])
    tiny_worker()
    assert finished(job) == JobState.SUCCEEDED
    assert [row["result"]["score"] for row in rows_of(api, job)] == [0.0, 0.0]


def test_parents_of_a_file_that_is_stored_while_it_is_read_begin_at_once(api, tiny_worker):
    file = "".join(f">wt{number} {'the parent ' * 90}\n{SHORT}\n" for number in range(80)).encode()
    assert len(file) > AT_HAND
    answer = helpers.submit(api, file, action="score", params=json.dumps({"parent": SHORT}))
    assert answer.status_code == 202, answer.content
    tiny_worker()
    assert finished(Job.objects.get(pk=answer.json()["id"])) == JobState.SUCCEEDED


def test_offset_and_full_sequences_name_the_same_variant(api, submit, tiny_worker):
    mutant = "A" + SHORT[1:]
    job = submit(
        action="score",
        params={"parent": SHORT, "offset": 23},
        items=[{"variant": "M24A"}, {"sequence": mutant}, {"variant": "m24a", "name": "mine"}],
    )
    tiny_worker()
    rows = rows_of(api, job)
    assert [row["result"]["variant"] for row in rows] == ["M24A"] * 3
    assert [row["name"] for row in rows] == ["M24A", "record_2", "mine"]
    assert len({row["result"]["score"] for row in rows}) == 1


def test_pseudo_log_likelihood_takes_insertions(api, submit, tiny_worker, tiny_engine):
    from e1protocol import CANONICAL, Query
    from jobs.science.logits import log_softmax

    longer = SHORT[:4] + "WW" + SHORT[4:]
    job = submit(
        action="score",
        params={"parent": SHORT, "method": "pseudo_log_likelihood"},
        items=[{"sequence": longer}, {"variant": "M1A"}],
    )
    tiny_worker()
    assert finished(job) == JobState.SUCCEEDED
    for row, sequence in zip(rows_of(api, job), (longer, "A" + SHORT[1:]), strict=True):
        total = 0.0
        for n, letter in enumerate(sequence):
            masked = sequence[:n] + "?" + sequence[n + 1 :]
            (one,) = tiny_engine.encode([Query(masked, (), (), frozenset({"logits"}), (n,))])
            total += log_softmax(one.logits)[0, CANONICAL.index(letter)]
        assert row["result"]["score"] == pytest.approx(total, abs=1e-4)


# --- scan ---------------------------------------------------------------------------------------------------------


def test_a_scan_is_the_score_of_all_singles(api, submit, tiny_worker):
    from jobs.science.variants.codes import single_variants

    scan = submit(action="scan", params={"contexts": CONTEXTS}, items=[{"sequence": SHORT}])
    codes = [variant.code() for variant in single_variants(SHORT)]
    score = submit(
        action="score", params={"parent": SHORT, "contexts": CONTEXTS}, items=[{"variant": code} for code in codes]
    )
    tiny_worker()
    (row,) = rows_of(api, scan)
    result = row["result"]
    assert result["positions"] == list(range(1, len(SHORT) + 1))
    column = {letter: n for n, letter in enumerate(result["vocab_tokens"])}
    for one in rows_of(api, score):
        code, got = one["result"]["variant"], one["result"]
        at = int(code[1:-1]) - 1
        assert result["scores"][at][column[code[-1]]] == pytest.approx(got["score"], abs=1e-6)
        assert result["spread"][at][column[code[-1]]] == pytest.approx(got["spread"], abs=1e-6)
        assert result["scores"][at][column[SHORT[at]]] == 0
    assert np.array(result["single"]).shape == (2, len(SHORT), 20)


def test_a_scan_of_chosen_positions(api, submit, tiny_worker):
    whole = submit(action="scan", params={}, items=[{"sequence": SHORT}])
    some = submit(action="scan", params={"positions": [7, 2]}, items=[{"sequence": SHORT}])
    assert some.total_units == 2
    tiny_worker()
    (all_rows,), (few,) = rows_of(api, whole), rows_of(api, some)
    assert few["result"]["positions"] == [2, 7]
    assert np.allclose(few["result"]["scores"], np.array(all_rows["result"]["scores"])[[1, 6]], atol=1e-5)


# --- contacts -----------------------------------------------------------------------------------------------------


def test_a_contact_map_is_the_brute_force_one(api, submit, tiny_worker, tiny_engine):
    from e1protocol import CANONICAL, Query

    job = submit(action="contacts", params={}, items=[{"sequence": SHORT}])
    assert job.total_units == len(SHORT)
    tiny_worker()
    (row,) = rows_of(api, job)
    length = len(SHORT)
    logits = frozenset({"logits"})
    (wild,) = tiny_engine.encode([Query(SHORT, (), (), logits)])
    jacobian = np.zeros((length, 20, length, 20))
    for i in range(length):
        mutants = [SHORT[:i] + letter + SHORT[i + 1 :] for letter in CANONICAL]
        for a, one in enumerate(tiny_engine.encode([Query(mutant, (), (), logits) for mutant in mutants])):
            jacobian[i, a] = one.logits.astype(np.float64) - wild.logits
    both = jacobian + jacobian.transpose(2, 3, 0, 1)
    for axis in range(4):
        both -= both.mean(axis=axis, keepdims=True)
    norms = np.sqrt(np.square(both).sum(axis=(1, 3)))
    np.fill_diagonal(norms, 0)
    expected = average_product_corrected(norms)
    assert np.allclose(row["result"]["contacts"], expected, atol=1e-4 * max(1, np.abs(expected).max()))
    assert not Output.objects.filter(chunk__job=job, kind="unit").exists()


def test_contacts_under_several_contexts(api, submit, tiny_worker):
    job = submit(action="contacts", params={"contexts": CONTEXTS}, items=[{"sequence": SHORT[:5]}])
    tiny_worker()
    (row,) = rows_of(api, job)
    single = np.array(row["result"]["single"])
    assert single.shape == (2, 5, 5)
    assert np.allclose(row["result"]["contacts"], single.mean(axis=0), atol=1e-6)
    assert np.allclose(row["result"]["spread"], single.std(axis=0), atol=1e-6)


def test_long_sequences_are_refused_with_the_limit(api, settings):
    settings.E1_MAX_CONTACT_RESIDUES = 8
    body = {"model": "e1-demo", "action": "contacts", "items": [{"sequence": SHORT}, {"sequence": "M"}]}
    answer = api.post("/api/jobs/", body, format="json")
    assert answer.status_code == 400
    assert [one["code"] for one in answer.json()["errors"]] == ["sequence_too_long", "too_short"]
    assert not Job.objects.exists()


# --- several contexts for the other actions -----------------------------------------------------------------------


@pytest.mark.parametrize("include", [["mean"], ["mean", "per_token", "logits"]])
def test_embeddings_under_several_contexts(api, submit, tiny_worker, include):
    params = {"include": include, "repr_layers": [2]}
    ensemble = submit(action="encode", params={**params, "contexts": CONTEXTS}, items=[{"sequence": SHORT}])
    singles = [
        submit(action="encode", params=params, items=[{"sequence": SHORT, "context_sequences": context}])
        for context in CONTEXTS
    ]
    tiny_worker()
    (row,) = rows_of(api, ensemble)
    apart = [rows_of(api, one)[0]["result"] for one in singles]
    mean = np.array([one["embeddings"][0]["embedding"] for one in apart])
    result = row["result"]
    assert np.allclose(result["embeddings"][0]["embedding"], mean.mean(axis=0), atol=1e-5)
    assert np.allclose(result["contexts"]["spread"]["embeddings"][0]["embedding"], mean.std(axis=0), atol=1e-5)
    for one, alone in zip(result["contexts"]["single"], apart, strict=True):
        assert np.allclose(one["embeddings"][0]["embedding"], alone["embeddings"][0]["embedding"], atol=1e-5)
    arrays = np.load(io.BytesIO(rows_of(api, ensemble, "npz")))
    assert arrays["mean_layer_2"].shape == arrays["mean_layer_2_spread"].shape
    assert arrays["mean_layer_2_single"].shape[1] == 2 * arrays["mean_layer_2"].shape[1]


def test_predictions_average_log_probabilities(api, submit, tiny_worker):
    from jobs.science.logits import log_softmax

    masked = SHORT[:3] + "?" + SHORT[4:]
    ensemble = submit(action="predict", params={"contexts": CONTEXTS}, items=[{"sequence": masked}])
    singles = [
        submit(action="predict", params={}, items=[{"sequence": masked, "context_sequences": context}])
        for context in CONTEXTS
    ]
    tiny_worker()
    apart = np.array([log_softmax(np.array(rows_of(api, one)[0]["result"]["logits"])) for one in singles])
    (row,) = rows_of(api, ensemble)
    assert np.allclose(row["result"]["logits"], apart.mean(axis=0), atol=1e-5)
    assert row["result"]["contexts"]["count"] == 2


def test_own_contexts_and_job_contexts_exclude_each_other(api):
    body = {
        "model": "e1-demo",
        "action": "encode",
        "params": {"contexts": CONTEXTS},
        "items": [{"sequence": SHORT, "context_sequences": ["MKV"]}],
    }
    answer = api.post("/api/jobs/", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "context_not_allowed"


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "item", "code"),
    [
        ({"parent": SHORT}, {"variant": "A1C"}, "wrong_wild_type"),
        ({"parent": SHORT}, {"variant": "M11C"}, "position_outside"),
        ({"parent": SHORT}, {"variant": "M1"}, "bad_variant"),
        ({"parent": SHORT}, {"variant": "M1X"}, "bad_letter"),
        ({"parent": SHORT}, {"variant": "M1del"}, "indel"),
        ({"parent": SHORT}, {"sequence": SHORT + "A"}, "indel"),
        ({"parent": SHORT}, {"variant": "M1A", "sequence": SHORT}, "unknown_field"),
        ({"parent": SHORT}, {"variant": ""}, "empty_sequence"),
        ({"parent": SHORT}, {"variant": 7}, "wrong_type"),
        ({"parent": SHORT, "method": "pseudo_log_likelihood"}, {"sequence": "MKX"}, "bad_letter"),
    ],
)
def test_bad_variants(api, params, item, code):
    answer = api.post(
        "/api/jobs/", {"model": "e1-demo", "action": "score", "params": params, "items": [item]}, format="json"
    )
    assert answer.status_code == 400, answer.json()
    assert code in [one["code"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("score", {}, "missing_parent"),
        ("score", {"parent": "MK7"}, "bad_letter"),
        ("score", {"parent": SHORT, "method": "best"}, "bad_method"),
        ("score", {"parent": SHORT, "offset": "one"}, "bad_offset"),
        ("score", {"parent": SHORT, "contexts": [["MK*T"]]}, "bad_letter"),
        ("score", {"parent": SHORT, "contexts": ["MKT"]}, "wrong_type"),
        ("score", {"parent": SHORT, "contexts": [{"set": "nobody"}]}, "unknown_context_set"),
        ("scan", {"positions": [0]}, "bad_positions"),
        ("scan", {"positions": [11]}, "position_outside"),
        ("scan", {"method": "pseudo_log_likelihood"}, "bad_method"),
        ("contacts", {"method": "x"}, "unknown_parameter"),
    ],
)
def test_bad_parameters(api, action, params, code):
    item = {"variant": "M1A"} if action == "score" else {"sequence": SHORT}
    answer = api.post(
        "/api/jobs/", {"model": "e1-demo", "action": action, "params": params, "items": [item]}, format="json"
    )
    assert answer.status_code == 400, answer.json()
    assert code in [one["code"] for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ([3, 0], "Positions count from 1, and 0 is among them"),
        (48, "Positions are a list, and this is '48'"),
        ([], "The list of positions is empty"),
        ([2, "4-6"], "'4-6' among the positions is not the number of a residue"),
    ],
)
def test_what_is_wrong_with_positions_is_said(api, positions, words):
    body = {"model": "e1-demo", "action": "scan", "params": {"positions": positions}, "items": [{"sequence": SHORT}]}
    answer = api.post("/api/jobs/", body, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (400, words)


@pytest.mark.parametrize("on_invalid", ["reject", "skip"])
def test_a_position_outside_a_sequence_of_a_file_is_a_fault_of_its_record(api, on_invalid):
    """FASTA is read by its own code path, which once let this input through to a server error."""
    file = SimpleUploadedFile("two.fasta", f">short\n{SHORT}\n>long\n{SHORT}AC\n".encode())
    fields = {"model": "e1-demo", "action": "scan", "params": json.dumps({"positions": [2, 11]})}
    answer = api.post("/api/jobs/", fields | {"file": file, "on_invalid": on_invalid}, format="multipart")
    if on_invalid == "reject":
        assert answer.status_code == 400
        (fault,) = answer.json()["errors"]
        assert (fault["code"], fault["record"], fault["line"]) == ("position_outside", "short", 1)
        assert "position 11 lies outside the sequence, which has 10 residues" in fault["message"]
        assert Job.objects.count() == 0
    else:
        assert answer.status_code == 202, answer.json()
        counts = answer.json()["counts"]
        assert (counts["skipped"], counts["pending"]) == (1, 1)
        codes = Item.objects.order_by("index").values_list("name", "error_code")
        assert list(codes) == [("short", "position_outside"), ("long", None)]


def test_an_offset_that_is_wrong_by_one_is_suggested(api):
    items = [{"variant": code} for code in ("M2A", "K3A", "T4A", "A5C")]
    body = {"model": "e1-demo", "action": "score", "params": {"parent": SHORT}, "items": items}
    errors = api.post("/api/jobs/", body, format="json").json()["errors"]
    assert errors[0]["code"] == "wrong_offset"
    assert "offset to 1" in errors[0]["remedy"]


def test_variants_come_from_a_table_too(api, tiny_worker):
    table = b"mutant,DMS_score\nM1A,0.5\nK2R:T3S,0.1\n"
    params = json.dumps({"parent": SHORT})
    answer = api.post(
        f"/api/jobs/?model=e1-demo&action=score&params={params}&filename=v.csv", table, content_type="text/csv"
    )
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get()
    tiny_worker()
    assert [row["name"] for row in rows_of(api, job)] == ["M1A", "K2R:T3S"]
    head, *lines = rows_of(api, job, "csv").decode().splitlines()
    assert head == "index,name,state,error,variant,positions,numbers,score,spread,scores_0"
    assert len(lines) == 2


def test_long_actions_are_jobs_only(api):
    answer = api.post("/api/v3/e1-demo/scan/", {"items": [{"sequence": SHORT}]}, format="json")
    assert answer.status_code == 404
    assert answer.json()["code"] == "only_as_job"


def test_too_many_units_leave_no_job(api, monkeypatch):
    monkeypatch.setattr("jobs.intake.cutting.MAX_UNITS", 5)
    body = {"model": "e1-demo", "action": "scan", "items": [{"sequence": SHORT}]}
    answer = api.post("/api/jobs/", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"] == "too_many_units"
    assert not Job.objects.exists()


# --- units that fail, cancel, retry -------------------------------------------------------------------------------


def claim_next(job):
    ids = (
        Chunk.objects.filter(job=job, state=ChunkState.READY, blocked=False).order_by("id").values_list("id", flat=True)
    )
    return leases.chunks_claim(chunk_ids=list(ids[:1]), worker="w")


def test_items_wait_for_their_units(submit, tiny_worker):
    job = submit(action="scan", params={}, items=[{"sequence": SHORT}])
    blocked = Chunk.objects.get(job=job, unit_count=0)
    assert blocked.blocked
    assert leases.chunks_claim(chunk_ids=[blocked.pk], worker="w") == []
    tiny_worker()
    blocked.refresh_from_db()
    assert not blocked.blocked
    assert blocked.state == ChunkState.DONE


def test_a_unit_that_cannot_be_computed_fails_its_items_alone_and_is_retried(api, submit, tiny_worker, engine_id_of):
    job = submit(
        action="score",
        params={"parent": SHORT},
        items=[{"variant": "M1A"}, {"variant": "K2A"}, {"variant": "M1C:K2C"}],
    )
    (claimed,) = claim_next(job)
    from worker import tasks
    from worker.items import compute
    from worker.parts import result_of, work_of

    computed = compute(work_of(claimed), tasks.current.process.engine.encode)
    broken = [computed[0], type(computed[0])(error=Problem("out_of_memory", "did not fit"))]
    result = result_of(claimed, broken)
    assert leases.chunk_complete(
        chunk_id=claimed.id, token=claimed.token, outputs=result.outputs, failures={}, succeeded=result.succeeded,
        engine_id=engine_id_of(), unit_errors=result.unit_errors,
    )  # fmt: skip
    assert groups_release(job_id=job.pk) == 1
    tiny_worker()
    assert finished(job) == JobState.PARTIAL
    states = [row["state"] for row in rows_of(api, job)]
    assert states == ["succeeded", "failed", "failed"]
    assert rows_of(api, job)[1]["error"]["code"] == "out_of_memory"
    kept = rows_of(api, job)[0]
    assert api.post(f"/api/jobs/{job.pk}/retry/").status_code == 202
    tiny_worker()
    assert finished(job) == JobState.SUCCEEDED
    assert rows_of(api, job)[0] == kept


def test_lost_units_split_and_only_their_items_fail(submit, tiny_worker, api):
    from jobs.errors import Problem

    job = submit(action="score", params={"parent": SHORT}, items=[{"variant": v} for v in ("M1A", "K2A", "T3A")])
    lost = Problem("worker_lost", "gone")
    for _ in range(2):  # the bundle was this chunk alone: it splits into its units
        (claimed, *_) = claim_next(job) or [None]
        if claimed is None or len(claimed.units) == 1:
            break
        leases.chunks_begin(token=claimed.token)
        losses.lease_lost(token=claimed.token, reason=lost)
        Chunk.objects.filter(job=job).update(not_before="2020-01-01T00:00Z")
    units = Chunk.objects.filter(job=job, unit_count__gt=0)
    assert sorted(units.values_list("unit_first", "unit_count")) == [(0, 1), (1, 1), (2, 1)]
    victim = units.get(unit_first=1)
    Chunk.objects.filter(job=job, state=ChunkState.LEASED).update(state="ready", lease_token=None, lease_end=None)
    for _ in range(losses.MAX_LOSSES):
        (claimed,) = leases.chunks_claim(chunk_ids=[victim.pk], worker="w")
        leases.chunks_begin(token=claimed.token)
        losses.lease_lost(token=claimed.token, reason=lost)
        Chunk.objects.filter(job=job).update(not_before="2020-01-01T00:00Z")
    tiny_worker()
    assert finished(job) == JobState.PARTIAL
    assert [row["state"] for row in rows_of(api, job)] == ["succeeded", "failed", "succeeded"]


def test_cancel_and_pause_inside_one_long_item(api, submit, tiny_worker):
    job = submit(action="scan", params={}, items=[{"sequence": PARENT[:40]}])
    from worker import tasks

    first = Chunk.objects.filter(job=job, blocked=False).order_by("id").first()
    tasks.run_bundles([[first.pk]])
    assert api.get(f"/api/jobs/{job.pk}/").json()["units"]["done"] == 8
    assert api.post(f"/api/jobs/{job.pk}/pause/").status_code == 200
    assert tiny_worker() == 0
    assert api.post(f"/api/jobs/{job.pk}/resume/").status_code == 200
    tiny_worker()
    assert finished(job) == JobState.SUCCEEDED
    other = submit(action="scan", params={}, items=[{"sequence": PARENT[:40]}])
    assert api.post(f"/api/jobs/{other.pk}/cancel/").status_code == 200
    assert finished(other) == JobState.CANCELLED
    counts = api.get(f"/api/jobs/{other.pk}/").json()["counts"]
    assert counts["cancelled"] == counts["total"] == 1


def test_deleting_a_long_job_leaves_nothing(api, submit, tiny_worker):
    job = submit(action="score", params={"parent": SHORT, "contexts": CONTEXTS}, items=[{"variant": "M1A"}])
    tiny_worker()
    assert api.delete(f"/api/jobs/{job.pk}/").status_code == 204
    assert not Item.objects.exists()
    assert not Chunk.objects.exists()
    assert not JobContext.objects.exists()


@pytest.fixture
def engine_id_of(tiny_worker):
    from worker import tasks

    return lambda: tasks.current.process.engine_id


@pytest.mark.parametrize("action", ["encode", "score"])
def test_jobs_under_several_contexts_and_long_ones_are_not_extended(api, submit, action):
    params = {"contexts": CONTEXTS} | ({"parent": SHORT} if action == "score" else {})
    items = [{"variant": "M1A"}] if action == "score" else [{"sequence": SHORT}]
    job = submit(action=action, params=params, items=items)
    answer = api.post(f"/api/jobs/{job.pk}/extend/", {"items": items}, format="json")
    assert answer.status_code == 409
    assert answer.json()["code"] == "cannot_be_extended"


@pytest.mark.parametrize(
    ("action", "params", "item", "units", "results", "passes"),
    [
        ("scan", {}, {"sequence": SHORT}, 10, 8 * 10 * 41, 80 * 10),
        ("score", {"parent": SHORT}, {"variant": "M1A:K2R"}, 2, 24, 80 * 2),
        ("contacts", {}, {"sequence": SHORT}, 10, 400, 0),
    ],
)
def test_what_it_would_cost(api, tiny_worker, submit, action, params, item, units, results, passes):
    body = {"model": "e1-demo", "action": action, "params": params, "items": [item]}
    estimate = api.post("/api/estimate/", body, format="json").json()
    assert estimate["units"] == units
    assert estimate["output_bytes"] == results
    job = submit(action=action, params=params, items=[item])
    open_tokens = sum(Chunk.objects.filter(job=job).values_list("n_tokens", flat=True))
    assert estimate["tokens"] == open_tokens
    tiny_worker()
    kept = Output.objects.filter(chunk__job=job)
    assert sum(len(bytes(one.data)) for one in kept if one.kind != "unit") == results
    assert sum(len(bytes(one.data)) for one in kept if one.kind == "unit") == passes
    job.refresh_from_db()
    assert estimate["stored_bytes"] == job.stored_bytes == job.library_bytes + results + passes
