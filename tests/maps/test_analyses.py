"""Neighbours, clusters and maps of a job: requested, built, watched, cancelled, and correct."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs.background import blocks, leases
from jobs.errors import TooLarge
from jobs.maps import building as analysing
from jobs.maps import reading, vectors
from jobs.models import Artefact, ArtefactBlock, Chunk
from jobs.queue.lifecycle import job_delete, job_retry
from jobs.tasks import building
from tests.helpers import ask_analysis, body, client_of
from tests.libraries import grouped, library, state
from tests.maps.analysis_checks import built, cosines

pytestmark = pytest.mark.django_db
analysed_here = pytest.mark.usefixtures("analysed_here")


@pytest.fixture(autouse=True)
def published(monkeypatch) -> list[int]:
    """Return the ids that a service worker would receive."""
    sent: list[int] = []
    monkeypatch.setattr(leases.current_app, "send_task", lambda name, args, **_: sent.extend(map(int, args[1:])))
    return sent


@pytest.fixture
def lib(db):
    """Return sixty items: item 5 was skipped, items 9 and 30 failed."""
    lib = grouped(60, skipped={5})
    lib.finish(failing={9, 30})
    state(lib, "partial")
    return lib


@pytest.fixture
def owner(lib) -> APIClient:
    return client_of(lib.job.owner)


@analysed_here
def test_neighbours_keep_the_indices_of_items_and_are_those_of_brute_force(lib, owner):
    shown, found, arrays = built(owner, lib, "neighbours", k=4)
    indices, vectors = lib.vectors()
    assert {5, 9, 30}.isdisjoint(indices)
    assert found["index"] == arrays["index"].tolist() == indices
    assert found["name"][:6] == ["protein0", "protein1", "protein2", "protein3", "protein4", "protein6"]
    assert arrays["name"].tolist() == found["name"]
    assert found["residues"] == [len(lib.views[index].sequence) for index in indices]
    expected = cosines(vectors, vectors)
    np.fill_diagonal(expected, -np.inf)
    best = np.sort(expected, axis=1)[:, ::-1][:, :4]
    assert np.abs(arrays["similarity"] - best).max() < 1e-6
    for at, row in enumerate(found["neighbours"]):
        assert [expected[at, indices.index(one)] for one in row] == pytest.approx(best[at].tolist(), abs=1e-6)
    assert shown["facts"] == {"items": 57}
    assert shown["behind"] is False
    assert found["job"] == str(lib.job.pk)
    assert found["params"] == {"k": 4, "layer": 6, "against": None, "queries": None}


@analysed_here
def test_chosen_items_against_another_job(lib, owner):
    other = grouped(24, seed=5)
    other.finish(failing={3})
    shown, found, arrays = built(owner, lib, "neighbours", k=2, against=str(other.job.pk), queries=[8, 1, 8])
    assert found["index"] == [1, 8]
    others, library_vectors = other.vectors()
    indices, vectors = lib.vectors()
    expected = cosines(vectors[[indices.index(1), indices.index(8)]], library_vectors)
    assert found["neighbours"] == [[others[n] for n in np.argsort(-row)[:2]] for row in expected]
    assert found["library_index"] == others
    assert arrays["library_name"].tolist() == [f"protein{n}" for n in others]
    # Other results of the other job make another analysis.
    assert (
        body(ask_analysis(owner, lib, "neighbours", k=2, against=str(other.job.pk), queries=[1, 8]))["id"]
        == shown["id"]
    )
    state(other, "partial")
    job_retry(job_id=other.job.pk)
    other.finish()
    assert body(owner.get(shown["url"]))["behind"] is True
    assert (
        body(ask_analysis(owner, lib, "neighbours", k=2, against=str(other.job.pk), queries=[1, 8]))["id"]
        != shown["id"]
    )


@pytest.mark.slow
def test_clusters_and_maps_find_the_planted_groups(lib, owner):
    truth = np.array([index % 4 for index in lib.vectors()[0]])
    for kind, params in (("clusters", {"neighbours": 8}), ("map", {"method": "pca", "neighbours": 8})):
        shown, found, arrays = built(owner, lib, kind, **params)
        assert (shown["facts"]["clusters"], shown["facts"]["items"]) == (4, 57)
        assert [sorted({truth[arrays["cluster"] == c].tolist()[0]}) for c in range(4)] != []
        for cluster in range(4):
            assert len(np.unique(truth[arrays["cluster"] == cluster])) == 1
        assert sum(shown["facts"]["cluster_sizes"]) == len(found["cluster"]) == 57
    _, vectors = lib.vectors()
    centred = vectors - vectors.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    for name, axis in (("x", 0), ("y", 1)):
        expected = left[:, axis] * singular[axis]
        sign = np.sign((expected * arrays[name]).sum())
        assert np.abs(sign * arrays[name] - expected).max() < 1e-4 * np.abs(expected).max()
        assert found[name] == pytest.approx(arrays[name].tolist(), rel=1e-6)
    assert shown["facts"]["explained_variance"] == pytest.approx(
        (singular**2 / (singular**2).sum())[:2].tolist(), abs=1e-4
    )


@pytest.mark.full
def test_umap_of_the_same_seed_is_the_same_file(lib, owner):
    shown, found, _ = built(owner, lib, "map", seed=3, neighbours=8)
    first = next(f["sha256"] for f in shown["files"] if f["format"] == "npz")
    assert owner.delete(shown["url"]).status_code == 204
    assert not ArtefactBlock.objects.exists()
    again, _, _ = built(owner, lib, "map", seed=3, neighbours=8)
    assert next(f["sha256"] for f in again["files"] if f["format"] == "npz") == first
    place = np.column_stack([found["x"], found["y"]])
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    truth = np.array(found["index"]) % 4
    assert (truth[distance.argmin(axis=1)] == truth).mean() > 0.9


@analysed_here
def test_the_same_request_is_the_same_analysis_and_another_one_is_not(lib, owner, published):
    first = body(ask_analysis(owner, lib, "map", method="pca"))
    assert body(ask_analysis(owner, lib, "map", method="pca", layer=-1, seed=0))["id"] == first["id"]
    other = body(ask_analysis(owner, lib, "map", method="pca", seed=1))
    assert other["id"] != first["id"]
    assert published == [first["id"], other["id"]]
    listed = body(owner.get(f"/api/jobs/{lib.job.pk}/analyses/"))["results"]
    assert [one["id"] for one in listed] == [other["id"], first["id"]]
    assert owner.get(f"/api/jobs/{lib.job.pk}/artefacts/{first['id']}/").status_code == 202
    assert building.artefact_build(artefact_id=first["id"])
    assert ask_analysis(owner, lib, "map", method="pca").status_code == 200
    refused = owner.get(f"/api/jobs/{lib.job.pk}/artefacts/{first['id']}/?format=csv")
    assert (refused.status_code, body(refused)["code"]) == (400, "unknown_format")


@analysed_here
def test_a_running_job_gives_what_is_finished_and_grows_out_of_it(owner, lib):
    part = grouped(40)
    part.finish(list(Chunk.objects.filter(job=part.job).order_by("id"))[:2])
    state(part, "running")
    shown, found, _ = built(owner, part, "map", method="pca")
    assert found["index"] == list(range(16))
    part.finish()
    state(part, "succeeded")
    assert body(owner.get(shown["url"]))["behind"] is True
    _, found, _ = built(owner, part, "map", method="pca")
    assert found["index"] == list(range(40))


def test_progress_is_told_and_a_cancel_stops_the_computation(lib, owner, monkeypatch):
    analysis = body(ask_analysis(owner, lib, "map"))
    seen: list[tuple[float, str]] = []
    renew = leases.work_renew
    started: list[object] = []

    def watch(work, **given):
        held = renew(work, **given)
        seen.append((given.get("progress"), given.get("stage")))
        if held and given.get("stage") == "starting":
            shown = body(owner.get(analysis["url"]))
            assert (shown["state"], shown["stage"], shown["fraction"]) == ("building", "starting", 0.1)
            assert body(owner.post(f"{analysis['url']}cancel/"))["state"] == "cancelled"
        return held

    popen = analysing.subprocess.Popen
    monkeypatch.setattr(building, "work_renew", watch)
    monkeypatch.setattr(analysing, "RENEW_SECONDS", 0.05)  # the cancel is noticed long before the child is done
    monkeypatch.setattr(analysing.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
    assert not building.artefact_build(artefact_id=analysis["id"])
    assert seen[0] == (0.1, "reading embeddings")
    assert started[0].returncode != 0, "the child was not stopped"
    shown = body(owner.get(analysis["url"]))
    assert (shown["state"], shown["files"]) == ("cancelled", [])
    refused = owner.post(f"{analysis['url']}cancel/")
    assert (refused.status_code, body(refused)["code"]) == (409, "not_building")
    assert owner.get(f"/api/jobs/{lib.job.pk}/artefacts/{analysis['id']}/").status_code == 409
    # A new request builds it after all.
    again = body(ask_analysis(owner, lib, "map"))
    assert (again["id"], again["state"], again["fraction"]) == (analysis["id"], "waiting", 0)


def test_a_computation_that_fails_says_why_and_is_tried_again_when_asked(lib, owner, monkeypatch):
    analysis = body(ask_analysis(owner, lib, "clusters"))
    monkeypatch.setattr(analysing, "residues_of", lambda *_: 1 / 0)
    monkeypatch.setattr(
        analysing.subprocess,
        "Popen",
        lambda command, **more: _POPEN(["sh", "-c", "echo 0.5 working; echo MemoryError: no >&2; exit 1"], **more),
    )
    assert not building.artefact_build(artefact_id=analysis["id"])
    shown = body(owner.get(analysis["url"]))
    assert (shown["state"], shown["reason"]) == ("failed", "the computation failed: MemoryError: no")
    assert body(ask_analysis(owner, lib, "clusters"))["state"] == "waiting"
    monkeypatch.setattr(
        analysing.subprocess, "Popen", lambda command, **more: _POPEN(["sh", "-c", "kill -9 $$"], **more)
    )
    assert not building.artefact_build(artefact_id=analysis["id"])
    assert "want of memory" in body(owner.get(analysis["url"]))["reason"]


_POPEN = analysing.subprocess.Popen


def test_a_worker_without_the_libraries_says_what_to_install(lib, owner, monkeypatch):
    monkeypatch.setitem(analysing.NEEDED, "a_module_that_nobody_has", "umap-learn")
    analysis = body(ask_analysis(owner, lib, "map"))
    assert not building.artefact_build(artefact_id=analysis["id"])
    reason = body(owner.get(analysis["url"]))["reason"]
    assert "no umap-learn" in reason
    assert "pip install '.[service]' in a checkout" in reason


REFUSALS = [
    ({"kind": "tree"}, "unknown_kind", "kind"),
    ({}, "unknown_kind", "kind"),
    ({"kind": "map", "params": []}, "bad_params", "params"),
    ({"kind": "map", "params": {"method": "tsne"}}, "bad_choice", "params.method"),
    ({"kind": "map", "params": {"colour": 1}}, "unknown_parameter", "params.colour"),
    ({"kind": "map", "params": {"layer": 3}}, "layer_not_stored", "params.layer"),
    ({"kind": "map", "params": {"layer": "last"}}, "layer_not_stored", "params.layer"),
    ({"kind": "map", "params": {"seed": -1}}, "bad_number", "params.seed"),
    ({"kind": "map", "params": {"seed": True}}, "bad_number", "params.seed"),
    ({"kind": "map", "params": {"min_dist": 2}}, "bad_number", "params.min_dist"),
    ({"kind": "map", "params": {"clusters": "yes"}}, "bad_choice", "params.clusters"),
    ({"kind": "neighbours", "params": {"k": 0}}, "bad_number", "params.k"),
    ({"kind": "neighbours", "params": {"against": "x"}}, "bad_job_id", "params.against"),
    ({"kind": "neighbours", "params": {"queries": []}}, "bad_queries", "params.queries"),
    ({"kind": "neighbours", "params": {"queries": [-1]}}, "bad_queries", "params.queries"),
    ({"kind": "neighbours", "params": {"queries": list(range(10_001))}}, "too_many_queries", "params.queries"),
    ({"kind": "map", "colour": 1}, "unknown_field", "colour"),
]


@pytest.mark.parametrize(("sent", "code", "path"), REFUSALS)
def test_what_is_wrong_is_said_with_place_and_remedy(lib, owner, sent, code, path):
    refused = owner.post(f"/api/jobs/{lib.job.pk}/analyses/", sent, format="json")
    assert refused.status_code == 400
    (problem,) = body(refused)["errors"]
    assert (problem["code"], problem["path"]) == (code, path)
    assert problem["remedy"]
    assert not Artefact.objects.exists()


def test_jobs_that_cannot_be_analysed_are_refused_with_the_remedy(lib, owner):
    scored = library("log_prob", items=8)
    no_mean = library("encode", {"include": ["per_token"]}, items=8)
    for other, code in ((scored, "not_an_encode_job"), (no_mean, "no_mean_embeddings")):
        refused = body(ask_analysis(owner, other, "map"))
        assert refused["code"] == code
        assert "encode" in refused["errors"][0]["remedy"]
        against = body(ask_analysis(owner, lib, "neighbours", against=str(other.job.pk)))
        assert against["errors"][0]["code"] == code
        assert against["errors"][0]["path"] == "params.against"
        query = owner.post(f"/api/jobs/{other.job.pk}/neighbours/", {"index": 0}, format="json")
        assert body(query)["code"] == code
    empty = grouped(10)
    assert body(ask_analysis(owner, empty, "map"))["code"] == "too_few_items"


def test_other_models_layers_and_people_do_not_compare(lib, owner, stranger):
    other = grouped(10, params={"repr_layers": [2]})
    assert body(ask_analysis(owner, lib, "neighbours", against=str(other.job.pk)))["code"] == "layer_not_stored"
    type(other.job).objects.filter(pk=other.job.pk).update(model="e1-150m")
    assert body(ask_analysis(owner, lib, "neighbours", against=str(other.job.pk)))["code"] == "other_model"
    theirs = grouped(10, owner=stranger)
    for unknown in (str(theirs.job.pk), str(uuid4())):
        assert body(ask_analysis(owner, lib, "neighbours", against=unknown))["code"] == "no_such_job"


@analysed_here
def test_nobody_sees_another_users_analyses(lib, owner, stranger):
    analysis = body(ask_analysis(owner, lib, "map", method="pca"))
    building.artefact_build(artefact_id=analysis["id"])
    file = body(owner.get(analysis["url"]))["files"][0]["url"]
    theirs = client_of(stranger)
    assert ask_analysis(theirs, lib, "map").status_code == 404
    query = theirs.post(f"/api/jobs/{lib.job.pk}/neighbours/", {"index": 0}, format="json")
    assert query.status_code == 404
    for path in (analysis["url"], file, f"/api/jobs/{lib.job.pk}/analyses/"):
        assert theirs.get(path).status_code == 404
    assert theirs.delete(analysis["url"]).status_code == 404
    assert theirs.post(f"{analysis['url']}cancel/").status_code == 404
    # Nor through a job of their own.
    mine = grouped(10, owner=stranger)
    assert theirs.get(f"/api/jobs/{mine.job.pk}/analyses/{analysis['id']}/").status_code == 404
    assert APIClient().get(analysis["url"]).status_code == 401


@pytest.mark.parametrize(
    ("setting", "kind", "params", "word"),
    [
        ("E1_MAP_ITEMS", "map", {"method": "umap"}, "UMAP takes at most 20"),
        ("E1_CLUSTER_ITEMS", "clusters", {"method": "louvain"}, "louvain takes at most 20"),
        ("E1_NEIGHBOUR_ITEMS", "neighbours", {}, "this service compares at most 400"),
    ],
)
def test_libraries_beyond_a_limit_are_told_what_to_do(lib, owner, settings, setting, kind, params, word):
    setattr(settings, setting, 20)
    refused = body(ask_analysis(owner, lib, kind, **params))
    assert (refused["code"], word in refused["detail"]) == ("too_many_items", True)
    assert refused["errors"][0]["remedy"]


def test_items_without_an_embedding_cannot_be_asked_for(lib, owner):
    analysis = body(ask_analysis(owner, lib, "neighbours", queries=[4, 9]))
    assert not building.artefact_build(artefact_id=analysis["id"])
    assert "item 9 has no embedding" in body(owner.get(analysis["url"]))["reason"]


@analysed_here
def test_deleting_the_job_removes_its_analyses(lib, owner):
    built(owner, lib, "map", method="pca")
    job_delete(job_id=lib.job.pk)
    assert not Artefact.objects.exists()
    assert not ArtefactBlock.objects.exists()


@analysed_here
def test_the_manifest_names_the_files_with_their_parameters(lib, owner):
    shown, _, _ = built(owner, lib, "map", method="pca", seed=4)
    (listed,) = body(owner.get(f"/api/jobs/{lib.job.pk}/manifest/"))["artefacts"]
    assert (listed["kind"], listed["params"]["seed"]) == ("map", 4)
    assert [f["sha256"] for f in listed["files"]] == [f["sha256"] for f in shown["files"]]


@analysed_here
def test_a_large_analysis_is_kept_in_blocks_of_two_files(lib, owner, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 500)
    _, found, arrays = built(owner, lib, "map", method="pca")
    assert len(found["x"]) == len(arrays["x"]) == 57
    assert ArtefactBlock.objects.count() > 6


# --- one query, at once ---------------------------------------------------------------------------------------------


def query(client, lib, **sent):
    return client.post(f"/api/jobs/{lib.job.pk}/neighbours/", sent, format="json")


@pytest.mark.parametrize("page", [2048, 7])
def test_neighbours_of_an_item_and_of_a_vector_are_those_of_brute_force(lib, owner, monkeypatch, page):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", page)
    indices, vectors = lib.vectors()
    at = indices.index(17)
    expected = cosines(vectors[at : at + 1], vectors)[0]
    expected[at] = -np.inf
    best = [indices[n] for n in np.argsort(-expected)[:12]]
    answer = body(query(owner, lib, index=17, k=12))
    assert [one["index"] for one in answer["neighbours"]] == best
    assert [one["name"] for one in answer["neighbours"]] == [f"protein{n}" for n in best]
    assert [one["similarity"] for one in answer["neighbours"]] == pytest.approx(
        sorted(expected, reverse=True)[:12], abs=1e-6
    )
    assert (answer["compared"], answer["layer"], answer["job"]) == (56, 6, str(lib.job.pk))
    answer = body(query(owner, lib, vector=vectors[at].tolist(), k=1))
    assert answer["neighbours"][0]["index"] == 17
    assert answer["neighbours"][0]["similarity"] == pytest.approx(1)
    assert answer["compared"] == 57


def test_an_item_against_another_job(lib, owner):
    other = grouped(24, seed=5)
    other.finish()
    answer = body(query(owner, lib, index=6, against=str(other.job.pk), k=3))
    assert answer["job"] == str(other.job.pk)
    assert answer["compared"] == 24
    assert all(one["index"] % 4 == 2 for one in answer["neighbours"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "bad_query"),
        ({"index": 1, "sequence": "MK"}, "bad_query"),
        ({"vector": [1, 2]}, "wrong_width"),
        ({"vector": "MK"}, "bad_vector"),
        ({"vector": [[1], [2]]}, "bad_vector"),
        ({"vector": [None]}, "bad_vector"),
        ({"sequence": "MK1"}, "bad_letter"),
        ({"sequence": ""}, "empty_sequence"),
        ({"sequence": 3}, "wrong_type"),
        ({"index": 0, "k": 1001}, "bad_number"),
        ({"index": -1}, "bad_number"),
        ({"index": 0, "layer": 2}, "layer_not_stored"),
        ({"index": 0, "against": 3}, "bad_job_id"),
        ({"index": 0, "other": 3}, "unknown_field"),
    ],
)
def test_a_wrong_query_is_refused_with_its_place(lib, owner, sent, code):
    refused = query(owner, lib, **sent)
    assert refused.status_code == 400
    problem = body(refused)["errors"][0]
    assert (problem["code"], (problem.get("path") or "").startswith("items")) == (code, False)


def test_items_without_embedding_and_items_that_are_not_there(lib, owner):
    assert (query(owner, lib, index=9).status_code, body(query(owner, lib, index=9))["code"]) == (409, "no_embedding")
    assert query(owner, lib, index=60).status_code == 404


def test_a_new_sequence_without_a_worker_is_told_so(lib, owner):
    refused = query(owner, lib, sequence="MKTAYIAKQR")
    assert (refused.status_code, body(refused)["code"]) == (503, "no_worker")


@pytest.mark.django_db(transaction=True)
def test_a_new_sequence_finds_itself_in_its_library(api, person, inline_worker, monkeypatch):
    from jobs.intake import sync
    from jobs.queue import dispatch as queue

    sequences = ["MKTAYIAKQRQISFVKSHFSRQ", "GSHMLEDPVDAFKLL", "MSTNPKPQRKTKRNTNRRPQDV", "WWWWPPPPGGGG"]
    sent = api.post(
        "/api/jobs/",
        {"model": "e1-demo", "action": "encode", "items": [{"sequence": one} for one in sequences]},
        format="json",
    )
    inline_worker()
    monkeypatch.setattr(queue, "dispatch_quietly", lambda _: True)
    monkeypatch.setattr(sync, "_wait", lambda *_, **__: inline_worker())
    answer = api.post(f"{body(sent)['url']}neighbours/", {"sequence": sequences[2], "k": 2}, format="json")
    first, second = body(answer)["neighbours"]
    assert first["index"] == 2
    assert first["similarity"] == pytest.approx(1, abs=1e-5)
    assert second["similarity"] < first["similarity"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_job WHERE interactive")
        assert cursor.fetchone() == (1,)


@analysed_here
def test_names_that_would_fill_the_memory_are_told_so(lib, owner, monkeypatch):
    _, found, _ = built(owner, lib, "map", method="pca")
    artefact = Artefact.objects.get()
    monkeypatch.setattr(reading, "READABLE_BYTES", 100)
    with pytest.raises(TooLarge, match="most of them names, and pages read at most 100; download its files"):
        reading.MapTable(artefact)
    letters = sum(map(len, found["name"]))
    monkeypatch.setattr(vectors, "MAX_NAME_LETTERS", letters)
    built(owner, lib, "neighbours", k=2)
    monkeypatch.setattr(vectors, "MAX_NAME_LETTERS", letters - 1)
    analysis = body(ask_analysis(owner, lib, "neighbours", k=3))
    assert not building.artefact_build(artefact_id=analysis["id"])
    assert "give the library shorter names" in body(owner.get(analysis["url"]))["reason"]
