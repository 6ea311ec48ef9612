"""The manifest: provenance that matches the stored rows."""

from __future__ import annotations

import hashlib

import orjson
import pytest

from jobs.models import Chunk, Output
from jobs.results.manifest import manifest_of
from tests.libraries import IDENTITY, library

pytestmark = pytest.mark.django_db


def test_a_manifest_tells_where_the_numbers_come_from():
    lib = library("encode", {"repr_layers": [-1, 2]}, items=21, skipped={4})
    lib.finish(failing={7})
    manifest = manifest_of(lib.job)
    assert manifest["job"] == str(lib.job.pk)
    assert (manifest["model"], manifest["action"], manifest["demonstration"]) == ("e1-demo", "encode", True)
    assert manifest["params"] == {"repr_layers": [6, 2], "include": ["mean"], "dtype": "float32"}
    (engine,) = manifest["engines"]
    assert engine["checkpoint_sha256"] == IDENTITY.checkpoint_sha256
    assert engine["chunks"] == 3
    assert manifest["code_versions"] == [IDENTITY.code_version]
    assert "is not E1-600M" in manifest["attribution"]
    counts = manifest["counts"]
    assert counts == {"total": 21, "pending": 0, "succeeded": 19, "failed": 1, "skipped": 1, "cancelled": 0}
    assert orjson.loads(orjson.dumps(manifest)) == manifest


def test_contexts_are_counted_and_described():
    lib = library("log_prob", items=10, skipped={0}, contexts=[("MKT", "ACDE"), ("MK",), ("A",)])
    contexts = manifest_of(lib.job)["contexts"]
    assert contexts["count"] == 3
    assert [(c["sequences"], c["items"]) for c in contexts["listed"]] == [(2, 3), (1, 3), (1, 3)]
    assert contexts["listed"][0]["tokens"] == 3 + 4 + 4 + 4
    assert contexts["listed"][0]["digest"] == f"{0:064}"


def test_long_lists_of_contexts_are_cut_but_counted(monkeypatch):
    monkeypatch.setattr("jobs.results.manifest.LISTED_CONTEXTS", 2)
    contexts = manifest_of(library("log_prob", items=10, contexts=[("MKT",), ("MK",), ("A",)]).job)["contexts"]
    assert contexts["count"] == 3
    assert len(contexts["listed"]) == 2


def test_the_results_checksum_can_be_recomputed(monkeypatch):
    monkeypatch.setattr("jobs.results.manifest.CHUNK_PAGE", 2)
    lib = library("encode", {"include": ["mean", "per_token", "logits"], "repr_layers": [3, 1]}, items=41)
    # Finished in another order than queued: the checksum goes by the place of the chunk in the input.
    lib.finish(list(Chunk.objects.filter(job=lib.job).order_by("-id")))
    rows = Output.objects.filter(chunk__job=lib.job)
    ordered = sorted(rows, key=lambda o: (o.chunk.first_index, o.chunk_id, o.kind, o.layer, o.item_index))
    digest = hashlib.blake2b(digest_size=16)
    for output in ordered:
        digest.update(hashlib.blake2b(bytes(output.data), digest_size=16).digest())
    assert manifest_of(lib.job)["results_checksum"] == f"blake2b-16:{digest.hexdigest()}"


def test_the_same_numbers_have_the_same_checksum_in_another_job():
    checksums = set()
    for seed in (5, 5, 6):
        lib = library("log_prob", seed=seed)
        lib.finish()
        checksums.add(manifest_of(lib.job)["results_checksum"])
    assert len(checksums) == 2


def test_a_job_without_results_has_a_manifest():
    manifest = manifest_of(library("log_prob").job)
    assert manifest["engines"] == []
    assert manifest["finished_at"] is None
    assert manifest["contexts"] == {"count": 0, "listed": []}
